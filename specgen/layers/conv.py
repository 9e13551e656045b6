"""Convolutions: `conv`, `dwconv`, `deconv`."""

from abc import abstractmethod
from fractions import Fraction
from math import gcd, prod
from typing import Annotated, Any, ClassVar

from specgen.layers.base import (
    Argument,
    Call,
    Layer,
    Refusal,
    Saved,
    Window,
    nearest_multiples,
    need_division,
    need_map,
    per_axis,
    smaller_windows,
    too_large,
    unless,
)
from specgen.layers.fields import Axes, Choice, Either, Flag, Whole
from specgen.layers.registry import register_layer
from specgen.shape import PerAxis, Shape, along, collapse, transposed, window
from specgen.workings import Working, shape_on_board, worked, worked_shape

_SHORT = {"k": "kernel_size", "s": "stride", "p": "padding", "d": "dilation", "g": "groups"}


def need_groups(channels: int, out_channels: int, groups: int) -> None:
    """Refuse groups that do not divide the input and the output channels."""
    if int(channels) % int(groups) == int(out_channels) % int(groups) == 0:
        return
    common = gcd(int(channels), int(out_channels))
    need_division(channels, groups, "groups", at="groups", side="input ", common=common)
    sizes = [{"out_channels": size} for size in nearest_multiples(int(out_channels), int(groups))]
    need_division(
        out_channels, groups, "groups", at="groups", side="output ", common=common, remedies=sizes[:1]
    )


class Convolution(Layer):
    """What `conv` and `dwconv` share: a kernel that slides over a feature map."""

    family = "conv"
    takes_trim = True
    default_act = "relu"
    formula: ClassVar[str] = "floor((in + 2·p − d·(k − 1) − 1) / s) + 1 per axis"

    kernel_size: Annotated[PerAxis, Axes(1)] = 3
    stride: Annotated[PerAxis, Axes(1)] = 1
    padding: Annotated[PerAxis | str, Either(Axes(0), Choice("half", "same", "valid"))] = "half"
    dilation: Annotated[PerAxis, Axes(1)] = 1
    bias: Annotated[bool, Flag()] = True
    padding_mode: Annotated[str, Choice("zeros", "reflect", "replicate", "circular")] = "zeros"

    @abstractmethod
    def channels_out(self, x: Shape) -> int:
        """The number of output channels."""

    @abstractmethod
    def groups_for(self, x: Shape) -> int:
        """The number of groups."""

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word)
        kernel, stride, padding, dilation = self.axes(x)
        if self.padding == "same" and any(s != 1 for s in stride):
            raise Refusal(
                "same-needs-stride-1",
                "`p=same` needs stride 1",
                "PyTorch defines `same` only there",
                at="padding",
                remedies=({"padding": "half"},),
            )
        channels = self.channels_out(x)
        need_groups(x.channels, channels, self.groups_for(x))
        self._check_padding_mode(x)
        if self.padding == "same":
            return Shape(channels, x.spatial)
        out = along(window, x.spatial, kernel, stride, padding, dilation)
        if min(out) < 1:
            half = collapse(_half(kernel, dilation))
            smaller = smaller_windows(kernel, x, padding, dilation)
            raise too_large(kernel, dilation, x, remedies=({"padding": half}, *smaller))
        return Shape(channels, out)

    def call(self, x: Shape) -> Call:
        kernel, _, sides, _ = self.axes(x)
        padding: Argument = "same" if self.padding == "same" else collapse(sides)
        return Call(
            f"Conv{x.rank}d",
            (x.channels, self.channels_out(x)),
            {
                "kernel_size": collapse(kernel),
                **self.changed("stride"),
                **unless(0, padding=padding),
                **self.changed("dilation"),
                **unless(1, groups=self.groups_for(x)),
                **self.changed("bias", "padding_mode"),
            },
        )

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        out = int(self.channels_out(x))
        kernel = per_axis(self.kernel_size, x, "kernel_size")
        weight = {"weight": (out, int(x.channels) // int(self.groups_for(x)), *kernel)}
        return {**weight, "bias": (out,)} if self.bias else weight

    def products(self, x: Shape) -> tuple[tuple[int, ...], ...]:
        return ((*self.parameters(x)["weight"], *self.infer(x).spatial),)

    def workings(self, x: Shape) -> tuple[Working, ...]:
        channels = worked_shape(Shape(self.channels_out(shape_on_board(x))))
        if self.padding == "same":
            return channels
        return channels + worked(window, x.spatial, *self.axes(x))

    def settled(self, x: Shape) -> dict[str, Any]:
        _, _, padding, _ = self.axes(x)
        return {**super().settled(x), "padding": "same" if self.padding == "same" else collapse(padding)}

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        # What a convolution cannot pad itself is padded in a copy in front of it, which it then keeps.
        sides = self._sides(x)
        if self.padding_mode == "zeros":
            added = [after - before for before, after in sides]
        else:
            added = [after + before for before, after in sides]
        if self.padding_mode == "zeros" and not any(added):
            return Saved(input=True)
        padded = prod(size + more for size, more in zip(x.spatial, added, strict=True))
        needs_input = self.padding_mode in ("reflect", "replicate")
        return Saved(input=needs_input, values=int(x.channels) * padded)

    def windows(self, x: Shape) -> tuple[Window, ...]:
        kernel, stride, _, dilation = self.axes(x)
        return tuple(Window(d * (k - 1) + 1, s) for k, s, d in zip(kernel, stride, dilation, strict=True))

    def _sides(self, x: Shape) -> list[tuple[int, int]]:
        """Padding before and after, per axis: of `same`, the odd one is behind."""
        kernel, _, padding, dilation = self.axes(x)
        behind = [
            -(-d * (k - 1) // 2) if self.padding == "same" else p
            for p, k, d in zip(padding, kernel, dilation, strict=True)
        ]
        return list(zip(padding, behind, strict=True))

    def axes(self, x: Shape) -> tuple[tuple[int, ...], ...]:
        """Kernel, stride, padding of one side, and dilation, per axis; of `same`, the smaller side."""
        kernel = per_axis(self.kernel_size, x, "kernel_size")
        stride = per_axis(self.stride, x, "stride")
        dilation = per_axis(self.dilation, x, "dilation")
        if self.padding == "valid":
            padding = (0,) * x.rank
        elif isinstance(self.padding, str):
            padding = _half(kernel, dilation)
        else:
            padding = per_axis(self.padding, x, "padding")
        return kernel, stride, padding, dilation

    def _check_padding_mode(self, x: Shape) -> None:
        if self.padding_mode not in ("reflect", "circular"):
            return
        for (_, side), size in zip(self._sides(x), x.spatial, strict=True):
            most = size - 1 if self.padding_mode == "reflect" else size
            if side > most:
                raise Refusal(
                    "padding-too-large",
                    f"`padding_mode={self.padding_mode}` takes its padding from the map, which is too small",
                    f"padding {side} of a size of {size}: at most {most}",
                    at="padding",
                    remedies=({"padding": int(most)}, {"padding_mode": "zeros"}),
                )


def _half(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """The padding that keeps the size of a map, for an odd kernel with stride 1: `d·(k − 1) / 2`."""
    return tuple(_half_of(k - 1, d) for k, d in zip(kernel, dilation, strict=True))


def _half_of(reach: int, dilation: int) -> int:
    # In this order, `d * 2 // 2` is written `d` where `d` has a name.
    if type(reach) is int and reach % 2 == 0:
        return reach // 2 * dilation if reach else 0
    return dilation * reach // 2


@register_layer
class Conv(Convolution):
    """Convolution, in one, two or three dimensions (`nn.Conv1d`, `nn.Conv2d`, `nn.Conv3d`)."""

    word = "conv"
    positional = ("out_channels",)
    short = _SHORT
    example = "conv 64 k=7 s=2 bn"

    out_channels: Annotated[int, Whole(1)]
    groups: Annotated[int, Whole(1)] = 1

    def channels_out(self, x: Shape) -> int:
        return self.out_channels

    def groups_for(self, x: Shape) -> int:
        return self.groups


@register_layer
class DepthwiseConv(Convolution):
    """Depthwise convolution: one group per input channel, `multiplier` outputs each."""

    word = "dwconv"
    other_words = ("dw",)
    positional = ("multiplier",)
    short = {name: option for name, option in _SHORT.items() if option != "groups"}
    inherits_defaults = "conv"
    example = "dwconv k=5 s=2 bn relu6"

    multiplier: Annotated[int, Whole(1)] = 1

    def channels_out(self, x: Shape) -> int:
        return self.multiplier * x.channels if self.multiplier != 1 else x.channels

    def groups_for(self, x: Shape) -> int:
        return x.channels


@register_layer
class TransposedConv(Layer):
    """Transposed convolution (`nn.ConvTranspose1d`, `2d`, `3d`); with its defaults it doubles the map."""

    word = "deconv"
    other_words = ("up",)
    family = "conv"
    positional = ("out_channels",)
    short = {**_SHORT, "op": "output_padding"}
    takes_trim = True
    formula = "(in − 1)·s − 2·p + d·(k − 1) + op + 1 per axis"
    example = "deconv 64"

    out_channels: Annotated[int, Whole(1)]
    kernel_size: Annotated[PerAxis, Axes(1)] = 2
    stride: Annotated[PerAxis, Axes(1)] = 2
    padding: Annotated[PerAxis, Axes(0)] = 0
    output_padding: Annotated[PerAxis, Axes(0)] = 0
    groups: Annotated[int, Whole(1)] = 1
    bias: Annotated[bool, Flag()] = True
    dilation: Annotated[PerAxis, Axes(1)] = 1
    padding_mode: Annotated[str, Choice("zeros")] = "zeros"

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word)
        axes = self._options(x)
        for extra, stride, dilation in zip(
            axes["output_padding"], axes["stride"], axes["dilation"], strict=True
        ):
            if extra >= max(stride, dilation):
                raise Refusal(
                    "output-padding-too-large",
                    "output padding must be smaller than the stride or the dilation",
                    f"{extra} with stride {stride} and dilation {dilation}",
                    at="output_padding",
                    remedies=({"output_padding": max(stride, dilation) - 1},),
                )
        need_groups(x.channels, self.out_channels, self.groups)
        out = along(transposed, x.spatial, *axes.values())
        if any(size < 1 for size in out):
            raise Refusal(
                "padding-too-large",
                "padding cuts away the whole output",
                f"the output would be {' × '.join(map(str, out))}",
                at="padding",
                remedies=({"padding": 0},),
            )
        return Shape(self.out_channels, out)

    def call(self, x: Shape) -> Call:
        axes = self._options(x)
        return Call(
            f"ConvTranspose{x.rank}d",
            (x.channels, self.out_channels),
            {
                "kernel_size": collapse(axes["kernel_size"]),
                **unless(1, stride=collapse(axes["stride"])),
                **self.changed("padding", "output_padding", "groups", "bias", "dilation"),
            },
        )

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        kernel = per_axis(self.kernel_size, x, "kernel_size")
        weight = {"weight": (x.channels, self.out_channels // self.groups, *kernel)}
        return {**weight, "bias": (self.out_channels,)} if self.bias else weight

    def products(self, x: Shape) -> tuple[tuple[int, ...], ...]:
        return ((*self.parameters(x)["weight"], *x.spatial),)

    def workings(self, x: Shape) -> tuple[Working, ...]:
        return worked(transposed, x.spatial, *self._options(x).values())

    def _options(self, x: Shape) -> dict[str, tuple[int, ...]]:
        """What `transposed` takes, per axis."""
        names = ("kernel_size", "stride", "padding", "dilation", "output_padding")
        return {name: per_axis(getattr(self, name), x, name) for name in names}

    def windows(self, x: Shape) -> tuple[Window, ...]:
        kernel, stride, _, dilation, _ = self._options(x).values()
        # Of a kernel's places, only every stride-th meets an input.
        return tuple(
            Window(-(-(d * (k - 1) + 1) // s), Fraction(1, int(s)))
            for k, s, d in zip(kernel, stride, dilation, strict=True)
        )

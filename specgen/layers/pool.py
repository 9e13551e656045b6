"""Pooling: `maxpool`, `avgpool`, `adaptive_avgpool`, `adaptive_maxpool`, `gap`."""

from fractions import Fraction
from typing import Annotated, Any, ClassVar

from specgen.layers.base import (
    Argument,
    Call,
    Layer,
    Refusal,
    Saved,
    Window,
    need_map,
    per_axis,
    smaller_windows,
    too_large,
    unless,
)
from specgen.layers.fields import Absent, Axes, Either, Flag, Whole
from specgen.layers.registry import register_layer
from specgen.shape import PerAxis, Shape, along, collapse, window
from specgen.workings import Working, worked

#: Bytes of the place of a maximum.
_INDEX = 8


class WindowPool(Layer):
    """What `maxpool` and `avgpool` share: a window that slides over each channel."""

    family = "pool"
    short = {"k": "kernel_size", "s": "stride", "p": "padding"}
    formula = "floor((in + 2·p − k) / s) + 1 per axis; with ceil the quotient is rounded up"
    torch_name: ClassVar[str]
    #: The keywords of its call behind the kernel and the stride.
    further: ClassVar[tuple[str, ...]]

    kernel_size: Annotated[PerAxis, Axes(1)] = 2
    stride: Annotated[PerAxis | None, Either(Axes(1), Absent())] = None
    padding: Annotated[PerAxis, Axes(0)] = 0
    ceil_mode: Annotated[bool, Flag()] = False

    def dilation_for(self, x: Shape) -> tuple[int, ...]:
        """The spacing of the window's elements, per axis."""
        return (1,) * x.rank

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word)
        kernel, stride, padding = self._axes(x)
        for k, p in zip(kernel, padding, strict=True):
            if p > k // 2:
                raise Refusal(
                    "padding-too-large",
                    "a pooling's padding is at most half its kernel",
                    f"padding {p} with a kernel of {k}: at most {k // 2}",
                    at="padding",
                    remedies=({"padding": collapse(tuple(k // 2 for k in kernel))},),
                )
        dilation = self.dilation_for(x)
        out = along(window, x.spatial, kernel, stride, padding, dilation, ceil=self.ceil_mode)
        if min(out) < 1:
            ceil = ({"ceil_mode": True},) if max(x.spatial) > 1 else ()
            smaller = smaller_windows(kernel, x, padding, dilation)
            raise too_large(kernel, dilation, x, remedies=(*smaller, *ceil))
        return x.replace(spatial=out)

    def workings(self, x: Shape) -> tuple[Working, ...]:
        return worked(window, x.spatial, *self.axes(x), ceil=self.ceil_mode)

    def axes(self, x: Shape) -> tuple[tuple[int, ...], ...]:
        """Kernel, stride, padding of one side, and dilation, per axis."""
        return (*self._axes(x), self.dilation_for(x))

    def _axes(self, x: Shape) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Kernel, stride and padding, per axis."""
        kernel = per_axis(self.kernel_size, x, "kernel_size")
        stride = kernel if self.stride is None else per_axis(self.stride, x, "stride")
        return kernel, stride, per_axis(self.padding, x, "padding")

    def call(self, x: Shape) -> Call:
        kernel, stride, _ = map(collapse, self._axes(x))
        keywords: dict[str, Argument] = {} if self.stride is None else unless(kernel, stride=stride)
        further = self.changed(*self.further)
        return Call(f"{self.torch_name}{x.rank}d", (), {"kernel_size": kernel, **keywords, **further})

    def settled(self, x: Shape) -> dict[str, Any]:
        settled = super().settled(x)
        return {**settled, "stride": settled["kernel_size"] if self.stride is None else settled["stride"]}

    def windows(self, x: Shape) -> tuple[Window, ...]:
        kernel, stride, _, dilation = self.axes(x)
        return tuple(Window(d * (k - 1) + 1, s) for k, s, d in zip(kernel, stride, dilation, strict=True))


@register_layer
class MaxPool(WindowPool):
    """The largest value of each window (`nn.MaxPool1d`, `2d`, `3d`); halves the map by default."""

    word = "maxpool"
    other_words = ("M",)
    short = {**WindowPool.short, "d": "dilation"}
    formula = "floor((in + 2·p − d·(k − 1) − 1) / s) + 1 per axis; with ceil the quotient is rounded up"
    example = "M k=3 s=2 p=1"
    torch_name = "MaxPool"
    further = ("padding", "dilation", "ceil_mode")

    dilation: Annotated[PerAxis, Axes(1)] = 1

    def infer(self, x: Shape) -> Shape:
        out = super().infer(x)
        for size, p, d in zip(
            x.spatial, per_axis(self.padding, x, "padding"), self.dilation_for(x), strict=True
        ):
            # The first window's first element that is not in the padding on the left. Later windows
            # start inside the map, or the dilation is small enough to hit it.
            if -p % d >= size:
                raise Refusal(
                    "padding-too-large",
                    "a window of this pooling would hold nothing but padding",
                    f"with padding {p} and dilation {d} it steps over a size of {size}",
                    at="padding",
                    remedies=({"padding": 0}, {"dilation": 1}),
                )
        return out

    def dilation_for(self, x: Shape) -> tuple[int, ...]:
        return per_axis(self.dilation, x, "dilation")

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(input=True, bytes=_INDEX * self.infer(x).elements)


@register_layer
class AvgPool(WindowPool):
    """The mean of each window (`nn.AvgPool1d`, `2d`, `3d`); halves the map by default."""

    word = "avgpool"
    other_words = ("A",)
    example = "A k=3 s=1 p=1 count_include_pad=false"
    torch_name = "AvgPool"
    further = ("padding", "ceil_mode", "count_include_pad", "divisor_override")

    count_include_pad: Annotated[bool, Flag()] = True
    divisor_override: Annotated[int | None, Either(Whole(1), Absent())] = None

    def infer(self, x: Shape) -> Shape:
        if self.divisor_override is not None and x.rank == 1:
            raise Refusal(
                "option-not-here",
                "one-dimensional average pooling has no `divisor_override`",
                "PyTorch's `AvgPool1d` does not take it",
                at="divisor_override",
            )
        out = super().infer(x)
        kernel = per_axis(self.kernel_size, x, "kernel_size")
        if x.rank == 3 and any(k > size for k, size in zip(kernel, x.spatial, strict=True)):
            raise too_large(kernel, (1, 1, 1), x, ": PyTorch's `AvgPool3d` does not count the padding here")
        return out


class AdaptivePool(Layer):
    """Pooling to a given size, whatever arrives."""

    family = "pool"
    positional = ("output_size",)
    formula = "output_size; `none` keeps an axis"
    torch_name: ClassVar[str]

    output_size: Annotated[int | tuple[int | None, ...], Axes(1, keep=True)]

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word)
        sizes = per_axis(self.output_size, x, "output_size")  # type: ignore[arg-type]
        return x.replace(spatial=tuple(s or kept for s, kept in zip(sizes, x.spatial, strict=True)))

    def call(self, x: Shape) -> Call:
        sizes = per_axis(self.output_size, x, "output_size")  # type: ignore[arg-type]
        if None not in sizes:
            return Call(f"{self.torch_name}{x.rank}d", (collapse(sizes),))
        # In one dimension PyTorch has no `None`.
        return Call(f"{self.torch_name}{x.rank}d", (x.spatial[0] if x.rank == 1 else sizes,))

    def windows(self, x: Shape) -> tuple[Window, ...] | None:
        out = self.infer(x).spatial
        if all(size == 1 for size in out):
            return None
        return tuple(adaptive_window(int(size), int(to)) for size, to in zip(x.spatial, out, strict=True))


def adaptive_window(size: int, out: int) -> Window:
    """The largest of the windows that make `out` of `size`.

    Each goes from floor(i · size / out) to ceil((i + 1) · size / out).
    """
    step = Fraction(size, out)
    # Windows start at any remainder; the largest is the one that starts furthest behind its whole number.
    return Window((step.numerator + 2 * step.denominator - 2) // step.denominator, step)


@register_layer
class AdaptiveAvgPool(AdaptivePool):
    """Average pooling to a given size (`nn.AdaptiveAvgPool1d`, `2d`, `3d`)."""

    word = "adaptive_avgpool"
    example = "adaptive_avgpool 7"
    torch_name = "AdaptiveAvgPool"

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        # To a size of 1 PyTorch takes the mean, which needs nothing.
        return Saved(input=self.infer(x).positions > 1)


@register_layer
class AdaptiveMaxPool(AdaptivePool):
    """Max pooling to a given size (`nn.AdaptiveMaxPool1d`, `2d`, `3d`)."""

    word = "adaptive_maxpool"
    example = "adaptive_maxpool (4, 4)"
    torch_name = "AdaptiveMaxPool"

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(input=True, bytes=_INDEX * self.infer(x).elements)


@register_layer
class GlobalAvgPool(Layer):
    """The mean of each channel: average pooling to a size of 1."""

    word = "gap"
    family = "pool"
    formula = "1 per axis"
    example = "gap"

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word, turns_tokens=True)  # their mean
        return x.replace(spatial=(1,) * x.rank)

    def call(self, x: Shape) -> Call:
        return Call(f"AdaptiveAvgPool{x.rank}d", (1,))

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved()

    def windows(self, x: Shape) -> None:
        return None

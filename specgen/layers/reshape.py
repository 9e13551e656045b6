"""Layers that move, resize or pass on what arrives: `flatten`, `upsample`, `pad`, `id`, …"""

from fractions import Fraction
from math import floor, prod
from operator import floordiv, mul
from typing import Annotated, Any

from specgen import arithmetic
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
)
from specgen.layers.fields import Absent, Axes, Choice, Either, Flag, OptionType, Real, Sizes, Whole
from specgen.layers.pool import adaptive_window
from specgen.layers.registry import register_layer
from specgen.shape import LARGEST, PerAxis, Shape, along, collapse, times
from specgen.workings import Working, on_board, worked, worked_shape


@register_layer
class Flatten(Layer):
    """The axes from `start_dim` to `end_dim` made one (`nn.Flatten`); axis 0 is the batch."""

    word = "flatten"
    family = "shape"
    formula = "the product of the sizes from start_dim to end_dim"
    example = "flatten"
    gives_contiguous = True

    start_dim: Annotated[int, Whole(-4, 4)] = 1
    end_dim: Annotated[int, Whole(-4, 4)] = -1

    def infer(self, x: Shape) -> Shape:
        axes = len(x.sizes) + 1
        start, end = (d + axes if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 1 <= start <= end < axes:
            raise Refusal(
                "no-such-axis",
                f"cannot flatten from axis {self.start_dim} to {self.end_dim}",
                f"with the batch as axis 0, {x.describe()} has axes 1 to {axes - 1}",
                at="start_dim" if not 1 <= start < axes else "end_dim",
                remedies=({"start_dim": 1}, {"end_dim": -1}),
            )
        sizes = x.sizes
        merged = arithmetic.product(sizes[start - 1 : end])
        return Shape.of_sizes((*sizes[: start - 1], merged, *sizes[end:]), x.channels_last)

    def call(self, x: Shape) -> Call:
        return Call("Flatten", (), self.changed("start_dim", "end_dim"))

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        return contiguous

    def windows(self, x: Shape) -> tuple[Window, ...] | None:
        # A vector's values stand for all the positions that it was flattened from.
        return () if x.positions == 1 or self.infer(x).rank else None


_POSITIVE = Real(0, open_low=True)


class _Factors(OptionType):
    """A positive number, or one per axis."""

    def check(self, value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            if not 1 <= len(value) <= 3:
                raise ValueError
            return tuple(_POSITIVE.check(item) for item in value)
        return _POSITIVE.check(value)

    def describe(self) -> str:
        return "a number > 0, or one per axis"

    def schema(self) -> dict[str, Any]:
        one = _POSITIVE.schema()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": 3}]}


#: The numbers of spatial axes that each interpolation is defined for.
_RANKS = {
    "nearest": (1, 2, 3),
    "nearest_exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}
#: How many inputs along an axis an output is mixed from.
_NEIGHBOURS = {"linear": 2, "bilinear": 2, "trilinear": 2, "bicubic": 4}
_ALIGNED = ("linear", "bilinear", "bicubic", "trilinear")


def _scaled(size: int, factor: float) -> int:
    """A size that many times as large, rounded down."""
    whole: int = arithmetic.apply("floor", floor(float(size) * float(factor)), size * factor)
    return whole


@register_layer
class Upsample(Layer):
    """Resizing by a factor, or to a size (`nn.Upsample`)."""

    word = "upsample"
    family = "shape"
    positional = ("scale_factor",)
    formula = "floor(in · scale_factor) per axis, or size"
    example = "upsample 2 mode=bilinear"

    scale_factor: Annotated[float | tuple[float, ...] | None, Either(_Factors(), Absent())] = None
    size: Annotated[PerAxis | None, Either(Axes(1), Absent())] = None
    mode: Annotated[str, Choice(*_RANKS)] = "nearest"
    align_corners: Annotated[bool | None, Either(Flag(), Absent())] = None

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word)
        if (self.scale_factor is None) == (self.size is None):
            raise Refusal(
                "factor-or-size",
                "`upsample` needs either a factor or a size",
                "both are given" if self.size is not None else "neither is given",
                advice="write `upsample 2`, or `upsample size=14`",
            )
        if x.rank not in _RANKS[self.mode]:
            fitting = [mode for mode in ("linear", "bilinear", "trilinear") if x.rank in _RANKS[mode]]
            raise Refusal(
                "option-not-here",
                f"`mode={self.mode}` is not defined for {x.rank} spatial {'axis' if x.rank == 1 else 'axes'}",
                f"what arrives is {x.describe()}",
                at="mode",
                remedies=[{"mode": mode} for mode in fitting],
            )
        if self.align_corners is not None and self.mode not in _ALIGNED:
            raise Refusal(
                "option-not-here",
                f"`align_corners` has no meaning with `mode={self.mode}`",
                f"it goes with {', '.join(_ALIGNED)}",
                at="align_corners",
            )
        if self.size is not None:
            return x.replace(spatial=per_axis(self.size, x, "size"))
        factors = per_axis(self.scale_factor, x, "scale_factor")  # type: ignore[arg-type]
        if any(
            float(size) * float(factor) > LARGEST for size, factor in zip(x.spatial, factors, strict=True)
        ):
            raise Refusal(
                "too-large", "a size is 2^31 or more", f"{times(x.spatial)} goes in", at="scale_factor"
            )
        out = along(_scaled, x.spatial, factors)
        if any(size < 1 for size in out):
            raise Refusal(
                "nothing-left",
                "nothing is left of the map",
                f"{times(x.spatial)} becomes {times(out)}",
                at="scale_factor",
            )
        return x.replace(spatial=out)

    def workings(self, x: Shape) -> tuple[Working, ...]:
        if self.scale_factor is None:
            return ()
        return worked(_scaled, x.spatial, per_axis(self.scale_factor, x, "scale_factor"))  # type: ignore[arg-type]

    def call(self, x: Shape) -> Call:
        keywords: dict[str, Argument] = self.changed("size", "scale_factor")
        if self.mode != "nearest":
            keywords["mode"] = self.mode.replace("_", "-")
        return Call("Upsample", (), {**keywords, **self.changed("align_corners")})

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(input=self.mode == "area" and self.infer(x).positions > 1)

    def windows(self, x: Shape) -> tuple[Window, ...]:
        pairs = [(int(size), int(out)) for size, out in zip(x.spatial, self.infer(x).spatial, strict=True)]
        if self.mode == "area":
            return tuple(adaptive_window(size, out) for size, out in pairs)
        return tuple(Window(_NEIGHBOURS.get(self.mode, 1), Fraction(size, out)) for size, out in pairs)


@register_layer
class PixelShuffle(Layer):
    """Channels rearranged into a map `upscale_factor` times as high and wide (`nn.PixelShuffle`)."""

    word = "pixel_shuffle"
    family = "shape"
    positional = ("upscale_factor",)
    formula = "C / r² × H·r × W·r"
    example = "pixel_shuffle 2"

    upscale_factor: Annotated[int, Whole(1)]

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word, 2)
        factor = self.upscale_factor
        if x.channels % (factor * factor):
            raise Refusal(
                "groups-do-not-divide",
                f"{factor} × {factor} does not divide {x.channels} channels",
                f"{x.channels} / {factor * factor} is not whole",
                at="upscale_factor",
                channels=nearest_multiples(int(x.channels), int(factor * factor)),
            )
        return Shape(x.channels // (factor * factor), along(mul, x.spatial, (factor,) * x.rank))

    def workings(self, x: Shape) -> tuple[Working, ...]:
        channels = worked_shape(Shape(on_board(x.channels) // self.upscale_factor**2))
        return channels + worked(mul, x.spatial, (self.upscale_factor,) * x.rank)

    def call(self, x: Shape) -> Call:
        return Call("PixelShuffle", (self.upscale_factor,))

    def windows(self, x: Shape) -> tuple[Window, ...]:
        return (Window(1, Fraction(1, int(self.upscale_factor))),) * x.rank


@register_layer
class PixelUnshuffle(Layer):
    """A map rearranged into channels, its sides divided by `downscale_factor` (`nn.PixelUnshuffle`)."""

    word = "pixel_unshuffle"
    family = "shape"
    positional = ("downscale_factor",)
    formula = "C·r² × H / r × W / r"
    example = "pixel_unshuffle 2"

    downscale_factor: Annotated[int, Whole(1)]

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word, 2)
        factor = self.downscale_factor
        for size in x.spatial:
            if size % factor:
                raise Refusal(
                    "groups-do-not-divide",
                    f"{factor} does not divide a map of {times(x.spatial)}",
                    f"{int(size)} / {factor} is not whole",
                    at="downscale_factor",
                )
        return Shape(x.channels * factor**2, along(floordiv, x.spatial, (factor,) * x.rank))

    def workings(self, x: Shape) -> tuple[Working, ...]:
        channels = worked_shape(Shape(on_board(x.channels) * self.downscale_factor**2))
        return channels + worked(floordiv, x.spatial, (self.downscale_factor,) * x.rank)

    def call(self, x: Shape) -> Call:
        return Call("PixelUnshuffle", (self.downscale_factor,))

    def windows(self, x: Shape) -> tuple[Window, ...]:
        return (Window(int(self.downscale_factor), int(self.downscale_factor)),) * x.rank


@register_layer
class Unflatten(Layer):
    """A vector made a map of `size`, such as 128x7x7 (`nn.Unflatten`)."""

    word = "unflatten"
    family = "shape"
    positional = ("size",)
    formula = "size"
    example = "unflatten 128x7x7"

    size: Annotated[tuple[int, ...], Sizes()]

    def infer(self, x: Shape) -> Shape:
        if x.spatial:
            raise Refusal(
                "wrong-axes",
                "`unflatten` needs a vector",
                f"what arrives is {x.describe()}",
                advice="put `flatten` in front of it",
            )
        values = prod(map(int, self.size))
        if values != x.channels:
            raise Refusal(
                "not-as-expected",
                f"{times(self.size)} is made of a vector of {values}",
                f"what arrives is {x.describe()}",
                at="size",
                channels=(values,),
            )
        channels, *spatial = self.size
        return Shape(channels, tuple(arithmetic.opaque(size, size) for size in spatial))

    def call(self, x: Shape) -> Call:
        return Call("Unflatten", (1, self.size))

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        return contiguous

    def workings(self, x: Shape) -> tuple[Working, ...]:
        return worked_shape(self.infer(x))

    def windows(self, x: Shape) -> None:
        return None


@register_layer
class ChannelShuffle(Layer):
    """Channels of `groups` groups dealt out in turn (`nn.ChannelShuffle`)."""

    word = "shuffle"
    family = "shape"
    positional = ("groups",)
    example = "shuffle 2"

    groups: Annotated[int, Whole(1)]

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word)
        need_division(x.channels, self.groups, "groups", at="groups")
        return x

    def call(self, x: Shape) -> Call:
        return Call("ChannelShuffle", (self.groups,))


_PADS = {
    "zeros": "ZeroPad",
    "constant": "ConstantPad",
    "reflect": "ReflectionPad",
    "replicate": "ReplicationPad",
    "circular": "CircularPad",
}


def _padded(size: int, before: int, after: int) -> int:
    """A size with what is put in front of it and behind it."""
    return size + before + after


@register_layer
class Pad(Layer):
    """Padding on every side (`nn.ZeroPad2d` and its kin).

    `padding` is one number for all sides, or two an axis from the last axis to the first, as in
    PyTorch: `(left, right, top, bottom)`.
    """

    word = "pad"
    family = "shape"
    positional = ("padding",)
    formula = "in + before + after per axis"
    example = "pad (0, 1, 0, 1)"

    padding: Annotated[PerAxis, Axes(0)]
    mode: Annotated[str, Choice(*_PADS)] = "zeros"
    value: Annotated[float, Real()] = 0.0

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word)
        if isinstance(self.padding, tuple) and len(self.padding) != 2 * x.rank:
            raise Refusal(
                "wrong-axes",
                f"`padding` has {len(self.padding)} numbers; two for each spatial axis are {2 * x.rank}",
                f"what arrives is {x.describe()}",
                at="padding",
                advice="give them from the last axis to the first: left, right, top, bottom",
            )
        if self.value and self.mode != "constant":
            raise Refusal(
                "option-not-here",
                f"`value` has no meaning with `mode={self.mode}`",
                "it is what `mode=constant` pads with",
                at="value",
                remedies=({"mode": "constant"},),
            )
        for size, sides in zip(x.spatial, self.sides(x), strict=True):
            most = {"reflect": size - 1, "circular": size}.get(self.mode)
            if most is not None and max(sides) > most:
                raise Refusal(
                    "padding-too-large",
                    f"`mode={self.mode}` takes its padding from the map, which is too small",
                    f"padding {max(sides)} of a size of {size}: at most {most}",
                    at="padding",
                    remedies=({"padding": int(most)}, {"mode": "replicate"}),
                )
        return x.replace(spatial=along(_padded, x.spatial, *zip(*self.sides(x), strict=True)))

    def workings(self, x: Shape) -> tuple[Working, ...]:
        return worked(_padded, x.spatial, *zip(*self.sides(x), strict=True))

    def sides(self, x: Shape) -> list[tuple[int, int]]:
        """Before and after, per spatial axis from the first to the last."""
        if not isinstance(self.padding, tuple):
            return [(self.padding, self.padding)] * x.rank
        return [(self.padding[i], self.padding[i + 1]) for i in range(2 * x.rank - 2, -1, -2)]

    def call(self, x: Shape) -> Call:
        padding = collapse(self.padding) if isinstance(self.padding, tuple) else self.padding
        value: tuple[Argument, ...] = (self.value,) if self.mode == "constant" else ()
        return Call(f"{_PADS[self.mode]}{x.rank}d", (padding, *value))

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(input=self.mode in ("reflect", "replicate"))

    def windows(self, x: Shape) -> tuple[Window, ...]:
        return ()


@register_layer
class Identity(Layer):
    """What arrives, unchanged (`nn.Identity`)."""

    word = "id"
    family = "other"
    example = "id"

    def call(self, x: Shape) -> Call:
        return Call("Identity")

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        return True

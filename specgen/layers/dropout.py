"""Dropout: `drop`, `drop2d`, `droppath`."""

from typing import Annotated

from specgen.layers.base import Call, Layer, Saved, need_map
from specgen.layers.fields import Flag, Real
from specgen.layers.registry import register_layer
from specgen.shape import Shape

Probability = Annotated[float, Real(0, 1)]


def _factors(p: float, count: int) -> int:
    """The number of random factors that are kept: none where nothing is left to chance."""
    return count if 0 < p < 1 else 0


@register_layer
class Dropout(Layer):
    """In training, each value is zeroed with probability `p` and the rest scaled up (`nn.Dropout`)."""

    word = "drop"
    other_words = ("dropout",)
    family = "dropout"
    trim = "drop"
    positional = ("p",)
    example = "drop 0.2"

    p: Probability = 0.5
    inplace: Annotated[bool, Flag()] = False

    def call(self, x: Shape) -> Call:
        return Call("Dropout", (), self.changed("p", "inplace"))

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(values=_factors(self.p, x.elements))

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        return self.inplace or self.p == 0


@register_layer
class ChannelDropout(Layer):
    """In training, whole channels are zeroed (`nn.Dropout1d`, `2d`, `3d`)."""

    word = "drop2d"
    family = "dropout"
    positional = ("p",)
    example = "drop2d 0.1"

    p: Probability = 0.5
    inplace: Annotated[bool, Flag()] = False

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word)
        return x

    def call(self, x: Shape) -> Call:
        return Call(f"Dropout{x.rank}d", (), self.changed("p", "inplace"))

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(values=_factors(self.p, int(x.channels)))

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        return self.inplace or self.p == 0


@register_layer
class DropPath(Layer):
    """Stochastic depth: in training, whole samples are zeroed (Huang et al., 2016)."""

    word = "droppath"
    family = "dropout"
    positional = ("p",)
    example = "droppath 0.1"

    p: Probability = 0.5

    def call(self, x: Shape) -> Call:
        return Call("StochasticDepth", (self.p,))

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(values=_factors(self.p, 1))

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        return self.p == 0

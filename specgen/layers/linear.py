"""Fully connected layers: `fc` and `linear`."""

from typing import Annotated

from specgen.layers.base import Call, Layer, Refusal, Saved
from specgen.layers.fields import Flag, Whole
from specgen.layers.registry import register_layer
from specgen.shape import Shape


@register_layer
class Linear(Layer):
    """A linear map of the channel axis, which has to be the last one (`nn.Linear`); never flattens."""

    word = "linear"
    family = "linear"
    positional = ("out_features",)
    takes_trim = True
    formula = "out_features, in place of the channels"
    example = "linear 768"
    gives_contiguous = True

    out_features: Annotated[int, Whole(1)]
    bias: Annotated[bool, Flag()] = True

    def infer(self, x: Shape) -> Shape:
        if x.is_map:
            raise Refusal(
                "needs-channels-last",
                f"`{self.word}` needs its channels on the last axis",
                f"what arrives is {x.describe()}",
                advice=f"`conv {self.out_features} k=1` does the same at every position of a feature map, "
                f"`fc {self.out_features}` flattens it first",
            )
        return x.replace(channels=self.out_features)

    def call(self, x: Shape) -> Call:
        return Call("Linear", (x.channels, self.out_features), self.changed("bias"))

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        weight: dict[str, tuple[int, ...]] = {"weight": (self.out_features, x.channels)}
        return {**weight, "bias": (self.out_features,)} if self.bias else weight

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        # The matrix product takes rows, which are copied where they do not lie one behind the other.
        return Saved(input=True) if contiguous else Saved(values=x.elements)

    def products(self, x: Shape) -> tuple[tuple[int, ...], ...]:
        return ((self.out_features, x.channels, *x.spatial),)


@register_layer
class FullyConnected(Linear):
    """A linear map of everything that arrives (`nn.Linear`), flattened first if it has spatial axes.

    Followed by ReLU unless its line says otherwise, or it ends the network: then it gives raw scores.
    """

    word = "fc"
    default_act = "relu"
    flattens = True
    formula = "out_features"
    example = "fc 4096 drop"

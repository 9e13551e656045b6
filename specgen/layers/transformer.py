"""Layers for transformers: tokens and channels-last maps, self-attention, learned positions and scales."""

from typing import Annotated, ClassVar

from specgen import arithmetic
from specgen.layers.base import Call, Layer, Refusal, Saved, Window, need_division
from specgen.layers.fields import Flag, Real, Whole
from specgen.layers.registry import register_layer
from specgen.shape import LARGEST, Shape


def need_tokens(x: Shape, word: str) -> None:
    """Refuse anything but tokens, N × C."""
    if x.channels_last and x.rank == 1:
        return
    advice = "put `tokens` in front of it" if x.rank else ""
    raise Refusal("needs-tokens", f"`{word}` needs tokens", f"what arrives is {x.describe()}", advice=advice)


@register_layer
class ChannelsLast(Layer):
    """C × H × W to H × W × C: the channels become the last axis, with any number of spatial axes."""

    word = "channels_last"
    family = "shape"
    formula = "C × H × W → H × W × C"
    example = "channels_last"

    def infer(self, x: Shape) -> Shape:
        if x.is_map:
            return Shape(x.channels, x.spatial, channels_last=True)
        where = "already last" if x.channels_last else "the only axis"
        raise Refusal(
            "needs-map",
            f"`{self.word}` needs a feature map",
            f"what arrives is {x.describe()}, whose channels are {where}",
        )

    def call(self, x: Shape) -> Call:
        return Call("ChannelsLast")

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        return True


@register_layer
class ChannelsFirst(Layer):
    """H × W × C to C × H × W: what `channels_last` undoes; tokens N × C become C × N."""

    word = "channels_first"
    family = "shape"
    formula = "H × W × C → C × H × W"
    example = "channels_first"

    def infer(self, x: Shape) -> Shape:
        if x.channels_last:
            return Shape(x.channels, x.spatial)
        where = "already first" if x.rank else "the only axis"
        raise Refusal(
            "needs-channels-last",
            f"`{self.word}` needs its channels on the last axis",
            f"what arrives is {x.describe()}, whose channels are {where}",
        )

    def call(self, x: Shape) -> Call:
        return Call("ChannelsFirst")

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        return True


@register_layer
class Tokens(Layer):
    """C × H × W to (H·W) × C: every position becomes a token, row by row; also from H × W × C."""

    word = "tokens"
    family = "transformer"
    formula = "C × H × W → H·W × C"
    example = "tokens"

    def infer(self, x: Shape) -> Shape:
        if x.rank == 0 or (x.channels_last and x.rank == 1):
            raise Refusal(
                "needs-map", f"`{self.word}` needs a feature map", f"what arrives is {x.describe()}"
            )
        return Shape(x.channels, (arithmetic.product(x.spatial),), channels_last=True)

    def call(self, x: Shape) -> Call:
        return Call("Flatten", (), {"end_dim": -2}) if x.channels_last else Call("Tokens")

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        return True

    def windows(self, x: Shape) -> tuple[Window, ...]:
        return ()


@register_layer
class ClassToken(Layer):
    """A learned token put in front of the others; it starts at zero (Dosovitskiy et al., 2021)."""

    word = "cls_token"
    family = "transformer"
    formula = "N × C → N + 1 × C"
    example = "cls_token"
    gives_contiguous = True

    def infer(self, x: Shape) -> Shape:
        need_tokens(x, self.word)
        return x.replace(spatial=(x.spatial[0] + 1,))

    def call(self, x: Shape) -> Call:
        return Call("ClassToken", (x.channels,))

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved()

    def windows(self, x: Shape) -> tuple[Window, ...]:
        return ()

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return {"weight": (1, 1, x.channels)}


@register_layer
class PositionEmbedding(Layer):
    """A learned vector added to each token, by its position (Dosovitskiy et al., 2021).

    It starts normally distributed with standard deviation 0.02; `init pos_embed …` says otherwise.
    """

    word = "pos_embed"
    family = "transformer"
    example = "pos_embed"

    def infer(self, x: Shape) -> Shape:
        need_tokens(x, self.word)
        return x

    def call(self, x: Shape) -> Call:
        return Call("PositionEmbedding", (x.spatial[0], x.channels))

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved()

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return {"weight": (1, x.spatial[0], x.channels)}


@register_layer
class SelfAttention(Layer):
    """Multi-head self-attention over tokens (Vaswani et al., 2017).

    Parameters and their initialisation are those of `nn.MultiheadAttention` with equal query, key and
    value. Its multiply-adds are the four projections and the two products between tokens,
    4·N·C² + 2·N²·C: what `FlopCounterMode` counts, and how published figures for transformers are made.
    """

    word = "attn"
    family = "transformer"
    positional = ("num_heads",)
    short: ClassVar[dict[str, str]] = {"heads": "num_heads", "drop": "dropout"}
    example = "attn 12"
    gives_contiguous = True

    num_heads: Annotated[int, Whole(1)]
    dropout: Annotated[float, Real(0, 1)] = 0.0
    bias: Annotated[bool, Flag()] = True

    def infer(self, x: Shape) -> Shape:
        need_tokens(x, self.word)
        need_division(x.channels, self.num_heads, "heads", at="num_heads")
        return x

    def call(self, x: Shape) -> Call:
        return Call("SelfAttention", (x.channels, self.num_heads), self.changed("dropout", "bias"))

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        c = x.channels
        shapes = {
            "in_proj_weight": (3 * c, c),
            "in_proj_bias": (3 * c,),
            "out_proj.weight": (c, c),
            "out_proj.bias": (c,),
        }
        return {name: shape for name, shape in shapes.items() if self.bias or not name.endswith("bias")}

    def products(self, x: Shape) -> tuple[tuple[int, ...], ...]:
        tokens, c = x.positions, x.channels
        return (4, tokens, c, c), (2, tokens, tokens, c)

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        tokens, values, heads = x.positions, x.elements, int(self.num_heads)
        copy = 0 if contiguous else values
        # Queries, keys, values and what comes of them; without dropout the weights between tokens are
        # worked out again, from the logarithm of each row's sum, a float32. With it there are the
        # weights, the factors of the dropout, and their product.
        rows = 3 * heads * tokens * tokens if self.dropout else 0
        sums = 0 if self.dropout else 4 * heads * tokens
        return Saved(input=contiguous, values=copy + 4 * values + rows, bytes=sums)

    def windows(self, x: Shape) -> None:
        return None


@register_layer
class TakeToken(Layer):
    """One token as a vector, counted from 0, or from −1 backwards."""

    word = "take"
    family = "transformer"
    positional = ("index",)
    formula = "N × C → C"
    example = "take 0"

    index: Annotated[int, Whole(-LARGEST)]

    def infer(self, x: Shape) -> Shape:
        need_tokens(x, self.word)
        (tokens,) = x.spatial
        if not -tokens <= self.index < tokens:
            raise Refusal(
                "no-such-token",
                f"there is no token {self.index}",
                f"{x.describe()} are numbered 0 to {tokens - 1}",
                at="index",
                remedies=({"index": int(tokens) - 1},) if self.index == tokens else (),
            )
        return Shape(x.channels)

    def call(self, x: Shape) -> Call:
        return Call("TakeToken", (self.index,))

    def shares_input(self, x: Shape, contiguous: bool) -> bool:
        return True

    def windows(self, x: Shape) -> tuple[Window, ...]:
        return ()


@register_layer
class Scale(Layer):
    """A learned factor for each channel, which starts at `init` (as in Touvron et al., 2021)."""

    word = "scale"
    family = "transformer"
    positional = ("init",)
    example = "scale 1e-6"

    init: Annotated[float, Real()] = 1.0

    def call(self, x: Shape) -> Call:
        axes = (x.rank,) if x.is_map else ()
        return Call("Scale", (x.channels, *axes), self.changed("init"))

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return {"weight": (x.channels, *(1,) * x.rank) if x.is_map else (x.channels,)}

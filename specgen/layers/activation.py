"""Activations: functions of each value, and `softmax` over the channels."""

from typing import Annotated, ClassVar

from specgen.layers.base import Call, Layer, Refusal, Saved
from specgen.layers.fields import Absent, Choice, Either, Flag, Real, Whole
from specgen.layers.registry import register_layer
from specgen.shape import Shape


class Activation(Layer):
    """What the activations share: the shape stays."""

    family = "activation"
    trim: ClassVar[str | None] = "act"
    torch_name: ClassVar[str]
    #: Whether its derivative is worked out from what it gave, not from what it got.
    from_output: ClassVar[bool] = False

    def call(self, x: Shape) -> Call:
        return Call(self.torch_name, (), self.changed(*self.options))

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(output=True) if self.from_output else Saved(input=True)


class InplaceActivation(Activation):
    """An activation that can overwrite its input.

    Left open, `inplace` becomes true where that cannot be observed: directly behind a weighted or a
    norm layer.
    """

    #: The same for its in-place form; without, that keeps a copy of its input.
    overwritten_from_output: ClassVar[bool] = False

    inplace: Annotated[bool, Flag()] = False

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        if not self.inplace:
            return super().saved(x, contiguous)
        return Saved(output=True) if self.overwritten_from_output else Saved(values=x.elements)

    def infer(self, x: Shape) -> Shape:
        if self.inplace and not self.may_overwrite:
            raise Refusal(
                "option-not-here",
                f"a `{self.word}` that falls below zero cannot overwrite its input",
                "PyTorch has no gradient for it",
                at="inplace",
                remedies=({"inplace": False},),
            )
        return x

    @property
    def may_overwrite(self) -> bool:
        return True


@register_layer
class ReLU(InplaceActivation):
    """max(0, x) (`nn.ReLU`)."""

    word = "relu"
    torch_name = "ReLU"
    from_output = True
    overwritten_from_output = True
    example = "conv 64 relu"


@register_layer
class ReLU6(InplaceActivation):
    """min(max(0, x), 6) (`nn.ReLU6`)."""

    word = "relu6"
    torch_name = "ReLU6"
    example = "conv 32 bn relu6"


@register_layer
class Hardtanh(InplaceActivation):
    """x between `min_val` and `max_val`, and these where it is outside (`nn.Hardtanh`)."""

    word = "hardtanh"
    torch_name = "Hardtanh"
    example = "hardtanh min_val=0 max_val=20"

    min_val: Annotated[float, Real()] = -1.0
    max_val: Annotated[float, Real()] = 1.0

    def infer(self, x: Shape) -> Shape:
        if self.min_val >= self.max_val:
            raise Refusal(
                "wrong-value",
                "`min_val` has to be below `max_val`",
                f"{self.min_val:g} is not below {self.max_val:g}",
                at="max_val",
            )
        return super().infer(x)


@register_layer
class LeakyReLU(InplaceActivation):
    """x where positive, `negative_slope`·x elsewhere (`nn.LeakyReLU`)."""

    word = "leaky_relu"
    positional = ("negative_slope",)
    torch_name = "LeakyReLU"
    overwritten_from_output = True
    example = "leaky_relu 0.2"

    negative_slope: Annotated[float, Real()] = 0.01

    @property
    def may_overwrite(self) -> bool:
        return self.negative_slope >= 0


@register_layer
class PReLU(Activation):
    """Leaky ReLU with a learned slope, one for all channels or one each (`nn.PReLU`)."""

    word = "prelu"
    torch_name = "PReLU"
    example = "prelu num_parameters=64"

    num_parameters: Annotated[int, Whole(1)] = 1
    init: Annotated[float, Real()] = 0.25

    def infer(self, x: Shape) -> Shape:
        if self.num_parameters not in (1, x.channels) or (self.num_parameters != 1 and x.channels_last):
            raise Refusal(
                "wrong-parameters",
                "`prelu` has one slope for all channels, or one for each",
                f"{self.num_parameters} slopes for {x.describe()}",
                at="num_parameters",
                remedies=({"num_parameters": x.channels}, {"num_parameters": 1}),
            )
        return x

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.num_parameters,)}


@register_layer
class ELU(InplaceActivation):
    """x where positive, `alpha`·(eˣ − 1) elsewhere (`nn.ELU`)."""

    word = "elu"
    positional = ("alpha",)
    torch_name = "ELU"
    overwritten_from_output = True
    example = "elu"

    alpha: Annotated[float, Real()] = 1.0

    @property
    def may_overwrite(self) -> bool:
        return self.alpha >= 0


@register_layer
class SELU(InplaceActivation):
    """Scaled ELU with its self-normalising constants (`nn.SELU`)."""

    word = "selu"
    torch_name = "SELU"
    overwritten_from_output = True
    example = "fc 128 selu"


@register_layer
class GELU(Activation):
    """x·Φ(x), Φ the normal distribution function (`nn.GELU`)."""

    word = "gelu"
    torch_name = "GELU"
    example = "linear 3072 gelu"

    approximate: Annotated[str, Choice("none", "tanh")] = "none"


@register_layer
class SiLU(InplaceActivation):
    """x·sigmoid(x), also called swish (`nn.SiLU`)."""

    word = "silu"
    other_words = ("swish",)
    torch_name = "SiLU"
    example = "conv 32 bn silu"


@register_layer
class Mish(InplaceActivation):
    """x·tanh(softplus(x)) (`nn.Mish`)."""

    word = "mish"
    torch_name = "Mish"
    example = "conv 32 bn mish"


@register_layer
class Hardswish(InplaceActivation):
    """x·relu6(x + 3) / 6 (`nn.Hardswish`)."""

    word = "hardswish"
    torch_name = "Hardswish"
    example = "conv 16 bn hardswish"


@register_layer
class Hardsigmoid(InplaceActivation):
    """relu6(x + 3) / 6 (`nn.Hardsigmoid`)."""

    word = "hardsigmoid"
    torch_name = "Hardsigmoid"
    example = "conv 64 k=1 hardsigmoid"


@register_layer
class Sigmoid(Activation):
    """1 / (1 + e⁻ˣ) (`nn.Sigmoid`)."""

    word = "sigmoid"
    torch_name = "Sigmoid"
    from_output = True
    example = "fc 1 sigmoid"


@register_layer
class Tanh(Activation):
    """tanh(x) (`nn.Tanh`)."""

    word = "tanh"
    torch_name = "Tanh"
    from_output = True
    example = "conv 16 tanh"


@register_layer
class Softplus(Activation):
    """log(1 + e^(`beta`·x)) / `beta` (`nn.Softplus`)."""

    word = "softplus"
    trim = None
    torch_name = "Softplus"
    example = "softplus"

    beta: Annotated[float, Real(0, open_low=True)] = 1.0
    threshold: Annotated[float, Real()] = 20.0


class ChannelSoftmax(Activation):
    """What `softmax` and `log_softmax` share: they run over the channels unless `dim` names another axis."""

    trim = None
    from_output = True

    dim: Annotated[int | None, Either(Whole(-4, 4), Absent())] = None

    def infer(self, x: Shape) -> Shape:
        axes = len(x.sizes) + 1
        if self.dim is not None and not -axes <= self.dim < axes:
            raise Refusal(
                "no-such-axis",
                f"there is no axis {self.dim}",
                f"with the batch, {x.describe()} has {axes} axes",
                at="dim",
            )
        return x

    def call(self, x: Shape) -> Call:
        return Call(self.torch_name, (), {"dim": x.channel_axis if self.dim is None else self.dim})


@register_layer
class Softmax(ChannelSoftmax):
    """Values that are positive and sum to 1 over the channels (`nn.Softmax`)."""

    word = "softmax"
    torch_name = "Softmax"
    example = "softmax"


@register_layer
class LogSoftmax(ChannelSoftmax):
    """The logarithm of softmax (`nn.LogSoftmax`)."""

    word = "log_softmax"
    torch_name = "LogSoftmax"
    example = "log_softmax"

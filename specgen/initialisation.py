"""Weight initialisation: what `init` may say, and which weights it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specgen.arithmetic import names
from specgen.ir import InitRule, Network, Step, walk
from specgen.layers import registry
from specgen.layers.base import Call
from specgen.layers.fields import Choice, OptionType, Real

_FAN: dict[str, OptionType] = {
    "a": Real(),
    "mode": Choice("fan_in", "fan_out"),
    "nonlinearity": Choice(
        "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
        "sigmoid", "tanh", "relu", "leaky_relu", "selu",
    ),
}  # fmt: skip
_NORMAL: dict[str, OptionType] = {"mean": Real(), "std": Real(0)}
_GAIN: dict[str, OptionType] = {"gain": Real(0)}


#: What the value for a bias may be.
NUMBER = Real()


@dataclass(frozen=True)
class Function:
    """A function of `torch.nn.init`: its options, and the axes that a tensor needs for it."""

    options: Mapping[str, OptionType]
    least_axes: int = 1
    most_axes: int = 5
    required: tuple[str, ...] = ()
    #: The values of `a` and `b` that are not given, where values lie between the two.
    between: tuple[float, float] | None = None

    def fills(self, axes: int) -> bool:
        """Whether it can fill a tensor with that many axes."""
        return self.least_axes <= axes <= self.most_axes

    def turned(self, options: Mapping[str, Any]) -> tuple[float, float] | None:
        """`a` and `b`, if `a` is above `b`: PyTorch draws nothing from there."""
        if self.between is None:
            return None
        low, high = (options.get(name, default) for name, default in zip("ab", self.between, strict=True))
        return (low, high) if low > high else None


#: The functions of `torch.nn.init`, without the underscore.
FUNCTIONS: dict[str, Function] = {
    "uniform": Function({"a": Real(), "b": Real()}, between=(0.0, 1.0)),
    "normal": Function(_NORMAL),
    "trunc_normal": Function(
        {"mean": Real(), "std": Real(0, open_low=True), "a": Real(), "b": Real()}, between=(-2.0, 2.0)
    ),
    "constant": Function({"val": Real()}, required=("val",)),
    "ones": Function({}),
    "zeros": Function({}),
    "eye": Function({}, 2, 2),
    "dirac": Function({}, 3, 5),
    "xavier_uniform": Function(_GAIN, 2),
    "xavier_normal": Function(_GAIN, 2),
    "kaiming_uniform": Function(_FAN, 2),
    "kaiming_normal": Function(_FAN, 2),
    "orthogonal": Function({"gain": Real()}, 2),
    "sparse": Function({"sparsity": Real(0, 1), "std": Real(0)}, 2, 2, ("sparsity",)),
}

_FAMILIES = ("conv", "linear", "norm")
_BROADEST = ("all",)


@registry.derived
def kinds() -> dict[str, str]:
    """What `init` can be said for: every word, and the one name that all its other words mean."""
    found = {word: layer.word for word in registry.words() if (layer := registry.find(word))}
    found.update({family: family for family in (*_FAMILIES, *_BROADEST)})
    found["fc"] = "linear"
    return found


def breadth(kind: str) -> int:
    """How much a kind covers: one layer's word 0, a family 1, everything 2. The narrowest one counts."""
    return 2 if kind in _BROADEST else int(kind in _FAMILIES)


def reaches(kind: str, step: Step) -> bool:
    """Whether an `init` of this kind is meant for a layer.

    A word means PyTorch's class behind it: `init dwconv` reaches every convolution with one group per
    input channel, however it was written.
    """
    if kind in _BROADEST:
        return True
    if kind in _FAMILIES:
        return step.layer.family == kind
    if kind == "dwconv":
        return step.layer.family == "conv" and _is_depthwise(step.call)
    return step.layer.word == kind


def _is_depthwise(call: Call) -> bool:
    """Whether a convolution has one group per input channel."""
    return call.keywords.get("groups", 1) == call.arguments[0]


def _may_be_depthwise(call: Call) -> bool:
    """Whether a convolution may have that with other values for the names behind its numbers."""
    return call.name.startswith("Conv") and bool(names((call.arguments[0], call.keywords.get("groups", 1))))


@dataclass
class Reach:
    """What one `init` reaches in a network: classes of modules, as calls name them."""

    rule: InitRule
    depthwise: bool = False
    #: The classes that have a weight, and those among them that have a bias.
    classes: list[str] = field(default_factory=list)
    biased: list[str] = field(default_factory=list)
    steps: list[tuple[str, Step]] = field(default_factory=list)
    #: A step for each of the classes.
    examples: dict[str, Step] = field(default_factory=dict)

    @property
    def weight_optional(self) -> bool:
        """Whether some module that it reaches has no weight; its class may be derived from one that has."""
        return any("weight" not in step.layer.parameters(step.input) for _, step in self.steps)


def plan(network: Network) -> list[Reach]:
    """What each `init` of a network reaches, in the order in which a module looks for its own.

    A module goes by the first one that names its class; what reaches nothing is left out. Of `init dwconv`
    the classes are also those of convolutions that it reaches with other values for the network's params:
    whether it does is asked of each module.
    """
    if not network.init:
        return []
    found = [Reach(rule, depthwise=rule.kind == "dwconv") for rule in network.init]
    for path, step in walk(network.root):
        parameters = step.layer.parameters(step.input)
        if step.layer.family not in _FAMILIES and "weight" not in parameters:
            continue
        call = step.call
        for reach in found:
            reached = reaches(reach.rule.kind, step)
            if reached or (reach.depthwise and _may_be_depthwise(call)):
                reach.examples.setdefault(call.name, step)
                for name, classes in (("weight", reach.classes), ("bias", reach.biased)):
                    if name in parameters and call.name not in classes:
                        classes.append(call.name)
            if reached:
                reach.steps.append((path, step))
                break
    return [reach for reach in found if reach.classes]


def misfit(network: Network) -> tuple[InitRule, str, Step, int] | None:
    """The first weight that its `init` cannot fill, if there is one.

    What is given is the rule that counts, the path of the layer, the layer, and how many axes its weight has.
    """
    for path, step in walk(network.root) if network.init else ():
        rule = next((rule for rule in network.init if reaches(rule.kind, step)), None)
        weight = None if rule is None else step.layer.parameters(step.input).get("weight")
        if rule is not None and weight is not None and not FUNCTIONS[rule.function].fills(len(weight)):
            return rule, path, step, len(weight)
    return None

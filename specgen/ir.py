"""The network: what a spec comes to once names are resolved and every shape is known.

Two kinds of node: a layer, which is open (see `specgen.layers`), and structure, which is closed. All are
frozen. Pydantic reads them from JSON and writes them (`specgen.json_form`); what comes in is inferred again
and has to agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from math import prod
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

from specgen.given import need, shown
from specgen.joins import JoinKind
from specgen.layers.base import Call
from specgen.limits import DEFAULT_LIMITS, Limits
from specgen.shape import Shape

if TYPE_CHECKING:
    import os

    import torch
    from pydantic import ConfigDict
    from torch import nn

    from specgen.accepts import Accepts
    from specgen.json_form import (
        Arguments,
        Branches,
        ChildName,
        Children,
        Identifier,
        LayerField,
        Members,
        ShapeField,
        Value,
    )


class _Frozen:
    """What Pydantic has to hold to when it reads a class of this module."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = {
        "strict": True,
        "extra": "forbid",
        "allow_inf_nan": False,
        "revalidate_instances": "always",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Node(_Frozen):
    """What all nodes have: a name in the module tree, and the shapes at both ends."""

    name: ChildName
    input: ShapeField
    output: ShapeField
    #: The line of the spec that it comes from.
    line: int | None = None
    #: In a block, the condition under which it is there; empty where it always is.
    guard: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Node):
    """One layer."""

    node: Literal["layer"] = "layer"
    layer: LayerField

    @property
    def call(self) -> Call:
        """The constructor call it stands for."""
        return self.layer.call(self.input)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(Node):
    """Nodes one behind the other: the network itself, a named group, or a block that is a chain."""

    node: Literal["sequence"] = "sequence"
    steps: Children


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(Node):
    """One use of a block: a module whose members may branch.

    Inside, channel counts are written in terms of the block's `arguments` and `in_channels`.
    """

    node: Literal["block"] = "block"
    block: Identifier
    arguments: Arguments = field(default_factory=dict)
    #: The arguments' values where a use does not give them.
    defaults: dict[Identifier, Value] = field(default_factory=dict)
    steps: Members


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel(_Frozen):
    """Branches side by side, joined: part of the block around it, and no module of its own.

    A single branch joined with nothing is itself: a `residual when` whose condition does not hold.
    """

    node: Literal["parallel"] = "parallel"
    input: ShapeField
    output: ShapeField
    line: int | None = None
    #: The condition for the second branch, an identity, to be there; empty where it always is.
    guard: str = ""
    join: JoinKind
    branches: Branches


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch(_Frozen):
    """One branch of a parallel: without steps, the identity."""

    steps: Members


#: What an `nn.Sequential` holds, and what a block holds.
Child: TypeAlias = Step | Sequence | Block
Member: TypeAlias = Step | Sequence | Block | Parallel


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRule(_Frozen):
    """How the weights of some layers start: `torch.nn.init`'s function with an underscore behind it."""

    kind: Identifier
    function: Identifier
    options: dict[Identifier, int | float | str] = field(default_factory=dict)
    bias: float | None = None
    line: int | None = None


class LayerRow(NamedTuple):
    """One layer of a network, as `Network.layers` lists it."""

    name: str
    kind: str
    input: Shape
    output: Shape
    params: int
    macs: int
    line: int | None


@dataclass(frozen=True, kw_only=True, init=False, repr=False)
class Network(_Frozen):
    """A checked network: every shape known, nothing left that a backend could refuse.

    Attributes:
        name: the class name.
        description: the comment block at the top of the spec.
        source: the file the spec came from, without its folder; empty for text.
        settings: the spec's params and their values.
        fixed: the params that shaped the structure; the others stay arguments of what is emitted.
        init: the weight initialisation, most specific first; empty for PyTorch's own.
        root: the outermost sequence.
    """

    name: Identifier
    description: str = ""
    source: str = ""
    settings: dict[Identifier, Value] = field(default_factory=dict)
    fixed: tuple[Identifier, ...] = ()
    init: tuple[InitRule, ...] = ()
    root: Sequence

    def __init__(self, **parts: Any) -> None:
        """A network from its parts, checked like JSON; raises `NetworkError`."""
        from specgen.json_form import NETWORK, refusing

        with refusing("these parts are no network"):
            self.__dict__.update(vars(NETWORK.validate_python(parts, strict=False)))

    @classmethod
    def inferred(cls, **parts: Any) -> Network:
        """A network from parts that inference made. Nothing is checked again."""
        network = object.__new__(cls)
        network.__dict__.update(parts)
        return network

    def but(self, **changes: Any) -> Network:
        """The same network with other parts that inference made."""
        return Network.inferred(**{one.name: getattr(self, one.name) for one in fields(self)} | changes)

    @classmethod
    def model_validate_json(cls, text: str | bytes, *, context: Mapping[str, Any] | None = None) -> Network:
        """The network that a JSON text describes, every shape inferred anew.

        `context={"limits": specgen.Limits(…)}` sets how many layers it may have. Raises `NetworkError`, a
        `ValueError`, for anything but a network that is right.
        """
        from specgen.json_form import NETWORK, refuse_doubles, refusing

        need("context", context, (Mapping, NoneType), "a dict")
        limits = (context or {}).get("limits", DEFAULT_LIMITS)
        need("limits", limits, Limits, "a `specgen.Limits`")
        with refusing("the JSON is not that of a network"):
            network = NETWORK.validate_json(text, context={"limits": limits})
        refuse_doubles(text)
        return network

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """The JSON Schema of a network's JSON, with every kind of layer that is registered."""
        from specgen.json_form import NETWORK

        return NETWORK.json_schema()

    def model_dump_json(self, *, indent: int | None = None) -> str:
        """The network as JSON, for `model_validate_json`; `indent` spaces a level, or all in one line."""
        from specgen.json_form import NETWORK

        need("indent", indent, (int, NoneType), "an `int`")
        if indent is not None and not 0 <= indent <= _WIDEST_INDENT:
            raise ValueError(f"`indent` has to be from 0 to {_WIDEST_INDENT}, not {shown(indent)}")
        return NETWORK.dump_json(self, indent=indent).decode()

    def model_dump(self) -> dict[str, Any]:
        """What `model_dump_json` writes, as plain data."""
        from specgen.json_form import NETWORK

        dumped: dict[str, Any] = NETWORK.dump_python(self, mode="json")
        return dumped

    @property
    def input_shape(self) -> Shape:
        """The shape of one sample that goes in."""
        return self.root.input

    @property
    def output_shape(self) -> Shape:
        """The shape of what comes out for one sample."""
        return self.root.output

    @cached_property
    def layers(self) -> tuple[LayerRow, ...]:
        """Every layer in order, by its path in the module tree."""
        return tuple(
            LayerRow(path, step.layer.word, step.input, step.output, params(step), macs(step), step.line)
            for path, step in walk(self.root)
        )

    @cached_property
    def params(self) -> int:
        """The number of learned values."""
        return sum(row.params for row in self.layers)

    @cached_property
    def macs(self) -> int:
        """Multiply-adds for one sample: convolutions and matrix products, bias and pooling left out."""
        return sum(row.macs for row in self.layers)

    @cached_property
    def accepts(self) -> Accepts:
        """The sizes that it runs on as built, besides its own: `str()` of it is `any H, W ≥ 32`."""
        from specgen.size_search import accepts

        return accepts(self)

    def build(
        self,
        *,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        weights: str | os.PathLike[str] | Mapping[str, torch.Tensor] | None = None,
        init: str = "torch",
        optimize: str | None = None,
    ) -> nn.Sequential:
        """The network as an `nn.Sequential`, its weights initialised, or read from `weights`.

        See `specgen.load` for the arguments.
        """
        from specgen.backends import torch as backend

        _check_optimize(optimize)
        build = backend.build if optimize is None else backend.build_for_inference
        return build(self, device=device, dtype=dtype, weights=weights, init=init)

    def for_inference(self) -> Network:
        """The network as `build(optimize="inference")` makes it: batch norms folded, idle layers left out."""
        from specgen.folding import for_inference

        return for_inference(self).network

    def fold_weights(self, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A state dict of this network as the one `for_inference` takes it, each batch norm folded.

        What belongs to no layer of it is left out. Raises `WeightsError` where something is missing that is
        to be folded, or is no plain tensor.
        """
        from specgen.backends.folded import fold_weights
        from specgen.backends.torch import build
        from specgen.backends.weights import refuse_odd
        from specgen.folding import for_inference

        need("state", state, Mapping, "a state dict")
        refuse_odd(state, build(self, device="meta").state_dict())
        return fold_weights(for_inference(self), state)

    def emit(self, *, optimize: str | None = None) -> str:
        """The network as the text of one Python module that needs nothing but torch.

        With `optimize="inference"`, as `build` makes it then, and with a function that folds weights.
        """
        from specgen.backends import python

        if optimize is None:
            return python.emit(self)
        from specgen.folding import for_inference

        _check_optimize(optimize)
        return python.emit(self, for_inference(self))

    def summary(
        self,
        *,
        depth: int | None = None,
        columns: str | Iterable[str] | None = None,
        batch: int = 1,
        dtype: str = "float32",
        optimizer: str = "adam",
        fits: str | int | None = None,
    ) -> str:
        """A table of the modules with their figures, and the totals.

        Args:
            depth: how deep the tree goes: 1 is the network's own children.
            columns: which columns, such as `"name,output,params"`: name, layer, input, output, params,
                macs, activations, saved, field, jump, line.
            batch, dtype, optimizer: what the memory is worked out for; the optimizer is `sgd`,
                `sgd-momentum`, `adam` or `adamw`.
            fits: an amount of memory, such as `"24GiB"`: the largest batch that fits is said.

        Raises `ValueError` for anything else.
        """
        from specgen.views import summary

        asked = summary.options(depth, columns, batch, dtype, optimizer, fits)
        return summary.plain(summary.Summary(self, asked))

    def _repr_html_(self) -> str:
        """The table for a notebook."""
        from specgen.views import markup

        return markup.notebook(self)

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.input_shape} → {self.output_shape}, "
            f"{self.params:,} parameters, {self.macs:,} multiply-adds"
        )

    def __repr__(self) -> str:
        return f"<Network {self}>"


#: Pydantic makes room for as many spaces as it is asked for.
_WIDEST_INDENT = 100


def _check_optimize(optimize: str | None) -> None:
    need("optimize", optimize, (str, NoneType), "'inference'")
    if optimize not in (None, "inference"):
        raise ValueError(f"{optimize!r} is nothing to optimize for: only `inference` is")


def walk(node: Sequence | Block | Branch, prefix: str = "") -> Iterator[tuple[str, Step]]:
    """Every layer in order, with its path in the module tree."""
    for child in members(node.steps):
        path = f"{prefix}{child.name}"
        if isinstance(child, Step):
            yield path, child
        else:
            yield from walk(child, f"{path}.")


def members(steps: Iterable[Step | Sequence | Block | Parallel]) -> Iterator[Step | Sequence | Block]:
    """The modules among some steps, those in branches included, in order."""
    for step in steps:
        if isinstance(step, Parallel):
            for branch in step.branches:
                yield from members(branch.steps)
        else:
            yield step


def params(step: Step) -> int:
    """The number of learned values of a layer."""
    return sum(prod(map(int, sizes)) for sizes in step.layer.parameters(step.input).values())


def macs(step: Step) -> int:
    """The multiply-adds of a layer for one sample."""
    return int(step.layer.macs(step.input))

"""The network: what a spec comes to once names are resolved and every shape is known.

Two kinds of node: a layer, which is open (see `specgen.layers`), and structure, which is closed. Frozen
Pydantic, so it goes to JSON and comes back; what comes back is inferred again and has to agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from math import isfinite, prod
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from specgen import arithmetic
from specgen.joins import JoinKind
from specgen.layers import registry
from specgen.layers.base import Call, Layer
from specgen.limits import DEFAULT_LIMITS
from specgen.shape import LARGEST_TOTAL, Shape, ShapeField

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import torch
    from torch import nn

    from specgen.accepts import Accepts

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)]
ChildName = Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*|[0-9]+)$", max_length=200)]


def _layer_from_json(value: Any) -> Layer:
    """A layer from its JSON form: its options, its `kind`, and in `written` what they were computed from."""
    if isinstance(value, Layer):
        return value
    if not isinstance(value, dict):
        raise ValueError("a layer is an object with its `kind` and its options")
    options = dict(value)
    kind, written = options.pop("kind", None), options.pop("written", {})
    layer = registry.find(kind) if isinstance(kind, str) else None
    if layer is None:
        raise ValueError(f"{kind!r} is no kind of layer")
    if not isinstance(written, dict):
        raise ValueError("`written` is an object")
    for name, text in written.items():
        options[name] = _written(name, options.get(name), text)
    return layer(**options)


def _written(name: str, number: Any, text: Any) -> Any:
    """A number with what it was computed from; of a tuple, each number that was computed."""
    if isinstance(number, list) and isinstance(text, list) and len(number) == len(text):
        pairs = zip(number, text, strict=True)
        return tuple(one if said is None else _written(name, one, said) for one, said in pairs)
    if not arithmetic.is_number(number) or not isinstance(text, str):
        raise ValueError(f"{name} is not a number with what it was computed from")
    expression = arithmetic.read(text)
    if isinstance(expression, (int, float)):
        raise ValueError(f"{name} is not computed from anything")
    return arithmetic.traced(number, expression)


def _computed_from(value: Any) -> Any:
    """What a number was computed from, as `written` says it; nothing where it is printed as a number."""
    if isinstance(value, tuple):
        texts = [_computed_from(one) or None for one in value]
        return texts if any(texts) else ""
    if not isinstance(value, arithmetic.Traced):
        return ""
    text = arithmetic.show(value.expression)
    if len(text) > arithmetic.LONGEST_TEXT or isinstance(arithmetic.read(text), (int, float)):
        return ""
    return text


def _layer_to_json(layer: Layer) -> dict[str, Any]:
    options = layer.model_dump()
    written = {
        name: text for name in type(layer).model_fields if (text := _computed_from(getattr(layer, name)))
    }
    return {"kind": layer.word, **options, **({"written": written} if written else {})}


class _LayerSchema:
    """Puts the kinds of layers that are known when it is asked into a JSON Schema."""

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        from specgen.layers.schema import layers_schema

        return layers_schema()


LayerField = Annotated[
    Layer, PlainValidator(_layer_from_json), PlainSerializer(_layer_to_json), _LayerSchema()
]


def _value(value: Any) -> Any:
    """What a name in a spec can stand for: a number, a boolean, a word, or a tuple of them."""
    match value:
        case bool():
            return value
        case int() if abs(value) < LARGEST_TOTAL:
            return value
        case float() if isfinite(value):
            return value
        case str() if value.isascii() and value.isidentifier() and len(value) <= 200:
            return value
        case tuple() | list():
            return tuple(map(_value, value))
    raise ValueError("it is no number, word, boolean or tuple of them")


_VALUE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": ["boolean", "number"]},
        {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": 200},
        {"type": "array"},
    ]
}

Value = Annotated[Any, PlainValidator(_value), WithJsonSchema(_VALUE_SCHEMA)]


def _arguments_from_json(value: Any) -> dict[str, Any]:
    """A block's arguments: a value each, or a number with the expression it was computed from."""
    if not isinstance(value, dict):
        raise ValueError("arguments are an object")
    return {
        name: _written(name, one.get("value"), one.get("written")) if isinstance(one, dict) else _value(one)
        for name, one in value.items()
    }


def _arguments_to_json(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"value": arithmetic.plain(one), "written": text} if (text := _computed_from(one)) else one
        for name, one in arguments.items()
    }


_COMPUTED_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"value": {"type": ["number", "array"]}, "written": {"type": ["string", "array"]}},
    "required": ["value", "written"],
    "additionalProperties": False,
}

Arguments = Annotated[
    dict[str, Any],
    PlainValidator(_arguments_from_json),
    PlainSerializer(_arguments_to_json),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"anyOf": [*_VALUE_SCHEMA["anyOf"], _COMPUTED_SCHEMA]},
        }
    ),
]

_CONFIG = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Node(BaseModel):
    """What all nodes have: a name in the module tree, and the shapes at both ends."""

    model_config = _CONFIG

    name: ChildName
    input: ShapeField
    output: ShapeField
    #: The line of the spec that it comes from.
    line: int | None = None
    #: In a block, the condition under which it is there; empty where it always is.
    guard: str = ""


class Step(Node):
    """One layer."""

    node: Literal["layer"] = "layer"
    layer: LayerField

    @property
    def call(self) -> Call:
        """The constructor call it stands for."""
        return self.layer.call(self.input)


class Sequence(Node):
    """Nodes one behind the other: the network itself, a named group, or a block that is a chain."""

    node: Literal["sequence"] = "sequence"
    steps: tuple[Child, ...]


class Block(Node):
    """One use of a block: a module whose members may branch.

    Inside, channel counts are written in terms of the block's `arguments` and `in_channels`.
    """

    node: Literal["block"] = "block"
    block: Identifier
    arguments: Arguments = {}
    #: The arguments' values where a use does not give them.
    defaults: dict[Identifier, Value] = {}
    steps: tuple[Member, ...]


class Parallel(BaseModel):
    """Branches side by side, joined: part of the block around it, and no module of its own.

    A single branch joined with nothing is itself: a `residual when` whose condition does not hold.
    """

    model_config = _CONFIG

    node: Literal["parallel"] = "parallel"
    input: ShapeField
    output: ShapeField
    line: int | None = None
    #: The condition for the second branch, an identity, to be there; empty where it always is.
    guard: str = ""
    join: JoinKind
    branches: Annotated[tuple[Branch, ...], Field(min_length=1)]


class Branch(BaseModel):
    """One branch of a parallel: without steps, the identity."""

    model_config = _CONFIG

    steps: tuple[Member, ...]


#: What an `nn.Sequential` holds, and what a block holds.
Child = Annotated[Step | Sequence | Block, Field(discriminator="node")]
Member = Annotated[Step | Sequence | Block | Parallel, Field(discriminator="node")]


class InitRule(BaseModel):
    """How the weights of some layers start: `torch.nn.init`'s function with an underscore behind it."""

    model_config = _CONFIG

    kind: Identifier
    function: Identifier
    options: dict[Identifier, int | float | str] = {}
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


class Network(BaseModel):
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

    model_config = _CONFIG

    name: Identifier
    description: str = ""
    source: str = ""
    settings: dict[Identifier, Value] = {}
    fixed: tuple[Identifier, ...] = ()
    init: tuple[InitRule, ...] = ()
    root: Sequence

    @model_validator(mode="after")
    def _same_gate(self, info: ValidationInfo) -> Network:
        """Whatever way a network comes in, its shapes are inferred: here, unless `elaborate` just did."""
        context = info.context or {}
        if not context.get("inferred"):
            from specgen.again import infer_again

            limits = context.get("limits", DEFAULT_LIMITS)
            if sum(1 for _ in walk(self.root)) > limits.layers:
                raise ValueError(f"the network has more than {limits.layers:,} layers")
            self.__dict__["root"] = infer_again(self)
        return self

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
        return sum(params(step) for _, step in walk(self.root))

    @cached_property
    def macs(self) -> int:
        """Multiply-adds for one sample: convolutions and matrix products, bias and pooling left out."""
        return sum(macs(step) for _, step in walk(self.root))

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
        """A state dict of this network as the one `for_inference` takes it, each batch norm folded."""
        from specgen.backends.folded import fold_weights
        from specgen.folding import for_inference

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
                `sgd-momentum` or `adam`.
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


def _check_optimize(optimize: str | None) -> None:
    if optimize not in (None, "inference"):
        raise ValueError(f"{optimize!r} is nothing to optimize for: only `inference` is")


def walk(node: Sequence | Block, prefix: str = "") -> Iterator[tuple[str, Step]]:
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

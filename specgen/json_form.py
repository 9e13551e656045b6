"""The network as JSON, out and in, and the schema of that: by Pydantic, which is imported for it alone.

The fields and their types stand in `specgen.ir`; here is how their values are read, written and described.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)

from specgen import arithmetic
from specgen.again import infer_again
from specgen.diagnostics import Diagnostic, NetworkError, abridged
from specgen.given import cut
from specgen.ir import Block, Branch, Network, Parallel, Sequence, Step, walk
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.limits import DEFAULT_LIMITS
from specgen.shape import LARGEST, LARGEST_TOTAL, Shape

# --- names and shapes ----------------------------------------------------------------------------

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)]
ChildName = Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*|[0-9]+)$", max_length=200)]


def _shape_to_json(shape: Shape) -> dict[str, Any]:
    channels = arithmetic.expression_of(shape.channels)
    written = {"written": arithmetic.show(channels)} if arithmetic.names(channels) else {}
    return {
        "channels": int(shape.channels),
        "spatial": [int(size) for size in shape.spatial],
        "channels_last": shape.channels_last,
        **written,
    }


def _shape_from_json(value: Any) -> Shape:
    if isinstance(value, Shape):
        value = {"channels": value.channels, "spatial": value.spatial, "channels_last": value.channels_last}
    if not isinstance(value, dict) or not value.keys() <= {"channels", "spatial", "channels_last", "written"}:
        raise ValueError("a shape has channels, spatial and channels_last")
    channels: Any = value.get("channels")
    spatial: Any = value.get("spatial", ())
    channels_last, written = value.get("channels_last", False), value.get("written")
    if not isinstance(spatial, (list, tuple)) or len(spatial) > 3 or not isinstance(channels_last, bool):
        raise ValueError("a shape has up to three spatial sizes")
    for size in (channels, *spatial):
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST:
            raise ValueError(f"a size is a whole number from 1 to {LARGEST}")
    if written is not None:
        channels = arithmetic.traced(channels, arithmetic.read(str(written)))
    return Shape(channels, tuple(spatial), channels_last)


_SIZE_SCHEMA = {"type": "integer", "minimum": 1, "maximum": LARGEST}

#: In JSON, an object of its three fields, and in `written` what its channels were computed from.
ShapeField = Annotated[
    Shape,
    PlainValidator(_shape_from_json),
    PlainSerializer(_shape_to_json),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "channels": _SIZE_SCHEMA,
                "spatial": {"type": "array", "items": _SIZE_SCHEMA, "maxItems": 3},
                "channels_last": {"type": "boolean"},
                "written": {"type": "string"},
            },
            "required": ["channels"],
            "additionalProperties": False,
        }
    ),
]

# --- layers --------------------------------------------------------------------------------------


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
    written = {name: text for name, value in layer if (text := _computed_from(value))}
    return {
        "kind": layer.word,
        **{name: _plain(value) for name, value in layer},
        **({"written": written} if written else {}),
    }


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, tuple) else arithmetic.plain(value)


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
    value = arithmetic.standard(value)
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

# --- nodes ---------------------------------------------------------------------------------------

Children = tuple[Annotated[Step | Sequence | Block, Field(discriminator="node")], ...]
Members = tuple[Annotated[Step | Sequence | Block | Parallel, Field(discriminator="node")], ...]
Branches = Annotated[tuple[Branch, ...], Field(min_length=1)]


def _same_gate(network: Network, info: ValidationInfo) -> Network:
    """Whatever way a network comes in, its shapes are inferred anew, and have to be those it says."""
    limits = (info.context or {}).get("limits", DEFAULT_LIMITS)
    if sum(1 for _ in walk(network.root)) > limits.layers:
        raise ValueError(f"the network has more than {limits.layers:,} layers")
    return network.but(root=infer_again(network))


#: Reads, writes and describes a `Network`.
NETWORK: TypeAdapter[Network] = TypeAdapter(Annotated[Network, AfterValidator(_same_gate)])
# The fields name their types, and `specgen.ir` has those of this module only while types are checked.
NETWORK.rebuild(_types_namespace=globals())


# --- errors --------------------------------------------------------------------------------------


@contextmanager
def refusing(title: str) -> Iterator[None]:
    """While this lasts, what Pydantic finds wrong is a `NetworkError`: where, and what, one note for each."""
    try:
        yield
    except ValidationError as errors:
        found = errors.errors(include_url=False, include_context=False, include_input=False)
        notes = abridged([_note(error["loc"], error["msg"]) for error in found])
        raise NetworkError([Diagnostic("not-a-network", title, notes=tuple(notes))]) from None


def refuse_doubles(text: str | bytes) -> None:
    """Raises `NetworkError` where an object of a JSON text has a key twice: which one counts?"""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                title = f"the JSON says `{cut(key)}` twice in one place"
                raise NetworkError([Diagnostic("not-a-network", title)])
            found[key] = value
        return found

    json.loads(text, object_pairs_hook=once)


def _note(place: tuple[int | str, ...], what: str) -> str:
    what = what.removeprefix("Value error, ")[:_LONGEST_NOTE]
    return f"`{'.'.join(map(str, place))[:_LONGEST_NOTE]}`: {what}" if place else what


_LONGEST_NOTE = 300

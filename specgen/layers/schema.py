"""The JSON Schema of a layer: every kind with its options, from the registry."""

from __future__ import annotations

from typing import Any

from specgen.arithmetic import LONGEST_TEXT
from specgen.layers import registry
from specgen.layers.base import Layer


def layers_schema() -> dict[str, Any]:
    """What a layer can be in the JSON of a network: one of the kinds that are registered."""
    return {
        "oneOf": [layer_schema(layer) for layer in registry.layers()],
        "discriminator": {"propertyName": "kind"},
    }


def layer_schema(layer: type[Layer]) -> dict[str, Any]:
    """One kind: its options with their types, bounds and defaults.

    `written` has, for each number that was computed, the expression it came from.
    """
    properties: dict[str, Any] = {"kind": {"enum": [layer.word, *layer.other_words]}}
    for name, option in layer.options.items():
        properties[name] = {**option.kind.schema(), "description": option.kind.describe()}
        if not option.required:
            properties[name]["default"] = option.default
    properties["written"] = {
        "type": "object",
        "properties": {name: _written() for name in layer.options},
        "additionalProperties": False,
    }
    return {
        "title": layer.word,
        "description": (layer.__doc__ or "").partition("\n")[0],
        "type": "object",
        "properties": properties,
        "required": ["kind", *(name for name, option in layer.options.items() if option.required)],
        "additionalProperties": False,
    }


def _written() -> dict[str, Any]:
    expression = {"type": "string", "maxLength": LONGEST_TEXT}
    return {"anyOf": [expression, {"type": "array", "items": {"anyOf": [expression, {"type": "null"}]}}]}

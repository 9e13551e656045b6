"""What a layer takes and does, from the registry."""

from __future__ import annotations

from typing import Any

from specgen import options
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.views.text import columns


def overview() -> str:
    """Every layer on one line: its words and what it is."""
    rows = []
    for layer in registry.layers():
        rows.append((layer.family, ", ".join((layer.word, *layer.other_words)), first_line(layer)))
    return columns(("family", "word", "what it is"), rows)


def page(layer: type[Layer]) -> str:
    """One layer in full: what it takes, with types and defaults, its output size and an example."""
    entry = describe(layer)
    lines = [", ".join(entry["words"]) + " — " + entry["description"].replace("\n", "\n  "), ""]
    rows = [(row["name"], ", ".join(row["short"]), row["default"], row["type"]) for row in entry["options"]]
    if rows:
        lines += [columns(("option", "short", "default", "must be"), rows), ""]
    if entry["flags"]:
        lines += [f"flags: {', '.join(entry['flags'])}", ""]
    lines += [f"output: {entry['output']}", f"example: {entry['example']}"]
    return "\n".join(lines)


def describe(layer: type[Layer]) -> dict[str, Any]:
    """One layer as plain data."""
    names = options.option_names(layer)
    rows = []
    for name in options.in_order(layer):
        option = layer.options[name]
        rows.append(
            {
                "name": name,
                "short": [short for short, meant in names.items() if meant == name and short != name],
                "default": "required" if option.required else options.written(option.default),
                "type": option.kind.describe(),
                "position": layer.positional.index(name) + 1 if name in layer.positional else None,
            }
        )
    if layer.takes_trim:
        for slot in options.TRIM:
            default = layer.default_act if slot == "act" else None
            rows.append(
                {
                    "name": slot,
                    "short": [],
                    "default": default or "none",
                    "type": _trim_values(slot, layer),
                    "position": None,
                }
            )
    return {
        "words": [layer.word, *layer.other_words],
        "family": layer.family,
        "description": (layer.__doc__ or "").replace("\n    ", "\n").strip(),
        "options": rows,
        "flags": sorted(options.flags(layer)),
        "output": layer.formula,
        "example": layer.example,
    }


def _trim_values(slot: str, layer: type[Layer]) -> str:
    """What may be the value of a trim."""
    words = sorted(options.values(slot, layer))
    kinds = {word: kind for word, kind in registry.trims().items() if word in words}
    if len(set(kinds.values())) == 1:  # `drop=0.3`
        (kind,) = set(kinds.values())
        return f"{kind.options[kind.positional[0]].kind.describe()}, or none"
    valued = [f"{word}=…" for word in words if word in kinds and kinds[word].positional]
    return f"one of {', '.join(words)}" + (f"; with a value: {', '.join(valued)}" if valued else "")


def first_line(layer: type[Layer]) -> str:
    """What a layer is, in one line."""
    return (layer.__doc__ or "").split("\n")[0]

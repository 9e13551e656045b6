"""What may stand on a layer's line: its options, their short forms, and the trim behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from specgen import arithmetic
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.layers.fields import words_of

#: The options that stand for layers of their own behind a weighted layer, in their order.
TRIM = ("norm", "act", "drop")


@dataclass(frozen=True, slots=True)
class TrimWord:
    """A trim by its layer's word, and that layer's first value if one is given: `gn=8`."""

    word: str
    value: Any = None


@registry.derived
def option_names(layer: type[Layer]) -> Mapping[str, str]:
    """Every name an option of the layer goes by, and the option it stands for."""
    found = {name: name for name in layer.options}
    found.update(layer.short)
    if "ceil_mode" in found:
        found["ceil"] = "ceil_mode"
    if layer.takes_trim:
        found.update((slot, slot) for slot in TRIM)
        found.update((word, trim.trim or "") for word, trim in registry.trims().items() if trim.positional)
    return MappingProxyType(found)


@registry.derived
def flags(layer: type[Layer]) -> Mapping[str, tuple[str, Any]]:
    """The words that stand alone on the layer's line, with the option and the value they mean."""
    found: dict[str, tuple[str, Any]] = {}
    if "bias" in layer.options:
        found["bias"] = "bias", True
        found["nobias"] = "bias", False
    if "ceil_mode" in layer.options:
        found["ceil"] = "ceil_mode", True
    if layer.takes_trim:
        found["linear"] = "act", "none"
        found["nonorm"] = "norm", "none"
        found.update((word, (trim.trim or "", word)) for word, trim in registry.trims().items())
    return MappingProxyType(found)


@registry.derived
def all_flags() -> frozenset[str]:
    """Every word that is a flag of some layer."""
    return frozenset[str]().union(*(flags(layer) for layer in registry.layers()))


def in_order(layer: type[Layer]) -> tuple[str, ...]:
    """The options of a layer, those first that may be given by position."""
    return (*layer.positional, *(name for name in layer.options if name not in layer.positional))


def values(option: str, layer: type[Layer]) -> frozenset[str]:
    """The words that may be the value of an option."""
    if option in TRIM and layer.takes_trim:
        return frozenset(word for word, trim in registry.trims().items() if trim.trim == option) | {"none"}
    return words_of(layer.options[option].kind)


def written(value: Any) -> str:
    """A value as a spec writes it: `none`, `true`, `0.5`, `(1, 7)`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(written, value))})"
    return arithmetic.decimal(value).removesuffix(".0") if isinstance(value, float) else str(value)


#: Options that say how a layer is computed and not what it computes.
EXECUTION = frozenset(("inplace",))


def short_name(layer: type[Layer], option: str) -> str:
    """The shortest name of an option: `k` for `kernel_size`."""
    return min((name for name, meant in layer.short.items() if meant == option), key=len, default=option)


def as_line(layer: Layer) -> str:
    """A layer as a spec's line says it, with what is not at its default: `conv 64 k=7 s=2 nobias`."""
    shown = {name: value for name, value in layer.given().items() if name not in EXECUTION}
    return line_with(type(layer), shown)


def line_with(kind: type[Layer], values: Mapping[str, Any]) -> str:
    """A layer's word with some options, in the shortest form that a spec has for each."""
    words = {meant: flag for flag, meant in flags(kind).items()}
    first = [name for name in kind.positional if name in values]
    parts = [kind.word, *(written(arithmetic.plain(values[name])) for name in first)]
    for name in kind.options:
        if name not in values or name in first:
            continue
        value = arithmetic.plain(values[name])
        flag = words.get((name, value)) if isinstance(value, bool) else None
        parts.append(flag or f"{short_name(kind, name)}={written(value)}")
    return " ".join(parts)

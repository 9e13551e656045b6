"""Every layer's words and options in one file: a change of what a spec may say shows there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.layers.fields import REQUIRED
from specgen.options import flags, option_names, values, written

TABLE = Path(__file__).parent / "golden" / "layers.txt"

#: What a class says of itself, besides its options.
SAID = (
    "family", "positional", "takes_trim", "default_act", "inherits_defaults", "flattens", "trim", "formula",
    "example", "modules", "gives_contiguous",
)  # fmt: skip


def described(layer: type[Layer]) -> Iterator[str]:
    yield " ".join((layer.word, *layer.other_words))
    for name in SAID:
        value = getattr(layer, name)
        if value != getattr(Layer, name):
            yield f"    {name}: {value if isinstance(value, str) else written(value)}"
    meant: dict[str, list[str]] = {}
    for name, option in option_names(layer).items():
        meant.setdefault(option, []).append(name)
    for option, names in meant.items():
        yield f"    {' '.join(names)}{_default(layer, option)}"
        if option in layer.options:
            kind = layer.options[option].kind
            yield f"        {kind.describe()}"
            yield f"        {json.dumps(kind.schema())}"
        if words := sorted(values(option, layer)):
            yield f"        words: {' '.join(words)}"
    for flag, (option, value) in flags(layer).items():
        yield f"    {flag} → {option}={written(value)}"


def _default(layer: type[Layer], option: str) -> str:
    default: Any = layer.options[option].default if option in layer.options else REQUIRED
    return "" if default is REQUIRED else f" = {written(default)}"


def test_what_a_line_may_say(update_golden: bool) -> None:
    own = (layer for layer in registry.layers() if layer.__module__.startswith("specgen."))
    found = "\n".join(line for layer in own for line in (*described(layer), "")) + "\n"
    if update_golden:
        TABLE.write_text(found, encoding="utf-8")
    assert found == TABLE.read_text(encoding="utf-8")

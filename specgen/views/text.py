"""Rows of anything in plain columns, and numbers as people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from specgen.arithmetic import decimal, plain
from specgen.layers.base import Call

#: How text is wrapped that may hold names and numbers: words are not broken, at hyphens neither.
WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}

#: What the multiply-adds count, said wherever they are shown.
MACS = "multiply-adds of convolutions and matrix products, for one sample"


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows in aligned columns, as wide as they need to be; the columns in `right` are flush right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            c.rjust(w) if i in right else c.ljust(w)
            for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), *map(line, rows)])


def shown(call: Call) -> str:
    """A constructor call on one line, its numbers worked out."""
    arguments = [shown_value(value) for value in call.arguments]
    arguments += [f"{name}={shown_value(value)}" for name, value in call.keywords.items()]
    return f"{call.name}({', '.join(arguments)})"


def shown_value(value: object) -> str:
    """A value as Python writes it, but for numbers: those are as people write them."""
    value = plain(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(shown_value, value))})"
    return decimal(value) if isinstance(value, float) else str(value)


def short(count: int) -> str:
    """A large count in thousands, millions or billions: `7.609 G`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3f} {unit}"
    return str(count)


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SIZES = {
    **{unit.lower(): 1024**power for power, unit in enumerate(_UNITS)},
    **{unit: 1000**power for power, unit in enumerate(("kb", "mb", "gb", "tb"), 1)},
}


def amount(count: int) -> str:
    """An amount of memory: `24.5 MiB`."""
    size, unit = float(count), 0
    while size >= 1023.95 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{count} B"


def as_bytes(text: str) -> int:
    """An amount of memory from its text: `24GiB`, `80 GB`, `512 MiB`. Raises `ValueError`."""
    found = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([A-Za-z]+)\s*", text)
    if found is None or found[2].lower() not in _SIZES:
        raise ValueError(f"{text!r} is no amount of memory: write it as 24GiB, 80GB or 512MiB")
    return int(float(found[1]) * _SIZES[found[2].lower()])

"""A summary as wide as a terminal: what does not fit is shortened or left out, and no row is broken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from specgen.views.summary import Summary
from specgen.views.table import COLUMNS
from specgen.views.text import WHOLE, columns

#: What is left out first where it is too narrow.
_LEFT_OUT_FIRST = (
    "line",
    "input",
    "jump",
    "field",
    "saved",
    "activations",
    "macs",
    "layer",
    "params",
    "output",
)
#: Down to how many columns a text is shortened before anything is left out.
_SHORTEST = {"layer": 16, "name": 12}
_GAP = 2


@dataclass(frozen=True)
class Drawn:
    """A summary in lines no wider than asked: the heading, the rows, the totals, and remarks on them.

    `groups` says of each row whether it holds others.
    """

    heading: str
    rows: tuple[str, ...]
    groups: tuple[bool, ...]
    totals: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join([self.heading, *self.rows, "", *self.totals, *self.remarks])


def draw(summary: Summary, width: int) -> Drawn:
    """The summary in lines of at most `width` columns."""
    names = list(summary.options.columns)
    cells = {name: [COLUMNS[name].heading, *summary.column(name)] for name in names}
    if "name" in cells and _needed(cells) > width:
        cells["name"] = [COLUMNS["name"].heading, *summary.column("name", brief=True)]
    left_out = _leave_out(cells, width)
    _shorten(cells, width)
    right = [index for index, name in enumerate(cells) if COLUMNS[name].right]
    heading, *rows = zip(*cells.values(), strict=True)
    lines = columns(heading, rows, right).split("\n")
    remarks = summary.remarks()
    if left_out:
        remarks.append(f"left out for want of room: {', '.join(left_out)}")
    return Drawn(
        lines[0][:width],
        tuple(line[:width] for line in lines[1:]),
        tuple(row.kind != "layer" for _, row in summary.folded),
        *(
            tuple(line for text in texts for line in _wrapped(text, width))
            for texts in (summary.totals(), remarks)
        ),
    )


def _leave_out(cells: dict[str, list[str]], width: int) -> list[str]:
    """Take out columns until the rest fits, shortened as far as it may be; which ones these were."""
    order = [name for name in _LEFT_OUT_FIRST if name in cells]
    taken = []
    while _needed(cells, shortened=True) > width and len(cells) > 1 and order:
        taken.append(order.pop(0))
        del cells[taken[-1]]
    return taken


def _needed(cells: dict[str, list[str]], shortened: bool = False) -> int:
    widths = [
        min(_width(texts), _SHORTEST[name]) if shortened and name in _SHORTEST else _width(texts)
        for name, texts in cells.items()
    ]
    return sum(widths) + _GAP * (len(widths) - 1)


def _shorten(cells: dict[str, list[str]], width: int) -> None:
    """Shorten the texts, the layers first, until the rows fit."""
    for name in _SHORTEST:
        excess = _needed(cells) - width
        if name in cells and excess > 0:
            room = max(_width(cells[name]) - excess, _SHORTEST[name])
            cells[name] = [text if len(text) <= room else _shortened(text, room) for text in cells[name]]


def _shortened(text: str, room: int) -> str:
    """The text in so much room; how many modules are folded into one stays."""
    head, times, count = text.partition(" × ")
    return f"{head[: room - 1 - len(times + count)]}…{times}{count}"


def _width(texts: Sequence[str]) -> int:
    return max(map(len, texts))


#: Between a number and its unit no line ends.
_UNIT = re.compile(r"(?<=[0-9]) (?=[KMGTPE]?i?B\b)")


def _wrapped(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    wrapped = wrap(_UNIT.sub("\0", line), max(width, 20), subsequent_indent=f"{indent}  ", **WHOLE)
    return [text.replace("\0", " ") for text in wrapped]

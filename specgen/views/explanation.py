"""What a spec does, layer by layer and line by line: the arithmetic, and where every option comes from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from specgen.compiler import traced
from specgen.ir import Network
from specgen.shape import Shape
from specgen.source import printable
from specgen.views import wording
from specgen.views.explainer import Explainer, Paragraph
from specgen.views.facts import Fact
from specgen.views.text import WHOLE


@dataclass(frozen=True)
class Explanation:
    """The paragraphs about a spec or about some of its lines, in order."""

    network: Network
    paragraphs: tuple[Paragraph, ...]

    def text(self, width: int = 78) -> str:
        """The explanation for people, its lines no longer than `width` where words allow."""
        if not self.paragraphs:
            return wording.EMPTY
        lines: list[str] = []
        last = None
        for paragraph in self.paragraphs:
            if (paragraph.line, paragraph.written) != last:
                lines += [
                    "",
                    *wrap(f"line {paragraph.line}: {printable(paragraph.written)}", width, **WHOLE),
                ]
            last = paragraph.line, paragraph.written
            lines += wrap(
                printable(paragraph.title), width, initial_indent="  ", subsequent_indent="    ", **WHOLE
            )
            for fact in paragraph.facts:
                lines += _fact_lines(fact, width)
        return "\n".join(lines[1:])

    def as_json(self) -> dict[str, Any]:
        """The explanation as plain data."""
        return {
            "network": self.network.name,
            "paragraphs": [
                {
                    "line": one.line,
                    "written": one.written,
                    "title": one.title,
                    "paths": list(one.paths),
                    "facts": [
                        {"about": fact.about, "text": fact.text, "value": fact.value} for fact in one.facts
                    ],
                }
                for one in self.paragraphs
            ],
        }


def _fact_lines(fact: Fact, width: int) -> list[str]:
    """A fact, indented; an equation goes on at its signs, where its sides are short enough."""
    text = printable(fact.text)
    if fact.about in _EQUATIONS:
        for sign in (" = ", " ≈ ", ": "):
            text = text.replace(sign, sign.replace(" ", "\n", 1) if sign != ": " else ":\n")
        sides = text.split("\n")
        text = " ".join(side.replace(" ", "\0") if len(side) < width - 8 else side for side in sides)
    wrapped = wrap(text, width, initial_indent="    ", subsequent_indent="      ", **WHOLE)
    return [line.replace("\0", " ") for line in wrapped]


_EQUATIONS = ("size", "parameters", "macs")


def explain(
    source: str | os.PathLike[str],
    *,
    lines: range | None = None,
    path: str = "",
    input: str | tuple[int, ...] | Shape | None = None,  # noqa: A002
    variant: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Explanation:
    """What a spec does: all of it, some of its lines, or the layers at or below a path in the module tree.

    Raises `SpecError` where the spec is wrong, and `LookupError` where it has no such line or path.
    """
    network, noted, spelling = traced(source, input=input, variant=variant, settings=settings)
    spec = Explainer(network, noted, spelling)
    return Explanation(network, tuple(_folded(spec.paragraphs(lines, path))))


def _folded(paragraphs: Iterable[Paragraph]) -> Iterator[Paragraph]:
    """The paragraphs, those that say the same of different places as one."""
    same: dict[tuple[Any, ...], list[Paragraph]] = {}
    for one in paragraphs:
        title = one.title.partition(", ")[2] if one.paths else one.title
        same.setdefault((one.line, title, one.facts), []).append(one)
    for found in same.values():
        first = found[0]
        paths = tuple(path for one in found for path in one.paths)
        if len(found) > 1:
            shown = ", ".join(paths if len(paths) <= 5 else [*paths[:3], "…", paths[-1]])
            fact = Fact("places", wording.FOLDED.format(count=len(paths), paths=shown), len(paths))
            first = Paragraph(first.line, first.written, first.title, (*first.facts, fact), paths)
        yield first


def lines_of(text: str) -> range | None:
    """`7` or `4-8` as lines; nothing for any other text."""
    first, dash, last = text.partition("-")
    numbers = (first, last) if dash else (first, first)
    if not all(number.isascii() and number.isdigit() and len(number) < 8 for number in numbers):
        return None
    return range(int(numbers[0]), int(numbers[1]) + 1)

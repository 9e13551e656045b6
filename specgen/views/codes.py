"""The kinds of error and warning: each has its page in `explanations/`, which is its one definition."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import Any

from specgen import resources

FOLDER = "explanations"
ENDING = ".md"

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A fenced block of a page: what it is written in, and its text."""

    language: str
    text: str


@dataclass(frozen=True)
class Page:
    """What one code means: a title, and Markdown with an example and its repair."""

    code: str
    title: str
    text: str

    @property
    def examples(self) -> tuple[Example, ...]:
        """The fenced blocks: specs, what is said about them, commands."""
        return tuple(Example(found[1], found[2]) for found in _FENCED.finditer(self.text))

    @property
    def severity(self) -> str:
        """`error`, or `warning` where the example shows one."""
        shown = (example.text for example in self.examples)
        return "warning" if any(f"warning[{self.code}]" in text for text in shown) else "error"

    def as_json(self) -> dict[str, Any]:
        """The page as plain data."""
        return {
            "code": self.code,
            "severity": self.severity,
            "title": self.title,
            "text": self.text,
            "examples": [{"language": one.language, "text": one.text} for one in self.examples],
        }


def codes() -> list[str]:
    """Every code, sorted."""
    return resources.names(FOLDER, ENDING)


def page(code: str) -> Page:
    """The page of a code that is one of `codes()`."""
    title, _, text = resources.read(FOLDER, code + ENDING).partition("\n")
    return Page(code, title.removeprefix("# "), text.strip("\n"))


def shown(found: Page, width: int = 88) -> str:
    """A page as text for a terminal: paragraphs filled to a width, examples indented."""
    parts = [f"{found.severity}[{found.code}]: {found.title}"]
    last = 0
    for fenced in _FENCED.finditer(found.text):
        parts += _paragraphs(found.text[last : fenced.start()], width)
        parts.append(textwrap.indent(fenced[2].rstrip("\n"), "    "))
        last = fenced.end()
    return "\n\n".join((*parts, *_paragraphs(found.text[last:], width)))


def _paragraphs(text: str, width: int) -> list[str]:
    paragraphs = (paragraph for paragraph in text.split("\n\n") if paragraph.strip())
    return [
        textwrap.fill(" ".join(paragraph.split()), width, break_long_words=False, break_on_hyphens=False)
        for paragraph in paragraphs
    ]

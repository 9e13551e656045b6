"""What an error is, and how it is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any
from unicodedata import category, east_asian_width

from specgen.source import Source, Span, printable


@dataclass(frozen=True)
class Label:
    """A place in the source and what to say about it; `primary` is the one at fault."""

    span: Span
    text: str = ""
    primary: bool = True


@dataclass(frozen=True)
class Diagnostic:
    """One mistake: its kind in kebab case, what is wrong, where, and what would mend it."""

    code: str
    title: str
    labels: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    source: Source | None = None
    severity: str = "error"

    @property
    def place(self) -> tuple[int, int] | None:
        """Line and column of the place at fault, counted from 1."""
        if self.source is None or not self.labels:
            return None
        return self.source.position(self.labels[0].span.start)

    def as_json(self) -> dict[str, Any]:
        """The diagnostic as plain data."""
        labels = []
        for label in self.labels:
            assert self.source is not None
            (line, column), (end_line, end_column) = map(self.source.position, label.span)
            labels.append(
                {
                    "line": line,
                    "column": column,
                    "end_line": end_line,
                    "end_column": end_column,
                    "text": label.text,
                    "primary": label.primary,
                }
            )
        return {
            "severity": self.severity,
            "code": self.code,
            "title": self.title,
            "file": self.source.name if self.source else None,
            "labels": labels,
            "help": list(self.help),
            "notes": list(self.notes),
        }


class DiagnosedError(Exception):
    """Something that is wrong, in `diagnostics`; `str(error)` is the text that the command line prints."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        return "\n\n".join(render(diagnostic) for diagnostic in self.diagnostics)


class SpecError(DiagnosedError):
    """A spec that is wrong: every mistake that was found, in `diagnostics`."""


class NetworkError(DiagnosedError, ValueError):
    """Parts, or a JSON text, that are no network: why, in `diagnostics`."""


class WeightsError(DiagnosedError):
    """A file that holds no weights, or weights that do not fit the network: why, in `diagnostics`."""


@contextmanager
def within_the_stack() -> Iterator[None]:
    """While this lasts, the end of Python's stack is a `SpecError`: a raised limit lets a spec come to it."""
    try:
        yield
    except RecursionError:
        title = "Python's recursion limit is too low for how deep this is nested"
        help_ = "raise it with `sys.setrecursionlimit`, or nest less"
        raise SpecError([Diagnostic("too-deep", title, help=(help_,))]) from None


#: The most mistakes, or warnings, that are told of one spec.
MOST = 20


def first_of(found: Sequence[Diagnostic], what: str) -> list[Diagnostic]:
    """The first `MOST` diagnostics; the last of them says that there are more of `what`."""
    if len(found) <= MOST:
        return list(found)
    return [*found[: MOST - 1], replace(found[MOST - 1], notes=(f"only the first {MOST} {what} are shown",))]


def nearest(word: str, known: Iterable[str], count: int = 1, *, least: float = 0.65) -> list[str]:
    """The known words most like `word`, best first; `least` says how like, 1 being the same.

    Comparing takes time, so very long words are left alone, and of very many only some are looked at.
    """
    by_folded: dict[str, str] = {}
    for name in sorted(known):
        if len(name) <= _LONGEST_COMPARED and len(by_folded) < _MOST_COMPARED:
            by_folded.setdefault(name.casefold(), name)
    if len(word) > _LONGEST_COMPARED:
        return []
    if len(word) == 1:  # of a letter, every short word is half
        return [by_folded[word.casefold()]] if word.casefold() in by_folded else []
    for name in list(by_folded.values()):
        if len(name.partition("_")[0]) >= 4:  # `kernl` is near the beginning of `kernel_size`
            by_folded.setdefault(name.casefold().partition("_")[0], name)
    found = get_close_matches(word.casefold(), by_folded, count, least)
    return [by_folded[name] for name in found]


_LONGEST_COMPARED = 40
_MOST_COMPARED = 500


def listed(words: Iterable[str]) -> str:
    """`a`, `b` and `c`; of many, some."""
    quoted = abridged([f"`{word}`" for word in words])
    if len(quoted) < 2:
        return "".join(quoted)
    return ", ".join(quoted[:-1]) + " and " + quoted[-1]


def abridged(words: Sequence[str], first: int = 6, last: int = 2) -> list[str]:
    """The words of a list; of a long one the first and the last, and how many are left out between them."""
    left_out = len(words) - first - last
    return list(words) if left_out <= 0 else [*words[:first], f"… {left_out} more …", *words[-last:]]


def render(diagnostic: Diagnostic) -> str:
    """The diagnostic as text: title, place, source lines with what is wrong under them, help."""
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {printable(diagnostic.title)}"]
    source, place = diagnostic.source, diagnostic.place
    margin = 1
    if source is not None and place is not None:
        numbers = [source.line_of(label.span) for label in diagnostic.labels]
        margin = len(str(max(numbers)))
        lines.append(f"{' ' * margin}--> {printable(source.name)}:{place[0]}:{place[1]}")
        lines.append(f"{' ' * margin} |")
        lines.extend(_excerpt(source, diagnostic.labels, margin))
    elif source is not None:
        lines.append(f"{' ' * margin}--> {printable(source.name)}")
    remarks = [f"help: {text}" for text in diagnostic.help] + [f"note: {text}" for text in diagnostic.notes]
    if remarks and place is not None:
        lines.append(f"{' ' * margin} |")
    for remark in remarks:
        first, *rest = _wrapped(printable(remark))
        lines.append(f"{' ' * margin} = {first}")
        lines.extend(f"{' ' * margin}   {' ' * remark.find(' ')} {line}" for line in rest)
    return "\n".join(lines)


def _wrapped(remark: str) -> list[str]:
    """A remark in lines that are not too long: broken between words, behind a comma if there are any."""
    if len(remark) <= _WIDEST:
        return [remark]
    pieces = remark.split(", ")
    if len(pieces) < 4:
        return [remark]
    lines = [""]
    for index, piece in enumerate(pieces):
        text = piece + ", " * (index < len(pieces) - 1)
        if lines[-1] and len(lines[-1]) + len(text) > _WIDEST:
            lines.append("")
        lines[-1] += text
    return [line.rstrip() for line in lines]


#: Columns of a remark that is a long list.
_WIDEST = 100


def _excerpt(source: Source, labels: Sequence[Label], margin: int) -> list[str]:
    """The labelled lines in the file's order, each with its marks; a gap is shown as dots."""
    by_line: dict[int, list[Label]] = {}
    for label in sorted(labels, key=lambda label: label.span):
        by_line.setdefault(source.line_of(label.span), []).append(label)
    drawn, last = [], None
    for number, here in by_line.items():
        if last is not None and number > last + 1:
            drawn.append("." * max(margin, 3))
        text = source.line(number)
        shown: range | None = None
        for label in here:
            column = source.position(label.span.start)[1] - 1
            if shown is None or not shown.start <= column <= shown.stop:
                shown = _around(column, text)
                before, after = "…" * (shown.start > 0), "…" * (shown.stop < len(text))
                visible = f"{before}{_visible(text[shown.start : shown.stop])}{after}"
                drawn.append(f"{number:>{margin}} | {visible}".rstrip())
            end = min(column + label.span.end - label.span.start, shown.stop)
            indent = _width(text[shown.start : column]) + (shown.start > 0)
            marks = ("^" if label.primary else "-") * max(1, _width(text[column:end]))
            drawn.append(f"{' ' * margin} | {' ' * indent}{marks} {printable(label.text)}".rstrip())
        last = number
    return drawn


def _around(column: int, text: str) -> range:
    """The columns of a line that are shown to show one of them: all, unless it is very long."""
    if len(text) <= 160 or column < 120:
        return range(min(len(text), 160))
    return range(column - 40, min(len(text), column + 120))


def _visible(text: str) -> str:
    return printable(text.replace("\t", "    "))


def _width(text: str) -> int:
    """How many columns `_visible(text)` takes on a terminal."""
    return sum(
        0 if category(char) in ("Mn", "Me", "Cf") else 2 if east_asian_width(char) in "WF" else 1
        for char in _visible(text)
    )

"""Expressions and where their lines break: as `ruff format` would, so that it changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from specgen import arithmetic

#: The line length of `ruff format`.
WIDTH = 88

INDENT = "    "
#: In front of what a method does.
BODY = INDENT * 2


@dataclass(frozen=True)
class Tree:
    """`head(item, item)`. With `comments`, one for each item, every item has a line of its own."""

    head: str
    items: tuple[Doc, ...] = ()
    comments: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Repeated:
    """`*(item for _ in range(count))`: a row that stands for equal ones, or for equal runs of several."""

    items: tuple[Doc, ...]
    count: int

    @property
    def clauses(self) -> tuple[Doc, ...]:
        """What is made, and the loops around it."""
        turns = f"for _ in range({self.count})"
        if len(self.items) == 1:
            return self.items[0], turns
        return "layer", turns, Tree("for layer in ", self.items)


Doc: TypeAlias = str | Tree | Repeated


def rows(head: str, items: tuple[Doc, ...]) -> Tree:
    """A call with one line for each argument and no comments."""
    return Tree(head, items, ("",) * len(items))


def flat(doc: Doc) -> str:
    """The expression on one line."""
    match doc:
        case Tree():
            return f"{doc.head}({', '.join(map(flat, doc.items))})"
        case Repeated():
            return f"*({' '.join(map(flat, doc.clauses))})"
    return doc


def lines(doc: Doc, indent: str, before: str = "", after: str = "") -> list[str]:
    """The expression with what stands before and after it, in lines of at most `WIDTH` where possible."""
    one = f"{indent}{before}{flat(doc)}{after}"
    if isinstance(doc, str) or (not _open(doc) and (len(one) <= WIDTH or flat(doc).endswith("()"))):
        return [one]
    deeper = indent + INDENT
    if isinstance(doc, Repeated):
        inside = [line for clause in doc.clauses for line in lines(_spread(clause, deeper), deeper)]
        return [f"{indent}{before}*(", *inside, f"{indent}){after}"]
    opening, closing = f"{indent}{before}{doc.head}(", f"{indent}){after}"
    together = deeper + ", ".join(map(flat, doc.items))
    if len(together) <= WIDTH and not _open(doc):
        return [opening, together, closing]
    comments = doc.comments or ("",) * len(doc.items)
    inside = [line for row in zip(doc.items, comments, strict=True) for line in _row(*row, deeper)]
    return [opening, *inside, closing]


def _spread(clause: Doc, indent: str) -> Doc:
    """A clause of a loop; of one over rows that are too long for a line, each has a line of its own."""
    if not isinstance(clause, Tree) or not clause.head.startswith("for "):
        return clause
    return clause if len(indent + flat(clause)) <= WIDTH else rows(clause.head, clause.items)


def _row(item: Doc, comment: str, indent: str) -> list[str]:
    """One item with its comma; the comment goes behind it, or above it where there is no room."""
    row = lines(item, indent, after=",")
    if comment and len(row) == 1 and len(row[0]) + 4 + len(comment) <= WIDTH:
        return [f"{row[0]}  # {comment}"]
    return [f"{indent}# {comment}", *row] if comment else row


def _open(doc: Doc) -> bool:
    """Whether some call in the expression keeps one line for each argument."""
    match doc:
        case Tree():
            return bool(doc.comments) or any(map(_open, doc.items))
        case Repeated():
            return any(map(_open, doc.items))
    return False


def literal(value: Any, known: dict[str, Any]) -> str:
    """A value as Python source; a number as the expression it came from, with `known` names worked out."""
    if isinstance(value, arithmetic.Traced):
        whole = isinstance(value, int)
        return arithmetic.show(arithmetic.floored(value.expression) if whole else value.expression, known)
    value = arithmetic.standard(value)
    match value:
        case tuple():
            inside = ", ".join(literal(item, known) for item in value)
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        case str() if value.isascii() and value.isprintable() and not {'"', "\\"} & {*value}:
            return f'"{value}"'
        case str():
            return ascii(value)
        case float():
            return arithmetic.decimal(value)
    return repr(value)

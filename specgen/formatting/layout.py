"""Which lines a formatted spec has: where the author ended them, and where one would be too long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from specgen.formatting.phrases import Phrase, broken, phrase
from specgen.formatting.tree import Body, Branch, Part, Row, Statement, Word

#: Characters on a line, a comment behind it not counted.
WIDTH = 110
INDENT = 4


@dataclass
class Line:
    """One line to be printed.

    Attributes:
        indent: where its text begins.
        statements: the text of each statement on it, or of the one piece of a statement.
        phrases: what the statements' words are, where each is whole; for columns.
        comment: the comment behind it, or alone on it.
        bar: whether a `|` stands two columns in front of its text.
        apart: whether a blank line is in front of it.
        spread: whether the author put more than one space between words.
    """

    indent: int
    statements: list[str] = field(default_factory=list)
    phrases: list[Phrase] = field(default_factory=list)
    comment: Word | None = None
    bar: bool = False
    apart: bool = False
    spread: bool = False

    @property
    def text(self) -> str:
        """The line without its comment."""
        start = " " * (self.indent - 2) + "| " if self.bar else " " * self.indent
        return (start + "; ".join(self.statements)).rstrip()


class Layout:
    """Rows to lines. `drop_is_half` says that the flag `drop` means 0.5 everywhere in the file."""

    def __init__(self, drop_is_half: bool) -> None:
        self.drop_is_half = drop_is_half

    def lines(self, branch: Branch, indent: int = 0) -> list[Line]:
        """The lines of a branch's rows."""
        found: list[Line] = []
        for row in branch.rows:
            lines = list(self._row(row, indent))
            lines[0].apart = row.apart
            lines[-1].comment = row.comment or lines[-1].comment
            found += lines
        return found

    def _row(self, row: Row, indent: int) -> Iterator[Line]:
        """The lines of what the author wrote on one: as few as may be."""
        if not row.statements:
            yield Line(indent)
            return
        flat: list[Statement] = []
        for index, statement in enumerate(row.statements):
            if self._flat(statement) is not None:
                flat.append(statement)
                continue
            yield from self._together(flat, indent, False)
            flat = []
            commented = row.comment is not None and index == len(row.statements) - 1
            yield from self._apart(statement, indent, commented)
        yield from self._together(flat, indent, row.comment is not None)

    def _together(self, statements: Sequence[Statement], indent: int, commented: bool) -> Iterator[Line]:
        """Statements on one line, or on several where that would be too long.

        A comment may mean all that stands on its line, so a commented line stays.
        """
        if not statements:
            return
        texts = [self._flat(statement) or "" for statement in statements]
        if commented or indent + len("; ".join(texts)) <= WIDTH:
            yield self._line(statements, texts, indent)
        elif len(statements) > 1:
            for statement in statements:
                yield from self._together([statement], indent, False)
        elif statements[0].parts[0].body is None:
            yield self._line(statements, texts, indent)
        else:
            yield from self._expanded(statements[0], indent)

    def _line(self, statements: Sequence[Statement], texts: list[str], indent: int) -> Line:
        line = Line(indent, texts)
        line.phrases = [self._phrase(statement.parts[0]) for statement in statements]
        line.spread = any(word.gap > 1 for one in statements for word in one.parts[0].words[1:])
        return line

    def _phrase(self, part: Part) -> Phrase:
        return phrase(part.words, self.drop_is_half)

    def _flat(self, statement: Statement) -> str | None:
        """The statement on one line; nothing where comments or the author's lines forbid it."""
        if any(part.apart for part in statement.parts):
            return None
        texts = [self._flat_part(part) for part in statement.parts]
        return None if None in texts else " ".join(text for text in texts if text)

    def _flat_part(self, part: Part) -> str | None:
        if part.commented:
            return None
        text = self._phrase(part).text
        if part.body is None:
            return text
        inside = self._flat_body(part.body)
        return None if inside is None else f"{text} {inside}"

    def _flat_body(self, body: Body) -> str | None:
        if body.empty:
            return "{ }"
        if body.broken:
            return None
        pieces = ["{"]
        for index, branch in enumerate(body.branches):
            texts = [self._flat(statement) for row in branch.rows for statement in row.statements]
            if None in texts:
                return None
            pieces += ["|"] * (index > 0) + ["; ".join(text for text in texts if text)]
        return " ".join([*(piece for piece in pieces if piece), "}"])

    def _apart(self, statement: Statement, indent: int, commented: bool) -> Iterator[Line]:
        """A statement of several lines: as its author broke it between two bodies, if that will do."""
        lines: list[Line] = []
        for part in statement.parts:
            text = self._flat_part(part)
            if text is None:
                yield from self._expanded(statement, indent)
                return
            trailing, own = part.before
            if lines:
                lines[-1].comment = trailing
                lines += [Line(indent, comment=comment) for comment in own]
            if part.apart or not lines:
                lines.append(Line(indent, [text]))
            else:
                lines[-1].statements[0] += f" {text}"
        *before, last = lines
        if any(len(line.text) > WIDTH and not line.comment for line in (*before, *[last] * (not commented))):
            yield from self._expanded(statement, indent)
        else:
            yield from lines

    def _expanded(self, statement: Statement, indent: int) -> Iterator[Line]:
        """A statement with every body on lines of its own."""
        text, at = "", indent
        for part in statement.parts:
            trailing, own = part.before
            if trailing or own:
                yield Line(indent, [text], comment=trailing)
                yield from (Line(indent, comment=comment) for comment in own)
                text = ""
            *pieces, (depth, last, _) = self._pieces(part)
            for deep, piece, comment in pieces:
                yield Line(at + INDENT * deep, [f"{text} {piece}".strip()], comment=comment)
                text = ""
            text, at = f"{text} {last}".strip(), indent + INDENT * depth
            if part.body is None:
                continue
            if part.body.empty:
                text += " { }"
                continue
            yield Line(at, [f"{text} {{"], comment=part.body.branches[0].opening)
            yield from self._body(part.body, indent)
            text, at = "}", indent
        yield Line(at, [text])

    def _pieces(self, part: Part) -> list[tuple[int, str, Word | None]]:
        """The words of a part: one line, but for comments in parentheses."""
        if part.commented:
            return broken(part.words)
        return [(0, self._phrase(part).text, None)]

    def _body(self, body: Body, indent: int) -> Iterator[Line]:
        for index, branch in enumerate(body.branches):
            lines = self.lines(branch, indent + INDENT)
            if index and (branch.opening or not lines or (lines[0].comment and not lines[0].statements)):
                yield Line(indent + INDENT, comment=branch.opening, bar=True)
            elif index:
                lines[0].bar = True
            yield from lines

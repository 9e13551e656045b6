"""What the formatter sees of a spec: words, comments and line ends, sorted into rows and bodies.

It knows braces, branches and what stands on one line, and neither a statement nor a layer; that the text
is in the language has been checked before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from specgen.parser import tokens_of

#: The kinds of what the grammar ignores, or does not tell apart.
COMMENT, LINE_END, SEMICOLON = "COMMENT", "LINE_END", "SEMICOLON"

_BETWEEN = re.compile(r"#[^\n]*")


class Word(NamedTuple):
    """A token of the grammar, a comment, or a line end; `gap` counts the spaces in front of it."""

    kind: str
    text: str
    column: int
    gap: int = 0


@dataclass
class Row:
    """What stands on one line: statements, and a comment behind them; or a comment alone."""

    statements: list[Statement] = field(default_factory=list)
    comment: Word | None = None
    #: Whether a blank line is in front of it.
    apart: bool = False


@dataclass
class Branch:
    """The rows between a brace or a `|` and the next, and a comment on the line of the first."""

    rows: list[Row] = field(default_factory=list)
    opening: Word | None = None


@dataclass
class Body:
    """Braces, with one branch or more between them."""

    branches: list[Branch]
    #: Whether a line ends between the braces.
    broken: bool

    @property
    def empty(self) -> bool:
        """Whether nothing stands between the braces, not even a comment."""
        return len(self.branches) == 1 and not self.branches[0].rows and not self.branches[0].opening


@dataclass
class Part:
    """A piece of a statement: words, and the body behind them if there is one: `else { … }`."""

    words: list[Word]
    body: Body | None = None
    #: Whether it begins a line of its own, behind the body of the part before.
    apart: bool = False
    #: The comment on the line of the brace before, and those on lines of their own behind it.
    before: tuple[Word | None, tuple[Word, ...]] = (None, ())

    @property
    def commented(self) -> bool:
        """Whether a comment stands among its words, in parentheses."""
        return any(word.kind == COMMENT for word in self.words)


@dataclass
class Statement:
    """A statement as its parts: one, or several where it goes on behind a body."""

    parts: list[Part]


def read(text: str) -> Branch:
    """The rows of a text that is in the language."""
    return _Reader(list(words(text))).branch(top=True)


def words(text: str) -> list[Word]:
    """The tokens of a text with the comments and line ends between them."""
    found: list[Word] = []
    line_start = end = 0

    def comments(upto: int) -> None:
        for match in _BETWEEN.finditer(text, end, upto):
            column = match.start() - line_start
            found.append(Word(COMMENT, match[0].rstrip(), column, match.start() - end))

    for token in tokens_of(text):
        start = token.span.start
        comments(start)
        kind = {"\n": LINE_END, ";": SEMICOLON}[token.value] if token.type == "_END" else token.type
        if kind == "LPAREN" and found and found[-1].kind == "NAME" and end == start:
            found[-1] = found[-1]._replace(kind="CALLED")
        found.append(Word(kind, token.value, start - line_start, start - end))
        end = token.span.end
        if kind == LINE_END:
            line_start = end
    comments(len(text))
    return found


class _Reader:
    """One way through the words, from the first to the last."""

    def __init__(self, found: Sequence[Word]) -> None:
        self.words = [*found, Word("END", "", 0)]
        self.at = 0

    @property
    def kind(self) -> str:
        return self.words[self.at].kind

    def next(self) -> Word:
        self.at += 1
        return self.words[self.at - 1]

    def branch(self, top: bool = False) -> Branch:
        """Everything up to a closing brace, a `|` or the end of the text."""
        branch = Branch()
        lines = 1 if top else 0
        while self.kind not in ("RBRACE", "VBAR", "END"):
            if self.kind in (LINE_END, SEMICOLON):
                lines += self.next().kind == LINE_END
                continue
            same_line = lines == 0
            row = branch.rows[-1] if same_line and branch.rows else Row(apart=lines > 1)
            if self.kind != COMMENT:
                row.statements.append(self.statement())
            elif same_line and not branch.rows:
                branch.opening = self.next()
                continue
            else:
                row.comment = self.next()
            if not (same_line and branch.rows):
                branch.rows.append(row)
            lines = 0
        if branch.rows:
            branch.rows[0].apart = False
        return branch

    def statement(self) -> Statement:
        """One statement, with every `else` that belongs to it."""
        parts = [self.part()]
        while parts[-1].body is not None:
            start = self.at
            apart, trailing, own = False, None, []
            while self.kind in (LINE_END, SEMICOLON, COMMENT):
                word = self.next()
                if word.kind == LINE_END:
                    apart = True
                elif word.kind == COMMENT and apart:
                    own.append(word)
                elif word.kind == COMMENT:
                    trailing = word
            if self.kind != "ELSE":
                self.at = start
                break
            part = self.part()
            part.apart, part.before = apart, (trailing, tuple(own))
            parts.append(part)
        return Statement(parts)

    def part(self) -> Part:
        """Words up to the end of the statement or the end of a body."""
        found: list[Word] = []
        depth = 0
        while depth or self.kind not in (LINE_END, SEMICOLON, COMMENT, "RBRACE", "VBAR", "END"):
            if self.kind == "LBRACE":
                return Part(found, self.body())
            word = self.next()
            depth += {"LPAREN": 1, "RPAREN": -1}.get(word.kind, 0)
            if word.kind != SEMICOLON:
                found.append(word)
        return Part(found)

    def body(self) -> Body:
        """Braces and what is between them."""
        start = self.at
        branches = []
        while self.kind in ("LBRACE", "VBAR"):
            self.next()
            branches.append(self.branch())
        self.next()
        return Body(branches, any(word.kind == LINE_END for word in self.words[start : self.at]))

"""A token that does not belong where it stands: what is around it, and what can be said of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from specgen.lalr import Token
from specgen.source import Source, Span

#: What a construct looks like, by the keyword that opens it.
EXAMPLES = {
    "NETWORK": "network ResNet50",
    "INPUT": "input 3x224x224",
    "EXPECT": "expect 512x7x7",
    "PARAM": "param num_classes = 1000",
    "LET": "let c = 4*in",
    "DEFAULT": "default conv bn nobias",
    "INIT": "init conv kaiming_normal mode=fan_out nonlinearity=relu bias=0",
    "VARIANT": "variant VGG11_BN norm=bn",
    "BLOCK": "block pair(c, s=1) { conv c s=s; conv c }",
    "REPEAT": "repeat 3 { conv 64 }",
    "IF": "if s != 1 { conv 64 } else { conv 32 }",
    "ADD": "add { conv 64 | id }",
    "MUL": "mul { id | gap; conv 64 k=1 sigmoid }",
    "CAT": "cat { conv 64 | conv 32 k=1 }",
    "SPLIT": "split { id | conv 64 }",
    "RESIDUAL": "residual { conv 64; conv 64 linear } else { conv 64 k=1 linear }",
}

#: What stands behind a keyword, where it is not there.
NEEDS = {
    "NETWORK": "a name for the class is needed here",
    "INPUT": "a shape is needed here",
    "EXPECT": "a shape is needed here",
    "PARAM": "a name is needed here",
    "LET": "a name is needed here",
    "DEFAULT": "a layer's word is needed here",
    "INIT": "a kind of layer and a function are needed here",
    "VARIANT": "a name is needed here",
    "BLOCK": "the block's name is needed here",
    "REPEAT": "how often is needed here",
    "IF": "a condition is needed here",
    "WHEN": "a condition is needed here",
}
PARALLEL = ("ADD", "MUL", "CAT", "SPLIT")
KEYWORDS = (*EXAMPLES, "ELSE", "AS", "WHEN", "OR", "AND", "NOT", "TRUE", "FALSE", "IN")

#: What other languages call the constructs that have a body.
ELSEWHERE = {
    "for": "repeat", "while": "repeat", "loop": "repeat", "do": "repeat", "times": "repeat", "def": "block",
    "class": "block", "func": "block", "fn": "block", "function": "block", "module": "block",
    "macro": "block", "define": "block", "struct": "block", "elif": "else if", "elseif": "else if",
    "elsif": "else if", "unless": "if", "switch": "if", "skip": "residual", "shortcut": "residual",
    "res": "residual", "concat": "cat", "concatenate": "cat", "concatenation": "cat", "stack": "cat",
    "sum": "add", "plus": "add", "multiply": "mul", "product": "mul", "gate": "mul", "parallel": "cat",
    "branches": "cat", "branch": "cat", "chunk": "split",
}  # fmt: skip


class Mistake(NamedTuple):
    """What is said of a mistake; without `help`, an example of the statement stands for it."""

    title: str
    label: str = ""
    help: str = ""
    #: What is at fault, if not the token that does not belong.
    at: Span | None = None


@dataclass(frozen=True)
class Here:
    """A token that does not belong where it stands, and what is around it."""

    source: Source
    found: Token
    accepts: Collection[str]
    before: Sequence[Token]
    after: Sequence[Token]
    #: The first token of the statement it stands in, and the brace or parenthesis that is open.
    statement: Token | None
    opened: Token | None

    @property
    def last(self) -> Token | None:
        """The token in front."""
        return self.before[-1] if self.before else None

    @property
    def next(self) -> Token | None:
        """The token behind."""
        return self.after[0] if self.after else None

    def behind(self, *kinds: str) -> bool:
        """Whether the tokens in front are of these kinds."""
        return [token.type for token in self.before[-len(kinds) :]] == list(kinds)

    def in_front_of(self, *kinds: str) -> bool:
        """Whether the token behind is of one of these kinds."""
        return self.next is not None and self.next.type in kinds

    def in_statement(self, *kinds: str) -> bool:
        """Whether the statement starts with one of these kinds."""
        return self.statement is not None and self.statement.type in kinds

    def rest(self) -> str:
        """The text from here to the line's end."""
        return self.source.text[self.found.span.start :].partition("\n")[0]

    def what_follows(self) -> str:
        """What follows this sign in its line, up to a comment."""
        return self.rest()[1:].partition("#")[0].strip()

    def line_before(self) -> str:
        """The text of the line in front of this."""
        return self.source.text[: self.found.span.start].rpartition("\n")[2]

    def statement_text(self) -> str:
        """The line of the statement at hand, from its beginning."""
        start = (self.statement or self.found).span.start
        return self.source.text[start:].partition("\n")[0]


def index_of(found: Token, tokens: Sequence[Token]) -> int:
    """Where a token stands among the tokens of its text."""
    place = (found.span.start, found.type)
    return next(index for index, token in enumerate(tokens) if (token.span.start, token.type) == place)


def describe(token: Token) -> str:
    """A token as a title names it."""
    if token.type == "$END":
        return "end of the text"
    if token.type == "_END":
        return "end of the statement"
    return f"`{token.value}`"


def together(first: Token, second: Token | None) -> Span:
    """The span of two signs that are meant as one."""
    return first.span.to((second or first).span)

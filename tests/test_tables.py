"""The parser's tables are those of the grammar, and running them gives what Lark gives."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from lark import Token as LarkToken
from lark import UnexpectedToken as LarkUnexpectedToken
from lark.lexer import LexerThread

from specgen import parser, tables
from specgen.lalr import END, Token, UnexpectedToken
from specgen.limits import DEFAULT_LIMITS
from specgen.resources import names, read
from specgen.source import Source, Span, decode

HERE = Path(__file__).parent
GRAMMAR = read("grammars", "spec.lark")
LARK = tables.lark(GRAMMAR)
TEXTS = [
    *(read("specs", f"{name}.spec") for name in names("specs", ".spec")),
    *(decode(path.read_bytes(), 1 << 20) for path in sorted((HERE / "right").glob("*.spec"))),
]


def test_the_tables_are_up_to_date() -> None:
    assert read("grammars", "spec.tables.json") == tables.dump(), "run python -m specgen.tables"


def test_stale_tables_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = GRAMMAR.replace('NETWORK: "network"', 'NETWORK: "net"')
    stored = read("grammars", "spec.tables.json")
    files = {"spec.lark": changed, "spec.tables.json": stored}
    monkeypatch.setattr(tables.resources, "read", lambda folder, name: files[name])
    assert [token.type for token in tables.tables().tokens("net A")] == ["NETWORK", "NAME"]
    files["spec.tables.json"] = json.dumps({**json.loads(stored), "grammar": changed})
    assert [token.type for token in tables.tables().tokens("net A")] == ["NAME", "NAME"]


def _lark_tokens(text: str) -> list[LarkToken]:
    lexer: Any = LexerThread.from_text(LARK.parser.lexer, text)
    return list(lexer.lex(None))


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_tokens_are_those_of_lark(text: str) -> None:
    ours = [tuple(token) for token in parser._tables().tokens(text)]
    assert ours == [(t.type, t.value, (t.start_pos, t.end_pos)) for t in _lark_tokens(text)]


class _Nodes(dict[str, Any]):
    """A method for every rule, which gives the rule's name and its children: Lark's trees."""

    def __missing__(self, name: str) -> Any:
        return lambda children: (name, *children)


def _tree(node: Any) -> Any:
    """A tree of Lark's as `_Nodes` makes it."""
    if isinstance(node, LarkToken):
        return Token(node.type, node.value, Span(node.start_pos or 0, node.end_pos or 0))
    return node if node is None else (str(node.data), *map(_tree, node.children))


def _ours(tokens: list[Token]) -> Any:
    try:
        return parser._tables().parse([*tokens, Token(END, "", Span(0, 0))], "spec", _Nodes())
    except UnexpectedToken as error:
        return error.token, error.accepts


def _theirs(tokens: list[Token]) -> Any:
    interactive: Any = LARK.parse_interactive(start="spec")
    try:
        for token in tokens:
            interactive.feed_token(
                LarkToken(token.type, token.value, start_pos=token.span.start, end_pos=token.span.end)
            )
        return _tree(interactive.feed_token(LarkToken(END, "", start_pos=0, end_pos=0)))
    except LarkUnexpectedToken as error:
        found = error.token
        return (found.type, found.value, (found.start_pos, found.end_pos)), interactive.accepts()


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_trees_and_refusals_are_those_of_lark(text: str) -> None:
    whole = parser._filter(Source(text), list(parser._tables().tokens(text)), DEFAULT_LIMITS)
    assert _ours(whole) == _theirs(whole)
    chance = random.Random(len(text))
    for _ in range(10):
        tokens = list(whole)
        at, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        tokens[at : at + chance.randrange(3)] = [tokens[other]]
        assert _ours(tokens) == _theirs(tokens)

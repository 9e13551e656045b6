"""The parser's tables are those of the grammar."""

import json

from lark import Lark

from specgen import parser, tables
from specgen.resources import names, read
from specgen.source import Source


def test_the_tables_are_up_to_date() -> None:
    file = json.loads(read("grammars", "spec.tables.json"))
    assert file["built from"] == json.loads(tables.dump())["built from"], "run python -m specgen.tables"


def test_tables_and_grammar_give_the_same_trees() -> None:
    built: Lark = tables._build(read("grammars", "spec.lark"), parser._Builder())
    for name in names("specs", ".spec"):
        source = Source(read("specs", f"{name}.spec"))
        from_tables = parser.parse(source)
        parser._lark.cache_clear()
        original, parser._lark = parser._lark, lambda: built  # type: ignore[assignment]
        try:
            assert parser.parse(source) == from_tables
        finally:
            parser._lark = original


def test_stale_tables_are_not_used() -> None:
    grammar = read("grammars", "spec.lark")
    assert tables._origin(grammar) != tables._origin(grammar + "\n// changed")

"""The parser's tables, worked out ahead: building them from the grammar takes longer than most specs.

`grammars/spec.tables.json` holds them, with what they were built from. Where that is not the grammar or
the Lark at hand, they are built anew. After a change of the grammar, `python -m specgen.tables` writes
the file; a test says so when it is forgotten.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lark
from lark import Lark

from specgen import resources

START = ["spec", "expr"]
_FILE = "spec.tables.json"


def parser(transformer: Any) -> Lark:
    """The parser of the language, from the tables if they are up to date."""
    grammar = resources.read("grammars", "spec.lark")
    try:
        tables = json.loads(resources.read("grammars", _FILE), object_hook=_with_numbers)
    except (OSError, ValueError):
        tables = {}
    if tables.get("built from") == _origin(grammar):
        load: Any = Lark._load_from_dict  # what Lark's own stand-alone parsers call
        made: Lark = load(tables["data"], tables["memo"], transformer=transformer)
        return made
    return _build(grammar, transformer)


def _build(grammar: str, transformer: Any = None) -> Lark:
    # One parser for all threads: neither it nor the transformer keeps anything between two calls.
    return Lark(
        grammar, start=START, parser="lalr", lexer="basic", transformer=transformer, maybe_placeholders=True
    )


def _origin(grammar: str) -> str:
    return f"lark {lark.__version__}\n{grammar}"


def dump() -> str:
    """The tables as the file holds them."""
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    grammar = resources.read("grammars", "spec.lark")
    serialise: Any = _build(grammar).memo_serialize
    data, memo = serialise([TerminalDef, Rule])
    return json.dumps({"built from": _origin(grammar), "data": data, "memo": memo}, sort_keys=True) + "\n"


def _with_numbers(table: dict[str, Any]) -> dict[Any, Any]:
    """JSON has only strings as keys; Lark's states and tokens are numbers."""
    return {int(key) if key.isdigit() else key: value for key, value in table.items()}


if __name__ == "__main__":
    Path(__file__).parent.parent.joinpath("grammars", _FILE).write_text(dump(), encoding="utf-8")

"""The parser's tables, worked out ahead by Lark and stored beside the grammar.

`grammars/spec.tables.json` holds them, with the grammar they were made of. Where that is not the grammar at
hand they are made anew. After a change of the grammar, `python -m specgen.tables` writes the file; a test
says so when it is forgotten.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specgen import resources
from specgen.lalr import END, Rule, Tables

if TYPE_CHECKING:
    from lark import Lark
    from lark.grammar import Rule as LarkRule

START = ("spec", "expr")
_FILE = "spec.tables.json"


def tables() -> Tables:
    """The tables of the grammar: the stored ones, if they are of this grammar."""
    grammar = resources.read("grammars", "spec.lark")
    try:
        stored = json.loads(resources.read("grammars", _FILE))
    except (OSError, ValueError):
        stored = {}
    return _read(stored if stored.get("grammar") == grammar else make(grammar))


def _read(stored: dict[str, Any]) -> Tables:
    return Tables(
        pattern=stored["pattern"],
        keywords=stored["keywords"],
        ignored=frozenset(stored["ignored"]),
        rules=[Rule(*rule) for rule in stored["rules"]],
        states=stored["states"],
        starts={name: (first, last) for name, (first, last) in stored["starts"].items()},
    )


def make(grammar: str) -> dict[str, Any]:
    """The tables of a grammar as plain data."""
    parser = lark(grammar)
    lexer: Any = parser.parser.lexer
    automaton: Any = parser.parser.parser._parse_table
    rules = list(parser.rules)
    numbers = {rule: number for number, rule in enumerate(rules)}
    # Signs and keywords are strings. Those that NAME would match are told from names by their text.
    words = {
        terminal.pattern.value: terminal.name
        for terminal in lexer.terminals
        if terminal.pattern.type == "str"
    }
    keywords = {word: name for word, name in words.items() if word.isidentifier()}
    alternatives = [
        f"(?P<{terminal.name}>{terminal.pattern.to_regexp()})"
        for terminal in lexer.terminals
        if terminal.name not in keywords.values() and terminal.pattern.value
    ]
    # Lark numbers states in the order of a set. Here they are numbered as they are reached.
    order = [automaton.start_states[name] for name in START]
    for state in order:
        for _, (action, argument) in sorted(automaton.states[state].items()):
            if action.name == "Shift" and argument not in order:
                order.append(argument)
    states = [
        {
            symbol: order.index(argument) if action.name == "Shift" else ~numbers[argument]
            for symbol, (action, argument) in automaton.states[state].items()
        }
        for state in order
    ]
    # Lark stops in front of the end. Here that is a token like any other: it leads to one state more.
    finished = len(states)
    states.append({})
    for name in START:
        states[order.index(automaton.end_states[name])][END] = finished
    starts = {name: (order.index(automaton.start_states[name]), finished) for name in START}
    return {
        "grammar": grammar,
        "pattern": "|".join(alternatives),
        "keywords": keywords,
        "ignored": sorted(lexer.ignore_types),
        "rules": [_rule(rule) for rule in rules],
        "states": states,
        "starts": starts,
    }


def lark(grammar: str) -> Lark:
    """Lark's own parser of a grammar: it gives trees, and knows nothing of the language."""
    from lark import Lark

    return Lark(grammar, start=list(START), parser="lalr", lexer="basic", maybe_placeholders=True)


def _rule(rule: LarkRule) -> Rule:
    """What Lark's tree builder would do with a rule's children."""
    symbol = rule.origin.name
    # The placeholders in front of each child, and behind the last: `empty_indices` marks them among all.
    marks = "".join("-" if absent else "." for absent in rule.options.empty_indices or ())
    absent = [len(run) for run in marks.split(".")] if marks else [0] * (len(rule.expansion) + 1)
    keep: list[int | None] = []
    for index, child in enumerate(rule.expansion):
        keep += [None] * absent[index]
        if child.is_term:
            keep += [] if child.filter_out else [index]  # type: ignore[attr-defined]
        else:
            keep.append(~index if child.name.startswith("_") else index)
    keep += [None] * absent[-1]
    if symbol.startswith("_"):
        return Rule(symbol, None, len(rule.expansion), keep)
    method = rule.alias or ("" if rule.options.expand1 and len(keep) == 1 else symbol)
    return Rule(symbol, method, len(rule.expansion), keep)


def dump() -> str:
    """The tables as the file holds them."""
    return json.dumps(make(resources.read("grammars", "spec.lark")), sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(__file__).parent.parent.joinpath("grammars", _FILE).write_text(dump(), encoding="utf-8")

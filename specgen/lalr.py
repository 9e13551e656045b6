"""Runs the tables that Lark made of the grammar: text to tokens, tokens to nodes.

Lark reads the grammar and works out the tables when specgen is built (`specgen/tables.py`). Running them
takes a loop, and importing all of Lark for that would take longer than most specs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from specgen.source import Span

#: The type of the token that ends every text.
END = "$END"

#: The group that matches what is no token.
_NOTHING = "_nothing"


class Token(NamedTuple):
    """A word, number or sign of a text, and where it stands."""

    type: str
    value: str
    span: Span


class UnexpectedCharacters(Exception):  # noqa: N818 (what is in the text, not a failure of the program)
    """Characters that begin no token, at an offset."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class UnexpectedToken(Exception):  # noqa: N818
    """A token that does not belong where it stands, and the types of those that do."""

    def __init__(self, token: Token, accepts: frozenset[str]) -> None:
        super().__init__(token)
        self.token = token
        self.accepts = accepts


class Rule(NamedTuple):
    """One way to make a symbol of the grammar out of `size` others.

    `method` makes the node of the children that `keep` lists, in order: `i` is the child `i`, `~i` is a
    list whose items are children, `None` is a part that was left out. Without a `method`, the node is that
    list; with an empty one, its only child.
    """

    symbol: str
    method: str | None
    size: int
    keep: list[int | None]


@dataclass(frozen=True)
class Tables:
    """A grammar, ready to run.

    `states` says for each state, by the type of the next token or the symbol just made, what to do: a
    number `n` is to go on in state `n`, `~n` to reduce by rule `n`.
    """

    pattern: str
    keywords: Mapping[str, str]
    ignored: frozenset[str]
    rules: list[Rule]
    states: list[dict[str, int]]
    starts: Mapping[str, tuple[int, int]]

    @cached_property
    def _matcher(self) -> re.Pattern[str]:
        # Where nothing matches, any character does: the next one would be looked for in all that follows.
        return re.compile(rf"{self.pattern}|(?P<{_NOTHING}>[\s\S])")

    @cached_property
    def _goes_on(self) -> dict[tuple[int, str, str], int]:
        """What `_state_behind` has answered so far."""
        return {}

    def tokens(self, text: str) -> Iterator[Token]:
        """The tokens of a text; raises `UnexpectedCharacters`."""
        keywords, ignored = self.keywords, self.ignored
        offset = 0
        for found in self._matcher.finditer(text):
            start, end = found.span()
            kind = found.lastgroup or ""
            if kind == _NOTHING:
                break
            if kind not in ignored:
                value = found[0]
                yield Token(keywords.get(value, kind), value, Span(start, end))
            offset = end
        if offset != len(text):
            raise UnexpectedCharacters(offset)

    def parse(self, tokens: Iterable[Token], start: str, methods: Mapping[str, Callable[..., Any]]) -> Any:
        """The node of the whole text, the last token being `END`; raises `UnexpectedToken`."""
        first, last = self.starts[start]
        states = [first]
        nodes: list[Any] = []
        table, rules, goes_on = self.states, self.rules, self._goes_on
        for token in tokens:
            kind = token.type
            while (action := table[states[-1]].get(kind)) is not None and action < 0:
                symbol, method, size, keep = rules[~action]
                if size:
                    children = nodes[-size:]
                    del states[-size:], nodes[-size:]
                else:
                    children = []
                if method == "":
                    nodes += children
                else:
                    kept = _kept(children, keep)
                    nodes.append(kept if method is None else methods[method](kept))
                step = states[-1], symbol, kind
                state = goes_on.get(step)
                if state is None:
                    state = goes_on[step] = self._state_behind(*step)
                states.append(state)
            if action is None:
                raise UnexpectedToken(token, self._accepted(states))
            states.append(action)
            nodes.append(token)
        if states[-1] != last:
            raise ValueError("the last token has to be the end")
        return nodes[0]

    def _state_behind(self, state: int, symbol: str, kind: str) -> int:
        """Where a symbol leads that was made in a state, and the reductions behind it that change no node.

        A number in front of a line end is an atom, a term, a sum, …: seven reductions that do nothing but
        give it other names, and always the same ones in front of the same kind of token.
        """
        while True:
            made = self.states[state][symbol]
            action = self.states[made].get(kind)
            if action is None or action >= 0 or self.rules[~action][1:3] != ("", 1):
                return made
            symbol = self.rules[~action].symbol

    def _accepted(self, states: list[int]) -> frozenset[str]:
        """The types of token that may follow."""
        made = {rule.symbol for rule in self.rules}
        kinds = self.states[states[-1]].keys() - made
        return frozenset(kind for kind in kinds if self._leads_on(list(states), kind))

    def _leads_on(self, states: list[int], kind: str) -> bool:
        """Whether a token would be taken, after the reductions that it brings about."""
        while (action := self.states[states[-1]].get(kind)) is not None and action < 0:
            rule = self.rules[~action]
            del states[len(states) - rule.size :]
            states.append(self.states[states[-1]][rule.symbol])
        return action is not None


def _kept(children: list[Any], keep: list[int | None]) -> list[Any]:
    kept: list[Any] = []
    for index in keep:
        if index is None:
            kept.append(None)
        elif index < 0 and not kept:
            kept = children[~index]  # a list that grows at its end is not copied each time
        elif index < 0:
            kept += children[~index]
        else:
            kept.append(children[index])
    return kept

"""What an elaboration notes when somebody asks where the layers and their options come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from specgen import syntax
from specgen.scope import Given, Scope
from specgen.source import Span


class Use(NamedTuple):
    """A use of a block: the line that uses it, its definition, and its arguments' values."""

    line: syntax.Apply
    block: syntax.Block
    arguments: Mapping[str, Any]


class Turn(NamedTuple):
    """A turn of a repeat, counted from 0, and how many there are."""

    repeat: syntax.Repeat
    turn: int
    turns: int


#: The uses of blocks and the turns of repeats around a layer, outermost first.
Places: TypeAlias = tuple[Use | Turn, ...]


class Origin(NamedTuple):
    """Where a layer comes from.

    `line` is its statement, `word` the word or the option that asked for it, `given` its options with
    their places, `places` the uses and turns that it is in, `values` what names stood for there, `in`
    among them.
    """

    line: syntax.Apply
    word: Span
    given: Mapping[str, Given]
    places: Places
    values: Mapping[str, Any]


@dataclass
class Trace:
    """The origins of a network's layers, in the order of `specgen.ir.walk`."""

    layers: list[Origin] = field(default_factory=list)
    _line: syntax.Apply | None = None
    _places: Places = ()
    _values: Mapping[str, Any] = field(default_factory=dict)

    def enter(self, line: syntax.Apply, places: Sequence[Use | Turn], scope: Scope, channels: int) -> None:
        """The layers that follow come from this line, where so many channels arrive."""
        self._line, self._places = line, tuple(places)
        self._values = {**scope.values(), "in": channels}

    def origin(self, word: Span, given: Mapping[str, Given]) -> Origin:
        """The origin of one layer of the line at hand."""
        assert self._line is not None
        return Origin(self._line, word, dict(given), self._places, self._values)

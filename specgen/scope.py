"""What holds between two braces: the names, the defaults and the blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from specgen import arithmetic, options, syntax
from specgen.arithmetic import Symbol, is_number
from specgen.source import Span


@dataclass(frozen=True)
class Given:
    """An option's value, where it was written, and whether that was on the layer's own line."""

    value: Any
    span: Span
    on_line: bool = True
    #: The params that the value depends on, where it is a default from around a block.
    captured: frozenset[str] = frozenset()

    def as_captured(self) -> Given:
        """The same default inside a module, where the names outside mean nothing: a plain value."""
        trim = self.value if isinstance(self.value, options.TrimWord) else None
        value = trim.value if trim else self.value
        names = self.captured | arithmetic.names(value)
        value = tuple(map(arithmetic.plain, value)) if isinstance(value, tuple) else arithmetic.plain(value)
        return replace(self, value=replace(trim, value=value) if trim else value, captured=names)


@dataclass
class Scope:
    """The names, the defaults and the blocks that hold between two braces."""

    values: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, dict[str, Given]] = field(default_factory=dict)
    blocks: dict[str, Definition] = field(default_factory=dict)
    #: The params that values from around a block depend on, by the values' names.
    captured: dict[str, frozenset[str]] = field(default_factory=dict)

    def inner(self) -> Scope:
        """A scope inside this one: what it adds does not come out."""
        return Scope(dict(self.values), dict(self.defaults), dict(self.blocks), dict(self.captured))

    def as_module(self, arguments: Mapping[str, Any]) -> None:
        """Make this the scope of a module: its arguments go by their names, all else is a plain value."""
        for name, value in self.values.items():
            self.captured[name] = self.captured.get(name, frozenset()) | arithmetic.names(value)
            self.values[name] = arithmetic.plain(value)
        for layer, given in self.defaults.items():
            self.defaults[layer] = {name: one.as_captured() for name, one in given.items()}
        for name, value in arguments.items():
            self.captured.pop(name, None)
            symbol = arithmetic.traced(arithmetic.plain(value), Symbol(name)) if is_number(value) else value
            self.values[name] = symbol


@dataclass(frozen=True)
class Definition:
    """A block and the scope it was written in."""

    block: syntax.Block
    scope: Scope

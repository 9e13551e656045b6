"""What holds between two braces: the names, the defaults and the blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType
from typing import Any, NamedTuple

from specgen import arithmetic, options, syntax
from specgen.shape import bare
from specgen.source import Span


@dataclass(frozen=True)
class Given:
    """An option's value, where it was written, and whether that was on the layer's own line."""

    value: Any
    span: Span
    on_line: bool = True
    #: The params that the value depends on, where it is a default from around a block.
    captured: frozenset[str] = frozenset()

    def as_captured(self, scope: Scope) -> Given:
        """A default of `scope` inside a module, where the names outside mean nothing: a plain value."""
        trim = self.value if isinstance(self.value, options.TrimWord) else None
        value = trim.value if trim else self.value
        captured = self.captured | scope.params_behind(value)
        value = bare(value)
        return replace(self, value=replace(trim, value=value) if trim else value, captured=captured)


@dataclass(frozen=True)
class Definition:
    """A block, what held where it was written, and whether it is nothing but blocks in a row."""

    block: syntax.Block
    scope: Scope
    is_chain: bool


class Found(NamedTuple):
    """What a name means, and the params that it depends on where it comes from around a block."""

    value: Any
    captured: frozenset[str]


class Scope:
    """The names, the defaults and the blocks that hold between two braces.

    What holds outside is looked up there, as it was when this scope began: a block does not see what is
    said below it. Beyond the arguments of a module, names mean nothing to the class that is emitted: what
    comes from there is a plain value.
    """

    def __init__(
        self, outer: Scope | None = None, behind: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        self._outer = outer
        #: Of a module, the params behind the names of its arguments and `in_channels`.
        self._behind = behind
        #: How much has been said here, and how much had been said outside when this scope began.
        self._said = 0
        self._seen = outer._said if outer is not None else 0
        self._values: dict[str, tuple[int, Any]] = {}
        self._defaults: dict[str, list[tuple[int, dict[str, Given]]]] = {}
        self._blocks: dict[str, tuple[int, Definition]] = {}
        #: What the values here depend on; and those that have not been looked through for it.
        self._names: set[str] = set()
        self._unread: list[Any] = []
        self._table: tuple[int, Mapping[str, Any]] | None = None

    def inner(self) -> Scope:
        """A scope inside this one: what it adds does not come out."""
        return Scope(self)

    def module(self, arguments: Mapping[str, Any], behind: Mapping[str, frozenset[str]]) -> Scope:
        """The scope of a module inside this one: its arguments go by their names.

        `behind` has the params that each of these and `in_channels` depends on where the module is used.
        """
        inside = Scope(self, behind)
        for name, value in arguments.items():
            inside.declare(name, arithmetic.named(name, value))
        return inside

    def declare(self, name: str, value: Any) -> None:
        """From here on, a name means a value."""
        self._values[name] = self._next(), value
        self._unread.append(value)

    def default(self, layer: str, given: Mapping[str, Given]) -> None:
        """From here on, a layer has these options where its line says nothing else."""
        merged = {**self.defaults(layer), **given}
        self._defaults.setdefault(layer, []).append((self._next(), merged))

    def define(self, block: syntax.Block) -> None:
        """From here on, there is a block."""
        is_chain = _is_chain(block, self.block)
        self._blocks[block.name.text] = self._next(), Definition(block, self.inner(), is_chain)

    def _next(self) -> int:
        self._said += 1
        return self._said

    def find(self, name: str) -> Found | None:
        """What a name means here."""
        for scope, seen, modules in self._outwards():
            said, value = scope._values.get(name, _NEVER)
            if said <= seen:
                if modules:
                    return Found(bare(value), scope.params_behind(value))
                return Found(value, frozenset())
        return None

    def defaults(self, layer: str) -> Mapping[str, Given]:
        """The options that a layer has here where its line says nothing else."""
        scope: Scope | None = self
        seen, modules = self._said, 0
        while scope is not None:  # as `_outwards` does, which takes longer: every layer asks this
            for said, given in reversed(scope._defaults.get(layer, ())):
                if said <= seen:
                    return {name: one.as_captured(scope) for name, one in given.items()} if modules else given
            modules += scope._behind is not None
            seen, scope = scope._seen, scope._outer
        return {}

    def block(self, name: str) -> Definition | None:
        """The block of a name."""
        for scope, seen, _ in self._outwards():
            said, definition = scope._blocks.get(name, _NEVER)
            if said <= seen:
                return definition
        return None

    def values(self) -> Mapping[str, Any]:
        """What every name means here. Asked twice without anything said in between, it is the same table."""
        if self._table is None or self._table[0] != self._said:
            found: dict[str, Any] = {}
            for scope, seen, modules in self._outwards():
                for name, (said, value) in scope._values.items():
                    if said <= seen and name not in found:
                        found[name] = bare(value) if modules else value
            self._table = self._said, MappingProxyType(found)
        return self._table[1]

    def names(self) -> frozenset[str]:
        """The arguments that the values in this module depend on."""
        found: set[str] = set()
        for scope, _, modules in self._outwards():
            if modules:
                break
            while scope._unread:
                scope._names |= arithmetic.names(scope._unread.pop())
            found |= scope._names
        return frozenset(found)

    def params_behind(self, value: Any) -> frozenset[str]:
        """The params that a value of this scope depends on, whatever they are called in its module."""
        names = arithmetic.names(value)
        for scope, _, _ in self._outwards():
            if scope._behind is not None:
                return frozenset[str]().union(*(scope._behind[name] for name in names))
        return names

    def _outwards(self) -> Iterator[tuple[Scope, int, int]]:
        """This scope and those around it: how much of each is seen, and how many modules are between."""
        scope: Scope | None = self
        seen, modules = self._said, 0
        while scope is not None:
            yield scope, seen, modules
            modules += scope._behind is not None
            seen = scope._seen
            scope = scope._outer


#: When something is said that never is.
_NEVER: tuple[float, Any] = (inf, None)


#: Statements that a block may hold and still be a chain.
_SILENT = (syntax.Let, syntax.Default, syntax.Expect)


def _is_chain(block: syntax.Block, known: Callable[[str], object]) -> bool:
    """Whether a block is nothing but blocks one behind the other: it becomes an `nn.Sequential`.

    `known` finds a block by its name.
    """
    return _in_a_row(block.body, known) and _uses(block.body)


def _in_a_row(body: syntax.Body, known: Callable[[str], object]) -> bool:
    for statement in body.statements:
        match statement:
            case syntax.Apply(word=word) if known(word.text) is not None:
                pass
            case syntax.Repeat() | syntax.If() if all(
                _in_a_row(inner, known) for inner in syntax.bodies_of(statement)
            ):
                pass
            case _ if not isinstance(statement, _SILENT):
                return False
    return True


def _uses(body: syntax.Body) -> bool:
    return any(not isinstance(statement, _SILENT) for statement in body.statements)

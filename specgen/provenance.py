"""Where the value of an option comes from: through params, `let`s, blocks' arguments and turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from specgen import syntax
from specgen.source import Source, Span
from specgen.trace import Origin, Places, Turn, Use


class Binding(NamedTuple):
    """What a name stands for in one place, and why.

    `text` is what was written for it in `line`; `by` is a block's name, a variant's, or how many turns.
    """

    name: str
    value: Any
    kind: Literal["param", "set", "variant", "let", "argument", "argument-default", "turn", "channels"]
    line: int
    text: str
    by: str
    bindings: tuple[Binding, ...] = ()


class Written(NamedTuple):
    """An option as it was written: on the layer's own line, or by a `default` for the layer `default`."""

    text: str
    line: int
    default: str
    bindings: tuple[Binding, ...]


@dataclass(frozen=True)
class Spelling:
    """A spec's text and tree, to be asked where something was written."""

    source: Source
    spec: syntax.Spec
    settings: Mapping[str, Any]
    outside: frozenset[str]
    variant: syntax.Variant | None

    def line(self, span: Span) -> int:
        """The line that a span starts in, counted from 1."""
        return self.source.line_of(span)

    def text(self, span: Span) -> str:
        """The text of a span, on one line."""
        return " ".join(self.source.at(span).split())

    @cached_property
    def statements(self) -> tuple[tuple[syntax.Statement, tuple[syntax.Body, ...]], ...]:
        """Every statement with the bodies around it, outermost first, in the order of the text."""
        return tuple(_inside(self.spec.body, ()))

    @cached_property
    def _named(self) -> Mapping[str, list[tuple[syntax.Let | syntax.Param, syntax.Body]]]:
        """By name, what gives it a value, with the body that it stands in."""
        named: dict[str, list[tuple[syntax.Let | syntax.Param, syntax.Body]]] = {}
        for statement, bodies in self.statements:
            if isinstance(statement, (syntax.Let, syntax.Param)):
                named.setdefault(statement.name.text, []).append((statement, bodies[-1]))
        return named

    @cached_property
    def _arguments(self) -> Mapping[Span, tuple[syntax.Statement, syntax.Argument]]:
        return {
            argument.span: (statement, argument)
            for statement, _ in self.statements
            if isinstance(statement, (syntax.Apply, syntax.Default))
            for argument in statement.arguments
        }

    def written(self, span: Span, origin: Origin) -> Written | None:
        """The option that a span holds; nothing where it holds no option."""
        found = self._arguments.get(span)
        if found is None:
            return None
        statement, argument = found
        default = statement.layer.text if isinstance(statement, syntax.Default) else ""
        expression = argument.value if isinstance(argument, syntax.Option) else argument
        bindings = self._bindings(expression, origin.places, origin.values, 4)
        if not default and _mentions_channels(expression):
            arrive = Binding("in", origin.values["in"], "channels", self.line(span), "in", "")
            bindings = (arrive, *bindings)
        return Written(self.text(span), self.line(span), default, bindings)

    def _bindings(
        self, expression: syntax.Expr, places: Places, values: Mapping[str, Any], depth: int
    ) -> tuple[Binding, ...]:
        names = {name.text: name for name in _names(expression)} if depth else {}
        found = (self._binding(name, places, values, depth) for name in names.values())
        return tuple(binding for binding in found if binding is not None)

    def _binding(
        self, name: syntax.Name, places: Places, values: Mapping[str, Any], depth: int
    ) -> Binding | None:
        inner: syntax.Block | None = None
        let = self._let(name)
        for index in range(len(places) - 1, -1, -1):
            place = places[index]
            if isinstance(place, Turn):
                counter = place.repeat.counter
                if inner is None and counter is not None and counter.text == name.text:
                    line = self.line(place.repeat.span)
                    text = self.text(place.repeat.turns.span)
                    return Binding(
                        name.text, place.turn, "turn", line, text, f"{place.turn + 1} of {place.turns}"
                    )
                continue
            if inner is not None and not _holds(place.block.span, inner.span):
                continue
            inner = place.block
            if let is not None and _holds(inner.span, let.span):
                break
            if name.text in place.arguments:
                return self._argument(name.text, place, places[:index], values, depth)
        value = values.get(name.text)
        if let is not None:
            bindings = self._bindings(let.value, places, values, depth - 1)
            return Binding(
                name.text, value, "let", self.line(let.span), self.text(let.value.span), "", bindings
            )
        return self.param(name.text)

    def _argument(
        self, name: str, use: Use, places: Places, values: Mapping[str, Any], depth: int
    ) -> Binding:
        """A block's argument: what its use gives, or its default."""
        names = iter(argument.text for argument, _ in use.block.arguments)
        value, block = use.arguments[name], use.block.name.text
        for argument in use.line.arguments:
            expression: syntax.Expr
            if isinstance(argument, syntax.Option):
                given, expression = argument.name.text, argument.value
            else:
                given, expression = next(names), argument
            if given == name:
                bindings = self._bindings(expression, places, values, depth - 1)
                line = self.line(use.line.span)
                return Binding(name, value, "argument", line, self.text(use.line.span), block, bindings)
        default = next(one for argument, one in use.block.arguments if argument.text == name)
        text = f"{name}={self.text(default.span)}" if default is not None else name
        return Binding(name, value, "argument-default", self.line(use.block.span), text, block)

    def _let(self, name: syntax.Name) -> syntax.Let | None:
        """The `let` that a name means, if it means one: the last before it in a body around it."""
        found = None
        for statement, body in self._named.get(name.text, ()):
            above = statement.span.start < name.span.start
            if isinstance(statement, syntax.Let) and above and _holds(body.span, name.span):
                found = statement
        return found

    def param(self, name: str) -> Binding | None:
        """A param's value, and who said it."""
        for statement, _ in self._named.get(name, ()):
            if isinstance(statement, syntax.Param):
                line, text = self.line(statement.span), self.text(statement.span)
                if name in self.outside:
                    return Binding(name, self.settings[name], "set", line, text, "")
                for setting in self.variant.settings if self.variant else ():
                    if isinstance(setting, syntax.Option) and setting.name.text == name:
                        assert self.variant is not None
                        by, line = self.variant.name.text, self.line(self.variant.span)
                        return Binding(
                            name, self.settings[name], "variant", line, self.text(setting.span), by
                        )
                return Binding(name, self.settings[name], "param", line, text, "")
        return None


def _inside(
    body: syntax.Body, around: tuple[syntax.Body, ...]
) -> Iterator[tuple[syntax.Statement, tuple[syntax.Body, ...]]]:
    around = (*around, body)
    for statement in body.statements:
        yield statement, around
        for inner in syntax.bodies_of(statement):
            yield from _inside(inner, around)


def _names(expression: syntax.Expr) -> Iterator[syntax.Name]:
    """The names in an expression, from the left."""
    return (leaf for leaf in syntax.leaves(expression) if isinstance(leaf, syntax.Name))


def _mentions_channels(expression: syntax.Expr) -> bool:
    return any(isinstance(leaf, syntax.Channels) for leaf in syntax.leaves(expression))


def _holds(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end

"""What is said of a spec line by line: which layers are there, why, and where their options come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from specgen import arithmetic, initialisation, options, syntax
from specgen.diagnostics import nearest
from specgen.expressions import describe
from specgen.ir import Block, Branch, Network, Parallel, Sequence, Step, params, walk
from specgen.layers import registry
from specgen.provenance import Spelling
from specgen.trace import Origin, Trace, Turn, Use
from specgen.views import wording
from specgen.views.facts import Fact, arithmetic_of, left_open


@dataclass(frozen=True)
class Paragraph:
    """What is said of one layer, of equal layers, or of a statement without layers.

    `title` has the first path; `paths` are all the places in the module tree; `line` and `written` are the
    statement.
    """

    line: int
    written: str
    title: str
    facts: tuple[Fact, ...]
    paths: tuple[str, ...] = ()


class Explainer:
    """A spec with its network, and what was noted on the way from one to the other."""

    def __init__(self, network: Network, noted: Trace, spelling: Spelling) -> None:
        self.network = network
        self.spelling = spelling
        self.layers = [
            (path, step, origin)
            for (path, step), origin in zip(walk(network.root), noted.layers, strict=True)
        ]
        line = spelling.line
        self.statements_in = _by_line(spelling.statements, lambda one: line(one[0].span))
        self.layers_in = _by_line(self.layers, lambda one: line(one[2].line.span))

    def paragraphs(self, lines: range | None, path: str) -> Iterator[Paragraph]:
        """The paragraphs about some lines, about what is at a path, or about everything."""
        if path:
            yield from self._at(path)
            return
        if lines is not None:
            yield from self._lines(lines)
            return
        joins = self._joins()
        for one, step, origin in self.layers:
            yield self._layer(one, step, origin)
            yield from (self._join(*join) for join in joins.get(one, ()))

    def _at(self, path: str) -> Iterator[Paragraph]:
        found = [one for one in self.layers if one[0] == path or one[0].startswith(f"{path}.")]
        if not found:
            parts = [one.split(".") for one, _, _ in self.layers]
            places = dict.fromkeys(
                ".".join(names[:end]) for names in parts for end in range(1, len(names) + 1)
            )
            near = nearest(path, places)
            raise LookupError(
                f"there is no layer `{path}`" + (f"; did you mean `{near[0]}`?" if near else "")
            )
        joins = self._joins()
        for layer in found:
            yield self._layer(*layer)
            for where, join in joins.get(layer[0], ()):
                if f"{where}.".startswith(f"{path}."):
                    yield self._join(where, join)

    def _lines(self, lines: range) -> Iterator[Paragraph]:
        last = len(self.spelling.source.text.removesuffix("\n").split("\n"))
        if not lines:
            raise LookupError(f"lines {lines.start}-{lines.stop - 1} end before they begin")
        if lines.start < 1 or lines.stop - 1 > last:
            none = lines.start if lines.start < 1 else lines.stop - 1
            raise LookupError(f"there is no line {none}: the spec has {last}")
        joins_in = _by_line(chain.from_iterable(self._joins().values()), lambda one: one[1].line)
        for line in lines:
            found = [*self._line(line), *(self._join(*join) for join in joins_in.get(line, ()))]
            if not found and len(lines) == 1:
                found = [Paragraph(line, self._text(line), self._silent(line), ())]
            yield from found

    def _line(self, line: int) -> Iterator[Paragraph]:
        """What is said of the statements that begin in a line, and of the layers that are asked for there."""
        for statement, _ in self.statements_in.get(line, ()):
            text = self._statement(statement)
            if text:
                yield Paragraph(line, self._text(line), text, ())
        yield from (self._layer(*layer) for layer in self.layers_in.get(line, ()))

    def _silent(self, line: int) -> str:
        """What is said of a line that no statement begins in, or only one that makes nothing here."""
        around = [
            self.spelling.line(statement.span)
            for statement, _ in self.spelling.statements
            if self.spelling.line(statement.span) <= line <= self._last_line(statement)
        ]
        if not around or not self._text(line):
            return wording.NOTHING
        return wording.UNUSED if around[-1] == line else wording.part_of(around[-1])

    def _last_line(self, statement: syntax.Statement) -> int:
        return self.spelling.source.position(statement.span.end - 1)[0]

    def _joins(self) -> dict[str, list[tuple[str, Parallel]]]:
        """The combinators that end behind each layer, by its path: the module that each is in, and it."""
        found: dict[str, list[tuple[str, Parallel]]] = {}
        for where, last, join in _joins_of(self.network.root.steps, ""):
            found.setdefault(last, []).append((where or self.network.name, join))
        return found

    def _text(self, line: int) -> str:
        return " ".join(self.spelling.source.line(line).partition("#")[0].split())

    # --- layers ----------------------------------------------------------------------------------

    def _layer(self, path: str, step: Step, origin: Origin) -> Paragraph:
        written = self.spelling.text(origin.line.span)
        facts = (*arithmetic_of(step), *self._reasons(step, origin))
        title = wording.layer(path, step.layer.word, step.input, step.output)
        return Paragraph(self.spelling.line(origin.line.span), written, title, facts, (path,))

    def _join(self, where: str, join: Parallel) -> Paragraph:
        arrives = join.input
        if join.join == "split":
            arrives = arrives.replace(channels=arrives.channels // len(join.branches))
        shapes = [branch.steps[-1].output if branch.steps else arrives for branch in join.branches]
        line = join.line or 1
        title = f"{where}, {wording.join(join.join, shapes, join.output)}"
        return Paragraph(line, self._joining(join, line), title, (), (where,))

    def _joining(self, join: Parallel, line: int) -> str:
        """What is written of a combinator in its line; all of the line where several could be meant."""
        here = self.statements_in.get(line, ())
        found = [statement for statement, _ in here if _makes(statement, join.join)]
        inside = len(found) == 1 and self._last_line(found[0]) == line
        return self.spelling.text(found[0].span) if inside else self._text(line)

    def _reasons(self, step: Step, origin: Origin) -> Iterator[Fact]:
        """Why a layer is there, and where its options come from."""
        kind = registry.find(origin.line.word.text)
        own = origin.word == origin.line.word.span
        if not (own and kind is type(step.layer)):
            yield Fact("why", self._why(step, origin, own))
        plain: list[str] = []
        for name, given in origin.given.items():
            if name not in step.layer.options:
                continue
            value = getattr(step.layer, name)
            written = self.spelling.written(given.span, origin)
            if written is None or (not own and given.span == origin.word):
                continue
            if written.default or written.bindings:
                yield Fact("option", wording.option(name, value, written))
            elif own:
                plain.append(f"{name} {options.written(value)}")
        if plain:
            yield Fact("option", wording.plain_options(plain, self.spelling.line(origin.line.span)))
        left = list(left_open(step, origin.given))
        if left:
            yield Fact("option", wording.default_options(step.layer.word, left))

    def _why(self, step: Step, origin: Origin, own: bool) -> str:
        word = origin.line.word.text
        if own:
            return wording.flattened(word) if step.layer.word == "flatten" else wording.implied(word)
        written = self.spelling.written(origin.word, origin)
        return wording.implied(word) if written is None else wording.asked_for(written)

    # --- statements that are no layer ------------------------------------------------------------

    def _statement(self, statement: syntax.Statement) -> str:
        match statement:
            case syntax.Param(name=name):
                binding = self.spelling.param(name.text)
                assert binding is not None
                return wording.param(name.text, self.network.settings[name.text], binding)
            case syntax.Let(name=name):
                return wording.let(name.text, self._values(statement))
            case syntax.Default(layer=layer):
                text = " ".join(self.spelling.text(one.span) for one in statement.arguments)
                return wording.default(layer.text, text, self._reached(statement))
            case syntax.Block(name=name):
                uses = [
                    wording.use(_given(use), self.spelling.line(use.line.span))
                    for use in self._uses()
                    if use.block.span == statement.span
                ]
                return wording.block(name.text, uses)
            case syntax.Apply():
                return self._used(statement)
            case syntax.Group(label=label):
                inside = [one for one in self.layers if _within(one[2], statement)]
                return wording.group(label.text, len(inside), sum(params(step) for _, step, _ in inside))
            case syntax.Repeat():
                return wording.repeat(self._turns(statement))
            case syntax.If():
                return wording.condition()
            case syntax.Variant(name=name):
                chosen = self.spelling.variant
                text = ", ".join(self.spelling.text(one.span) for one in statement.settings)
                return wording.variant(name.text, text, chosen is not None and chosen.span == statement.span)
            case syntax.Init(kind=kind, function=function):
                line = self.spelling.line(statement.span)
                plan = initialisation.plan(self.network)
                reached = sum(len(reach.steps) for reach in plan if reach.rule.line == line)
                return wording.init(kind.text, function.text, reached)
            case syntax.Input():
                return wording.arrives(self.network.input_shape)
            case syntax.Expect(shape=shape):
                return wording.expected(self.spelling.text(shape.span))
            case syntax.NetworkName():
                return wording.named(self.network.name)
        return ""

    def _uses(self) -> list[Use]:
        """Every use of a block that made a layer, in order."""
        found = {
            id(place): place
            for _, _, origin in self.layers
            for place in origin.places
            if isinstance(place, Use)
        }
        return list(found.values())

    def _used(self, line: syntax.Apply) -> str:
        """A line that uses a block; nothing for one that is a layer."""
        uses = [use for use in self._uses() if use.line.span == line.span]
        if not uses:
            return ""
        wanted = {id(use) for use in uses}
        inside = [one for one in self.layers if any(id(place) in wanted for place in one[2].places)]
        given = "; ".join(dict.fromkeys(filter(None, map(_given, uses))))
        return wording.used(line.word.text, len(inside), given, sum(params(step) for _, step, _ in inside))

    def _turns(self, repeat: syntax.Repeat) -> list[int]:
        """How many turns a repeat takes, each number once."""
        places = (place for _, _, origin in self.layers for place in origin.places)
        turns = (one.turns for one in places if isinstance(one, Turn) and one.repeat.span == repeat.span)
        return list(dict.fromkeys(turns))

    def _values(self, let: syntax.Let) -> list[Any]:
        bodies = next(bodies for one, bodies in self.spelling.statements if one is let)
        around = bodies[-1].span
        values = (
            arithmetic.plain(origin.values[let.name.text])
            for _, _, origin in self.layers
            if around.start <= origin.line.span.start < around.end and let.name.text in origin.values
        )
        return list(dict.fromkeys(values))

    def _reached(self, default: syntax.Default) -> int:
        spans = {one.span for one in default.arguments}
        return sum(
            any(given.span in spans for given in origin.given.values()) or origin.word in spans
            for _, _, origin in self.layers
        )


Item = TypeVar("Item")


def _by_line(found: Iterable[Item], line_of: Callable[[Item], int | None]) -> Mapping[int | None, list[Item]]:
    """What stands in each line, in order."""
    lines: dict[int | None, list[Item]] = {}
    for one in found:
        lines.setdefault(line_of(one), []).append(one)
    return lines


def _makes(statement: syntax.Statement, join: str) -> bool:
    """Whether a statement is a combinator of this kind."""
    if isinstance(statement, syntax.Residual):
        return join == "add"
    return isinstance(statement, syntax.Parallel) and statement.join == join


def _within(origin: Origin, group: syntax.Group) -> bool:
    lines = [origin.line, *(place.line for place in origin.places if isinstance(place, Use))]
    return any(group.body.span.start <= one.span.start < group.body.span.end for one in lines)


def _given(use: Use) -> str:
    return ", ".join(
        f"{name}={value if isinstance(value, str) else describe(value)}"
        for name, value in use.arguments.items()
    )


def _joins_of(steps: Iterable[Any], prefix: str) -> Iterator[tuple[str, str, Parallel]]:
    """Every combinator, innermost first: the module that it is in, the last layer in it, and it."""
    for node in steps:
        match node:
            case Parallel():
                for branch in node.branches:
                    yield from _joins_of(branch.steps, prefix)
                paths = [path for path, _ in walk(Branch(steps=(node,)), prefix)]
                if paths:
                    yield prefix.rstrip("."), paths[-1], node
            case Sequence() | Block():
                yield from _joins_of(node.steps, f"{prefix}{node.name}.")

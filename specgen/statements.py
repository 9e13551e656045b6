"""What each statement of a spec does: layers are placed, blocks and repeats expanded, branches joined.

One walk with the shape in its hand. Each layer's shape rule is asked once; what it says is the check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specgen import arithmetic, draft, hints, remedies, syntax
from specgen.attempts import Change, Remedies, Remedy
from specgen.diagnostics import Diagnostic, abridged
from specgen.draft import Draft, DraftBlock, DraftParallel, DraftSequence
from specgen.expressions import describe
from specgen.init_statement import init_rule
from specgen.ir import InitRule
from specgen.joining import Joining
from specgen.joins import share
from specgen.layer_line import given_on
from specgen.layers import registry
from specgen.layers.base import Refusal
from specgen.limits import Limits
from specgen.placing import Frame
from specgen.scope import Definition, Scope
from specgen.shape import Shape
from specgen.source import Source, Span
from specgen.trace import Turn, Use


@dataclass(frozen=True)
class Request:
    """What the caller asks of a spec."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    input: Shape | None = None
    variant: syntax.Variant | None = None
    name: str = "Network"


class Elaborator(Joining):
    """One elaboration of a spec: what it has put in its place so far, and what is said on the way."""

    def __init__(self, source: Source, spec: syntax.Spec, request: Request, limits: Limits) -> None:
        super().__init__(source, spec, request.input, limits)
        self.request = request
        self.warnings: list[Diagnostic] = []
        self.input: Shape | None = request.input
        self.settings: dict[str, Any] = {}
        self.init: list[InitRule] = []
        self.name = request.name
        #: The statement of the spec that is under way, by its number.
        self.reached = 0
        #: How many bodies are open inside each other.
        self.depth = 0

    def expand(self) -> None:
        """Put every layer in its place; raises `SpecError` where that does not go."""
        self._statements(self.spec.body, Scope())

    @property
    def cost(self) -> int:
        """What has been spent of the limits, in layers."""
        return max(self.expanded, self.steps // 10)

    def is_as_far_as(self, other: Elaborator) -> bool:
        """Whether it got as far as another one, which a layer less, or some turns less, is too."""
        fewer = self.change is not None and self.change.turns is not None
        here, there = (self.reached, self.expanded + 1), (other.reached, 0 if fewer else other.expanded)
        return here >= there

    # --- statements ------------------------------------------------------------------------------

    def _statements(self, body: syntax.Body, scope: Scope) -> None:
        self.depth += 1
        if self.depth > 2 * self.limits.depth:
            title = f"blocks and braces are nested more than {2 * self.limits.depth} deep"
            self.fail("too-deep", title, body.span, "the limit is reached here")
        for number, statement in enumerate(body.statements):
            if self.depth == 1:
                self.reached = number
            self.spend(statement.span, 1 + _written(statement) // 8)
            if self.change is None or self._stands(statement, self.change, scope):
                self._statement(statement, scope)
        self.depth -= 1

    def _stands(self, statement: syntax.Statement, change: Change, scope: Scope) -> bool:
        """Whether a statement is where it is written; a line that is tried in front of it is there now."""
        if change.moved is not None and statement.span == change.span:
            self.layer(change.moved, scope)
        moved_away = change.moved is not None and statement.span == change.moved.span
        return not (moved_away or (change.left_out and statement.span == change.span))

    def _statement(self, statement: syntax.Statement, scope: Scope) -> None:
        match statement:
            case syntax.Apply(word=word):
                definition = scope.block(word.text)
                if definition is not None:
                    self.count(statement.span)
                    self._use(statement, definition, scope)
                else:
                    self.layer(statement, scope)
            case syntax.Group():
                self._group(statement.label, statement.body, scope.inner(), statement.span)
            case syntax.Repeat():
                self._repeat(statement, scope)
            case syntax.If():
                self._if(statement, scope)
            case syntax.Parallel():
                self._parallel(statement, scope)
            case syntax.Residual():
                self._residual(statement, scope)
            case syntax.Let():
                scope.declare(statement.name.text, self.value(statement.value, scope))
            case syntax.Default():
                layer = registry.find(statement.layer.text)
                assert layer is not None
                scope.default(layer.word, given_on(self, layer, statement.arguments, scope, on_line=False))
            case syntax.Block():
                if any(frame.kind == "block" for frame in self.frames):
                    self.decided |= scope.names()
                scope.define(statement)
            case syntax.Expect():
                self._expect(statement, scope)
            case syntax.Param():
                self._param(statement, scope)
            case syntax.Input():
                self._input(statement, scope)
            case syntax.Init():
                self.init.append(init_rule(self, statement, scope))
            case syntax.NetworkName():
                self.name = statement.name.text
            case syntax.Variant():
                pass

    def _param(self, param: syntax.Param, scope: Scope) -> None:
        name = param.name.text
        value = self.value(param.value, scope)
        for setting in self.request.variant.settings if self.request.variant else ():
            if isinstance(setting, syntax.Option) and setting.name.text == name:
                value = self.value(setting.value, Scope())
        value = arithmetic.plain(self.request.settings.get(name, value))
        self.settings[name] = value
        scope.declare(name, arithmetic.named(name, value))

    def _input(self, statement: syntax.Input, scope: Scope) -> None:
        if self.frames[0].children:
            self.fail(
                "input-too-late",
                "`input` comes before the first layer",
                statement.span,
                "layers stand above it",
            )
        shape = self.shape_of(statement.shape, scope)
        if self.request.input is not None:
            return
        odd = hints.odd_input(tuple(map(int, shape.sizes)), statement.shape.span, self.source)
        self.warnings += [odd] if odd else []
        self.shape = self.input = shape

    def _expect(self, statement: syntax.Expect, scope: Scope) -> None:
        arrived = self.arrived(statement.span)
        wanted = self.shape_of(statement.shape, scope)
        if wanted.sizes != arrived.sizes:
            self.unfit(
                "not-as-expected",
                f"expected {wanted}, but {arrived} arrives",
                statement.shape.span,
                f"what arrives is {arrived.describe()}",
                remedies.equalised(
                    [child for children in self.placed() for child in children],
                    lambda shape: shape.sizes == wanted.sizes,
                    wanted,
                    self.source,
                ),
                also=hints.last_change(self.placed()),
            )

    # --- control ---------------------------------------------------------------------------------

    def _group(self, label: syntax.Name | None, body: syntax.Body, scope: Scope, span: Span) -> None:
        arrived = self.arrived(span)
        children = self._sequence("group", body, scope)
        first = children[0].input if children else arrived
        self.place(DraftSequence(label, "group", first, self.arrived(span), span, children))

    def _sequence(self, kind: str, body: syntax.Body, scope: Scope) -> list[Draft]:
        """The steps of a body in a sequence of their own, which is open while it lasts."""
        self.frames.append(Frame(kind))
        self._statements(body, scope)
        return self.frames.pop().children

    def _repeat(self, repeat: syntax.Repeat, scope: Scope) -> None:
        count = self.evaluate(lambda evaluator: evaluator.whole(repeat.turns), scope)
        self.decided |= arithmetic.names(count)
        change = self.changed_at(repeat.turns.span)
        if change is not None and change.turns is not None:
            count = change.turns
        if count < 0:
            self.fail(
                "negative-repeat",
                "a body cannot be repeated a negative number of times",
                repeat.turns.span,
                f"this is {count}",
            )
        if not repeat.body.statements:
            return
        if self.expanded + count > self.limits.layers:
            self.count(repeat.turns.span, count)
        for turn in range(count):
            inner = scope.inner()
            if repeat.counter is not None:
                inner.declare(repeat.counter.text, turn)
                inner = inner.inner()
            place = Turn(repeat, turn, count)
            with self.inside(repeat.turns.span, f"in turn {turn + 1} of {count}", place):
                self._statements(repeat.body, inner)

    def _if(self, statement: syntax.If, scope: Scope) -> None:
        failed: list[str | None] = []
        for condition, body in statement.cases:
            guard = self.guard(condition, scope)
            if self.condition(condition, scope):
                with self.guarded(*failed, guard):
                    self._statements(body, scope.inner())
                return
            failed.append(self.negated(guard, condition) if guard else guard)
        if statement.otherwise is not None:
            with self.guarded(*failed):
                self._statements(statement.otherwise, scope.inner())

    # --- branches --------------------------------------------------------------------------------

    def _branch(self, body: syntax.Body, scope: Scope, arrives: Shape) -> list[Draft]:
        """The steps of one branch; afterwards `self.shape` is what it gives. A lone `id` is no step."""
        self.shape = arrives
        match body.statements:
            case (syntax.Apply(word=syntax.Name("id"), arguments=(), label=None),):
                return []
        return self._sequence("branch", body, scope.inner())

    def _parallel(self, statement: syntax.Parallel, scope: Scope) -> None:
        self.count(statement.span)
        if not self._is_member(statement):
            self._wrap(statement, statement.join, scope)
            return
        arrived = self.arrived(statement.span)
        kind: Any = statement.join
        try:
            arrives = share(kind, arrived, len(statement.branches))
        except Refusal as refusal:
            if (fitting := self.with_other_channels(arrived, statement.span)) is None:
                self.unfit(
                    refusal.code,
                    refusal.title,
                    statement.span,
                    refusal.label,
                    remedies.more_channels(arrived, len(statement.branches), statement.span),
                    also=hints.last_change(self.placed()),
                )
            arrived = fitting
            arrives = share(kind, arrived, len(statement.branches))
        branches, shapes = [], []
        for body in statement.branches:
            branches.append(self._branch(body, scope, arrives))
            shapes.append(self.arrived(body.span))
        self.shape = self.joined(kind, shapes, [body.span for body in statement.branches], branches)
        self.check_size(self.shape, statement.span)
        self.place(DraftParallel(None, kind, arrived, self.shape, statement.span, branches))

    def _is_member(self, statement: syntax.Parallel | syntax.Residual) -> bool:
        """Whether a combinator is part of the block around it, and not a module of its own."""
        return statement.label is None and self.frames[-1].kind in ("block", "branch")

    def _wrap(self, statement: syntax.Parallel | syntax.Residual, kind: str, scope: Scope) -> None:
        """A combinator as a module of its own, as if a block had been written for it."""
        body = syntax.Body((statement._replace(label=None),), statement.span)
        self._module(statement.label, kind, statement.span, body, scope, {}, {})

    def _residual(self, statement: syntax.Residual, scope: Scope) -> None:
        guard = None if statement.condition is None else self.guard(statement.condition, scope)
        if statement.condition is not None and not self.condition(statement.condition, scope):
            self._body_alone(statement, scope, guard)
            return
        self.count(statement.span)
        if not self._is_member(statement):
            self._wrap(statement._replace(condition=None), "residual", scope)
            return
        arrived = self.arrived(statement.span)
        body = self._branch(statement.body, scope, arrived)
        output = self.arrived(statement.span)
        shortcut: list[Draft] = []
        spans = [statement.body.span, statement.body.span]
        if output != arrived and statement.projection is not None:
            label = statement.projection_label or syntax.Name("downsample", statement.projection.span)
            self.shape = arrived
            self.frames.append(Frame("branch"))
            with self.guarded(self.differs(arrived, output, body)):
                self._group(label, statement.projection, scope.inner(), statement.projection.span)
            shortcut = self.frames.pop().children
            spans[1] = statement.projection.span
            shapes = [output, self.arrived(statement.span)]
            output = self.joined("add", shapes, spans, [body, shortcut], residual=True)
        elif output != arrived and not self.is_projected(statement.span, arrived, output):
            head = self.source.text[statement.span.start : statement.body.span.start].split()
            projected = "" if "when" in head else remedies.projection(arrived, output)
            self.unfit(
                "branches-differ",
                "`residual` needs a body that keeps the shape",
                statement.body.span,
                f"{arrived} goes in and {output} comes out",
                [Remedy(projected, Change(statement.span, projection=projected))] if projected else [],
                self._keeping_positions(body, arrived, statement.body.span) if not output.spatial else [],
                remedies.equalised(body, lambda shape: shape.sizes == arrived.sizes, arrived, self.source),
            )
        elif output == arrived:
            output = self.joined("add", [output, arrived], spans, [body, []])
        self.shape = output
        self.place(DraftParallel(None, "add", arrived, output, statement.span, [body, shortcut], guard or ""))

    def _keeping_positions(self, body: list[Draft], arrived: Shape, span: Span) -> Remedies:
        """What a `residual` is told whose body makes a vector of positions."""
        fitting = remedies.pointwise(body, lambda shape: shape.sizes == arrived.sizes, span)
        return (remedy._replace(change=None) for remedy in fitting)

    def _body_alone(self, statement: syntax.Residual, scope: Scope, guard: str | None) -> None:
        """A `residual when` whose condition does not hold: its body, and no shortcut."""
        if statement.label is not None:
            self._group(statement.label, statement.body, scope.inner(), statement.span)
        elif not guard or not self._is_member(statement):
            self._statements(statement.body, scope.inner())
        else:
            arrived = self.arrived(statement.span)
            body = self._branch(statement.body, scope, arrived)
            output = self.arrived(statement.span)
            self.place(DraftParallel(None, "add", arrived, output, statement.span, [body], guard))

    # --- blocks ----------------------------------------------------------------------------------

    def _use(self, line: syntax.Apply, definition: Definition, scope: Scope) -> None:
        block = definition.block
        written = sum(d.span.end - d.span.start for _, d in block.arguments if d)
        self.spend(line.span, len(block.arguments) + written // 32)
        inner = definition.scope.inner()
        arguments = self._block_arguments(line, block, scope, inner)
        shown = ", ".join(abridged([f"{name}={describe(value)}" for name, value in arguments.items()]))
        where = f"in this use of `{block.name.text}`" + (f", with {shown}" if shown else "")
        with self.inside(line.word.span, where, Use(line, block, arguments)):
            if definition.is_chain:
                self._chain(line, block, inner)
            else:
                defaults = {n.text: d.value for n, d in block.arguments if isinstance(d, syntax.Number)}
                outer = definition.scope
                self._module(line.label, block.name.text, line.span, block.body, outer, arguments, defaults)

    def _chain(self, line: syntax.Apply, block: syntax.Block, inner: Scope) -> None:
        """A block of blocks: an `nn.Sequential`, whose numbers keep the user's names."""
        arrived = self.arrived(line.span)
        children = self._sequence("chain", block.body, inner.inner())
        output = self.arrived(line.span)
        self.place(DraftSequence(line.label, block.name.text, arrived, output, line.span, children))

    def _module(
        self, label: syntax.Name | None, kind: str, span: Span, body: syntax.Body, outer: Scope,
        arguments: dict[str, Any], defaults: dict[str, Any],
    ) -> None:  # fmt: skip
        """A module with a body: inside, numbers are called after its arguments and `in_channels`."""
        arrived = self.arrived(span)
        printed = (arrived.channels, *arguments.values())
        outside = self.decided | arithmetic.names(arrived.spatial) | arithmetic.opaque_names(printed)
        known = {**arguments, "in_channels": arrived.channels}
        around = self.arguments, self.guards, self.behind
        self.behind = {name: self.params_behind(value) for name, value in known.items()}
        self.decided, self.arguments, self.guards, self._guard = set(), known, (), None
        self.shape = draft.enter(arrived)
        children = self._sequence("block", body, outer.module(arguments, self.behind).inner())
        self.arguments, self.guards, self.behind = around
        self._guard = None
        self.decided = outside | arithmetic.names(tuple(known[name] for name in self.decided & known.keys()))
        self.shape = draft.leave(self.arrived(span), known)
        self.place(DraftBlock(label, kind, arrived, self.shape, span, children, arguments, defaults))

    def _block_arguments(
        self, line: syntax.Apply, block: syntax.Block, scope: Scope, inner: Scope
    ) -> dict[str, Any]:
        """The arguments' values by name, in the order of the definition; `inner` gets to know them."""
        given: dict[str, Any] = {}
        names = iter([name.text for name, _ in block.arguments])
        for argument in line.arguments:
            if isinstance(argument, syntax.Option):
                given[argument.name.text] = self.value(argument.value, scope)
            else:
                given[next(names)] = self.value(argument, scope)
        values: dict[str, Any] = {}
        for name, default in block.arguments:
            if name.text in given:
                values[name.text] = given[name.text]
            else:
                assert default is not None
                values[name.text] = self.value(default, inner)
            inner.declare(name.text, values[name.text])
        return values


def _written(statement: syntax.Statement) -> int:
    """How many characters of expressions a statement evaluates, without the bodies in it."""
    match statement:
        case syntax.If(cases=cases):
            spans = [condition.span for condition, _ in cases]
        case syntax.Repeat(turns=turns):
            spans = [turns.span]
        case syntax.Residual(condition=condition):
            spans = [condition.span] if condition else []
        case syntax.Group() | syntax.Parallel() | syntax.Block():
            spans = []
        case _:
            spans = [statement.span]
    return sum(span.end - span.start for span in spans)

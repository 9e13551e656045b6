"""Syntax tree to network: params, blocks and repeats resolved, and every shape inferred on the way.

One walk with the shape in its hand. Each layer's shape rule is asked once; what it says is the check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, NamedTuple, NoReturn

from specgen import arithmetic, conditions, draft, hints, initialisation, options, remedies, syntax
from specgen.arithmetic import Symbol
from specgen.attempts import Change, Remedies, Remedy, Unfit, told
from specgen.diagnostics import Diagnostic, Label, SpecError, abridged
from specgen.draft import Draft, DraftBlock, DraftLayer, DraftParallel, DraftSequence
from specgen.evaluation import Evaluation
from specgen.expressions import describe
from specgen.ir import InitRule, Network, walk
from specgen.joins import BranchRefusal, join, share
from specgen.layer_line import defaults_of, given_on, make
from specgen.layers import registry
from specgen.layers.base import Layer, Refusal, asked, inferred
from specgen.layers.fields import WrongOptions
from specgen.limits import Limits
from specgen.resolve import resolve
from specgen.scope import Definition, Given, Scope
from specgen.shape import LARGEST, LARGEST_TOTAL, Shape
from specgen.source import Source, Span
from specgen.trace import Trace, Turn, Use


@dataclass
class Frame:
    """An open sequence. `kind` says what it will be: only a group lets a `Flatten` out in front of it."""

    kind: str
    children: list[Draft] = field(default_factory=list)


@dataclass(frozen=True)
class Request:
    """What the caller asks of a spec."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    input: Shape | None = None
    variant: syntax.Variant | None = None
    name: str = "Network"


class Elaborated(NamedTuple):
    """A network, what was found odd on the way, and the steps it was made from, with their places."""

    network: Network
    warnings: list[Diagnostic]
    steps: list[Draft]


def elaborate(
    source: Source, spec: syntax.Spec, request: Request, limits: Limits, trace: Trace | None = None
) -> Elaborated:
    """The network that a spec describes, and the warnings; raises `SpecError`.

    Into `trace`, if there is one, goes where each layer and its options come from.
    """
    words = [value for value in request.settings.values() if isinstance(value, str)]
    problems = resolve(source, spec, words)
    if problems:
        raise SpecError(problems)
    elaborator = _Elaborator(source, spec, request, limits)
    elaborator.trace = trace
    try:
        return elaborator.run()
    except SpecError as error:
        found = list(error.diagnostics)
        if isinstance(error, Unfit):
            found = [replace(found[0], help=told(error.remedies, _Attempts(elaborator, error)))]
        # An input that was turned round is why sizes do not fit further down.
        turned = [warning for warning in elaborator.warnings if warning.code == "channels-last"]
        raise SpecError([*found, *turned]) from error.__cause__


class _Attempts:
    """Elaborates a spec once more for each change, all in all for half of what one spec may cost."""

    def __init__(self, failed: _Elaborator, error: SpecError) -> None:
        self.failed = failed
        self.error = error.diagnostics[0]
        self.left = failed.limits.layers // 2

    def __call__(self, change: Change) -> str | None:
        """The next error, if there is one; `None` where that is no later one, or cannot be found out."""
        failed = self.failed
        if failed.cost > self.left:
            return None
        limits = replace(failed.limits, layers=self.left)
        elaborator = _Elaborator(failed.source, failed.spec, failed.request, limits)
        elaborator.change = change
        try:
            elaborator.expand()
        except (WrongOptions, Refusal):  # what was tried at one place is nothing for another
            return None
        except SpecError as error:
            following = error.diagnostics[0]
            same = (following.code, following.labels[:1]) == (self.error.code, self.error.labels[:1])
            if same or not following.place or not elaborator.is_as_far_as(failed):
                return None
            return f"the next error is in line {following.place[0]}"
        finally:
            self.left -= elaborator.cost
        return ""


class _Elaborator(Evaluation):
    def __init__(self, source: Source, spec: syntax.Spec, request: Request, limits: Limits) -> None:
        super().__init__(source, request.input, limits)
        self.spec = spec
        self.request = request
        self.warnings: list[Diagnostic] = []
        self.input: Shape | None = request.input
        self.frames = [Frame("network")]
        self.settings: dict[str, Any] = {}
        self.init: list[InitRule] = []
        self.name = request.name
        #: What is elaborated otherwise than it is written, where a remedy is tried.
        self.change: Change | None = None
        #: The statement of the spec that is under way, by its number.
        self.reached = 0
        #: What has been spent of the limits: layers, and bodies inside each other.
        self.expanded = 0
        self.depth = 0

    def expand(self) -> None:
        """Put every layer in its place; raises `SpecError` where that does not go."""
        self._statements(self.spec.body, Scope())

    @property
    def cost(self) -> int:
        """What has been spent of the limits, in layers."""
        return max(self.expanded, self.steps // 10)

    def is_as_far_as(self, other: _Elaborator) -> bool:
        """Whether it got as far as another one, which a layer less, or some turns less, is too."""
        fewer = self.change is not None and self.change.turns is not None
        here, there = (self.reached, self.expanded + 1), (other.reached, 0 if fewer else other.expanded)
        return here >= there

    def unfit(
        self, code: str, title: str, span: Span, label: str, *remedies: Remedies, also: Label | None = None
    ) -> NoReturn:
        """Stop with an error about a shape; of each kind of remedies, one is told that the spec takes."""
        raise Unfit(self.diagnostic(code, title, span, label, also=also), remedies)

    def changed_at(self, span: Span) -> Change | None:
        """What is elaborated otherwise at a place."""
        return self.change if self.change is not None and self.change.span == span else None

    def run(self) -> Elaborated:
        self.expand()
        if self.shape is None or self.input is None:
            raise SpecError([self.no_input(None, empty=not self.spec.body.statements)])
        if self.request.variant is not None:
            self.name = self.request.variant.name.text
        fixed = self.decided | self.fixed
        children = draft.without_last_activation(self.frames[0].children)
        root = draft.finish_network(self, children, self.input)
        network = Network.inferred(
            name=self.name,
            description=self.spec.description,
            source=re.split(r"[/\\]", self.source.name)[-1] if self.source.stem else "",
            settings=self.settings,
            fixed=tuple(name for name in self.settings if name in fixed),
            init=tuple(sorted(self.init, key=lambda rule: initialisation.breadth(rule.kind))),
            root=root,
        )
        self._check_figures(network)
        for what, total in (("parameters", network.params), ("multiply-adds", network.macs)):
            if total >= LARGEST_TOTAL:
                most = max(network.layers, key=lambda row: row.params if what == "parameters" else row.macs)
                span = self.source.span_of_line(most.line or 1)
                figure = most.params if what == "parameters" else most.macs
                self.fail(
                    "too-large", f"the network has 2^63 {what} or more", span, f"{figure:,} of them here"
                )
        self._check_init(network)
        return Elaborated(network, self.warnings, children)

    # --- statements ------------------------------------------------------------------------------

    def _statements(self, body: syntax.Body, scope: Scope) -> None:
        self.depth += 1
        if self.depth > 2 * self.limits.depth:
            title = f"blocks and braces are nested more than {2 * self.limits.depth} deep"
            self.fail("too-deep", title, body.span, "the limit is reached here")
        for number, statement in enumerate(body.statements):
            if self.depth == 1:
                self.reached = number
            self.spend(statement.span, 1 + _written(statement) // 16)
            if self.change is None or self._stands(statement, self.change, scope):
                self._statement(statement, scope)
        self.depth -= 1

    def _stands(self, statement: syntax.Statement, change: Change, scope: Scope) -> bool:
        """Whether a statement is where it is written; a line that is tried in front of it is there now."""
        if change.moved is not None and statement.span == change.span:
            self._layer(change.moved, scope)
        moved_away = change.moved is not None and statement.span == change.moved.span
        return not (moved_away or (change.left_out and statement.span == change.span))

    def _statement(self, statement: syntax.Statement, scope: Scope) -> None:
        match statement:
            case syntax.Apply(word=word):
                definition = scope.block(word.text)
                if definition is not None:
                    self._count(statement.span)
                    self._use(statement, definition, scope)
                else:
                    self._layer(statement, scope)
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
                self._init(statement, scope)
            case syntax.NetworkName():
                self.name = statement.name.text
            case syntax.Variant():
                pass

    def _count(self, span: Span, turns: int = 1) -> None:
        self.expanded += turns
        if self.expanded > self.limits.layers:
            self.fail(
                "too-many-layers",
                f"the network has more than {self.limits.layers:,} layers",
                span,
                "the limit is reached here",
            )

    def _param(self, param: syntax.Param, scope: Scope) -> None:
        name = param.name.text
        value = self.value(param.value, scope)
        for setting in self.request.variant.settings if self.request.variant else ():
            if isinstance(setting, syntax.Option) and setting.name.text == name:
                value = self.value(setting.value, Scope())
        value = arithmetic.plain(self.request.settings.get(name, value))
        self.settings[name] = value
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        scope.declare(name, arithmetic.traced(value, Symbol(name)) if is_number else value)

    def _input(self, statement: syntax.Input, scope: Scope) -> None:
        if self.frames[0].children:
            self.fail(
                "input-too-late",
                "`input` comes before the first layer",
                statement.span,
                "layers stand above it",
            )
        shape = self.shape_of(statement.shape, scope)
        sizes = shape.sizes
        if self.request.input is not None:
            return
        if len(sizes) == 3 and sizes[2] <= 4 < min(sizes[:2]):
            turned = "x".join(str(int(size)) for size in (sizes[2], sizes[0], sizes[1]))
            self.warnings.append(
                Diagnostic(
                    "channels-last",
                    "channels come first",
                    (Label(statement.shape.span, f"this is {sizes[0]} channels of {sizes[1]} × {sizes[2]}"),),
                    (f"if {sizes[2]} is the number of channels, write `input {turned}`",),
                    source=self.source,
                    severity="warning",
                )
            )
        self.shape = self.input = shape

    def _expect(self, statement: syntax.Expect, scope: Scope) -> None:
        if self.shape is None:
            raise SpecError([self.no_input(statement.span)])
        wanted = self.shape_of(statement.shape, scope)
        if wanted.sizes != self.shape.sizes:
            self.unfit(
                "not-as-expected",
                f"expected {wanted}, but {self.shape} arrives",
                statement.shape.span,
                f"what arrives is {self.shape.describe()}",
                remedies.equalised(
                    [child for children in self.placed() for child in children],
                    lambda shape: shape.sizes == wanted.sizes,
                    wanted,
                    self.source,
                ),
                also=hints.last_change(self.placed()),
            )

    def _init(self, statement: syntax.Init, scope: Scope) -> None:
        function = initialisation.FUNCTIONS[statement.function.text]
        values: dict[str, Any] = {}
        for argument in statement.arguments:
            assert isinstance(argument, syntax.Option)
            name, value = argument.name.text, self.value(argument.value, scope)
            self.decided |= arithmetic.names(value)
            kind = function.options.get(name, initialisation.NUMBER)
            try:
                values[name] = arithmetic.plain(kind.check(value))
            except ValueError:
                self.fail(
                    "wrong-value",
                    f"`{name}` must be {kind.describe()}",
                    argument.span,
                    f"this is {describe(value)}",
                )
        missing = [name for name in function.required if name not in values]
        if missing:
            self.fail(
                "value-missing",
                f"`{statement.function.text}` needs `{missing[0]}`",
                statement.function.span,
                "not given here",
            )
        bias = values.pop("bias", None)
        kind_name = initialisation.kinds()[statement.kind.text]
        self.init.append(
            InitRule(
                kind=kind_name,
                function=statement.function.text,
                options=values,
                bias=None if bias is None else float(bias),
                line=self.source.position(statement.span.start)[0],
            )
        )

    def _check_figures(self, network: Network) -> None:
        """Every layer has to know its parameters and its multiply-adds."""
        try:
            network.layers  # noqa: B018 (they are worked out once)
        except Exception:
            for _, step in walk(network.root):
                try:
                    asked(step.layer, step.layer.parameters, step.input)
                    asked(step.layer, step.layer.macs, step.input)
                except Refusal as refusal:
                    span = self.source.span_of_line(step.line or 1)
                    problem = self.diagnostic(
                        refusal.code, refusal.title, span, refusal.label, refusal.advice
                    )
                    raise SpecError([problem]) from refusal.__cause__
            raise

    def _check_init(self, network: Network) -> None:
        """Every weight that an `init` reaches must have the axes that its function needs."""
        if not network.init:
            return
        spans = [s.span for s in self.spec.body.statements if isinstance(s, syntax.Init)]
        reached = [
            (reach.rule, path, step) for reach in initialisation.plan(network) for path, step in reach.steps
        ]
        for rule, path, step in reached:
            weight = step.layer.parameters(step.input).get("weight")
            if weight is not None and not initialisation.fits(rule.function, len(weight)):
                span = next(s for s in spans if self.source.position(s.start)[0] == rule.line)
                axes = f"{len(weight)} {'axis' if len(weight) == 1 else 'axes'}"
                self.fail(
                    "init-does-not-fit",
                    f"`{rule.function}` cannot fill a weight of {axes}",
                    span,
                    f"it reaches `{path}.weight`, which is the weight of a `{step.layer.word}`",
                )

    # --- control ---------------------------------------------------------------------------------

    def _group(self, label: syntax.Name | None, body: syntax.Body, scope: Scope, span: Span) -> None:
        arrived = self.arrived(span)
        frame = Frame("group")
        self.frames.append(frame)
        self._statements(body, scope)
        self.frames.pop()
        first = frame.children[0].input if frame.children else arrived
        self._place(DraftSequence(label, "group", first, self.arrived(span), span, frame.children))

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
            self._count(repeat.turns.span, count)
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
        self.frames.append(Frame("branch"))
        self._statements(body, scope.inner())
        return self.frames.pop().children

    def _parallel(self, statement: syntax.Parallel, scope: Scope) -> None:
        self._count(statement.span)
        if not self._is_member(statement):
            self._wrap(statement, statement.join, scope)
            return
        arrived = self.arrived(statement.span)
        kind: Any = statement.join
        try:
            arrives = share(kind, arrived, len(statement.branches))
        except Refusal as refusal:
            if (fitting := self._with_other_channels(arrived, statement.span)) is None:
                self.unfit(
                    refusal.code,
                    refusal.title,
                    statement.span,
                    refusal.label,
                    remedies.more_channels(kind, arrived, len(statement.branches), statement.span),
                    also=hints.last_change(self.placed()),
                )
            arrived = fitting
            arrives = share(kind, arrived, len(statement.branches))
        branches, shapes = [], []
        for body in statement.branches:
            branches.append(self._branch(body, scope, arrives))
            shapes.append(self.arrived(body.span))
        self.shape = self._join(kind, shapes, [body.span for body in statement.branches], branches)
        self._place(DraftParallel(None, kind, arrived, self.shape, statement.span, branches))

    def _with_other_channels(self, arrived: Shape, span: Span) -> Shape | None:
        """What arrives with the channels that are tried at a place: once, since elsewhere others may come."""
        change = self.changed_at(span)
        if change is None or not change.channels:
            return None
        self.change = None
        return arrived.replace(channels=change.channels)

    def _is_member(self, statement: syntax.Parallel | syntax.Residual) -> bool:
        """Whether a combinator is part of the block around it, and not a module of its own."""
        return statement.label is None and self.frames[-1].kind in ("block", "branch")

    def _wrap(self, statement: syntax.Parallel | syntax.Residual, kind: str, scope: Scope) -> None:
        """A combinator as a module of its own, as if a block had been written for it."""
        body = syntax.Body((statement._replace(label=None),), statement.span)
        self._module(statement.label, kind, statement.span, body, scope, {}, {})

    def _join(self, kind: Any, shapes: list[Shape], spans: list[Span], branches: list[list[Draft]]) -> Shape:
        if self.change is not None and self.change.shape is not None and self.change.span in spans:
            shapes[spans.index(self.change.span)] = self.change.shape
        try:
            return join(kind, shapes)
        except BranchRefusal as refusal:
            at, other = refusal.branch, refusal.other
            also = Label(spans[other], f"this branch gives {hints.said(shapes[other])}", primary=False)
            label = f"this branch gives {hints.said(shapes[at])}"
            equal = chain(
                self._equal(kind, branches[at], shapes, at, other, spans[at]),
                self._equal(kind, branches[other], shapes, other, at, spans[other]),
            )
            self.unfit(refusal.code, refusal.title, spans[at], label, equal, also=also)

    def _equal(
        self, kind: Any, branch: list[Draft], shapes: list[Shape], at: int, other: int, span: Span
    ) -> Remedies:
        """What makes a branch fit to another one, if all branches can be joined then."""

        def fits(shape: Shape) -> bool:
            try:
                join(kind, [*shapes[:at], shape, *shapes[at + 1 :]])
            except BranchRefusal:
                return False
            return True

        channels = shapes[at].channels if kind in ("cat", "split") else shapes[other].channels
        wanted = shapes[other].replace(channels=channels)
        if not shapes[at].spatial and shapes[other].is_map:
            return remedies.pointwise(branch, fits, span)
        return remedies.equalised(branch, fits, wanted, self.source)

    def _residual(self, statement: syntax.Residual, scope: Scope) -> None:
        guard = None if statement.condition is None else self.guard(statement.condition, scope)
        if statement.condition is not None and not self.condition(statement.condition, scope):
            self._body_alone(statement, scope, guard)
            return
        self._count(statement.span)
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
            with self.guarded(self._differs(arrived, output, body)):
                self._group(label, statement.projection, scope.inner(), statement.projection.span)
            shortcut = self.frames.pop().children
            spans[1] = statement.projection.span
            output = self._join("add", [output, self.arrived(statement.span)], spans, [body, shortcut])
        elif output != arrived and not self._is_projected(statement.span, arrived, output):
            head = self.source.text[statement.span.start : statement.body.span.start].split()
            projected = "" if "when" in head else remedies.projection(arrived, output)
            self.unfit(
                "branches-differ",
                "`residual` needs a body that keeps the shape",
                statement.body.span,
                f"{arrived} goes in and {output} comes out",
                [Remedy(projected, Change(statement.span, projection=projected))] if projected else [],
                remedies.equalised(body, lambda shape: shape.sizes == arrived.sizes, arrived, self.source),
            )
        elif output == arrived:
            output = self._join("add", [output, arrived], spans, [body, []])
        self.shape = output
        self._place(
            DraftParallel(None, "add", arrived, output, statement.span, [body, shortcut], guard or "")
        )

    def _is_projected(self, span: Span, arrived: Shape, output: Shape) -> bool:
        """Whether a `residual` is tried with a projection, and it is one for these shapes."""
        change = self.changed_at(span)
        return (
            change is not None
            and change.projection != ""
            and change.projection == remedies.projection(arrived, output)
        )

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
            self._place(DraftParallel(None, "add", arrived, output, statement.span, [body], guard))

    def _differs(self, arrived: Shape, output: Shape, body: list[Draft]) -> str:
        """When a residual's body changes the shape, said of the block's arguments; empty if that fails."""
        strides = dict.fromkeys(arithmetic.show(stride.expression) for stride in draft.strides(body))
        tests = [f"{stride} != 1" for stride in strides]
        channels = [arithmetic.show(arithmetic.expression_of(shape.channels)) for shape in (arrived, output)]
        if channels[0] != channels[1] and conditions.names_in(channels):
            tests.append(f"{channels[0]} != {channels[1]}")
        source = " or ".join(tests)
        return source if source and conditions.holds(source, self.arguments) else ""

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
        self.frames.append(Frame("chain"))
        self._statements(block.body, inner.inner())
        children = self.frames.pop().children
        output = self.arrived(line.span)
        self._place(DraftSequence(line.label, block.name.text, arrived, output, line.span, children))

    def _module(
        self, label: syntax.Name | None, kind: str, span: Span, body: syntax.Body, outer: Scope,
        arguments: dict[str, Any], defaults: dict[str, Any],
    ) -> None:  # fmt: skip
        """A module with a body: inside, numbers are called after its arguments and `in_channels`."""
        arrived = self.arrived(span)
        printed = (arrived.channels, *arguments.values())
        outside = self.decided | arithmetic.names(arrived.spatial) | arithmetic.opaque_names(printed)
        known = {**arguments, "in_channels": arrived.channels}
        around = self.arguments, self.guards
        self.decided, self.arguments, self.guards, self._guard = set(), known, (), None
        self.shape = draft.enter(arrived)
        self.frames.append(Frame("block"))
        self._statements(body, outer.module(arguments).inner())
        children = self.frames.pop().children
        self.arguments, self.guards = around
        self._guard = None
        self.decided = outside | arithmetic.names(tuple(known[name] for name in self.decided & known.keys()))
        self.shape = draft.leave(self.arrived(span), known)
        self._place(DraftBlock(label, kind, arrived, self.shape, span, children, arguments, defaults))

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

    # --- layers ----------------------------------------------------------------------------------

    def _layer(self, line: syntax.Apply, scope: Scope) -> None:
        kind = registry.find(line.word.text)
        assert kind is not None
        arrived = self.arrived(line.span)
        if self.trace is not None:
            self.trace.enter(line, self.places, scope)
        given = given_on(self, kind, line.arguments, scope)
        if kind.flattens and arrived.rank:
            self._flatten(line._replace(span=line.word.span))
        given = {**defaults_of(kind, scope), **given}
        layer = make(self, kind, given, line.word)
        self._apply(layer, line.label, line, line.word.span, given)
        for slot in options.TRIM if kind.takes_trim else ():
            choice = given.get(slot)
            if choice is None and slot == "act" and kind.default_act:
                choice = Given(options.TrimWord(kind.default_act), line.word.span, on_line=False)
            if choice is not None and choice.value is not None:
                self._trim(
                    choice, line, scope, implied=kind.flattens and slot == "act" and not choice.on_line
                )

    def _trim(self, choice: Given, line: syntax.Apply, scope: Scope, *, implied: bool) -> None:
        word = choice.value.word
        kind = registry.trims()[word]
        given = dict(defaults_of(kind, scope))
        if choice.value.value is not None:
            given[kind.positional[0]] = replace(choice, value=choice.value.value)
        layer = make(self, kind, given, syntax.Name(word, choice.span), trim=True)
        self._apply(layer, None, line, choice.span, given, implied=implied)

    def _apply(
        self, layer: Layer, label: syntax.Name | None, line: syntax.Apply, word: Span,
        given: Mapping[str, Given], *, implied: bool = False,
    ) -> None:  # fmt: skip
        """Let a layer follow, asked for at `word`: infer its output and add it to the open sequence."""
        self._count(line.span)
        arrived = self.arrived(line.span)
        layer = self._in_place(layer, given)
        change = self.changed_at(line.span)
        if change is not None and (change.layer, change.asked) == (layer.word, word):
            layer = layer.with_options(**change.options)
        else:
            change = None
        try:
            output = inferred(layer, arrived)
            if arithmetic.opaque_names((*arrived.sizes, *dict(layer).values())):
                call = asked(layer, layer.call, arrived)
                self.decided |= arithmetic.opaque_names((*call.arguments, *call.keywords.values()))
        except Refusal as refusal:
            fitting = None if change is None else self._with_other_channels(arrived, line.span)
            if fitting is None:
                self._refused(layer, refusal, arrived, line, word, given)
            arrived, output = fitting, inferred(layer, fitting)
        if max(output.sizes) > LARGEST:
            self.fail("too-large", "a size is 2^31 or more", word, f"this makes {output}")
        if output.elements >= LARGEST_TOTAL:
            self.fail("too-large", "a tensor has 2^63 values or more", word, f"this makes {output}")
        self.shape = output
        place = line.word.span, word, given
        origin = None if self.trace is None else self.trace.origin(word, given)
        self._place(
            DraftLayer(label, layer.word, arrived, output, line.span, layer, implied, "", *place, origin)
        )

    def _in_place(self, layer: Layer, given: Mapping[str, Given]) -> Layer:
        """Overwrite where that cannot be observed: directly behind a weighted or a norm layer."""
        before = self.frames[-1].children[-1:]
        if not layer.may_overwrite or "inplace" in given or not before:
            return layer
        if isinstance(before[0], DraftLayer) and before[0].layer.family in ("conv", "linear", "norm"):
            return layer.with_options(inplace=True)
        return layer

    def _refused(
        self, layer: Layer, refusal: Refusal, arrived: Shape, line: syntax.Apply, word: Span,
        given: Mapping[str, Given],
    ) -> NoReturn:  # fmt: skip
        option = given.get(refusal.at or "")
        placed = self.placed()
        shrunk = refusal.code == "kernel-too-large"
        also = hints.last_shrinking(placed, self.source) if shrunk else hints.last_change(placed)
        span = option.span if option else word
        problem = self.diagnostic(refusal.code, refusal.title, span, refusal.label, also=also)
        raise Unfit(problem, self._remedies(layer, refusal, arrived, line, word)) from refusal.__cause__

    def _remedies(
        self, layer: Layer, refusal: Refusal, arrived: Shape, line: syntax.Apply, word: Span
    ) -> Iterator[Remedies]:
        """What would let a layer fit: its own options first, then what stands above."""
        place = Change(line.span, layer=layer.word, asked=word)
        as_option = "=" in self.source.text[word.start : word.end]
        own = list(remedies.other_options(layer, refusal, arrived, place, as_option=as_option))
        shrunk = refusal.code == "kernel-too-large" and arrived.is_map
        if shrunk and len(self.places) == 1 and isinstance(self.places[0], Turn) and self.places[0].turn:
            repeat, turn, _ = self.places[0]  # the turns before this one did
            yield [Remedy(f"with `repeat {turn}` it fits", Change(repeat.turns.span, turns=turn))]
        yield from ([one] for one in own[:1])
        if shrunk:
            yield remedies.without_a_pooling(self.placed(), layer, self.source)
        yield from ([one] for one in own[1:])
        yield remedies.other_channels(layer, refusal, arrived, place)
        if refusal.advice:
            yield [Remedy(refusal.advice)]
        elif refusal.code == "needs-map":
            yield chain(remedies.in_front(self.placed(), layer, line, self.source), self._multiplied_input())

    def _multiplied_input(self) -> Iterator[Remedy]:
        """How to write an `input` whose sizes were multiplied instead of joined."""
        for statement in self.spec.body.statements:
            if isinstance(statement, syntax.Input) and self.request.input is None:
                span = statement.shape.span
                written = "".join(self.source.text[span.start : span.end].split())
                if re.fullmatch(r"\d+(\*\d+)+", written):
                    yield Remedy(f"sizes are joined by the letter x: `input {written.replace('*', 'x')}`")

    def _flatten(self, line: syntax.Apply) -> None:
        """Put a `Flatten` in front: of the layer, or of the named groups that it opens."""
        depth = len(self.frames) - 1
        while self.frames[depth].kind == "group" and not self.frames[depth].children:
            depth -= 1
        inner, self.frames = self.frames[depth + 1 :], self.frames[: depth + 1]
        kind = registry.find("flatten")
        assert kind is not None
        self._apply(kind(), None, line, line.word.span, {})
        self.frames += inner

    def placed(self) -> list[list[Draft]]:
        """What stands in the open sequences so far, outermost first."""
        return [frame.children for frame in self.frames]

    def _place(self, child: Draft) -> None:
        if self.guards and not child.guard and self.frames[-1].kind in ("block", "branch"):
            child = replace(child, guard=self.guard_here)
        self.frames[-1].children.append(child)


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

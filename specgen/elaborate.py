"""Syntax tree to network: params, blocks and repeats resolved, and every shape inferred on the way.

One walk with the shape in its hand. Each layer's shape rule is asked once; what it says is the check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Iterator, NoReturn

from pydantic import ValidationError

from specgen import arithmetic, conditions, draft, initialisation, options, syntax
from specgen.arithmetic import Symbol, Traced
from specgen.diagnostics import Diagnostic, Label, SpecError
from specgen.draft import Draft, DraftBlock, DraftLayer, DraftParallel, DraftSequence
from specgen.expressions import Evaluator, Wrong, describe
from specgen.ir import InitRule, Network
from specgen.joins import BranchRefusal, join, share
from specgen.layers import registry
from specgen.layers.base import Layer, Refusal
from specgen.limits import Limits
from specgen.resolve import resolve
from specgen.shape import LARGEST, LARGEST_TOTAL, Shape
from specgen.source import Source, Span


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
            symbol = arithmetic.traced(arithmetic.plain(value), Symbol(name)) if draft.is_number(value) else value
            self.values[name] = symbol


@dataclass(frozen=True)
class Definition:
    """A block and the scope it was written in."""

    block: syntax.Block
    scope: Scope


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


def elaborate(source: Source, spec: syntax.Spec, request: Request, limits: Limits) -> tuple[Network, list[Diagnostic]]:
    """The network that a spec describes, and the warnings; raises `SpecError`."""
    words = [value for value in request.settings.values() if isinstance(value, str)]
    problems = resolve(source, spec, words)
    if problems:
        raise SpecError(problems)
    return _Elaborator(source, spec, request, limits).run()


class _Elaborator:
    def __init__(self, source: Source, spec: syntax.Spec, request: Request, limits: Limits) -> None:
        self.source = source
        self.spec = spec
        self.request = request
        self.limits = limits
        self.warnings: list[Diagnostic] = []
        self.shape: Shape | None = request.input
        self.input: Shape | None = request.input
        self.frames = [Frame("network")]
        #: Names whose values decided about the structure, in the block at hand.
        self.decided: set[str] = set()
        #: Params whose values went into a block other than by its arguments.
        self.fixed: set[str] = set()
        self.settings: dict[str, Any] = {}
        self.init: list[InitRule] = []
        self.name = request.name
        self.expanded = 0
        #: In a module: its arguments and `in_channels`, and the conditions around the statement at hand.
        self.arguments: Mapping[str, Any] = {}
        self.guards: list[str] = []
        #: The uses of blocks and the turns of repeats that are under way, outermost first.
        self.within: list[Label] = []

    def run(self) -> tuple[Network, list[Diagnostic]]:
        scope = Scope()
        self._statements(self.spec.body, scope)
        if self.shape is None or self.input is None:
            raise SpecError([self._no_input(None)])
        if self.request.variant is not None:
            self.name = self.request.variant.name.text
        children = draft.without_last_activation(self.frames[0].children)
        root = draft.finish_network(self, children, self.input)
        network = Network.model_validate(
            {
                "name": self.name,
                "description": self.spec.description,
                "source": re.split(r"[/\\]", self.source.name)[-1] if self.source.stem else "",
                "settings": self.settings,
                "fixed": tuple(name for name in self.settings if name in self.decided | self.fixed),
                "init": tuple(sorted(self.init, key=lambda rule: initialisation.breadth(rule.kind))),
                "root": root,
            },
            context={"inferred": True},
        )
        for what, total in (("parameters", network.params), ("multiply-adds", network.macs)):
            if total >= LARGEST_TOTAL:
                raise SpecError([Diagnostic("too-large", f"the network has 2^63 {what} or more", source=self.source)])
        self._check_init(network)
        return network, self.warnings

    # --- reports ---------------------------------------------------------------------------------

    def fail(self, code: str, title: str, span: Span, label: str = "", *help_: str, also: Label | None = None) -> NoReturn:
        """Stop with one error; where it happened is told from the innermost block or turn outwards."""
        labels = [Label(span, label), *((also,) if also else ()), *reversed(self.within)]
        raise SpecError([Diagnostic(code, title, tuple(labels), tuple(h for h in help_ if h), source=self.source)])

    def _no_input(self, span: Span | None) -> Diagnostic:
        labels = (Label(span, "nothing arrives here"),) if span else ()
        help_ = "write `input 3x224x224` above the first layer, or give one from outside: `--input 3x224x224`"
        return Diagnostic("no-input", "the network has no input", labels, (help_,), source=self.source)

    @contextmanager
    def _inside(self, span: Span, text: str) -> Iterator[None]:
        self.within.append(Label(span, text, primary=False))
        yield
        self.within.pop()

    # --- values ----------------------------------------------------------------------------------

    def _evaluate(self, ask: Callable[[Evaluator], Any], scope: Scope) -> Any:
        def lookup(name: str) -> Any:
            value = scope.values.get(name, name)
            self.fixed |= scope.captured.get(name, frozenset())
            if name in scope.values and not isinstance(value, Traced):
                self.decided.add(name)
            return value

        channels = None if self.shape is None else self.shape.channels
        try:
            return ask(Evaluator(lookup, channels, self.decided))
        except Wrong as wrong:
            self.fail(wrong.code, wrong.title, wrong.span, wrong.label, wrong.help)

    def value(self, expr: syntax.Expr, scope: Scope) -> Any:
        """The value of an expression."""
        return self._evaluate(lambda evaluator: evaluator.value(expr), scope)

    def condition(self, expr: syntax.Expr, scope: Scope) -> bool:
        """The value of an expression that has to be true or false."""
        return bool(self._evaluate(lambda evaluator: evaluator.boolean(expr), scope))

    def _guard(self, expr: syntax.Expr, scope: Scope) -> str:
        """The condition as the emitted class can say it; empty where it cannot, or where it is constant."""
        flags = [name for name, value in self.arguments.items() if isinstance(value, bool)]
        try:
            source = self._evaluate(lambda evaluator: evaluator.source(expr, flags), scope)
        except SpecError:
            return ""  # an operand that is never reached: `n > 0 and 12 / n > 3`
        return conditions.canonical(source) if source and conditions.names_in([source]) else ""

    @contextmanager
    def _guarded(self, guard: str) -> Iterator[None]:
        self.guards.append(guard)
        yield
        self.guards.pop()

    def _shape_of(self, expr: syntax.Expr, scope: Scope) -> Shape:
        """The shape that `input` or `expect` names."""
        value = self.value(expr, scope)
        sizes = []
        parts = expr.items if isinstance(expr, syntax.TupleOf) else (expr,) * 4
        for size, part in zip(value if isinstance(value, tuple) else (value,), parts, strict=False):
            if isinstance(size, bool) or not isinstance(size, (int, float)) or size != int(size):
                self.fail("not-a-shape", "a shape is whole numbers", part.span, f"this is {describe(size)}")
            if not 1 <= size <= LARGEST:
                self.fail("not-a-shape", "a size is 1 or more, and less than 2^31", part.span, f"this is {describe(size)}")
            sizes.append(size if isinstance(size, int) else int(size))
        if not 1 <= len(sizes) <= 4:
            self.fail("not-a-shape", "a shape has channels and up to three spatial sizes", expr.span, f"this has {len(sizes)} sizes")
        return Shape.of_sizes(tuple(sizes))

    # --- statements ------------------------------------------------------------------------------

    def _statements(self, body: syntax.Body, scope: Scope) -> None:
        for statement in body.statements:
            self._statement(statement, scope)

    def _statement(self, statement: syntax.Statement, scope: Scope) -> None:
        match statement:
            case syntax.Apply(word=word):
                self._count(statement.span)
                definition = scope.blocks.get(word.text)
                if definition is not None:
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
                scope.values[statement.name.text] = self.value(statement.value, scope)
            case syntax.Default():
                layer = registry.find(statement.layer.text)
                assert layer is not None
                given = self._given(layer, statement.arguments, scope, on_line=False)
                scope.defaults[layer.word] = {**scope.defaults.get(layer.word, {}), **given}
            case syntax.Block():
                if any(frame.kind == "block" for frame in self.frames):
                    self.decided |= arithmetic.names(tuple(scope.values.values()))
                scope.blocks[statement.name.text] = Definition(statement, scope.inner())
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
        scope.values[name] = arithmetic.traced(value, Symbol(name)) if is_number else value

    def _input(self, statement: syntax.Input, scope: Scope) -> None:
        if self.frames[0].children:
            self.fail("input-too-late", "`input` comes before the first layer", statement.span, "layers stand above it")
        shape = self._shape_of(statement.shape, scope)
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
            raise SpecError([self._no_input(statement.span)])
        wanted = self._shape_of(statement.shape, scope)
        if wanted.sizes != self.shape.sizes:
            self.fail(
                "not-as-expected",
                f"expected {wanted}, but {self.shape} arrives",
                statement.shape.span,
                f"what arrives is {self.shape.describe()}",
                also=self._last_change(),
            )

    def _last_change(self) -> Label | None:
        """Where the shape that arrives was made."""
        for frame in reversed(self.frames):
            for child in reversed(frame.children):
                if child.input != child.output:
                    return Label(child.span, f"this makes {child.output}", primary=False)
        return None

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
                self.fail("wrong-value", f"`{name}` must be {kind.describe()}", argument.span, f"this is {describe(value)}")
        missing = [name for name in function.required if name not in values]
        if missing:
            self.fail("value-missing", f"`{statement.function.text}` needs `{missing[0]}`", statement.span, "not given here")
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

    def _check_init(self, network: Network) -> None:
        """Every weight that an `init` reaches must have the axes that its function needs."""
        spans = [s.span for s in self.spec.body.statements if isinstance(s, syntax.Init)]
        reached = [(reach.rule, path, step) for reach in initialisation.plan(network) for path, step in reach.steps]
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
        arrived = self._arrived(span)
        frame = Frame("group")
        self.frames.append(frame)
        self._statements(body, scope)
        self.frames.pop()
        first = frame.children[0].input if frame.children else arrived
        self._place(DraftSequence(label, "group", first, self._arrived(span), span, frame.children))

    def _repeat(self, repeat: syntax.Repeat, scope: Scope) -> None:
        count = self._evaluate(lambda evaluator: evaluator.whole(repeat.count), scope)
        self.decided |= arithmetic.names(count)
        if count < 0:
            self.fail("negative-repeat", "a body cannot be repeated a negative number of times", repeat.count.span, f"this is {count}")
        if not repeat.body.statements:
            return
        if self.expanded + count > self.limits.layers:
            self._count(repeat.count.span, count)
        for turn in range(count):
            inner = scope.inner()
            if repeat.index is not None:
                inner.values[repeat.index.text] = turn
            with self._inside(repeat.count.span, f"in turn {turn + 1} of {count}"):
                self._statements(repeat.body, inner)

    def _if(self, statement: syntax.If, scope: Scope) -> None:
        failed: list[str] = []
        for condition, body in statement.cases:
            guard = self._guard(condition, scope)
            if self.condition(condition, scope):
                with self._guarded(conditions.both(*failed, guard)):
                    self._statements(body, scope.inner())
                return
            failed.append(conditions.negated(guard) if guard else "")
        if statement.otherwise is not None:
            with self._guarded(conditions.both(*failed)):
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
        arrived = self._arrived(statement.span)
        kind: Any = statement.join
        try:
            arrives = share(kind, arrived, len(statement.branches))
        except Refusal as refusal:
            self.fail(refusal.code, refusal.title, statement.span, refusal.label, also=self._last_change())
        branches, shapes = [], []
        for body in statement.branches:
            branches.append(self._branch(body, scope, arrives))
            shapes.append(self._arrived(body.span))
        self.shape = self._join(kind, shapes, [body.span for body in statement.branches])
        self._place(DraftParallel(None, kind, arrived, self.shape, statement.span, branches))

    def _is_member(self, statement: syntax.Parallel | syntax.Residual) -> bool:
        """Whether a combinator is part of the block around it, and not a module of its own."""
        return statement.label is None and self.frames[-1].kind in ("block", "branch")

    def _wrap(self, statement: syntax.Parallel | syntax.Residual, kind: str, scope: Scope) -> None:
        """A combinator as a module of its own, as if a block had been written for it."""
        body = syntax.Body((replace(statement, label=None),), statement.span)
        self._module(statement.label, kind, statement.span, body, scope.inner(), {}, {})

    def _join(self, kind: Any, shapes: list[Shape], spans: list[Span]) -> Shape:
        try:
            return join(kind, shapes)
        except BranchRefusal as refusal:
            also = Label(spans[0], f"this branch gives {shapes[0]}", primary=False)
            label = f"this branch gives {shapes[refusal.branch]}"
            self.fail(refusal.code, refusal.title, spans[refusal.branch], label, also=also)

    def _residual(self, statement: syntax.Residual, scope: Scope) -> None:
        guard = self._guard(statement.condition, scope) if statement.condition is not None else ""
        if statement.condition is not None and not self.condition(statement.condition, scope):
            self._body_alone(statement, scope, guard)
            return
        self._count(statement.span)
        if not self._is_member(statement):
            self._wrap(replace(statement, condition=None), "residual", scope)
            return
        arrived = self._arrived(statement.span)
        body = self._branch(statement.body, scope, arrived)
        output = self._arrived(statement.span)
        shortcut: list[Draft] = []
        spans = [statement.body.span, statement.body.span]
        if output != arrived and statement.projection is not None:
            label = statement.projection_label or syntax.Name("downsample", statement.projection.span)
            self.shape = arrived
            self.frames.append(Frame("branch"))
            with self._guarded(self._differs(arrived, output, body)):
                self._group(label, statement.projection, scope.inner(), statement.projection.span)
            shortcut = self.frames.pop().children
            spans[1] = statement.projection.span
            output = self._join("add", [output, self._arrived(statement.span)], spans)
        elif output != arrived:
            self.fail(
                "branches-differ",
                "`residual` needs a body that keeps the shape",
                statement.body.span,
                f"{arrived} goes in and {output} comes out",
                "add a projection: `} else { conv … k=1 linear }`",
            )
        else:
            output = self._join("add", [output, arrived], spans)
        self.shape = output
        self._place(DraftParallel(None, "add", arrived, output, statement.span, [body, shortcut], guard))

    def _body_alone(self, statement: syntax.Residual, scope: Scope, guard: str) -> None:
        """A `residual when` whose condition does not hold: its body, and no shortcut."""
        if statement.label is not None:
            self._group(statement.label, statement.body, scope.inner(), statement.span)
        elif not guard or not self._is_member(statement):
            self._statements(statement.body, scope.inner())
        else:
            arrived = self._arrived(statement.span)
            body = self._branch(statement.body, scope, arrived)
            output = self._arrived(statement.span)
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
        inner = definition.scope.inner()
        arguments = self._block_arguments(line, block, scope, inner)
        shown = ", ".join(f"{name}={describe(value)}" for name, value in arguments.items())
        where = f"in this use of `{block.name.text}`" + (f", with {shown}" if shown else "")
        with self._inside(line.word.span, where):
            if draft.is_chain(block, definition.scope.blocks):
                self._chain(line, block, inner, arguments)
            else:
                defaults = {n.text: d.value for n, d in block.arguments if isinstance(d, syntax.Number)}
                self._module(line.label, block.name.text, line.span, block.body, inner, arguments, defaults)

    def _chain(self, line: syntax.Apply, block: syntax.Block, inner: Scope, arguments: Mapping[str, Any]) -> None:
        """A block of blocks: an `nn.Sequential`, whose numbers keep the user's names."""
        arrived = self._arrived(line.span)
        inner.values.update(arguments)
        self.frames.append(Frame("chain"))
        self._statements(block.body, inner)
        children = self.frames.pop().children
        output = self._arrived(line.span)
        self._place(DraftSequence(line.label, block.name.text, arrived, output, line.span, children))

    def _module(
        self, label: syntax.Name | None, kind: str, span: Span, body: syntax.Body, inner: Scope,
        arguments: dict[str, Any], defaults: dict[str, Any],
    ) -> None:  # fmt: skip
        """A module with a body: inside, numbers are called after its arguments and `in_channels`."""
        arrived = self._arrived(span)
        outside = self.decided | arithmetic.names(arrived.spatial)
        inner.as_module(arguments)
        known = {**arguments, "in_channels": arrived.channels}
        around = self.arguments, self.guards
        self.decided, self.arguments, self.guards = set(), known, []
        self.shape = draft.enter(arrived)
        self.frames.append(Frame("block"))
        self._statements(body, inner)
        children = self.frames.pop().children
        self.arguments, self.guards = around
        self.decided = outside | arithmetic.names(tuple(known[name] for name in self.decided & known.keys()))
        self.shape = draft.leave(self._arrived(span), known)
        self._place(DraftBlock(label, kind, arrived, self.shape, span, children, arguments, defaults))

    def _block_arguments(self, line: syntax.Apply, block: syntax.Block, scope: Scope, inner: Scope) -> dict[str, Any]:
        """The arguments' values by name, in the order of the definition."""
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
                at_use = Scope({**inner.values, **values})
                values[name.text] = self.value(default, at_use)
        return values

    # --- layers ----------------------------------------------------------------------------------

    def _layer(self, line: syntax.Apply, scope: Scope) -> None:
        kind = registry.find(line.word.text)
        assert kind is not None
        arrived = self._arrived(line.span)
        given = self._given(kind, line.arguments, scope)
        if kind.flattens and arrived.rank:
            self._flatten(line.word.span)
        given = {**self._defaults(kind, scope), **given}
        layer = self._make(kind, given, line.word)
        self._apply(layer, line.label, line.span, line.word.span, given)
        for slot in options.TRIM if kind.takes_trim else ():
            choice = given.get(slot)
            if choice is None and slot == "act" and kind.default_act:
                choice = Given(options.TrimWord(kind.default_act), line.word.span, on_line=False)
            if choice is not None and choice.value is not None:
                self._trim(choice, line, scope, implied=kind.flattens and slot == "act" and not choice.on_line)

    def _trim(self, choice: Given, line: syntax.Apply, scope: Scope, *, implied: bool) -> None:
        word = choice.value.word
        kind = registry.trims()[word]
        given = dict(self._defaults(kind, scope))
        if choice.value.value is not None:
            given[kind.positional[0]] = replace(choice, value=choice.value.value)
        layer = self._make(kind, given, syntax.Name(word, choice.span))
        self._apply(layer, None, line.span, choice.span, given, implied=implied)

    def _defaults(self, kind: type[Layer], scope: Scope) -> dict[str, Given]:
        inherited = scope.defaults.get(kind.inherits_defaults or "", {})
        known = options.option_names(kind)
        return {
            **{name: given for name, given in inherited.items() if name in known},
            **scope.defaults.get(kind.word, {}),
        }

    def _given(
        self, kind: type[Layer], arguments: tuple[syntax.Argument, ...], scope: Scope, *, on_line: bool = True
    ) -> dict[str, Given]:
        """The options that a line gives, under their full names; trims as `TrimWord` or `None`."""
        known, flags = options.option_names(kind), options.flags(kind)
        given: dict[str, Given] = {}
        by_position = iter(kind.positional)
        for argument in arguments:
            if isinstance(argument, syntax.Option):
                name, value = argument.name.text, self.value(argument.value, scope)
                option = known[name]
                if option in options.TRIM and kind.takes_trim:
                    value = self._trim_word(name, option, value, argument)
            else:
                value = self.value(argument, scope)
                is_word = isinstance(argument, syntax.Name) and isinstance(value, str)
                if is_word and value in flags:
                    option, value = flags[value]
                    if option in options.TRIM:
                        value = None if value == "none" else options.TrimWord(value)
                else:
                    option = next(by_position, "")
                    if is_word or not option:
                        self.fail(
                            "wrong-value", f"`{kind.word}` has no use for this value", argument.span,
                            f"this is {describe(value)}",
                        )  # fmt: skip
            if option in given:
                also = Label(given[option].span, "the first one is here", primary=False)
                self.fail("option-twice", f"`{option}` is given twice", argument.span, "this is the second", also=also)
            given[option] = Given(value, argument.span, on_line)
        return given

    def _trim_word(self, name: str, slot: str, value: Any, argument: syntax.Option) -> options.TrimWord | None:
        """What `norm=bn`, `gn=8`, `drop=0.5` or `act=none` asks for."""
        trims = registry.trims()
        if name != slot:
            return options.TrimWord(name, value)
        if value == "none":
            return None
        if isinstance(value, str) and value in trims and trims[value].trim == slot:
            return options.TrimWord(value)
        if slot == "drop" and draft.is_number(value):
            return options.TrimWord("drop", value)
        fitting = [word for word, layer in trims.items() if layer.trim == slot]
        wanted = ", ".join(fitting) if slot != "drop" else "a probability"
        self.fail("wrong-value", f"`{slot}` must be one of {wanted}, or none", argument.value.span, f"this is {describe(value)}")

    def _make(self, kind: type[Layer], given: Mapping[str, Given], word: syntax.Name) -> Layer:
        """The layer with its options; every value that does not fit is reported."""
        self.fixed = self.fixed.union(*(one.captured for one in given.values()))
        values = {name: one.value for name, one in given.items() if name in kind.model_fields}
        try:
            return kind(**values)
        except ValidationError as errors:
            found = []
            for error in errors.errors(include_url=False):
                name = str(error["loc"][0])
                if error["type"] == "missing":
                    title = f"`{word.text}` needs {draft.article(name)}"
                    found.append(self._diagnostic("value-missing", title, word.span, "", f"for example: `{kind.example}`"))
                else:
                    one = given[name]
                    title = f"{name} {error['msg']}"
                    found.append(self._diagnostic("wrong-value", title, one.span, f"this is {describe(one.value)}"))
            raise SpecError(found) from None

    def _diagnostic(self, code: str, title: str, span: Span, label: str, *help_: str) -> Diagnostic:
        labels = (Label(span, label), *reversed(self.within))
        return Diagnostic(code, title, labels, help_, source=self.source)

    def _apply(
        self, layer: Layer, label: syntax.Name | None, span: Span, word: Span, given: Mapping[str, Given],
        *, implied: bool = False,
    ) -> None:  # fmt: skip
        """Let a layer follow: infer its output and add it to the open sequence."""
        arrived = self._arrived(span)
        layer = self._in_place(layer, given)
        try:
            output = layer.infer(arrived)
        except Refusal as refusal:
            self._refused(layer, refusal, arrived, word, given)
        if max(output.sizes) > LARGEST:
            self.fail("too-large", "a size is 2^31 or more", word, f"this makes {output}")
        if output.elements >= LARGEST_TOTAL:
            self.fail("too-large", "a tensor has 2^63 values or more", word, f"this makes {output}")
        self.shape = output
        self._place(DraftLayer(label, layer.word, arrived, output, span, layer, implied))

    def _in_place(self, layer: Layer, given: Mapping[str, Given]) -> Layer:
        """Overwrite where that cannot be observed: directly behind a weighted or a norm layer."""
        before = self.frames[-1].children[-1:]
        if not layer.may_overwrite or "inplace" in given or not before:
            return layer
        if isinstance(before[0], DraftLayer) and before[0].layer.family in ("conv", "linear", "norm"):
            return type(layer)(**{**dict(layer), "inplace": True})
        return layer

    def _refused(
        self, layer: Layer, refusal: Refusal, arrived: Shape, word: Span, given: Mapping[str, Given]
    ) -> NoReturn:
        option = given.get(refusal.at or "")
        also = self._last_change()
        self.fail(
            refusal.code, refusal.title, option.span if option else word, refusal.label,
            _tried(layer, refusal, arrived), refusal.advice, also=also,
        )  # fmt: skip

    def _flatten(self, span: Span) -> None:
        """Put a `Flatten` in front: of the layer, or of the named groups that it opens."""
        depth = len(self.frames) - 1
        while self.frames[depth].kind == "group" and not self.frames[depth].children:
            depth -= 1
        inner, self.frames = self.frames[depth + 1 :], self.frames[: depth + 1]
        kind = registry.find("flatten")
        assert kind is not None
        self._apply(kind(), None, span, span, {})
        self.frames += inner

    def _place(self, child: Draft) -> None:
        guards = [guard for guard in self.guards if guard]
        if guards and not child.guard and self.frames[-1].kind in ("block", "branch"):
            child = replace(child, guard=conditions.both(*guards))
        self.frames[-1].children.append(child)

    def _arrived(self, span: Span) -> Shape:
        if self.shape is None:
            raise SpecError([self._no_input(span)])
        return self.shape


def _tried(layer: Layer, refusal: Refusal, arrived: Shape) -> str:
    """The first remedy that the shape rule accepts, in words; nothing where none does."""
    short = {option: letter for letter, option in type(layer).short.items()}
    for remedy in refusal.remedies:
        try:
            type(layer)(**{**dict(layer), **remedy}).infer(arrived)
        except (Refusal, ValidationError):
            continue
        shown = " ".join(f"{short.get(name, name)}={_written(value)}" for name, value in remedy.items())
        return f"with `{shown}` it fits"
    return ""


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"({', '.join(map(_written, value))})"
    return str(value)

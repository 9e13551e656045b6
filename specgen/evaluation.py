"""Values and reports in one place of a spec: what names mean there, and what is said if it is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import Any, NoReturn

from specgen import arithmetic, conditions, syntax
from specgen.arithmetic import Traced
from specgen.diagnostics import Diagnostic, Label, SpecError
from specgen.expressions import Evaluator, Wrong, describe
from specgen.limits import Limits
from specgen.scope import Scope
from specgen.shape import LARGEST, LARGEST_TOTAL, Shape, times
from specgen.source import Source, Span
from specgen.trace import Trace, Turn, Use


class Evaluation:
    """Where an elaboration stands: the shape that arrives, and the blocks and repeats it is in."""

    def __init__(self, source: Source, shape: Shape | None, limits: Limits) -> None:
        self.source = source
        self.shape = shape
        self.limits = limits
        #: How many steps have been taken, of those that the limits allow.
        self.steps = 0
        #: Names whose values decided about the structure, in the block at hand.
        self.decided: set[str] = set()
        #: Params whose values went into a block other than by its arguments.
        self.fixed: set[str] = set()
        #: In a module: its arguments and `in_channels`, and the conditions around the statement at hand.
        self.arguments: Mapping[str, Any] = {}
        self.guards: tuple[str, ...] = ()
        #: In a module: the params behind each of these names.
        self.behind: Mapping[str, frozenset[str]] = {}
        self._guard: str | None = None
        self._spellings: dict[str, str] = {}
        #: The uses of blocks and the turns of repeats that are under way, outermost first.
        self.within: list[Label] = []
        self.places: list[Use | Turn] = []
        #: What is noted of each layer, where somebody asked for it.
        self.trace: Trace | None = None

    # --- reports ---------------------------------------------------------------------------------

    def diagnostic(
        self, code: str, title: str, span: Span, label: str = "", *help_: str, also: Label | None = None
    ) -> Diagnostic:
        """One error; where it happened is told from the innermost block or turn outwards."""
        within = self.within if len(self.within) <= 8 else self.within[:2] + self.within[-6:]
        labels = (Label(span, label), *((also,) if also else ()), *reversed(within))
        return Diagnostic(code, title, labels, tuple(text for text in help_ if text), source=self.source)

    def fail(
        self, code: str, title: str, span: Span, label: str = "", *help_: str, also: Label | None = None
    ) -> NoReturn:
        """Stop with one error."""
        raise SpecError([self.diagnostic(code, title, span, label, *help_, also=also)])

    def no_input(self, span: Span | None, *, empty: bool = False) -> Diagnostic:
        """What is said where a layer has nothing to work on; `empty` if there are no layers either."""
        if empty:
            example = "for example: `input 3x224x224`, and below it a layer on each line, as `conv 64 k=3`"
            return Diagnostic("no-input", "the spec is empty", (), (example,), source=self.source)
        labels = (Label(span, "nothing arrives here"),) if span else ()
        help_ = "write `input 3x224x224` above the first layer, or give one from outside: `--input 3x224x224`"
        return Diagnostic("no-input", "the network has no input", labels, (help_,), source=self.source)

    @contextmanager
    def inside(self, span: Span, text: str, place: Use | Turn) -> Iterator[None]:
        """While this lasts, errors tell of the block's use or the repeat's turn at `span`."""
        self.within.append(Label(span, text, primary=False))
        self.places.append(place)
        yield
        self.within.pop()
        self.places.pop()

    def spend(self, span: Span, steps: int) -> None:
        """Count what something costs: a repeat of nothing makes no layer, and takes time all the same."""
        self.steps += steps
        limit = 10 * self.limits.layers
        if self.steps > limit:
            title = f"the spec takes more than {limit:,} steps to expand"
            self.fail("too-many-steps", title, span, "the limit is reached here")

    # --- values ----------------------------------------------------------------------------------

    def evaluate(self, ask: Callable[[Evaluator], Any], scope: Scope) -> Any:
        """What an evaluator answers in a scope; what it refuses is an error with its place."""

        def lookup(name: str) -> Any:
            found = scope.find(name)
            if found is None:
                return name
            self.fixed |= found.captured
            if not isinstance(found.value, Traced):
                self.decided.add(name)
            return found.value

        channels = None if self.shape is None else self.shape.channels
        try:
            return ask(Evaluator(lookup, channels, self.decided))
        except Wrong as wrong:
            self.fail(wrong.code, wrong.title, wrong.span, wrong.label, wrong.help)

    def params_behind(self, value: Any) -> frozenset[str]:
        """The params that a value depends on, whatever they are called in the module at hand."""
        names = arithmetic.names(value)
        return frozenset[str]().union(*(self.behind.get(name, {name}) for name in names))

    def value(self, expr: syntax.Expr, scope: Scope) -> Any:
        """The value of an expression."""
        return self.evaluate(lambda evaluator: evaluator.value(expr), scope)

    def condition(self, expr: syntax.Expr, scope: Scope) -> bool:
        """The value of an expression that has to be true or false."""
        return bool(self.evaluate(lambda evaluator: evaluator.boolean(expr), scope))

    def guard(self, expr: syntax.Expr, scope: Scope) -> str | None:
        """A condition as the emitted class can say it: empty where it cannot, `None` where it is constant."""
        if not self.arguments:
            return None  # outside of modules nothing is shared by two uses
        flags = [name for name, value in self.arguments.items() if isinstance(value, bool)]
        try:
            source = self.evaluate(lambda evaluator: evaluator.source(expr, flags), scope)
        except SpecError:
            return ""  # an operand that is never reached: `n > 0 and 12 / n > 3`
        if not source:
            return ""
        source = self._canonical(source, expr.span)
        return source if conditions.names_in([source]) else None

    def negated(self, guard: str, expr: syntax.Expr) -> str:
        """The opposite of a guard that came from an expression."""
        return self._canonical(f"not ({guard})", expr.span)

    def _canonical(self, source: str, span: Span) -> str:
        """The one spelling of a condition. Working it out takes long; most uses of a block ask the same."""
        if source not in self._spellings:
            self.spend(span, 6 + len(source) // 16)
            self._spellings[source] = conditions.canonical(source)
        return self._spellings[source]

    @property
    def guard_here(self) -> str:
        """The condition for what is placed now; empty where it is always there, or that cannot be said."""
        if self._guard is None:
            self._guard = conditions.both(*self.guards) if self.guards else ""
        return self._guard

    @contextmanager
    def guarded(self, *guards: str | None) -> Iterator[None]:
        """While this lasts, what is placed is there only under these conditions."""
        around = self.guards, self._guard
        self.guards = (*self.guards, *(guard for guard in guards if guard is not None))
        self._guard = None
        yield
        self.guards, self._guard = around

    def shape_of(self, expr: syntax.Expr, scope: Scope) -> Shape:
        """The shape that `input` or `expect` names."""
        value = self.value(expr, scope)
        given = value if isinstance(value, tuple) else (value,)
        why, at = why_no_shape(given)
        if why:
            if at is None:
                self.fail("not-a-shape", why, expr.span, f"this has {len(given)} sizes")
            span = expr.items[at].span if isinstance(expr, syntax.TupleOf) else expr.span
            self.fail("not-a-shape", why, span, f"this is {describe(given[at])}")
        sizes = tuple(size if isinstance(size, int) else int(size) for size in given)
        if prod(sizes) >= LARGEST_TOTAL:
            self.fail("too-large", "a tensor has 2^63 values or more", expr.span, f"this is {times(sizes)}")
        return Shape.of_sizes(sizes)

    def check_size(self, shape: Shape, span: Span) -> None:
        """Refuse what is made at `span` where it is larger than a tensor can be."""
        if max(shape.sizes) > LARGEST:
            self.fail("too-large", "a size is 2^31 or more", span, f"this makes {shape}")
        if shape.elements >= LARGEST_TOTAL:
            self.fail("too-large", "a tensor has 2^63 values or more", span, f"this makes {shape}")

    def arrived(self, span: Span) -> Shape:
        """The shape that arrives; an error where nothing does."""
        if self.shape is None:
            raise SpecError([self.no_input(span)])
        return self.shape


def why_no_shape(sizes: tuple[Any, ...]) -> tuple[str, int | None]:
    """Why some values are no shape, and which one is at fault, if one is; an empty reason if they are."""
    if not 1 <= len(sizes) <= 4:
        return "a shape has channels and up to three spatial sizes", None
    for at, size in enumerate(sizes):
        if not arithmetic.is_number(size) or size % 1:
            return "a shape is whole numbers", at
        if not 1 <= size <= LARGEST:
            return "a size is 1 or more, and less than 2^31", at
    return "", None

"""Steps in their places: the sequences that are open, and what a line of a spec adds to them.

Each layer's shape rule is asked once; what it says is the check. What it refuses becomes an error with what
would mend that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, NoReturn

from specgen import arithmetic, hints, options, remedies, syntax
from specgen.arithmetic import Symbol
from specgen.attempts import Change, Remedies, Remedy, Unfit
from specgen.diagnostics import Label
from specgen.draft import Draft, DraftLayer
from specgen.evaluation import Evaluation
from specgen.layer_line import defaults_of, given_on, make
from specgen.layers import registry
from specgen.layers.base import Layer, Refusal, inferred
from specgen.layers.foreign import vet
from specgen.limits import Limits
from specgen.scope import Given, Scope
from specgen.shape import Shape
from specgen.source import Source, Span
from specgen.trace import Turn


@dataclass
class Frame:
    """An open sequence. `kind` says what it will be: only a group lets a `Flatten` out in front of it."""

    kind: str
    children: list[Draft] = field(default_factory=list)


class Placing(Evaluation):
    """An elaboration that knows where it stands: the open sequences, outermost first, and what they hold."""

    def __init__(self, source: Source, spec: syntax.Spec, shape: Shape | None, limits: Limits) -> None:
        super().__init__(source, shape, limits)
        self.spec = spec
        #: Whether the input is that of the spec, and not one that the caller gave.
        self.own_input = shape is None
        self.frames = [Frame("network")]
        #: How many layers there are so far.
        self.expanded = 0
        #: What is elaborated otherwise than it is written, where a remedy is tried.
        self.change: Change | None = None

    def count(self, span: Span, turns: int = 1) -> None:
        """Count layers before they are made; stop where there are too many."""
        self.expanded += turns
        if self.expanded > self.limits.layers:
            self.fail(
                "too-many-layers",
                f"the network has more than {self.limits.layers:,} layers",
                span,
                "the limit is reached here",
            )

    def unfit(
        self, code: str, title: str, span: Span, label: str, *remedies: Remedies, also: Label | None = None
    ) -> NoReturn:
        """Stop with an error about a shape; of each kind of remedies, one is told that the spec takes."""
        raise Unfit(self.diagnostic(code, title, span, label, also=also), remedies)

    def changed_at(self, span: Span) -> Change | None:
        """What is elaborated otherwise at a place."""
        return self.change if self.change is not None and self.change.span == span else None

    def with_other_channels(self, arrived: Shape, span: Span) -> Shape | None:
        """What arrives with the channels that are tried at a place: once, since elsewhere others may come."""
        change = self.changed_at(span)
        if change is None or not change.channels:
            return None
        self.change = None
        return arrived.replace(channels=change.channels)

    def layer(self, line: syntax.Apply, scope: Scope) -> None:
        """Put the layers of one line in their place: the one that it names, and its trim."""
        kind = registry.find(line.word.text)
        assert kind is not None
        arrived = self.arrived(line.span)
        if self.trace is not None:
            self.trace.enter(line, self.places, scope, int(arrived.channels))
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
        self.count(line.span)
        arrived = self.arrived(line.span)
        layer = self._in_place(layer, given)
        change = self.changed_at(line.span)
        if change is not None and (change.layer, change.asked) == (layer.word, word):
            layer = layer.with_options(**{name: self._here(value) for name, value in change.options.items()})
        else:
            change = None
        try:
            output = inferred(layer, arrived)
            written = (*arrived.sizes, *(one.value for name, one in given.items() if name in layer.options))
            if layer.is_foreign:
                vet(layer, arrived, output)
            if not arithmetic.are_plain(written) and arithmetic.opaque_names(written):
                call = layer.call(arrived)
                self.decided |= arithmetic.opaque_names((*call.arguments, *call.keywords.values()))
        except Refusal as refusal:
            fitting = None if change is None else self.with_other_channels(arrived, line.span)
            if fitting is None:
                self._refused(layer, refusal, arrived, line, word, given)
            arrived, output = fitting, inferred(layer, fitting)
        self.check_size(output, word)
        self.shape = output
        place = line.word.span, word, given
        origin = None if self.trace is None else self.trace.origin(word, given)
        self.place(
            DraftLayer(label, layer.word, arrived, output, line.span, layer, implied, "", *place, origin)
        )

    def _here(self, value: Any) -> Any:
        """A value that is tried, or what the argument that it stands for is in this use of the block."""
        expression = arithmetic.expression_of(value) if arithmetic.is_number(value) else None
        return self.arguments.get(expression.name, value) if isinstance(expression, Symbol) else value

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
        as_option = "=" in self.source.at(word)
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
            in_front = remedies.in_front(self.placed(), layer, line, self.source)
            yield chain(in_front, self._multiplied_input(), self._input_as_map(layer, arrived))

    def _input_as_map(self, layer: Layer, arrived: Shape) -> Iterator[Remedy]:
        """How to write an `input` of one size as the map that a convolution or a pooling takes."""
        if not self.own_input or any(self.placed()) or layer.family not in ("conv", "pool"):
            return
        size = int(arrived.channels)
        if layer.word == "deconv":
            yield Remedy(f"as a map of one position it is written `input {size}x1x1`")
        else:
            yield Remedy(f"as a line of one channel it is written `input 1x{size}`")

    def _multiplied_input(self) -> Iterator[Remedy]:
        """How to write an `input` whose sizes were multiplied instead of joined."""
        for statement in self.spec.body.statements:
            if isinstance(statement, syntax.Input) and self.own_input:
                span = statement.shape.span
                written = "".join(self.source.at(span).split())
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

    def place(self, child: Draft) -> None:
        """Add a step to the innermost of the open sequences."""
        if self.guards and not child.guard and self.frames[-1].kind in ("block", "branch"):
            here = self.guard_here
            child = (
                child._replace(guard=here) if isinstance(child, DraftLayer) else replace(child, guard=here)
            )
        self.frames[-1].children.append(child)

"""What a warning looks at: a spec that was elaborated, and its layers as values pass through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from specgen import syntax
from specgen.diagnostics import Diagnostic, Label
from specgen.draft import Draft, DraftBlock, DraftLayer, DraftParallel
from specgen.shape import Shape
from specgen.source import Source, Span


class Met(NamedTuple):
    """A layer, and what stands around it.

    `before` is the layer whose values it alone reads: none where branches open or have been joined.
    `made` is the layer that gave the map its size, and `use` the innermost use of a block with arguments.
    """

    step: DraftLayer
    before: DraftLayer | None
    made: DraftLayer | None
    use: DraftBlock | None


@dataclass(frozen=True)
class Checked:
    """A spec without errors: its text, what was written, and the steps it came to."""

    source: Source
    spec: syntax.Spec
    steps: Sequence[Draft]
    input: Shape
    #: Whether the input is the spec's own, and whether params decided about the steps.
    own_input: bool = True
    varies: bool = False
    #: Warnings that were found on the way.
    found: Sequence[Diagnostic] = ()

    @cached_property
    def layers(self) -> tuple[Met, ...]:
        """Every layer in the order that values reach it; an `id` changes nothing and is left out."""
        return tuple(_Walk().through(self.steps, None, None))

    def text(self, span: Span) -> str:
        """What was written there."""
        return self.source.at(span)

    def warn(self, code: str, title: str, *labels: Label | None, help: str = "") -> Diagnostic:  # noqa: A002
        """A warning at the first of some labels."""
        shown = tuple(label for label in labels if label is not None)
        advice = (help,) if help else ()
        return Diagnostic(code, title, shown, advice, source=self.source, severity="warning")


def also(span: Span, text: str) -> Label:
    """A label that tells the other half of what the first one says."""
    return Label(span, text, primary=False)


def asked_on_line(step: DraftLayer) -> bool:
    """Whether a layer is asked for on its own line, and not by a `default`."""
    return step.span.start <= step.asked.start and step.asked.end <= step.span.end


class _Walk:
    def __init__(self) -> None:
        self.made: DraftLayer | None = None
        self.last: DraftLayer | None = None

    def through(
        self, steps: Sequence[Draft], before: DraftLayer | None, use: DraftBlock | None
    ) -> Iterator[Met]:
        """The layers of some steps; afterwards `self.last` is the one whose values come out."""
        self.last = before
        for step in steps:
            match step:
                case DraftLayer():
                    yield from self._layer(step, use)
                case DraftParallel():
                    yield from self._parallel(step, use)
                case DraftBlock():
                    yield from self.through(step.children, self.last, step if step.arguments else use)
                case _:
                    yield from self.through(step.children, self.last, use)

    def _layer(self, step: DraftLayer, use: DraftBlock | None) -> Iterator[Met]:
        if step.kind == "id":
            return
        yield Met(step, self.last, self.made, use)
        self.last = step
        if step.input.spatial != step.output.spatial:
            self.made = step

    def _parallel(self, parallel: DraftParallel, use: DraftBlock | None) -> Iterator[Met]:
        if len(parallel.branches) == 1:
            yield from self.through(parallel.branches[0], self.last, use)
            return
        made = self.made
        first = made
        for index, branch in enumerate(parallel.branches):
            self.made = made
            yield from self.through(branch, None, use)
            first = first if index else self.made
        self.last, self.made = None, first

"""Branches joined: the shape that they give together, and what is said where they do not fit."""

from __future__ import annotations

from itertools import chain
from typing import Any

from specgen import arithmetic, conditions, draft, hints, remedies
from specgen.arithmetic import Traced
from specgen.attempts import Remedies
from specgen.diagnostics import Label
from specgen.draft import Draft
from specgen.joins import BranchRefusal, join
from specgen.placing import Placing
from specgen.shape import Shape
from specgen.source import Span


class Joining(Placing):
    """An elaboration that can join branches."""

    def joined(
        self, kind: Any, shapes: list[Shape], spans: list[Span], branches: list[list[Draft]],
        *, residual: bool = False,
    ) -> Shape:  # fmt: skip
        """The shape of joined branches; of a `residual` they are its body and its shortcut."""
        if self.change is not None and self.change.at_each_position and self.change.span in spans:
            index = spans.index(self.change.span)
            shapes[index] = remedies.at_each_position(branches[index]) or shapes[index]
        try:
            return join(kind, shapes)
        except BranchRefusal as refusal:
            at, other = refusal.branch, refusal.other
            also = Label(spans[other], f"this branch gives {hints.said(shapes[other])}", primary=False)
            label = f"this branch gives {hints.said(shapes[at])}"
            title = refusal.title
            if residual:
                title = "`residual` needs a body and a shortcut of one shape"
                label = f"the shortcut gives {hints.said(shapes[at])}"
                also = Label(spans[other], f"the body gives {hints.said(shapes[other])}", primary=False)
            strides = tuple(draft.strides(chain.from_iterable(branches)))
            equal = chain(
                self._equal(kind, branches[at], shapes, at, other, spans[at], strides),
                self._equal(kind, branches[other], shapes, other, at, spans[other], strides),
            )
            self.unfit(refusal.code, title, spans[at], label, equal, also=also)

    def _equal(
        self, kind: Any, branch: list[Draft], shapes: list[Shape], at: int, other: int, span: Span,
        strides: tuple[Traced, ...],
    ) -> Remedies:  # fmt: skip
        """What makes a branch fit to another one, if all branches can be joined then."""

        def fits(shape: Shape) -> bool:
            try:
                join(kind, [*shapes[:at], shape, *shapes[at + 1 :]])
            except BranchRefusal:
                return False
            return True

        channels = shapes[at].channels if kind in ("cat", "split") else shapes[other].channels
        wanted = shapes[other].replace(channels=channels)
        if not shapes[at].spatial and shapes[other].spatial:
            return remedies.pointwise(branch, fits, span)
        return remedies.equalised(branch, fits, wanted, self.source, strides)

    def is_projected(self, span: Span, arrived: Shape, output: Shape) -> bool:
        """Whether a `residual` is tried with a projection, and it is one for these shapes."""
        change = self.changed_at(span)
        return (
            change is not None
            and change.projection != ""
            and change.projection == remedies.projection(arrived, output)
        )

    def differs(self, arrived: Shape, output: Shape, body: list[Draft]) -> str:
        """When a residual's body changes the shape, said of the block's arguments; empty if that fails."""
        strides = dict.fromkeys(arithmetic.show(stride.expression) for stride in draft.strides(body))
        tests = [f"{stride} != 1" for stride in strides]
        channels = [arithmetic.show(arithmetic.expression_of(shape.channels)) for shape in (arrived, output)]
        if channels[0] != channels[1] and conditions.names_in(channels):
            tests.append(f"{channels[0]} != {channels[1]}")
        source = " or ".join(tests)
        return source if source and conditions.holds(source, self.arguments) else ""

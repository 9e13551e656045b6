"""Syntax tree to network: params, blocks and repeats resolved, and every shape inferred on the way.

Where a shape does not fit, what would mend it is tried: the spec is elaborated once more for each remedy.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from specgen import draft, initialisation, syntax
from specgen.attempts import Change, Unfit, told
from specgen.diagnostics import Diagnostic, SpecError
from specgen.draft import Draft
from specgen.evaluation import Evaluation
from specgen.init_statement import check_init
from specgen.ir import Network
from specgen.layers.base import Refusal
from specgen.layers.fields import WrongOptions
from specgen.limits import Limits
from specgen.resolve import resolve
from specgen.shape import LARGEST_TOTAL
from specgen.source import Source, printable
from specgen.statements import Elaborator, Request
from specgen.trace import Trace


class Elaborated(NamedTuple):
    """A network, what was found odd on the way, and the steps it was made from, with their places."""

    network: Network
    warnings: list[Diagnostic]
    steps: list[Draft]
    #: What it has spent of the limits, in layers.
    cost: int


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
    return elaborate_resolved(source, spec, request, limits, trace)


def elaborate_resolved(
    source: Source, spec: syntax.Spec, request: Request, limits: Limits, trace: Trace | None = None
) -> Elaborated:
    """`elaborate` for a spec whose names are known to be right."""
    elaborator = Elaborator(source, spec, request, limits)
    elaborator.trace = trace
    try:
        elaborator.expand()
        return _finished(elaborator)
    except SpecError as error:
        found = list(error.diagnostics)
        if isinstance(error, Unfit):
            found = [replace(found[0], help=told(error.remedies, _Attempts(elaborator, error)))]
        # An input that is not as it was meant is why sizes do not fit further down.
        raise SpecError([*found, *elaborator.warnings]) from error.__cause__


def _finished(elaborator: Elaborator) -> Elaborated:
    """The network of a spec that has been expanded."""
    if elaborator.shape is None or elaborator.input is None:
        raise SpecError([elaborator.no_input(None, empty=not elaborator.spec.body.statements)])
    variant = elaborator.request.variant
    fixed = elaborator.decided | elaborator.fixed
    children = draft.without_last_activation(elaborator.frames[0].children)
    root = draft.finish_network(elaborator, children, elaborator.input)
    network = Network.inferred(
        name=elaborator.name if variant is None else variant.name.text,
        description=elaborator.spec.description,
        source=printable(re.split(r"[/\\]", elaborator.source.name)[-1]) if elaborator.source.stem else "",
        settings=elaborator.settings,
        fixed=tuple(name for name in elaborator.settings if name in fixed),
        init=tuple(sorted(elaborator.init, key=lambda rule: initialisation.breadth(rule.kind))),
        root=root,
    )
    _check_figures(elaborator, network)
    check_init(elaborator, elaborator.spec, network)
    return Elaborated(network, elaborator.warnings, children, elaborator.cost)


def _check_figures(evaluation: Evaluation, network: Network) -> None:
    """No total may be too large to be counted."""
    for what, total in (("parameters", network.params), ("multiply-adds", network.macs)):
        if total >= LARGEST_TOTAL:
            most = max(network.layers, key=lambda row: row.params if what == "parameters" else row.macs)
            span = evaluation.source.span_of_line(most.line or 1)
            figure = most.params if what == "parameters" else most.macs
            evaluation.fail(
                "too-large", f"the network has 2^63 {what} or more", span, f"{figure:,} of them here"
            )


class _Attempts:
    """Elaborates a spec once more for each change, all in all for half of what one spec may cost."""

    def __init__(self, failed: Elaborator, error: SpecError) -> None:
        self.failed = failed
        self.error = error.diagnostics[0]
        self.left = failed.limits.layers // 2

    def __call__(self, change: Change) -> str | None:
        """The next error, if there is one; `None` where that is no later one, or cannot be found out."""
        failed = self.failed
        if failed.cost > self.left:
            return None
        limits = replace(failed.limits, layers=self.left)
        elaborator = Elaborator(failed.source, failed.spec, failed.request, limits)
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

"""Warnings about the branches that are written: one that is empty beside others, and one that is alone."""

from __future__ import annotations

from collections.abc import Iterator

from specgen import syntax
from specgen.diagnostics import Diagnostic, Label
from specgen.lint.flow import Checked
from specgen.source import Span


def empty_branch(checked: Checked) -> Iterator[Diagnostic]:
    """An empty branch among three or more: a `|` too many. Of two branches, one may well be empty."""
    for parallel in _parallels(checked):
        for branch in parallel.branches if len(parallel.branches) > 2 else ():
            if not branch.statements:
                yield checked.warn(
                    "empty-branch",
                    f"a branch of this `{parallel.join}` is empty",
                    Label(branch.span, "nothing stands here, so the branch gives what arrives"),
                    help="leave one `|` out, or write `id` if that is meant",
                )


def single_branch(checked: Checked) -> Iterator[Diagnostic]:
    """A combinator with nothing to join."""
    for parallel in _parallels(checked):
        if len(parallel.branches) == 1:
            word = parallel.join
            label = parallel.label.span.end if parallel.label else parallel.span.start
            start = checked.source.text.index(word, label)
            mend = "write what stands in the braces alone"
            if word == "add":
                mend = "write `residual { … }` to add what arrives"
            yield checked.warn(
                "single-branch",
                f"`{word}` with a single branch joins nothing",
                Label(Span(start, start + len(word)), "there is no `|` in its braces"),
                help=f"separate branches by `|`, or {mend}",
            )


def _parallels(checked: Checked) -> Iterator[syntax.Parallel]:
    for statement in syntax.all_statements(checked.spec.body):
        if isinstance(statement, syntax.Parallel):
            yield statement

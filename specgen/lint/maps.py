"""Warnings about sizes: what a window leaves out, and what is too small to normalise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specgen import syntax
from specgen.diagnostics import Diagnostic, Label
from specgen.draft import DraftLayer
from specgen.layers.base import Layer, Refusal, inferred
from specgen.layers.conv import Convolution
from specgen.layers.fields import WrongOptions
from specgen.layers.pool import WindowPool
from specgen.lint.flow import Checked, Met, also, asked_on_line
from specgen.options import written
from specgen.shape import Shape, collapse, times
from specgen.source import Span

#: What lies along each axis, by the number of axes.
_LINES = {1: ("position",), 2: ("row", "column"), 3: ("slice", "row", "column")}


def edge_dropped(checked: Checked) -> Iterator[Diagnostic]:
    """A window that stops short of the edge, so that rows or columns are never read."""
    for met in checked.layers:
        step = met.step
        unread = _unread(step.layer, step.input, step.output)
        if not any(unread):
            continue
        covered = tuple(int(size) - left for size, left in zip(step.input.spatial, unread, strict=True))
        word = checked.text(step.word)
        yield checked.warn(
            "edge-dropped",
            f"`{word}` never reads the last {_lines(unread)}",
            Label(step.word, f"{times(step.input.spatial)} arrives, and its windows cover {times(covered)}"),
            _where_made(checked, met),
            where_used(met),
            help=_reads_all(step.layer, step.input),
        )


def _unread(layer: Layer, x: Shape, out: Shape) -> tuple[int, ...]:
    """How many lines at the end of each axis no window reaches; windows with gaps leave out some anyway."""
    if not isinstance(layer, (Convolution, WindowPool)) or getattr(layer, "padding", 0) == "same":
        return ()
    unread = []
    for size, n, k, s, p, d in zip(x.spatial, out.spatial, *layer.axes(x), strict=True):
        reached = (n - 1) * s + d * (k - 1) + 1 - p
        unread.append(max(0, int(size - reached)) if s <= d * (k - 1) + 1 else 0)
    return tuple(unread)


def lines_skipped(checked: Checked) -> Iterator[Diagnostic]:
    """Windows of several lines that lie apart: nothing reads the lines between two of them.

    A window of one line is how a shortcut takes every second one.
    """
    for met in checked.layers:
        layer, x = met.step.layer, met.step.input
        if not isinstance(layer, (Convolution, WindowPool)) or layer.stride is None:
            continue
        kernel, stride, _, dilation = layer.axes(x)
        covers = tuple(
            d * (k - 1) + 1 if k > 1 and n > 1 else s
            for k, s, d, n in zip(kernel, stride, dilation, met.step.output.spatial, strict=True)
        )
        skipped = tuple(max(0, int(s - c)) for s, c in zip(stride, covers, strict=True))
        if any(skipped):
            closer = collapse(tuple(map(min, stride, covers)))
            yield checked.warn(
                "lines-skipped",
                f"`{checked.text(met.step.word)}` never reads the {_lines(skipped)} between two windows",
                Label(met.step.word, f"windows of {times(kernel)} lie {times(stride)} apart"),
                where_used(met),
                help=f"with `s={written(closer)}` every one is read",
            )


def _lines(unread: tuple[int, ...]) -> str:
    """The lines that are left out, in words: "row and column", "2 rows and columns"."""
    names = [(n, name) for n, name in zip(unread, _LINES[len(unread)], strict=True) if n]
    alike = len({n for n, _ in names}) == 1
    said = []
    for index, (n, name) in enumerate(names):
        count = "" if n == 1 or (alike and index) else f"{n} "
        said.append(f"{count}{name}{'s' * (n > 1)}")
    return " and ".join((", ".join(said[:-1]), said[-1]) if said[1:] else said)


def _reads_all(layer: Layer, x: Shape) -> str:
    """A change of one option that leaves nothing out, tried."""
    changes: dict[str, dict[str, Any]] = {"p=half": {"padding": "half"}, "p=0": {"padding": 0}}
    if isinstance(layer, WindowPool):
        changes = {"ceil": {"ceil_mode": True}}
    for said, change in changes.items():
        try:
            other = layer.with_options(**change)
            out = inferred(other, x)
        except (Refusal, WrongOptions):
            continue
        if not any(_unread(other, x, out)):
            return f"with `{said}` everything is read, and {out} comes out"
    return ""


_TWO_SAMPLES = "in training, each batch needs two samples or more, the last one too (`drop_last=True`)"


def one_value_per_channel(checked: Checked) -> Iterator[Diagnostic]:
    """Batch normalisation of a map that has shrunk to one position: the first behind what shrank it."""
    told: list[DraftLayer | None] = []
    for met in checked.layers:
        step = met.step
        if step.kind == "bn" and step.input.rank and step.input.positions == 1 and met.made not in told:
            told.append(met.made)
            yield checked.warn(
                "one-value-per-channel",
                "batch normalisation of one value per channel",
                Label(_on_line(met), f"of {step.input}, each channel has one value a sample"),
                _where_made(checked, met),
                where_used(met),
                help=_TWO_SAMPLES
                if asked_on_line(step)
                else f"{_TWO_SAMPLES}; `nonorm` on its line takes it off",
            )


def _on_line(met: Met) -> Span:
    """The place on the layer's own line: where a `default` asks for it, the word the line begins with."""
    return met.step.asked if asked_on_line(met.step) else met.step.word


def _where_made(checked: Checked, met: Met) -> Label | None:
    """Where the map got its size."""
    if met.made is not None:
        return also(met.made.asked, f"this makes {met.made.output}")
    for statement in checked.spec.body.statements:
        if isinstance(statement, syntax.Input) and checked.own_input:
            return also(statement.shape.span, "this is what arrives")
    return None


def where_used(met: Met) -> Label | None:
    """The use of a block that this is about: in others it may be different."""
    if met.use is None:
        return None
    shown = ", ".join(f"{name}={written(value)}" for name, value in met.use.arguments.items())
    return also(met.use.span, f"in this use of `{met.use.kind}`, with {shown}")

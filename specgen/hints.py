"""What an error about a shape says besides: where the shape came from, and what would fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specgen.diagnostics import Label
from specgen.draft import Draft, along
from specgen.expressions import describe
from specgen.layers import registry
from specgen.layers.base import Refusal
from specgen.shape import Shape, collapse
from specgen.source import Source


def last_change(placed: Sequence[Sequence[Draft]]) -> Label | None:
    """Where the shape that arrives was made; `placed` are the steps of the open sequences."""
    for children in reversed(placed):
        for child in reversed(children):
            if child.input != child.output:
                return Label(child.span, f"this makes {said(child.output)}", primary=False)
    return None


def last_shrinking(placed: Sequence[Sequence[Draft]], source: Source) -> Label | None:
    """Where the map that arrives got so small, and how often it was halved on the way."""
    layers = [one for children in placed for one in along(children)]
    halved = [one for one in layers if one.input.is_map and _halves(one.input, one.output)]
    if not halved or layers[-1].output.spatial != halved[-1].output.spatial:
        return last_change(placed)
    text = f"this makes {halved[-1].output}"
    if len(halved) > 1:
        lines = sorted({source.position(one.span.start)[0] for one in halved})
        places = f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}"
        text += f", the last of {len(halved)} halvings ({places})"
    return Label(halved[-1].span, text, primary=False)


def said(shape: Shape) -> str:
    """A shape in a label: its sizes, or of a single one what it is."""
    return str(shape) if shape.rank else shape.describe()


def _halves(before: Shape, after: Shape) -> bool:
    """Whether every axis of a map comes out at about half its size."""
    pairs = zip(before.spatial, after.spatial, strict=False)
    return before.rank == after.rank and all(out < size and abs(size - 2 * out) <= 1 for size, out in pairs)


def projection(arrived: Shape, output: Shape) -> str:
    """What to write for a shortcut that goes from one shape to another; nothing where that fails."""
    conv = registry.find("conv")
    assert conv is not None
    if not (arrived.is_map and arrived.rank == output.rank and not output.channels_last):
        return ""
    sizes = zip(arrived.spatial, output.spatial, strict=True)
    stride: Any = collapse(tuple(-(-int(size) // int(out)) for size, out in sizes))
    try:
        made = conv(out_channels=int(output.channels), kernel_size=1, stride=stride).infer(arrived)  # type: ignore[call-arg]
    except Refusal:
        return ""
    if made.sizes != output.sizes:
        return ""
    step = "" if stride == 1 else f" s={describe(stride)}"
    line = f"conv {describe(output.channels)} k=1{step} linear"
    return f"give the shortcut a projection: `}} else {{ {line} }}`"

"""What an error about a shape says besides: where the shape came from."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from specgen.diagnostics import Diagnostic, Label, abridged
from specgen.draft import Draft, DraftLayer, along
from specgen.shape import Shape, times
from specgen.source import Source, Span


def odd_input(sizes: tuple[int, ...], span: Span, source: Source) -> Diagnostic | None:
    """The warning about an input that is hardly meant as it is written."""
    first, *rest = sizes
    label = f"this is {first} channel{'s' * (first != 1)} of {times(tuple(rest))}"
    if len(sizes) in (2, 3) and sizes[-1] <= 4 < min(sizes[:-1]) and prod(sizes[:-1]) >= 25:
        turned = "x".join(map(str, (sizes[-1], *sizes[:-1])))
        meant = f"if {sizes[-1]} is the number of channels, write `input {turned}`"
        return _channels_first(span, label, meant, source)
    if len(sizes) == 2 and sizes[0] == sizes[1] >= 16:
        meant = f"if this is a picture with one channel, write `input 1x{first}x{first}`"
        return _channels_first(span, label, meant, source)
    if len(sizes) != 4:
        return None
    if rest[2] in (1, 3) and min(rest[:2]) > 4:
        rest = [rest[2], *rest[:2]]
    if rest[0] in (1, 3) and min(rest[1:]) > 4:
        title = "a shape does not say how many samples a batch has"
        meant = f"if {first} is the number of samples, write `input {'x'.join(map(str, rest))}`"
        return Diagnostic(
            "batch-in-input", title, (Label(span, label),), (meant,), source=source, severity="warning"
        )
    return None


def _channels_first(span: Span, label: str, meant: str, source: Source) -> Diagnostic:
    return Diagnostic(
        "channels-last",
        "channels come first",
        (Label(span, label),),
        (meant,),
        source=source,
        severity="warning",
    )


def last_change(placed: Sequence[Sequence[Draft]]) -> Label | None:
    """Where the shape that arrives was made; `placed` are the steps of the open sequences."""
    for children in reversed(placed):
        for child in reversed(children):
            if child.input != child.output:
                return Label(child.span, f"this makes {said(child.output)}", primary=False)
    return None


def last_shrinking(placed: Sequence[Sequence[Draft]], source: Source) -> Label | None:
    """Where the map that arrives got so small, and in which steps."""
    layers = [one for children in placed for one in along(children)]
    smaller = [one for one in layers if one.input.is_map and _shrinks(one.input, one.output)]
    if not smaller or layers[-1].output.spatial != smaller[-1].output.spatial:
        return last_change(placed)
    text = f"this makes {smaller[-1].output}"
    lines = [source.line_of(one.span) for one in smaller]
    if len(smaller) > 1 and all(_halves(one.input, one.output) for one in smaller):
        places = ", ".join(abridged([str(line) for line in sorted(set(lines))]))
        text += f", the last of {len(smaller)} halvings (line{'s' * (len(set(lines)) > 1)} {places})"
    elif len(smaller) > 1:
        text += f", as the map goes {_chain(smaller, lines)}"
    return Label(smaller[-1].span, text, primary=False)


def _chain(smaller: Sequence[DraftLayer], lines: Sequence[int]) -> str:
    """How a map gets smaller: `32 → 8 (line 2) → 6 (line 3)`; the sizes of one axis where all agree."""
    square = all(len(set(map(int, one.output.spatial))) == 1 for one in smaller)
    square = square and len(set(map(int, smaller[0].input.spatial))) == 1

    def size(spatial: tuple[int, ...]) -> str:
        return str(int(spatial[0])) if square else times(spatial)

    many = len(set(lines)) > 1
    steps = [
        size(one.output.spatial) + f" (line {line})" * many for one, line in zip(smaller, lines, strict=True)
    ]
    return " → ".join([size(smaller[0].input.spatial), *abridged(steps, 2, 4)])


def said(shape: Shape) -> str:
    """A shape in a label: its sizes, or of a single one what it is."""
    return str(shape) if shape.rank else shape.describe()


def _shrinks(before: Shape, after: Shape) -> bool:
    pairs = list(zip(before.spatial, after.spatial, strict=False))
    return (
        before.rank == after.rank
        and all(out <= size for size, out in pairs)
        and any(out < size for size, out in pairs)
    )


def _halves(before: Shape, after: Shape) -> bool:
    """Whether every axis of a map comes out at about half its size."""
    pairs = zip(before.spatial, after.spatial, strict=False)
    return before.rank == after.rank and all(out < size and abs(size - 2 * out) <= 1 for size, out in pairs)

"""How much of the input each value sees, and how far apart neighbours are: receptive field and jump.

After Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks" (2019):
`field += (window − 1) · jump`, then `jump *= step`. Padding is left out, so a field may be larger than the
input. Branches give the largest of theirs. What mixes all positions (attention, global pooling, a flattened
map) sees everything, and so does what is multiplied with it; the statistics of norms are not counted. Behind
upsampling, positions differ in how far they see by less than a jump of the upsampled map: what is given is
what the formula gives, rounded up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from specgen.ir import Block, Member, Network, Parallel, Sequence, Step
from specgen.layers.base import Window
from specgen.shape import Shape


@dataclass(frozen=True, slots=True)
class Field:
    """The input positions that one value depends on, and the distance between neighbours' fields.

    One number per axis of the input. `size` is `None` where a value depends on everything, `jump` where
    there is only one position, or none can be told.
    """

    size: tuple[Fraction, ...] | None
    jump: tuple[Fraction, ...] | None

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """The field per axis in whole positions."""
        return None if self.size is None else tuple(map(ceil, self.size))


def receptive_fields(network: Network) -> dict[str, Field]:
    """The field of every module's output, by its path in the module tree."""
    axes = network.input_shape.rank
    start = Field((Fraction(1),) * axes, (Fraction(1),) * axes) if axes else Field(None, None)
    found: dict[str, Field] = {}
    _through(network.root.steps, start, "", found)
    return found


def _through(steps: Iterable[Member], field: Field, prefix: str, found: dict[str, Field]) -> Field:
    for step in steps:
        match step:
            case Step():
                field = _behind(step, field)
            case Sequence() | Block():
                field = _through(step.steps, field, f"{prefix}{step.name}.", found)
            case Parallel():
                branches = [_through(branch.steps, field, prefix, found) for branch in step.branches]
                field = _largest(branches)
                continue
        found[prefix + step.name] = field
    return field


def _behind(step: Step, field: Field) -> Field:
    windows = step.layer.windows(step.input)
    if not step.output.rank:
        return Field(field.size if windows is not None else None, None)
    if windows is None:
        return Field(None, field.jump if _keeps_positions(step.input, step.output) else None)
    moving = [window for window in windows if window != Window(1, 1)]
    if not moving or field.jump is None:
        return field
    if len(windows) != len(field.jump):  # positions were folded into one axis: none can be told any more
        return Field(None, None)
    pairs = list(zip(field.jump, windows, strict=True))
    jump = tuple(far * window.step for far, window in pairs)
    if field.size is None:
        return Field(None, jump)
    size = zip(field.size, pairs, strict=True)
    return Field(tuple(seen + (window.size - 1) * far for seen, (far, window) in size), jump)


def _keeps_positions(x: Shape, y: Shape) -> bool:
    return x.rank > 0 and x.spatial == y.spatial


def _largest(fields: list[Field]) -> Field:
    sizes = [field.size for field in fields]
    jumps = [field.jump for field in fields if field.jump is not None]
    seen = [size for size in sizes if size is not None]
    size = _most(seen) if len(seen) == len(sizes) else None
    return Field(size, _most(jumps) if jumps else None)


def _most(rows: list[tuple[Fraction, ...]]) -> tuple[Fraction, ...] | None:
    if len({len(row) for row in rows}) != 1:
        return None
    return tuple(map(max, zip(*rows, strict=True)))

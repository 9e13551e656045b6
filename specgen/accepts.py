"""What it means that a network accepts an input of another size, and how that is told.

A size is accepted if every layer of the network as it was built takes what arrives: its shape rule accepts
it, and its constructor call and parameters would be the same; and if all branches can be joined. That is
meant for evaluation: in training, batch normalisation also needs more than one value per channel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from specgen.shape import Shape


@dataclass(frozen=True)
class Axis:
    """The sizes that are accepted along one axis: from `least` to `most`, of those that leave one of
    `remainders` when divided by `step`. `most` is absent where any larger one is fine.

    `line` and `layer` say what sets `most`.
    """

    name: str
    least: int
    most: int | None = None
    step: int = 1
    remainders: tuple[int, ...] = (0,)
    layer: str | None = None
    line: int | None = None

    def __contains__(self, size: int) -> bool:
        inside = self.least <= size and (self.most is None or size <= self.most)
        return inside and size % self.step in self.remainders


@dataclass(frozen=True)
class Accepts:
    """What a network accepts, axis by axis: any combination of sizes that are accepted along theirs.

    `whole` is false where it may accept other combinations as well, such as other sides of the same area.
    `tried` is false where the network has too many layers to try another input than its own.
    """

    input: Shape
    axes: tuple[Axis, ...]
    whole: bool = True
    tried: bool = True

    def __contains__(self, shape: Shape) -> bool:
        ours, theirs = ((one.channels, one.rank, one.channels_last) for one in (self.input, shape))
        return ours == theirs and all(
            size in axis for size, axis in zip(shape.spatial, self.axes, strict=True)
        )

    def __str__(self) -> str:
        if not self.axes:
            return f"exactly {self.input.channels}"
        sizes = " × ".join(str(axis.least) for axis in self.axes)
        if not self.tried:
            return f"{sizes}; the network is too large to try other sizes"
        if all(axis.least == axis.most for axis in self.axes):
            return f"exactly {sizes}{_because(self.axes)}"
        alike: dict[str, list[Axis]] = {}
        for axis in self.axes:
            alike.setdefault(_range(axis), []).append(axis)
        parts = [f"{', '.join(axis.name for axis in axes)}{said}" for said, axes in alike.items()]
        if "" in alike and len(alike) > 1:
            parts = [part if said else f"any {part}" for said, part in zip(alike, parts, strict=True)]
            return f"{' and '.join(parts)}{_because(self.axes)}"
        any_ = "any " if all(axis.most is None and axis.step == 1 for axis in self.axes) else ""
        return f"{any_}{', '.join(parts)}{_because(self.axes)}"

    def as_json(self) -> dict[str, Any]:
        """The same as plain data."""
        axes = [
            {
                "axis": axis.name,
                "least": axis.least,
                "most": axis.most,
                "step": axis.step,
                "remainders": list(axis.remainders),
                "because": None if axis.layer is None else {"layer": axis.layer, "line": axis.line},
            }
            for axis in self.axes
        ]
        return {"text": str(self), "axes": axes, "whole": self.whole, "tried": self.tried}


def _range(axis: Axis) -> str:
    """An axis's sizes, to stand behind its name."""
    if axis.least == axis.most:
        return f" = {axis.least}"
    first = axis.least
    said = ""
    if axis.step > 1 and axis.remainders == (0,):
        said = f" multiples of {axis.step}"
        first = 1 if axis.least == axis.step else axis.least
    elif axis.step > 1:
        said = f" of the form {' or '.join(_forms(axis))}"
        first = 1 if axis.least == min(filter(None, axis.remainders), default=0) else axis.least
    if axis.most is not None:
        return f"{said}{',' * bool(said)} from {axis.least} to {axis.most}"
    return said + (f"{',' * bool(said)} ≥ {first}" if first > 1 else "")


def _forms(axis: Axis) -> Iterator[str]:
    """The sizes by what they leave if divided: `8·k`, `8·k + 1`; from three in a row on `8·k to 8·k + 5`."""
    for _, group in groupby(enumerate(axis.remainders), lambda one: one[1] - one[0]):
        forms = [f"{axis.step}·k + {rest}" if rest else f"{axis.step}·k" for _, rest in group]
        yield from forms if len(forms) < 3 else [f"{forms[0]} to {forms[-1]}"]


def _because(axes: Sequence[Axis]) -> str:
    for axis in axes:
        if axis.layer is not None:
            line = f" in line {axis.line}" if axis.line is not None else ""
            return f", because of `{axis.layer}`{line}"
    return ""

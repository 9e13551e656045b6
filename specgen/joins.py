"""How branches come together: the shape rules of `add`, `mul`, `cat` and `split`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from specgen.layers.base import Refusal
from specgen.shape import Shape

JoinKind = Literal["add", "mul", "cat", "split"]


class BranchRefusal(Refusal):
    """A join's refusal: the branch that does not fit, and the first one that it does not fit to, from 0."""

    def __init__(self, branch: int, other: int, code: str, title: str, label: str) -> None:
        super().__init__(code, title, label)
        self.branch = branch
        self.other = other


def share(kind: JoinKind, x: Shape, branches: int) -> Shape:
    """What arrives at each branch: everything, or with `split` an equal share of the channels."""
    if kind != "split":
        return x
    if x.channels % branches:
        raise Refusal(
            "groups-do-not-divide",
            f"{x.channels} channel{'s' * (x.channels != 1)} cannot be split into {branches} equal shares",
            f"{int(x.channels)} / {branches} is not whole",
        )
    return x.replace(channels=x.channels // branches)


def join(kind: JoinKind, shapes: Sequence[Shape]) -> Shape:
    """The shape of the joined branches; raises `BranchRefusal` where they do not fit together."""
    result = shapes[0]
    for index, shape in enumerate(shapes[1:], 1):
        joined = _pair(kind, result, shape)
        if joined is None:
            other = next(at for at, one in enumerate(shapes) if _pair(kind, one, shape) is None)
            title = f"`{kind}` needs branches of {_NEEDS[kind]}"
            label = f"this branch gives {shape}, and another one {shapes[other]}"
            raise BranchRefusal(index, other, "branches-differ", title, label)
        result = joined
    return result


_NEEDS: dict[JoinKind, str] = {
    "add": "one shape",
    "mul": "one shape, but for axes of size 1",
    "cat": "one spatial size",
    "split": "one spatial size",
}


def _pair(kind: JoinKind, first: Shape, other: Shape) -> Shape | None:
    """What two branches give together; nothing where they do not fit."""
    if (first.rank, first.channels_last) != (other.rank, other.channels_last):
        return None
    if kind in ("cat", "split"):
        fits = first.spatial == other.spatial
        return first.replace(channels=first.channels + other.channels) if fits else None
    if kind == "add":
        return first if first.sizes == other.sizes else None
    pairs = list(zip(first.sizes, other.sizes, strict=True))
    if not all(a == b or 1 in (a, b) for a, b in pairs):
        return None
    return Shape.of_sizes(tuple(b if a == 1 else a for a, b in pairs), first.channels_last)

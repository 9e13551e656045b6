"""How branches come together: the shape rules of `add`, `mul`, `cat` and `split`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from specgen.layers.base import Refusal
from specgen.shape import Shape

JoinKind = Literal["add", "mul", "cat", "split"]


class BranchRefusal(Refusal):
    """A join's refusal, with the number of the branch that does not fit, counted from 0."""

    def __init__(self, branch: int, code: str, title: str, label: str) -> None:
        super().__init__(code, title, label)
        self.branch = branch


def share(kind: JoinKind, x: Shape, branches: int) -> Shape:
    """What arrives at each branch: everything, or with `split` an equal share of the channels."""
    if kind != "split":
        return x
    if x.channels % branches:
        raise Refusal(
            "groups-do-not-divide",
            f"{x.channels} channels cannot be split into {branches} equal shares",
            f"{int(x.channels)} / {branches} is not whole",
        )
    return x.replace(channels=x.channels // branches)


def join(kind: JoinKind, shapes: Sequence[Shape]) -> Shape:
    """The shape of the joined branches; raises `BranchRefusal` where they do not fit together."""
    result = shapes[0]
    for index, shape in enumerate(shapes[1:], 1):
        result = _pair(kind, result, shape, index)
    return result


def _pair(kind: JoinKind, first: Shape, other: Shape, index: int) -> Shape:
    same_layout = (first.rank, first.channels_last) == (other.rank, other.channels_last)
    if kind in ("cat", "split"):
        if same_layout and first.spatial == other.spatial:
            return first.replace(channels=first.channels + other.channels)
        raise BranchRefusal(
            index,
            "branches-differ",
            f"`{kind}` needs branches of one spatial size",
            f"this branch gives {other}, the first {first}",
        )
    if kind == "add":
        if same_layout and first.sizes == other.sizes:
            return first
        raise BranchRefusal(
            index,
            "branches-differ",
            "`add` needs branches of one shape",
            f"this branch gives {other}, the first {first}",
        )
    if same_layout and all(a == b or 1 in (a, b) for a, b in zip(first.sizes, other.sizes, strict=True)):
        sizes = tuple(b if a == 1 else a for a, b in zip(first.sizes, other.sizes, strict=True))
        return Shape.of_sizes(sizes, first.channels_last)
    raise BranchRefusal(
        index,
        "branches-differ",
        "`mul` needs branches of one shape, but for axes of size 1",
        f"this branch gives {other}, the first {first}",
    )

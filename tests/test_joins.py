"""How branches come together: which shapes fit, what they give, and which branch is blamed."""

from __future__ import annotations

import pytest

from specgen.joins import BranchRefusal, join, share
from specgen.layers.base import Refusal
from specgen.shape import Shape


def a_map(*sizes: int) -> Shape:
    return Shape.of_sizes(sizes)


def last(*sizes: int) -> Shape:
    return Shape.of_sizes(sizes, channels_last=True)


@pytest.mark.parametrize(
    ("kind", "shapes", "joined"),
    [
        ("add", [a_map(4, 5, 6)], a_map(4, 5, 6)),
        ("add", [a_map(4, 5, 6), a_map(4, 5, 6), a_map(4, 5, 6)], a_map(4, 5, 6)),
        ("add", [last(5, 6, 4), last(5, 6, 4)], last(5, 6, 4)),
        ("add", [Shape(7), Shape(7)], Shape(7)),
        ("cat", [a_map(4, 5, 6), a_map(3, 5, 6), a_map(1, 5, 6)], a_map(8, 5, 6)),
        ("cat", [last(5, 6, 4), last(5, 6, 3)], last(5, 6, 7)),
        ("cat", [Shape(7), Shape(2)], Shape(9)),
        ("split", [a_map(4, 5), a_map(2, 5)], a_map(6, 5)),
        ("mul", [a_map(4, 5, 6), a_map(4, 5, 6)], a_map(4, 5, 6)),
        ("mul", [a_map(4, 5, 6), a_map(4, 1, 1)], a_map(4, 5, 6)),
        ("mul", [a_map(4, 1, 1), a_map(4, 5, 6)], a_map(4, 5, 6)),
        ("mul", [a_map(1, 5, 6), a_map(4, 5, 1)], a_map(4, 5, 6)),
        ("mul", [a_map(4, 1, 6), a_map(1, 5, 1)], a_map(4, 5, 6)),
        ("mul", [last(5, 6, 1), last(1, 6, 4)], last(5, 6, 4)),
        ("mul", [Shape(1), Shape(9)], Shape(9)),
    ],
)  # fmt: skip
def test_branches_that_fit(kind: str, shapes: list[Shape], joined: Shape) -> None:
    assert join(kind, shapes) == joined  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "shapes", "branch", "other"),
    [
        ("add", [a_map(4, 5, 6), a_map(3, 5, 6)], 1, 0),
        ("add", [a_map(4, 5, 6), a_map(4, 5, 6), a_map(4, 5, 1)], 2, 0),
        ("add", [a_map(4, 5, 5), last(4, 5, 5)], 1, 0),
        ("add", [Shape(4), a_map(4, 1)], 1, 0),
        ("cat", [a_map(4, 5, 6), a_map(4, 6, 5)], 1, 0),
        ("cat", [a_map(4, 5, 6), a_map(4, 5, 6), a_map(4, 5)], 2, 0),
        ("cat", [a_map(4, 5, 5), last(5, 5, 4)], 1, 0),
        ("split", [a_map(4, 5), a_map(4, 1)], 1, 0),
        ("mul", [a_map(4, 5, 6), a_map(2, 5, 6)], 1, 0),
        ("mul", [a_map(4, 1, 1), a_map(4, 5, 6), a_map(4, 2, 1)], 2, 1),
        ("mul", [a_map(4, 1, 1), last(1, 1, 4)], 1, 0),
        ("mul", [Shape(4), a_map(4, 1)], 1, 0),
    ],
)
def test_branches_that_do_not_fit(kind: str, shapes: list[Shape], branch: int, other: int) -> None:
    with pytest.raises(BranchRefusal) as caught:
        join(kind, shapes)  # type: ignore[arg-type]
    assert caught.value.branch == branch
    assert caught.value.code == "branches-differ"
    assert caught.value.title.startswith(f"`{kind}` needs branches of one ")
    assert caught.value.other == other
    assert caught.value.label == f"this branch gives {shapes[branch]}, and another one {shapes[other]}"


def test_what_arrives_at_each_branch() -> None:
    assert share("split", a_map(6, 5, 5), 3) == a_map(2, 5, 5)
    assert share("split", last(5, 5, 6), 2) == last(5, 5, 3)
    assert share("add", a_map(5, 3), 2) == share("cat", a_map(5, 3), 2) == a_map(5, 3)
    with pytest.raises(Refusal, match="7 channels cannot be split into 2 equal shares") as caught:
        share("split", a_map(7, 5, 5), 2)
    assert caught.value.code == "groups-do-not-divide"
    assert caught.value.label == "7 / 2 is not whole"

"""Arithmetic as it stands on a board: a rule is run on numbers that remember what was done to them.

So what is shown cannot be another formula than the one that was computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from specgen import arithmetic
from specgen.arithmetic import Expression, Operation
from specgen.shape import Shape


@dataclass(frozen=True, slots=True)
class Working:
    """How one size of an output comes about.

    Attributes:
        about: whether it is the number of channels, or the size of a spatial axis.
        expression: the arithmetic, all of it numbers.
        value: what it comes to.
        axis: the spatial axis, counted from 0.
    """

    about: Literal["channels", "size"]
    expression: Expression
    value: int
    axis: int = 0


def on_board(number: int | float) -> Any:
    """A number that remembers what is done to it, starting with itself."""
    plain = arithmetic.plain(number)
    return arithmetic.Int(plain, plain) if isinstance(plain, int) else arithmetic.Float(plain, plain)


def shape_on_board(shape: Shape) -> Shape:
    """A shape of such numbers."""
    return Shape(on_board(shape.channels), tuple(map(on_board, shape.spatial)), shape.channels_last)


def worked(
    rule: Callable[..., int], spatial: tuple[int, ...], *options: Any, **fixed: Any
) -> tuple[Working, ...]:
    """What `shape.along` computes with a rule, written out: one working for each axis."""
    found = []
    for axis, values in enumerate(zip(spatial, *options, strict=True)):
        size = rule(*map(on_board, values), **fixed)
        found.append(Working("size", arithmetic.expression_of(size), int(size), axis))
    return tuple(found)


def worked_shape(shape: Shape) -> tuple[Working, ...]:
    """The sizes of a shape that were computed from numbers on the board."""
    sizes = [
        ("channels", shape.channels, 0),
        *(("size", size, axis) for axis, size in enumerate(shape.spatial)),
    ]
    return tuple(
        Working(about, expression, int(size), axis)  # type: ignore[arg-type]
        for about, size, axis in sizes
        if isinstance(expression := arithmetic.expression_of(size), Operation)
    )

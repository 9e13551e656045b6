"""A size inside a network, as a function of the sizes of its input.

What convolution and pooling do along an axis is `floor((n + a) / b)`, and so is any chain of them; so most
of a network comes to few distinct functions, which can be inverted and compared without trying sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor, lcm
from typing import Any, TypeAlias

from specgen.layers.base import Layer, Refusal
from specgen.shape import LARGEST, Shape, window


class Unfit(Exception):  # noqa: N818 (an answer, not a failure of the program)
    """A layer refuses what arrives at these sizes of the input."""


@dataclass(frozen=True, eq=False)
class Size:
    """A size that depends on the input. Equal functions are one object, so far as `Sizes` can tell.

    `period` and `slope` are of its exact growth: `f(n + period) = f(n) + slope · period` on its one axis; the
    period is 0 where that is not known.
    """

    kind: str
    numbers: tuple[Any, ...] = ()
    parents: tuple[Extent, ...] = ()
    axes: frozenset[int] = frozenset()
    period: int = 0
    slope: Fraction = field(default=Fraction(1))


#: A size: a number, where it is the same for every input.
Extent: TypeAlias = int | Size


class Sizes:
    """Makes sizes, each function once."""

    def __init__(self) -> None:
        self.made: dict[Any, Size] = {}

    def axis(self, index: int) -> Size:
        """The input's size along an axis."""
        return self._make("axis", (index,), (), frozenset((index,)), 1, Fraction(1))

    def linear(self, n: Extent, factor: int, more: int) -> Extent:
        """`factor · n + more`."""
        if isinstance(n, int):
            return factor * n + more
        if (factor, more) == (1, 0):
            return n
        if n.kind == "linear":
            return self.linear(n.parents[0], factor * n.numbers[0], factor * n.numbers[1] + more)
        if n.kind == "floor" and factor == 1:
            before, divisor = n.numbers
            return self.floor(n.parents[0], before + divisor * more, divisor)
        return self._of("linear", (factor, more), n, n.period, factor * n.slope)

    def floor(self, n: Extent, before: int, divisor: int) -> Extent:
        """`floor((n + before) / divisor)`."""
        if isinstance(n, int):
            return (n + before) // divisor
        if divisor == 1:
            return self.linear(n, 1, before)
        if n.kind == "floor":
            a, b = n.numbers
            return self.floor(n.parents[0], a + before * b, b * divisor)
        if n.kind == "linear":
            factor, more = n.numbers
            if factor % divisor == 0:
                return self.linear(n.parents[0], factor // divisor, (more + before) // divisor)
            if divisor % factor == 0:
                return self.floor(n.parents[0], (more + before) // factor, divisor // factor)
        return self._of("floor", (before, divisor), n, n.period * divisor, n.slope / divisor)

    def pooled(self, n: Extent, kernel: int, stride: int, padding: int, dilation: int) -> Extent:
        """What a pooling with `ceil_mode` gives, whose last window may be dropped."""
        reach = dilation * (kernel - 1) + 1
        if reach >= padding + stride:  # then the last window starts inside
            return self.floor(n, 2 * padding - reach + 2 * stride - 1, stride)
        options = kernel, stride, padding, dilation
        if isinstance(n, int):
            return window(n, *options, ceil=True)
        return self._of("pooled", options, n, n.period * stride, n.slope / stride)

    def scaled(self, n: Extent, factor: float) -> Extent:
        """`floor(n · factor)`."""
        if factor == int(factor):
            return self.linear(n, int(factor), 0)
        if (
            (1 / factor).is_integer()
            and factor * (1 / factor) == 1
            and (int(1 / factor) & (int(1 / factor) - 1)) == 0
        ):
            return self.floor(n, 0, int(1 / factor))
        if isinstance(n, int):
            return floor(float(n) * factor)
        return self._of("scaled", (factor,), n, 0, n.slope)

    def product(self, *factors: Extent) -> Extent:
        """The product of some sizes."""
        number, sizes = 1, []
        for factor in factors:
            parts = (factor,) if isinstance(factor, int) or factor.kind != "product" else factor.parents
            number *= factor.numbers[0] if isinstance(factor, Size) and factor.kind == "product" else 1
            for part in parts:
                if isinstance(part, int):
                    number *= part
                else:
                    sizes.append(part)
        if not sizes:
            return number
        if len(sizes) == 1:
            return self.linear(sizes[0], number, 0)
        sizes.sort(key=id)
        axes = frozenset[int]().union(*(size.axes for size in sizes))
        return self._make("product", (number,), tuple(sizes), axes, 0, Fraction(1))

    def wider(self, one: Extent, other: Extent) -> Extent:
        """Of two sizes that broadcast, the one that is not 1."""
        if one is other or other == 1:
            return one
        if isinstance(one, int):
            return other if one == 1 else one
        axes = one.axes | (other.axes if isinstance(other, Size) else frozenset())
        return self._make("wider", (), (one, other), axes, 0, Fraction(1))

    def other(self, layer: Layer, last: bool, index: int, sizes: tuple[Extent, ...]) -> Extent:
        """One size of what a layer gives that only its own rule can tell."""
        axes = frozenset[int]().union(*(size.axes for size in sizes if isinstance(size, Size)))
        return self._make("other", (layer, last, index), sizes, axes, 0, Fraction(1))

    def _of(self, kind: str, numbers: tuple[Any, ...], n: Size, period: int, slope: Fraction) -> Size:
        return self._make(kind, numbers, (n,), n.axes, period, slope)

    def _make(
        self, kind: str, numbers: tuple[Any, ...], parents: tuple[Extent, ...], axes: frozenset[int],
        period: int, slope: Fraction,
    ) -> Size:  # fmt: skip
        same = tuple(id(part) if isinstance(part, (Layer, Size)) else part for part in (*numbers, *parents))
        key = kind, same
        found = self.made.get(key)
        if found is None:
            found = self.made[key] = Size(kind, numbers, parents, axes, period, slope)
        return found


def value(size: Extent, input_: Mapping[int, int], known: dict[Size, int] | None = None) -> int:
    """A size at given sizes of the input, by axis; raises `Unfit` where a layer refuses what it takes."""
    if isinstance(size, int):
        return size
    if size.kind == "axis":
        return input_[size.numbers[0]]
    known = {} if known is None else known
    if size not in known:
        known[size] = _value(size, [value(part, input_, known) for part in size.parents])
    return known[size]


def _value(size: Size, parts: list[int]) -> int:
    match size.kind:
        case "floor":
            return int((parts[0] + size.numbers[0]) // size.numbers[1])
        case "linear":
            return int(size.numbers[0] * parts[0] + size.numbers[1])
        case "pooled":
            return window(parts[0], *size.numbers, ceil=True)
        case "scaled":
            return floor(float(parts[0]) * size.numbers[0])
        case "product":
            result = int(size.numbers[0])
            for part in parts:
                result *= part
            return result
        case "wider":
            return parts[1] if parts[0] == 1 else parts[0]
    layer, last, index = size.numbers
    try:
        return int(layer.infer(Shape.of_sizes(tuple(parts), last)).sizes[index])
    except Refusal:
        raise Unfit from None


def reaches(size: Size, least: int) -> int:
    """The smallest parent for which a size that grows with its one parent is at least `least`."""
    match size.kind:
        case "floor":
            return int(least * size.numbers[1] - size.numbers[0])
        case "linear":
            return int(-((size.numbers[1] - least) // size.numbers[0]))
    return _first(lambda n: _value(size, [n]) >= least)


def _first(holds: Callable[[int], bool]) -> int:
    """The smallest whole number from 1 on for which something holds that stays so."""
    low, high = 0, 1
    while not holds(high):
        low, high = high, 2 * high
        if high > LARGEST:
            return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def joint_period(*sizes: Extent) -> int:
    """A period of all of some sizes; 0 where one is not known."""
    return lcm(*(size.period if isinstance(size, Size) else 1 for size in sizes))

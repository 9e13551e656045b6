"""Shapes, and the window arithmetic that convolution and pooling share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from specgen import arithmetic

#: The largest channel count, spatial size or option value.
LARGEST = 2**31 - 1
#: Tensors and totals stay below this.
LARGEST_TOTAL = 2**63


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of one sample: channels and up to three spatial sizes, without the batch.

    Four layouts are one rule: a vector has no spatial sizes (`C`); a feature map has its channels
    first (`C × L`, `C × H × W`, `C × D × H × W`); channels-last form and tokens have them last
    (`H × W × C`, `N × C`).
    """

    channels: int
    spatial: tuple[int, ...] = ()
    channels_last: bool = False

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes in the tensor's order."""
        if self.channels_last:
            return (*self.spatial, self.channels)
        return (self.channels, *self.spatial)

    @property
    def rank(self) -> int:
        """The number of spatial axes: 0 for a vector."""
        return len(self.spatial)

    @property
    def is_map(self) -> bool:
        """Whether this is a feature map: spatial axes behind the channels."""
        return bool(self.spatial) and not self.channels_last

    @property
    def positions(self) -> int:
        """The number of places that hold one channel vector each: a bare number."""
        return prod(map(int, self.spatial))

    @property
    def elements(self) -> int:
        """The number of values: a bare number."""
        return int(self.channels) * self.positions

    @property
    def channel_axis(self) -> int:
        """The channels' axis in the batched tensor: 1, or −1 where channels are last."""
        return -1 if self.channels_last else 1

    def replace(self, *, channels: int | None = None, spatial: tuple[int, ...] | None = None) -> Shape:
        """The same layout with other sizes."""
        return Shape(
            self.channels if channels is None else channels,
            self.spatial if spatial is None else spatial,
            self.channels_last,
        )

    @classmethod
    def of_sizes(cls, sizes: tuple[int, ...], channels_last: bool = False) -> Shape:
        """The shape whose `sizes` these are."""
        if channels_last and len(sizes) > 1:
            return cls(sizes[-1], tuple(sizes[:-1]), True)
        return cls(sizes[0], tuple(sizes[1:]))

    def describe(self) -> str:
        """What this is, in words: `a vector of 512`, `a feature map of 64 × 56 × 56`."""
        if not self.spatial:
            return f"a vector of {self.channels}"
        if self.channels_last:
            kind = "tokens" if self.rank == 1 else "a channels-last map"
            return f"{kind} of {self}"
        return f"a feature map of {self}"

    def __str__(self) -> str:
        return times(self.sizes)


def bare(value: Any) -> Any:
    """A number, a tuple or a shape without what its numbers were computed from."""
    if isinstance(value, Shape):
        return Shape(int(value.channels), bare(value.spatial), value.channels_last)
    return tuple(map(bare, value)) if isinstance(value, tuple) else arithmetic.plain(value)


def times(sizes: tuple[int, ...]) -> str:
    """Sizes as people write them: `64 × 56 × 56`."""
    return " × ".join(str(int(size)) for size in sizes)


#: One whole number for every axis, or one number an axis.
PerAxis = int | tuple[int, ...]


def collapse(values: tuple[int, ...]) -> PerAxis:
    """One number where all axes agree: `(3, 3)` is `3`."""
    first = values[0]
    if values.count(first) < len(values):
        return values
    return first if arithmetic.are_plain(values) or len(set(map(arithmetic.names, values))) == 1 else values


def window(size: int, kernel: int, stride: int, padding: int, dilation: int = 1, ceil: bool = False) -> int:
    """The output size of a window that slides over one axis; below 1 where it does not fit.

    `floor((size + 2·padding − dilation·(kernel − 1) − 1) / stride) + 1`. With `ceil` the quotient is
    rounded up, and a last window that would start in the right-hand padding is dropped, as in
    PyTorch's pooling.
    """
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil:
        return span // stride + 1
    out = -(-span // stride) + 1
    return out - 1 if (out - 1) * stride >= size + padding else out


def transposed(size: int, kernel: int, stride: int, padding: int, dilation: int, extra: int) -> int:
    """The output size of a transposed convolution along one axis, `extra` being output padding."""
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1


def along(
    rule: Callable[..., int], spatial: tuple[int, ...], *options: tuple[int, ...], **fixed: Any
) -> tuple[int, ...]:
    """`rule` along each axis. The sizes print as numbers, whatever they were computed from."""
    sizes = []
    for values in zip(spatial, *options, strict=True):
        if arithmetic.are_plain(values):
            sizes.append(rule(*values, **fixed))
            continue
        plain = tuple(map(arithmetic.plain, values))
        sizes.append(arithmetic.opaque(rule(*plain, **fixed), values))
    return tuple(sizes)

"""Finds the sizes of the input that a network runs on besides the one it was built for.

The layers' own rules say whether one size is fine (`specgen.trial`). What is tried here are all sizes
around the one it was built for, at least as many as it takes for strides to come to the same remainders
again, and from there the ends of the pattern: a window that fits also fits in what is larger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

from specgen.accepts import Accepts, Axis
from specgen.ir import Network
from specgen.shape import LARGEST, Shape, bare
from specgen.trial import Refused, TooLarge, Trial

#: The axes' names, by their number.
AXES = {0: (), 1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}

#: How far around the built size every size is tried: at least, and at most for the sake of a long period.
NEAR, FURTHEST = 32, 512
#: Up to here every size is tried where there are joins, which may let other small sizes through.
SMALL = 64
#: A size that is larger than any bound, unless the built size is large itself.
HUGE = 1 << 20
#: So many sizes are tried at least where another axis has told what to expect.
FEW = 8
#: The longest period of which a divisor is looked for.
LONGEST_PERIOD = 1 << 16


def accepts(network: Network) -> Accepts:
    """What a network accepts; of one with very many layers, nothing but what it was built for is known."""
    shape = bare(network.input_shape)
    if not shape.rank:
        return Accepts(shape, ())
    try:
        return _searched(Trial(network), shape)
    except TooLarge:
        axes = tuple(Axis(name, n, n) for name, n in zip(AXES[shape.rank], shape.spatial, strict=True))
        return Accepts(shape, axes, whole=False, tried=False)


def _searched(trial: Trial, shape: Shape) -> Accepts:
    lines = [_Line(trial, shape, index) for index in range(shape.rank)]
    axes: list[Axis] = []
    for line, name in zip(lines, AXES[shape.rank], strict=True):
        guesses = [axis for axis, other in zip(axes, lines, strict=False) if other.built == line.built]
        axes.append(_axis(line, name, guesses))
    # A product of sizes that is pinned is had in other ways as well.
    pinned = shape.rank > 1 and any(axis.most is not None for axis in axes)
    whole = not pinned and all(line.agrees(axis) for line, axis in zip(lines, axes, strict=True))
    return _together(trial, Accepts(shape, tuple(axes), whole))


class _Line:
    """The sizes along one axis, the others being as the network was built."""

    def __init__(self, trial: Trial, shape: Shape, index: int) -> None:
        self.trial, self.shape, self.index = trial, shape, index
        self.built: int = shape.spatial[index]
        node = trial.node
        self.joins, self.even = node.joins, node.even
        self.period = node.period if node.joins else 1
        #: If so large a size is fine, any larger one is.
        self.huge = min(max(HUGE, 64 * self.built), LARGEST)
        self.tried: dict[int, bool] = {}

    def ask(self, size: int) -> Shape | Refused:
        """What the network gives at a size, or who refuses it."""
        return self.trial(self._at(size))

    def fits(self, size: int) -> bool:
        """Whether a size is fine."""
        if size not in self.tried:
            self.tried[size] = self.trial.fits(self._at(size))
        return self.tried[size]

    def _at(self, size: int) -> Shape:
        spatial = self.shape.spatial
        return self.shape.replace(spatial=(*spatial[: self.index], size, *spatial[self.index + 1 :]))

    def agrees(self, axis: Axis) -> bool:
        """Whether the sizes that were tried are those of an axis, and are enough to tell."""
        same = all(fine is (size in axis) for size, fine in self.tried.items())
        return same and self.period <= FURTHEST


def _axis(line: _Line, name: str, guesses: Sequence[Axis]) -> Axis:
    """What is accepted along an axis; mostly it is what is accepted along another of the same size."""
    found = next((replace(guess, name=name) for guess in guesses if _confirmed(line, guess)), None)
    found = found or _extended(line, _pattern(line, name))
    wrong = [size for size, fine in line.tried.items() if size in found and not fine]
    least = max((size + 1 for size in wrong if size < line.built), default=found.least)
    most = min((size - 1 for size in wrong if size > line.built), default=found.most)
    found = _cut(found, least, most)
    if found.most is None:
        return replace(found, layer=None, line=None)
    refused = _refused(line, replace(found, most=None), found.most)
    return replace(found, layer=refused.layer, line=refused.line)


def _refused(line: _Line, pattern: Axis, most: int) -> Refused:
    """Which layer refuses the next size of a pattern; or else twice the built one, which joins may take."""
    following = (size for size in range(most + 1, most + 1 + pattern.step) if size in pattern)
    outs = map(line.ask, (*following, 2 * line.built))
    return next((out for out in outs if isinstance(out, Refused) and out.layer), Refused())


def _confirmed(line: _Line, axis: Axis) -> bool:
    """Whether an axis is right: at its ends, and over one period where axes are not treated alike."""
    if line.period > FURTHEST:
        return False
    around = max(FEW, 2 * axis.step, 1 if line.even else line.period)
    most = line.huge if axis.most is None else axis.most
    sizes = {*range(axis.least - axis.step, axis.least + 1), *range(line.built, line.built + around)}
    sizes |= {size for size in range(most, most + axis.step + 1) if size % axis.step in axis.remainders}
    return all(line.fits(size) is (size in axis) for size in sorted(sizes) if size > 0)


def _pattern(line: _Line, name: str) -> Axis:
    """What the sizes around the built one have in common, from the least to the most of them."""
    reach = max(NEAR, min(line.period, FURTHEST))
    above = range(line.built, line.built + reach + 1)
    if all(map(line.fits, above)):
        return Axis(name, above[0], above[-1])
    near = range(max(1, line.built - reach), above.stop)
    fine = [size for size in near if line.fits(size)]
    if len(fine) == 1:
        return _sparse(line, name)
    for low in (fine[0], line.built):
        found = _remainders(name, [size for size in fine if size >= low])
        if found:
            return found
    low = high = line.built
    while low - 1 in fine:
        low -= 1
    while high + 1 in fine:
        high += 1
    return Axis(name, low, high)


def _remainders(name: str, fine: Sequence[int]) -> Axis | None:
    """The smallest step whose remainders explain some sizes; over two steps if it takes more than one."""
    low, high, all_fine = fine[0], fine[-1], set(fine)
    for step in range(1, max(1, high - low) + 1):
        remainders = tuple(sorted({size % step for size in fine}))
        if len(remainders) > 1 and 2 * step > high - low + 1:
            continue
        axis = Axis(name, low, high, step, remainders)
        if all((size in axis) is (size in all_fine) for size in range(low, high + 1)):
            return axis
    return None


def _sparse(line: _Line, name: str) -> Axis:
    """The built size, and those that are a whole number of periods from it."""
    for whole in (line.period, line.built):
        steps = (step for step in range(2, min(whole, LONGEST_PERIOD) + 1) if whole % step == 0)
        for step in steps:
            if line.fits(line.built + step) and line.fits(line.built + 2 * step):
                return Axis(name, line.built, line.built + 2 * step, step, (line.built % step,))
    return Axis(name, line.built, line.built)


def _extended(line: _Line, seen: Axis) -> Axis:
    """A pattern as far as it goes on below and above what was seen of it."""
    pattern = replace(seen, least=1, most=None)

    def holds(size: int) -> bool:
        return size not in pattern or line.fits(size)

    assert seen.most is not None
    low = _edge(holds, seen.least, 1, seen.step)
    high = _edge(holds, seen.most, line.huge, seen.step)
    if line.joins:
        for size in range(1, min(SMALL if seen.step > 1 else low, line.built)):
            line.fits(size)
    return _cut(pattern, low, None if high == line.huge else high)


def _edge(holds: Callable[[int], bool], start: int, end: int, step: int) -> int:
    """The last number from `start` on, up or down to `end`, as far as something holds that then ends.

    It is asked for `step` numbers at a time, of which the first one is always of the pattern, as `start` is.
    """
    sign = 1 if end >= start else -1

    def block(index: int) -> bool:
        first = start + sign * index * step
        return all(holds(n) for n in range(first, first + sign * step, sign) if (end - n) * sign >= 0)

    good, bad = 0, abs(end - start) // step
    if block(bad):
        return end
    # From the end on in steps that double: where windows do not fit, little is asked.
    jump = 1
    while bad - jump > good and not block(bad - jump):
        bad, jump = bad - jump, 2 * jump
    good = max(good, bad - jump)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if block(middle) else (good, middle)
    last = start + sign * good * step
    while holds(last + sign):  # which ends before `end`: its last block does not hold
        last += sign
    return last


def _cut(axis: Axis, least: int, most: int | None) -> Axis:
    """An axis from its first size to its last one that lie in a range."""
    inner = replace(axis, least=least, most=most)
    first = next((size for size in range(least, least + axis.step) if size in inner), least)
    if most is not None:
        most = next((size for size in range(most, most - axis.step, -1) if size in inner), most)
    return replace(inner, least=first, most=most)


def _together(trial: Trial, found: Accepts) -> Accepts:
    """The axes' sizes so far that any of them go together."""
    if len(found.axes) < 2:
        return found
    refused = _refused_corner(trial, found)
    if refused is None:
        return found
    least = min(axis.least for axis in found.axes)
    for first in range(least + 1, min(found.input.spatial)):
        raised = replace(found, axes=tuple(_raised(axis, first) for axis in found.axes), whole=False)
        refused = _refused_corner(trial, raised)
        if refused is None:
            return raised
    axes = tuple(
        Axis(axis.name, built, built, layer=refused.layer, line=refused.line)
        for axis, built in zip(found.axes, found.input.spatial, strict=True)
    )
    return Accepts(found.input, axes, whole=False)


def _refused_corner(trial: Trial, accepts: Accepts) -> Refused | None:
    """Who refuses a few sizes of all axes together, if anyone."""
    for corner in product(*map(_samples, accepts.axes)):
        out = trial(accepts.input.replace(spatial=corner))
        if isinstance(out, Refused):
            return out
    return None


def _raised(axis: Axis, least: int) -> Axis:
    """The axis with another lower end, where that is higher and leaves anything."""
    if axis.most is not None and axis.most < least:
        return axis
    return _cut(axis, max(axis.least, least), axis.most)


def _samples(axis: Axis) -> tuple[int, ...]:
    """A few sizes of an axis: its first, the next one, and a larger one."""
    last = axis.least + 5 * axis.step
    last = last if axis.most is None else min(last, axis.most)
    few = [size for size in range(axis.least, last + 1) if size in axis]
    return tuple(dict.fromkeys((*few[:2], *few[-1:])))

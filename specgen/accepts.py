"""The sizes of the input that the network runs on besides the one it was built for.

A size is accepted if every layer of the network as it was built takes what arrives: its shape rule accepts
it, and its constructor call and parameters would be the same; and if all branches can be joined. That is
meant for evaluation: in training, batch normalisation also needs more than one value per channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from specgen.extents import Extent, Size, Sizes, Unfit, joint_period, reaches, value
from specgen.ir import Block, Network, Parallel, Step
from specgen.ir import Sequence as Series
from specgen.layer_sizes import Form, Reader
from specgen.layers.base import Refusal
from specgen.shape import LARGEST, Shape

#: The axes' names, by their number.
AXES = {0: (), 1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}

#: The longest period that is gone through, and how often a rule is asked where none is known.
LONGEST_PERIOD = 1 << 14
MOST_TRIED = 4000


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

    `whole` is false where it accepts other combinations as well, such as other sides of the same area.
    """

    input: Shape
    axes: tuple[Axis, ...]
    whole: bool = True

    def __contains__(self, shape: Shape) -> bool:
        same = (shape.channels, shape.rank) == (self.input.channels, self.input.rank)
        return same and all(size in axis for size, axis in zip(shape.spatial, self.axes, strict=True))

    def __str__(self) -> str:
        if not self.axes:
            return f"exactly {self.input.channels}"
        if all(axis.least == axis.most for axis in self.axes):
            sizes = " × ".join(str(axis.least) for axis in self.axes)
            return f"exactly {sizes}{_because(self.axes)}"
        alike: dict[str, list[Axis]] = {}
        for axis in self.axes:
            alike.setdefault(_range(axis), []).append(axis)
        parts = [f"{', '.join(axis.name for axis in axes)}{said}" for said, axes in alike.items()]
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
        return {"text": str(self), "axes": axes, "whole": self.whole}


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
        forms = [f"{axis.step}·k + {rest}" if rest else f"{axis.step}·k" for rest in axis.remainders]
        said = f" of the form {' or '.join(forms)}"
        first = 1 if axis.least == min(filter(None, axis.remainders), default=0) else axis.least
    if axis.most is not None:
        return f"{said}{',' * bool(said)} from {axis.least} to {axis.most}"
    return said + (f"{',' * bool(said)} ≥ {first}" if first > 1 else "")


def _because(axes: Sequence[Axis]) -> str:
    for axis in axes:
        if axis.layer is not None:
            line = f" in line {axis.line}" if axis.line is not None else ""
            return f", because of `{axis.layer}`{line}"
    return ""


def accepts(network: Network) -> Accepts:
    """What a network accepts."""
    shape = network.input_shape
    reading = _Reading(tuple(map(int, shape.spatial)))
    form = Form(int(shape.channels), tuple(map(reading.sizes.axis, range(shape.rank))), shape.channels_last)
    reading.chain(network.root.steps, form)
    return reading.answer(Shape(int(shape.channels), reading.built, shape.channels_last))


@dataclass
class _Interval:
    """What single sizes leave of one axis, and the layer that sets the upper end."""

    least: int = 1
    most: int = LARGEST
    layer: str | None = None
    line: int | None = None


@dataclass
class _Reading:
    """A network read once: what its layers demand of the input's sizes."""

    #: The sizes it was built for.
    built: tuple[int, ...]
    sizes: Sizes = field(default_factory=Sizes)
    whole: bool = True

    def __post_init__(self) -> None:
        self.intervals = [_Interval() for _ in self.built]
        #: What cannot be inverted: sizes that have to be equal, products that need to be as large, …
        self.equal: dict[tuple[Extent, Extent], None] = {}
        self.broadcast: dict[tuple[Extent, Extent], None] = {}
        self.at_least: dict[Size, int] = {}
        self.asked: dict[tuple[int, Form], tuple[Step, Form]] = {}
        self.reader = Reader(self)
        self.step: Step | None = None

    # --- reading ---------------------------------------------------------------------------------

    def chain(self, steps: Iterable[Any], form: Form) -> Form:
        for step in steps:
            match step:
                case Step():
                    self.step = step
                    form = self.reader.step(step, form)
                case Series() | Block():
                    form = self.chain(step.steps, form)
                case Parallel():
                    form = self._parallel(step, form)
        return form

    def _parallel(self, parallel: Parallel, form: Form) -> Form:
        if parallel.join == "split":
            form = form.with_channels(self.sizes.floor(form.channels, 0, len(parallel.branches)))
        result, *rest = [self.chain(branch.steps, form) for branch in parallel.branches]
        for other in rest:
            result = self._join(parallel.join, result, other)
        return result

    def _join(self, kind: str, one: Form, other: Form) -> Form:
        if kind in ("cat", "split"):
            self._same(one.spatial, other.spatial)
            return one.with_channels(self._sum(one.channels, other.channels))
        pairs = (one.channels, *one.spatial), (other.channels, *other.spatial)
        if kind == "add":
            self._same(*pairs)
            return one
        channels, *spatial = map(self._broadcast, *pairs)
        return Form(channels, tuple(spatial), one.last)

    def _sum(self, one: Extent, other: Extent) -> Extent:
        if isinstance(one, int) or isinstance(other, int):
            number, size = (one, other) if isinstance(one, int) else (other, one)
            assert isinstance(number, int)
            return self.sizes.linear(size, 1, number)
        known = [value(size, dict(enumerate(self.built))) for size in (one, other)]
        self.pin(one, known[0])
        self.pin(other, known[1])
        return sum(known)

    def _same(self, one: Sequence[Extent], other: Sequence[Extent]) -> None:
        for a, b in zip(one, other, strict=True):
            if a is b or a == b:
                continue
            if isinstance(a, int):
                self.pin(b, a)
            elif isinstance(b, int):
                self.pin(a, b)
            else:
                self.equal[a, b] = None

    def _broadcast(self, one: Extent, other: Extent) -> Extent:
        if one is not other and one != 1 and other != 1:
            self.broadcast[one, other] = None
        return self.sizes.wider(one, other)

    # --- what layers demand ----------------------------------------------------------------------

    def pin(self, size: Extent, number: int) -> None:
        """A size has to be what it was when the network was built."""
        self.between(size, number, number)

    def between(self, size: Extent, least: int, most: int = LARGEST) -> None:
        """A size has to lie in a range."""
        while isinstance(size, Size) and size.kind in ("floor", "linear", "pooled", "scaled"):
            above = reaches(size, most + 1) if most < LARGEST else LARGEST + 1
            least, most = reaches(size, least), above - 1
            (size,) = size.parents
        if isinstance(size, int):
            return
        if size.kind == "axis":
            self._cut(self.intervals[size.numbers[0]], least, most)
        elif size.kind == "product" and most < LARGEST:
            self._pin_factors(size)
        elif most < LARGEST:
            self.equal[size, most] = None
        else:
            self.at_least[size] = max(least, self.at_least.get(size, 1))

    def _cut(self, interval: _Interval, least: int, most: int) -> None:
        interval.least = max(interval.least, least)
        if most < interval.most:
            interval.most = most
            interval.layer = self.step.layer.word if self.step else None
            interval.line = self.step.line if self.step else None

    def _pin_factors(self, size: Size) -> None:
        """A product is pinned: here, by each of its factors; other factors may give the same."""
        known = [value(part, dict(enumerate(self.built))) for part in size.parents]
        self.whole = self.whole and all(number == 1 for number in known)
        for part, number in zip(size.parents, known, strict=True):
            self.pin(part, number)

    def ask(self, step: Step, form: Form) -> None:
        """Only the layer's own rule can tell: it is asked for each size."""
        self.asked[id(step.layer), form] = step, form

    # --- the answer ------------------------------------------------------------------------------

    def answer(self, shape: Shape) -> Accepts:
        axes = tuple(self._axis(index, name) for index, name in enumerate(AXES[shape.rank]))
        return self._together(Accepts(shape, axes, self.whole))

    def _axis(self, index: int, name: str) -> Axis:
        interval = self.intervals[index]
        most = None if interval.most == LARGEST else interval.most
        found = Axis(name, interval.least, most, layer=interval.layer, line=interval.line)
        pairs: list[tuple[Extent, Extent]] = [*self.equal, *self.broadcast]
        single: list[tuple[Extent, Extent]] = [(size, 1) for size in self.at_least if size.axes == {index}]
        irregular = [pair for pair in (*pairs, *single) if index in _axes_of(pair)]
        asked = [form for _, form in self.asked.values() if index in _axes_of(form.extents)]
        if not irregular and not asked:
            return found
        period = joint_period(*(size for pair in irregular for size in pair))
        alone = all(_axes_of(pair) == {index} for pair in irregular)
        if alone and not asked and 0 < period <= LONGEST_PERIOD and _grow_alike(irregular):
            return self._periodic(found, index, period)
        return self._tried(found, index, len(irregular) + len(asked))

    def _periodic(self, axis: Axis, index: int, period: int) -> Axis:
        """Which remainders are accepted, where the next period is like this one."""
        start = max(axis.least, self.built[index])
        fine = {n % period for n in range(start, start + period) if self._fits({index: n})}
        return _shortest(axis, fine, period)

    def _tried(self, axis: Axis, index: int, rules: int) -> Axis:
        """The pattern of the sizes around the one it was built for, each of which is tried."""
        built = self.built[index]
        count = max(48, min(2 * built + 64, MOST_TRIED // rules))
        first = max(axis.least, built - count // 2)
        last = min(first + count, LARGEST if axis.most is None else axis.most)
        fine = [n for n in range(first, last + 1) if self._fits({index: n})]
        return _pattern(axis, fine, first, last, built)

    def _fits(self, changed: Mapping[int, int]) -> bool:
        """Whether everything that could not be inverted holds at some sizes, the others as built."""
        at = {**dict(enumerate(self.built)), **changed}
        known: dict[Size, int] = {}
        try:
            for one, other in self.equal:
                if value(one, at, known) != value(other, at, known):
                    return False
            for one, other in self.broadcast:
                a, b = value(one, at, known), value(other, at, known)
                if a != b and 1 not in (a, b):
                    return False
            if any(value(size, at, known) < least for size, least in self.at_least.items()):
                return False
            return all(_same_call(step, form.at(at, known)) for step, form in self.asked.values())
        except Unfit:
            return False

    def _together(self, found: Accepts) -> Accepts:
        """The axes' sizes so far that any of them go together."""
        sizes = [*self.at_least, *(size for pair in (*self.equal, *self.broadcast) for size in pair)]
        forms = [form for _, form in self.asked.values()]
        several = [_axes_of([size]) for size in sizes] + [_axes_of(form.extents) for form in forms]
        pairs = [_axes_of(pair) for pair in (*self.equal, *self.broadcast)]
        if not any(len(axes) > 1 for axes in (*several, *pairs)):
            return found
        for least in self._raised(found.axes):
            axes = tuple(_from(axis, least) for axis in found.axes)
            if all(self._fits(dict(enumerate(corner))) for corner in product(*map(_samples, axes))):
                return Accepts(found.input, axes, found.whole and least == 1)
        axes = tuple(
            Axis(axis.name, built, built, 1, (0,), *self._blamed())
            for axis, built in zip(found.axes, self.built, strict=True)
        )
        return Accepts(found.input, axes, whole=False)

    def _raised(self, axes: Sequence[Axis]) -> Iterable[int]:
        """Lower ends to try, for all axes together."""
        yield 1
        yield from range(1 + min(axis.least for axis in axes), 1 + min(self.built))

    def _blamed(self) -> tuple[str | None, int | None]:
        for step, _ in self.asked.values():
            return step.layer.word, step.line
        return None, None


def _axes_of(sizes: Iterable[Extent]) -> frozenset[int]:
    return frozenset[int]().union(*(size.axes for size in sizes if isinstance(size, Size)))


def _grow_alike(pairs: Iterable[tuple[Extent, Extent]]) -> bool:
    """Whether the two of each pair grow alike, so that equal once is equal a period later."""
    return all(
        isinstance(one, Size) and isinstance(other, Size) and one.slope == other.slope for one, other in pairs
    )


def _same_call(step: Step, x: Shape) -> bool:
    """Whether the layer that was built takes another shape."""
    layer, built = step.layer, step.input
    try:
        layer.infer(x)
        return layer.call(x) == layer.call(built) and layer.parameters(x) == layer.parameters(built)
    except Refusal:
        return False


def _shortest(axis: Axis, fine: set[int], period: int) -> Axis:
    """The axis with remainders by their shortest period."""
    for step in (step for step in range(1, period + 1) if period % step == 0):
        remainders = {n % step for n in fine}
        if len(remainders) * (period // step) == len(fine):
            found = Axis(
                axis.name, axis.least, axis.most, step, tuple(sorted(remainders)), axis.layer, axis.line
            )
            return _from(found, axis.least)
    return axis


def _from(axis: Axis, least: int) -> Axis:
    """The axis from the first size on that is accepted and at least `least`."""
    start = max(axis.least, least)
    first = next((n for n in range(start, start + axis.step) if n % axis.step in axis.remainders), start)
    return Axis(axis.name, first, axis.most, axis.step, axis.remainders, axis.layer, axis.line)


def _pattern(axis: Axis, fine: Sequence[int], first: int, last: int, built: int) -> Axis:
    """What the sizes that were tried have in common, as far as they go on in one way around `built`."""
    accepted = set(fine)
    best = Axis(axis.name, built, built, 1, (0,), axis.layer, axis.line)
    for step in range(1, max(2, (last - first) // 3)):
        top = range(last - step + 1, last + 1)
        remainders = {n % step for n in top if n in accepted}
        if built % step not in remainders:
            continue
        start = last
        while start >= first and (start in accepted) == (start % step in remainders):
            start -= 1
        if start < built and last - start >= 3 * step:
            found = Axis(
                axis.name, start + 1, axis.most, step, tuple(sorted(remainders)), axis.layer, axis.line
            )
            return _from(found, max(start + 1, axis.least if start < first else 1))
    low = high = built
    while low - 1 in accepted:
        low -= 1
    while high + 1 in accepted:
        high += 1
    return Axis(axis.name, low, high, 1, (0,), axis.layer, axis.line) if high < last else best


def _samples(axis: Axis) -> tuple[int, ...]:
    """A few sizes of an axis: its first, the next ones, and a large one."""
    last = axis.most if axis.most is not None else axis.least + 5 * axis.step
    few = [n for n in range(axis.least, min(last, axis.least + 3 * axis.step) + 1) if n in axis]
    return tuple(dict.fromkeys((*few[:2], *few[-1:])))

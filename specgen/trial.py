"""Whether a network, as it was built, runs on another input: its layers' own rules are asked.

Equal layers that were built for equal inputs are one node, wherever they stand, and so are equal chains of
them; each node remembers what it answered. So a size costs few calls of a rule, however deep the network is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from math import lcm, prod
from typing import Any

from specgen import arithmetic
from specgen.ir import Block, Network, Parallel, Step
from specgen.ir import Sequence as Series
from specgen.joins import JoinKind, join, share
from specgen.layers.base import Call, Layer, Refusal, asked, inferred
from specgen.shape import Shape, bare


class Node(ABC):
    """A part of a network. Called with a shape, it gives the shape that comes out; `None` if it is refused.

    Attributes:
        period: how many sizes further on along an axis the output has grown by a whole number of sizes, as
            far as the layers' windows tell.
        joins: whether branches are joined inside.
        even: whether no option has different numbers for different axes.
    """

    period: int = 1
    joins: bool = False
    even: bool = True

    def __init__(self) -> None:
        self._known: dict[Any, Shape | None] = {}

    def __call__(self, x: Shape) -> Shape | None:
        key = x.spatial, x.channels, x.channels_last  # quicker to hash than the shape
        if key not in self._known:
            self._known[key] = self.ask(x)
        return self._known[key]

    @abstractmethod
    def ask(self, x: Shape) -> Shape | None:
        """The answer, worked out."""


class Leaf(Node):
    """A layer that was built for one shape: another has to give the same module."""

    def __init__(self, layer: Layer, built: Shape) -> None:
        super().__init__()
        self.layer = layer
        self._known[built.spatial, built.channels, built.channels_last] = layer.infer(built)
        self.period = _period(layer, built)
        self.even = not any(len(set(value)) > 1 for _, value in layer if isinstance(value, tuple))
        # What was worked out without a look at the sizes is the same for all of that kind.
        seen = _Seen(built.channels, built.spatial, built.channels_last)
        self.module: tuple[Call, dict[str, tuple[int, ...]]] | None = None
        self.same_module: tuple[int, int, bool] | None = None
        self.keeps: tuple[int, int, bool] | None = None
        # Of a layer that fails, it is known that it takes what it was built for.
        with suppress(Refusal):
            self.module = self._module(seen)
            self.same_module = None if seen.sizes_seen else _kind(built)
            self.keeps = None if inferred(layer, seen) is not seen or seen.sizes_seen else _kind(built)

    def ask(self, x: Shape) -> Shape | None:
        kind = _kind(x)
        if kind == self.keeps:
            return x
        try:
            out = inferred(self.layer, x)
            same = kind == self.same_module or self._module(x) == self.module
        except Refusal:
            return None
        return out if same else None

    def _module(self, x: Shape) -> tuple[Call, dict[str, tuple[int, ...]]]:
        """What is built for a shape."""
        layer = self.layer
        return asked(layer, layer.call, x), asked(layer, layer.parameters, x)


class _Seen(Shape):
    """A shape that knows whether anything but its channels and its number of axes was looked at."""

    __slots__ = ("sizes_seen",)

    def __init__(self, channels: int, spatial: tuple[int, ...], channels_last: bool) -> None:
        super().__init__(channels, spatial, channels_last)
        object.__setattr__(self, "sizes_seen", False)

    def __getattribute__(self, name: str) -> Any:
        if name == "rank":
            return len(super().__getattribute__("spatial"))
        if name == "is_map":
            return self.rank > 0 and not self.channels_last
        if name not in ("channels", "channels_last", "sizes_seen", "channel_axis"):
            object.__setattr__(self, "sizes_seen", True)
        return super().__getattribute__(name)


def _kind(x: Shape) -> tuple[int, int, bool]:
    """What of a shape most modules depend on."""
    return x.channels, len(x.spatial), x.channels_last


class Chain(Node):
    """Nodes one behind the other."""

    def __init__(self, *nodes: Node) -> None:
        super().__init__()
        self.nodes = nodes
        self.period = prod(node.period for node in nodes)
        self.joins = any(node.joins for node in nodes)
        self.even = all(node.even for node in nodes)

    def ask(self, x: Shape) -> Shape | None:
        out: Shape | None = x
        for node in self.nodes:
            if out is not None:
                out = node(out)
        return out


class Fork(Node):
    """Branches side by side, joined."""

    joins = True

    def __init__(self, kind: JoinKind, *branches: Node) -> None:
        super().__init__()
        self.kind = kind
        self.branches = branches
        self.period = lcm(*(branch.period for branch in branches))
        self.even = all(branch.even for branch in branches)

    def ask(self, x: Shape) -> Shape | None:
        shapes = []
        try:
            arrives = share(self.kind, x, len(self.branches))
            for branch in self.branches:
                out = branch(arrives)
                if out is None:
                    return None
                shapes.append(out)
            return join(self.kind, shapes)
        except Refusal:
            return None


@dataclass(frozen=True)
class Refused:
    """Where an input is refused: the layer's word and line, none of them where branches do not fit."""

    layer: str | None = None
    line: int | None = None


#: So many rules are asked of one network, all in all; each takes some 10 µs. If that is not enough to try
#: it with a few inputs, none is tried.
MOST_ASKED, FEWEST = 150_000, 64


class TooLarge(Exception):  # noqa: N818 (an answer, not an error)
    """The network has so many layers that no more inputs are tried."""


class Trial:
    """A network, which is asked for other inputs than the one it was built for.

    `left` says how many more it can be asked for. Raises `TooLarge` behind the last of them, or at once.
    """

    def __init__(self, network: Network) -> None:
        self._steps = network.root.steps
        self._made: dict[Any, Node] = {}
        #: The node of each step, which may be equal to another one.
        self._nodes: dict[int, Node] = {}
        self._chains = 0
        self.node = self._chain(self._steps)
        # What is known already is looked up, which takes a tenth of the time.
        self.left = MOST_ASKED // (len(self._made) + (len(self._nodes) + self._chains) // 10)
        if self.left < FEWEST:
            raise TooLarge

    def __call__(self, x: Shape) -> Shape | Refused:
        """What comes out for `x`, or where `x` is refused."""
        return self._out(x) or self._refused(self._steps, x)

    def fits(self, x: Shape) -> bool:
        """Whether anything comes out for `x`."""
        return self._out(x) is not None

    def _out(self, x: Shape) -> Shape | None:
        if self.left <= 0:
            raise TooLarge
        self.left -= 1
        return self.node(x)

    def _refused(self, steps: Iterable[Any], x: Shape) -> Refused:
        """Which of some steps refuses what arrives there, if `x` arrives at the first."""
        for step in steps:
            out = self._nodes[id(step)](x)
            if out is not None:
                x = out
                continue
            match step:
                case Step():
                    return Refused(step.layer.word, step.line)
                case Parallel():
                    return self._refused_branch(step, x)
            return self._refused(step.steps, x)
        return Refused()

    def _refused_branch(self, fork: Parallel, x: Shape) -> Refused:
        """The same of branches: one of them refuses it, or they do not fit together."""
        try:
            arrives = share(fork.join, x, len(fork.branches))
        except Refusal:
            return Refused()
        refused = (self._refused(branch.steps, arrives) for branch in fork.branches)
        return next((one for one in refused if one != Refused()), Refused())

    def _chain(self, steps: Iterable[Any]) -> Node:
        self._chains += 1
        nodes = tuple(map(self._node, steps))
        return self._once((Chain, *nodes), lambda: Chain(*nodes))

    def _node(self, step: Any) -> Node:
        match step:
            case Step():
                node = self._leaf(step)
            case Parallel():
                branches = tuple(self._chain(branch.steps) for branch in step.branches)
                node = self._once((Fork, step.join, *branches), lambda: Fork(step.join, *branches))
            case Series() | Block():
                node = self._chain(step.steps)
            case _:
                raise TypeError(f"{step!r} is no part of a network")
        self._nodes[id(step)] = node
        return node

    def _leaf(self, step: Step) -> Node:
        options = {name: bare(value) for name, value in step.layer}
        built = bare(step.input)
        # An option's type may keep what has no hash.
        key = (type(step.layer), repr(options), built)
        return self._once(key, lambda: Leaf(step.layer.with_options(**options), built))

    def _once(self, key: Any, make: Callable[[], Node]) -> Node:
        if key not in self._made:
            if len(self._made) > MOST_ASKED // FEWEST:
                raise TooLarge
            self._made[key] = make()
        return self._made[key]


def _period(layer: Layer, x: Shape) -> int:
    """The period of a layer's output size: its stride; 1 where that is the same for every input."""
    try:
        windows = asked(layer, layer.windows, x)
    except Refusal:
        windows = None
    steps = [arithmetic.plain(window.step) for window in windows or ()]
    if all(step == 1 for step in steps):
        return 1
    try:
        doubled = x.replace(spatial=tuple(2 * size for size in x.spatial))
        fixed = inferred(layer, x) == inferred(layer, doubled)
    except Refusal:
        fixed = False
    return 1 if fixed else lcm(*(step.numerator for step in steps))

"""Whether a network, as it was built, runs on another input: its layers' own rules are asked.

Equal layers that were built for equal inputs are one node, and so are equal chains of them; each node
remembers what it answered. So a size costs few calls of a rule, however deep the network is.
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
from specgen.shape import Shape


@dataclass(frozen=True)
class Refused:
    """Where an input is refused: the layer's word and line, none of them where branches do not fit."""

    layer: str | None = None
    line: int | None = None


class Node(ABC):
    """A part of a network. Called with a shape, it gives the shape that comes out, or says who refuses it.

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
        self._known: dict[Any, Shape | Refused] = {}

    def __call__(self, x: Shape) -> Shape | Refused:
        key = x.spatial, x.channels, x.channels_last  # quicker to hash than the shape
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self.ask(x)
        return found

    @abstractmethod
    def ask(self, x: Shape) -> Shape | Refused:
        """The answer, worked out."""


class Leaf(Node):
    """A layer that was built for one shape: another has to give the same module."""

    def __init__(self, layer: Layer, built: Shape, line: int | None) -> None:
        super().__init__()
        self.layer = layer
        self.refused = Refused(layer.word, line)
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

    def ask(self, x: Shape) -> Shape | Refused:
        kind = _kind(x)
        if kind == self.keeps:
            return x
        try:
            out = inferred(self.layer, x)
            same = kind == self.same_module or self._module(x) == self.module
        except Refusal:
            return self.refused
        return out if same else self.refused

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

    def ask(self, x: Shape) -> Shape | Refused:
        out: Shape | Refused = x
        for node in self.nodes:
            out = node(out)  # type: ignore[arg-type]
            if isinstance(out, Refused):
                break
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

    def ask(self, x: Shape) -> Shape | Refused:
        shapes = []
        try:
            arrives = share(self.kind, x, len(self.branches))
            for branch in self.branches:
                out = branch(arrives)
                if isinstance(out, Refused):
                    return out
                shapes.append(out)
            return join(self.kind, shapes)
        except Refusal:
            return Refused()


def trial(network: Network) -> Node:
    """The network as one node."""
    return _chain(network.root.steps, {})


def _chain(steps: Iterable[Any], made: dict[Any, Node]) -> Node:
    nodes = tuple(_node(step, made) for step in steps)
    return _once(made, (Chain, *nodes), lambda: Chain(*nodes))


def _node(step: Any, made: dict[Any, Node]) -> Node:
    match step:
        case Step():
            return _leaf(step, made)
        case Parallel():
            branches = tuple(_chain(branch.steps, made) for branch in step.branches)
            return _once(made, (Fork, step.join, *branches), lambda: Fork(step.join, *branches))
        case Series() | Block():
            return _chain(step.steps, made)
    raise TypeError(f"{step!r} is no part of a network")


def _leaf(step: Step, made: dict[Any, Node]) -> Node:
    options = {name: bare(value) for name, value in step.layer}
    built = bare(step.input)
    # An option's type may keep what has no hash.
    key = (type(step.layer), repr(options), built, step.line)
    return _once(made, key, lambda: Leaf(step.layer.with_options(**options), built, step.line))


def _once(made: dict[Any, Node], key: Any, make: Callable[[], Node]) -> Node:
    found = made.get(key)
    if found is None:
        found = made[key] = make()
    return found


def bare(value: Any) -> Any:
    """A number, a tuple or a shape without what its numbers were computed from."""
    if isinstance(value, Shape):
        return Shape(int(value.channels), bare(value.spatial), value.channels_last)
    return tuple(map(bare, value)) if isinstance(value, tuple) else arithmetic.plain(value)


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

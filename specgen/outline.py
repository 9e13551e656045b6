"""A network as a tree that can be compared: what each part is, apart from where it stands.

Two parts with one `identity` are the same architecture: the same layers with the same options in the same
structure. Numbers in an `nn.Sequential`, names by kind and ordinal, lines and conditions do not count;
labels do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from specgen import options
from specgen.expressions import describe
from specgen.ir import Block, Branch, Network, Parallel, Sequence, Step
from specgen.shape import Shape

#: The kinds of modules that were written as a combinator, outside a block.
COMBINATORS = ("add", "mul", "cat", "split", "residual")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A layer, a module, a combinator or one of its branches.

    Attributes:
        kind: a layer's word, a block's name, a join, `group` or `branch`.
        label: the name that the spec gives it; empty where it is numbered or named by its kind.
        path: where it is in the module tree; of a combinator, the module that it is in.
        identity: equal for parts that are the same architecture.
    """

    kind: str
    label: str
    path: str
    identity: int
    node: Step | Sequence | Block | Parallel | None
    parts: tuple[Part, ...]
    layers: int

    @property
    def step(self) -> Step | None:
        """The layer, where this is one."""
        return self.node if isinstance(self.node, Step) else None

    @property
    def text(self) -> str:
        """What it is, as a spec says it."""
        match self.node:
            case Step(layer=layer):
                return options.as_line(layer)
            case Sequence():
                return _held(self.label, self.parts)
            case Block(steps=(Parallel(),)) if self.kind in COMBINATORS:
                return self.parts[0].text
            case Block(block=block, arguments=arguments):
                given = ", ".join(f"{key}={_value(value)}" for key, value in arguments.items())
                return f"{block}({given})" if given else block
            case Parallel(join=join):
                return f"{join} {{ {' | '.join(listed(part.parts) or 'id' for part in self.parts)} }}"
        return f"branch {listed(self.parts) or 'id'}"

    @property
    def output(self) -> Shape | None:
        """What comes out of it; of a branch, nothing is said."""
        return None if self.node is None else self.node.output


class Outliner:
    """Outlines networks that are to be compared with each other: it hands out their parts' identities."""

    def __init__(self) -> None:
        self._identities: dict[Any, int] = {}

    def outline(self, network: Network) -> Part:
        """The network as one part."""
        return self._part(network.root, "")

    def _identity(self, *content: Any) -> int:
        return self._identities.setdefault(content, len(self._identities))

    def _parts(self, nodes: Iterable[Any], prefix: str) -> tuple[Part, ...]:
        return tuple(self._part(node, prefix) for node in nodes)

    def _part(self, node: Any, prefix: str) -> Part:
        match node:
            case Step():
                return self._layer(node, f"{prefix}{node.name}")
            case Sequence(name=name, steps=steps):
                root = not prefix and name == "network" and node.line is None
                path = "" if root else f"{prefix}{name}"
                label = "" if root or name.isdigit() else name
                return self._whole("group", label, path, node, self._parts(steps, f"{path}." if path else ""))
            case Block(block=block, name=name, steps=steps):
                label = "" if _is_counted(name, block) else name
                return self._whole(
                    block, label, f"{prefix}{name}", node, self._parts(steps, f"{prefix}{name}.")
                )
            case Parallel(join=join, branches=branches):
                parts = tuple(self._branch(branch, prefix) for branch in branches)
                return self._whole(join, "", prefix.rstrip("."), node, parts)
        raise AssertionError(node)

    def _layer(self, step: Step, path: str) -> Part:
        word = step.layer.word
        label = "" if _is_counted(step.name, word) else step.name
        settled = step.layer.settled(step.input).items()
        values = tuple((name, value) for name, value in settled if name not in options.EXECUTION)
        return Part(word, label, path, self._identity(word, label, values), step, (), 1)

    def _branch(self, branch: Branch, prefix: str) -> Part:
        return self._whole("branch", "", prefix.rstrip("."), None, self._parts(branch.steps, prefix))

    def _whole(self, kind: str, label: str, path: str, node: Any, parts: tuple[Part, ...]) -> Part:
        what = kind if node is None or isinstance(node, Parallel) else type(node).__name__
        identity = self._identity(what, label, tuple(part.identity for part in parts))
        return Part(kind, label, path, identity, node, parts, sum(part.layers for part in parts))


def _is_counted(name: str, kind: str) -> bool:
    """Whether a name is a position, or a kind with its ordinal: given by the compiler, not by the spec."""
    return name.isdigit() or re.fullmatch(rf"{re.escape(kind)}\d+", name) is not None


def _held(label: str, parts: tuple[Part, ...]) -> str:
    """A group with what it holds: `head: { fc 256, relu, … }`."""
    return f"{label}: {{ {listed(parts)} }}" if label else f"{{ {listed(parts)} }}"


def listed(parts: Iterable[Part], most: int = 3) -> str:
    """The parts as a spec says them, the first ones of many: `conv 64, relu, …`."""
    first = list(islice(parts, most + 1))
    return ", ".join([*(part.text for part in first[:most]), *["…"] * (len(first) > most)])


def _value(value: Any) -> str:
    return value if isinstance(value, str) else describe(value)


def leaves(part: Part) -> Iterable[Part]:
    """The layers of a part, in order."""
    if part.step is not None:
        yield part
    for inner in part.parts:
        yield from leaves(inner)

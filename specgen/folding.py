"""A network for inference alone: batch norms folded into the layers in front, and idle layers left out.

In eval mode a batch norm multiplies and shifts each channel by constants, which the layer in front of it can
do by its weights, and dropout does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from specgen.ir import Block, Branch, Member, Network, Parallel, Sequence, Step
from specgen.layers.conv import Conv, DepthwiseConv, TransposedConv
from specgen.layers.dropout import ChannelDropout, Dropout, DropPath
from specgen.layers.linear import FullyConnected, Linear
from specgen.layers.norm import BatchNorm
from specgen.layers.reshape import Identity

#: The layers that pass on what arrives, in eval mode. Of a class derived from one, nothing is known.
_IDLE: tuple[Any, ...] = (ChannelDropout, Dropout, DropPath, Identity)


@dataclass(frozen=True)
class Origin:
    """Where a layer's tensors come from: paths in the plain network.

    `norm` is the batch norm folded into it, with its `eps`; `axis` is the one of the weight that counts
    outputs.
    """

    layer: str
    norm: str = ""
    eps: float = 0.0
    axis: int = 0


@dataclass(frozen=True)
class Folded:
    """A network for inference, and for the path of each of its layers the origin of the tensors."""

    network: Network
    origins: Mapping[str, Origin]


def for_inference(network: Network) -> Folded:
    """The network as it computes in eval mode, with as few layers as that takes.

    Children that were numbered are numbered anew; the others keep their names. A batch norm stays where
    no layer with weights feeds it alone, or where it uses the statistics of its batch.
    """
    origins: dict[str, Origin] = {}
    steps = _fold(network.root.steps, "", "", origins)
    root = replace(network.root, steps=steps)
    return Folded(network.but(root=root, init=()), origins)


def _fold(steps: Iterable[Member], old: str, new: str, origins: dict[str, Origin]) -> tuple[Any, ...]:
    """The steps of one module, from the path `old` to `new`, both with a dot behind."""
    steps = tuple(steps)
    kept: list[Any] = []
    for step in [step for step in steps if not _is_idle(step)] or steps[:1]:
        before = kept[-1] if kept else None
        if isinstance(before, Step) and isinstance(step, Step) and _can_fold(before, step):
            path = f"{new}{before.name}"
            if not origins[path].norm:
                kept[-1] = replace(before, layer=before.layer.with_options(bias=True))
                origins[path] = _folded(origins[path].layer, before, step, f"{old}{step.name}")
                continue
        kept.append(_node(step, old, new, str(len(kept)), origins))
    return tuple(kept)


def _node(node: Member, old: str, new: str, number: str, origins: dict[str, Origin]) -> Member:
    """One node, under its new name."""
    if isinstance(node, Parallel):
        branches = [_branch(branch, old, new, origins) for branch in node.branches]
        return replace(node, branches=tuple(branches))
    name = number if node.name.isdigit() else node.name
    match node:
        case Step():
            origins[f"{new}{name}"] = Origin(f"{old}{node.name}")
            return replace(node, name=name)
        case Sequence() | Block():
            steps = _fold(node.steps, f"{old}{node.name}.", f"{new}{name}.", origins)
            return replace(node, name=name, steps=steps)


def _branch(branch: Branch, old: str, new: str, origins: dict[str, Origin]) -> Branch:
    """A branch; where nothing is left of it, the identity."""
    busy = [step for step in branch.steps if not _is_idle(step)]
    return Branch(steps=_fold(busy, old, new, origins))


def _is_idle(node: Member) -> bool:
    """Whether a node passes on what arrives, in eval mode."""
    match node:
        case Step():
            return type(node.layer) in _IDLE
        case Sequence() | Block():
            return all(map(_is_idle, node.steps))
        case Parallel():
            return False


def _can_fold(before: Step, step: Step) -> bool:
    """Whether a step is a batch norm that the layer in front of it can take over."""
    layer: Any = before.layer
    if type(step.layer) is not BatchNorm or not step.layer.track_running_stats:
        return False
    if type(layer) is TransposedConv:
        return int(layer.groups) == 1
    if type(layer) in (Linear, FullyConnected):
        return before.output.elements == before.output.channels
    return type(layer) in (Conv, DepthwiseConv)


def _folded(layer: str, before: Step, step: Step, norm: str) -> Origin:
    assert isinstance(step.layer, BatchNorm)
    return Origin(layer, norm, float(step.layer.eps), int(isinstance(before.layer, TransposedConv)))

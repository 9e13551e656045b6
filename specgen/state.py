"""The state dict of a network, from the shapes alone: which tensors it has, in order, and how large."""

from __future__ import annotations

from collections.abc import Mapping

from specgen.ir import Network, Step, walk

#: A tensor's shape; empty for a single value.
Sizes = tuple[int, ...]


def tensors(step: Step) -> dict[str, Sizes]:
    """A layer's own tensors by name: what it learns, then what it keeps beside that."""
    learned, kept = step.layer.parameters(step.input), step.layer.buffers(step.input)
    return {name: tuple(map(int, sizes)) for name, sizes in {**learned, **kept}.items()}


def state(network: Network) -> Mapping[str, Sizes]:
    """The keys of `state_dict()` of the built network, in its order, with the tensors' shapes."""
    return {
        f"{path}.{name}": sizes for path, step in walk(network.root) for name, sizes in tensors(step).items()
    }

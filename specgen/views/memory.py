"""How much memory a network takes: its weights, its activations, and what training keeps of them.

One walk over the network does what PyTorch would do, with shapes for tensors. A tensor may lie in the memory
of another (a view, an in-place activation); what lies there is counted once. Everything grows with the batch
in a straight line, so the largest batch that fits is a division.

Left out: what a kernel needs while it runs, such as cuDNN's workspace, and what an allocator wastes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Literal, get_args

from specgen.ir import Block, Member, Network, Parallel, Sequence, Step, walk
from specgen.layers.base import Saved
from specgen.shape import Shape

#: The types that a network can be of, and the bytes of one value.
DTYPES = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}

Optimizer = Literal["sgd", "sgd-momentum", "adam", "adamw"]
#: The values that an optimizer keeps for each weight, as `torch.optim` has them: SGD as it is, SGD with
#: momentum, Adam and AdamW.
OPTIMIZERS: dict[Optimizer, int] = dict(zip(get_args(Optimizer), (0, 1, 2, 2), strict=True))


@dataclass(frozen=True, slots=True)
class Size:
    """An amount of memory before batch and type are known.

    Attributes:
        values: values a sample. bytes: further bytes a sample. once: values, whatever the batch.
    """

    values: int = 0
    bytes: int = 0
    once: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.values + other.values, self.bytes + other.bytes, self.once + other.once)

    def sample(self, dtype: str) -> int:
        """Bytes for each sample."""
        return self.values * DTYPES[dtype] + self.bytes

    def of(self, batch: int, dtype: str) -> int:
        """Bytes in all."""
        return batch * self.sample(dtype) + self.once * DTYPES[dtype]


NOTHING = Size()


@dataclass(frozen=True)
class Memory:
    """The memory of a network, before batch, type and optimizer are known.

    Attributes:
        weights: learned values.
        buffers: values that are kept with the weights and not learned.
        counters: bytes of the buffers that are whole numbers, of any type's network.
        given: what each layer gives, by path. keeping: what each keeps for the backward pass.
        live: the most that is alive at one time while it runs without gradients.
    """

    weights: int
    buffers: int
    counters: int
    given: dict[str, Size] = field(repr=False)
    keeping: dict[str, Size] = field(repr=False)
    live: Size

    @cached_property
    def outputs(self) -> dict[str, Size]:
        """What each module's layers give, by path, all of it: what forward hooks count."""
        return _totals(self.given)

    @cached_property
    def saved(self) -> dict[str, Size]:
        """What each module keeps for the backward pass, by path; what two keep is the first one's."""
        return _totals(self.keeping)

    @cached_property
    def kept(self) -> Size:
        """All that is kept for the backward pass."""
        sizes = self.keeping.values()
        return Size(sum(s.values for s in sizes), sum(s.bytes for s in sizes), sum(s.once for s in sizes))

    def weight_bytes(self, dtype: str) -> int:
        """Bytes of the weights and buffers."""
        return (self.weights + self.buffers) * DTYPES[dtype] + self.counters

    def training_overhead(self, dtype: str, optimizer: Optimizer) -> tuple[int, int]:
        """Bytes of the gradients and of the optimizer's state."""
        gradients = self.weights * DTYPES[dtype]
        return gradients, OPTIMIZERS[optimizer] * gradients

    def inference(self, batch: int, dtype: str) -> int:
        """Bytes to run it without gradients."""
        return self.weight_bytes(dtype) + self.live.of(batch, dtype)

    def passing(self, batch: int, dtype: str) -> int:
        """Bytes of activations in a training step: what is kept, and never less than is alive at one time."""
        return max(self.kept.of(batch, dtype), self.live.of(batch, dtype))

    def training(self, batch: int, dtype: str, optimizer: Optimizer) -> int:
        """Bytes for a training step: weights, gradients, optimizer state, and activations."""
        return self._fixed(dtype, optimizer) + self.passing(batch, dtype)

    def largest_batch(self, room: int, dtype: str, optimizer: Optimizer | None) -> int:
        """The most samples that fit into `room` bytes: in training, or without an optimizer in inference.

        0 where not even one does.
        """
        left = room - self._fixed(dtype, optimizer)
        sizes = (self.live,) if optimizer is None else (self.live, self.kept)
        fitting = [(left - s.of(0, dtype)) // s.sample(dtype) for s in sizes if s.sample(dtype)]
        return max(min(fitting), 0)

    def _fixed(self, dtype: str, optimizer: Optimizer | None) -> int:
        """Bytes that do not depend on the batch."""
        extra = 0 if optimizer is None else sum(self.training_overhead(dtype, optimizer))
        return self.weight_bytes(dtype) + extra


def memory(network: Network) -> Memory:
    """The memory of a network."""
    trace = _Trace()
    trace.network(network)
    buffers = [shape for _, step in walk(network.root) for shape in step.layer.buffers(step.input).values()]
    return Memory(
        weights=network.params,
        buffers=sum(prod(shape) for shape in buffers if shape),
        counters=sum(_COUNTER for shape in buffers if not shape),
        given=trace.outputs,
        keeping=trace.saved,
        live=trace.most,
    )


#: Bytes of a buffer without a shape: PyTorch's norms count the batches they saw in an int64.
_COUNTER = 8


def _values(shape: Shape) -> int:
    """The values of a sample; the sizes as bare numbers, which are quicker to multiply."""
    return prod(map(int, shape.sizes))


def _totals(sizes: dict[str, Size]) -> dict[str, Size]:
    """The sizes of layers, and with them of all the modules around: the path `""` is the network."""
    found: dict[str, Size] = {"": Size()}
    for path, size in sizes.items():
        parts = path.split(".")
        for depth in range(len(parts) + 1):
            around = ".".join(parts[:depth])
            found[around] = found.get(around, NOTHING) + size
    return found


@dataclass(frozen=True, eq=False, slots=True)
class _Storage:
    """Memory that one or more tensors lie in, with so many values a sample."""

    values: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor: where it lies, whether its channels are next to each other there, and whether a gradient
    flows through it."""

    storage: _Storage
    channels_inner: bool = False
    gradient: bool = False

    def is_contiguous(self, shape: Shape) -> bool:
        """Whether its values lie in the order of its axes."""
        return shape.positions == 1 or shape.channels == 1 or self.channels_inner == shape.channels_last


class _Trace:
    """The walk: which storages come to be, which are kept, and which are alive at one time."""

    def __init__(self) -> None:
        self.outputs: dict[str, Size] = {}
        self.saved: dict[str, Size] = {}
        self.kept: set[_Storage] = set()
        #: What callers hold on to while this runs: the inputs of the modules around.
        self.held: list[_Storage] = []
        self.most = NOTHING

    def network(self, network: Network) -> None:
        x = _Tensor(_Storage(_values(network.input_shape)), network.input_shape.channels_last)
        self.held.append(x.storage)
        self._observe([x.storage])
        self._through(network.root.steps, x, "")

    def _through(self, steps: Iterable[Member], x: _Tensor, prefix: str) -> _Tensor:
        for step in steps:
            match step:
                case Step():
                    x = self._layer(step, x, prefix + step.name)
                case Sequence() | Block():
                    self.held.append(x.storage)
                    x = self._through(step.steps, x, f"{prefix}{step.name}.")
                    self.held.pop()
                case Parallel():
                    x = self._parallel(step, x, prefix)
        return x

    def _layer(self, step: Step, x: _Tensor, path: str) -> _Tensor:
        layer, contiguous = step.layer, x.is_contiguous(step.input)
        shared = layer.shares_input(step.input, contiguous)
        learned = bool(layer.parameters(step.input))
        inner = step.output.channels_last if layer.gives_contiguous else x.channels_inner
        values = _values(step.output)
        y = _Tensor(x.storage if shared else _Storage(values), inner, x.gradient or learned)
        self.outputs[path] = Size(values)
        saved = layer.saved(step.input, contiguous)
        if y.gradient:
            self._save(path, saved, x, y)
        # What an activation or dropout makes to keep it is not made without a backward pass; others do.
        made = layer.family not in ("activation", "dropout")
        self._observe([x.storage, y.storage], Size(saved.values, saved.bytes) if made else NOTHING)
        return y

    def _save(self, path: str, saved: Saved, x: _Tensor, y: _Tensor) -> None:
        kept = [t.storage for t, needed in ((x, saved.input), (y, saved.output)) if needed]
        size = Size(self._new(kept) + saved.values, saved.bytes, saved.once)
        self.saved[path] = self.saved.get(path, NOTHING) + size

    def _new(self, storages: Iterable[_Storage]) -> int:
        """The values of those storages that nothing has kept so far."""
        new = set(storages) - self.kept
        self.kept |= new
        return sum(storage.values for storage in new)

    def _parallel(self, parallel: Parallel, x: _Tensor, prefix: str) -> _Tensor:
        outs: list[_Tensor] = []
        self.held.append(x.storage)
        for branch in parallel.branches:
            outs.append(self._through(branch.steps, x, prefix))
            self.held.append(outs[-1].storage)
        del self.held[-len(outs) - 1 :]
        parts = [out.storage for out in outs]
        y = outs[0]
        for out in outs[1:]:
            before = y
            y = _Tensor(_Storage(_values(parallel.output)), y.channels_inner, before.gradient or out.gradient)
            self._observe([x.storage, before.storage, y.storage, *parts])
            if parallel.join == "mul":
                self._save_factors(before, out, prefix)
            elif parallel.join in ("cat", "split"):  # all at once
                return replace(y, gradient=any(one.gradient for one in outs))
        return y

    def _save_factors(self, left: _Tensor, right: _Tensor, prefix: str) -> None:
        """Of a product, a factor is kept where a gradient flows through the other one."""
        pairs = ((left, right), (right, left))
        new = self._new([one.storage for one, other in pairs if other.gradient])
        path = prefix.removesuffix(".")
        self.saved[path] = self.saved.get(path, NOTHING) + Size(new)

    def _observe(self, storages: Iterable[_Storage], more: Size = NOTHING) -> None:
        """Note how much is alive, with `more` that only this step needs, if it is the most so far."""
        values = sum([storage.values for storage in {*self.held, *storages}]) + more.values
        if DTYPES["float32"] * values + more.bytes > self.most.sample("float32"):
            self.most = Size(values, more.bytes, more.once)

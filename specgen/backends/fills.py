"""How tensors get their first values: noted while modules are made, performed once all is known.

PyTorch draws a layer's weights when the layer is made, and an `init` of a spec draws them again. Who knows
all fills of a tensor draws only the last one, or none at all where weights are read from a file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from specgen.backends.jump import jump, jumps


class Fill(NamedTuple):
    """A call that overwrites a tensor: a function of `torch.nn.init`, or a method of tensors."""

    function: Callable[..., Any]
    tensor: Tensor
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}

    def perform(self) -> None:
        """Make the call; on `meta` there is nothing to be filled."""
        if not self.tensor.is_meta:
            with torch.no_grad():
                self.function(self.tensor, *self.arguments, **self.keywords)


_METHODS = (Tensor.uniform_, Tensor.normal_, Tensor.fill_, Tensor.zero_)
_FACTORIES = (torch.empty, torch.zeros, torch.ones, torch.full, torch.tensor)


class Deferred(TorchFunctionMode):
    """Modules made under it have memory on `device` and no values yet: what fills them is in `fills`.

    Meant for modules that fill their tensors whole and read none: those of `torch.nn` and specgen's own.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.fills: list[Fill] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        keywords = kwargs or {}
        if func in _FACTORIES:
            if keywords.get("device") is None:
                keywords["device"] = self.device
        elif func in _METHODS:
            self.fills.append(Fill(func, args[0], args[1:], keywords))
            return args[0]
        elif getattr(func, "__module__", None) == nn.init.__name__:
            tensor, *rest = (keywords.pop("tensor"),) if "tensor" in keywords else args
            self.fills.append(Fill(func, tensor, tuple(rest), keywords))
            return tensor
        return func(*args, **keywords)


# --- as PyTorch draws ----------------------------------------------------------------------------


def fill_exactly(fills: Iterable[Fill]) -> None:
    """Fill all tensors with what PyTorch's generator gives when every call is made in turn.

    A call whose values another one overwrites is not made: where it is known how much it draws, the
    generator is stepped over that.
    """
    waiting = 0
    for fill, is_last in _marked(fills):
        draws = None if is_last else _draws(fill)
        if draws is None:
            _step(waiting)
            waiting = 0
            fill.perform()
        else:
            waiting += draws
    _step(waiting)


def _marked(fills: Iterable[Fill]) -> Iterator[tuple[Fill, bool]]:
    """Every fill in order, and whether it is the one that counts for its tensor."""
    fills = list(fills)
    last = {id(fill.tensor): index for index, fill in enumerate(fills)}
    for index, fill in enumerate(fills):
        yield fill, last[id(fill.tensor)] == index


_UNIFORM = ("uniform_", "kaiming_uniform_", "xavier_uniform_")
_NORMAL = ("normal_", "kaiming_normal_", "xavier_normal_")
_CONSTANT = ("fill_", "zero_", "constant_", "ones_", "zeros_")

#: PyTorch draws normal values in rounds of so many, and a last round that is not full once more.
_ROUND = 16


def _draws(fill: Fill) -> int | None:
    """How many numbers of 32 bits a fill takes from PyTorch's generator, where that is known."""
    tensor, name = fill.tensor, fill.function.__name__
    if name in _CONSTANT or tensor.is_meta:
        return 0
    if tensor.device.type != "cpu" or tensor.dtype != torch.float32 or not _draws_are_known():
        return None
    if name in _UNIFORM:
        return tensor.numel()
    if name in _NORMAL and tensor.numel() >= _ROUND:
        return tensor.numel() + (_ROUND if tensor.numel() % _ROUND else 0)
    return None


@cache
def _draws_are_known() -> bool:
    """Whether this PyTorch draws as `_draws` says: tried once, since it is not promised."""
    for size, draws, method in ((37, 37, "uniform_"), (32, 32, "normal_"), (37, 53, "normal_")):
        drawn, stepped = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
        empty = torch.empty(size, device="cpu")
        getattr(empty, method)(generator=drawn)
        _step(draws, stepped)
        if not torch.equal(drawn.get_state(), stepped.get_state()):
            return False
    return True


#: So many draws take longer than to work out where they lead.
_FAR = 1 << 24


def _step(draws: int, generator: torch.Generator = torch.default_generator) -> None:
    """Take so many numbers of 32 bits from a generator on the CPU."""
    if draws >= _FAR and jumps():
        jump(draws, generator)
        return
    # Bytes are the cheapest to be made of them.
    scratch = torch.empty(min(draws, 1 << 15), dtype=torch.uint8, device="cpu")
    for start in range(0, draws, 1 << 15):
        scratch[: draws - start].random_(generator=generator)


# --- in parallel ---------------------------------------------------------------------------------

#: How many values one generator draws: enough to outweigh its making, few enough to share out.
_CHUNK = 1 << 17


def fill_fast(fills: Iterable[Fill]) -> None:
    """Fill all tensors from the same distributions as `fill_exactly`, on all of PyTorch's threads.

    One number of PyTorch's generator seeds all; how many threads there are makes no difference.
    """
    seed = int(torch.randint(1 << 32, ()))
    chunks: list[Callable[[], Any]] = []
    for fill, is_last in _marked(fills):
        if is_last and (method := _distribution(fill)) is not None:
            flat = fill.tensor.detach().view(-1)
            for start in range(0, len(flat), _CHUNK):
                part = flat[start : start + _CHUNK]
                chunks.append(_drawing(part, method, _scrambled(seed + len(chunks))))
        elif is_last:
            fill.perform()
    threads = min(torch.get_num_threads(), os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda draw: draw(), chunks):
            pass


def _drawing(part: Tensor, method: tuple[str, float, float], seed: int) -> Callable[[], Any]:
    name, first, second = method
    return lambda: getattr(part, name)(first, second, generator=torch.Generator().manual_seed(seed))


def _scrambled(number: int) -> int:
    """A seed of 32 bits, all that PyTorch's generator takes, for each number: other seeds for others.

    The last step of MurmurHash3 (Appleby, 2011), which is one to one and leaves neighbours unlike.
    """
    number &= 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        number = (number ^ number >> shift) * factor & 0xFFFFFFFF
    return number ^ number >> 16


def _distribution(fill: Fill) -> tuple[str, float, float] | None:
    """The method of a tensor on the CPU that a fill comes to, with its two numbers."""
    tensor, name = fill.tensor, fill.function.__name__
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        return None
    if name.startswith(("kaiming_", "xavier_")):
        std = _kaiming(tensor, **fill.keywords) if name[0] == "k" else _xavier(tensor, **fill.keywords)
        bound = math.sqrt(3.0) * std
        return ("uniform_", -bound, bound) if name in _UNIFORM else ("normal_", 0.0, std)
    if name == "uniform_":
        return ("uniform_", *_numbers(fill, a=0.0, b=1.0))
    if name == "normal_":
        return ("normal_", *_numbers(fill, mean=0.0, std=1.0))
    return None


def _numbers(fill: Fill, **defaults: float) -> tuple[float, float]:
    """A fill's two numbers, given by position or by name."""
    given = {**defaults, **dict(zip(defaults, fill.arguments, strict=False))}
    first, second = (float(fill.keywords.get(name, value)) for name, value in given.items())
    return first, second


def _fans(tensor: Tensor) -> tuple[int, int]:
    """How many values each output is made of, and each input goes into."""
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _kaiming(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: Any = "leaky_relu", **_: Any
) -> float:
    fan_in, fan_out = _fans(tensor)
    gain: float = nn.init.calculate_gain(nonlinearity, a)
    return gain / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def _xavier(tensor: Tensor, gain: float = 1.0, **_: Any) -> float:
    return gain * math.sqrt(2.0 / sum(_fans(tensor)))

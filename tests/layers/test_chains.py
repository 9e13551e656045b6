"""Random chains of layers, written as text and compiled, held against the network that PyTorch runs."""

from __future__ import annotations

import random
import warnings
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import specgen
from specgen import options
from specgen.backends.torch import observed_shapes
from specgen.ir import walk
from specgen.layers import registry
from specgen.layers.base import Layer, Refusal
from specgen.layers.fields import Absent, Axes, Choice, Either, Flag, OptionType, Real, Whole
from specgen.shape import Shape

torch.set_num_threads(1)

BATCH = 2
LARGEST_MAP = 3000
CHAINS_PER_SEED = 25


def value_of(kind: OptionType, x: Shape, rng: random.Random) -> Any:
    """A small value for an option: one that is often legal."""
    match kind:
        case Either():
            return value_of(rng.choice(kind.types), x, rng)
        case Absent():
            return None
        case Flag():
            return rng.random() < 0.5
        case Choice():
            return rng.choice(kind.words)
        case Whole(low=low, high=high):
            divisors = [d for d in range(1, x.channels + 1) if x.channels % d == 0]
            return min(max(low, rng.choice((*divisors, 1, 2, 3, 5, 8, 12))), high)
        case Real(low=low, high=high):
            return 0.25 if low is None or (low < 0.25 and (high is None or high > 0.25)) else low
        case Axes(low=low):
            if rng.random() < 0.6:
                return rng.randint(low, low + 3)
            return tuple(rng.randint(low, low + 3) for _ in range(max(x.rank, 1)))
    return rng.choice((1, 2, 0.5, 1.5))


def written(value: Any) -> str:
    """A value as a spec spells it."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case (one,):
            return f"({written(one)},)"
        case tuple():
            whole = all(isinstance(item, int) and item > 0 for item in value)
            return "x".join(map(str, value)) if whole else f"({', '.join(map(written, value))})"
    return str(value)


def line_of(layer: Layer, rng: random.Random) -> str:
    """A layer as a line: its first values by position, and the rest by name, short or long."""
    kind = type(layer)
    words = [rng.choice((kind.word, *kind.other_words))]
    given = {name: getattr(layer, name) for name in kind.model_fields if name in layer.model_fields_set}
    for name in kind.positional:
        if name not in given or isinstance(given[name], str) or given[name] is None:
            break
        words.append(written(given.pop(name)))
    short = {option: letter for letter, option in kind.short.items()}
    for name, value in given.items():
        words.append(f"{rng.choice((name, short.get(name, name)))}={written(value)}")
    return " ".join(words)


def trimmed(layer: Layer, out: Shape, rng: random.Random) -> str:
    """Trims that may follow a layer whose output is `out`, in any order."""
    chosen = []
    for slot in options.TRIM if layer.takes_trim else ():
        fitting = [word for word, trim in registry.trims().items() if trim.trim == slot]
        word = rng.choice(fitting)
        trim = registry.trims()[word]
        try:
            required = [name for name, field in trim.model_fields.items() if field.is_required()]
            found = trim(**{name: value_of(trim.option_type(name), out, rng) for name in required})
            found.infer(out)
        except Refusal:
            continue
        if rng.random() < 0.5:
            chosen.append(line_of(found, rng).replace(" ", "=") if required else word)
    rng.shuffle(chosen)
    return " ".join(chosen)


def draw_line(x: Shape, rng: random.Random) -> tuple[str, Shape]:
    """A legal line for what arrives, and what it gives; layers with weights or windows come more often."""
    kinds = registry.layers()
    weights = [{"conv": 12, "pool": 6, "linear": 6, "activation": 1}.get(kind.family, 3) for kind in kinds]
    while True:
        (kind,) = rng.choices(kinds, weights)
        if kind.flattens and x.rank and rng.random() < 0.8:
            continue  # once it is flat, few layers are left
        given = {
            name: value_of(kind.option_type(name), x, rng)
            for name, field in kind.model_fields.items()
            if name != "inplace" and (field.is_required() or rng.random() < 0.25)
        }
        layer = kind(**given)
        arrives = Shape(x.elements) if kind.flattens else x
        try:
            out = layer.infer(arrives)
        except Refusal:
            continue
        if out.elements <= LARGEST_MAP:
            return f"{line_of(layer, rng)} {trimmed(layer, out, rng)}".strip(), out


def draw_chain(rng: random.Random) -> str:
    """A spec: an input and a few lines, some of them in named groups or repeated."""
    rank = rng.choice((0, 1, 2, 2, 2, 3))
    x = Shape(rng.randint(1, 8), tuple(rng.randint(4, (0, 40, 14, 6)[rank]) for _ in range(rank)))
    lines = [f"input {written(x.sizes)}"] if rank else [f"input {x.channels}"]
    for index in range(rng.randint(1, 9)):
        line, x = draw_line(x, rng)
        lines.append(f"part{index}: {{ {line} }}" if rng.random() < 0.2 else line)
    return "\n".join(lines) + "\n"


def check_chain(text: str) -> int:
    """Compile and build a spec, compare shapes, parameters and multiply-adds; how many layers it has."""
    network = specgen.compile(text=text)
    model = network.build(device="meta").eval()
    with torch.device("meta"):
        x = torch.empty(BATCH, *network.input_shape.sizes)
        with FlopCounterMode(display=False) as counter:
            out = model(x)
    assert tuple(out.shape) == (BATCH, *network.output_shape.sizes)
    seen = observed_shapes(network, model, x)
    assert seen == {row.name: row.output.sizes for row in network.layers}
    assert network.params == sum(parameter.numel() for parameter in model.parameters())
    assert network.macs * 2 * BATCH == counter.get_total_flops()
    assert [row.name for row in network.layers] == [path for path, _ in walk(network.root)]
    for row in network.layers:
        module = model.get_submodule(row.name)
        assert row.params == sum(parameter.numel() for parameter in module.parameters())
    return len(network.layers)


def check_training(text: str) -> None:
    """A step of training: forwards and backwards on the CPU."""
    network = specgen.compile(text=text)
    model = network.build()
    x = torch.randn(BATCH, *network.input_shape.sizes, requires_grad=True)
    out = model(x)
    assert tuple(out.shape) == (BATCH, *network.output_shape.sizes)
    out.sum().backward()
    assert x.grad is not None


def run_chains(seed: int, count: int = CHAINS_PER_SEED) -> int:
    rng = random.Random(seed)
    found = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of legal but slow choices; ours, of few channels
        for _ in range(count):
            text = draw_chain(rng)
            try:
                found += check_chain(text)
                check_training(text)
            except Exception as error:
                raise AssertionError(f"{error}\n\n{text}") from error
    return found


@pytest.mark.parametrize("seed", range(8))
def test_random_chains(seed: int) -> None:
    assert run_chains(seed) > 4 * CHAINS_PER_SEED, "the chains are too short to say much"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1120))
def test_many_random_chains(seed: int) -> None:
    run_chains(seed)

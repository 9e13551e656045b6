"""Random chains of layers, written as text and compiled, held against the network that PyTorch runs."""

from __future__ import annotations

import random
import warnings

import pytest
import torch
from fuzz.chains import draw_chain
from torch.utils.flop_counter import FlopCounterMode

import specgen
from specgen.backends.torch import observed_shapes
from specgen.ir import walk

torch.set_num_threads(1)

BATCH = 2
CHAINS_PER_SEED = 25


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

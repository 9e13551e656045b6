"""Every spec that claims to be a torchvision model: parameters, multiply-adds, keys and logits."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
import torch
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode
from torchvision_reference import (
    REFERENCES,
    answer,
    compared,
    paired_state,
    randomised_model,
    reference_model,
    reference_state,
    without_storage,
)

import specgen
from specgen import Network

ALL = list(REFERENCES)
SMALL = [name for name, reference in REFERENCES.items() if reference.small]
#: A hundred million weights each.
WIDE = [name for name in ALL if name.startswith("vgg") and name != "vgg11_bn"]
SEEDED = [name for name, reference in REFERENCES.items() if reference.seed]


def fast(chosen: Collection[str], names: list[str]) -> list[Any]:
    """Names for a test, slow but for the chosen ones."""
    return [name if name in chosen else pytest.param(name, marks=pytest.mark.slow) for name in names]


def state_shapes(network: Network) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in network.build(device="meta").state_dict().items()}


@pytest.mark.parametrize("name", ALL)
def test_has_the_published_size(name: str) -> None:
    network = specgen.compile(name)
    assert network.params == REFERENCES[name].parameters
    assert round(network.macs / 1e9, 3) == REFERENCES[name].gmacs


@pytest.mark.parametrize("name", ALL)
def test_has_the_keys_and_shapes(name: str) -> None:
    ours, theirs = state_shapes(specgen.compile(name)), reference_state(name)
    if REFERENCES[name].keys:
        assert list(ours.items()) == list(theirs.items())
    else:
        assert list(ours) != list(theirs), "the keys agree: let the table say so"
        assert len(ours) == len(theirs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_multiply_adds_to_the_last_one(name: str) -> None:
    network = specgen.compile(name)
    with without_storage():
        model = reference_model(name).eval()
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, *network.input_shape.sizes, device="meta"))
    assert network.macs == counter.get_total_flops() / 2


@pytest.mark.parametrize("name", SMALL)
def test_gives_the_same_logits(name: str) -> None:
    check_logits(name, small(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_gives_the_same_logits_at_full_size(name: str) -> None:
    check_logits(name, specgen.compile(name))


@pytest.mark.parametrize("name", fast({*SMALL} - {*WIDE}, SMALL))
def test_does_the_same_in_training(name: str) -> None:
    """Dropout and the running statistics: neither shows in eval mode."""
    network, reference = small(name), randomised_model(name).train()
    model = compared(network, reference)
    ours, theirs = (answer(one, network.input_shape.sizes) for one in (model, reference))
    assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.std().item())
    after = paired_state(model, reference)
    for key, tensor in model.named_buffers():
        assert_close(tensor, after[key], rtol=1e-4, atol=1e-4)


def small(name: str) -> Network:
    side = REFERENCES[name].small
    return specgen.compile(name, input=(3, side, side))


def check_logits(name: str, network: Network) -> None:
    reference = randomised_model(name)
    model = compared(network, reference)
    ours, theirs = (answer(one, network.input_shape.sizes) for one in (model, reference))
    assert (theirs[0] - theirs[1]).abs().max() > 0.03 * theirs.std(), "the logits hardly depend on the input"
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", fast(("vgg11_bn", "resnet18", "googlenet", "efficientnet_b0"), SEEDED))
def test_starts_with_the_same_weights(name: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        theirs = reference_model(name).state_dict()
        torch.manual_seed(7)
        ours = specgen.load(name).state_dict()
    assert all(torch.equal(a, b) for a, b in zip(ours.values(), theirs.values(), strict=True))

"""Receptive fields: the published ones, those that gradients show, and the rules for what mixes positions."""

from __future__ import annotations

import pytest
import torch

import specgen
from specgen.views.receptive_field import Field, receptive_fields


def last(text: str, shape: str = "2x24x24") -> Field:
    network = specgen.compile(text=f"input {shape}\n{text}\n")
    return receptive_fields(network)[network.root.steps[-1].name]


@pytest.mark.parametrize(("depth", "size"), [(11, 150), (13, 156), (16, 212), (19, 268)])
def test_the_features_of_vgg(depth: int, size: int) -> None:
    field = receptive_fields(specgen.compile(f"vgg{depth}"))["features"]
    assert (field.sizes, field.jump) == ((size, size), (32, 32))


@pytest.mark.parametrize(
    ("text", "size", "jump"),
    [
        ("conv 2", 3, 1),
        ("conv 2 s=2; conv 2 s=2", 7, 4),
        ("conv 2 d=3", 7, 1),
        ("M; M k=3 s=2", 6, 4),
        ("A k=3 s=1 p=1; conv 2 k=1", 3, 1),
        ("M; deconv 2", 2, 1),
        ("M; deconv 2 k=4 p=1; conv 2", 6, 1),
        ("M; upsample 2; conv 2", 4, 1),
        ("M; upsample 2 mode=bilinear", 4, 1),
        ("upsample 2; conv 2", 2, 0.5),
        ("conv 8; pixel_shuffle 2", 3, 0.5),
        ("pad 2; conv 2 p=0", 3, 1),
        ("adaptive_avgpool 6", 4, 4),
        ("adaptive_avgpool 24", 1, 1),
        ("adaptive_avgpool 7", 5, 24 / 7),
        ("bn; relu; drop; ln; gn 2; shuffle 2; channels_last; channels_first", 1, 1),
        ("conv 2; tokens; ln; linear 5 gelu", 3, 1),
    ],
)
def test_windows_and_steps(text: str, size: int, jump: float) -> None:
    field = last(text)
    assert field.sizes == (size, size)
    assert field.jump is not None and [float(step) for step in field.jump] == [jump, jump]


@pytest.mark.parametrize(
    "text",
    ["gap", "fc 3", "flatten", "tokens; attn 1; take 0", "adaptive_avgpool 1", "conv 2; gap; conv 3 k=1"],
)
def test_what_sees_everything(text: str) -> None:
    assert last(text).size is None


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("conv 4 k=3 p=0; flatten start_dim=2", (3, 3)),
        ("conv 4 k=24 p=0; flatten", (24, 24)),
        ("conv 4 k=12 s=12 p=0; flatten", None),
        ("conv 4 k=4 s=4 p=0; tokens; take 0", (4, 4)),
        ("conv 4 k=4 s=4 p=0; tokens; attn 1; take 0", None),
    ],
)
def test_windows_behind_what_folds_or_takes_positions(text: str, sizes: tuple[int, ...] | None) -> None:
    assert last(text).sizes == sizes


def test_positions_remain_behind_attention_and_a_gate() -> None:
    assert last("conv 4 k=4 s=4 p=0; tokens; attn 2") == Field(None, (4, 4))
    assert last("M; mul { id | gap; conv 2 k=1 sigmoid }") == Field(None, (2, 2))


def test_branches_give_the_largest() -> None:
    assert last("cat { conv 2 | conv 2 k=5; conv 2 | id }").sizes == (7, 7)
    assert last("residual { conv 2; conv 2 }; M").sizes == (6, 6)


def test_each_axis_has_its_own() -> None:
    field = last("conv 2 k=1x7; M k=(2, 1)", "2x24x24")
    assert (field.sizes, field.jump) == ((2, 7), (2, 1))
    assert last("conv 2 s=2; conv 2", "2x24").sizes == (7,)
    assert last("conv 2 s=2; conv 2", "2x9x9x9").sizes == (7, 7, 7)


@pytest.mark.parametrize(
    ("text", "coarsest"),
    [
        ("conv 3 s=2 linear; conv 3 k=5 linear; A", 0),
        ("conv 3 d=2 linear; A k=3 s=1; dwconv 2 k=4 s=3 p=0 linear", 0),
        ("cat { conv 2 linear; A | A k=4 s=2 p=1 }; conv 2 linear", 0),
        ("adaptive_avgpool 9; conv 2 k=2 linear", 48 / 9),
        ("conv 3 s=2 linear; conv 3 k=5 linear; A; deconv 2; conv 2 k=2 linear", 4),
        ("conv 3 d=2 linear; A; deconv 2 k=5 s=3; A", 2),
        ("A; upsample 2; conv 2 linear", 2),
        ("A; upsample 2 mode=linear; conv 2 linear", 2),
    ],
)
def test_gradients_reach_as_far(text: str, coarsest: float) -> None:
    """The inputs that an output's gradient reaches: the largest extent of any output is the field.

    Behind upsampling positions differ in how far they reach; the field is then one between, less than the
    jump of the upsampled map away from the largest.
    """
    network = specgen.compile(text=f"input 1x48\n{text}\n")
    model = network.build().double()
    for parameter in model.parameters():
        torch.nn.init.ones_(parameter)
    x = torch.ones(1, 1, 48, dtype=torch.float64, requires_grad=True)
    y = model(x)
    extents = []
    for position in range(y.shape[-1]):
        (gradient,) = torch.autograd.grad(y[0, :, position].sum(), x, retain_graph=True)
        reached = gradient[0, 0].nonzero().flatten()
        extents.append(int(reached[-1] - reached[0]) + 1)
    (size,) = receptive_fields(network)[network.root.steps[-1].name].sizes or (0,)
    assert max(extents) - coarsest <= size <= max(extents) + coarsest / 2


def test_a_vector_has_none() -> None:
    network = specgen.compile(text="input 8\nfc 4\nfc 2\n")
    assert all(field.jump is None for field in receptive_fields(network).values())


def test_every_module_of_every_family_has_a_field() -> None:
    for name in ("unet", "vit_b_32", "inception_v3", "efficientnet_b0", "convnext_tiny", "densenet121"):
        network = specgen.compile(name)
        assert {row.name for row in network.layers} <= receptive_fields(network).keys()


@pytest.mark.parametrize(
    ("mode", "axes"), [("linear", 1), ("bilinear", 2), ("bicubic", 2), ("trilinear", 3), ("nearest", 3)]
)
def test_an_interpolation_mixes_as_many_inputs_as_torch(mode: str, axes: int) -> None:
    """A factor of 3/2 puts some outputs between inputs; where one falls on an input, it mixes fewer."""
    sizes = (1, *(8,) * axes)
    network = specgen.compile(text=f"input {'x'.join(map(str, sizes))}\nupsample 1.5 mode={mode}\n")
    x = torch.rand(1, *sizes, requires_grad=True)
    y = network.build()(x)
    most = 0
    for position in range(3, 9):
        (gradient,) = torch.autograd.grad(y[(0, 0, *(position,) * axes)], x, retain_graph=True)
        most = max(most, len(gradient[0, 0].nonzero()))
    (step,) = network.root.steps
    (size,) = {window.size for window in step.layer.windows(step.input)}  # type: ignore[union-attr]
    assert most == size**axes

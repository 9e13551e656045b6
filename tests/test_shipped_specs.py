"""The small shipped specs and the VGG family: what is known about them, written out."""

from __future__ import annotations

import runpy
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import specgen

#: Convolutions before each of the five poolings, by the number of layers with weights.
VGG = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def output_shapes(network: specgen.Network) -> list[str]:
    return [str(layer.output) for layer in network.layers]


def state_shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {
        key: tuple(tensor.shape) for key, tensor in specgen.load(name, device="meta").state_dict().items()
    }


def test_birds_planes() -> None:
    network = specgen.compile("birds_planes")
    assert [tensor.numel() for tensor in network.build().state_dict().values()] == [
        432, 16, 1152, 8, 16384, 32, 64, 2,
    ]  # fmt: skip
    assert network.params == 18_090
    kinds = [type(module).__name__ for module in network.build(device="meta")]
    pooled = ["Conv2d", "Tanh", "MaxPool2d"]
    assert kinds == [*pooled, *pooled, "Flatten", "Linear", "Tanh", "Linear"]


def test_one_or_two() -> None:
    network = specgen.compile("one_or_two")
    assert network.params == 3_870
    assert output_shapes(network) == ["10 × 6 × 6", "10 × 6 × 6", "360", "10"]


def test_tiny28() -> None:
    assert output_shapes(specgen.compile("tiny28")) == ["5 × 24 × 24", "5 × 24 × 24", "5 × 12 × 12"]


def vgg_shapes(counts: tuple[int, ...], widths: tuple[int, ...], norm: bool) -> dict[str, tuple[int, ...]]:
    """The state dict of a VGG: its keys in order, with their shapes."""
    shapes: dict[str, tuple[int, ...]] = {}
    index, arrives = 0, 3
    for count, width in zip(counts, widths, strict=True):
        for _ in range(count):
            shapes |= {f"features.{index}.weight": (width, arrives, 3, 3), f"features.{index}.bias": (width,)}
            if norm:
                for name in ("weight", "bias", "running_mean", "running_var"):
                    shapes[f"features.{index + 1}.{name}"] = (width,)
                shapes[f"features.{index + 1}.num_batches_tracked"] = ()
            index, arrives = index + (3 if norm else 2), width
        index += 1
    sizes = (arrives * 7 * 7, 4096, 4096, 1000)
    for index, (into, out) in zip((0, 3, 6), pairwise(sizes), strict=True):
        shapes |= {f"classifier.{index}.weight": (out, into), f"classifier.{index}.bias": (out,)}
    return shapes


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("depth", VGG)
def test_vgg_has_the_keys_of_its_configuration(depth: int, norm: bool) -> None:
    wanted = vgg_shapes(VGG[depth], (64, 128, 256, 512, 512), norm)
    assert list(state_shapes(f"vgg{depth}{'_bn' if norm else ''}").items()) == list(wanted.items())


@pytest.mark.parametrize("depth", VGG)
def test_vgg_takes_its_params_from_outside(depth: int) -> None:
    network = specgen.compile(f"vgg{depth}", num_classes=10, norm="bn")
    assert str(network.output_shape) == "10"
    assert network.params == specgen.compile(f"vgg{depth}_bn").params - 990 * (4096 + 1)


def test_vgg_custom() -> None:
    wanted = vgg_shapes((2, 3, 3), (64, 128, 256), norm=False)
    assert list(state_shapes("vgg_custom").items()) == list(wanted.items())


def test_example_recognises_all_five(capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).parent.parent / "examples" / "one_or_two.py"
    with torch.random.fork_rng():
        runpy.run_path(str(example), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == ["drawn 1, recognised as 1"] * 4 + ["drawn 2, recognised as 2"]
    assert lines[5].startswith("5 of 5 right")

"""torchvision's models as a reference: which specs claim to be one, and how the two are compared."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

from specgen import Network


class Reference(NamedTuple):
    """What torchvision publishes about a model, and what of it a spec reproduces."""

    parameters: int
    #: Multiply-adds of one sample at the published input size, in 10⁹, to three decimals.
    gmacs: float
    #: Side of an input small enough for the default run; with 0, logits are compared by the slow tests alone.
    small: int = 0
    #: Whether the keys of the state dict are torchvision's, so that its checkpoints load.
    keys: bool = True
    #: Whether one seed gives the weights that torchvision's builder gives.
    seed: bool = True
    #: Arguments of torchvision's builder.
    builder: Mapping[str, Any] = MappingProxyType({})


_NO_HEADS = MappingProxyType({"aux_logits": False, "init_weights": True})

#: The specs that claim to be a torchvision model, by the name that both go by. Auxiliary heads are left out.
REFERENCES: dict[str, Reference] = {
    "vgg11": Reference(132_863_336, 7.609, small=64),
    "vgg13": Reference(133_047_848, 11.308, small=64),
    "vgg16": Reference(138_357_544, 15.470, small=64),
    "vgg19": Reference(143_667_240, 19.632, small=64),
    "vgg11_bn": Reference(132_868_840, 7.609, small=64),
    "vgg13_bn": Reference(133_053_736, 11.308, small=64),
    "vgg16_bn": Reference(138_365_992, 15.470, small=64),
    "vgg19_bn": Reference(143_678_248, 19.632, small=64),
    "alexnet": Reference(61_100_840, 0.714, small=80),
    "squeezenet1_0": Reference(1_248_424, 0.819, small=64, seed=False),
    "squeezenet1_1": Reference(1_235_496, 0.349, small=66, seed=False),
    "resnet18": Reference(11_689_512, 1.814, small=64),
    "resnet34": Reference(21_797_672, 3.664),
    "resnet50": Reference(25_557_032, 4.089, small=64),
    "resnet101": Reference(44_549_160, 7.801),
    "resnet152": Reference(60_192_808, 11.514),
    "resnext50_32x4d": Reference(25_028_904, 4.230, small=64),
    "resnext101_32x8d": Reference(88_791_336, 16.414),
    "resnext101_64x4d": Reference(83_455_272, 15.460),
    "wide_resnet50_2": Reference(68_883_240, 11.398),
    "wide_resnet101_2": Reference(126_886_696, 22.753),
    "densenet121": Reference(7_978_856, 2.834, small=64, keys=False, seed=False),
    "densenet161": Reference(28_681_000, 7.728, keys=False, seed=False),
    "densenet169": Reference(14_149_480, 3.360, keys=False, seed=False),
    "densenet201": Reference(20_013_928, 4.291, keys=False, seed=False),
    "googlenet": Reference(6_624_904, 1.498, small=64, keys=False, builder=_NO_HEADS),
    "inception_v3": Reference(23_834_568, 5.713, small=107, keys=False, builder=_NO_HEADS),
    "mobilenet_v2": Reference(3_504_872, 0.301, small=64, keys=False),
    "mobilenet_v3_large": Reference(5_483_032, 0.217, small=64, keys=False),
    "mobilenet_v3_small": Reference(2_542_856, 0.057, small=64, keys=False),
    "mnasnet0_5": Reference(2_218_512, 0.104, small=64),
    "mnasnet0_75": Reference(3_170_208, 0.215),
    "mnasnet1_0": Reference(4_383_312, 0.314),
    "mnasnet1_3": Reference(6_282_256, 0.526),
    "efficientnet_b0": Reference(5_288_548, 0.386, small=64, keys=False),
    "efficientnet_b1": Reference(7_794_184, 0.687, keys=False),
    "efficientnet_b2": Reference(9_109_994, 1.088, keys=False),
    "efficientnet_b3": Reference(12_233_232, 1.827, keys=False),
    "efficientnet_b4": Reference(19_341_616, 4.394, keys=False),
    "efficientnet_b5": Reference(30_389_784, 10.266, small=64, keys=False),
    "efficientnet_b6": Reference(43_040_704, 19.068, keys=False),
    "efficientnet_b7": Reference(66_347_960, 37.746, keys=False),
    "efficientnet_v2_s": Reference(21_458_488, 8.366, small=64, keys=False),
    "efficientnet_v2_m": Reference(54_139_356, 24.582, keys=False),
    "efficientnet_v2_l": Reference(118_515_272, 56.080, keys=False),
    "regnet_y_400mf": Reference(4_344_144, 0.402, small=64, keys=False),
    "regnet_y_800mf": Reference(6_432_512, 0.834, keys=False),
    "regnet_y_1_6gf": Reference(11_202_430, 1.612, keys=False),
    "regnet_y_3_2gf": Reference(19_436_338, 3.176, keys=False),
    "regnet_y_8gf": Reference(39_381_472, 8.473, keys=False),
    "regnet_y_16gf": Reference(83_590_140, 15.912, keys=False),
    "regnet_y_32gf": Reference(145_046_770, 32.280, keys=False),
    "regnet_y_128gf": Reference(644_812_894, 374.570, keys=False),
    "regnet_x_400mf": Reference(5_495_976, 0.414, small=64, keys=False),
    "regnet_x_800mf": Reference(7_259_656, 0.800, keys=False),
    "regnet_x_1_6gf": Reference(9_190_136, 1.603, keys=False),
    "regnet_x_3_2gf": Reference(15_296_552, 3.177, keys=False),
    "regnet_x_8gf": Reference(39_572_648, 7.995, keys=False),
    "regnet_x_16gf": Reference(54_278_536, 15.941, keys=False),
    "regnet_x_32gf": Reference(107_811_560, 31.736, keys=False),
    "shufflenet_v2_x0_5": Reference(1_366_792, 0.040, small=64),
    "shufflenet_v2_x1_0": Reference(2_278_604, 0.145),
    "shufflenet_v2_x1_5": Reference(3_503_624, 0.296),
    "shufflenet_v2_x2_0": Reference(7_393_996, 0.583),
}


@cache
def models() -> Any:
    """The module `torchvision.models`; skips the test where torchvision is not installed."""
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module("torchvision.models")
        except RuntimeError:
            # Its compiled operators do not fit this PyTorch: models need none, the import two names.
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
            _define_operators()
            return importlib.import_module("torchvision.models")


#: A library takes its definitions with it when it goes.
_KEPT: list[Any] = []


def _define_operators() -> None:
    constructor: Any = torch.library.Library
    library = constructor("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)


def reference_model(name: str) -> nn.Module:
    """A torchvision model as its builder makes it, without auxiliary heads."""
    builder = REFERENCES[name].builder if name in REFERENCES else {}
    model: nn.Module = models().get_model(name, weights=None, **builder)
    return model


@contextmanager
def without_storage() -> Iterator[None]:
    """Modules made in here hold no numbers, only shapes.

    Unlike under `torch.device("meta")`, a builder may compute with tensors, as RegNet's does for its widths.
    """
    hooks = (
        register_module_parameter_registration_hook(_without_numbers),
        register_module_buffer_registration_hook(_without_numbers),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _without_numbers(module: nn.Module, name: str, tensor: Tensor) -> Any:
    """What a module gets in place of a tensor that it registers."""
    shape = tensor.to("meta")
    return nn.Parameter(shape) if isinstance(tensor, nn.Parameter) else shape


def reference_state(name: str) -> dict[str, tuple[int, ...]]:
    """The keys of a torchvision model's state dict with their shapes, in order."""
    with without_storage():
        return {key: tuple(tensor.shape) for key, tensor in reference_model(name).state_dict().items()}


def randomised_model(name: str, seed: int = 0) -> nn.Module:
    """A torchvision model in eval mode whose every tensor is drawn, so that a swapped or forgotten one shows.

    As made, biases are often 0 and all norms alike: a comparison would be blind to them. The weights keep
    the size of what passes, for the logits to depend on the input to the end.
    """
    with without_storage():
        model = reference_model(name)
    model = model.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(seed)
    for key, tensor in model.state_dict().items():
        if tensor.ndim >= 2:
            fan_in = tensor[0].numel()
            tensor.uniform_(-1.0, 1.0, generator=generator).mul_((6.0 / fan_in) ** 0.5)
        elif key.endswith("num_batches_tracked"):
            tensor.zero_()
        elif key.endswith(("weight", "running_var")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        else:
            tensor.uniform_(-0.5, 0.5, generator=generator)
    return model


def paired_state(model: nn.Module, reference: nn.Module) -> dict[str, Tensor]:
    """The reference's tensors under the model's keys: its own where all agree, else by order and shape.

    Each tensor of the model takes the first one of its shape that is left, axes of size 1 apart. Raises
    `ValueError` where the two do not hold the same shapes.
    """
    wanted, given = model.state_dict(), reference.state_dict()
    if wanted.keys() == given.keys():
        return given
    left = list(given.items())
    paired: dict[str, Tensor] = {}
    for key, tensor in wanted.items():
        index = next((i for i, (_, other) in enumerate(left) if _sizes(other) == _sizes(tensor)), None)
        if index is None:
            raise ValueError(f"the reference has no tensor left for {key}, {tuple(tensor.shape)}")
        paired[key] = left.pop(index)[1].reshape(tensor.shape)
    if left:
        raise ValueError(f"the model has no place for {', '.join(key for key, _ in left)}")
    return paired


def _sizes(tensor: Tensor) -> tuple[int, ...]:
    return tuple(size for size in tensor.shape if size != 1)


def compared(network: Network, reference: nn.Module) -> nn.Module:
    """The network, built with the reference's tensors, in the reference's mode."""
    state = paired_state(network.build(device="meta"), reference)
    # What is built on `meta` takes the tensors as they are; running statistics change, so each has its own.
    own = {key: tensor if tensor.ndim > 1 else tensor.clone() for key, tensor in state.items()}
    return network.build(device="meta", weights=own).train(reference.training)


def answer(model: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """What a model says about two drawn inputs of a shape: at every call the same, under the same dropout."""
    drawn = torch.Generator().manual_seed(1)
    # Two of one distribution would look alike to a network that ends in a mean over all positions.
    x = torch.randn((2, *shape), generator=drawn) + torch.randn((2, *shape[:1], 1, 1), generator=drawn)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(2)
        logits: Tensor = model(x)
        return logits

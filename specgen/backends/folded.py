"""Weights for a network whose batch norms are folded, from those of the plain one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from specgen.backends.weights import keys_differ
from specgen.diagnostics import WeightsError
from specgen.folding import Folded, Origin


def fold_weights(folded: Folded, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of the plain network as the folded one takes it.

    Tensors of layers without a batch norm are passed on as they are, and share their memory. Raises
    `WeightsError` where something is missing that is to be folded.
    """
    needed = [key for origin in folded.origins.values() if origin.norm for key in _needed(origin)]
    missing = [key for key in needed if key not in state]
    if missing:
        raise WeightsError([keys_differ(missing, [])])
    layers = {origin.layer: path for path, origin in folded.origins.items()}
    found: dict[str, Tensor] = {}
    for key, tensor in state.items():
        layer = key
        while layer and layer not in layers:
            layer = layer.rpartition(".")[0]
        if layer:
            found[layers[layer] + key.removeprefix(layer)] = tensor
    for path, origin in folded.origins.items():
        if origin.norm:
            weight, bias = _fold(origin, state)
            found |= {f"{path}.weight": weight, f"{path}.bias": bias}
    return found


def _needed(origin: Origin) -> tuple[str, ...]:
    return f"{origin.layer}.weight", f"{origin.norm}.running_mean", f"{origin.norm}.running_var"


def _fold(origin: Origin, state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The weight and the bias of a layer that does what its batch norm did."""
    weight = state[f"{origin.layer}.weight"].detach()
    mean, variance = (state[f"{origin.norm}.running_{name}"].double() for name in ("mean", "var"))
    zeros, ones = torch.zeros_like(mean), torch.ones_like(mean)
    gain = state.get(f"{origin.norm}.weight", ones).detach().double()
    shift = state.get(f"{origin.norm}.bias", zeros).detach().double()
    bias = state.get(f"{origin.layer}.bias", zeros).detach().double()
    scale = gain / torch.sqrt(variance + origin.eps)
    sizes = [1] * weight.ndim
    sizes[origin.axis] = -1
    # In 32 bits at least: types of 8 bits are stored and not computed with.
    wide = weight.to(torch.float64 if weight.dtype is torch.float64 else torch.float32)
    scaled = wide * scale.view(sizes).to(wide.dtype)
    return scaled.to(weight.dtype), ((bias - mean) * scale + shift).to(weight.dtype)

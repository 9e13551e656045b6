"""Weights from and to files: safetensors, or a checkpoint of `torch.save` read without running it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from specgen.source import printable


class WeightsError(Exception):
    """A file that holds no weights, or weights that do not fit the network."""


def read_weights(model: nn.Module, weights: str | os.PathLike[str] | Mapping[str, Tensor]) -> None:
    """Load weights into a model, exactly by key and shape; raises `WeightsError` listing what differs."""
    state = weights if isinstance(weights, Mapping) else _read(Path(weights))
    wanted = model.state_dict()
    lines = [f"missing: {key}" for key in wanted if key not in state]
    lines += [f"not in the network: {printable(str(key))}" for key in state if key not in wanted]
    for key, tensor in wanted.items():
        found = state.get(key)
        if found is not None and tuple(found.shape) != tuple(tensor.shape):
            lines.append(f"{key}: {_sizes(found)} in the file, {_sizes(tensor)} in the network")
    if lines:
        shown = lines[:20] + ([f"and {len(lines) - 20} more"] if len(lines) > 20 else [])
        raise WeightsError("the weights do not fit the network\n  " + "\n  ".join(shown))
    on_meta = any(tensor.is_meta for tensor in wanted.values())
    model.load_state_dict(dict(state), strict=True, assign=on_meta)


def _read(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise WeightsError(f"cannot read the weights: {(error.strerror or str(error)).lower()}") from None
    try:
        state: Any = load_file(path) if start[8:9] == b"{" else torch.load(path, "cpu", weights_only=True)
    except (SafetensorError, Exception) as error:
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        raise WeightsError(
            f"neither safetensors nor a checkpoint of plain tensors: {printable(reason)}"
        ) from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise WeightsError("the file holds no table of tensors by name")
    return state


def save_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Write the model's weights as safetensors, whole or not at all."""
    from safetensors.torch import save

    from specgen.source import write_bytes

    write_bytes(path, save({key: tensor.contiguous() for key, tensor in model.state_dict().items()}))


def _sizes(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "a single value"

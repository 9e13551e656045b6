"""What is measured beside specgen, imported where it is there."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any

import torch

from benchmarks.harness import Absent


def peer(name: str) -> Any:
    """A module of that name; raises `Absent` where it cannot be imported."""
    try:
        return import_module(name)
    except ImportError:
        raise Absent(f"{name.partition('.')[0]} is not installed") from None


@cache
def torchvision() -> Any:
    """`torchvision.models`; raises `Absent` where it cannot be imported."""
    try:
        _define_operators()
        return import_module("torchvision.models")
    except (ImportError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        raise Absent(f"torchvision cannot be imported: {reason}") from None


#: A library takes its definitions with it when it goes.
_KEPT: list[Any] = []


def _define_operators() -> None:
    """Two names that torchvision's import asks for, where its compiled operators do not fit this PyTorch.

    The models need none of them.
    """
    try:
        import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library: Any = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)

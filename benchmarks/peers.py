"""What is measured beside specgen, imported where it is there."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness import Absent


def peer(name: str) -> Any:
    """A module of that name; raises `Absent` where it cannot be imported."""
    package = name.partition(".")[0]
    try:
        return import_module(name)
    except Exception as error:  # whatever a library raises that misses another
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            raise Absent(f"{package} is not installed") from None
        raise Absent(f"{package} cannot be imported: {_line(error)}") from None


@contextmanager
def working(name: str) -> Iterator[None]:
    """Raises `Absent` where the peer of that name fails, or makes something else than specgen."""
    try:
        yield
    except Absent:
        raise
    except Exception as error:
        raise Absent(f"{name} does not do it: {_line(error)}") from error


def _line(error: Exception) -> str:
    """The first line of what an error says, or its name."""
    return str(error).partition("\n")[0] or type(error).__name__


@cache
def keras() -> Any:
    """Keras on PyTorch; raises `Absent` where it cannot be imported."""
    os.environ["KERAS_BACKEND"] = "torch"
    return peer("keras")


@cache
def neural_dsl() -> Any:
    """neural-dsl's parser without its traces and logs; raises `Absent` where it cannot be imported.

    As it is, it prints every line that it runs, and turns on the debug logs of every library.
    """
    os.environ["PYSNOOPER_DISABLED"] = "1"
    logging.root.addHandler(logging.NullHandler())  # with a handler there, `logging.basicConfig` does nothing
    return peer("neural.parser.parser")


def need(device: str) -> None:
    """Raises `Absent` where there is no GPU and one is meant."""
    if device == "cuda" and not torch.cuda.is_available():
        raise Absent("there is no GPU")


def answer(model: nn.Module, x: Tensor) -> Tensor:
    """What a network gives for `x`, once a GPU is done with it."""
    with torch.no_grad():
        out: Tensor = model(x)
    if out.is_cuda:
        torch.cuda.synchronize()
    return out


@cache
def torchvision() -> Any:
    """`torchvision.models`; raises `Absent` where it cannot be imported."""
    try:
        _define_operators()
        return import_module("torchvision.models")
    except (ImportError, RuntimeError) as error:
        raise Absent(f"torchvision cannot be imported: {_line(error)}") from None


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

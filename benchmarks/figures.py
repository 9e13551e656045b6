"""Whole processes beside `import torch`, and the figures of a network beside torchinfo's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

import specgen
from benchmarks.harness import Absent, Row
from benchmarks.peers import torchvision
from specgen import resources

IMPORT = "python -c 'import torch'"

Pair = tuple[Callable[[], Any], Callable[[], Any]]


def rows() -> list[Row]:
    """The rows of this subject."""
    emitted = ("emit", "resnet152", "--out", str(Path(tempfile.gettempdir()) / "resnet152.py"))
    return [
        Row("specgen check vgg16, the process", IMPORT, partial(_process, "check", "vgg16"), 0.15),
        Row("specgen emit resnet152, the process", IMPORT, partial(_process, *emitted), 0.3),
        Row("vgg16, text to shapes and figures", "torchinfo on meta", _from_text, 1 / 8),
    ]


def _process(*arguments: str) -> Pair:
    """A command of specgen's as a whole process."""
    commands = [sys.executable, "-m", "specgen", *arguments], [sys.executable, "-c", "import torch"]
    ours, theirs = (partial(subprocess.run, one, check=True, capture_output=True) for one in commands)
    return ours, theirs


def _figures(network: specgen.Network) -> tuple[Any, ...]:
    return network.output_shape, network.params, network.macs


def _from_text() -> Pair:
    try:
        import torchinfo
    except ImportError:
        raise Absent("torchinfo is not installed") from None
    text = resources.read("specs", "vgg16.spec")
    with torch.device("meta"):
        module = torchvision().vgg16().eval()
    size = (1, 3, 224, 224)
    theirs = partial(torchinfo.summary, module, input_size=size, device="meta", verbose=0)
    return lambda: _figures(specgen.compile(text=text)), theirs

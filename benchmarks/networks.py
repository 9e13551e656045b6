"""Networks made, loaded, run and trained, beside torchvision's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from math import isclose
from pathlib import Path
from typing import Any

import torch
from torch import nn

import specgen
from benchmarks.harness import CHECKOUT, Pair, Row, memory
from benchmarks.peers import answer, need, torchvision

CONSTRUCTOR = "torchvision's constructor"
LOADED = "torchvision's constructor, load, copy"

#: What is run and trained.
RUN = ("vgg16", "resnet50", "mobilenet_v3_large")


def rows() -> list[Row]:
    """The rows of this subject."""
    found = [
        Row("vgg16 on meta, compiled", f"{CONSTRUCTOR} on meta", partial(_meta, "vgg16"), 0.4),
        Row("resnet50 on meta, compiled", f"{CONSTRUCTOR} on meta", partial(_meta, "resnet50")),
        Row("vgg16 from safetensors", LOADED, _weights, 0.02),
        Row("vgg16 from safetensors, peak above the imports", LOADED, _peaks, unit="MB", most=20),
        Row("vgg16, the same bits", CONSTRUCTOR, partial(_drawn, "torch"), 0.9),
        Row('vgg16, `init="fast"`', CONSTRUCTOR, partial(_drawn, "fast"), 0.45),
    ]
    for name in RUN:
        for batch in (1, 8):
            for form, make in FORMS.items():
                what = f"{name}, {form}"
                forward, step = partial(_forward, make, name, batch), partial(_training, make, name, batch)
                found.append(Row(f"{what}: forward of {batch}", "torchvision, eager", forward, 1.05))
                found.append(Row(f"{what}: training step of {batch}", "torchvision, eager", step, 1.05))
    return found + [row for name in RUN for form in FORMS for row in _on_a_gpu(name, form)]


def _on_a_gpu(name: str, form: str) -> list[Row]:
    """What a GPU waits for its orders with, one image, and what it is busy with, 32 of them."""
    what, beside = f"{name}, {form}, on a GPU", "torchvision, eager"
    forward, step = (partial(run, FORMS[form], name, device="cuda") for run in (_forward, _training))
    return [
        Row(f"{what}: forward of 1", beside, partial(forward, batch=1), 1.05, (50, 50)),
        Row(f"{what}: forward of 32", beside, partial(forward, batch=32), 1.05, (20, 20)),
        Row(f"{what}: training step of 1", beside, partial(step, batch=1), 1.05, (20, 20)),
        Row(f"{what}: training step of 32", beside, partial(step, batch=32), 1.05, (10, 10)),
    ]


# --- made and loaded -----------------------------------------------------------------------------


def _meta(name: str) -> Pair:
    network, builder = specgen.compile(name), getattr(torchvision(), name)

    def theirs() -> None:
        with torch.device("meta"):
            builder()

    return partial(network.build, device="meta"), theirs


def _drawn(init: str) -> Pair:
    return partial(specgen.compile("vgg16").build, init=init), torchvision().vgg16


def _saved() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """A file of VGG-16's weights, and the folder that it is gone with."""
    from safetensors.torch import save_file

    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "vgg16.safetensors"
    save_file(torchvision().vgg16().state_dict(), path)
    return folder, path


def _weights() -> Pair:
    from safetensors.torch import load_file

    builder, (folder, path) = torchvision().vgg16, _saved()

    def ours() -> None:
        assert folder.name  # which lives as long as this does
        specgen.load("vgg16", weights=path)

    def theirs() -> None:
        builder().load_state_dict(load_file(path))

    return ours, theirs


_OURS = """
import specgen.backends.torch
import safetensors.torch
run = lambda path: specgen.load("vgg16", weights=path)
"""

_THEIRS = """
from benchmarks.peers import torchvision
from safetensors.torch import load_file
models = torchvision()
run = lambda path: models.vgg16().load_state_dict(load_file(path))
"""

_PEAK = """
import sys
from benchmarks.harness import memory
before = memory()
run(sys.argv[1])
print(memory(peak=True) - before)
"""


def _peaks() -> Pair:
    memory()
    folder, path = _saved()

    def peak(code: str) -> float:
        assert folder.name
        command = [sys.executable, "-c", code + _PEAK, str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=CHECKOUT)
        return float(done.stdout)

    return partial(peak, _OURS), partial(peak, _THEIRS)


# --- run and trained -----------------------------------------------------------------------------


def _emitted(name: str) -> nn.Module:
    """A network from what `specgen emit` writes."""
    network = specgen.compile(name)
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(network.emit(), f"{name}.py", "exec"), names)
    model: nn.Module = names[network.name]()
    return model


Maker = Callable[[str], nn.Module]

FORMS: dict[str, Maker] = {"built": specgen.load, "emitted": _emitted}


def _models(make: Maker, name: str, device: str) -> tuple[nn.Module, nn.Module]:
    """specgen's network and torchvision's, from one seed: the same weights."""
    need(device)
    torch.manual_seed(0)
    theirs = getattr(torchvision(), name)()
    torch.manual_seed(0)
    return make(name).to(device), theirs.to(device)


def _forward(make: Maker, name: str, batch: int, device: str = "cpu") -> Pair:
    ours, theirs = (model.eval() for model in _models(make, name, device))
    x = torch.randn(batch, 3, 224, 224).to(device)
    assert torch.equal(answer(ours, x), answer(theirs, x))
    return partial(answer, ours, x), partial(answer, theirs, x)


def _training(make: Maker, name: str, batch: int, device: str = "cpu") -> Pair:
    models = _models(make, name, device)
    x, labels = torch.randn(batch, 3, 224, 224).to(device), torch.arange(batch).to(device)

    def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
        torch.manual_seed(1)  # of dropout
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()  # which waits for all of it but the optimizer's last kernels

    steps = [partial(step, one.train(), torch.optim.SGD(one.parameters(), lr=1e-4)) for one in models]
    losses = [[one(), one()] for one in steps]
    tolerance = 0 if device == "cpu" else 1e-2  # a GPU adds gradients up in any order
    assert all(isclose(*pair, rel_tol=tolerance) for pair in zip(*losses, strict=True)), losses
    return steps[0], steps[1]

"""Networks made, loaded, run and trained, beside torchvision's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import specgen
from benchmarks.harness import Row
from benchmarks.peers import torchvision

Pair = tuple[Callable[[], Any], Callable[[], Any]]


def rows() -> list[Row]:
    """The rows of this subject."""
    found = [
        Row("vgg16 on meta, compiled", "torchvision's constructor on meta", partial(_meta, "vgg16"), 0.4),
        Row("resnet50 on meta, compiled", "torchvision's constructor on meta", partial(_meta, "resnet50")),
        Row("vgg16 from safetensors", "torchvision's constructor, load, copy", _weights, 0.02),
        Row("vgg16, the same bits", "torchvision's constructor", partial(_drawn, "torch"), 0.9),
        Row("vgg16, init=fast", "torchvision's constructor", partial(_drawn, "fast"), 0.45),
    ]
    for name in ("vgg16", "resnet50", "mobilenet_v3_large"):
        for batch in (1, 8):
            forward = partial(_forward, name, batch)
            found.append(Row(f"{name}, forward, batch {batch}", "torchvision, eager", forward, 1.05))
            step = partial(_training, name, batch)
            found.append(Row(f"{name}, training step, batch {batch}", "torchvision, eager", step, 1.05))
    return found


def _meta(name: str) -> Pair:
    network, builder = specgen.compile(name), getattr(torchvision(), name)

    def theirs() -> None:
        with torch.device("meta"):
            builder()

    return partial(network.build, device="meta"), theirs


def _weights() -> Pair:
    from safetensors.torch import load_file, save_file

    builder = torchvision().vgg16
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "vgg16.safetensors"
    save_file(builder().state_dict(), path)

    def ours() -> None:
        specgen.load("vgg16", weights=path)

    def theirs() -> None:
        assert folder.name  # which lives as long as this does
        builder().load_state_dict(load_file(path))

    return ours, theirs


def _drawn(init: str) -> Pair:
    return partial(specgen.compile("vgg16").build, init=init), torchvision().vgg16


def _models(name: str) -> tuple[nn.Module, nn.Module]:
    """specgen's network and torchvision's, from one seed: the same weights."""
    builder = getattr(torchvision(), name)
    torch.manual_seed(0)
    theirs = builder()
    torch.manual_seed(0)
    return specgen.load(name), theirs


def _forward(name: str, batch: int) -> Pair:
    ours, theirs = (model.eval() for model in _models(name))
    x = torch.randn(batch, 3, 224, 224)

    def run(model: nn.Module) -> Any:
        with torch.no_grad():
            return model(x)

    torch.testing.assert_close(run(ours), run(theirs), rtol=1e-5, atol=1e-5)
    return partial(run, ours), partial(run, theirs)


def _training(name: str, batch: int) -> Pair:
    x, labels = torch.randn(batch, 3, 224, 224), torch.arange(batch)

    def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> float:
        torch.manual_seed(1)  # of dropout
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return float(loss)

    models = [model.train() for model in _models(name)]
    if batch == 1:  # one value for each channel has no variance
        models = [model.eval() for model in models]
    steps = [partial(step, one, torch.optim.SGD(one.parameters(), lr=1e-4)) for one in models]
    losses = [one() for one in steps]
    assert abs(losses[0] - losses[1]) < 1e-4, losses
    return steps[0], steps[1]

"""Networks for inference, beside the same networks as they are."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

import specgen
from benchmarks.harness import Pair, Row

#: VGG-16 with batch norm at an eighth of its width, for images of 32 × 32.
SMALL = """
input 3x32x32
default conv bn
conv 8; conv 8; M
conv 16; conv 16; M
conv 32; conv 32; conv 32; M
conv 64; conv 64; conv 64; M
conv 64; conv 64; conv 64; M
fc 512 drop
fc 512 drop
fc 1000
"""


def rows() -> list[Row]:
    """The rows of this subject."""
    eager = "as it is"
    wide = partial(_optimized, specgen.compile("vgg16_bn"))
    small = partial(_optimized, specgen.compile(text=SMALL))
    found = [
        Row("vgg16_bn for inference, batch 1", eager, wide, 0.8),
        Row("small VGG for inference, batch 1", eager, small, 0.7, calls=(50, 50)),
    ]
    for name in ("resnet50", "mobilenet_v2"):
        optimized = partial(_optimized, specgen.compile(name))
        found.append(Row(f"{name} for inference, batch 1", eager, optimized))
    return found


def _optimized(network: specgen.Network) -> Pair:
    torch.manual_seed(0)
    plain = network.build().eval()
    for module in plain.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    optimized = network.build(weights=plain.state_dict(), optimize="inference")
    x = torch.randn(1, *network.input_shape.sizes)

    def run(model: nn.Module) -> Any:
        with torch.no_grad():
            return model(x)

    wanted = run(plain)
    torch.testing.assert_close(run(optimized), wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
    return partial(run, optimized), partial(run, plain)

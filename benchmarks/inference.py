"""Networks for inference, beside the same networks as they are."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

import specgen
from benchmarks.harness import Pair, Row
from benchmarks.peers import answer, need

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
    for name in ("vgg16_bn", "resnet50", "mobilenet_v2"):
        for batch in (1, 32):
            on_gpu = partial(_optimized, specgen.compile(name), batch, "cuda")
            found.append(Row(f"{name} for inference, on a GPU, batch {batch}", eager, on_gpu, calls=(20, 20)))
    return found


def _optimized(network: specgen.Network, batch: int = 1, device: str = "cpu") -> Pair:
    need(device)
    torch.manual_seed(0)
    plain = network.build().eval()
    for module in plain.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    optimized = network.build(weights=plain.state_dict(), optimize="inference", device=device)
    x = torch.randn(batch, *network.input_shape.sizes, device=device)
    plain = plain.to(device)
    # Products on a GPU have 10 bits of a mantissa, unless it is told otherwise.
    tolerance = 1e-4 if device == "cpu" else 1e-2
    wanted = answer(plain, x)
    most = float(wanted.abs().max())
    torch.testing.assert_close(answer(optimized, x), wanted, rtol=tolerance, atol=tolerance * most)
    return partial(answer, optimized, x), partial(answer, plain, x)

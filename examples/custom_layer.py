"""A layer of one's own, Gaussian noise in training, used in a spec, built and emitted.

The PyTorch module is in `noise_module.py`: its source is copied into what is emitted.
"""

from __future__ import annotations

from typing import Annotated

import torch

import specgen
from specgen.layers import Real

SPEC = """
# A classifier that trains on noisy pictures.
network Noisy
input 1x28x28
noise 0.2
conv 16; M
conv 32; M
fc 10
"""


@specgen.register_layer
class Noise(specgen.Layer):
    """In training, Gaussian noise of standard deviation `std` is added."""

    word = "noise"
    family = "dropout"
    positional = ("std",)
    modules = "noise_module"
    example = "noise 0.1"

    std: Annotated[float, Real(0)] = 0.1

    def call(self, x: specgen.Shape) -> specgen.Call:
        return specgen.Call("GaussianNoise", (), self.changed("std"))


def main() -> None:
    """Compile the spec, run what is built in both modes, and show what is emitted for the layer."""
    network = specgen.compile(text=SPEC)
    print(network.summary())

    model = network.build()
    x = torch.zeros(1, 1, 28, 28)
    noisy = [model.train()(x) for _ in range(2)]
    quiet = [model.eval()(x) for _ in range(2)]
    print(f"training: {'different' if not torch.equal(*noisy) else 'equal'} outputs")
    print(f"evaluation: {'different' if not torch.equal(*quiet) else 'equal'} outputs")

    source = network.emit()
    print(source[source.index("class GaussianNoise") :])


if __name__ == "__main__":
    main()

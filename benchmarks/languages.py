"""Networks from other libraries' texts: Keras's JSON, neural-dsl's language, kraken's VGSL."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import Any

import torch
from torch import nn

import specgen
from benchmarks.figures import BLOCKS
from benchmarks.harness import Pair, Row
from benchmarks.peers import keras, neural_dsl, peer, torchvision, working
from specgen import resources

VGG16 = resources.read("specs", "vgg16.spec")


def rows() -> list[Row]:
    """The rows of this subject."""
    text, made = "vgg16, text to shapes and figures", "vgg16, text to network"
    return [
        Row(text, "Keras: JSON to shapes and parameters, on meta", _text_beside_keras),
        Row(text, "neural-dsl: text to a list of layers, no shapes", _text_beside_neural_dsl),
        Row("vgg16, random weights", "Keras's constructor", _drawn_beside_keras),
        Row(f"{made} on meta", "kraken's VGSL on meta", partial(_made_beside_kraken, "meta")),
        Row(made, "kraken's VGSL", partial(_made_beside_kraken, "cpu")),
    ]


_compiled = partial(specgen.compile, text=VGG16)

#: What an assertion says.
ANOTHER = "it makes another network"


@working("Keras")
def _text_beside_keras() -> Pair:
    library = keras()
    with library.device("meta"):
        text = library.applications.VGG16(weights=None).to_json()

    def theirs() -> tuple[list[tuple[int, ...]], int]:
        with library.device("meta"):
            model = library.models.model_from_json(text)
        return [layer.output.shape[1:] for layer in model.layers], model.count_params()

    # An activation is part of the layer before it, and there is no dropout: so shapes that repeat count once.
    network, (shapes, params) = _compiled(), theirs()
    wanted = [network.input_shape.sizes, *(row.output.sizes for row in network.layers)]
    found = [(shape[-1], *shape[:-1]) for shape in shapes]
    assert [size for size, _ in groupby(found)] == [size for size, _ in groupby(wanted)], ANOTHER
    assert params == network.params, ANOTHER
    return _compiled, theirs


@working("Keras")
def _drawn_beside_keras() -> Pair:
    network, theirs = _compiled(), partial(keras().applications.VGG16, weights=None)
    assert theirs().count_params() == network.params, ANOTHER
    return network.build, theirs


@working("neural-dsl")
def _text_beside_neural_dsl() -> Pair:
    library, text = neural_dsl(), neural_text()
    parser = library.create_parser("network")

    def theirs() -> Any:
        return library.ModelTransformer().transform(parser.parse(text))

    options = [layer["params"] or {} for layer in theirs()["layers"]]
    widths = [one.get("filters") or one["units"] for one in options if {"filters", "units"} & one.keys()]
    assert widths == [row.output.sizes[0] for row in _compiled().layers if row.params], ANOTHER
    return _compiled, theirs


def neural_text() -> str:
    """VGG-16 in neural-dsl's language."""
    layers: list[str] = []
    for width, turns in BLOCKS:
        layers += [f'Conv2D(filters={width}, kernel_size=(3, 3), padding="same", activation="relu")'] * turns
        layers += ["MaxPooling2D(pool_size=(2, 2), strides=(2, 2))"]
    layers += ["Flatten()", *['Dense(4096, "relu")', "Dropout(0.5)"] * 2, "Output(1000)"]
    head = "network VGG16 {\n  input: (224, 224, 3)\n  layers:"
    tail = 'loss: "categorical_crossentropy"\n  optimizer: "sgd"\n}\n'
    return "\n    ".join([head, *layers]) + f"\n  {tail}"


@working("kraken")
def _made_beside_kraken(device: str) -> Pair:
    torchvision()  # which kraken imports
    model, text = peer("kraken.lib.vgsl").TorchVGSLModel, vgsl()

    def ours() -> nn.Module:
        return _compiled().build(device=device)

    def theirs() -> nn.Module:
        with torch.device(device):
            made: nn.Module = model(vgsl=text)
        return made

    sizes = [[weight.numel() for weight in make().parameters()] for make in (ours, theirs)]
    assert sizes[0] == sizes[1], ANOTHER
    return ours, theirs


def vgsl() -> str:
    """VGG-16 in VGSL, where rows and columns become channels and a fully connected layer is a convolution."""
    layers = ["1,224,224,3"]
    for width, turns in BLOCKS:
        layers += [f"Cr3,3,{width}"] * turns + ["Mp2,2"]
    layers += ["S1(1x0)1,3", "S2(1x0)2,3", *["Cr1,1,4096", "Do0.5"] * 2, "Cl1,1,1000"]
    return f"[{' '.join(layers)}]"

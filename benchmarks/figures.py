"""Whole processes beside `import torch`; shapes and figures of a network beside who else infers them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import fx
from torch.fx.passes.shape_prop import ShapeProp

import specgen
from benchmarks.harness import Pair, Row
from benchmarks.peers import peer, torchvision
from specgen import resources

IMPORT = "`import torch`"
TORCHINFO = "torchinfo on meta"

INPUT = (1, 3, 224, 224)

#: VGG-16's convolutions up to each pooling: their channels, and how many there are.
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def rows() -> list[Row]:
    """The rows of this subject."""
    known, text = "vgg16, figures read from what is compiled", "vgg16, text to shapes and figures"
    return [
        Row("`specgen check vgg16`", IMPORT, partial(_process, "check", "vgg16"), 0.10),
        Row("`specgen emit resnet152 --out f.py`", IMPORT, partial(_process, "emit", "resnet152"), 0.30),
        Row(known, TORCHINFO, _compiled_beside_torchinfo, 1 / 300, (1000, 1)),
        Row(known, "a forward on meta", _compiled_beside_meta, 1 / 100, (1000, 5)),
        Row(text, TORCHINFO, _text_beside_torchinfo, 1 / 8),
        Row(text, f"{TORCHINFO}, the constructor included", _text_beside_both),
        Row(text, "torch.fx: trace, ShapeProp on meta", _text_beside_fx),
        Row(text, "onnx: parse, check, infer_shapes", _text_beside_onnx, 1.5),
    ]


# --- processes -----------------------------------------------------------------------------------


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for what processes write, which goes when this process ends."""
    return tempfile.TemporaryDirectory()


def _process(*arguments: str) -> Pair:
    """A command of specgen's as a whole process.

    Both run from bytecode, as what is installed does: the first call, which is not timed, writes it.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(_folder().name) / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    out = ("--out", str(Path(_folder().name) / "f.py")) if arguments[0] == "emit" else ()
    commands = ["-m", "specgen", *arguments, *out], ["-c", "import torch"]
    ours, theirs = (
        partial(
            subprocess.run, [sys.executable, *one], check=True, capture_output=True, env=environment
        )
        for one in commands
    )  # fmt: skip
    return ours, theirs


# --- shapes and figures --------------------------------------------------------------------------


def _figures(network: specgen.Network) -> tuple[Any, ...]:
    """Every layer's shapes and figures, and the sums."""
    return network.layers, network.params, network.macs


def _from_text() -> tuple[Any, ...]:
    return _figures(specgen.compile(text=resources.read("specs", "vgg16.spec")))


def _from_network() -> Any:
    """Compiling works out all of them, and the network has them."""
    return partial(_figures, specgen.compile("vgg16"))


def _module() -> Any:
    with torch.device("meta"):
        return torchvision().vgg16().eval()


def _torchinfo() -> Any:
    """torchinfo on a module, ready to be called."""
    run = partial(peer("torchinfo").summary, input_size=INPUT, device="meta", verbose=0)
    assert run(_module()).total_params == specgen.compile("vgg16").params
    return run


def _compiled_beside_torchinfo() -> Pair:
    return _from_network(), partial(_torchinfo(), _module())


def _compiled_beside_meta() -> Pair:
    module, x = _module(), torch.empty(INPUT, device="meta")

    def forward() -> None:
        with torch.no_grad():
            module(x)

    return _from_network(), forward


def _text_beside_torchinfo() -> Pair:
    return _from_text, partial(_torchinfo(), _module())


def _text_beside_both() -> Pair:
    run = _torchinfo()
    return _from_text, lambda: run(_module())


def _text_beside_fx() -> Pair:
    module, x = _module(), torch.empty(INPUT, device="meta")
    return _from_text, lambda: ShapeProp(fx.symbolic_trace(module)).propagate(x)


def _text_beside_onnx() -> Pair:
    onnx = peer("onnx")
    parser, infer = peer("onnx.parser"), peer("onnx.shape_inference").infer_shapes
    text = onnx_text()

    def theirs() -> Any:
        model = parser.parse_model(text)
        onnx.checker.check_model(model)
        return infer(model)

    shapes = [value.type.tensor_type.shape for value in theirs().graph.value_info]
    assert all(dim.dim_value for shape in shapes for dim in shape.dim) and len(shapes) == 38
    return _from_text, theirs


def onnx_text() -> str:
    """VGG-16 in ONNX's own text, without the pooling to 7 × 7 that changes nothing at 224 × 224."""
    arguments = ["float[1, 3, 224, 224] x0"]
    nodes: list[str] = []

    def node(operator: str, *weights: str) -> None:
        names = [f"w{len(arguments) + number}" for number in range(len(weights))]
        arguments.extend(f"float[{sizes}] {name}" for sizes, name in zip(weights, names, strict=True))
        inputs = ", ".join([f"x{len(nodes)}", *names])
        nodes.append(f"x{len(nodes) + 1} = {operator} ({inputs})")

    channels = 3
    for width, turns in BLOCKS:
        for _ in range(turns):
            node("Conv <pads = [1, 1, 1, 1]>", f"{width}, {channels}, 3, 3", f"{width}")
            node("Relu")
            channels = width
        node("MaxPool <kernel_shape = [2, 2], strides = [2, 2]>")
    node("Flatten")
    features = channels * 49
    for width in (4096, 4096, 1000):
        node("Gemm <transB = 1>", f"{width}, {features}", f"{width}")
        features = width
        if width == 4096:
            node("Relu")
            node("Dropout")
    head = '<ir_version: 8, opset_import: ["" : 17]>'
    body = "\n  ".join(nodes)
    result = f"float[1, 1000] x{len(nodes)}"
    return f"{head}\nvgg16 ({', '.join(arguments)}) => ({result})\n{{\n  {body}\n}}\n"

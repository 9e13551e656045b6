"""Memory against PyTorch: what autograd really saves, what hooks see, what is alive at one time."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import specgen
from specgen.views.memory import DTYPES, OPTIMIZERS, Memory, memory

BATCH = 3


def in_mode(network: specgen.Network, mode: Any) -> nn.Module:
    """The built network; in a mode for tensors without values, with such parameters."""
    if mode is None:
        return network.build()
    model = network.build(device="meta")
    with mode:
        for module in model.modules():
            for name, value in module._parameters.items():
                if value is not None:
                    module._parameters[name] = nn.Parameter(torch.empty(value.shape))
            for name, value in module._buffers.items():
                if value is not None:
                    module._buffers[name] = torch.empty(value.shape, dtype=value.dtype)
    return model


def counted(network: specgen.Network, batch: int = BATCH, *, fake: bool = False) -> tuple[int, int]:
    """Bytes that a training step keeps for its backward pass, and bytes that all layers give.

    What is saved is counted by where it lies, once for each storage; parameters are left out.
    """
    mode = FakeTensorMode() if fake else None
    model = in_mode(network, mode).train()
    own = {t.untyped_storage()._cdata for t in (*model.parameters(), *model.buffers())}
    saved: dict[int, Tensor] = {}
    given: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage()._cdata not in own:
            saved.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    for row in network.layers:
        layer = model.get_submodule(row.name)
        layer.register_forward_hook(lambda m, x, y: given.append(y.numel() * y.element_size()))
    with mode or nullcontext(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(torch.ones((batch, *map(int, network.input_shape.sizes))))
        return sum(tensor.untyped_storage().nbytes() for tensor in saved.values()), sum(given)


def estimated(network: specgen.Network, batch: int = BATCH) -> tuple[int, int]:
    found = memory(network)
    return found.kept.of(batch, "float32"), found.outputs[""].of(batch, "float32")


#: Every layer that keeps something of its own, or whose output is its input's memory.
LAYERS = """
relu|relu6|leaky_relu|prelu|elu|selu|gelu|silu|mish|hardswish|hardsigmoid|sigmoid|tanh|softplus|softmax
log_softmax|bn|bn affine=false|bn track_running_stats=false|ln|rmsnorm|rmsnorm elementwise_affine=false|gn 4
instancenorm|instancenorm affine=true|lrn 5|lrn 4|M|M k=3 s=2 p=1 ceil|A|A k=3 s=2 p=1|adaptive_avgpool 3
adaptive_avgpool 1|adaptive_maxpool 3|gap|drop|drop 0|drop2d|droppath 0.5|droppath 0|conv 16 linear
conv 16 k=4 p=same linear|conv 16 k=3 p=same linear|conv 16 p=valid linear|conv 6 padding_mode=reflect linear
conv 6 padding_mode=circular linear|conv 6 padding_mode=replicate linear|conv 6 p=0 padding_mode=reflect
conv 6 k=5x4 p=same padding_mode=reflect linear|conv 4 relu|conv 4 relu6|conv 4 silu|conv 4 elu
conv 4 leaky_relu|conv 4 hardswish|conv 4 bn relu drop|conv 4 selu|conv 4 mish|conv 4 hardsigmoid
deconv 4|dwconv linear|upsample 2|upsample 2 mode=bilinear|upsample 2 mode=bicubic|upsample 2 mode=area
upsample size=5 mode=nearest_exact|pixel_shuffle 2|shuffle 2|pad 1|pad 1 mode=reflect|pad 1 mode=replicate
pad 1 mode=circular|pad 1 mode=constant value=2|flatten|id|fc 5 linear|fc 5 drop|scale|channels_last
channels_last; ln|channels_last; linear 5|channels_last; linear 5; channels_first; flatten
channels_last; linear 5; channels_first; conv 4|tokens|tokens; ln; linear 7 gelu; linear 8|tokens; linear 5
tokens; attn 2|tokens; ln; attn 2|tokens; attn 2 drop=0.1|tokens; ln; attn 4 bias=false drop=0.5
tokens; cls_token; attn 2; take 0; fc 3|tokens; pos_embed; ln|tokens; scale|tokens; rmsnorm
channels_last; tokens; linear 4|tokens; channels_first|mul { id | gap; conv 8 k=1 sigmoid }
mul { id | id | sigmoid }|sigmoid; mul { id | id | tanh }
add { conv 8 | id }|cat { conv 8 | id | M k=3 s=1 p=1 }|split { conv 4 | id }|residual { conv 8 bn }
residual { channels_last; ln; linear 9 gelu; linear 8; channels_first }; relu
"""


def parts() -> Iterator[str]:
    """The bodies in the list above: braces keep their bars."""
    for line in filter(None, LAYERS.split("\n")):
        body = ""
        for piece in line.split("|"):
            body = f"{body}|{piece}" if body else piece
            if body.count("{") == body.count("}"):
                yield body
                body = ""


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("body", list(parts()))
def test_a_layer_keeps_what_pytorch_keeps(body: str) -> None:
    """Behind something learned, so that a gradient flows; and in front of everything, where none does."""
    head = "input 8x6x6\n"
    texts = [f"{head}scale\n{body}\n"]
    if "padding_mode=re" not in body and "rmsnorm" not in body:
        # These keep their input only where a gradient flows to it: an estimate has one sample too many.
        texts.append(f"{head}{body}\n")
    for text in texts:
        network = specgen.compile(text=text)
        assert estimated(network) == counted(network), text


@pytest.mark.parametrize(
    "act",
    ["relu", "relu6", "leaky_relu", "elu", "selu", "silu", "mish", "hardswish", "hardsigmoid", "prelu",
     "gelu", "sigmoid", "tanh"],
)  # fmt: skip
def test_what_two_layers_keep_of_one_tensor_is_there_once(act: str) -> None:
    """The convolution behind an activation keeps what that gave, which the activation may keep as well."""
    for text in (f"conv 8 {act}; conv 8 linear", f"conv 8 linear; M k=1; {act}; conv 8 {act}; scale"):
        network = specgen.compile(text=f"input 8x6x6\nscale\n{text}\n")
        assert estimated(network) == counted(network), text


@pytest.mark.parametrize("shape", ["8x12", "8x4x4x4"])
@pytest.mark.parametrize(
    "body",
    ["M", "A", "bn", "gap", "adaptive_avgpool 3", "adaptive_maxpool 3", "conv 4", "instancenorm", "drop2d",
     "pad 1 mode=reflect", "upsample 2", "gn 2", "conv 4 k=2 p=same", "lrn 3"],
)  # fmt: skip
def test_in_one_and_three_dimensions(body: str, shape: str) -> None:
    network = specgen.compile(text=f"input {shape}\nscale\n{body}\n")
    assert estimated(network) == counted(network)


#: Some that have all there is between them, on inputs that are quick.
SMALL = {
    "vgg11": "3x32x32", "tiny28": None, "one_or_two": None, "birds_planes": None, "alexnet": "3x63x63",
    "squeezenet1_0": "3x64x64", "resnet18": "3x64x64", "mobilenet_v3_small": "3x32x32",
    "shufflenet_v2_x0_5": "3x64x64", "convnext_tiny": "3x32x32", "vit_b_32": "3x64x64",
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_a_shipped_spec_keeps_what_pytorch_keeps(name: str) -> None:
    network = specgen.compile(name, input=SMALL[name])
    assert estimated(network) == counted(network, fake=network.params > 30_000_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", [listed.name for listed in specgen.list_specs()])
def test_every_shipped_spec_keeps_what_pytorch_keeps(name: str) -> None:
    network = specgen.compile(name)
    assert estimated(network, 2) == counted(network, 2, fake=True)


# --- weights, optimizers, batches ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["vgg16_bn", "convnext_tiny", "mobilenet_v3_small"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_are_what_a_state_dict_holds(name: str, dtype: str) -> None:
    network = specgen.compile(name)
    state = network.build(device="meta", dtype=dtype).state_dict()
    assert memory(network).weight_bytes(dtype) == sum(t.numel() * t.element_size() for t in state.values())


@pytest.mark.parametrize(
    "text", ["bn", "instancenorm track_running_stats=true", "bn track_running_stats=false"]
)
def test_buffers_are_pytorchs(text: str) -> None:
    network = specgen.compile(text=f"input 8x6x6\n{text}\n")
    (module,) = network.build()
    (step,) = network.root.steps
    buffers = {name: tuple(buffer.shape) for name, buffer in module.named_buffers()}
    assert step.layer.buffers(step.input) == buffers


def test_an_optimizer_keeps_what_torch_optim_keeps() -> None:
    made = {
        "sgd": lambda p: torch.optim.SGD(p, 0.1),
        "sgd-momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
        "adamw": torch.optim.AdamW,
        "adam": lambda p: torch.optim.Adam(p, 0.1),
    }
    assert set(made) == set(OPTIMIZERS)
    network = specgen.compile("birds_planes")
    for name, make in made.items():
        model = network.build()
        optimizer = make(model.parameters())
        model(torch.ones(2, 3, 32, 32)).sum().backward()
        optimizer.step()
        tensors = [t for state in optimizer.state.values() for t in state.values() if isinstance(t, Tensor)]
        kept = sum(t.numel() * t.element_size() for t in tensors if t.ndim)
        assert memory(network).training_overhead("float32", name)[1] == kept, name


@pytest.mark.parametrize("optimizer", [None, *OPTIMIZERS])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_largest_batch_fits_and_one_more_does_not(optimizer: Any, dtype: str) -> None:
    found = memory(specgen.compile("resnet18"))

    def needed(batch: int) -> int:
        if optimizer is None:
            return found.inference(batch, dtype)
        return found.training(batch, dtype, optimizer)

    batch = found.largest_batch(2 * 2**30, dtype, optimizer)
    assert batch > 10
    assert needed(batch) <= 2 * 2**30 < needed(batch + 1)
    assert found.largest_batch(needed(7), dtype, optimizer) == 7
    assert found.largest_batch(needed(7) - 1, dtype, optimizer) == 6
    assert found.largest_batch(1000, dtype, optimizer) == 0


@pytest.mark.parametrize("body", ["add { id | conv 6 }", "M", "id", ""])
def test_training_takes_no_less_than_inference(body: str) -> None:
    network = specgen.compile(text=f"input 3x8x8\ncat {{ id | id }}\n{body}" if body else "input 3x8x8\n")
    found, room = memory(network), 2**20
    assert found.kept.of(8, "float32") < found.live.of(8, "float32")
    assert found.training(8, "float32", "sgd") >= found.inference(8, "float32")
    batch = found.largest_batch(room, "float32", "sgd")
    assert found.training(batch, "float32", "sgd") <= room < found.training(batch + 1, "float32", "sgd")
    assert 1 < batch <= found.largest_batch(room, "float32", None)


# --- alive at one time ---------------------------------------------------------------------------


class Alive(TorchDispatchMode):
    """The most bytes in tensors that were alive behind an operation; parameters are left out."""

    def __init__(self, own: set[int]) -> None:
        super().__init__()
        self.own, self.most = own, 0
        self.tensors: dict[int, list[weakref.ref[Tensor]]] = {}

    def note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()._cdata
        if storage not in self.own:
            self.tensors.setdefault(storage, []).append(weakref.ref(tensor))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **kwargs or {})
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor):
                self.note(tensor)
        alive = {}
        for storage, refs in list(self.tensors.items()):
            living = [tensor for ref in refs if (tensor := ref()) is not None]
            if living:
                alive[storage] = living[0].untyped_storage().nbytes()
            else:
                del self.tensors[storage]
        self.most = max(self.most, sum(alive.values()))
        return out


def most_alive(network: specgen.Network) -> int:
    model = network.build().eval()
    alive = Alive({t.untyped_storage()._cdata for t in (*model.parameters(), *model.buffers())})
    with torch.no_grad(), alive:
        x = torch.ones((BATCH, *map(int, network.input_shape.sizes)))
        model(x)
    return alive.most


@pytest.mark.parametrize(
    "name", ["birds_planes", "resnet18", "squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x0_5"]
)
def test_so_much_is_alive_when_it_runs(name: str) -> None:
    network = specgen.compile(name, input="3x64x64")
    estimate = memory(network).live.of(BATCH, "float32")
    assert estimate == pytest.approx(most_alive(network), rel=0.05)


def test_memory_is_plain_data() -> None:
    found = memory(specgen.compile("birds_planes"))
    assert isinstance(found, Memory)
    assert found.weights == 18_090
    assert all(type(size.values) is int for size in (*found.saved.values(), *found.outputs.values()))

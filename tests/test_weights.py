"""Weights from files: mapped, never written to, and the network's own from then on."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import specgen
from specgen import Call, Layer, Shape, register_layer
from specgen.backends.weights import save_weights
from specgen.layers.registry import unregister_layer

TEXT = "input 3x8x8\nconv 8 bn\nfc 600\nfc 400"
State = dict[str, Tensor]


def write_safetensors(state: State, path: Path) -> None:
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, path)


WRITERS: dict[str, Callable[[State, Path], None]] = {"safetensors": write_safetensors, "pt": torch.save}


def write_legacy(state: State, path: Path) -> None:
    torch.save(state, path, _use_new_zipfile_serialization=False)


@pytest.fixture(params=WRITERS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file with weights of the network in `TEXT`, whose batch norm has seen something."""
    torch.manual_seed(0)
    model = specgen.load(text=TEXT)
    model(torch.randn(4, 3, 8, 8))
    path = tmp_path / f"weights.{request.param}"
    WRITERS[request.param](model.state_dict(), path)
    return path


def state_of(file: Path) -> State:
    return dict(specgen.load(text=TEXT, weights=file).state_dict())


def train(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(4, 3, 8, 8)).square().mean().backward()
        optimizer.step()


def test_training_never_changes_the_file(file: Path) -> None:
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    model = specgen.load(text=TEXT, weights=file)
    first = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    train(model)
    # The batch norm takes away what the bias in front of it adds: its gradient is 0.
    trained = {key: tensor for key, tensor in model.state_dict().items() if key != "0.bias"}
    assert not any(torch.equal(first[key], tensor) for key, tensor in trained.items())
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert all(torch.equal(first[key], tensor) for key, tensor in state_of(file).items())


def test_two_networks_of_one_file_are_two(file: Path) -> None:
    one, other = (specgen.load(text=TEXT, weights=file) for _ in range(2))
    with torch.no_grad():
        one[0].weight.zero_()
    assert other[0].weight.abs().max() > 0


@pytest.mark.skipif(sys.platform == "win32", reason="a mapped file cannot be deleted there")
def test_the_file_may_be_deleted_or_replaced(file: Path) -> None:
    model = specgen.load(text=TEXT, weights=file)
    wanted = state_of(file)
    save_weights(specgen.load(text=TEXT), file)
    assert all(torch.equal(wanted[key], tensor.clone()) for key, tensor in model.state_dict().items())
    again = specgen.load(text=TEXT, weights=file)
    save_weights(again, file)
    file.unlink()
    train(again)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_nothing_is_read_before_it_is_needed(writer: Callable[[State, Path], None], tmp_path: Path) -> None:
    text = "input 4096\nfc 4096\nfc 4096"
    path = tmp_path / "weights"
    writer(specgen.load(text=text).state_dict(), path)

    def resident() -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    before = resident()
    model = specgen.load(text=text, weights=path)
    grown = resident() - before
    assert grown < path.stat().st_size / 10
    assert model(torch.ones(1, 4096)).shape == (1, 4096)


def test_an_older_checkpoint_is_read_without_a_map(tmp_path: Path) -> None:
    model = specgen.load(text=TEXT)
    write_legacy(model.state_dict(), tmp_path / "old.pt")
    assert all(torch.equal(model.state_dict()[key], x) for key, x in state_of(tmp_path / "old.pt").items())


def test_a_table_of_the_callers_is_copied() -> None:
    state = specgen.load(text=TEXT).state_dict()
    model = specgen.load(text=TEXT, weights=state)
    state["0.weight"].zero_()
    assert model[0].weight.abs().max() > 0
    with torch.no_grad():
        model[0].bias.fill_(7.0)
    assert not (state["0.bias"] == 7.0).any()


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "net"])
def test_a_table_beside_other_things_is_found(key: str, tmp_path: Path) -> None:
    model = specgen.load(text=TEXT)
    optimizer = torch.optim.Adam(model.parameters())
    train(model)
    torch.save(
        {key: model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "ema": {}},
        tmp_path / "w.pt",
    )
    assert all(torch.equal(model.state_dict()[key], x) for key, x in state_of(tmp_path / "w.pt").items())


def test_several_tables_are_told_apart_by_the_caller(tmp_path: Path) -> None:
    state = specgen.load(text=TEXT).state_dict()
    torch.save({"model": state, "ema": state}, tmp_path / "w.pt")
    with pytest.raises(specgen.WeightsError, match="holds several tables of tensors") as caught:
        specgen.load(text=TEXT, weights=tmp_path / "w.pt")
    (found,) = caught.value.diagnostics
    assert found.notes == ("they are under: `model`, `ema`",)
    assert found.help == ("in Python, pass the one that is meant: `torch.load(path)['model']`",)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model."])
def test_what_wrappers_put_in_front_of_keys_is_told(prefix: str) -> None:
    state = {f"{prefix}{key}": tensor for key, tensor in specgen.load(text=TEXT).state_dict().items()}
    with pytest.raises(specgen.WeightsError) as caught:
        specgen.load(text=TEXT, weights=state)
    (help_,) = caught.value.diagnostics[0].help
    specgen.load(text=TEXT, weights=eval(help_.split("`")[3], {"state": state}))
    with pytest.raises(specgen.WeightsError) as caught:
        specgen.load(text=TEXT, weights={f"other.{key}": tensor for key, tensor in state.items()})
    assert caught.value.diagnostics[0].help == ()


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_types_are_the_networks(file: Path, dtype: str) -> None:
    model = specgen.load(text=TEXT, weights=file, dtype=dtype)
    wanted = {key: x.to(torch.float32) for key, x in state_of(file).items()}
    for key, tensor in model.state_dict().items():
        counts = key.endswith("num_batches_tracked")
        assert tensor.dtype == (torch.long if counts else getattr(torch, dtype))
        assert torch.equal(tensor, wanted[key].to(tensor.dtype))
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_half_precision_in_a_file_becomes_the_networks_type(tmp_path: Path) -> None:
    save_weights(specgen.load(text=TEXT, dtype="float16"), tmp_path / "half.safetensors")
    model = specgen.load(text=TEXT, weights=tmp_path / "half.safetensors")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    train(model)


def test_counters_may_be_missing_from_a_file(tmp_path: Path) -> None:
    state = specgen.load(text=TEXT).state_dict()
    del state["1.num_batches_tracked"]
    write_safetensors(state, tmp_path / "weights.safetensors")
    model = specgen.load(text=TEXT, weights=tmp_path / "weights.safetensors")
    assert model[1].num_batches_tracked.device.type == "cpu"
    train(model)
    assert model[1].num_batches_tracked == 2


def test_tensors_that_share_memory_are_parted(tmp_path: Path) -> None:
    """As in a checkpoint of tied weights, or of views."""
    text = "input 8\nfc 8\nfc 8"
    shared = torch.randn(8, 8)
    state = {
        "0.weight": shared,
        "2.weight": shared.T,
        "0.bias": shared[0],
        "2.bias": torch.zeros(1).expand(8),
    }
    torch.save(state, tmp_path / "weights.pt")
    model = specgen.load(text=text, weights=tmp_path / "weights.pt")
    with torch.no_grad():
        model[0].weight.zero_()
        model[2].bias[0] = 1.0
    assert torch.equal(model[2].weight, shared.T) and torch.equal(model[0].bias, shared[0])
    assert model[2].bias.sum() == 1.0
    assert all(parameter.is_contiguous() for parameter in model.parameters())


class Ramp(nn.Module):
    """Adds a ramp that is in no file, and draws a number when it is made."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("ramp", torch.arange(channels).float(), persistent=False)
        self.gain = nn.Parameter(torch.rand(()))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.gain * self.ramp
        return out


def test_modules_of_ones_own_are_made_whole(file: Path, tmp_path: Path) -> None:
    """Their constructors may do anything: fill buffers that no file has, or draw between two layers."""

    @register_layer
    class RampLayer(Layer):
        word = "ramp"
        modules = __name__

        def call(self, x: Shape) -> Call:
            return Call("Ramp", (x.channels,))

        def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
            return {"gain": ()}

    try:
        check_ramp(tmp_path / "ramp.safetensors")
    finally:
        unregister_layer(RampLayer)


def check_ramp(path: Path) -> None:
    text = "input 20\nfc 30\nramp\nfc 5"
    torch.manual_seed(0)
    model: Any = specgen.load(text=text)
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(20, 30), nn.ReLU(inplace=True), Ramp(30), nn.Linear(30, 5))
    assert all(torch.equal(plain.state_dict()[key], x) for key, x in model.state_dict().items())
    save_weights(model, path)
    loaded = specgen.load(text=text, weights=path)
    x = torch.randn(2, 20)
    assert torch.equal(loaded(x), plain(x))
    with torch.no_grad():
        loaded[2].gain.zero_()

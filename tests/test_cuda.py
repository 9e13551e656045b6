"""Networks on a GPU: made there, read from files onto it, run and trained, as on the CPU."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision_reference import REFERENCES, models

import specgen
from specgen.backends.torch import INITS
from specgen.backends.weights import save_weights
from specgen.cli import main
from specgen.initialisation import FUNCTIONS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

GPU = torch.device("cuda", 0)

#: A layer of every kind that draws, keeps statistics, or makes tensors of its own while it runs.
MIXED = """
input 3x16x16
block encoder {
    residual { ln; attn 2 }
    residual { ln; linear 16 act=gelu; linear 8 act=none }
}
residual { conv 3 bn; droppath 0.5 }
conv 8 gn=4; conv 8 norm=ln; conv 8 norm=instancenorm; conv 8 norm=rmsnorm
cat { conv 4 | conv 4 k=1 drop=0.1 }
scale
tokens; cls_token; pos_embed
repeat 2 { encoder }
take 0
fc 10
"""


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """Products in 32 bits, and not in the 19 that the GPU takes by default."""
    kept = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = kept


def batch(network: specgen.Network, samples: int = 2) -> Tensor:
    return torch.randn(samples, *network.input_shape.sizes, generator=torch.Generator().manual_seed(0))


def answer(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(x)
    return found


def agree(one: Tensor, other: Tensor) -> None:
    scale = float(other.abs().max())
    torch.testing.assert_close(one.cpu(), other.cpu(), rtol=1e-3, atol=1e-3 * scale)


def emitted(network: specgen.Network) -> nn.Module:
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(network.emit(), "<emitted>", "exec"), names)
    model: nn.Module = names[network.name]()
    return model


@pytest.mark.parametrize("init", INITS)
def test_a_network_is_made_there(init: str) -> None:
    model = specgen.load(text=MIXED, device="cuda", init=init)
    assert {tensor.device for tensor in model.state_dict().values()} == {GPU}
    assert answer(model.eval(), batch(specgen.compile(text=MIXED)).to(GPU)).shape == (2, 10)


@pytest.mark.parametrize("name", ["alexnet", "vgg11_bn", "resnet18", "mnasnet0_5", "shufflenet_v2_x0_5"])
def test_one_seed_gives_torchvisions_weights_there(name: str) -> None:
    torch.manual_seed(3)
    ours = list(specgen.load(name, device="cuda").state_dict().values())
    torch.manual_seed(3)
    with GPU:
        theirs = list(models().get_model(name, weights=None).state_dict().values())
    assert len(ours) == len(theirs)
    assert all(map(torch.equal, ours, theirs))


@pytest.mark.parametrize("name", [name for name, known in REFERENCES.items() if known.small])
def test_the_gpu_gives_the_cpus_answers(name: str) -> None:
    size = max(REFERENCES[name].small, 64)
    torch.manual_seed(0)
    model = specgen.load(name, input=f"3x{size}x{size}").eval()
    x = torch.randn(2, 3, size, size)
    wanted = answer(model, x)
    agree(answer(model.to(GPU), x.to(GPU)), wanted)


@pytest.mark.parametrize("name", ["vgg11_bn", "resnet18", "mobilenet_v3_small"])
def test_what_is_emitted_runs_there(name: str) -> None:
    network = specgen.compile(name)
    torch.manual_seed(0)
    model = network.build(device="cuda").eval()
    other = emitted(network).to(GPU).eval()
    other.load_state_dict(model.state_dict())
    x = batch(network).to(GPU)
    torch.testing.assert_close(answer(other, x), answer(model, x), rtol=0, atol=0)


@pytest.mark.parametrize("optimize", [None, "inference"])
def test_files_are_read_onto_it(optimize: str | None, tmp_path: Path) -> None:
    network = specgen.compile("resnet18")
    plain = network.build().eval()
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean, std=0.1)
    file = tmp_path / "resnet18.safetensors"
    save_weights(plain, str(file))
    model = network.build(device="cuda", weights=file, optimize=optimize).eval()
    assert {tensor.device for tensor in model.state_dict().values()} == {GPU}
    agree(answer(model, batch(network).to(GPU)), answer(plain, batch(network)))


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_types(dtype: str) -> None:
    network = specgen.compile(text=MIXED)
    model = network.build(device="cuda", dtype=dtype).eval()
    kind = getattr(torch, dtype)
    assert {one.dtype for one in model.parameters()} == {kind}
    out = answer(model, batch(network).to(GPU, kind))
    assert out.dtype is kind and bool(out.isfinite().all())


@pytest.mark.parametrize("function", sorted(FUNCTIONS.keys() - {"eye", "sparse"}))
@pytest.mark.parametrize("init", INITS)
def test_initial_weights_have_the_same_distribution_there(function: str, init: str) -> None:
    options = {"constant": "val=0.5", "trunc_normal": "std=0.02"}.get(function, "")
    text = f"input 64x8x8; init conv {function} {options}; conv 64 bias=false act=none"
    here, there = (
        specgen.load(text=text, device=device, init=init).state_dict()["0.weight"]
        for device in ("cpu", "cuda")
    )
    assert there.device == GPU
    for figure in (Tensor.std, Tensor.mean):
        assert float(figure(there)) == pytest.approx(
            float(figure(here)), rel=0.05, abs=0.03 * float(here.std())
        )


@pytest.mark.parametrize("text", [MIXED, "input 3x32x32; conv 8 bn; M; conv 16 bn; M; fc 32 drop; fc 10"])
@pytest.mark.parametrize("make", [specgen.Network.build, emitted], ids=["built", "emitted"])
def test_it_learns(text: str, make: Any) -> None:
    network = specgen.compile(text=text)
    torch.manual_seed(0)
    model = make(network).to(GPU).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, labels = batch(network, 16).to(GPU), torch.arange(16, device=GPU) % 10
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < sum(losses[:5]) * 0.9


def test_build_says_where_it_ran(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "w.safetensors"
    assert main(["build", "tiny28", "--device", "cuda", "--save", str(file)]) == 0
    assert "built on cuda:0 and run" in capsys.readouterr().out
    assert main(["build", "tiny28", "--device", "cuda:0", "--weights", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] is True


def test_a_gpu_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "tiny28", "--device", "cuda:99"]) == 2
    assert capsys.readouterr().err.startswith("error: PyTorch cannot use the device 'cuda:99' here: ")

"""Networks for inference: fewer layers, the same answers."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import specgen
from specgen.backends.weights import save_weights
from specgen.cli import main
from specgen.folding import Origin, for_inference

#: What is folded in each, and what has to stay: norms first in a branch or behind a join, other norms.
TEXTS = {
    "chain": "input 3x9x8\nconv 6 bn drop=0.2\ndwconv bn\nid\nconv 4 nobias\nbn eps=0.01\nfc 7 bn drop\nfc 3",
    "groups": "input 3x8x8\na: { conv 4; bn; drop }\nb: { drop }\nc: { bn; conv 4 g=2 bn }\nhead: fc 5",
    "branches": "input 4x6x6\nresidual { bn; conv 4 bn linear; drop }\nadd { id | drop | conv 4 bn }",
    "transposed": "input 4x5\ndeconv 6 bn\ndeconv 4 g=2 bn\nbn affine=false",
    "other norms": "input 4x5x5x5\nconv 6 bn\nbn track_running_stats=false\nconv 4 ln\nconv 2 gn=2",
    "bare norm": "input 6\nbn\nlinear 5 nobias\nbn affine=false",
    "blocks": (
        "input 3x8x8\nblock unit(c, s=1, p=0.1) {\n residual { conv c s=s bn; conv c bn linear; drop p }"
        " else { conv c k=1 s=s bn linear }\n relu\n}\nunit 3; unit 8 s=2; unit 8 p=0.3; gap; fc 4"
    ),
    "idle": "input 5\ndrop\nid",
}


def trained(network: specgen.Network, seed: int = 0) -> nn.Sequential:
    """The network in eval mode, its norms as if it had been trained."""
    torch.manual_seed(seed)
    model = network.build()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.3, 3.0)
            if module.weight is not None:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.3)
    return model.eval()


def assert_same_answers(network: specgen.Network, x: Tensor) -> nn.Sequential:
    plain = trained(network)
    model = network.build(weights=plain.state_dict(), optimize="inference")
    with torch.no_grad():
        wanted = plain(x.clone())
    torch.testing.assert_close(model(x.clone()), wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
    return model


@pytest.mark.parametrize("name", TEXTS)
def test_gives_the_same_answers(name: str) -> None:
    network = specgen.compile(text=TEXTS[name])
    model = assert_same_answers(network, torch.randn(3, *network.input_shape.sizes))
    folded = network.for_inference()
    assert specgen.Network.model_validate_json(folded.model_dump_json()).root == folded.root
    assert list(model.state_dict()) == list(folded.build(device="meta").state_dict())
    assert not any(isinstance(module, nn.modules.dropout._DropoutNd) for module in model.modules()) or (
        name == "idle"
    )


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_emitted_folds_the_weights_itself(name: str) -> None:
    network = specgen.compile(text=TEXTS[name])
    plain, x = trained(network), torch.randn(3, *network.input_shape.sizes)
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(network.emit(optimize="inference"), "<emitted>", "exec"), names)
    model = names[network.name]().eval()
    fold = names.get("fold_weights", lambda state: state)
    model.load_state_dict(fold(plain.state_dict()))
    with torch.no_grad():
        wanted = plain(x.clone())
        torch.testing.assert_close(model(x), wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
    built = network.build(device="meta", optimize="inference").state_dict()
    assert {key: x.shape for key, x in model.state_dict().items()} == {k: x.shape for k, x in built.items()}


@pytest.mark.parametrize("name", [*TEXTS, "vgg11_bn", "resnet50", "densenet121"])
def test_what_is_emitted_is_clean(name: str, tmp_path: Path) -> None:
    network = specgen.compile(text=TEXTS[name]) if name in TEXTS else specgen.compile(name)
    (tmp_path / "emitted.py").write_text(network.emit(optimize="inference"), encoding="utf-8")
    run = [sys.executable, "-m", "ruff"]
    for command in (["check"], ["format", "--check", "--diff"]):
        done = subprocess.run(
            [*run, *command, "--isolated", "--no-cache", "."], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_what_is_emitted_passes_mypy(tmp_path: Path) -> None:
    for number, text in enumerate(TEXTS.values()):
        emitted = specgen.compile(text=text).emit(optimize="inference")
        (tmp_path / f"emitted{number}.py").write_text(emitted, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v2", "densenet121", "shufflenet_v2_x0_5", "efficientnet_b0"]
)
def test_shipped_networks_give_the_same_answers(name: str) -> None:
    network = specgen.compile(name, input="3x64x64")
    assert_same_answers(network, torch.randn(2, 3, 64, 64))


def test_layers_are_numbered_anew_and_know_their_origins() -> None:
    folded = for_inference(specgen.compile(text="input 3x8x8\nconv 4 bn drop\nconv 4\nbn eps=0.1\nfc 2"))
    kinds = ["conv", "relu", "conv", "relu", "bn", "flatten", "fc"]
    assert [(row.name, row.kind) for row in folded.network.layers] == list(zip("0123456", kinds, strict=True))
    assert folded.origins["0"] == Origin("0", "1", 1e-5)
    assert folded.origins["2"] == Origin("4")


def test_every_batch_norm_of_resnet_is_folded() -> None:
    network = specgen.compile("resnet50").for_inference()
    kinds = {row.kind for row in network.layers}
    assert kinds == {"conv", "relu", "maxpool", "gap", "flatten", "fc"}
    assert network.macs == specgen.compile("resnet50").macs


def test_weights_of_the_plain_network_load_later_too(tmp_path: Path) -> None:
    network = specgen.compile(text=TEXTS["blocks"])
    plain, x = trained(network), torch.randn(2, 3, 8, 8)
    model = network.build(optimize="inference")
    model.load_state_dict(network.fold_weights(plain.state_dict()))
    save_weights(plain, tmp_path / "plain.safetensors")
    again = specgen.load(text=TEXTS["blocks"], weights=tmp_path / "plain.safetensors", optimize="inference")
    for one in (model, again, copy.deepcopy(again)):
        torch.testing.assert_close(one(x), plain(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", TEXTS)
def test_weights_that_are_folded_already_load_as_they_are(name: str, tmp_path: Path) -> None:
    network = specgen.compile(text=TEXTS[name])
    x = torch.randn(2, *network.input_shape.sizes)
    model = assert_same_answers(network, x)
    save_weights(model, tmp_path / "folded.safetensors")
    for weights in (tmp_path / "folded.safetensors", model.state_dict()):
        again = network.build(weights=weights, optimize="inference")
        assert torch.equal(again(x.clone()), model(x.clone()))
        assert not again.training and not any(one.requires_grad for one in again.parameters())


def test_weights_of_neither_network_are_held_against_the_plain_one() -> None:
    network = specgen.compile(text=TEXTS["chain"])
    state = network.build(optimize="inference").state_dict()
    del state["0.bias"]
    with pytest.raises(specgen.WeightsError, match="keys") as raised:
        network.build(weights=state, optimize="inference")
    assert "running_mean" in str(raised.value)


def test_it_is_in_eval_mode_and_asks_for_no_gradients() -> None:
    model = specgen.load(text=TEXTS["chain"], optimize="inference", dtype="float64")
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}


def test_the_same_seed_gives_the_plain_networks_weights_folded() -> None:
    network, x = specgen.compile(text=TEXTS["blocks"]), torch.randn(2, 3, 8, 8)
    torch.manual_seed(1)
    plain = network.build().eval()
    torch.manual_seed(1)
    torch.testing.assert_close(network.build(optimize="inference")(x), plain(x), rtol=1e-4, atol=1e-5)


def test_nothing_else_can_be_optimized_for() -> None:
    with pytest.raises(ValueError, match="'speed' is nothing to optimize for: only `inference` is"):
        specgen.load("vgg11", device="meta", optimize="speed")


def test_weights_of_eight_bits_are_folded_into_weights_of_eight_bits() -> None:
    network = specgen.compile(text="input 3x8x8\nconv 4 bn")
    state = trained(network).state_dict()
    small = {key: tensor.to(torch.float8_e4m3fn) for key, tensor in state.items()}
    again = {key: tensor.float() for key, tensor in small.items()}
    for key, tensor in network.fold_weights(small).items():
        assert tensor.dtype is torch.float8_e4m3fn
        assert torch.equal(tensor.float(), network.fold_weights(again)[key].to(tensor.dtype).float())


@pytest.mark.parametrize("text", [TEXTS["chain"], TEXTS["transposed"], TEXTS["idle"]])
def test_an_emitted_file_says_that_it_is_for_inference(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = specgen.compile(text=text)
    plain, folded = network.emit(), network.emit(optimize="inference")
    assert "inference" not in plain and "for inference" in folded.split("import")[0]
    assert ("batch norms are folded" in folded) is ("bn" in text)
    assert all(len(line) <= 88 for line in folded.splitlines())
    spec, file = tmp_path / "net.spec", tmp_path / "net.py"
    spec.write_text(text)
    for form in ([], ["--optimize", "inference"]):
        assert main(["emit", str(spec), "--out", str(file), *form]) == 0
        assert main(["emit", str(spec), "--out", str(file), *form, "--check"]) == 0
    assert main(["emit", str(spec), "--out", str(file), "--check"]) == 1
    assert capsys.readouterr().err == f"`{file}` is what the spec gives with `--optimize inference`\n"
    assert main(["emit", str(spec), "--out", str(file)]) == 0
    assert main(["emit", str(spec), "--out", str(file), "--check", "--optimize", "inference"]) == 1
    assert capsys.readouterr().err == f"`{file}` is what the spec gives without `--optimize inference`\n"


def test_what_is_missing_for_folding_is_told() -> None:
    network = specgen.compile(text="input 3x8x8\nconv 4 bn nobias\ngap\nfc 3")
    state = network.build().state_dict()
    del state["0.weight"], state["1.running_var"], state["5.weight"]  # the last is passed on where it is
    with pytest.raises(specgen.WeightsError) as caught:
        network.fold_weights(state)
    (found,) = caught.value.diagnostics
    assert (found.code, found.notes) == ("keys-differ", ("missing: `0.weight`, `1.running_var`",))
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(network.emit(optimize="inference"), "<emitted>", "exec"), names)
    with pytest.raises(ValueError, match=r"^the state dict has no 0\.weight, 1\.running_var$"):
        names["fold_weights"](state)

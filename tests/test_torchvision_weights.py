"""torchvision's checkpoints load into the shipped specs, whatever their keys are called."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from torchvision_reference import REFERENCES, randomised_model, reference_model, without_storage

import specgen
from specgen.backends.weights import fingerprint

FILE = Path(__file__).parent.parent / "specs" / "torchvision.json"

#: The shipped models whose keys are not torchvision's, with an input's side for the default run.
SIDES = {name: row.small for name, row in REFERENCES.items() if not row.keys}
SIDES |= {"convnext_tiny": 64, "convnext_small": 0, "convnext_base": 0, "convnext_large": 0}
SIDES |= {"vit_b_16": 0, "vit_b_32": 224, "vit_l_16": 0, "vit_l_32": 0, "vit_h_14": 0}

#: One member of each family is enough for the default run.
DEFAULT = [
    "densenet121", "googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_small",
    "efficientnet_b0", "efficientnet_v2_s", "regnet_y_400mf", "convnext_tiny", "vit_b_32",
]  # fmt: skip


def test_the_fingerprints_are_torchvisions(update_golden: bool) -> None:
    wanted = {}
    for name in SIDES:
        with without_storage():
            wanted[name] = fingerprint(reference_model(name).state_dict())
    if update_golden:
        FILE.write_text(json.dumps(wanted, indent=2) + "\n")
    assert json.loads(FILE.read_text()) == wanted


@pytest.mark.parametrize("name", DEFAULT)
def test_a_checkpoint_gives_the_same_logits(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, SIDES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SIDES)
def test_every_checkpoint_gives_the_same_logits(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, specgen.compile(name).input_shape.spatial[0])


def check(name: str, folder: Path, side: int) -> None:
    model = randomised_model(name)
    file = folder / "checkpoint.pth"
    torch.save(model.state_dict(), file)
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    ours = specgen.load(name, weights=file, input=(3, side, side)).eval()
    with torch.inference_mode():
        wanted = model(x)
        torch.testing.assert_close(ours(x), wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pth"
    torch.save(reference_model("mobilenet_v2").state_dict(), file)
    with pytest.raises(specgen.WeightsError, match="missing: "):
        specgen.load("mobilenet_v3_small", weights=file)


def test_names_that_differ_by_an_underscore_are_told_apart() -> None:
    with without_storage():
        large = reference_model("regnet_y_16gf").state_dict()
    state = reference_model("regnet_y_1_6gf").state_dict()
    specgen.load("regnet_y_1_6gf", device="meta", weights=state)
    with pytest.raises(specgen.WeightsError, match="other keys than the network"):
        specgen.load("regnet_y_1_6gf", device="meta", weights=large)


def test_keys_in_another_order_are_refused() -> None:
    state = reference_model("mobilenet_v2").state_dict()
    with pytest.raises(specgen.WeightsError, match="other keys than the network"):
        specgen.load("mobilenet_v2", weights=dict(sorted(state.items())))


def test_batch_counts_may_be_missing() -> None:
    state = reference_model("resnet18").state_dict()
    old = {key: tensor for key, tensor in state.items() if not key.endswith("num_batches_tracked")}
    model = specgen.load("resnet18", weights=old)
    assert torch.equal(model.state_dict()["conv1.weight"], state["conv1.weight"])


def test_the_oldest_densenet_keys_and_auxiliary_heads_are_understood() -> None:
    state = reference_model("densenet121").state_dict()
    pattern = re.compile(r"(denselayer\d+\.(?:norm|conv))([12])\.")
    old = {pattern.sub(r"\1.\2.", key): tensor for key, tensor in state.items()}
    assert old.keys() != state.keys()
    specgen.load("densenet121", weights=old)
    google = reference_model("googlenet").state_dict()
    specgen.load("googlenet", weights={**google, "aux1.fc1.bias": torch.zeros(1024)})

"""What a network accepts: against shape inference for every size, and against torch at the bounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch
from baits import BAITS

import specgen
from specgen.accepts import Accepts, Axis
from specgen.cli import main
from specgen.ir import Parallel, Step
from specgen.joins import join, share
from specgen.layers.base import Call, Layer, Refusal
from specgen.layers.fields import Whole
from specgen.layers.registry import register_layer, unregister_layer
from specgen.shape import Shape
from specgen.trial import Trial
from tests.fuzz.programs import program

#: Specs, and what they accept.
SAID = {
    "input 3x32x32; conv 8; M; conv 8; M": "any H, W ≥ 4",
    "input 3x32x32; conv 8; gap; fc 10": "any H, W",
    "input 3x32x32; conv 8 k=5 p=0; conv 8 k=3 s=2 p=0; gap": "any H, W ≥ 7",
    "input 3x32x48; conv 8 k=3x7 p=0": "any H ≥ 3, W ≥ 7",
    "input 3x28x28; conv 8; M; M; fc 10": "H, W from 28 to 31, because of `fc` in line 1",
    "input 3x28x28; conv 8 p=0; fc 10": "exactly 28 × 28, because of `fc` in line 1",
    "input 3x32x32; M k=3 s=2 ceil; M k=3 s=2 ceil; gap": "any H, W ≥ 4",
    "input 3x32x32; M k=2 s=3 p=1 ceil; conv 4 k=3 p=0; gap": "any H, W ≥ 6",
    "input 1x100; conv 8 k=9 p=0; M k=4": "any L ≥ 12",
    "input 1x16x16x16; conv 4; M; M; gap": "any D, H, W ≥ 4",
    "input 1x16x16x16; A k=3 s=2 p=1; A k=3 s=2 p=1; gap": "any D, H, W ≥ 5",
    "input 4x32x32; cat { id | M; conv 8; deconv 8 }; conv 2 linear": "H, W multiples of 2",
    "input 4x35x35; cat { id | conv 4 k=2 s=4 p=0; deconv 4 k=3 s=4 op=0 }": "H, W of the form 4·k + 3",
    "input 4x32x32; add { conv 4 k=3 s=2 | A; conv 4 k=1 }": "H, W multiples of 2",
    "input 4x32x32; add { conv 4 k=3 s=2 | A ceil; conv 4 k=1 }; fc 3": (
        "H, W from 31 to 32, because of `fc` in line 1"
    ),
    "input 4x32x32; mul { id | gap; conv 4 k=1 sigmoid }; conv 8 k=4 s=4 p=0": "any H, W ≥ 4",
    "input 3x32x32; conv 8 padding_mode=reflect k=7": "any H, W ≥ 4",
    "input 3x32x32; conv 8 padding_mode=circular k=7": "any H, W ≥ 3",
    "input 3x32x32; pad 4 mode=reflect; M": "any H, W ≥ 5",
    "input 3x32x32; adaptive_avgpool (4, none); conv 8 k=4 p=0": "any H and W ≥ 4",
    "input 3x40; adaptive_avgpool (none,); conv 8": "exactly 40, because of `adaptive_avgpool` in line 1",
    "input 3x32x32; upsample 0.5; M": "any H, W ≥ 4",
    "input 3x32x32; upsample size=8; fc 10": "any H, W",
    "input 3x32x32; conv 8 k=8 s=8 p=0 linear; tokens; pos_embed; attn 2; take 0": (
        "H, W from 32 to 39, because of `pos_embed` in line 1"
    ),
    "input 3x32x32; conv 8 k=8 s=8 p=0 linear; tokens; cls_token; attn 2; take 0; fc 5": "any H, W ≥ 8",
    "input 3x32x32; instancenorm": "any H, W ≥ 2",
    "input 3x8x8; deconv 4 k=2 s=2 p=3": "any H, W ≥ 4",
    "input 16x8x8; pixel_shuffle 2; M k=4": "any H, W ≥ 2",
    "input 3x8x8; flatten start_dim=2; conv 4 k=5 p=0": "any H, W ≥ 3",
    "input 3x32x32; conv 8 k=1x4 p=0": "any H and W ≥ 4",
    "input 4x32x32; add { conv 4 k=3 s=1x2 | A k=1x2; conv 4 k=1 }": "any H and W multiples of 2",
    "input 4x32x32; add { conv 4 k=3 s=2x4 | A k=2x4; conv 4 k=1 }": "H multiples of 2, W multiples of 4",
    "input 3x64x64; M k=8; channels_last; flatten start_dim=2; fc 3": (
        "H, W from 64 to 71, because of `fc` in line 1"
    ),
    "input 3x30x30; cat { id | M k=3; upsample 3 }; flatten; fc 2": (
        "exactly 30 × 30, because of `fc` in line 1"
    ),
    "input 1x66; M k=33; fc 3": "L from 66 to 98, because of `fc` in line 1",
    "input 1x98; M k=33; fc 3": "L from 66 to 98, because of `fc` in line 1",
    "input 1x256; cat { id | M; upsample 2 }; M k=128; fc 3": (
        "L multiples of 2, from 256 to 382, because of `fc` in line 1"
    ),
    "input 1x382; cat { id | M; upsample 2 }; M k=128; fc 3": (
        "L multiples of 2, from 256 to 382, because of `fc` in line 1"
    ),
    "input 10; fc 5": "exactly 10",
}


@pytest.mark.parametrize("text", SAID)
def test_what_is_said(text: str) -> None:
    network = specgen.compile(text=text)
    assert str(network.accepts) == SAID[text]


def infer(steps: Any, x: Shape) -> Shape:
    """The shape that some steps give, as they were built; raises `Refusal` where they do not run."""
    for step in steps:
        if isinstance(step, Step):
            out = step.layer.infer(x)
            same = step.layer.call(x) == step.layer.call(step.input)
            if not same or step.layer.parameters(x) != step.layer.parameters(step.input):
                raise Refusal("another", "another module")
            x = out
        elif isinstance(step, Parallel):
            arrives = share(step.join, x, len(step.branches))
            x = join(step.join, [infer(branch.steps, arrives) for branch in step.branches])
        else:
            x = infer(step.steps, x)
    return x


def runs_by_rule(network: specgen.Network, sizes: tuple[int, ...]) -> bool:
    try:
        infer(network.root.steps, Shape(int(network.input_shape.channels), sizes))
    except Refusal:
        return False
    return True


def differences(network: specgen.Network, most: int) -> Iterator[str]:
    """Sizes up to `most` that are accepted and do not run; or run and are not, unless more may."""
    accepts, built = network.accepts, tuple(map(int, network.input_shape.spatial))
    tried = {(*built[:i], n, *built[i + 1 :]) for i in range(len(built)) for n in range(1, most)}
    tried |= {(n,) * len(built) for n in range(1, most)} | {
        tuple(range(n, n + len(built))) for n in range(1, 12)
    }
    for sizes in sorted(tried) if built else ():
        accepted = Shape(int(network.input_shape.channels), sizes) in accepts
        if accepted != runs_by_rule(network, sizes) and (accepted or accepts.whole):
            yield f"{sizes}: {accepts}, {'runs not' if accepted else 'runs'}"


@pytest.mark.parametrize(
    ("remainders", "said"),
    [
        ((0, 1), "32·k or 32·k + 1"),
        ((0, 1, 2, 3, 4, 5, 6, 7), "32·k to 32·k + 7"),
        ((0, 2, 3, 4, 9), "32·k or 32·k + 2 to 32·k + 4 or 32·k + 9"),
    ],
)
def test_many_forms_are_told_as_ranges(remainders: tuple[int, ...], said: str) -> None:
    axes = (Axis("H", 64, None, 32, remainders), Axis("W", 64, None, 32, remainders))
    assert str(Accepts(Shape(3, (64, 64)), axes)) == f"H, W of the form {said}, ≥ 64"


def test_the_layout_counts() -> None:
    accepts = specgen.compile("resnet18").accepts
    assert Shape(3, (224, 224)) in accepts
    assert Shape(3, (224, 224), True) not in accepts


@pytest.mark.parametrize("text", [text for text in SAID if "x" in text.partition(";")[0]])
def test_inference_agrees(text: str) -> None:
    assert list(differences(specgen.compile(text=text), 64)) == []


def drawn(seeds: range) -> Iterator[tuple[int, specgen.Network]]:
    for seed in seeds:
        try:
            yield seed, specgen.compile(text=program(seed))
        except specgen.SpecError:
            continue


def test_inference_agrees_for_drawn_programs() -> None:
    assert [(seed, found) for seed, network in drawn(range(15)) for found in differences(network, 20)] == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 2000, 100))
def test_inference_agrees_for_many_drawn_programs(first: int) -> None:
    seeds = range(first, first + 100)
    assert [(seed, found) for seed, network in drawn(seeds) for found in differences(network, 40)] == []


# --- torch ---------------------------------------------------------------------------------------


def bounds(accepts: Accepts) -> Iterator[tuple[tuple[int, ...], bool]]:
    """Sizes at the bounds of each axis, next to them, and whether they are accepted."""
    inner = [axis.least for axis in accepts.axes]
    for index, axis in enumerate(accepts.axes):
        at = [axis.least - 1, axis.least, axis.least + 1, axis.least + axis.step]
        at += [] if axis.most is None else [axis.most, axis.most + 1]
        for size in at:
            if size >= 1:
                yield (*inner[:index], size, *inner[index + 1 :]), size in axis


#: Torch lets more run: it joins an axis of size 1 with any other, normalises nothing, and pools in one
#: dimension from whatever arrives to the size that was there when the network was built.
LENIENT = ("add {", "instancenorm", "(none,)")


@pytest.mark.parametrize("text", [text for text in SAID if not any(word in text for word in LENIENT)])
def test_torch_agrees_at_the_bounds(text: str) -> None:
    network = specgen.compile(text=text)
    model = network.build().eval()
    for sizes, accepted in bounds(network.accepts):
        if accepted or network.accepts.whole:
            assert runs(model, int(network.input_shape.channels), sizes) is accepted, sizes


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("squeezenet", "any H, W ≥ 17"),
        ("shufflenet_v2_x0_5", "any H, W"),
        ("unet", "H, W multiples of 16"),
        ("one_or_two", "exactly 10 × 10, because of `fc` in line 7"),
        ("tiny28", "any H, W ≥ 6"),
    ],
)
def test_torch_agrees_for_what_is_shipped(name: str, said: str) -> None:
    narrow = {"width": 4} if name == "unet" else {}
    network = specgen.compile(name, **narrow)
    assert str(network.accepts) == said
    model = network.build().eval()
    for sizes, accepted in bounds(network.accepts):
        assert runs(model, int(network.input_shape.channels), sizes) is accepted, sizes


def runs(model: torch.nn.Module, channels: int, sizes: tuple[int, ...]) -> bool:
    with torch.no_grad():
        try:
            return bool(model(torch.zeros(2, channels, *sizes)).numel())
        except (RuntimeError, ValueError, IndexError):
            return False


# --- what the search has to find out ---------------------------------------------------------------


def nested(levels: int) -> str:
    """A U-Net of so many levels."""
    if levels == 0:
        return "id"
    return f"cat {{ id | M; {nested(levels - 1)}; conv 1 k=1 linear; deconv 1 linear }}"


@pytest.mark.parametrize(("levels", "whole"), [(3, True), (7, True), (10, False)])
def test_a_long_period(levels: int, whole: bool) -> None:
    """Where it is too long for trying every remainder, that there may be others is said."""
    step = 2**levels
    accepts = specgen.compile(text=f"input 1x{2 * step}x{2 * step}; {nested(levels)}").accepts
    assert [(axis.least, axis.most, axis.step, axis.remainders) for axis in accepts.axes] == [
        (step, None, step, (0,))
    ] * 2
    assert accepts.whole is whole


def test_a_product_that_recurs_is_not_taken_apart() -> None:
    """Odd tokens do not fit, and an odd height with an odd width makes them, though each alone fits."""
    text = "input 3x8x8; tokens; channels_first; add { conv 3 k=2 s=2 p=0 | conv 3 k=1 s=2 p=0 }"
    network = specgen.compile(text=text)
    assert str(network.accepts) == "exactly 8 × 8"
    assert not network.accepts.whole
    assert list(differences(network, 20)) == []


def test_a_layer_of_ones_own_is_asked() -> None:
    class Fold(Layer):
        """Takes maps that fall into windows."""

        word = "fold"
        positional = ("size",)
        size: Annotated[int, Whole(1)]

        def infer(self, x: Shape) -> Shape:
            if any(n % self.size for n in x.spatial):
                raise Refusal("odd", "it does not fall into windows")
            return Shape(x.channels * self.size**x.rank, tuple(n // self.size for n in x.spatial))

        def call(self, x: Shape) -> Call:
            return Call("Identity")

    register_layer(Fold)
    try:
        network = specgen.compile(text="input 3x56x56\nM\nfold 7\nconv 8 k=2 p=0\n")
        assert str(network.accepts) in ("H, W of the form 14·k or 14·k + 1, ≥ 28",)
        assert list(differences(network, 90)) == []
    finally:
        unregister_layer(Fold)


#: Which sizes a layer takes, and what is said where the network was built for 29.
PICKY: dict[str, tuple[Callable[[int], bool], str]] = {
    "prime": (
        lambda n: n > 1 and all(n % d for d in range(2, n)),
        "exactly 29, because of `picky` in line 2",
    ),
    "a few around": (
        lambda n: n in (3, 27, 28, 29, 30, 33, 61),
        "L from 27 to 30, because of `picky` in line 2",
    ),
    "all but one above": (lambda n: n != 40, "L from 1 to 39, because of `picky` in line 2"),
    "from some size on": (lambda n: n >= 7, "any L ≥ 7"),
    "up to some size": (lambda n: n <= 1000, "L from 1 to 1000, because of `picky` in line 2"),
    "a remainder": (lambda n: n % 3 == 2, "L of the form 3·k + 2"),
    "two remainders": (lambda n: n % 5 in (1, 4), "L of the form 5·k + 1 or 5·k + 4"),
    "multiples and one": (lambda n: n % 29 == 0, "L multiples of 29"),
    "nothing else": (lambda n: n == 29, "exactly 29, because of `picky` in line 2"),
}


@pytest.mark.parametrize("name", PICKY)
def test_odd_sets_of_sizes(name: str) -> None:
    """What is said is accepted, and holds the built size."""
    takes, said = PICKY[name]

    class Picky(Layer):
        """Takes some sizes."""

        word = "picky"

        def infer(self, x: Shape) -> Shape:
            if not takes(x.spatial[0]):
                raise Refusal("odd", "not this size")
            return x

        def call(self, x: Shape) -> Call:
            return Call("Identity")

    register_layer(Picky)
    try:
        accepts = specgen.compile(text="input 3x29\npicky\n").accepts
    finally:
        unregister_layer(Picky)
    assert Shape(3, (29,)) in accepts
    assert all(takes(size) for size in range(1, 2000) if Shape(3, (size,)) in accepts)
    assert str(accepts) == said


def test_sides_that_go_together() -> None:
    """Where the sides cannot be chosen freely, what is said holds for all, and says that there is more."""
    accepts = specgen.compile(text="input 3x8x8\ntokens; take 5\n").accepts
    assert not accepts.whole
    assert all(
        height * width >= 6
        for height, width in product(range(1, 12), repeat=2)
        if Shape(3, (height, width)) in accepts
    )
    assert Shape(3, (8, 8)) in accepts


# --- how it is told ------------------------------------------------------------------------------


def test_check_says_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    spec = tmp_path / "net.spec"
    spec.write_text("input 3x28x28\nconv 8; M\nM\nfc 10\n")
    assert main(["check", str(spec)]) == 0
    assert "\n    accepts H, W from 28 to 31, because of `fc` in line 4\n" in capsys.readouterr().out
    assert main(["check", "--json", str(spec)]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["accepts"]["axes"][0] == {
        "axis": "H",
        "least": 28,
        "most": 31,
        "step": 1,
        "remainders": [0],
        "because": {"layer": "fc", "line": 4},
    }
    assert not found["accepts"]["whole"]


def test_it_is_the_same_for_a_network_from_json() -> None:
    network = specgen.compile("unet")
    again = specgen.Network.model_validate_json(network.model_dump_json())
    assert again.accepts == network.accepts


def test_sizes_that_are_larger_than_what_is_usual() -> None:
    """The largest size that is tried lies above the built one."""
    text = "input 1x3000000; M; M k=700000; fc 3"
    said = "L from 2800000 to 4199999, because of `fc` in line 1"
    assert str(specgen.compile(text=text).accepts) == said
    assert str(specgen.compile(text="input 1x3000000; conv 4 k=9 p=0; M").accepts) == "any L ≥ 10"


@pytest.mark.parametrize(
    "name",
    ["channels that grow", "uses with other arguments", "concatenations in a block", "branches of nothing"],
)
def test_a_network_with_very_many_different_layers_is_not_tried(name: str) -> None:
    bait = BAITS[name]
    found = specgen.compile(text=bait.spec(bait.most)).accepts
    assert str(found) == "16 × 16; the network is too large to try other sizes"
    assert not found.whole
    assert found.as_json()["tried"] is False
    assert found.input in found
    assert specgen.compile(text=bait.spec(bait.most // 20)).accepts.as_json()["tried"] is True


def test_a_search_ends_where_it_has_asked_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    network = specgen.compile(text="input 3x32x32; conv 8; M; fc 3")
    needed = Trial(network).left
    assert network.accepts.tried
    for most, tried in ((needed, True), (64 * 6, False)):  # 64 inputs for its few nodes
        monkeypatch.setattr("specgen.trial.MOST_ASKED", most)
        assert specgen.compile(text="input 3x32x32; conv 8; M; fc 3").accepts.tried is tried


@pytest.mark.parametrize("name", [one.name for one in specgen.list_specs()])
def test_everything_shipped_is_small_enough_to_be_tried(name: str) -> None:
    network = specgen.compile(name)
    assert Trial(network).left > 100

"""`specgen diff`: what changed between two networks, and whether the old weights still load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import specgen
from specgen import shipped
from specgen.cli import main
from specgen.state import state

GOLDEN = Path(__file__).parent / "golden"

BLOCKS = """
input 3x64x64
param k = 3
param width = 16
block unit(c) {
    residual { conv c bn; conv c k=k bn linear } else { conv c k=1 bn linear }
    relu
}
stem: conv width
repeat 8 { unit width }
pool: M
repeat 8 { unit 2*width }
gap
head: fc 10
"""

CLASSIFIER = """
input 3x32x32
features: { conv 64; M; conv 128; M }
classifier: { fc 128; fc 128; fc 10 }
"""

UNIT = "input 3x32x32\nblock unit(c) { conv c bn; conv c bn }\n"

ATTENTION = """
input 8x16x16
block unit(c) {{ conv c bn; conv c bn }}
block attention() {{ let c = in; mul {{ id | gap; conv c//4 k=1; conv c k=1 sigmoid }} }}
{}
second: unit 16
"""
ATT = "att: attention"

ENCODERS = """
input 16x4x4
param depth = 2
block encoder() { residual { ln; attn heads=2 }; residual { ln; linear 2*in gelu; linear 16 } }
tokens; repeat depth { encoder }; ln; take 0; fc 10
"""

#: What is compared: the golden file's name, the old spec and the new.
CASES = {
    "vgg": ("vgg11", "vgg13"),
    "resnet": ("resnet50", "resnet101"),
    "norm": ("vgg11", "vgg11_bn"),
    "kernel": (BLOCKS, BLOCKS.replace("k = 3", "k = 5")),
    "width": (BLOCKS, BLOCKS.replace("width = 16", "width = 24")),
    "classes": (BLOCKS, BLOCKS.replace("fc 10", "fc 2")),
    "dropout": (CLASSIFIER, CLASSIFIER.replace("fc 128;", "fc 128 drop;", 1)),
    "renamed": (BLOCKS, BLOCKS.replace("head:", "classifier:")),
    "moved": (
        UNIT + "features: { unit 3; conv 3 k=5; M }\nhead: { conv 3 }",
        UNIT + "features: { conv 3 k=5; M }\nhead: { conv 3; unit 3 }",
    ),
    "swapped": (ATTENTION.format("first: unit 8\n" + ATT), ATTENTION.format(ATT + "\nfirst: unit 8")),
    "moved_on": (ATTENTION.format("first: unit 8\n" + ATT), ATTENTION.format("first: unit 8") + ATT),
    "deeper": (ENCODERS, ENCODERS.replace("depth = 2", "depth = 3")),
    "activation": (CLASSIFIER, "default conv gelu\ninit conv kaiming_normal\n" + CLASSIFIER),
    "join": (
        "input 8x8x8\nadd { conv 8 | conv 8 k=1 }\nconv 4",
        "input 8x8x8\ncat { conv 8 | conv 8 k=1 | id }\nconv 4",
    ),
    "input": ("input 3x32x32\nconv 8; M; conv 8", "input 1x28x28\nconv 8; M; conv 8"),
}  # fmt: skip


def compiled(source: str) -> specgen.Network:
    return specgen.compile(text=source) if "\n" in source else specgen.compile(source)


def difference(case: str) -> specgen.Difference:
    return specgen.diff(*map(compiled, CASES[case]))


def golden(name: str, text: str, update: bool) -> None:
    path = GOLDEN / name
    if update:
        path.write_text(text + "\n", encoding="utf-8")
    assert text + "\n" == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_what_is_said(case: str, update_golden: bool) -> None:
    text = difference(case).text(72)
    assert max(map(len, text.splitlines())) <= 78
    golden(f"diff_{case}.txt", text, update_golden)


def test_in_a_narrow_window_no_line_is_broken() -> None:
    found = difference("vgg")
    for width, row in (
        (78, "multiply-adds  7,609,090,048  11,308,466,176  +3,699,376,128 (+48.6 %)"),
        (60, "multiply-adds  7,609,090,048  11,308,466,176  +48.6 %"),
        (50, "multiply-adds  7,609,090,048  11,308,466,176"),
    ):
        lines = found.text(width).splitlines()
        assert row in lines and max(map(len, lines)) <= width


@pytest.mark.parametrize("case", ["vgg", "dropout", "kernel"])
def test_markdown(case: str, update_golden: bool) -> None:
    golden(f"diff_{case}.md", difference(case).markdown(), update_golden)


def test_markdown_cannot_be_broken_out_of() -> None:
    from specgen.comparison import compare
    from specgen.views.difference import Difference

    networks = map(compiled, CASES["classes"])
    text = Difference(compare(*networks), "`x`|<img src=x>\n# no", "b").markdown()
    assert text.splitlines()[0] == "### `'x'\\|<img src=x>\\n# no` → `b`"


SAME = [
    (
        "input 3x8x8\nconv 4 k=3; M",
        "# a net\n\ninput (3, 8, 8)\nconv out_channels=4 kernel_size=(3, 3)\nmaxpool",
    ),
    ("input 3x8x8\nconv 4", "input 3x8x8\nconv 4 p=1"),
    ("input 3x8x8\nM", "input 3x8x8\nmaxpool s=2"),
    ("input 3x8x8\nrepeat 2 { conv 4 }", "network Other\ninput 3x8x8\nparam n = 4\nconv n\nconv n"),
    ("input 4x8x8\nblock a() { conv 4 }\na", "input 4x8x8\nblock b(c) { conv c }\nb 4"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_the_same_network_written_otherwise(old: str, new: str) -> None:
    found = specgen.diff(compiled(old), compiled(new))
    assert found.same and not found.changes and found.weights.load
    assert "nothing changed" in str(found) and "nothing changed" in found.markdown()


@pytest.mark.parametrize("name", ["vgg16_bn", "resnet50", "googlenet", "vit_b_32", "unet"])
def test_a_network_and_itself(name: str) -> None:
    assert specgen.diff(name, name).same


def test_one_change_in_a_block_is_one_change() -> None:
    (change,) = difference("kernel").changes
    assert (change.kind, change.old, change.new) == ("changed", "conv k=3", "conv k=5")
    assert (change.inside, change.times) == ("unit", 16)


def test_a_repeat_that_is_longer() -> None:
    (change,) = difference("resnet").changes
    assert (change.kind, change.times, change.new) == ("added", 17, "bottleneck(c=256, s=1)")
    assert (change.new_paths[0], change.new_paths[-1]) == ("layer3.6", "layer3.22")


def test_a_repeat_of_layers_is_told_by_its_turns() -> None:
    text = "input 3x8x8\nconv 4\nrepeat {} as i {{ conv 4+i bn }}\nrepeat {} {{ conv 4; M k=1 }}\ngap"
    alike = specgen.diff(*(compiled(text.format(24, n)) for n in (1, 900))).changes
    assert [(one.new, one.times) for one in alike] == [("conv 4, relu, maxpool k=1", 899)]
    different = specgen.diff(*(compiled(text.format(n, 1)) for n in (4, 40))).changes
    assert [(one.kind, one.new) for one in different] == [
        ("added", "conv 8, bn, relu, conv 9, bn, relu, conv 10, bn, …")
    ]


def test_groups_that_hold_nothing_alike_are_not_one_renamed() -> None:
    old = "input 3x8x8\nstem: { conv 4; M k=1 }\ngap"
    renamed, other = old.replace("stem", "body"), UNIT + "body: { unit 4; unit 5 }\ngap"
    assert [one.kind for one in specgen.diff(compiled(old), compiled(renamed)).changes] == ["renamed"]
    found = specgen.diff(compiled(old), compiled(other))
    assert {one.kind for one in found.changes} == {"added", "removed"}
    assert "\n− stem: { conv 4, relu, maxpool k=1 }\n" in str(found), "its place is its label"
    assert "- removed: `stem: { conv 4, relu, maxpool k=1 }`\n" in found.markdown()


def test_a_block_that_moved() -> None:
    moved = [change for change in difference("moved").changes if change.kind == "moved"]
    assert [(one.old_paths, one.new_paths) for one in moved] == [(("features.0",), ("head.2",))]


def test_what_moved_and_kept_its_name_keeps_its_weights() -> None:
    found = difference("swapped")
    (change,) = found.changes
    assert (change.kind, change.old_paths, change.new_paths) == ("moved", ("first",), ("first",))
    assert change.behind == "att" and found.weights.load


def test_what_moved_and_changed_is_moved_with_its_changes() -> None:
    moved, *changed = difference("moved_on").changes
    assert (moved.kind, moved.new_paths, moved.behind) == ("moved", ("att",), "second")
    assert [(one.kind, one.new_paths) for one in changed] == [
        ("changed", ("att.conv1",)),
        ("changed", ("att.conv2",)),
    ]
    assert not difference("moved_on").weights.elsewhere


@pytest.mark.parametrize(("old", "new"), [("vgg11", "vgg13"), ("vgg13", "vgg11"), ("vgg11", "vgg19")])
def test_layers_of_one_kind_are_matched_where_their_weights_fit(old: str, new: str) -> None:
    found = specgen.diff(old, new).weights
    assert found.carried == min(found.old_count, found.new_count)


def test_weights_that_load_into_another_layer_are_not_said_to_load() -> None:
    text = "input 8x8x8\nrepeat 5 as i {{ conv 8 d=i+{} linear }}"
    weights = specgen.diff(compiled(text.format(1)), compiled(text.format(2))).weights
    assert not (weights.missing or weights.unexpected or weights.reshaped) and not weights.load
    assert len(weights.elsewhere) == 10


# --- against torch -------------------------------------------------------------------------------

STATES = ["vgg11_bn", "resnet18", "vit_b_32", "googlenet", "unet", "convnext_tiny", "squeezenet1_1"]

NORMS = """
input 8x8x8
bn affine=false; bn track_running_stats=false; instancenorm; instancenorm affine=true track_running_stats=true
gn 2; ln; rmsnorm; prelu; deconv 6 bias=false; scale; tokens; cls_token; pos_embed; attn 2 bias=false
"""


@pytest.mark.parametrize("name", [*STATES, NORMS])
def test_the_state_is_that_of_the_built_network(name: str) -> None:
    network = compiled(name)
    built = network.build(device="meta").state_dict()
    assert list(state(network).items()) == [(key, tuple(tensor.shape)) for key, tensor in built.items()]


@pytest.mark.slow
def test_the_states_of_all_shipped_networks() -> None:
    for name in shipped.names():
        test_the_state_is_that_of_the_built_network(name)


@pytest.mark.parametrize("case", [case for case in CASES if case not in ("vgg", "resnet", "norm")])
def test_what_is_said_of_weights_is_what_torch_does(case: str) -> None:
    old, new = map(compiled, CASES[case])
    weights = specgen.diff(old, new).weights
    source, target = old.build().state_dict(), new.build()
    wanted = target.state_dict()
    assert weights.missing == tuple(key for key in wanted if key not in source)
    assert weights.unexpected == tuple(key for key in source if key not in wanted)
    assert [key for key, *_ in weights.reshaped] == [
        key for key in wanted if key in source and source[key].shape != wanted[key].shape
    ]
    if weights.load_renamed:
        renamed = {weights.renamed.get(key, key): tensor for key, tensor in source.items()}
        target.load_state_dict(renamed)
        x = torch.rand(2, *old.input_shape.sizes)
        if case == "renamed":
            again = old.build()
            again.load_state_dict(source)
            assert torch.equal(again.eval()(x), target.eval()(x))


# --- the command ---------------------------------------------------------------------------------


def test_exit_codes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.spec"
    wrong.write_text("convv 3")
    assert main(["diff", "vgg11", "vgg13"]) == 0
    assert main(["diff", "vgg11", "vgg13", "--exit-code"]) == 1
    assert main(["diff", "vgg11", "vgg11", "--exit-code"]) == 0
    for pair in (["vgg11", "no_such"], ["no_such", "vgg11"]):
        assert main(["diff", *pair, "--exit-code"]) == 2
    assert main(["diff", "vgg11", str(wrong)]) == 1
    assert main(["diff", "vgg11", "no/such.spec"]) == 2
    assert main(["diff", "vgg11"]) == 2
    assert main(["diff", "-", "-"]) == 2
    assert main(["diff", "vgg11", "vgg13", "--json", "--markdown"]) == 2
    assert "Traceback" not in capsys.readouterr().err


RENAMED = [
    (
        UNIT + "body: { a: { unit 3; unit 3; unit 3 }; b: { unit 3; unit 3 } }",
        UNIT + "body: { a: { unit 3; unit 3 }; b: { unit 3; unit 3; unit 3 } }",
    ),
    CASES["dropout"],
    CASES["renamed"],
    CASES["moved"],
]


@pytest.mark.parametrize(("old", "new"), RENAMED)
def test_the_prefixes_that_are_shown_are_all_that_has_to_be_renamed(old: str, new: str) -> None:
    networks = list(map(compiled, (old, new)))
    found = specgen.diff(*networks)
    assert found.weights.load_renamed
    shown = str(found).partition("  rename:\n")[2].splitlines()
    prefixes = [line.strip().split(" → ") for line in shown]
    result = []
    for key in state(networks[0]):
        now = [new + key[len(old) :] for old, new in prefixes if f"{key}.".startswith(f"{old}.")]
        result.append(*(now or [key]))
    assert sorted(result) == sorted(state(networks[1]))


def test_one_spec_with_two_settings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "net.spec"
    path.write_text("param n = 1\nparam width = 4\ninput 3x8x8\nrepeat n { conv width }")
    assert main(["diff", str(path), "--set", "width=8", "--to-set", "n=3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["old"]["settings"], found["new"]["settings"]) == (
        {"n": 1, "width": 8},
        {"n": 3, "width": 8},
    )
    (change,) = found["changes"]
    assert (change["kind"], change["new"], change["times"]) == ("added", "conv 8, relu", 2)
    assert main(["diff", "resnet", "--variant", "resnet18", "--to-variant", "resnet34"]) == 0
    assert "basic(c=256, s=1) × 4" in capsys.readouterr().out


def test_no_torch_is_imported() -> None:
    program = (
        "import sys; from specgen.cli import main; main(['diff', 'resnet50', 'resnet101']); "
        "assert 'torch' not in sys.modules and 'jinja2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_long_networks_are_compared_near_the_diagonal() -> None:
    from specgen.alignment import align
    from specgen.outline import Outliner

    outliner = Outliner()
    texts = (
        "tanh\nrepeat 700 { conv 3 }\nconv 3 k=5\nrepeat 800 { conv 3 }",
        "repeat 1500 { conv 3 k=1 }\ngap",
    )
    old, new = (outliner.outline(compiled(f"input 3x8x8\n{text}")) for text in texts)
    pairs = list(align(old.parts, new.parts))
    assert [one for one, _ in pairs if one] == list(old.parts)
    assert [one for _, one in pairs if one] == list(new.parts)
    assert sum(one is not None and other is not None for one, other in pairs) > 2900

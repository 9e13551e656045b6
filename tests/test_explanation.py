"""`specgen explain SPEC`: the arithmetic is that of the shape rules, and every option has its origin."""

from __future__ import annotations

import ast
import io
import json
import math
import re
from fractions import Fraction
from pathlib import Path

import pytest
from fuzz.programs import program

import specgen
from specgen.cli import main
from specgen.ir import walk
from specgen.views.explanation import explain, lines_of

GOLDEN = Path(__file__).parent / "golden"

STUDENT = """# The first layers of AlexNet, on the input of the paper
input 3x227x227
param width = 96

conv width k=11 s=4 p=0; M k=3 s=2
conv 256 k=5 bn nobias
M k=3 s=2 ceil
flatten
fc 10
"""

BLOCKS = """
input 8x32x16
param n = 2
variant Long n=3
default conv bn nobias eps=0.001
default bn eps=0.001
block unit(c, s=1) {
    let half = c // 2
    residual { conv half k=1; conv c s=s linear } else { conv c k=1 s=s linear }
    relu
}
block stage(c, n) { unit c s=2; repeat n-1 { unit c } }
stage 16 n
repeat 2 as i { conv 8 d=i+1 g=4 }
cat { deconv 8 | upsample 2; id }
split { dwconv 2 k=3x1 | id }
expect 24x32x16
pixel_shuffle 2
pad (1, 2, 3, 4)
adaptive_avgpool (4, 2)
tokens; cls_token; ln; attn 2; take 0
"""
BLOCKS = BLOCKS.replace("default conv bn nobias eps=0.001", "default conv bn nobias")


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("student.spec").write_text(STUDENT)
    Path("blocks.spec").write_text(BLOCKS)
    return tmp_path


def golden(name: str, text: str, update: bool) -> None:
    path = GOLDEN / name
    if update:
        path.write_text(text + "\n", encoding="utf-8")
    assert text + "\n" == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("student", "student.spec"),
        ("blocks", "blocks.spec"),
        ("resnet_line", "resnet50:37"),
        ("vit_layer", "vit_b_32:encoder.layers.0"),
    ],
)
def test_what_is_said(
    name: str, what: str, spec: Path, update_golden: bool,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["explain", what]) == 0
    text = capsys.readouterr().out.rstrip("\n")
    assert max(map(len, text.splitlines())) <= 60
    golden(f"explain_{name}.txt", text, update_golden)


def test_parentheses_names_and_channels_are_told_in_full(tmp_path: Path) -> None:
    path = tmp_path / "net.spec"
    path.write_text(
        "input 3x8x8\nblock unit(c) { let m = (in*c + c) // (c + 0); conv (m + 1)*(2) k=(1, m//m) }\n"
        "unit 3\nconv 2*in linear; ln eps=1e-6\n"
    )
    facts = [fact.text for one in explain(path).paragraphs for fact in one.facts if fact.about == "option"]
    said = "with m = 4, from `let m = (in*c + c) // (c + 0)` in line 2, there with c = 3, the argument of"
    assert facts[0] == f"out_channels 10: `(m + 1)*(2)` in line 2, {said} `unit` used in line 3"
    assert facts[1] == f"kernel_size (1, 1): `k=(1, m//m)` in line 2, {said} `unit` used in line 3"
    assert "out_channels 20: `2*in` in line 4, with in = 10, the channels that arrive" in facts
    assert "eps 1e-6: written in line 4" in facts
    written = [one.written for one in explain(path).paragraphs]
    assert written[0] == "conv (m + 1)*(2) k=(1, m//m)"


def test_a_combinator_is_told_with_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "net.spec"
    path.write_text("input 8x8x8\nblock unit() { residual { conv 8 }; relu }\na: { unit; unit }\nunit\n")
    titles = {one.title: one.written for one in explain(path, path="a.0").paragraphs}
    assert titles["a.0, add: 2 branches of 8 × 8 × 8 are summed, value by value; the shape stays"] == (
        "residual { conv 8 }"
    )
    assert len(titles) == 4


def test_what_is_not_there_is_answered_with_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    for place, answer in (
        ("layer9", "there is no layer `layer9`; did you mean `layer4`?"),
        ("5-3", "lines 5-3 end before they begin"),
        ("99", "there is no line 99: the spec has 55"),
        ("0-3", "there is no line 0: the spec has 55"),
    ):
        assert main(["explain", f"resnet50:{place}"]) == 2
        assert answer in capsys.readouterr().err
    for what, answer in (
        ("no_such.spec:3", "error[not-found]: there is no file and no shipped spec `no_such.spec`"),
        ("resnet5", "`resnet5` is neither the code of an error nor a spec; did you mean `resnet50`?"),
    ):
        assert main(["explain", what]) == 2
        assert answer in capsys.readouterr().err


def test_lines_without_layers(spec: Path, update_golden: bool) -> None:
    texts = [
        explain("blocks.spec", lines=range(line, line + 1)).text(72)
        for line in range(1, BLOCKS.count("\n") + 1)
    ]
    golden("explain_lines.txt", "\n\n".join(texts), update_golden)


# --- the arithmetic ------------------------------------------------------------------------------


def evaluated(formula: str) -> Fraction:
    """What a formula comes to: `(227 + 2·0 − 1·(11 − 1) − 1) / 4 + 1`."""

    def value(node: ast.expr) -> Fraction:
        match node:
            case ast.Constant(value=number):
                return Fraction(str(number))
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return value(left) + value(right)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return value(left) - value(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return value(left) * value(right)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return value(left) / value(right)
        raise AssertionError(ast.dump(node))

    return value(ast.parse(formula.replace("·", "*").replace("−", "-"), mode="eval").body)


def check(text: str, value: int) -> bool:
    """Whether what stands in front of the first equals sign comes to `value`; rounded if it says so."""
    formula = re.split(" [=≈] ", text.partition(": ")[2])[0]
    exact = evaluated(formula.replace(",", "") if re.fullmatch(r"[\d,]+", formula) else formula)
    if "rounded up" in text:
        return math.ceil(exact) == value and exact.denominator != 1
    if "rounded down" in text:
        return math.floor(exact) == value and exact.denominator != 1
    return exact == value


@pytest.mark.parametrize("seed", range(40))
def test_the_arithmetic_comes_to_the_inferred_sizes(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "drawn.spec"
    path.write_text(program(seed))
    found = explain(path)
    layers = dict(walk(found.network.root))
    said = 0
    for paragraph in found.paragraphs:
        for one in paragraph.paths:
            if one not in layers:
                continue
            step = layers[one]
            for fact in paragraph.facts:
                if fact.about in ("size", "parameters", "macs") and fact.value is not None:
                    assert check(fact.text, fact.value), fact.text
                    said += 1
                if fact.about == "size" and fact.value is not None:
                    assert fact.value in step.output.sizes
                if fact.about == "macs":
                    assert fact.value == step.layer.macs(step.input)
    assert said or not found.network.macs


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v3_small", "googlenet", "vit_b_32", "unet", "convnext_tiny"]
)
def test_every_layer_of_a_shipped_network_is_told(name: str) -> None:
    found = explain(name)
    told = {path for paragraph in found.paragraphs for path in paragraph.paths}
    assert {path for path, _ in walk(found.network.root)} <= told
    total = sum(
        fact.value * len(one.paths)
        for one in found.paragraphs
        for fact in one.facts
        if fact.about == "parameters" and fact.value
    )
    assert total == found.network.params


def test_ceil_and_its_last_window() -> None:
    from specgen.layers.pool import MaxPool
    from specgen.shape import Shape
    from specgen.views.board import equation, is_cut

    (up,) = MaxPool(kernel_size=3, stride=2, ceil_mode=True).workings(Shape(1, (6,)))
    assert equation(up, "down", "up") == "(6 + 2·0 − 1·(3 − 1) − 1) / 2 + 1 = 1.5 + 1, up: 3"
    (cut,) = MaxPool(kernel_size=2, stride=3, padding=1, ceil_mode=True).workings(Shape(1, (5,)))
    assert is_cut(cut) and cut.value == 2 and not is_cut(up)


# --- where options come from ---------------------------------------------------------------------


def said_of(what: str, path: str, **keywords: object) -> str:
    found = explain(what, path=path, **keywords)  # type: ignore[arg-type]
    return "\n".join(fact.text for one in found.paragraphs for fact in one.facts)


def test_an_option_is_followed_through_blocks_and_params(spec: Path) -> None:
    text = said_of("blocks.spec", "0.0.conv2")
    assert "stride 2: `s=s` in line 9, with s = 2, the argument of `unit` used in line 12" in text
    assert (
        "with c = 16, the argument of `unit` used in line 12, there with c = 16, the argument of `stage`"
        in text
    )
    assert "bias false: from `default conv nobias` in line 5" in text
    assert "the default of `unit` in line 7" in said_of("blocks.spec", "0.1.conv2")
    assert "with i = 1, in turn 2 of 2 of line 14" in said_of("blocks.spec", "4")


def test_a_param_says_who_set_it(spec: Path) -> None:
    assert "the param of line 3" in said_of("student.spec", "0")
    assert "with width = 64, set from outside" in said_of("student.spec", "0", settings={"width": 64})
    line = explain("blocks.spec", lines=range(3, 4), variant="long").paragraphs[0]
    assert line.title == "`n` is 3: variant Long in line 4 says so"


def test_a_network_is_the_same_with_its_origins_noted(spec: Path) -> None:
    for name in ("student.spec", "blocks.spec", "resnet50"):
        assert explain(name).network == specgen.compile(name)


# --- the command ---------------------------------------------------------------------------------


def test_places(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = spec / "a:5"
    odd.write_text(STUDENT)
    for what in ("student.spec:5", "student.spec:5-6", "a:5", "a:5:5", "alexnet:8"):
        assert main(["explain", what]) == 0, what
        assert "/ 4 + 1 =" in capsys.readouterr().out
    for what in ("student.spec:99", "student.spec:0-3", "student.spec:nothing", "alexnt:5", "no such"):
        assert main(["explain", what]) == 2, what
        assert "error" in capsys.readouterr().err
    (spec / "wrong.spec").write_text("convv 3")
    assert main(["explain", "wrong.spec"]) == 1


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for what, said in (("-:2", "line 2: conv 4"), ("-", "line 2: conv 4"), ("-:1", "one sample")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"input 3x8x8\nconv 4\n")))
        assert main(["explain", what, "--input", "3x9x9"]) == 0
        assert said in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"input 3x8x8\n")))
    assert main(["explain", "-"]) == 0
    assert capsys.readouterr().out == "no layer: what goes in comes out\n"


def test_json(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "student.spec:5", "--json", "--set", "width=64"]) == 0
    found = json.loads(capsys.readouterr().out)
    facts = found["paragraphs"][0]["facts"]
    assert {"about": "parameters", "text": "parameters: 64 · (3·11·11 + 1) = 23,296", "value": 23296} in facts


@pytest.mark.parametrize(
    ("text", "lines"),
    [("7", range(7, 8)), ("4-8", range(4, 9)), ("features.0", None), ("٣", None), ("", None)],
)
def test_lines(text: str, lines: range | None) -> None:
    assert lines_of(text) == lines

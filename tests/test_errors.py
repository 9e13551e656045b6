"""What is said about wrong specs, beside each one as a file; and odd specs that are right.

A wrong spec's first lines may say what it is compiled with: `# variant: NAME`, `# set: NAME=VALUE`,
`# input: SHAPE`. `pytest --update-golden` writes the messages anew, to be read aloud before they are kept.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import specgen
from specgen.cli import main
from specgen.compiler import analyse, as_value
from specgen.diagnostics import render
from specgen.limits import Limits

HERE = Path(__file__).parent
WRONG = sorted((HERE / "wrong").glob("*.spec"))

_ASKED = re.compile(r"^# (variant|input|set): (.+)$", re.MULTILINE)


def _asked(path: Path) -> dict[str, Any]:
    """What the spec's first lines ask to be compiled with."""
    asked: dict[str, Any] = {}
    for what, value in _ASKED.findall(path.read_text(encoding="utf-8", errors="replace")):
        if what == "set":
            name, _, written = value.partition("=")
            asked[name] = as_value(written)
        else:
            asked[what] = value
    return asked


def said_about(path: Path) -> str:
    """The errors, or the warnings if the spec is right otherwise."""
    try:
        _, warnings = analyse(path.name, **_asked(path))
    except specgen.SpecError as error:
        return str(error)
    assert warnings, "nothing is wrong with it"
    return "\n\n".join(map(render, warnings))


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_wrong(path: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    shown = said_about(path) + "\n"
    golden = path.with_suffix(".err")
    if update_golden:
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


#: What the odd specs that are right give: what arrives, every layer by name and kind, what comes out.
RIGHT = {
    "blank_lines": "3 × 8 × 8; 0 conv; 1 relu; 4 × 8 × 8",
    "branches_over_lines": (
        "3 × 8 × 8; 0.conv1 conv; 0.relu1 relu; 0.maxpool1 maxpool; 0.conv2 conv; 0.relu2 relu; 10 × 8 × 8"
    ),
    "byte_order_mark": "3 × 8 × 8; 0 conv; 1 relu; 4 × 8 × 8",
    "comments": "3 × 8 × 8; features.0 conv; features.1 relu; 4 × 8 × 8",
    "crlf": "3 × 8 × 8; conv1 conv; relu1 relu; features.0 maxpool; 4 × 4 × 4",
    "else_on_next_line": (
        "3 × 8 × 8; 0 conv; 1 relu; 2.conv1 conv; 2.relu1 relu; 2.downsample.0 conv; 7 × 8 × 8"
    ),
    "empty_branches": "3 × 8 × 8; 1.conv1 conv; 1.relu1 relu; 7 × 8 × 8",
    "empty_groups": "3 × 8 × 8; conv1 conv; relu1 relu; 4 × 8 × 8",
    "expect_everywhere": "3 × 8 × 8; 0.conv1 conv; 0.relu1 relu; 1 gap; 2 flatten; 4",
    "labels_like_layers": (
        "3 × 8 × 8; conv conv; relu1 relu; relu relu; M maxpool; flatten1 flatten; fc fc; relu2 relu; k id; 5"
    ),
    "line": "3 × 16; 0 conv; 1 relu; 2 maxpool; 4 × 4",
    "nested_groups": (
        "3 × 8 × 8; a.b.c.0 conv; a.b.c.1 relu; a.b.maxpool1 maxpool; a.conv1 conv; a.relu1 relu; "
        "conv1 conv; relu1 relu; 6 × 4 × 4"
    ),
    "many_bodies": "3 × 8 × 8; 0 conv; 1 relu; 4 × 8 × 8",
    "never_taken": "3 × 8 × 8; 0 conv; 1 relu; 4 × 8 × 8",
    "no_last_line_end": "3 × 8 × 8; 0 conv; 1 relu; 4 × 8 × 8",
    "number_or_false": "8 × 16 × 16; 0 conv; 1 relu; 2 flatten; 3 fc; 10",
    "numbers": "3 × 8 × 8; 0 drop; 1 drop; 2 drop; 3 drop; 4 leaky_relu; 3 × 8 × 8",
    "one_line": (
        "3 × 8 × 8; 0.conv1 conv; 0.relu1 relu; 0.conv2 conv; 0.relu2 relu; 1 maxpool; 2 maxpool; "
        "3 flatten; 4 fc; 5"
    ),
    "only_input": "3 × 8 × 8; 3 × 8 × 8",
    "options_like_words": "3 × 8 × 8; 0 conv; 1 relu; 4 × 4 × 4",
    "repeat_index": "3 × 8 × 8; 0 conv; 1 relu; 2 conv; 3 relu; 4 conv; 5 relu; 6 × 8 × 8",
    "repeat_nothing": "3 × 8 × 8; 0 conv; 1 relu; 5 × 8 × 8",
    "semicolons": "3 × 8 × 8; 0 conv; 1 relu; 2 maxpool; 4 × 4 × 4",
    "shadowing": "3 × 8 × 8; 0 conv; 1 relu; 2.conv1 conv; 2.relu1 relu; 3 conv; 4 relu; 4 × 8 × 8",
    "signs": "3 × 8 × 8; 0 conv; 1 relu; 2 conv; 3 relu; 4 maxpool; 5 tokens; 6 take; 4",
    "tabs": "3 × 8 × 8; features.0 conv; features.1 relu; 4 × 8 × 8",
    "tuples_over_lines": "3 × 8 × 8; 0 conv; 1 relu; 2 conv; 3 relu; 16 × 8 × 8",
    "unused": "3 × 8 × 8; 0 conv; 1 relu; 4 × 8 × 8",
    "vector": "10; 0 fc; 1 relu; 2 bn; 3 fc; 4 softmax; 2",
    "volume": "1 × 4 × 4 × 4; 0 conv; 1 relu; 2 avgpool; 3 flatten; 4 fc; 3",
    "whole_floats": "3 × 8 × 8; 0 conv; 1 relu; 2 conv; 3 relu; 4 conv; 5 relu; 6 conv; 7 relu; 8 × 8 × 8",
    "word_params": "3 × 8 × 8; 0 conv; 1 gelu; 2 maxpool; 4 × 4 × 4",
}


def test_every_right_spec_is_listed() -> None:
    assert {path.stem for path in (HERE / "right").glob("*.spec")} == set(RIGHT)


@pytest.mark.parametrize("name", RIGHT)
def test_right(name: str) -> None:
    network = specgen.compile(HERE / "right" / f"{name}.spec")
    layers = [f"{row.name} {row.kind}" for row in network.layers]
    assert "; ".join([str(network.input_shape), *layers, str(network.output_shape)]) == RIGHT[name]


def test_a_description_is_the_comment_at_the_top() -> None:
    network = specgen.compile(HERE / "right" / "comments.spec")
    assert (network.name, network.description) == ("Comments", "The description.\nIts second line.")


INPUT = "input 3x32x32\n"


#: Too much of everything, and the code of what is said about it.
TOO_MUCH = {
    "source": ("#" * (256 * 1024 + 1), "too-large"),
    "words": (INPUT + "relu\n" * 50_000, "too-large"),
    "nothing but line ends": ("\n" * 200_000, "too-large"),
    "layers": (INPUT + "repeat 1000000 { repeat 1000000 { conv 1 } }", "too-many-layers"),
    "layers one by one": (INPUT + "relu\n" * 10_001, "too-many-layers"),
    "doubling blocks": (
        INPUT
        + "block b0() { let x = 1 }\n"
        + "".join(f"block b{i + 1}() {{ b{i}; b{i} }}\n" for i in range(40))
        + "b40",
        "too-many-layers",
    ),
    "turns": (INPUT + "repeat 9000 { repeat 9000 { let x = 1 } }", "too-many-steps"),
    "expressions": (INPUT + f"repeat 9000 {{ let x = {'+'.join('1' * 20_000)} }}", "too-many-steps"),
    "parentheses": (INPUT + f"conv {'(' * 33}8{')' * 33}", "too-deep"),
    "braces": (INPUT + "add {" * 33 + "|}" * 33, "too-deep"),
    "blocks": (
        INPUT
        + "block b0() { conv 8 }\n"
        + "".join(f"block b{i + 1}() {{ b{i}; relu }}\n" for i in range(2000))
        + "b2000",
        "too-deep",
    ),
    "digits": (INPUT + f"conv {'9' * 100_000}", "number-too-large"),
    "letters": (INPUT + f"conv {'n' * 100_000}", "name-too-long"),
    "sizes": (f"input {'x'.join('1' * 50_000)}", "too-large"),
    "values": ("input 2147483647x2147483647x2147483647", "too-large"),
    "poolings above what does not fit": (
        INPUT + "M;upsample 2\n" * 4_900 + "conv 4 k=99 p=0",
        "kernel-too-large",
    ),
    "unknown names": (
        "".join(f"param foo{i} = 3\n" for i in range(5000)) + "".join(f"conv fao{i}\n" for i in range(5000)),
        "unknown-word",
    ),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_too_much_is_answered_soon_and_briefly(name: str) -> None:
    text, code = TOO_MUCH[name]
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        with pytest.raises(specgen.SpecError) as caught:
            specgen.compile(text=text)
    finally:
        sys.setprofile(None)
    assert caught.value.diagnostics[0].code == code
    assert len(str(caught.value)) < 6_000
    assert calls < 4_000_000  # of Python's functions; some two seconds


def test_a_caller_can_raise_the_limits() -> None:
    text = INPUT + "repeat 6000 { relu; relu }"
    with pytest.raises(specgen.SpecError, match="more than 10,000 layers"):
        specgen.compile(text=text)
    assert len(specgen.compile(text=text, limits=Limits(layers=12_000)).layers) == 12_000


def test_only_so_many_mistakes_are_shown() -> None:
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=INPUT + "cnov 8\n" * 100)
    assert len(caught.value.diagnostics) == 20
    assert str(caught.value).endswith("note: only the first 20 mistakes are shown")


def test_only_so_many_warnings_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was silenced is none of them, and the last one says that there are more."""
    spec = tmp_path / "net.spec"
    spec.write_text("input 8\nrelu\n" + "relu  # ok: activation-twice\n" * 29 + "relu; " * 40)
    assert main(["check", str(spec), "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [warning["code"] for warning in found["diagnostics"]] == ["activation-twice"] * 20
    assert {warning["labels"][0]["line"] for warning in found["diagnostics"]} == {32}
    assert found["diagnostics"][-1]["notes"] == ["only the first 20 warnings are shown"]
    assert not any(warning["notes"] for warning in found["diagnostics"][:-1])


@pytest.mark.parametrize(
    ("line", "shown", "marks"),
    [
        ("\tconv\t8\trellu", "    conv    8    rellu", "                 ^^^^^"),
        ("id; 卷 8", "id; 卷 8", "    ^^"),
        ("# 卷积\nconv 8 rellu", "conv 8 rellu", "       ^^^^^"),
        ("id; 🙂 8", "id; 🙂 8", "    ^^"),
        ("id; ❤\ufe0f 8", "id; ❤\ufe0f 8", "    ^"),
        ("conv 8 '🙂🙂' rellu", "conv 8 '🙂🙂' rellu", "       ^^^^^^"),
        ("id;" + " " * 300 + "rellu", "…" + " " * 40 + "rellu", " " * 41 + "^^^^^"),
    ],
)
def test_carets_stand_under_what_they_mean(line: str, shown: str, marks: str) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=INPUT + line)
    excerpt = [text.partition("| ")[2] for text in str(caught.value).splitlines()]
    assert shown in excerpt
    assert excerpt[excerpt.index(shown) + 1].startswith(marks)

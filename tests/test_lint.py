"""Warnings: what is said about specs that are right and probably not meant, beside each one as a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import specgen
from specgen import compiler, resources, shipped
from specgen.diagnostics import render
from specgen.lint.table import CODES
from specgen.views import codes as pages

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent / "warned"
WARNED = sorted(HERE.glob("*.spec"))


def codes(text: str, **asked: object) -> list[str]:
    """The codes of the warnings about a spec."""
    return [warning.code for warning in compiler.check(text=text, **asked)[1]]  # type: ignore[arg-type]


@pytest.mark.parametrize("path", WARNED, ids=lambda path: path.stem)
def test_warned(path: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    _, warnings = compiler.check(path.name)
    shown = "\n\n".join(map(render, warnings)) + "\n"
    golden = path.with_suffix(".err")
    if update_golden:
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


def test_every_warning_has_a_golden_and_a_page() -> None:
    shown = "".join(path.with_suffix(".err").read_text(encoding="utf-8") for path in WARNED)
    assert set(re.findall(r"^warning\[(.+?)\]", shown, re.MULTILINE)) == set(CODES)
    assert set(CODES) <= set(pages.codes())
    assert {pages.page(code).severity for code in CODES} == {"warning"}


@pytest.mark.parametrize("path", [p for p in WARNED if "ok" not in p.stem], ids=lambda path: path.stem)
def test_a_comment_silences_a_warning_on_its_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    by_line: dict[int, set[str]] = {}
    for warning in compiler.check(text=text)[1]:
        assert warning.place is not None
        by_line.setdefault(warning.place[0], set()).add(warning.code)
    lines = text.splitlines()
    for number, said in by_line.items():
        lines[number - 1] += f"   # ok: {', '.join(sorted(said))}"
    assert codes("\n".join(lines)) == []


@pytest.mark.parametrize("name", shipped.names())
def test_what_is_shipped_is_clean(name: str) -> None:
    assert compiler.check(name)[1] == []


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.spec")), ids=lambda path: path.name)
def test_examples_are_clean(path: Path) -> None:
    assert compiler.check(path)[1] == []


def test_a_code_that_is_misspelt_is_answered_with_the_one_that_is_meant() -> None:
    warnings = compiler.check(text="input 3x7x7\nconv 8\nM  # ok: edge_dropped")[1]
    assert [one.code for one in warnings] == ["edge-dropped", "unused-ok"]
    assert warnings[1].help == ("did you mean `edge-dropped`?",)


def test_no_comment_of_what_is_shipped_is_idle() -> None:
    """Every `# ok:` silences something, for the variant that it is there for."""
    for file in resources.names("specs", ".spec"):
        text = resources.read("specs", file + ".spec")
        wanted = set(re.findall(r"# ok: ([\w-]+)", text))
        if not wanted:
            continue  # it is clean: see above
        bare = re.sub(r"# ok: .*", "", text)
        variants = re.findall(r"^variant (\w+)", bare, re.MULTILINE)
        found = {code for variant in (None, *variants) for code in codes(bare, variant=variant)}
        assert wanted == found, file


#: What looks like the mistakes above, and is none.
MEANT = {
    "an activation behind a linear layer": "conv 8 linear; relu",
    "an activation behind a norm": "conv 8 bn nobias linear; relu",
    "an activation behind a sum": "conv 8; residual { conv 8 linear }; relu",
    "activations in two branches": "conv 8 linear; add { relu | gelu }",
    "a gate": "conv 8; mul { id | gap; conv 4 k=1; conv 8 k=1 sigmoid }",
    "a bias in front of other norms": "conv 8 gn=4; conv 8 ln; conv 8 rmsnorm; conv 8 lrn=5",
    "a bias that an average does not cancel": "conv 8 linear; instancenorm track_running_stats=true",
    "a norm that reads a sum": "conv 8; residual { conv 8 linear }; bn",
    "a norm that opens a branch": "conv 8 linear; residual { bn; relu; conv 8 linear nobias }",
    "dropout behind a norm": "conv 8 bn nobias drop; conv 8 bn nobias",
    "a strided projection": "conv 8 k=1 s=2",
    "a pooling that steps over rows on purpose": "M k=1 s=2",
    "padding that takes up the rest": "conv 8 s=2; M k=3 s=2 p=1",
    "a pooling with ceil": "M; M; M; M; M k=3 s=2 ceil",
    "a factorised linear layer": "gap; flatten; linear 1; linear 8",
    "batch normalisation of features": "fc 8 bn nobias; fc 4",
    "features without a head": "conv 8; M; conv 16",
    "scores, softmax and flatten": "fc 8; fc 4; softmax",
    "attention over channels": "conv 8; mul { id | gap; conv 8 k=1 linear; softmax }",
    "squares": "conv 8; mul { id | id }",
    "channels twice": "conv 8; cat { id | id }",
    "an empty branch of two": "conv 8; cat { | conv 8 }; split { conv 8 | }; add { conv 16 linear | }",
    "an identity among branches": "conv 8; cat { conv 4 | id | conv 8 }",
    "an `if` for a branch": "let wide = true; cat { conv 4 | id | if wide { conv 8 } }",
    "a repeat that can be empty": "let n = 1; repeat n - 1 { conv 8 }; conv 8",
    "a rate that can be zero": "let rate = 0; drop rate; fc 4",
    "a default for a trim": "default bn eps=0.001; conv 8 bn nobias",
    "a default in a block": "block b(c) { default conv nobias; conv c bn }; b 8",
    "a default for depthwise convolutions": "default conv nobias; dwconv bn",
    "a name in a condition": "let deep = true; if deep { conv 8 }",
    "a name in a default": "let k = 3; block b(c, k=k) { conv c k=k }; b 8",
    "an activated body beside a projection": "conv 8; residual { conv 16 } else { conv 16 k=1 linear }",
    "a leaky activation in front of a sum": "conv 8; residual { conv 8 leaky_relu }",
    "an activation in front of a sum of two bodies": "conv 8; add { conv 8 | conv 8 k=1 }",
    "a product of what arrives with what is never below 0": "conv 8; mul { id | conv 8 k=1 }",
    "one window that is all there is": "A k=2 s=32; conv 8",
    "windows with lines between their own": "conv 8 k=3 d=2 s=5",
    "a map that becomes much larger": "conv 8 k=1; upsample 32",
    "a size in place of a factor": "conv 8; upsample scale_factor=none size=512",
    "a factor of each axis": "conv 8; upsample (63, 1)",
    "a few channels of each one": "dwconv 8; conv 8 k=1",
    "many channels of a single one": "conv 1; dwconv 32; conv 8 k=1",
    "a momentum that is PyTorch's": "conv 8 nobias; bn momentum=0.5; conv 8 nobias; bn momentum=1.0",
    "factors from a name": "let n = 1; conv 8; upsample n; M k=n s=n; shuffle n",
    "factors that only keep the sizes": "conv 8; M k=1 s=2; upsample 2; M k=3 s=1 p=1; shuffle 2",
    "features that are dropped": "conv 8; gap; flatten; drop",
    "a dropout in front of the last layer": "fc 16 drop; fc 4",
    "arguments of two blocks": "block a(c) { conv c }; block b(C) { conv C }; a 8; b 8",
}


@pytest.mark.parametrize("name", MEANT)
def test_what_is_meant_is_not_warned_of(name: str) -> None:
    assert codes(f"input 3x32x32\n{MEANT[name]}\n") == []


def test_a_comment_may_say_more() -> None:
    warned = "input 3x9x9\nconv 8 bn; M"
    assert codes(warned) == ["bias-before-norm", "edge-dropped"]
    assert codes(f"{warned}  # as published # ok: edge-dropped , bias-before-norm (both)") == []
    assert codes(f"{warned}#ok:edge-dropped") == ["bias-before-norm"]


def test_a_comment_for_another_variant_is_not_idle() -> None:
    text = "param norm = none\ninput 3x8x8\ndefault conv norm=norm  # ok: bias-before-norm\nconv 8\n"
    assert codes(text) == codes(text, norm="bn") == []
    assert codes(text.replace("norm=norm ", "k=3 ")) == ["unused-name", "unused-ok"]


def test_another_input_leaves_comments_alone() -> None:
    text = "input 3x9x9\nM  # ok: edge-dropped\n"
    assert codes(text) == codes(text, input="3x8x8") == []


def test_compile_warns_of_the_input_alone() -> None:
    with pytest.warns(specgen.SpecWarning, match="channels come first"):
        specgen.compile(text="input 32x32x3\nM; conv 8 bn\n")
    specgen.compile(text="input 32x32x3  # ok: channels-last\nM; conv 8 bn\n")
    specgen.compile(text="input 3x9x9\nM; conv 8 bn\n")


def test_an_init_of_depthwise_convolutions_reaches_those_that_are_written_as_conv() -> None:
    _, found = compiler.check(text="input 3x8x8; init dwconv normal std=0.1; conv 3 g=3")
    assert found == []

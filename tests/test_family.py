"""The variants of a spec are checked with it, where nothing else is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

import specgen
from specgen.cli import main
from specgen.compiler import analyse, check

SPEC = """
param n = 2
variant Deep n=6
variant Flat n=0
input 3x32x32
repeat n { M }
fc 10
"""

MESSAGE = """
error[kernel-too-large]: kernel is larger than what it slides over
 --> net.spec:6:12
  |
3 | variant Deep n=6
  |         ---- as this variant has it
...
6 | repeat n { M }
  |        - in turn 6 of 6
  |            ^ 2 × 2 does not fit in 1 × 1
  |            - this makes 3 × 1 × 1, the last of 5 halvings (line 6)
  |
  = help: with `repeat 5` it fits
"""


def write(folder: Path, text: str) -> str:
    path = folder / "net.spec"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_wrong_variant_is_an_error_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, SPEC)
    assert main(["check", path]) == 1
    out, err = capsys.readouterr()
    assert (out, err.replace(path, "net.spec").strip()) == ("", MESSAGE.strip())


@pytest.mark.parametrize("asked", [["--set", "n=1"], ["--variant", "flat"], ["--input", "3x16x16"]])
def test_what_is_asked_for_is_all_that_is_checked(asked: list[str], tmp_path: Path) -> None:
    assert main(["check", write(tmp_path, SPEC), *asked]) == 0


def test_to_compile_and_load_look_at_no_other_variant() -> None:
    assert specgen.compile(text=SPEC).output_shape == specgen.Shape(10)
    assert analyse(text=SPEC)[1] == []


def test_a_spec_that_is_wrong_as_it_is_says_that_alone() -> None:
    with pytest.raises(specgen.SpecError) as caught:
        check(text=SPEC.replace("n = 2", "n = 7"))
    assert [len(one.labels) for one in caught.value.diagnostics] == [3]
    assert "variant" not in str(caught.value)


def test_all_variants_together_may_cost_half_of_a_spec() -> None:
    limits = specgen.Limits(layers=100)
    text = "param n = 1\n{}input 16\nrepeat n {{ fc 16 }}"
    for size, warned in ((22, []), (23, ["unchecked-variants"]), (99, ["unchecked-variants"])):
        # Every layer has an activation, but for the last one.
        spec = text.format(f"variant Large n={size}\nvariant Two n=2\nvariant One n=1\n")
        found = check(text=spec, limits=limits)[1]
        assert [one.code for one in found] == warned, size


def test_a_variant_that_is_right_costs_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "resnet"]) == 0
    assert capsys.readouterr().err == ""

"""Errors for other programs: what `specgen check --format` prints, and that nothing gets through it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from specgen.cli import main
from specgen.views import codes

FORMATS = ("text", "short", "json", "github", "sarif")
WRONG = "input 3x8x8\nconvv 3\n\tconv 3 kernal=3\nadd { conv 3 | conv 4 }\n"

#: File names that a careless printer would let do something.
NAMES = [
    "a.spec",
    "a\n::error::b.spec",
    "a\r\nb.spec",
    "::set-output name=x::y.spec",
    "a,line=1:b%0A.spec",
    "\x1b[31mred\x1b[0m.spec",
    "\u202egnp.spec",
    "{{ x }} & <b>.spec",
    "größe 大 🙂.spec",
    "a#b?c.spec",
    "a:b.spec",
    "~a'\"\\.spec",
]


def check(capsys: pytest.CaptureFixture[str], *arguments: str, form: str, code: int = 1) -> tuple[str, str]:
    assert main(["check", *arguments, "--format", form]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


@pytest.fixture
def wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("wrong.spec").write_text(WRONG)
    return "wrong.spec"


def test_short_is_one_line_for_each_mistake(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = check(capsys, wrong, form="short")
    assert out.splitlines() == [
        "wrong.spec:2:1: error[unknown-layer]: there is no layer `convv`",
        "wrong.spec:3:9: error[unknown-option]: `conv` has no option `kernal`",
    ]
    assert not err


def test_short_without_a_place(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = check(capsys, "no-such-spec", form="short", code=2)
    assert out == "no-such-spec: error[not-found]: there is no file and no shipped spec `no-such-spec`\n"
    out, _ = check(capsys, "vgg11", "--set", "depth=3", form="short")
    assert out == "vgg11.spec: error[unknown-param]: the spec has no param `depth`\n"


def test_github_has_an_annotation_for_each_mistake(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = check(capsys, wrong, form="github")
    first, second = out.splitlines()
    assert first == (
        "::error file=wrong.spec,line=2,endLine=2,col=1,endColumn=6,"
        "title=unknown-layer%3A there is no layer `convv`::"
        "there is no layer `convv`%0Ahelp: did you mean `conv`?"
    )
    assert second.startswith("::error file=wrong.spec,line=3,endLine=3,col=9,endColumn=15,title=")
    assert not err


def test_json_is_what_the_flag_gives(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = check(capsys, wrong, form="json")
    assert main(["check", wrong, "--json"]) == 1
    assert capsys.readouterr().out == out
    assert main(["check", wrong, "--json", "--format", "short"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_a_right_spec_says_what_it_is_to_people_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("short", "github"):
        assert check(capsys, "tiny28", form=form, code=0) == ("", "")
    out, _ = check(capsys, "tiny28", form="text", code=0)
    assert out.startswith("tiny28: Tiny28, ")
    assert sarif(capsys, "tiny28", code=0)["results"] == []


def sarif(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 1) -> dict[str, Any]:
    """The run of a log, after a look at what SARIF 2.1.0 asks of all of it."""
    out, err = check(capsys, *arguments, form="sarif", code=code)
    assert not err
    log = json.loads(out)
    assert log.keys() == {"$schema", "version", "runs"} and log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error") and result["message"]["text"]
        for location in (*result.get("locations", ()), *result.get("relatedLocations", ())):
            place = location["physicalLocation"]
            assert re.fullmatch(
                r"(file://)?([A-Za-z0-9._~/-]|%[0-9A-F]{2})+", place["artifactLocation"]["uri"]
            )
            region = place.get("region", {"startLine": 1, "endLine": 1, "startColumn": 1, "endColumn": 1})
            assert min(region.values()) >= 1
            assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
    return dict(run)


def test_sarif_has_a_rule_for_each_code(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = sarif(capsys, wrong)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == codes.codes()
    assert {rule["defaultConfiguration"]["level"] for rule in rules} == {"error", "warning"}
    first, second = run["results"]
    assert first["ruleId"] == "unknown-layer"
    assert second["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "wrong.spec"},
        "region": {"startLine": 3, "startColumn": 9, "endLine": 3, "endColumn": 15},
    }


def test_sarif_tells_the_second_place(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(wrong).write_text("input 3x8x8\nM; M\nconv 3 k=7 p=0\n")
    (result,) = sarif(capsys, wrong)["results"]
    (related,) = result["relatedLocations"]
    assert related["physicalLocation"]["region"]["startLine"] == 2
    assert related["message"]["text"].startswith("this makes 3 × 2 × 2")


def test_columns_are_utf_16_where_they_are_said_to_be(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(wrong).write_text("input 3x8x8\nconv 8 🙂\n", encoding="utf-8")
    Path("comment.spec").write_text("# 🙂\ninput 3x8x8 # 🙂\n# 🙂 é\u0301\nrelu; rellu #🙂", encoding="utf-8")
    run = sarif(capsys, wrong, "comment.spec")
    assert run["columnKind"] == "utf16CodeUnits"
    regions = [one["locations"][0]["physicalLocation"]["region"] for one in run["results"]]
    assert [(one["startColumn"], one["endColumn"]) for one in regions] == [(8, 10), (7, 12)]


def test_what_is_not_there_has_no_place(capsys: pytest.CaptureFixture[str]) -> None:
    (result,) = sarif(capsys, "no-such-spec", code=2)["results"]
    assert result["ruleId"] == "not-found" and "locations" not in result
    (result,) = sarif(capsys, "vgg11", "--variant", "no")["results"]
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "vgg11.spec"}}}]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_gets_through_nothing(
    form: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("input 3x8x8\nconvv 3\n", encoding="utf-8")
    out, err = check(capsys, name, form=form)
    assert all(char.isprintable() or char == "\n" for char in out + err)
    if form == "short":
        assert out.count("\n") == 1
    if form == "github":
        (line,) = out.splitlines()
        assert re.fullmatch(r"::error file=[^,:]*,line=2,endLine=2,col=1,endColumn=6,title=[^,:]*::.*", line)
        assert line.count("::") == 2
    if form == "sarif":
        (result,) = json.loads(out)["runs"][0]["results"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert unquote(uri) == name
    if form == "json":
        assert json.loads(out)[0]["diagnostics"][0]["file"] == name


def test_what_a_spec_says_gets_through_nothing(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(wrong).write_text("input 3x8x8\n# ::error::x\nconv a::b\n")
    for form in ("short", "github"):
        out, _ = check(capsys, wrong, form=form)
        assert out.count("\n") == 1
    out, _ = check(capsys, "--set", "a=\n::error::b", "vgg11", form="github")
    assert out.count("\n") == 1 and out.count("::") == 2


@pytest.mark.parametrize("form", FORMATS)
def test_text_goes_to_standard_error_and_the_rest_to_standard_output(form: str, wrong: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "specgen", "check", "-", "--format", form],
        input=WRONG,
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONPATH": str(Path(__file__).parent.parent), "PATH": ""},
        timeout=120,
    )
    assert done.returncode == 1
    assert bool(done.stderr) is (form == "text") and bool(done.stdout) is (form != "text")
    assert "unknown-layer" in done.stdout + done.stderr
    if form == "sarif":
        assert "%3Cstdin%3E" in done.stdout


def test_an_unknown_format_is_met_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "vgg11", "--format", "xml"]) == 2
    said = capsys.readouterr().err
    assert all(form in said for form in FORMATS)

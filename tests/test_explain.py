"""`specgen explain CODE`: a page for every kind of error, whose examples do what they say."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import specgen
from specgen import compiler
from specgen.cli import main
from specgen.diagnostics import render
from specgen.layers.base import Layer
from specgen.layers.registry import unregister_layer
from specgen.lint.table import CODES
from specgen.views import codes


def test_a_code_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "kernel-too-large"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("error[kernel-too-large]: a kernel is larger than what it slides over\n\n")
    assert "\n    input 3x8x8\n" in out and "```" not in out


@pytest.mark.parametrize(
    "pasted", ["error[kernel-too-large]:", "KERNEL-TOO-LARGE", "error[kernel-too-large]"]
)
def test_a_code_may_be_pasted(pasted: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", pasted]) == 0
    assert "kernel-too-large" in capsys.readouterr().out


def test_all_codes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == codes.codes()
    assert main(["explain", "--json"]) == 0
    assert [one["code"] for one in json.loads(capsys.readouterr().out)] == codes.codes()


def test_a_page_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "kernel-too-large", "--json"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert page["severity"] == "error" and page["examples"][0]["language"] == "spec"


def test_an_unknown_code_is_met_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "kernel-to-large"]) == 2
    assert "did you mean `kernel-too-large`?" in capsys.readouterr().err


# --- the pages -----------------------------------------------------------------------------------

HERE = Path(__file__).parent
PAGES = HERE.parent / "specgen" / "explanations"
#: A spec and what is said about it; a spec; a program; commands and what they print.
_PART = re.compile(
    r"^```spec\n(?P<wrong>(?:(?!^```).*\n)*)```\n\n```text\n(?P<said>(?:(?!^```).*\n)*)```$"
    r"|^```spec\n(?P<right>(?:(?!^```).*\n)*)```$"
    r"|^```python\n(?P<program>(?:(?!^```).*\n)*)```(?:\n\n```text\n(?P<told>(?:(?!^```).*\n)*)```)?$"
    r"|^```console\n(?P<typed>\$ .*\n)(?P<printed>(?:(?!^```).*\n)*)```$",
    re.MULTILINE,
)
_SPEC = re.compile(r"^```spec\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^(?:error|warning)\[(.*?)\]", re.MULTILINE)
NAMED = re.compile(r"`(\w+\.spec)`")


def said_about(code: str, text: str, folder: Path) -> tuple[str, list[str]]:
    """What is said about a spec, as text, and the codes; on the page of a warning, all warnings."""
    (folder / "network.spec").write_text(text, encoding="utf-8")
    try:
        _, found = (compiler.check if code in CODES else compiler.analyse)("network.spec")
    except specgen.SpecError as error:
        found = list(error.diagnostics)
    return "\n\n".join(render(one) for one in found), [one.code for one in found]


def shortened(printed: str, shown: str) -> str:
    """What was printed, as far as a page shows it: behind a `…` are the last lines."""
    if not shown.startswith("…\n"):
        return printed
    count = shown.count("\n") - 1
    return "".join(["…\n", *printed.splitlines(keepends=True)[-count:]])


@pytest.mark.parametrize("code", codes.codes())
def test_a_page_shows_a_mistake_and_its_repair(
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    update_golden: bool,
) -> None:
    path = PAGES / f"{code}.md"
    text = path.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name, spec in zip(NAMED.findall(text), _SPEC.findall(text), strict=False):
        (tmp_path / name).write_text(spec, encoding="utf-8")
    wrongs: list[list[str]] = []
    rights: list[list[str]] = []

    added: list[type[Layer]] = []

    def anew(part: re.Match[str]) -> str:
        if part["program"] is not None:
            made: dict[str, Any] = {"__name__": "layers"}
            exec(part["program"], made)
            added.extend(one for one in made.values() if isinstance(one, type) and issubclass(one, Layer))
            if part["told"] is None:
                return part[0]
            told = capsys.readouterr().out
            wrongs.append(re.findall(_CODE, told))
            return f"```python\n{part['program']}```\n\n```text\n{told}```"
        if part["typed"] is not None:
            wrong = main(shlex.split(part["typed"])[2:]) != 0
            printed = shortened("".join(capsys.readouterr()), part["printed"])
            (wrongs if wrong else rights).append(re.findall(_CODE, printed))
            return f"```console\n{part['typed']}{printed}```"
        if part["right"] is not None:
            rights.append(said_about(code, part["right"], tmp_path)[1])
            return part[0]
        said, found = said_about(code, part["wrong"], tmp_path)
        wrongs.append(found)
        return f"```spec\n{part['wrong']}```\n\n```text\n{said}\n```"

    try:
        now = _PART.sub(anew, text)
    finally:
        for layer in added:
            if layer is not Layer:
                unregister_layer(layer)
    if update_golden:
        path.write_text(now, encoding="utf-8")
    assert wrongs == [[code]]
    assert rights and not any(rights)
    assert now == text or update_golden


@pytest.mark.parametrize("code", codes.codes())
def test_a_title_reads_like_one(code: str) -> None:
    title = codes.page(code).title
    assert title[0].islower() or title[0] == "`"
    assert not title.endswith(".") and len(title) <= 80


def test_every_code_in_use_has_a_page_and_every_page_is_in_use() -> None:
    assert codes_in_use() == set(codes.codes())


#: What a code is the first or the second argument of.
REPORTING = {
    "Diagnostic", "Refusal", "BranchRefusal", "Wrong", "_Mistake", "_refuse",
    "fail", "unfit", "problem", "diagnostic", "warn", "warning",
}  # fmt: skip


def codes_in_use() -> set[str]:
    """The codes in the sources; of `unknown-…`, which are put together, those that are reported."""
    found = {f"unknown-{what}" for what in ("argument", "function", "kind", "name", "value")}
    for path in (HERE.parent / "specgen").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            for argument in node.args[:2] if name in REPORTING else ():
                if isinstance(argument, ast.Constant) and re.fullmatch(
                    r"[a-z]+(-[a-z0-9]+)*", str(argument.value)
                ):
                    found.add(str(argument.value))
    return found


def test_every_code_has_a_golden_message_and_every_golden_message_a_page() -> None:
    shown = {
        code
        for folder in ("wrong", "warned")
        for path in (HERE / folder).glob("*.err")
        for code in re.findall(r"^(?:error|warning)\[(.*?)\]", path.read_text(encoding="utf-8"), re.M)
    }
    assert shown == set(codes.codes()) - SHOWN_BY_THEIR_PAGES


#: What no spec alone is wrong about: their pages are their golden messages.
SHOWN_BY_THEIR_PAGES = {
    "not-found",
    "not-weights",
    "keys-differ",
    "shapes-differ",
    "layer-fails",
    "not-a-network",
}


@pytest.mark.parametrize("code", sorted(SHOWN_BY_THEIR_PAGES))
def test_such_a_page_shows_the_message(code: str) -> None:
    shown = [example.text for example in codes.page(code).examples if example.language != "spec"]
    assert any(re.search(rf"^error\[{code}\]: ", text, re.MULTILINE) for text in shown)

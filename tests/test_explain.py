"""`specgen explain CODE`: a page for every kind of error, whose examples do what they say."""

from __future__ import annotations

import json

import pytest

from specgen.cli import main
from specgen.views import codes


def test_a_code_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "kernel-too-large"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("error[kernel-too-large]: kernel is larger than what it slides over\n\n")
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

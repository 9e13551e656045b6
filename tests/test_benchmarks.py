"""The harness of the benchmarks, on a row of no meaning: nothing here depends on a clock."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.__main__ import machine, rows, run
from benchmarks.harness import Absent, Row, measure, table


def test_both_are_called_in_turn_and_make_a_row() -> None:
    called: list[str] = []
    row = Row(
        "ours", "theirs", lambda: (lambda: called.append("a"), lambda: called.append("b")), goal=0.5, calls=3
    )
    result = measure(row, 2)
    assert called == [*"ab", *"bbbaaa", *"aaabbb"]
    assert result.low <= result.ratio <= result.high
    assert "| ours | theirs |" in table([result]) and table([result]).endswith("| 0.5 |")


def test_what_is_absent_is_left_out_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    def prepare() -> tuple[object, object]:
        raise Absent("torchvision cannot be imported")

    assert run(Row("ours", "theirs", prepare), 1) == []  # type: ignore[arg-type]
    assert "ours: left out, torchvision cannot be imported" in capsys.readouterr().err


def test_rows_have_names_of_their_own() -> None:
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names) and "torch" in machine()

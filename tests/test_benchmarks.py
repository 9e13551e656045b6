"""The harness of the benchmarks, on rows of no meaning: nothing here depends on a clock."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import specgen
from benchmarks import __main__ as command
from benchmarks import layers
from benchmarks.__main__ import machine, report, rows, run
from benchmarks.harness import Absent, Row, measure, table, written
from benchmarks.peers import peer, working


def test_both_are_called_in_turn_and_make_a_row() -> None:
    called: list[str] = []
    row = Row(
        "ours",
        "theirs",
        lambda: (lambda: called.append("a"), lambda: called.append("b")),
        goal=0.5,
        calls=(3, 2),
    )
    result = measure(row, 2)
    assert called == [*"ab", *"bbaaa", *"aaabb"]
    assert result.low <= result.ratio <= result.high
    assert table([result]).splitlines()[-1].startswith("| ours | ")
    assert table([result]).endswith("| 0.5 |")


def test_amounts_are_what_the_calls_return() -> None:
    """The ratios of the rounds are 2, 1 and 4 once the first call, which is not counted, is over."""
    amounts: Iterator[int] = iter((9, 4, 1, 4))
    row = Row("ours", "theirs", lambda: (lambda: next(amounts), lambda: next(others)), unit="MB", most=20)
    others: Iterator[int] = iter((9, 2, 1, 1))
    result = measure(row, 3)
    assert (result.ours, result.theirs, result.ratio) == (4, 1, 2)
    assert table([result]).endswith("| ours | 4 MB | theirs | 1 MB | 2 | 1 – 4 | 20 MB |")


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [
        (2.5, "", "2.5 s"),
        (0.0123456, "", "12.3 ms"),
        (4.2e-6, "", "4.2 µs"),
        (12, "MB", "12 MB"),
        (1107, "MB", "1,107 MB"),
    ],
)
def test_amounts_are_written_with_their_unit(amount: float, unit: str, text: str) -> None:
    assert written(amount, unit) == text


def test_what_is_absent_is_left_out_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    def prepare() -> tuple[object, object]:
        raise Absent("torchvision cannot be imported")

    assert run(Row("ours", "theirs", prepare), 1) == []  # type: ignore[arg-type]
    assert "ours: left out, torchvision cannot be imported" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("no_such_peer", "", "no_such_peer is not installed"),
        ("a_peer", "import no_such_peer", "a_peer cannot be imported: No module named 'no_such_peer'"),
        ("a_peer", "raise RuntimeError('no GPU\\nhere')", "a_peer cannot be imported: no GPU"),
        ("a_peer", "assert 1 == 2", "a_peer cannot be imported: AssertionError"),
    ],
)
def test_why_a_peer_is_absent(
    name: str, text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_peer.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(Absent) as caught:
        peer(name)
    assert str(caught.value) == reason


def test_a_peer_that_fails_or_makes_something_else_is_left_out() -> None:
    @working("peer")
    def prepare(made: int) -> int:
        assert 6 // made == 2, "it makes another network"
        return made

    assert prepare(3) == 3
    with pytest.raises(Absent, match=r"^peer does not do it: it makes another network$"):
        prepare(2)
    with pytest.raises(Absent, match=r"^peer does not do it: .*division"):
        prepare(0)


def test_rows_are_told_apart_and_the_page_says_what_they_were_measured_on() -> None:
    names = [(row.name, row.beside) for row in rows()]
    assert len(set(names)) == len(names)
    assert "torch" in machine() and "Medians of 12 rounds." in report([], "", 12)


def test_a_page_needs_ten_rounds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--page", "--rounds", "9"])
    monkeypatch.setattr(command, "rows", lambda: pytest.fail("measured"))
    with pytest.raises(SystemExit):
        command.main()
    assert "--rounds has to be at least 10" in capsys.readouterr().err


@pytest.mark.parametrize(("count", "depth"), [(10, 1), (100, 32)])
def test_a_network_to_grow_has_its_layers_as_deep_as_it_says(count: int, depth: int) -> None:
    network = specgen.compile(text=layers.spec(count, depth), limits=layers.LIMITS)
    assert len(network.layers) == count - 1
    assert {row.name.count(".") for row in network.layers} == {depth}
    assert set(layers.cost(10, 1)) == set(layers.stages(""))

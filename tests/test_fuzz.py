"""A few cases of each kind of fuzzing from a fixed seed, and every case that ever failed."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import pytest
from fuzz.injection import Injected, Injection
from fuzz.kinds import make
from fuzz.runner import complaint_in_time, run

REGRESSIONS = sorted((Path(__file__).parent / "fuzz" / "regressions").glob("[a-z]*-*"))


#: So many cases of each kind, in a few seconds; and so many when there is time.
FEW = {"tokens": 1500, "bytes": 1500, "programs": 20, "broken": 200, "injection": 400}
MANY = {"tokens": 100_000, "bytes": 100_000, "programs": 2000, "broken": 20_000, "injection": 20_000}


@pytest.mark.parametrize("name", FEW)
def test_cases_drawn_from_a_seed_are_answered_well(name: str) -> None:
    report = run(make(name), seed=0, count=FEW[name])
    assert not report.failures, "\n\n".join(report.failures[:5])
    assert report.cases == FEW[name]


@pytest.mark.parametrize("payload", ["\x1b[31m\u202ex\nerror[forged]: x", "<img src=x>|`'\"{{ 7*7 }}"])
def test_every_slot_is_safe_from_what_terminals_and_pages_obey(payload: str) -> None:
    kind = Injection()
    complaints = {slot: kind.complaint(Injected(slot, payload)) for slot in kind.slots}
    assert not {slot: said for slot, said in complaints.items() if said}
    assert kind.tally["refused"] > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", MANY)
def test_many_cases_are_answered_well(name: str) -> None:
    report = run(make(name), seed=1, count=MANY[name])
    assert not report.failures, "\n\n".join(report.failures[:5])


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.name)
def test_what_once_failed_is_answered_well(path: Path) -> None:
    kind: Any = make(path.name.partition("-")[0])
    assert complaint_in_time(kind, kind.load(path.read_bytes())) is None


@pytest.mark.parametrize("name", ["tokens", "bytes"])
def test_a_seed_always_draws_the_same_cases(name: str) -> None:
    one, other = make(name), make(name)
    drawn = [one.draw(random.Random(seed)) for seed in range(300)]
    assert drawn == [other.draw(random.Random(seed)) for seed in range(300)]
    assert len(set(drawn)) > 280
    assert all(one.load(one.dump(case)) == case for case in drawn)


def test_a_case_that_fails_is_kept_and_made_smaller(tmp_path: Path) -> None:
    """The runner against an answer that is wrong for every text with `conv` in it."""
    kind = make("tokens")
    ask = kind.ask

    def wrong(case: bytes) -> Any:
        found = ask(case)
        found.complaint = "wrong for conv" if b"conv" in case else None
        return found

    kind.ask = wrong  # type: ignore[method-assign]
    said: list[str] = []
    report = run(kind, seed=0, count=30, out=tmp_path, say=said.append)
    assert 5 < len(report.failures) < 30
    kept = [path.read_bytes() for path in tmp_path.iterdir()]
    assert b"conv" in kept
    assert "seed 0" in said[0] and f"{len(report.failures)} failures" in said[-1]


def test_a_case_that_hangs_is_a_failure() -> None:
    kind = make("tokens")
    kind.longest = 0.05

    def hang(case: bytes) -> Any:
        while True:
            with contextlib.suppress(Exception):
                pass

    kind.ask = hang  # type: ignore[method-assign]
    assert complaint_in_time(kind, b"conv 8") == "no answer after 0 s"

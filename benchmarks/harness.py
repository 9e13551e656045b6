"""Two ways to do one thing, timed in turn: the ratio of each round, so that a busy machine slows both."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


class Absent(Exception):  # noqa: N818 (an answer, not an error)
    """What a row is measured beside is not installed."""


@dataclass(frozen=True)
class Row:
    """One comparison: `prepare` gives what specgen does and what its peer does, ready to be called.

    `goal` is the ratio to reach, if there is one; `calls` how often each is called in a round.
    """

    name: str
    beside: str
    prepare: Callable[[], tuple[Callable[[], Any], Callable[[], Any]]]
    goal: float | None = None
    calls: int = 1


@dataclass(frozen=True)
class Result:
    """What a row came to: seconds a call, and ratios of specgen's time to its peer's."""

    name: str
    beside: str
    goal: float | None
    seconds: float
    beside_seconds: float
    ratio: float
    low: float
    high: float
    rounds: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(row: Row, rounds: int) -> Result:
    """The medians over so many rounds, each of which times both in turn; first one and first the other."""
    both = row.prepare()
    for call in both:
        call()
    times: list[tuple[float, float]] = []
    for number in range(rounds):
        order = (0, 1) if number % 2 else (1, 0)
        found = {index: _time(both[index], row.calls) for index in order}
        times.append((found[0], found[1]))
    ratios = [ours / theirs for ours, theirs in times]
    low, _, high = statistics.quantiles(ratios, n=4) if rounds > 1 else ratios * 3
    ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    return Result(row.name, row.beside, row.goal, ours, theirs, statistics.median(ratios), low, high, rounds)


def _time(call: Callable[[], Any], calls: int) -> float:
    gc.collect()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def table(results: list[Result]) -> str:
    """The results as a table in Markdown."""
    lines = [
        "| what | beside | time | its time | ratio | middle half | to reach |",
        "| --- | --- | --: | --: | --: | --: | --: |",
    ]
    for one in results:
        cells = (
            one.name,
            one.beside,
            _duration(one.seconds),
            _duration(one.beside_seconds),
            f"{one.ratio:.3f}",
            f"{one.low:.3f} – {one.high:.3f}",
            "" if one.goal is None else f"{one.goal:g}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"

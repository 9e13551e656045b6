"""Two ways to do one thing, measured in turn: the ratio of each round, so that a busy machine slows both."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

#: Where processes of `benchmarks` modules start.
CHECKOUT = Path(__file__).parent.parent

#: What specgen does and what its peer does, ready to be called.
Pair: TypeAlias = tuple[Callable[[], Any], Callable[[], Any]]


class Absent(Exception):  # noqa: N818 (an answer, not an error)
    """What a row is measured beside is not installed."""


@dataclass(frozen=True)
class Row:
    """One comparison of what `prepare` gives, by time; with a `unit`, by the amounts that the calls return.

    `goal` is the ratio to reach and `most` the amount, where there are such; `calls` says how often each of
    both is called in a round.
    """

    name: str
    beside: str
    prepare: Callable[[], Pair]
    goal: float | None = None
    calls: tuple[int, int] = (1, 1)
    unit: str = ""
    most: float | None = None


@dataclass(frozen=True)
class Result:
    """What a row came to: medians in seconds a call or in `unit`, and of the ratios to the peer's.

    Half of the ratios lie between `low` and `high`.
    """

    name: str
    beside: str
    goal: float | None
    most: float | None
    unit: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    rounds: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(row: Row, rounds: int) -> Result:
    """The medians over so many rounds, each of which calls both in turn; first one and first the other."""
    both = row.prepare()
    for call in both:
        call()
    found: list[tuple[float, float]] = []
    for number in range(rounds):
        order = (0, 1) if number % 2 else (1, 0)
        amounts = {index: _amount(both[index], row.calls[index], row.unit) for index in order}
        found.append((amounts[0], amounts[1]))
    ratios = [ours / theirs for ours, theirs in found]
    low, _, high = statistics.quantiles(ratios, n=4) if rounds > 1 else ratios * 3
    ours, theirs = (statistics.median(column) for column in zip(*found, strict=True))
    ratio = statistics.median(ratios)
    return Result(
        row.name, row.beside, row.goal, row.most, row.unit, ours, theirs, ratio, low, high, rounds
    )  # fmt: skip


def _amount(call: Callable[[], Any], calls: int, unit: str) -> float:
    """What a call returns, or the seconds that it takes."""
    if unit:
        return statistics.median(float(call()) for _ in range(calls))
    gc.collect()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def memory(*, peak: bool = False) -> float:
    """The MB that this process has in memory, or had at most; raises `Absent` where Linux does not tell.

    What `resource` calls the largest amount starts with that of the process this one was started by.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        raise Absent("memory is measured on Linux only") from None
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM" if peak else "VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def table(results: list[Result]) -> str:
    """The results as a table in Markdown."""
    lines = [
        "| what | specgen | beside | it | ratio | half of them | to reach |",
        "| --- | --: | --- | --: | --: | --: | --: |",
    ]
    for one in results:
        goals = [f"{one.goal:.3g}"] if one.goal is not None else []
        goals += [written(one.most, one.unit)] if one.most is not None else []
        cells = (
            one.name,
            written(one.ours, one.unit),
            one.beside,
            written(one.theirs, one.unit),
            f"{one.ratio:.3g}",
            f"{one.low:.3g} – {one.high:.3g}",
            ", ".join(goals),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def written(amount: float, unit: str = "") -> str:
    """Three digits with a unit, which fits the size where the amount is in seconds."""
    if unit:
        return f"{amount:,.0f} {unit}" if amount >= 1e3 else f"{amount:.3g} {unit}"
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if amount * factor >= 1:
            return f"{amount * factor:.3g} {unit}"
    return f"{amount * 1e6:.3g} µs"

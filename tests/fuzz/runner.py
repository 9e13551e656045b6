"""Runs a kind of fuzzing: so many cases from a seed, the failures as files, and the rate."""

from __future__ import annotations

import gc
import hashlib
import random
import re
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .kind import Kind

#: Seconds between two lines that say how far a run is, and how many files one kind of failure may fill.
EVERY, KEPT = 60.0, 5

#: Seconds that are spent on making a case smaller.
LONGEST_SHRINKING = 60.0


@dataclass
class Report:
    """How a run went: cases, seconds, and each failure's complaint."""

    cases: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


class Hangs(BaseException):
    """A case that does not end; no `except Exception` stops it."""


def run(
    kind: Kind[Any],
    seed: int,
    count: int,
    seconds: float | None = None,
    out: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Report:
    """Run up to `count` cases and at most about so many `seconds`; failures go to the folder `out`."""
    say(f"{kind.name}: seed {seed}, {count:,} cases")
    report, began, said = Report(), time.monotonic(), time.monotonic()
    kinds: Counter[str] = Counter()
    gc.freeze()  # what is imported needs no looking through
    for index in range(count):
        case = kind.draw(random.Random(seed * 1_000_000_007 + index))
        complaint = complaint_in_time(kind, case)
        report.cases += 1
        if complaint:
            report.failures.append(complaint)
            kinds[like := _likeness(complaint)] += 1
            if kinds[like] <= KEPT:
                say(f"FAILED, case {index}{_keep(kind, case, out)}:\n{complaint}")
        now = time.monotonic()
        if now - said > EVERY:
            said = now
            say(f"{report.cases:,} cases, {report.cases / (now - began):,.0f} a second, "
                f"{len(report.failures)} failures")  # fmt: skip
        if seconds is not None and now - began > seconds:
            break
    gc.unfreeze()
    report.seconds = time.monotonic() - began
    say(
        f"{kind.name}: seed {seed}, {report.cases:,} cases in {report.seconds:,.0f} s "
        f"({report.cases / max(report.seconds, 1e-9):,.0f} a second), {len(report.failures)} failures"
        + "".join(f", {times:,} {what}" for what, times in sorted(kind.tally.items()))
    )
    return report


def complaint_in_time(kind: Kind[Any], case: Any) -> str | None:
    """A kind's complaint about a case, or that it takes too long."""
    try:
        with _alarm(kind.longest):
            return kind.complaint(case)
    except Exception:
        return traceback.format_exc(limit=-6)
    except Hangs:
        return f"no answer after {kind.longest:.0f} s"


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    # Processor time: a machine that is busy elsewhere is no reason to complain.
    before = signal.signal(signal.SIGPROF, _ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _ring(*_: Any) -> None:
    raise Hangs


def _keep(kind: Kind[Any], case: Any, out: Path | None) -> str:
    """Write a case to the folder, as small as it gets; where it is."""
    if out is None:
        return ""
    try:
        with _alarm(LONGEST_SHRINKING):
            case = kind.smaller(case)
    except Hangs:
        pass  # it is kept as it was drawn
    data = kind.dump(case)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{kind.name}-{hashlib.sha256(data).hexdigest()[:10]}{kind.ending}"
    path.write_bytes(data)
    return f", {path}"


def _likeness(complaint: str) -> str:
    """A complaint without its numbers and quotations, by the end of it."""
    return re.sub(r"[0-9]+|'[^']*'|`[^`]*`", "_", complaint[-300:])

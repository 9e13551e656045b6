"""`python -m tests.fuzz KIND --seed N --count N`: run a kind of fuzzing, and keep each case that fails."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .kinds import KINDS, make
from .runner import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000, help="cases")
    parser.add_argument("--seconds", type=float, default=None, help="stop after this time")
    parser.add_argument("--family", default=None, help="layers: the family to draw from")
    parser.add_argument("--out", type=Path, default=Path("fuzz-failures"), help="folder for cases that fail")
    given = parser.parse_args()
    options = {"family": given.family} if given.family else {}
    report = run(make(given.kind, **options), given.seed, given.count, given.seconds, given.out, print)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())

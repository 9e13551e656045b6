"""`python -m benchmarks`: measure every row, print the table, and write it where it is asked for."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import sys
from importlib import import_module, metadata
from pathlib import Path

from benchmarks.harness import Absent, Result, Row, measure, table

#: The modules with rows, one a subject.
SUBJECTS = ("figures", "networks", "inference")
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def main() -> None:
    """Run the rows whose names match and show what they come to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="how often each pair is timed (10)")
    parser.add_argument("--only", default="", metavar="PATTERN", help="rows whose names match a pattern")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE.name}")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds has to be at least 1")
    results: list[Result] = []
    for row in rows():
        if re.search(given.only, row.name):
            results += run(row, given.rounds)
    about = machine()
    print(f"\n{about}\n\n{table(results)}")
    if given.json:
        found = {"machine": about, "results": [one.as_json() for one in results]}
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if given.page:
        text = PAGE.read_text(encoding="utf-8")
        drawn = f"<!-- measured -->\n{about}\n\n{table(results)}\n<!-- end -->"
        text = re.sub(r"<!-- measured -->.*<!-- end -->", lambda _: drawn, text, flags=re.DOTALL)
        PAGE.write_text(text, encoding="utf-8")


def rows() -> list[Row]:
    """Every row of every subject."""
    return [row for subject in SUBJECTS for row in import_module(f"benchmarks.{subject}").rows()]


def run(row: Row, rounds: int) -> list[Result]:
    """A row's result; none, with a word, where its peer is absent."""
    try:
        result = measure(row, rounds)
    except Absent as absent:
        print(f"{row.name}: left out, {absent}", file=sys.stderr)
        return []
    print(f"{row.name}: {result.ratio:.3f} of {row.beside}", file=sys.stderr, flush=True)
    return [result]


def machine() -> str:
    """Where and when this was measured, with the versions of what matters."""
    versions = []
    for name in ("specgen", "torch", "torchvision"):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"{platform.machine()} with {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{', '.join(versions)}, {today}."
    )


if __name__ == "__main__":
    main()

"""`python -m benchmarks`: measure every row, print the tables, and write them where they are asked for."""

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

import torch

from benchmarks import layers
from benchmarks.harness import CHECKOUT, Absent, Result, Row, measure, table

#: The modules with rows, one a subject.
SUBJECTS = ("figures", "networks", "inference", "layers", "languages")
PAGE = CHECKOUT / "docs" / "performance.md"

#: The rounds that a page's figures need.
ROUNDS = 10

#: What `--only` knows the second table by.
GROWTH = "growth with layers and depth"


def main() -> None:
    """Run the rows whose names match and show what they come to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is measured ({ROUNDS})")
    parser.add_argument("--only", default="", metavar="PATTERN", help="rows whose names match a pattern")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON")
    parser.add_argument("--page", action="store_true", help=f"put the tables into {PAGE.name}")
    given = parser.parse_args()
    if given.rounds < (ROUNDS if given.page else 1):
        parser.error(f"--rounds has to be at least {ROUNDS if given.page else 1}")
    results: list[Result] = []
    for row in rows():
        if re.search(given.only, row.name):
            results += run(row, given.rounds)
    grown, figures = layers.growth(given.rounds) if re.search(given.only, GROWTH) else ("", [])
    shown = report(results, grown, given.rounds)
    print(f"\n{shown}")
    if given.json:
        found = {"machine": machine(), "results": [one.as_json() for one in results], "growth": figures}
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if given.page:
        text = PAGE.read_text(encoding="utf-8")
        drawn = f"<!-- measured -->\n{shown}\n<!-- end -->"
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
    print(f"{row.name}: {result.ratio:.3g} of {row.beside}", file=sys.stderr, flush=True)
    return [result]


def report(results: list[Result], grown: str, rounds: int) -> str:
    """What was measured, as it stands on the page."""
    parts = [machine(), f"Medians of {rounds} rounds.", table(results)]
    if grown:
        parts += ["CPU time and memory for each layer of a network, by stage:", grown]
    return "\n\n".join(parts)


def machine() -> str:
    """Where and when this was measured, with the versions of what matters."""
    versions = []
    for name in ("specgen", "torch", "torchvision", "torchinfo", "onnx", "keras", "neural-dsl", "kraken"):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    today = datetime.datetime.now(datetime.UTC).date()
    return (
        f"{platform.machine()} with {os.cpu_count()} cores, PyTorch on {torch.get_num_threads()} of them, "
        f"Python {platform.python_version()}, {', '.join(versions)}, {today}."
    )


if __name__ == "__main__":
    main()

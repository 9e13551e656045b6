"""`python -m tests.mutation FILE…`: how many small changes of some modules the tests notice; and coverage."""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

import pytest

from .mutants import Mutant, mutants
from .session import Mutation

#: The tests that are run: all but those that are slow, or start other programs.
TESTS = [
    f"tests/{name}" for name in (
        "test_arithmetic.py", "test_conditions.py", "test_diagnostics.py", "test_elaborate.py",
        "test_expressions.py",
        "test_joins.py", "test_names.py", "test_shape.py", "test_vocabulary.py", "test_errors.py",
        "test_explain.py", "test_formats.py", "test_lint.py", "test_json.py", "test_emitted.py",
        "test_public_api.py", "test_programs.py", "layers",
    )
]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--sample", type=int, default=None, help="so many of all mutants, at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[], metavar="FILE:LINE", help="these lines alone")
    parser.add_argument("--tests", action="append", default=[], help="these tests instead of the usual ones")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    plugin = Mutation(_chosen(given), _say)
    options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-m", "not slow"]
    pytest.main([*options, *(given.tests or TESTS)], plugins=[plugin])
    total = killed = 0
    for path, outcome in plugin.outcomes.items():
        alive = len(outcome.survived)
        _say(f"{path}: {outcome.killed} of {outcome.killed + alive}")
        killed, total = killed + outcome.killed, total + outcome.killed + alive
    _say(f"{killed} of {total} mutants are noticed ({killed / max(total, 1):.1%})")
    return 0


def _chosen(given: argparse.Namespace) -> list[Mutant]:
    """The mutants inside functions that were asked for."""
    found = [mutant for path in given.files for mutant in mutants(path) if mutant.function]
    if given.only:
        found = [mutant for mutant in found if f"{mutant.path}:{mutant.line}" in given.only]
    if given.sample is not None and len(found) > given.sample:
        found = random.Random(given.seed).sample(found, given.sample)
    return sorted(found, key=lambda mutant: (mutant.path, mutant.line))


def _say(line: str) -> None:
    print(line, file=sys.__stderr__, flush=True)


if __name__ == "__main__":
    sys.exit(main())

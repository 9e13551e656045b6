"""`python -m tests.mutation FILE…`: how many small changes of some modules the tests notice; and coverage."""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

import pytest

from . import outside
from .mutants import Mutant, mutants
from .session import Mutation

#: The tests that are run: all but those that are slow, or start other programs.
TESTS = [
    f"tests/{name}" for name in (
        "test_layer_table.py", "test_emitted.py",
        "test_shape.py", "test_joins.py", "test_arithmetic.py", "test_conditions.py", "test_expressions.py",
        "test_names.py", "test_diagnostics.py", "test_vocabulary.py", "test_elaborate.py", "test_attempts.py",
        "test_formats.py", "test_lint.py", "test_hooks.py", "test_explanation.py", "test_schema.py",
        "test_json.py", "test_errors.py", "test_explain.py", "test_trial.py", "test_accepts.py",
        "test_size_search.py", "views",
        "layers", "test_public_api.py", "test_limits.py", "test_programs.py",
        "test_syntax_errors.py", "test_failing_layers.py", "test_fills.py", "test_tables.py",
        "test_highlight.py",
    )
]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--sample", type=int, default=None, help="so many of all mutants, at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", choices=("inside", "outside"), help="inside or outside of functions alone")
    parser.add_argument("--only", action="append", default=[], metavar="FILE:LINE", help="these lines alone")
    parser.add_argument("--tests", action="append", default=[], help="these tests instead of the usual ones")
    given = parser.parse_args()
    # A child of this process has one thread alone, and would wait for more for ever.
    os.environ["OMP_NUM_THREADS"] = os.environ["OMP_THREAD_LIMIT"] = "1"
    chosen, tests = _chosen(given), given.tests or TESTS
    noticed: dict[Mutant, bool] = {}
    around = [mutant for mutant in chosen if not mutant.function]
    if around and outside.notices(None, tests):
        _say("some test fails without any change")
        return 1
    for mutant in around:  # first, since specgen must not be imported yet
        noticed[mutant] = outside.notices(mutant, tests)
        if not noticed[mutant]:
            _say(f"survived {mutant}")
    if given.part != "outside":
        plugin = Mutation([mutant for mutant in chosen if mutant.function], given.files, _say)
        pytest.main(
            ["-p", "no:cacheprovider", "-p", "no:terminal", "-m", "not slow", *tests], plugins=[plugin]
        )
        noticed |= plugin.noticed
    for path in dict.fromkeys(mutant.path for mutant in noticed):
        here = [seen for mutant, seen in noticed.items() if mutant.path == path]
        _say(f"{path}: {sum(here)} of {len(here)}")
    killed, total = sum(noticed.values()), len(noticed)
    _say(f"{killed} of {total} mutants are noticed ({killed / max(total, 1):.1%})")
    return 0


def _chosen(given: argparse.Namespace) -> list[Mutant]:
    """The mutants that were asked for."""
    found = [mutant for path in given.files for mutant in mutants(path)]
    if given.part:
        found = [mutant for mutant in found if bool(mutant.function) is (given.part == "inside")]
    if given.only:
        found = [mutant for mutant in found if f"{mutant.path}:{mutant.line}" in given.only]
    if given.sample is not None and len(found) > given.sample:
        found = random.Random(given.seed).sample(found, given.sample)
    return sorted(found, key=lambda mutant: (mutant.path, mutant.line))


def _say(line: str) -> None:
    print(line, file=sys.__stderr__, flush=True)


if __name__ == "__main__":
    sys.exit(main())

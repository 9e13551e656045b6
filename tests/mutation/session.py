"""A pytest session that runs the tests once, to see which lines each one reaches, and then every mutant."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import coverage
import pytest

from .child import in_a_child
from .mutants import Mutant, module_name

#: A test that takes longer is left out; and so many seconds of tests are run for one mutant.
LONGEST, ENOUGH = 3.0, 30.0


class Mutation:
    """The plug-in: it replaces the loop in which pytest runs its tests."""

    def __init__(self, chosen: list[Mutant], files: list[Path], say: Callable[[str], None]) -> None:
        self.chosen, self.say = chosen, say
        self.failed = False
        #: What became of each mutant: whether it was noticed.
        self.noticed: dict[Mutant, bool] = {}
        # Started before the modules are imported, so that what runs then counts, too.
        include = [str(path.resolve()) for path in files]
        self.coverage = coverage.Coverage(data_file=None, include=include, branch=True, config_file=False)
        self.coverage.exclude("if TYPE_CHECKING:|raise AssertionError|raise NotImplementedError")
        self.coverage.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        began = time.monotonic()
        reached, seconds = self._map(session)
        self.say(f"{len(seconds)} tests in {time.monotonic() - began:.0f} s")
        self.coverage.report(file=sys.__stderr__, show_missing=True, skip_covered=True)
        for mutant in self.chosen:
            tests = _chosen(reached[str(Path(mutant.path).resolve()), mutant.line], seconds)
            self.noticed[mutant] = bool(tests) and self._notice(mutant, tests)
            if not self.noticed[mutant]:
                self.say(f"{'survived' if tests else 'unreached'} {mutant}")
        self.say(f"{len(self.chosen)} mutants, {time.monotonic() - began:.0f} s in all")
        return True

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed

    def _passes(self, item: Any) -> bool:
        self.failed = False
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return not self.failed

    def _notice(self, mutant: Mutant, tests: list[Any]) -> bool:
        """Whether a test fails, or does not end, with the change made in a child of this process."""

        def pass_all() -> bool:
            make(mutant)
            return all(map(self._passes, tests))

        return not in_a_child(pass_all, 2 * int(ENOUGH))

    def _map(self, session: pytest.Session) -> tuple[dict[tuple[str, int], list[Any]], dict[Any, float]]:
        """For each line of the modules the tests that reach it; and how long each test takes."""
        seconds: dict[Any, float] = {}
        items = {item.nodeid: item for item in session.items}
        for name, item in items.items():
            forget()  # or else only the first test would reach what is remembered
            self.coverage.switch_context(name)
            began = time.process_time()
            if self._passes(item):
                seconds[item] = time.process_time() - began
            else:
                self.say(f"  fails without a change: {name}")
        self.coverage.stop()
        reached: dict[tuple[str, int], list[Any]] = defaultdict(list)
        data = self.coverage.get_data()
        for file in data.measured_files():
            for line, names in data.contexts_by_lineno(file).items():
                reached[file, line] = [items[name] for name in names if items.get(name) in seconds]
        return reached, seconds


def _chosen(tests: list[Any], seconds: dict[Any, float]) -> list[Any]:
    """The tests that are run for a mutant, up to so many seconds: the fastest case of each test first."""
    cases: dict[str, int] = defaultdict(int)
    turns: list[tuple[int, float, Any]] = []
    for test in sorted(tests, key=lambda test: seconds[test]):
        if seconds[test] <= LONGEST:
            function = test.nodeid.partition("[")[0]
            turns.append((cases[function], seconds[test], test))
            cases[function] += 1
    total, chosen = 0.0, []
    for _, taken, test in sorted(turns, key=lambda turn: turn[:2]):
        total += taken
        if total > ENOUGH:
            break
        chosen.append(test)
    return chosen


def make(mutant: Mutant) -> None:
    """Give the mutant's function its other code, in this process."""
    module = sys.modules[module_name(mutant)]
    code = compile(mutant.tree(), mutant.path, "exec", dont_inherit=True)
    for part in mutant.function:
        code = next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == part)
    function: Any = module
    for part in mutant.function:
        function = vars(function)[part]
    bare = _bare(function)
    bare.__code__ = code
    forget()


def forget() -> None:
    """Make specgen work out anew what it remembers from one call to the next."""
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("specgen"):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
    from specgen.layers import registry

    registry.forget_answers()


def _bare(function: Any) -> FunctionType:
    """The function under what decorators put around it."""
    for name in ("__wrapped__", "__func__", "fget", "func", "wrapped"):
        if not isinstance(function, FunctionType) or name == "__wrapped__":
            function = getattr(function, name, function)
    assert isinstance(function, FunctionType), function
    return function

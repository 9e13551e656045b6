"""Changes outside of functions, such as tables and defaults: a child of this process imports them anew."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .child import in_a_child
from .mutants import Mutant, module_name

#: So many seconds of tests are run for one change.
ENOUGH = 120

#: What specgen imports, and takes long to.
_IMPORTED = ("click", "jinja2", "lark", "numpy", "pydantic", "safetensors.torch", "torch")


def notices(mutant: Mutant | None, tests: Sequence[str]) -> bool:
    """Whether some tests fail, or do not end, where specgen is imported with a change, or with none."""
    if "specgen" in sys.modules:
        raise RuntimeError("specgen has been imported already, without the change")
    for name in _IMPORTED:
        importlib.import_module(name)
    return not in_a_child(lambda: _pass(mutant, tests), 2 * ENOUGH)


def _pass(mutant: Mutant | None, tests: Sequence[str]) -> bool:
    if mutant is not None:
        sys.meta_path.insert(0, Changed(mutant))
    options = ["-x", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    began = time.process_time()
    for test in tests:
        if pytest.main([*options, test]) != pytest.ExitCode.OK:
            return False
        if time.process_time() - began > ENOUGH:
            break
    return True


class Changed(MetaPathFinder, Loader):
    """Finds one module, and runs its source with a change."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != module_name(self.mutant):
            return None
        file = Path(self.mutant.path).resolve()
        inside = [str(file.parent)] if file.name == "__init__.py" else None
        return spec_from_file_location(name, file, loader=self, submodule_search_locations=inside)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.mutant.tree(), self.mutant.path, "exec", dont_inherit=True), vars(module))

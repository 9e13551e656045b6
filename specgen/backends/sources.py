"""The source of classes and functions that an emitted file may carry a copy of: read, never imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from specgen.diagnostics import Diagnostic, SpecError
from specgen.python_ast import parse_module


@cache
def definitions(module: str) -> Mapping[str, str]:
    """The top-level classes and functions of a module by name, as they are written.

    Raises `SpecError` where there is no such module.
    """
    try:
        spec = find_spec(module)
    except ImportError:
        spec = None
    if spec is None:
        why = "it would hold the class of a layer: the layer's `modules` names it"
        raise SpecError([Diagnostic("layer-fails", f"there is no module `{module}`", notes=(why,))])
    loader: Any = spec.loader
    text: str = loader.get_source(module)
    rows = text.split("\n")
    return MappingProxyType(
        {
            node.name: "\n".join(rows[_first_line(node) - 1 : node.end_lineno])
            for node in parse_module(text).body
            if isinstance(node, (ast.ClassDef, ast.FunctionDef))
        }
    )


def _first_line(node: ast.ClassDef | ast.FunctionDef) -> int:
    return min(one.lineno for one in (node, *node.decorator_list))


def names(code: str) -> set[str]:
    """The names that code mentions."""
    return {node.id for node in ast.walk(parse_module(code)) if isinstance(node, ast.Name)}


def with_their_own(wanted: Iterable[str], known: Mapping[str, str]) -> list[str]:
    """Those of some names that are known, and what their sources mention of the known, in its order."""
    found: set[str] = set()
    waiting = set(wanted)
    while waiting := (waiting & known.keys()) - found:
        found |= waiting
        waiting = set[str]().union(*(names(known[name]) for name in waiting))
    return [name for name in known if name in found]


@cache
def classes_of_torch() -> frozenset[str]:
    """The classes of `torch.nn` as the PyTorch that is installed lists them; none where there is none."""
    try:
        torch = find_spec("torch")
        folder = ((torch and torch.submodule_search_locations) or [""])[0]
        source = Path(folder, "nn", "modules", "__init__.py").read_text(encoding="utf-8")
    except (ImportError, OSError, ValueError):
        return frozenset()
    return frozenset(
        text.value
        for node in parse_module(source).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for text in ast.walk(node.value)
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    )

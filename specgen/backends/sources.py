"""The source of classes and functions that an emitted file may carry a copy of: read, never imported."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
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
            node.name: "\n".join(rows[node.lineno - 1 : node.end_lineno])
            for node in parse_module(text).body
            if isinstance(node, (ast.ClassDef, ast.FunctionDef))
        }
    )

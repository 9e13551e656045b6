"""specgen: a small compiler for neural-network architectures.

import specgen

model = specgen.load("vgg11", num_classes=10)       # an nn.Sequential
network = specgen.compile("vgg11")                  # checked, with shapes; imports no torch
print(network.summary())
source = network.emit()                             # one Python module
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specgen.compiler import SpecWarning, compile, load  # noqa: A004
    from specgen.diagnostics import Diagnostic, NetworkError, SpecError, WeightsError
    from specgen.formatting import format_text
    from specgen.grid import SweepProblem, SweepResult, sweep
    from specgen.ir import Network
    from specgen.layers.base import Call, Layer, Refusal
    from specgen.layers.registry import register_layer
    from specgen.limits import Limits
    from specgen.shape import Shape
    from specgen.shipped import ListedSpec, list_specs
    from specgen.views.difference import Difference, diff

__version__ = "0.1.0"

_HOMES = {
    "Call": "specgen.layers.base",
    "Diagnostic": "specgen.diagnostics",
    "Difference": "specgen.views.difference",
    "Layer": "specgen.layers.base",
    "Limits": "specgen.limits",
    "ListedSpec": "specgen.shipped",
    "Network": "specgen.ir",
    "NetworkError": "specgen.diagnostics",
    "Refusal": "specgen.layers.base",
    "Shape": "specgen.shape",
    "SpecError": "specgen.diagnostics",
    "SpecWarning": "specgen.compiler",
    "SweepProblem": "specgen.grid",
    "SweepResult": "specgen.grid",
    "WeightsError": "specgen.diagnostics",
    "compile": "specgen.compiler",
    "diff": "specgen.views.difference",
    "format_text": "specgen.formatting",
    "list_specs": "specgen.shipped",
    "load": "specgen.compiler",
    "register_layer": "specgen.layers.registry",
    "sweep": "specgen.grid",
}

__all__ = [
    "Call",
    "Diagnostic",
    "Difference",
    "Layer",
    "Limits",
    "ListedSpec",
    "Network",
    "NetworkError",
    "Refusal",
    "Shape",
    "SpecError",
    "SpecWarning",
    "SweepProblem",
    "SweepResult",
    "WeightsError",
    "compile",
    "diff",
    "format_text",
    "list_specs",
    "load",
    "register_layer",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'specgen' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

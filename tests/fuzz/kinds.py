"""The kinds of fuzzing by name. A kind is imported when it is asked for: some import torch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .kind import Kind

#: Name, module and class.
_WHERE = {
    "bytes": ("texts", "Bytes"),
    "tokens": ("texts", "Tokens"),
    "programs": ("agreement", "Programs"),
    "broken": ("broken", "Breaker"),
    "injection": ("injection", "Injection"),
    "layers": ("layers", "Layers"),
}

KINDS = tuple(_WHERE)


def make(name: str, **options: Any) -> Kind[Any]:
    """The kind of that name, with nothing drawn yet."""
    module, kind = _WHERE[name]
    made: Kind[Any] = getattr(import_module(f".{module}", __package__), kind)(**options)
    return made

"""What is measured beside specgen, imported where it is there."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from benchmarks.harness import Absent


@cache
def torchvision() -> Any:
    """`torchvision.models`; raises `Absent` where it cannot be imported."""
    try:
        return import_module("torchvision.models")
    except (ImportError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        raise Absent(f"torchvision cannot be imported: {reason}") from None

"""Finds `grammars/`, `templates/`, `specs/`, `explanations/`: in the package, or beside it in a checkout."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


def read(folder: str, name: str) -> str:
    """The text of a data file; `FileNotFoundError` if there is none of that name."""
    return str(_folder(folder).joinpath(name).read_text(encoding="utf-8"))


def names(folder: str, ending: str) -> list[str]:
    """The names of the data files with an ending, sorted, without it."""
    files = (entry.name for entry in _folder(folder).iterdir())
    return sorted(name.removesuffix(ending) for name in files if name.endswith(ending))


@cache
def _folder(name: str) -> Any:
    package = Path(__file__).parent
    for place in (package / name, package.parent / name):
        if place.is_dir():
            return place
    # Inside a zip file there are no paths: importlib.resources knows how to look there.
    return import_module("importlib.resources").files("specgen").joinpath(name)

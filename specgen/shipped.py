"""The specs that come with specgen: finding one by its name, and the list of all with their figures.

To work out the figures of all takes as long as to elaborate all. `specs/figures.json` holds them, each with
the digest of the spec that it is of; those of another text are worked out anew. After a change of a shipped
spec, `python -m specgen.shipped` writes the file; a test says so when it is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from specgen import resources, syntax
from specgen.parser import parse
from specgen.shape import Shape
from specgen.source import Source

ENDING = ".spec"
_FOLDER, _FIGURES = "specs", "figures.json"


@dataclass(frozen=True)
class ListedSpec:
    """A shipped spec, or one of its variants."""

    name: str
    file: str
    description: str
    input: Shape
    params: int
    macs: int
    settings: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """It as plain data, the shape as its sizes."""
        return {**asdict(self), "input": list(map(int, self.input.sizes))}


def find(name: str) -> tuple[Source, syntax.Spec, str | None] | None:
    """The shipped spec of that name, or the one with a variant of that name, whatever its case."""
    wanted = name.removesuffix(ENDING).casefold()
    files = resources.names(_FOLDER, ENDING)
    for file in files:
        if file.casefold() == wanted:
            return *_parsed(file), None
    for file in files:
        if wanted in _text(file).casefold():
            source, spec = _parsed(file)
            for variant in spec.variants:
                if variant.name.text.casefold() == wanted:
                    return source, spec, variant.name.text
    return None


def names() -> list[str]:
    """The names of all shipped specs and their variants."""
    found = []
    for file in resources.names(_FOLDER, ENDING):
        found += [file, *(variant.name.text.lower() for variant in _parsed(file)[1].variants)]
    return list(dict.fromkeys(found))


def list_specs() -> list[ListedSpec]:
    """The shipped specs and their variants, with parameters and multiply-adds at their own input."""
    try:
        stored = json.loads(resources.read(_FOLDER, _FIGURES))
    except (OSError, ValueError):
        stored = {}
    found: list[dict[str, Any]] = []
    for file in resources.names(_FOLDER, ENDING):
        known = stored.get(file, {})
        found += known["specs"] if known.get("digest") == _digest(file) else _worked_out(file)
    return [_listed(**one) for one in found]


def _listed(*, input: list[int], settings: dict[str, Any], **rest: Any) -> ListedSpec:  # noqa: A002
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    return ListedSpec(input=Shape.of_sizes(tuple(input)), settings=values, **rest)


def _worked_out(file: str) -> list[dict[str, Any]]:
    """What the list says of a spec and its variants."""
    # What is stored needs none of these.
    from specgen.elaborate import elaborate
    from specgen.limits import DEFAULT_LIMITS
    from specgen.names import class_name
    from specgen.statements import Request

    source, spec = _parsed(file)
    found = []
    for variant in (None, *spec.variants):
        request = Request(variant=variant, name=class_name(file))
        network = elaborate(source, spec, request, DEFAULT_LIMITS).network
        listed = ListedSpec(
            name=variant.name.text.lower() if variant else file,
            file=source.name,
            description=network.description.partition("\n")[0],
            input=network.input_shape,
            params=network.params,
            macs=network.macs,
            settings=network.settings,
        )
        found.append(listed.plain())
    return found


@cache
def _parsed(file: str) -> tuple[Source, syntax.Spec]:
    source = Source(_text(file), file + ENDING, file)
    return source, parse(source)


def _text(file: str) -> str:
    return resources.read(_FOLDER, file + ENDING)


def _digest(file: str) -> str:
    from hashlib import sha256

    return sha256(_text(file).encode()).hexdigest()


def dump() -> str:
    """The figures as the file holds them."""
    files = resources.names(_FOLDER, ENDING)
    figures = {file: {"digest": _digest(file), "specs": _worked_out(file)} for file in files}
    return json.dumps(figures, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(__file__).parent.parent.joinpath(_FOLDER, _FIGURES).write_text(dump(), encoding="utf-8")

"""The pages that are written from the registry: one for each layer, and their list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, get_args

import specgen
from specgen.layers import registry
from specgen.layers.base import Family, Layer
from specgen.views import reference

#: What stands in front of the example of a layer: the first of these that it accepts.
BEFORE = (
    "input 64x56x56", "input 64x56x56\nchannels_last", "input 768x14x14\ntokens", "input 64", "input 6272"
)  # fmt: skip


def write_layer_pages(folder: Path) -> None:
    """Write the pages of all layers into a folder; those of layers that are gone are removed."""
    folder.mkdir(exist_ok=True)
    pages = {"index.md": index_page(), **{f"{layer.word}.md": layer_page(layer) for layer in own_layers()}}
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def own_layers() -> list[type[Layer]]:
    """The layers that come with specgen, by family."""
    order = get_args(Family)
    own = (layer for layer in registry.layers() if not layer.is_foreign)
    return sorted(own, key=lambda layer: order.index(layer.family))


def index_page() -> str:
    """The list of all layers, by family."""
    lines = [
        "# Layers",
        "",
        "Every layer, with what it takes and what comes out. On the command line: `specgen layers NAME`.",
    ]
    for family, members in groupby(own_layers(), key=lambda layer: layer.family):
        rows = [
            (f"[`{layer.word}`]({layer.word}.md)", _code(layer.other_words), reference.first_line(layer))
            for layer in members
        ]
        lines += ["", f"## {family.capitalize()}", "", *_table(("word", "other words", ""), rows)]
    words = "\n".join(layer.word for layer in own_layers())
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", words, "```", ""])


def layer_page(layer: type[Layer]) -> str:
    """The page of one layer: what it is, its options and flags, its output, and an example."""
    entry = reference.describe(layer)
    lines = [f"# `{layer.word}`", "", entry["description"], ""]
    if layer.other_words:
        lines += [f"Other words for it: {_code(layer.other_words)}.", ""]
    rows = [
        (f"`{row['name']}`", _position(row), _default(row["default"]), row["type"])
        for row in entry["options"]
    ]
    if rows:
        lines += ["## Options", "", *_table(("option", "written as", "default", "must be"), rows), ""]
    if entry["flags"]:
        lines += [f"Flags: {_code(entry['flags'])}.", ""]
    lines += ["## Output", "", f"{entry['output']}.", "", *_example(layer)]
    return "\n".join(lines)


def _position(row: dict[str, Any]) -> str:
    """How an option is written: by position, by its short names, by its own."""
    place = ["by position"] if row["position"] else []
    return ", ".join([*place, *(f"`{name}=`" for name in (*row["short"], row["name"]))])


def _default(value: str) -> str:
    return value if value == "required" else f"`{value}`"


def _example(layer: type[Layer]) -> Iterator[str]:
    """A spec of the layer's example, and what it becomes."""
    for before in BEFORE:
        text = f"{before}\n{layer.example}\n"
        try:
            network = specgen.compile(text=text)
        except specgen.SpecError:
            continue
        yield from ("## Example", "", "```spec", text.rstrip(), "```", "")
        table, _, _ = network.summary(columns="name,layer,output,params,macs").partition("\n\n")
        yield from ("```text", table, "```", "")
        return
    raise ValueError(f"the example of {layer.word} fits nothing: {layer.example}")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in cells]


def _code(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)

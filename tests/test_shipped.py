"""The list of shipped specs: its figures are stored, and are those of the specs."""

from __future__ import annotations

import json

import pytest

import specgen
from specgen import resources, shipped


def test_the_figures_are_up_to_date() -> None:
    assert resources.read("specs", "figures.json") == shipped.dump(), "run python -m specgen.shipped"


def test_what_is_listed_is_what_is_compiled() -> None:
    for listed in specgen.list_specs():
        network = specgen.compile(listed.name)
        assert (listed.input, listed.params, listed.macs, dict(listed.settings)) == (
            network.input_shape, network.params, network.macs, dict(network.settings),
        )  # fmt: skip
        assert network.description.startswith(listed.description)


@pytest.mark.parametrize("stored", ["{}", "not JSON", None])
def test_without_the_figures_they_are_worked_out(stored: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [one for one in specgen.list_specs() if one.file == "vgg16.spec"]
    files = {"vgg16.spec": resources.read("specs", "vgg16.spec"), "figures.json": stored}
    replace_files(monkeypatch, {name: text for name, text in files.items() if text is not None})
    assert specgen.list_specs() == listed


def test_the_figures_of_another_text_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = json.loads(resources.read("specs", "figures.json"))
    for one in figures["vgg16"]["specs"]:
        one["params"] = 7
    files = {"vgg16.spec": resources.read("specs", "vgg16.spec"), "figures.json": json.dumps(figures)}
    replace_files(monkeypatch, files)
    assert {one.params for one in specgen.list_specs()} == {7}
    files["vgg16.spec"] += "\n"
    assert [one.params for one in specgen.list_specs()] == [138_357_544, 138_365_992]


def replace_files(monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> None:
    """Let these be all that is shipped."""

    def read(folder: str, name: str) -> str:
        try:
            return files[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def names(folder: str, ending: str) -> list[str]:
        return [name.removesuffix(ending) for name in files if name.endswith(ending)]

    monkeypatch.setattr(shipped.resources, "read", read)
    monkeypatch.setattr(shipped.resources, "names", names)

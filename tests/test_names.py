"""Which names cannot be used, why, and what class names are made of."""

from __future__ import annotations

import keyword

import pytest

from specgen.names import CALLED_NAMES, FILE_NAMES, MODULE_ATTRIBUTES, class_name, objection


def test_keywords_and_the_names_of_the_file_are_never_free() -> None:
    for name in keyword.kwlist:
        assert objection(name) == objection(name, local=True) == "a Python keyword"
    for name in FILE_NAMES:
        assert objection(name) == objection(name, local=True) == "a name the emitted file uses itself"


def test_what_constructors_call_is_taken_among_arguments_alone() -> None:
    for name in CALLED_NAMES:
        assert objection(name, local=True) == "a name the emitted file uses itself"
    assert objection("range") is objection("Scale") is None


def test_attributes_of_modules_are_taken_among_children_alone() -> None:
    for name in MODULE_ATTRIBUTES:
        assert objection(name) == "an attribute of every `nn.Module`"
    assert objection("train", local=True) is None
    assert objection("_x") == "a private name: `nn.Module` keeps its own under an underscore"
    assert objection("_x", local=True) is None


@pytest.mark.parametrize("name", ["conv1", "x", "features", "layer_1", "Block", "trains", "In"])
def test_other_names_are_free(name: str) -> None:
    assert objection(name) is objection(name, local=True) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("vgg11", "Vgg11"),
        ("my-net 2", "MyNet2"),
        ("my_net", "MyNet"),
        ("ResNet50", "ResNet50"),
        ("aBC", "ABC"),
        ("", "Network"),
        ("-_é", "Network"),
        ("2nd", "Net2nd"),
        ("none", "NetNone"),
        ("tensor", "NetTensor"),
        ("scale", "NetScale"),
        ("true", "NetTrue"),
        ("orderedDict", "NetOrderedDict"),
        ("über", "Ber"),
    ],
)
def test_class_names(text: str, name: str) -> None:
    assert class_name(text) == name
    assert objection(name) is objection(name, local=True) is None

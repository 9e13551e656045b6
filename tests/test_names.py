"""Which names cannot be used, why, and what class names are made of."""

from __future__ import annotations

import inspect
import keyword

import pytest

import specgen
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


#: Every place where an expression stands, as `HERE`.
PLACES = [
    "param a = HERE",
    "let a = 2 * HERE",
    "conv HERE",
    "conv 8 k=HERE",
    "conv 8 k=(3, HERE)",
    "conv 8 drop=HERE",
    "default conv k=HERE",
    "repeat HERE { relu }",
    "repeat 2 { conv HERE }",
    "repeat 2 as i { conv i + HERE }",
    "if HERE == 1 { relu }",
    "if 1 == 1 { relu } else if HERE == 1 { relu }",
    "if 1 == 1 { relu } else { conv HERE }",
    "if 1 == 2 { conv HERE }",
    "if not (1 == HERE) { relu }",
    "residual when HERE == 1 { relu }",
    "residual { conv HERE }",
    "residual { conv 8 } else { conv HERE }",
    "add { relu | conv HERE }",
    "group: { conv HERE }",
    "expect (3, HERE, 8)",
    "init conv normal std=HERE",
    "block b(c=HERE) { conv c }",
    "block b(c) { conv c + HERE }",
    "block b(c) { conv c }\nb HERE",
    "block b(c) { conv c }\nb c=HERE",
    "variant Small a=HERE\nparam a = 1",
]


@pytest.mark.parametrize("text", PLACES)
def test_a_name_that_is_not_known_is_found_wherever_it_stands(text: str) -> None:
    """Also where the program does not come by."""
    spec = f"input 3x8x8\n{text}\n"
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=spec.replace("HERE", "max(nothing, 1)"))
    found = caught.value.diagnostics[0]
    assert found.code == "unknown-name"
    assert found.source is not None and found.place == found.source.position(
        found.source.text.index("nothing")
    )


@pytest.mark.parametrize("name", [*inspect.signature(specgen.load).parameters])
def test_a_param_is_not_called_as_an_argument_of_load(name: str) -> None:
    """It could not be given: `specgen.load("f.spec", weights=2)` means the argument."""
    if name == "params":  # what stands for all of them
        return
    for text in (
        f"param {name} = 2\ninput 3x8x8\nconv 4",
        f"input 3x8x8\nlet {name} = 2\nconv {name}",
        f"input 3x8x8\nblock b({name}) {{ conv {name} }}\nb 4",
        f"input 3x8x8\nrepeat {name} in 2 {{ conv 4 }}",
    ):
        with pytest.raises(specgen.SpecError) as caught:
            specgen.compile(text=text)
        assert {one.code for one in caught.value.diagnostics} & {"name-taken", "syntax"}

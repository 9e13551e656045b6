"""The JSON Schema of a network: what networks come to fits it, and what is tampered with does not."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, meta

import specgen
from specgen import shipped
from specgen.cli import main
from specgen.layers import registry
from specgen.layers.fields import Sizes
from specgen.layers.schema import layer_schema

Json = Any


@pytest.fixture(scope="module")
def schema() -> Json:
    """The schema as a user gets it; no torch is imported for it."""
    program = (
        "import sys; from specgen.cli import main; code = main(['schema']);"
        "sys.exit(code or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def validator(schema: Json) -> Draft202012Validator:
    meta.validate(schema)
    return Draft202012Validator(schema)


@pytest.fixture
def tree() -> Json:
    return json.loads(specgen.compile("resnet18").model_dump_json())


def test_it_names_its_dialect(schema: Json) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_networks_fit(name: str, validator: Draft202012Validator) -> None:
    found = validator.iter_errors(json.loads(specgen.compile(name).model_dump_json()))
    assert [f"{error.instance_path}: {error.message}"[:300] for error in found] == []


def test_every_layer_is_described(schema: Json) -> None:
    (kinds,) = (node["oneOf"] for node in walk(schema) if "discriminator" in node and len(node["oneOf"]) > 9)
    assert [kind["title"] for kind in kinds] == [layer.word for layer in registry.layers()]
    for kind in kinds:
        assert kind["description"] and kind["additionalProperties"] is False
        for option in kind["properties"].values():
            assert option.keys() & {"type", "enum", "anyOf"}


@pytest.mark.parametrize("layer", registry.layers(), ids=lambda layer: layer.word)
def test_defaults_fit_their_own_schema(layer: type[specgen.Layer]) -> None:
    schema = layer_schema(layer)
    meta.validate(schema)
    for option in schema["properties"].values():
        if "default" in option:
            Draft202012Validator(option).validate(json.loads(json.dumps(option["default"])))


#: Values around every bound, and of every type that JSON has.
VALUES: list[Json] = [
    None, True, False, "", "word", "same", "zeros", {}, [], 0.5, 1.5, -0.5, 1e-9, 1e300, 2.0,
    *range(-6, 7), 2**31 - 1, 2**31, 1 - 2**31, -(2**31),
    [0], [1], [-1], [None], [0.5], ["none"], [[1]], [2**31 - 1], [2**31],
    *([1] * count for count in range(2, 9)),
]  # fmt: skip


@pytest.mark.parametrize("layer", registry.layers(), ids=lambda layer: layer.word)
def test_the_schema_takes_what_the_layer_takes(layer: type[specgen.Layer]) -> None:
    properties = layer_schema(layer)["properties"]
    for name, option in layer.options.items():
        validator = Draft202012Validator(properties[name])
        for value in VALUES:
            try:
                option.kind.check(value)
                taken = True
            except ValueError:
                taken = False
            if value != ["none"]:  # the word stands for JSON's null in a spec alone
                assert validator.is_valid(value) is taken, f"{name}={value!r}"


@pytest.mark.parametrize("layer", registry.layers(), ids=lambda layer: layer.word)
def test_a_layers_kind_is_one_of_its_words(layer: type[specgen.Layer]) -> None:
    validator = Draft202012Validator(layer_schema(layer))
    required = {
        name: [1, 1] if isinstance(option.kind, Sizes) else 1
        for name, option in layer.options.items()
        if option.required
    }
    for word in (layer.word, *layer.other_words):
        assert validator.is_valid({"kind": word, **required})
    assert not validator.is_valid(required)
    assert not validator.is_valid({"kind": "graph", **required})
    assert not validator.is_valid({"kind": layer.word, **required, "size_of_it": 1})
    for name in required:
        assert not validator.is_valid({"kind": layer.word, **required} | {name: None})


def walk(value: Json) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def first(tree: Json, key: str, value: Json) -> dict[str, Any]:
    return next(node for node in walk(tree) if node.get(key) == value)


def conv(tree: Json) -> dict[str, Any]:
    """The first convolution; an `init` has its kind, too."""
    return next(node for node in walk(tree) if "out_channels" in node)


DAMAGE: dict[str, Callable[[Json], object]] = {
    "a kind that is none": lambda tree: conv(tree).update(kind="convolution"),
    "a layer without its channels": lambda tree: conv(tree).pop("out_channels"),
    "an option of another layer": lambda tree: first(tree, "kind", "relu").update(kernel_size=3),
    "a size below zero": lambda tree: tree["root"]["input"].update(channels=-3),
    "no size": lambda tree: tree["root"]["output"].update(channels=0),
    "a size that is text": lambda tree: tree["root"]["input"].update(spatial=["224", 224]),
    "a kernel of zero": lambda tree: conv(tree).update(kernel_size=0),
    "a kernel with a fraction": lambda tree: conv(tree).update(kernel_size=2.5),
    "a flag that is a number": lambda tree: conv(tree).update(bias=1),
    "a padding mode that is none": lambda tree: conv(tree).update(padding_mode="wrap"),
    "a node that is none": lambda tree: first(tree, "node", "layer").update(node="graph"),
    "a join that is none": lambda tree: first(tree, "node", "parallel").update(join="max"),
    "no branches": lambda tree: first(tree, "node", "parallel").update(branches=[]),
    "a name that is none": lambda tree: tree.update(name="my net"),
    "an expression that is a number": lambda tree: conv(tree).update(written={"out_channels": 4}),
    "an expression in a tuple that is a number": lambda tree: conv(tree).update(written={"stride": [4]}),
    "an expression that is too long": lambda tree: conv(tree).update(written={"stride": "1" * 401}),
    "an expression for what is no option": lambda tree: conv(tree).update(written={"size": "n"}),
    "expressions that are no table": lambda tree: conv(tree).update(written=["n"]),
    "a field too many": lambda tree: tree.update(version=2),
    "no root": lambda tree: tree.pop("root"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_does_not_fit(what: str, tree: Json, validator: Draft202012Validator) -> None:
    assert validator.is_valid(tree)
    damaged = copy.deepcopy(tree)
    DAMAGE[what](damaged)
    assert not validator.is_valid(damaged)


def test_a_spec_comes_out_as_its_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "resnet", "--variant", "resnet18", "--set", "num_classes=10"]) == 0
    network = specgen.compile("resnet18", num_classes=10)
    assert specgen.Network.model_validate_json(capsys.readouterr().out) == network


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--set", "a=1"]) == 2
    assert main(["schema", "no-such-spec"]) == 2
    assert "no shipped spec" in capsys.readouterr().err

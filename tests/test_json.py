"""The network as JSON: out and in again, and what was tampered with is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import specgen
from specgen import resources

Json = Any

#: A block with arguments, a join in it, a guard, an expression, a group and an `init`.
SPEC = """
# What a test of JSON needs.
network Sample
param width = 8
param rate = 0.5
input 3x8x8
default conv bn
init conv kaiming_normal bias=0
block cell(c, s=1, e=2*c) {
    residual { conv e k=1; conv c s=s } else { conv c k=1 s=s linear }
    residual when s == 1 { conv c linear }
    cat { conv e | id }
}
stem: { conv width; cell width; cell 2*width s=2; cell width }
mul { id | gap; conv width k=1; conv in + 16 k=1 sigmoid }
gap
fc 10 drop=rate
fc 2
"""


@pytest.fixture(scope="module")
def sample() -> specgen.Network:
    return specgen.compile(text=SPEC)


@pytest.fixture
def tree(sample: specgen.Network) -> Json:
    return json.loads(sample.model_dump_json())


def nodes(value: Json) -> Iterator[dict[str, Any]]:
    """Every node of the tree, outermost first."""
    if isinstance(value, dict):
        if "node" in value:
            yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def layer(tree: Json, kind: str, number: int = 0) -> dict[str, Any]:
    found = [node for node in nodes(tree) if node["node"] == "layer" and node["layer"]["kind"] == kind]
    return found[number]


def node_of(tree: Json, kind: str, number: int = 0) -> dict[str, Any]:
    return [node for node in nodes(tree) if node["node"] == kind][number]


def guarded(tree: Json) -> dict[str, Any]:
    return next(node for node in nodes(tree) if node.get("guard"))


def read(tree: Json) -> specgen.Network:
    return specgen.Network.model_validate_json(json.dumps(tree))


# --- out and in --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", resources.names("specs", ".spec"))
def test_shipped_specs_come_back(name: str) -> None:
    network = specgen.compile(name)
    text = network.model_dump_json()
    again = specgen.Network.model_validate_json(text)
    assert again == network
    assert again.model_dump_json() == text
    assert again.emit() == network.emit()
    assert again.layers == network.layers


def test_sample_comes_back(sample: specgen.Network, tree: Json) -> None:
    again = read(tree)
    assert again == sample
    assert again.emit() == sample.emit()
    assert "width" in layer(tree, "conv")["layer"]["written"]["out_channels"]


def test_json_is_the_same_for_the_same_spec(sample: specgen.Network) -> None:
    assert specgen.compile(text=SPEC).model_dump_json() == sample.model_dump_json()


# --- tampered with -----------------------------------------------------------------------------------

INJECTED = (
    "__import__('os')",
    "__import__('os').system('true')",
    "(lambda: 1)()",
    "c if c else 1",
    "open('x')",
    "c; c",
    "c\n",
    "().__class__",
    "[c for c in (1,)][0]",
    "c := 1",
    "f'{c}'",
    "'c'",
    "True",
    "None",
    "nan",
    "1e999",
    "0x10 ** 9",
    "9**9**9",
    "torch.load(c)",
    "getattr(c, 'x')",
    "min(c, *[1])",
    "int(c, base=2)",
    "c[0]",
    "c.real",
    "(c,)",
    "await c",
    "#",
    "",
    " ",
    "c" * 500,
    "(" * 200 + "c" + ")" * 200,
    "-" * 300 + "1",
    "c // 0",
    "math.floor(c",
    "ｃ",
    "é",
)


@pytest.mark.parametrize("text", INJECTED)
def test_injected_expression_of_an_option(tree: Json, text: str) -> None:
    options = layer(tree, "conv")["layer"]
    options["written"] = {"out_channels": text}
    with pytest.raises(specgen.NetworkError):
        read(tree)


@pytest.mark.parametrize("text", INJECTED)
def test_injected_expression_of_an_argument(tree: Json, text: str) -> None:
    node_of(tree, "block")["arguments"]["c"] = {"value": 8, "written": text}
    with pytest.raises(specgen.NetworkError):
        read(tree)


@pytest.mark.parametrize(
    "text", [text for text in INJECTED if text] + ["1 == 1", "s", "in_channels", "not", "not s", "e"]
)
def test_injected_condition(tree: Json, text: str) -> None:
    guarded(tree)["guard"] = text
    with pytest.raises(specgen.NetworkError):
        read(tree)


@pytest.mark.parametrize(
    "value",
    ["_", "a b", "1a", "", "a\n", "a;b", "é", "a" * 201, "__class__", "class", "forward", "nn", "0", 0, None],
)
def test_wrong_name_of_a_child(tree: Json, value: Json) -> None:
    layer(tree, "bn", 2)["name"] = value
    with pytest.raises(specgen.NetworkError):
        read(tree)


@pytest.mark.parametrize(
    "value",
    ["", "a b", "1", "x\n", "x)", 'x"""', "import os", None, 3, "a" * 201, "nn", "class", "torch", "Tensor"],
)
def test_wrong_name_of_the_network(tree: Json, value: Json) -> None:
    tree["name"] = value
    with pytest.raises(specgen.NetworkError):
        read(tree)


@pytest.mark.parametrize("value", ["", "a b", "1", "x\n", "x)", None, 3, "a" * 201])
def test_wrong_name_of_a_block(tree: Json, value: Json) -> None:
    node_of(tree, "block")["block"] = value
    with pytest.raises(specgen.NetworkError):
        read(tree)


@pytest.mark.parametrize("value", ["a b", "x)", "self", "nn", "class", "super", "int", "in_channels"])
def test_wrong_name_of_an_argument(tree: Json, value: str) -> None:
    arguments = node_of(tree, "block")["arguments"]
    arguments[value] = 3
    with pytest.raises(specgen.NetworkError):
        read(tree)


@pytest.mark.parametrize("value", ["a b", "x)", "self", "nn", "class", "super", "int"])
def test_wrong_name_of_a_param(tree: Json, value: str) -> None:
    tree["settings"][value] = 3
    with pytest.raises(specgen.NetworkError):
        read(tree)


def change(path: str, value: Json) -> Callable[[Json], None]:
    """Set what is at a path, such as `root.steps.0.name`."""

    def apply(tree: Json) -> None:
        *way, last = path.split(".")
        for part in way:
            tree = tree[int(part) if part.isdigit() else part]
        tree[int(last) if last.isdigit() else last] = value

    return apply


SIZES = (0, -1, 2**31, 2**63, 2**64, 10**400, 1.5, 8.5, True, "8", None, [], {})

CHANGES: dict[str, Callable[[Json], None]] = {
    "another input": change("root.input", [4, 8, 8]),
    "another output": change("root.output", [3]),
    "no shape": change("root.input", []),
    "a shape of words": change("root.input", ["3", "8", "8"]),
    "a shape that is none": change("root.input", None),
    "five axes": change("root.input", [3, 8, 8, 8, 8]),
    "unknown kind": change("root.steps.1.steps.0.branches.1.steps.0.layer.kind", "conw"),
    "kind of a class": change("root.steps.1.steps.0.branches.1.steps.0.layer.kind", "Conv"),
    "kind that is no word": change("root.steps.1.steps.0.branches.1.steps.0.layer.kind", ["conv"]),
    "no kind": change("root.steps.1.steps.0.branches.1.steps.0.layer", {}),
    "layer that is a word": change("root.steps.1.steps.0.branches.1.steps.0.layer", "conv"),
    "unknown node": change("root.steps.0.node", "module"),
    "node that fits another": change("root.steps.0.node", "block"),
    "unknown join": change("root.steps.1.steps.0.join", "sub"),
    "another join": change("root.steps.1.steps.0.join", "cat"),
    "no branches": change("root.steps.1.steps.0.branches", []),
    "unknown option": change("root.steps.0.steps.0.layer.colour", 1),
    "unknown field": change("root.colour", 1),
    "unknown field of the network": change("colour", 1),
    "root that is a list": change("root", []),
    "no root": lambda tree: tree.pop("root"),
    "no name": lambda tree: tree.pop("name"),
    "steps that are none": change("root.steps", None),
    "no steps": change("root.steps", []),
    "steps left out": lambda tree: tree["root"]["steps"].pop(),
    "steps exchanged": lambda tree: tree["root"]["steps"].reverse(),
    "names exchanged": lambda tree: tree["root"]["steps"][0]["steps"][0].update(name="1"),
    "a name twice": lambda tree: tree["root"]["steps"][2].update(name="stem"),
    "a position that is another": lambda tree: tree["root"]["steps"][0]["steps"][1].update(name="7"),
    "a position with a zero in front": lambda tree: tree["root"]["steps"][0]["steps"][1].update(name="01"),
    "written for what is no option": lambda tree: layer(tree, "conv")["layer"].update(
        written={"colour": "c"}
    ),
    "written that is a list": lambda tree: layer(tree, "conv")["layer"].update(written=["out_channels"]),
    "written that is a number": lambda tree: layer(tree, "conv")["layer"].update(written={"out_channels": 8}),
    "written that comes to another number": lambda tree: layer(tree, "conv")["layer"].update(
        written={"out_channels": "width + 1"}
    ),
    "written of an unknown name": lambda tree: layer(tree, "conv")["layer"].update(
        written={"out_channels": "depth"}
    ),
    "written for a boolean": lambda tree: layer(tree, "conv")["layer"].update(written={"bias": "width"}),
    "param that is an object": change("settings.width", {"value": 8}),
    "param that is nothing": change("settings.width", None),
    "param of another value": change("settings.width", 16),
    "param that is a text": change("settings.width", "import os"),
    "param that is a long text": change("settings.width", "a" * 10_000),
    "param that is a huge number": change("settings.width", 10**400),
    "params left out": change("settings", {}),
    "params that are a list": change("settings", []),
    "fixed that is no param": change("fixed", ["depth"]),
    "fixed that is no list": change("fixed", "width"),
    "argument left out": lambda tree: node_of(tree, "block")["arguments"].pop("c"),
    "argument that is nothing": lambda tree: node_of(tree, "block")["arguments"].update(c=None),
    "argument that is a text": lambda tree: node_of(tree, "block")["arguments"].update(c="os.system"),
    "argument without a number": lambda tree: node_of(tree, "block")["arguments"].update(
        c={"written": "width"}
    ),
    "default that is a text": lambda tree: node_of(tree, "block")["defaults"].update(s="__import__('os')"),
    "default that is an object": lambda tree: node_of(tree, "block")["defaults"].update(s={"value": 1}),
    "default that is huge": lambda tree: node_of(tree, "block")["defaults"].update(s=10**400),
    "init of no kind": change("init.0.kind", "colour"),
    "init of no function": change("init.0.function", "load"),
    "init with code for a name": change("init.0.function", "x(); y"),
    "init with an unknown option": change("init.0.options", {"gain": 1.0}),
    "init with a text": change("init.0.options", {"mode": "fan_out'); x('"}),
    "init with code for an option": change("init.0.options", {"a=x(), mode": 1}),
    "init without what it needs": change("init.0", {"kind": "conv", "function": "constant"}),
    "init between turned ends": change(
        "init.0", {"kind": "conv", "function": "uniform", "options": {"a": 2.0}}
    ),
    "init beyond float32": change("init.0.bias", 1e39),
    "init that does not fit": change("init.0", {"kind": "norm", "function": "orthogonal"}),
    "guard that is no text": lambda tree: guarded(tree).update(guard=1),
    "description that is no text": change("description", ["x"]),
    "source that is no text": change("source", 3),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_refused(tree: Json, name: str) -> None:
    before = copy.deepcopy(tree)
    CHANGES[name](tree)
    assert tree != before
    with pytest.raises(specgen.NetworkError):
        read(tree)


@pytest.mark.parametrize("size", SIZES, ids=repr)
@pytest.mark.parametrize("option", ["out_channels", "kernel_size", "stride", "groups", "dilation"])
def test_sizes_are_refused(tree: Json, option: str, size: Json) -> None:
    options = layer(tree, "conv")["layer"]
    options.pop("written", None)
    if size is True or size == options[option]:
        size = "true"
    options[option] = size
    with pytest.raises(specgen.NetworkError):
        read(tree)


@pytest.mark.parametrize("size", SIZES, ids=repr)
def test_shapes_are_refused(tree: Json, size: Json) -> None:
    for axis in range(3):
        changed = copy.deepcopy(tree)
        changed["root"]["input"][axis] = size
        with pytest.raises(specgen.NetworkError):
            read(changed)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1", "2"])
@pytest.mark.parametrize("option", ["p", "eps"])
def test_numbers_that_are_none_are_refused(tree: Json, option: str, number: str) -> None:
    kind = "drop" if option == "p" else "bn"
    options = layer(tree, kind)["layer"]
    options.pop("written", None)
    if (option, number) == ("eps", "2"):
        number = "0"
    options[option] = "HERE"
    text = json.dumps(tree).replace('"HERE"', number)
    with pytest.raises(specgen.NetworkError):
        specgen.Network.model_validate_json(text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
@pytest.mark.parametrize("path", ["settings.rate", "init.0.bias", "root.line"])
def test_numbers_beside_the_layers_are_refused(tree: Json, path: str, number: str) -> None:
    change(path, "HERE")(tree)
    with pytest.raises(specgen.NetworkError):
        specgen.Network.model_validate_json(json.dumps(tree).replace('"HERE"', number))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", '"x"', "{}", "\x00", "[" * 10_000, '{"a":' * 10_000]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(specgen.NetworkError):
        specgen.Network.model_validate_json(text)


@pytest.mark.slow
def test_every_value_exchanged_is_refused_or_the_same_gate(sample: specgen.Network, tree: Json) -> None:
    """Whatever stands in one place of the tree: it is refused, or comes to a network that can be emitted."""
    values: list[Json] = [
        None,
        True,
        -1,
        0,
        1,
        2**40,
        0.5,
        "",
        "x",
        "__import__('os')",
        [],
        [1],
        {},
        {"value": 1},
    ]
    read_back = 0
    for place in places(tree):
        for value in values:
            changed = copy.deepcopy(tree)
            *way, last = place
            inner = changed
            for part in way:
                inner = inner[part]
            inner[last] = value
            try:
                network = read(changed)
            except specgen.NetworkError:
                continue
            network.emit()
            read_back += 1
    assert read_back


def places(value: Json, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*way, key)
        yield from places(inner, (*way, key))


@pytest.mark.parametrize("depth", [300, 3000])
def test_deep_trees_are_refused(tree: Json, depth: int) -> None:
    text = json.dumps(tree)
    root = json.dumps({**tree["root"], "name": "0", "steps": []})
    nested = root.replace("[]", "[") * depth + root + "]}" * depth
    with pytest.raises(specgen.NetworkError):
        specgen.Network.model_validate_json(text.replace(json.dumps(tree["root"]), nested))


def test_a_tuple_keeps_what_its_numbers_were_computed_from() -> None:
    network = specgen.compile(text="input 4x16; block b(d) { pad (2*d, 0); conv 8 k=3 d=d p=0 }; b 1; b 2")
    again = specgen.Network.model_validate_json(network.model_dump_json())
    assert again.emit() == network.emit() and "nn.ZeroPad1d((2 * d, 0))" in again.emit()
    data = json.loads(network.model_dump_json())
    data["root"]["steps"][0]["steps"][0]["layer"]["written"]["padding"] = ["3 * d", None]
    with pytest.raises(specgen.NetworkError, match="padding is 2, not 3"):
        specgen.Network.model_validate_json(json.dumps(data))


def test_what_is_wrong_is_told_by_place_and_in_part(tree: Json) -> None:
    layer(tree, "conv")["layer"]["stride"] = "x" * 1000
    tree["settings"] = {f"a b{i}" * 99: 1 for i in range(40)}
    with pytest.raises(specgen.NetworkError) as caught:
        read(tree)
    (found,) = caught.value.diagnostics
    assert found.code == "not-a-network" and len(found.notes) == 9 and "more …" in found.notes[6]
    assert max(map(len, found.notes)) < 700
    assert found.notes[-1].endswith("`conv`: stride must be a whole number ≥ 1, or one per axis")
    assert isinstance(caught.value, ValueError) and "pydantic" not in str(caught.value)


def test_a_text_that_is_no_json_is_told_so() -> None:
    with pytest.raises(specgen.NetworkError, match="Invalid JSON"):
        specgen.Network.model_validate_json("{")


def test_a_key_twice_is_refused() -> None:
    """Readers of JSON differ in which one they take."""
    text = specgen.compile(text="input 3x8x8; conv 4").model_dump_json()
    for twice in (
        text.replace('"name":', '"name":"Other","name":', 1),
        text.replace('"channels":', '"channels":5,"channels":', 1),
    ):
        assert twice != text
        for form in (twice, twice.encode()):
            with pytest.raises(
                specgen.NetworkError, match=r"the JSON says `(name|channels)` twice"
            ) as caught:
                specgen.Network.model_validate_json(form)
            assert caught.value.diagnostics[0].code == "not-a-network"


@pytest.mark.parametrize("written", ["min()", "max(4)", "ceil()", "floor(1, 2)", "make_divisible(c)"])
def test_functions_with_another_number_of_arguments_are_refused(written: str) -> None:
    tree = specgen.compile(text="param c = 4\ninput 3x8x8\nconv c").model_dump()
    tree["root"]["steps"][0]["layer"]["written"]["out_channels"] = written
    with pytest.raises(specgen.NetworkError, match="not an expression"):
        specgen.Network.model_validate_json(json.dumps(tree))


def test_an_option_called_self_is_one_too_many() -> None:
    tree = specgen.compile(text="input 3x8x8; relu").model_dump()
    tree["root"]["steps"][0]["layer"]["self"] = 1
    with pytest.raises(specgen.NetworkError, match="self is not one of its options"):
        specgen.Network.model_validate_json(json.dumps(tree))


def test_uses_of_a_block_with_other_arguments_are_other_classes() -> None:
    tree = specgen.compile(text="block b(c) { conv c }; input 3x8x8; b 4; b 8").model_dump()
    tree["root"]["steps"][0]["arguments"]["extra"] = 1
    source = specgen.Network.model_validate_json(json.dumps(tree)).emit()
    assert "class B(" in source and "class B2(" in source


def test_a_shape_that_is_none_is_told_what_it_has() -> None:
    tree = specgen.compile(text="input 3x8x8; conv 4").model_dump()
    tree["root"]["input"] = [3, 8, 8]
    with pytest.raises(
        specgen.NetworkError, match=r"`root\.input`: a shape has channels, spatial and channels_last"
    ):
        specgen.Network.model_validate_json(json.dumps(tree))

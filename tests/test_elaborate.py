"""From what is written to a network: names, the last `fc`, what decided about the structure, and bounds."""

from __future__ import annotations

import pytest

import specgen
from specgen import arithmetic


def network(text: str, **settings: object) -> specgen.Network:
    return specgen.compile(text=f"input 3x8x8\n{text}\n", **settings)  # type: ignore[arg-type]


def names(text: str) -> str:
    return " ".join(layer.name for layer in network(text).layers)


def kinds(text: str) -> str:
    return " ".join(layer.kind for layer in network(text).layers)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("conv 4; conv 4", "0 1 2 3"),
        ("conv 4; a: conv 4; conv 4", "conv1 relu1 a relu2 conv2 relu3"),
        ("conv1: conv 4; conv 5", "conv1 relu1 conv2 relu2"),
        ("conv 4; conv1: conv 5", "conv2 relu1 conv1 relu2"),
        ("relu1: conv 4", "relu1 relu2"),
        ("block b() { conv 4; a: { conv 4; M } }\nb", "0.conv1 0.relu1 0.a.0 0.a.1 0.a.2"),
        ("add { conv 4 | conv 4 linear }; id", "0.conv1 0.relu1 0.conv2 1"),
        ("residual { conv 4 } else { conv 4 k=1 linear }", "0.conv1 0.relu1 0.downsample.0"),
        ("residual { conv 4 } else up: { conv 4 k=1 linear }", "0.conv1 0.relu1 0.up.0"),
        ("block b() { conv 3 }\nblock c() { b; b }\nc", "0.0.conv1 0.0.relu1 0.1.conv1 0.1.relu1"),
        ("block b() { conv 3 }\nblock c() { let x=1; repeat 2 { b } }\nc",
         "0.0.conv1 0.0.relu1 0.1.conv1 0.1.relu1"),
        ("a: conv 4 relu6; relu6", "a relu6_1 relu6_2"),
        ("block b() { id }\nblock b1() { id }\na: { b; b1 }\nb: b1", "a.0.id1 a.1.id1 b.id1"),
        ("block b() { id }\nblock b1() { id }\na: id\nb1; b", "a b1_1.id1 b1.id1"),
        ("block b() { id }\nblock b_() { id }\nblock b1() { id }\na: id\nb1; b_; b_",
         "a b1_1.id1 b_1.id1 b_2.id1"),
        ("block b() { conv 3 }\nblock c() { if 1 == 2 { b } else { b } }\nc", "0.0.conv1 0.0.relu1"),
        ("block b() { conv 3 }\nblock c() { b; relu }\nc", "0.b1.conv1 0.b1.relu1 0.relu1"),
        ("block b() { conv 3 }\nblock c() { if 1 == 2 { relu } else { b } }\nc", "0.b1.conv1 0.b1.relu1"),
        ("block b() { conv 3 }\nblock c() { if 1 == 2 { b } else { relu } }\nc", "0.relu1"),
    ],
)  # fmt: skip
def test_names_of_children(text: str, paths: str) -> None:
    assert names(text) == paths


@pytest.mark.parametrize(
    "text",
    [
        "block unit() { conv 3 }\nblock unit1() { conv 3 k=1 }\nstem: conv 3\nrepeat 11 { unit }\nunit1",
        "first: conv 3\nrepeat 60 { conv 3 }\nconv 3 relu6",
        "block conv1() { conv 3 }\nstem: conv 3\nconv1\nrepeat 11 { conv 3 }",
        "block b1_() { conv 3 }\nblock b1() { conv 3 k=1 }\nstem: conv 3\nrepeat 2 { b1; b1_ }",
    ],
)
def test_no_two_children_have_one_name(text: str) -> None:
    """A word may end in a digit, as `relu6` does, and the ordinal stands behind it."""
    compiled = network(text)
    assert len({layer.name for layer in compiled.layers}) == len(compiled.layers)
    model = compiled.build()
    assert sum(parameter.numel() for parameter in model.parameters()) == compiled.params
    assert specgen.Network.model_validate_json(compiled.model_dump_json()) == compiled


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("fc 4; fc 2", "flatten fc relu fc"),
        ("fc 4; a: { fc 2; softmax }", "flatten fc relu fc softmax"),
        ("fc 4; fc 2 drop", "flatten fc relu fc drop"),
        ("fc 4; fc 2; drop", "flatten fc relu fc relu drop"),
        ("fc 4; fc 2; a: { flatten }", "flatten fc relu fc flatten"),
        ("fc 4; fc 2; a: { flatten; relu }", "flatten fc relu fc relu flatten relu"),
        ("fc 4; add { fc 2 | fc 2 }", "flatten fc relu fc fc"),
        ("fc 4; a: { b: { fc 2 } }", "flatten fc relu fc"),
        ("block h() { fc 2 }\nfc 4; h", "flatten fc relu fc"),
        ("fc 2", "flatten fc"),
        ("flatten; softmax", "flatten softmax"),
        ("softmax", "softmax"),
        ("fc 2; add { id | softmax }", "flatten fc relu softmax"),
    ],
)
def test_only_what_ends_the_network_gives_raw_scores(text: str, left: str) -> None:
    assert kinds(text) == left


PARAMS = "param w = 8\nparam n = 2\nparam f = true\nparam act = relu\n"


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("conv w", ()),
        ("conv w act=act", ("act",)),
        ("repeat n { conv w }", ("n",)),
        ("if w > 4 { conv w }", ("w",)),
        ("if f { conv w }", ("f",)),
        ("residual when w == 3 { conv w }", ("w",)),
        ("conv 4*w; conv w/2", ()),
        ("conv 4 k=n", ()),
        ("block b(c) { conv c }\nb w", ()),
        ("block b(c) { if c > 4 { conv c } }\nb w", ("w",)),
        ("block b() { conv w }\nb", ("w",)),
        ("block b() { let q = w*2; block d() { conv q }; d }\nb", ("w",)),
        ("block b(c) { repeat c { relu } }\nb n", ("n",)),
        ("block b() { let q = in; j: residual { conv q } }\nconv w; b", ("w",)),
        ("block b(c) { j: residual { conv c } }\nconv w; b w", ("w",)),
        ("block b(d) { j: cat { conv d | id } }\nblock a(c) { b 2*c; relu }\na w", ("w",)),
        ("block b(c) { default elu alpha=c; j: cat { elu | id } }\nb n", ("n",)),
        ("block b(c) { j: residual { conv 3 } }\nb w", ()),
        ("expect (3, w, w)", ()),
        ("let q = w\nconv q", ()),
        ("init conv normal std=w", ("w",)),
    ],
)
def test_what_decided_about_the_structure_is_fixed(text: str, fixed: tuple[str, ...]) -> None:
    body = text if "init" not in text else f"{text}\nconv 4"
    assert specgen.compile(text=f"{PARAMS}input 3x8x8\n{body}\n").fixed == fixed


def test_totals_stay_below_a_bound() -> None:
    wide = "channels_last; linear 1073741824 nobias"
    for positions, fine in ((7, True), (8, False)):
        text = f"input (1073741824, {positions})\n{wide}\n"
        if fine:
            assert specgen.compile(text=text).macs == positions * 2**60
        else:
            with pytest.raises(specgen.SpecError, match="2\\^63 multiply-adds or more"):
                specgen.compile(text=text)


def test_a_repeat_counts_its_turns_and_knows_its_turn() -> None:
    assert [layer.output.channels for layer in network("repeat 3 as i { conv i + 1 linear }").layers] == [
        1,
        2,
        3,
    ]
    assert network("repeat 0 { conv 5 }").layers == ()


def test_what_a_block_adds_does_not_come_out() -> None:
    text = "let c = 4\na: { let c = 5; default conv bn; conv c }\nconv c"
    assert kinds(text) == "conv bn relu conv relu"
    assert [layer.output.channels for layer in network(text).layers] == [5, 5, 5, 4, 4]


def test_defaults_of_arguments_are_worked_out_at_each_use() -> None:
    text = "block b(c=in*2, d=c) { conv c linear; conv d linear }\nb; b; b 4; b d=1"
    assert [layer.output.channels for layer in network(text).layers] == [6, 6, 12, 12, 4, 4, 8, 1]


def test_a_labelled_residual_without_its_shortcut_is_a_group() -> None:
    text = "input 4x8x8\nx: residual when 1 == {} {{ conv 4 k=1 linear }}\n"
    with_one, without = (specgen.compile(text=text.format(number)) for number in (1, 2))
    assert [row.name for row in with_one.layers] == ["x.conv1"]
    assert [row.name for row in without.layers] == ["x.0"]


@pytest.mark.parametrize("terms", [5, 20, 62, 63, 200])
def test_a_sum_of_any_length_knows_its_params(terms: int) -> None:
    found = network(f"param c = 4\nparam d = 2\nconv {'1 + ' * terms}c + 1 + d")
    assert found.output_shape.channels == terms + 7
    assert arithmetic.names(found.output_shape.channels) == {"c", "d"}
    assert found.fixed == (("c", "d") if terms > 62 else ())


def test_the_layer_with_most_of_a_total_that_is_too_large_is_named() -> None:
    """The one with most parameters, not the one above it with most multiply-adds."""
    wide = "linear 1073741824"
    text = f"input 4x8x8\nchannels_last; {wide}\n{wide} nobias\nchannels_first; gap; flatten\n"
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=text + f"{wide}\n" * 8)
    (found,) = caught.value.diagnostics
    assert found.title == "the network has 2^63 parameters or more"
    assert found.place == (5, 1)
    assert found.labels[0].text == f"{2**60 + 2**30:,} of them here"


def test_a_condition_that_cannot_be_said_leaves_no_other_one() -> None:
    """`12 / k` has no value where k is 0: what is guarded by it is not guarded by `s != 1` alone."""
    text = """
        input 3x8x8
        block b(s, k) { conv 3 s=s; if s != 1 { if k == 0 or 12 / k < 3 { sigmoid } } }
        b 2 0; b 1 1
    """
    source = specgen.compile(text=text).emit()
    assert source.count("(nn.Module)") == 2
    assert "if s != 1" not in source


def test_of_many_uses_inside_each_other_the_outer_and_the_inner_are_told() -> None:
    blocks = ["block b0(c) { conv c g=7 }"]
    blocks += [f"block b{i}(c) {{ conv c; b{i - 1} c }}" for i in range(1, 12)]
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text="input 3x8x8\n" + "\n".join(blocks) + "\nb11 8")
    (found,) = caught.value.diagnostics
    told = [label.text.split("`")[1] for label in found.labels if label.text.startswith("in this use")]
    assert told == ["b0", "b1", "b2", "b3", "b4", "b5", "b10", "b11"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("input 2147483647x131072x65536", "a tensor has 2^63 values or more"),
        ("input 3x8x8\nconv 4; upsample 1000000000", "a size is 2^31 or more"),
        ("input 2147483647x8x8; upsample 100000x10000", "a tensor has 2^63 values or more"),
    ],
)
def test_no_shape_is_too_large_for_a_tensor(text: str, title: str) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=text)
    assert [one.title for one in caught.value.diagnostics if one.severity == "error"] == [title]


def test_names_in_shapes_are_told_with_all_others() -> None:
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text="input axb\nconv foo\nexpect cxd")
    assert [one.code for one in caught.value.diagnostics] == ["unknown-name", "unknown-word", "unknown-name"]


def test_a_variant_may_set_a_word_of_the_spec_alone() -> None:
    text = """
        param size = small
        variant Big size=big
        input 3x8x8
        if size == big { conv 4 } else { conv 8 }
    """
    assert specgen.compile(text=text, variant="Big").output_shape.channels == 4
    assert specgen.compile(text=text).output_shape.channels == 8

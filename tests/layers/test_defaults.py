"""What a line means where it says little: defaults, trims and their order, `default`, and `inplace`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import specgen
from specgen.ir import Step, walk
from specgen.layers import registry
from specgen.layers.base import Layer

torch.set_num_threads(1)


def compiled(text: str, arrives: str = "4x16x16") -> specgen.Network:
    return specgen.compile(text=f"input {arrives}\n{text}\n")


def layers(text: str, arrives: str = "4x16x16") -> list[Layer]:
    return [step.layer for _, step in walk(compiled(text, arrives).root)]


def kinds(text: str, arrives: str = "4x16x16") -> str:
    """The layers of a network by their words, in one line."""
    return " ".join(layer.word for layer in layers(text, arrives))


def first(text: str, arrives: str = "4x16x16") -> dict[str, Any]:
    """The options of the first layer that are not at the value of PyTorch."""
    step: Step = next(step for _, step in walk(compiled(text, arrives).root))
    return dict(step.call.keywords)


# --- the defaults of the table -----------------------------------------------------------------------

WRITTEN_OUT = [
    # a short line, and the same with everything said
    ("conv 8", "conv 8 k=3 s=1 p=half d=1 g=1 bias=true padding_mode=zeros norm=none act=relu drop=none"),
    ("conv 8", "conv 8 p=1"),
    ("conv 8 k=5x3", "conv 8 k=5x3 p=2x1"),
    ("conv 8 k=4", "conv 8 k=4 p=1"),
    ("conv 8 d=3", "conv 8 d=3 p=3"),
    ("conv 8 p=valid", "conv 8 p=0"),
    ("conv 8 bn", "conv 8 norm=bn"),
    ("conv 8 nobias linear", "conv 8 bias=false act=none"),
    ("conv 8 gn=2", "conv 8 norm=none linear; gn 2; relu inplace=true"),
    ("conv 8 drop", "conv 8 drop=0.5"),
    ("dwconv", "conv 4 g=4"),
    ("dw", "dwconv 1 k=3 s=1 p=half d=1 bias=true act=relu"),
    ("dwconv 3", "conv 12 g=4"),
    ("deconv 8", "deconv 8 k=2 s=2 p=0 op=0 d=1 g=1 bias=true act=none norm=none drop=none"),
    ("up 8", "deconv 8"),
    ("deconv 8 relu", "deconv 8 act=relu"),
    ("maxpool", "maxpool k=2 s=2 p=0 d=1 ceil_mode=false"),
    ("M k=3", "maxpool k=3 s=3"),
    ("M k=2x3", "maxpool k=(2, 3) s=(2, 3)"),
    ("M ceil", "maxpool ceil_mode=true"),
    ("A", "avgpool k=2 s=2 p=0 ceil_mode=false count_include_pad=true"),
    ("A k=3", "avgpool k=3 s=3"),
    ("gap", "adaptive_avgpool 1"),
    ("flatten", "flatten start_dim=1 end_dim=-1"),
    ("drop", "drop 0.5"),
    ("dropout", "drop p=0.5"),
    ("drop2d", "drop2d 0.5"),
    ("droppath", "droppath 0.5"),
    ("swish", "silu"),
    ("bn", "bn eps=1e-5 momentum=0.1 affine=true track_running_stats=true"),
    ("ln", "ln eps=1e-5 elementwise_affine=true bias=true"),
    ("instancenorm", "instancenorm eps=1e-5 momentum=0.1 affine=false track_running_stats=false"),
    ("gn 2", "gn 2 eps=1e-5 affine=true"),
    ("lrn 5", "lrn 5 alpha=1e-4 beta=0.75 k=1.0"),
    ("leaky_relu", "leaky_relu 0.01"),
    ("upsample 2", "upsample 2 mode=nearest"),
    ("pad 2", "pad (2, 2, 2, 2) mode=zeros"),
    ("softmax", "softmax dim=1"),
    ("flatten; linear 8", "flatten; linear 8 bias=true act=none norm=none drop=none"),
    ("fc 8; fc 3", "flatten; fc 8 bias=true act=relu; fc 3 act=none"),
]


@pytest.mark.parametrize(("short", "long"), WRITTEN_OUT)
def test_a_short_line_means_the_long_one(short: str, long: str) -> None:
    """The same modules with the same settings, as PyTorch prints them."""
    one, other = compiled(short), compiled(long)
    assert str(one.build(device="meta")) == str(other.build(device="meta"))
    assert one.output_shape == other.output_shape


def test_the_table_by_its_constructor_calls() -> None:
    assert first("conv 8") == {"kernel_size": 3, "padding": 1}
    assert first("dwconv") == {"kernel_size": 3, "padding": 1, "groups": 4}
    assert first("deconv 8") == {"kernel_size": 2, "stride": 2}
    assert first("M") == first("A") == {"kernel_size": 2}
    assert first("drop") == first("bn") == first("relu") == first("flatten") == {}


def test_which_layers_have_an_activation_of_their_own() -> None:
    assert kinds("conv 8") == "conv relu"
    assert kinds("dwconv") == "dwconv relu"
    assert kinds("deconv 8") == "deconv"
    assert kinds("linear 8", "4") == "linear"
    assert kinds("fc 8; id", "4") == "fc relu id"
    assert kinds("fc 8", "4") == "fc"


# --- trims -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "conv 8 bn tanh drop",
        "conv 8 drop tanh bn",
        "conv 8 drop=0.5 act=tanh norm=bn",
        "conv tanh 8 drop bn k=3",
        "conv 8 tanh bn drop=drop",
    ],
)
def test_trims_follow_in_their_own_order(line: str) -> None:
    assert kinds(line) == "conv bn tanh drop"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("conv 8 linear", "conv"),
        ("conv 8 act=none bn", "conv bn"),
        ("conv 8 drop=0.2 linear", "conv drop"),
        ("conv 8 gn=2 silu", "conv gn silu"),
        ("conv 8 norm=instancenorm", "conv instancenorm relu"),
        ("conv 8 ln", "conv ln relu"),
        ("conv 8 nonorm", "conv relu"),
        ("deconv 8 bn", "deconv bn"),
        ("fc 8 bn drop; id", "flatten fc bn relu drop id"),
        ("fc 8 sigmoid", "flatten fc sigmoid"),
        ("flatten; linear 8 ln gelu drop=0.1", "flatten linear ln gelu drop"),
    ],
)
def test_trims(line: str, expected: str) -> None:
    assert kinds(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "conv 8 relu tanh",
        "conv 8 bn ln",
        "conv 8 bias nobias",
        "conv 8 drop drop=0.2",
        "conv 8 k=3 kernel_size=5",
        "conv 8 linear relu",
        "conv 8 bn norm=bn",
    ],
)
def test_two_words_for_one_option_are_an_error(line: str) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        compiled(line)
    assert [found.code for found in caught.value.diagnostics] == ["option-twice"]


def test_bias_stays_where_a_norm_follows() -> None:
    assert first("conv 8 bn").get("bias", True) is True
    assert first("conv 8 bn nobias")["bias"] is False


# --- the last fc -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fc 8; fc 3", "fc relu fc"),
        ("fc 8; fc 3; softmax", "fc relu fc softmax"),
        ("fc 8; fc 3; log_softmax", "fc relu fc log_softmax"),
        ("fc 8; fc 3; flatten", "fc relu fc flatten"),
        ("fc 8; fc 3 relu", "fc relu fc relu"),
        ("fc 8; fc 3; drop", "fc relu fc relu drop"),
        ("fc 8; fc 3; id", "fc relu fc relu id"),
        ("fc 8; body: { fc 3 }", "fc relu fc"),
        ("body: { fc 8; fc 3 }; softmax", "fc relu fc softmax"),
        ("fc 8; repeat 2 { fc 3 }", "fc relu fc relu fc"),
        ("linear 8; fc 3", "linear fc"),
        ("fc 3; linear 2", "fc relu linear"),
    ],
)
def test_only_the_last_fc_gives_raw_scores(text: str, expected: str) -> None:
    assert kinds(text, "4") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fc 8; fc 3", "flatten fc relu fc"),
        ("gap; fc 3", "gap flatten fc"),
        ("flatten; fc 3", "flatten fc"),
        ("fc 3 sigmoid", "flatten fc sigmoid"),
    ],
)
def test_fc_flattens_what_has_spatial_axes(text: str, expected: str) -> None:
    assert kinds(text) == expected


def test_the_flatten_stands_in_front_of_the_group_that_its_fc_opens() -> None:
    network = compiled("features: { conv 8 }\nclassifier: { fc 6; fc 3 }", "1x2x2")
    assert [name for name, *_ in network.layers] == [
        "features.0", "features.1", "flatten1", "classifier.0", "classifier.1", "classifier.2",
    ]  # fmt: skip


# --- default -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("with_default", "written_out"),
    [
        ("default conv bn nobias\nconv 8; conv 8 k=1", "conv 8 bn nobias; conv 8 k=1 bn nobias"),
        ("default conv bn\nconv 8 nonorm", "conv 8"),
        ("default conv bn\nconv 8 ln", "conv 8 ln"),
        ("default conv bn\ndefault conv silu\nconv 8", "conv 8 bn silu"),
        ("default conv bn\ndefault conv nonorm\nconv 8", "conv 8"),
        ("default conv nobias\nconv 8 bias; conv 8", "conv 8; conv 8 bias=false"),
        ("default M ceil\nM k=3; M ceil_mode=false", "M k=3 ceil_mode=true; M"),
        ("default conv k=1 p=0\ndefault conv k=5\nconv 8", "conv 8 k=5 p=0"),
        ("conv 8\ndefault conv bn\nconv 8", "conv 8; conv 8 bn"),
        ("default conv bn\ndwconv", "dwconv bn"),
        ("default conv bn g=2\ndwconv", "dwconv bn"),
        ("default conv bn\ndefault dwconv relu6\ndwconv; conv 8", "dwconv bn relu6; conv 8 bn"),
        ("default dwconv bn\nconv 8", "conv 8"),
        ("default bn eps=0.1\nconv 8 bn; bn", "conv 8 linear; bn eps=0.1; relu inplace=true; bn eps=0.1"),
        ("default conv bn\ndefault bn momentum=0.2 eps=0.001\ndefault bn eps=0.1\nconv 8 linear",
         "conv 8 linear; bn momentum=0.2 eps=0.1"),
        ("default drop p=0.2\ndrop; drop 0.3", "drop 0.2; drop 0.3"),
        ("default M k=3\nmaxpool", "maxpool k=3"),
        ("default deconv relu\ndeconv 8", "deconv 8 relu"),
        ("default fc tanh\nfc 8; id", "fc 8 tanh; id"),
        ("default leaky_relu negative_slope=0.2\ndefault conv leaky_relu\nconv 8",
         "conv 8 linear; leaky_relu 0.2 inplace=true"),
        ("default conv bn\nblock b(c) { conv c }\nb 8", "block b(c) { conv c bn }\nb 8"),
        ("block b(c) { conv c }\ndefault conv bn\nb 8", "block b(c) { conv c }\nb 8"),
        ("block b(c) { default conv bn; conv c }\nb 8; conv 8", "block b(c) { conv c bn }\nb 8; conv 8"),
        ("body: { default conv bn; conv 8 }\nlast: conv 8", "body: { conv 8 bn }\nlast: conv 8"),
        ("repeat 2 { conv 8; default conv bn }", "repeat 2 { conv 8 }"),
    ],
)  # fmt: skip
def test_default_gives_options_to_what_follows(with_default: str, written_out: str) -> None:
    one, other = compiled(with_default), compiled(written_out)
    assert str(one.build(device="meta")) == str(other.build(device="meta"))


# --- inplace -----------------------------------------------------------------------------------------


def overwrites(text: str, arrives: str = "4x16x16") -> list[bool]:
    """For each activation of a network in order: whether it overwrites what arrives."""
    return [
        layer.inplace
        for layer in layers(text, arrives)
        if layer.family == "activation" and hasattr(layer, "inplace")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv 8", [True]),
        ("conv 8 bn", [True]),
        ("conv 8 linear; relu", [True]),
        ("bn; relu", [True]),
        ("fc 8 silu", [True]),
        ("deconv 8 elu", [True]),
        ("relu", [False]),
        ("M; relu", [False]),
        ("gap; relu", [False]),
        ("drop; relu", [False]),
        ("conv 8; relu", [True, False]),
        ("conv 8 sigmoid; relu", [False]),
        ("conv 8 relu; conv 8 hardswish", [True, True]),
        ("body: { relu; conv 8 }", [False, True]),
        ("conv 4 linear; body: { relu }", [False]),
        ("block b() { relu; conv 4 }\nconv 4 linear; b", [False, True]),
        ("conv 4 linear; residual { relu; conv 4 linear }", [False]),
        ("conv 4 linear; add { relu | id }", [False]),
        ("conv 4 linear; cat { relu | relu }", [False, False]),
        ("conv 4 linear; residual { conv 4 bn; conv 4 linear }; relu", [True, False]),
        ("conv 4 linear; relu inplace=false", [False]),
        ("relu inplace=true", [True]),
        ("conv 4 linear; leaky_relu -0.1", [False]),
        ("conv 4 linear; leaky_relu 0.1", [True]),
        ("conv 4 linear; elu -1", [False]),
        ("conv 4 linear; gelu; prelu; tanh", []),
    ],
)
def test_inplace_only_where_nobody_can_see_it(text: str, expected: list[bool]) -> None:
    assert overwrites(text) == expected


BODIES = [
    "conv 4 {act}; conv 4 {act}",
    "residual {{ {act}; conv 4 linear }}; {act}",
    "conv 4 linear; residual {{ {act}; conv 4 linear }}",
    "conv 4 linear; cat {{ {act} | id }}",
    "conv 4 linear; mul {{ id | {act} }}; {act}",
    "bn; {act}; residual {{ bn; {act}; conv 4 {act} }}",
    "block b() {{ {act}; conv 4 linear; {act} }}\nconv 4 linear; residual {{ b }}; b",
]


@pytest.mark.parametrize(
    "act", ["relu", "relu6", "leaky_relu", "elu", "selu", "silu", "mish", "hardswish", "hardsigmoid"]
)
@pytest.mark.parametrize("body", BODIES)
def test_overwriting_changes_neither_values_nor_gradients(body: str, act: str) -> None:
    """A network computes what it computes when every activation is told to leave its input alone."""
    network = compiled(body.format(act=act), "4x5x5")
    torch.manual_seed(0)
    model = network.build()
    x = torch.randn(2, 4, 5, 5)
    outs, gradients = [], []
    overwriting = sum(getattr(module, "inplace", False) for module in model.modules())
    for inplace in (True, False):
        if not inplace:
            for module in model.modules():
                if hasattr(module, "inplace"):
                    module.inplace = False
        model.zero_grad()
        start = x.clone().requires_grad_()
        out = model(start)
        out.square().sum().backward()
        assert torch.equal(start, x), "the input is the caller's"
        outs.append(out.detach())
        gradients.append([start.grad, *(p.grad for p in model.parameters())])
    assert torch.equal(*outs)
    # ELU's gradient comes from its output where that took the input's place: equal but for rounding.
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(*gradients, strict=True))
    assert overwriting or not body.startswith(("conv 4 {act}", "bn; {act}"))


def test_what_is_given_by_position_is_an_option() -> None:
    for layer in registry.layers():
        assert set(layer.positional) <= set(layer.options), layer.word
    assert layers("channels_last; scale 0.25")[1].given() == {"init": 0.25}

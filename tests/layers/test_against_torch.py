"""Every layer held against PyTorch: options drawn at random, the same answer wanted from both.

What a layer accepts has to run, with the shape, the parameters and the multiply-adds it promised, and
compute what the module does that is given every option outright. What it refuses PyTorch has to refuse.
"""

from __future__ import annotations

import inspect
import random
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from fuzz.layers import (
    REFERENCE,
    STRICTER,
    ChannelsMoved,
    Layers,
    accepts,
    build_reference,
    check_accepted,
    draw_case,
    draw_layer,
    draw_shape,
    step_of,
    stricter,
    to_boundary,
    torch_refuses,
)
from fuzz.runner import run
from torch import nn

from specgen import arithmetic
from specgen.backends.torch import make
from specgen.layers import registry
from specgen.layers.base import Layer, Refusal
from specgen.layers.fields import Axes, Either, Real, Whole, WrongOptions
from specgen.shape import LARGEST, Shape

torch.set_num_threads(1)

CASES = 250

# --- the tests ---------------------------------------------------------------------------------------


FAMILIES = sorted({layer.family for layer in registry.layers()})


@pytest.mark.parametrize("family", FAMILIES)
def test_random_layers(family: str) -> None:
    kind = Layers(family)
    report = run(kind, seed=0, count=CASES)
    assert not report.failures, "\n".join(report.failures)
    assert kind.tally["accepted"] > CASES // 5, "too few cases say anything"


def test_all_layers_are_drawn_and_many_cases_lie_at_a_boundary() -> None:
    chance = random.Random(0)
    drawn = [draw_case(chance) for _ in range(1500)]
    assert {type(layer) for layer, _ in drawn} == set(registry.layers())
    moved = [to_boundary(*case, chance) is not case for case in drawn]
    assert sum(moved) > 350


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_many_random_layers(family: str) -> None:
    report = run(Layers(family), seed=1, count=4000)
    assert not report.failures, "\n".join(report.failures)


#: For each entry of `STRICTER` a layer and an input that PyTorch takes.
TAKEN_BY_TORCH = [
    (("conv", "needs-map"), "conv", {"out_channels": 1, "kernel_size": 1}, Shape(4, (4, 4), True)),
    (("conv", "wrong-axes"), "conv", {"out_channels": 1, "stride": (1,)}, Shape(4, (5, 5))),
    (("pool", "wrong-axes"), "maxpool", {"stride": (1,)}, Shape(4, (5, 5))),
    (
        ("deconv", "padding-too-large"),
        "deconv",
        {"out_channels": 7, "kernel_size": 4, "padding": (6, 1)},
        Shape(8, (5, 2)),
    ),
    (("pool", "needs-map"), "gap", {}, Shape(4, (4, 4), True)),
    (("norm", "needs-map"), "bn", {}, Shape(4, (4,), True)),
    (("dropout", "needs-map"), "drop2d", {}, Shape(4, (4, 4), True)),
    (("shape", "needs-map"), "shuffle", {"groups": 1}, Shape(4, (4, 4), True)),
    (("shape", "needs-channels-last"), "channels_first", {}, Shape(4, (4, 4))),
    (("transformer", "needs-map"), "tokens", {}, Shape(4, (3,), True)),
    (("transformer", "needs-tokens"), "take", {"index": 0}, Shape(4, (4,))),
    (("linear", "needs-channels-last"), "linear", {"out_features": 3}, Shape(4, (4,))),
    (("unflatten", "wrong-axes"), "unflatten", {"size": (2, 2)}, Shape(4, (3,))),
    (("flatten", "no-such-axis"), "flatten", {"start_dim": 0, "end_dim": 0}, Shape(4)),
    (("prelu", "wrong-parameters"), "prelu", {"num_parameters": 3}, Shape(5, (3, 4), True)),
]


@pytest.mark.parametrize(("entry", "word", "options", "x"), TAKEN_BY_TORCH)
def test_what_is_stricter_than_torch(
    entry: tuple[str, str], word: str, options: dict[str, Any], x: Shape
) -> None:
    kind = registry.find(word)
    assert kind is not None
    layer = kind(**options)
    with pytest.raises(Refusal) as caught:
        layer.infer(x)
    assert stricter(layer, caught.value) == entry
    assert not torch_refuses(layer, x)


def test_every_entry_of_stricter_has_an_example() -> None:
    assert {entry for entry, *_ in TAKEN_BY_TORCH} == set(STRICTER)


# --- what a call leaves out --------------------------------------------------------------------------


def settings(module: nn.Module) -> dict[str, Any]:
    """The public attributes of a module, one number where a tuple repeats it."""
    if isinstance(module, ChannelsMoved):
        return settings(module.inner)
    attributes = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    normal = {"valid": 0, None: 0} if hasattr(module, "padding_mode") else {}
    for name, value in attributes.items():
        if isinstance(value, tuple) and len(set(value)) == 1:
            attributes[name] = value[0]
        elif isinstance(value, str):
            attributes[name] = normal.get(value, value)
    return attributes


def draw_accepted(kind: type[Layer], rng: random.Random, count: int) -> Iterator[tuple[Layer, Shape]]:
    """Layers of one kind with inputs that they take, at default first, then with options drawn."""
    found = 0
    for turn in range(400 * count):
        x = draw_shape(rng)
        try:
            layer = kind() if turn < 20 else draw_layer(kind, x, rng)
            layer.infer(x)
        except (Refusal, WrongOptions):
            continue
        yield layer, x
        found += 1
        if found == count:
            return
    raise AssertionError(f"{kind.word} takes too little of what is drawn: {found}")


def signature_of(layer: Layer, x: Shape) -> inspect.Signature:
    """The signature of the class that a layer's call names."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return inspect.signature(type(make(step_of(layer, x, layer.infer(x)))))


each_layer = pytest.mark.parametrize("kind", registry.layers(), ids=lambda kind: kind.word)


@each_layer
def test_what_a_call_leaves_out_is_the_default(kind: type[Layer]) -> None:
    """Keywords exist in PyTorch, and an option that is left out has the value it would have had."""
    for layer, x in draw_accepted(kind, random.Random(kind.word), 30):
        call = layer.call(x)
        signature = signature_of(layer, x)
        bound = signature.bind(*call.arguments, **call.keywords)
        assert set(call.keywords) <= set(signature.parameters)
        for name in set(layer.options) & set(signature.parameters) - set(bound.arguments):
            default, value = signature.parameters[name].default, getattr(layer, name)
            value = value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
            kernel = bound.arguments.get("kernel_size")
            equal = value == default or (name, value) in (("padding", "valid"), ("stride", kernel))
            assert equal or (name == "padding" and value == "half"), f"{layer!r}: {name}"


@each_layer
def test_every_setting_is_the_one_asked_for(kind: type[Layer]) -> None:
    """The module that a call makes has the settings of the one that is given every option."""
    if kind.word not in REFERENCE:
        pytest.skip("PyTorch has no such module, or several")
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for layer, x in draw_accepted(kind, random.Random(kind.word), 30):
            made, wanted = (
                settings(make(step_of(layer, x, layer.infer(x)))),
                settings(build_reference(layer, x)),
            )
            assert made == wanted, f"{layer!r} on {x.describe()}"


@each_layer
def test_no_keyword_repeats_a_default(kind: type[Layer]) -> None:
    """No keyword of a call repeats PyTorch's default."""
    for layer, x in draw_accepted(kind, random.Random(kind.word), 30):
        call = layer.call(x)
        parameters = signature_of(layer, x).parameters
        for name, value in call.keywords.items():
            assert type(value) is not type(parameters[name].default) or value != parameters[name].default, (
                f"{layer!r}: {name}={value}"
            )


@pytest.mark.parametrize(
    ("word", "options", "keywords"),
    [
        ("conv", {"out_channels": 8, "kernel_size": 1}, {"kernel_size": 1}),
        ("conv", {"out_channels": 8, "kernel_size": "k"}, {"kernel_size": "k", "padding": 0}),
        ("conv", {"out_channels": 8, "kernel_size": 1, "stride": "s"}, {"kernel_size": 1, "stride": "s"}),
        ("conv", {"out_channels": 8, "kernel_size": 1, "groups": "g"}, {"kernel_size": 1, "groups": "g"}),
        ("deconv", {"out_channels": 8, "stride": "s"}, {"kernel_size": 2, "stride": "s"}),
        ("deconv", {"out_channels": 8, "stride": (1, 1)}, {"kernel_size": 2}),
        ("maxpool", {"kernel_size": 1, "stride": "s"}, {"kernel_size": 1, "stride": "s"}),
        ("maxpool", {"kernel_size": 1, "stride": (1, 1)}, {"kernel_size": 1}),
    ],
)
def test_a_number_with_a_name_is_never_left_out(
    word: str, options: dict[str, Any], keywords: dict[str, Any]
) -> None:
    """Another use of the same block may give the name another value."""
    kind = registry.find(word)
    assert kind is not None
    given = {
        name: arithmetic.traced(1, arithmetic.Symbol(value)) if isinstance(value, str) else value
        for name, value in options.items()
    }
    call = kind(**given).call(Shape(8, (4, 4)))
    for name, value in keywords.items():
        if isinstance(value, str):
            assert arithmetic.names(call.keywords[name]) == {value}
    assert call.keywords == {name: 1 if isinstance(value, str) else value for name, value in keywords.items()}


@each_layer
def test_what_shares_its_inputs_memory(kind: type[Layer]) -> None:
    """A view, or what is written over what arrives, is no more memory: it is where PyTorch says so."""
    for layer, x in draw_accepted(kind, random.Random(kind.word), 12):
        for options in ({}, {"p": 0.0}, {"p": 1.0}) if "p" in kind.options else ({},):
            layer = layer.with_options(**options)
            arrives = torch.randn(2, *x.sizes)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                output = make(step_of(layer, x, layer.infer(x))).train()(arrives)
            shared = output.untyped_storage().data_ptr() == arrives.untyped_storage().data_ptr()
            assert layer.shares_input(x, contiguous=True) is shared, f"{layer!r} on {x}"


# --- what no option takes ----------------------------------------------------------------------------


@each_layer
@pytest.mark.parametrize(
    "value", ["64", float("nan"), float("inf"), -float("inf"), 2**31, -(2**40), b"1", [], {}]
)
def test_no_option_takes_nonsense(kind: type[Layer], value: Any) -> None:
    for name, option in kind.options.items():
        if accepts(option.kind, value):  # an unbounded real is happy with a large number
            assert isinstance(value, int), f"{kind.word} {name}={value!r}"
            assert "a number" in option.kind.describe()


@each_layer
def test_numbers_and_booleans_are_not_each_other(kind: type[Layer]) -> None:
    for name, option in kind.options.items():
        takes_flags = "true or false" in option.kind.describe()
        assert accepts(option.kind, True) is takes_flags, f"{kind.word} {name}=True"
        if takes_flags:
            assert not accepts(option.kind, 1) and not accepts(option.kind, 0)


@each_layer
def test_bounds_are_where_the_description_says(kind: type[Layer]) -> None:
    """Just inside a bound is taken, just outside is not; a required option is required."""
    for name, option in kind.options.items():
        for part in option.kind.types if isinstance(option.kind, Either) else (option.kind,):
            if isinstance(part, Whole):
                inside, outside = (part.low, part.high), (part.low - 1, part.high + 1, part.low + 0.5)
            elif isinstance(part, Axes):
                inside, outside = (part.low, LARGEST), (part.low - 1, LARGEST + 1, (), (1,) * 7)
            elif isinstance(part, Real) and part.low is not None:
                inside, outside = (
                    (part.low + 1e-9,),
                    (part.low - 1e-9, *((part.low,) if part.open_low else ())),
                )
            else:
                continue
            assert all(accepts(part, value) for value in inside), name
            assert not any(accepts(part, value) for value in outside), name
        if option.required:
            with pytest.raises(WrongOptions, match=f"{name} is missing"):
                kind(**{other: 1 for other in kind.options if other != name})


def test_options_are_frozen_and_known() -> None:
    conv = registry.find("conv")
    assert conv is not None
    with pytest.raises(WrongOptions, match="kernel is not one of its options; stride must be a whole"):
        conv(out_channels=1, kernel=3, stride=0)
    layer = conv(out_channels=1)
    with pytest.raises(AttributeError, match="does not change"):
        layer.out_channels = 2  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="does not change"):
        del layer.out_channels  # type: ignore[attr-defined]
    wider = layer.with_options(out_channels=2)
    assert wider == conv(out_channels=2) != layer and hash(wider) == hash(conv(out_channels=2))
    assert repr(wider).startswith("Conv(") and "out_channels=2" in repr(wider)


# --- corners that are rarely drawn -------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["nearest", "nearest_exact", "bilinear", "bicubic", "area"])
def test_every_resizing_factor(mode: str) -> None:
    """Output sizes are rounded as PyTorch rounds them, for awkward factors too."""
    upsample = registry.find("upsample")
    assert upsample is not None
    factors = [n / d for d in (1, 3, 7, 10) for n in range(1, 24)] + [0.1 + 0.2, 1 - 2**-53, 1.1 * 1.1]
    for factor in factors:
        for size in (1, 2, 3, 10, 49):
            x = Shape(1, (size, 7))
            layer = upsample(scale_factor=(factor, 1.0), mode=mode)
            try:
                out = layer.infer(x)
            except Refusal:
                assert size * factor < 1
                continue
            seen = make(step_of(layer, x, out))(torch.ones(1, 1, size, 7)).shape
            assert tuple(seen[1:]) == out.sizes, (factor, size)


HUGE = [
    ("upsample", {"scale_factor": 1e37}, "too-large"),
    ("upsample", {"scale_factor": 1e-300}, "nothing-left"),
    ("conv", {"out_channels": 1, "dilation": LARGEST, "padding": 0}, "kernel-too-large"),
    ("conv", {"out_channels": 1, "kernel_size": LARGEST, "padding": 0}, "kernel-too-large"),
    ("conv", {"out_channels": 1, "groups": LARGEST}, "groups-do-not-divide"),
    ("conv", {"out_channels": 1, "padding": LARGEST, "padding_mode": "reflect"}, "padding-too-large"),
    ("deconv", {"out_channels": 1, "padding": LARGEST}, "padding-too-large"),
    ("maxpool", {"kernel_size": LARGEST}, "kernel-too-large"),
    ("maxpool", {"padding": LARGEST}, "padding-too-large"),
    ("maxpool", {"kernel_size": LARGEST, "padding": LARGEST // 2, "dilation": LARGEST}, "kernel-too-large"),
    ("gn", {"num_groups": LARGEST}, "groups-do-not-divide"),
    ("pixel_shuffle", {"upscale_factor": LARGEST}, "groups-do-not-divide"),
    ("shuffle", {"groups": LARGEST}, "groups-do-not-divide"),
    ("pad", {"padding": LARGEST, "mode": "circular"}, "padding-too-large"),
]


@pytest.mark.parametrize(("word", "options", "code"), HUGE)
def test_the_largest_numbers_are_refused_at_once(word: str, options: dict[str, Any], code: str) -> None:
    kind = registry.find(word)
    assert kind is not None
    with pytest.raises(Refusal) as caught:
        kind(**options).infer(Shape(4, (8, 8)))
    assert caught.value.code == code


def test_the_largest_stride_is_harmless() -> None:
    x = Shape(1, (4, 4))
    for word in ("maxpool", "avgpool"):  # not for `conv`, whose gradient crashes from a stride of 2^16 on
        kind = registry.find(word)
        assert kind is not None
        layer = kind(stride=LARGEST)
        check_accepted(layer, x, layer.infer(x))
        assert layer.infer(x).spatial == (1, 1)


def test_a_max_pool_never_looks_at_padding_alone() -> None:
    """PyTorch lets such a window through; its gradient then lands outside of the tensor."""
    kind = registry.find("maxpool")
    assert kind is not None
    refused = 0
    for n in range(1, 6):
        for k in range(1, 7):
            for s in (1, 2, 3, 7):
                for p in range(k // 2 + 1):
                    for d in range(1, 7):
                        for ceil in (False, True):
                            layer = kind(kernel_size=k, stride=s, padding=p, dilation=d, ceil_mode=ceil)
                            span = n + 2 * p - d * (k - 1) - 1
                            count = (-(-span // s) if ceil else span // s) + 1
                            if ceil and (count - 1) * s >= n + p:
                                count -= 1
                            starts = [-p + i * s for i in range(count)]
                            empty = any(all(not 0 <= start + j * d < n for j in range(k)) for start in starts)
                            try:
                                layer.infer(Shape(1, (n,)))
                                assert count >= 1 and not empty, layer
                            except Refusal as refusal:
                                assert count < 1 or empty, layer
                                refused += "nothing but padding" in refusal.title
    assert refused > 20


@pytest.mark.parametrize("mode", ["reflect", "circular", "replicate", "zeros"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("word", ["conv", "pad"])
def test_how_far_a_map_can_be_padded_with_itself(word: str, rank: int, mode: str) -> None:
    kind = registry.find(word)
    assert kind is not None
    required = {"out_channels": 1, "padding_mode": mode} if word == "conv" else {"mode": mode}
    refused = 0
    for size in range(1, 5):
        for padding in range(7):
            x, layer = Shape(1, (size,) * rank), kind(padding=padding, **required)
            try:
                assert layer.infer(x).spatial == (size + 2 * padding - (2 if word == "conv" else 0),) * rank
                assert not torch_refuses(layer, x), layer
            except Refusal as refusal:
                assert torch_refuses(layer, x), layer
                refused += refusal.code == "padding-too-large"
    assert (refused > 0) is (mode in ("reflect", "circular"))


def test_a_group_needs_more_than_one_value() -> None:
    """PyTorch takes a batch of such samples, and refuses one."""
    kind = registry.find("gn")
    assert kind is not None
    for groups, x, fine in (
        (4, Shape(4), False),
        (4, Shape(4, (1, 1)), False),
        (1, Shape(1), False),
        (2, Shape(4), True),
        (4, Shape(4, (2,)), True),
        (4, Shape(8, (1,)), True),
    ):
        assert torch_refuses(kind(num_groups=groups), x) is not fine
        if fine:
            check_accepted(kind(num_groups=groups), x, kind(num_groups=groups).infer(x))
        else:
            with pytest.raises(Refusal, match="more than one value"):
                kind(num_groups=groups).infer(x)


@pytest.mark.parametrize("word", ["leaky_relu", "elu"])
def test_what_cannot_be_differentiated_in_place_is_refused(word: str) -> None:
    kind = registry.find(word)
    assert kind is not None
    slope = kind.positional[0]
    for value, fine in ((-0.5, False), (0.0, True), (0.3, True)):
        layer = kind(**{slope: value, "inplace": True})
        assert layer.may_overwrite is fine
        assert torch_refuses(layer, Shape(3)) is not fine
        if not fine:
            with pytest.raises(Refusal, match="overwrite"):
                layer.infer(Shape(3))
            assert type(layer)(**{slope: value}).infer(Shape(3)) == Shape(3)


def test_drop_path_keeps_the_gradient_even_at_one() -> None:
    kind = registry.find("droppath")
    assert kind is not None
    x = torch.ones(4, 3, requires_grad=True)
    out = make(step_of(kind(p=1.0), Shape(3), Shape(3)))(x)
    out.sum().backward()
    assert out.eq(0).all() and x.grad is not None and x.grad.eq(0).all()


def test_drop_path_drops_whole_samples_and_keeps_the_mean() -> None:
    kind = registry.find("droppath")
    assert kind is not None
    torch.manual_seed(0)
    module = make(step_of(kind(p=0.25), Shape(3, (2,)), Shape(3, (2,))))
    out = module(torch.ones(4000, 3, 2))
    per_sample = out.flatten(1)
    assert ((per_sample == per_sample[:, :1]).all(1)).all(), "a sample is dropped as a whole"
    assert sorted(set(per_sample[:, 0].tolist())) == [0.0, pytest.approx(1 / 0.75)]
    assert out.mean().item() == pytest.approx(1, abs=0.05)
    assert torch.equal(module.eval()(out), out)

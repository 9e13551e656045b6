"""Every layer held against PyTorch: options drawn at random, the same answer wanted from both.

What a layer accepts has to run, with the shape, the parameters and the multiply-adds it promised, and
compute what the module does that is given every option outright. What it refuses PyTorch has to refuse.
"""

from __future__ import annotations

import inspect
import os
import random
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from specgen import arithmetic
from specgen.backends.torch import make
from specgen.ir import Step
from specgen.layers import registry
from specgen.layers.base import Layer, Refusal
from specgen.layers.fields import Absent, Axes, Choice, Either, Flag, OptionType, Real, Whole
from specgen.shape import LARGEST, Shape

torch.set_num_threads(1)

BATCH = 2
CASES_PER_SEED = 250
SEEDS = 8
SLOW_SEEDS = int(os.environ.get("SPECGEN_LAYER_SEEDS", "100"))

#: Refusals that PyTorch does not share, by layer family or word and by code, each with its reason.
STRICTER = {
    ("conv", "needs-map"): "a batch of vectors passes for one unbatched map, channels-last data for a map",
    ("conv", "wrong-axes"): "a tuple of one number passes for every axis: say the number",
    ("pool", "wrong-axes"): "a tuple of one number passes for every axis: say the number",
    ("deconv", "padding-too-large"): "where exactly nothing is left, PyTorch goes on with an empty map",
    ("pool", "needs-map"): "a pool slides over whatever the last axes are, batch and channels included",
    ("norm", "needs-map"): "tokens pass for a map where N equals C",
    ("dropout", "needs-map"): "channel dropout takes the second axis for channels, whatever it holds",
    ("shape", "needs-map"): "padding, resizing and shuffling take any tensor with enough axes",
    ("shape", "needs-channels-last"): "`channels_first` is a permutation, which any tensor has",
    (
        "transformer",
        "needs-map",
    ): "flattening all axes but the last one is legal for tokens, and does nothing",
    ("transformer", "needs-tokens"): "a map passes where its axes or sizes happen to be those of tokens",
    ("linear", "needs-channels-last"): "a map whose last size equals C is multiplied along the wrong axis",
    ("flatten", "no-such-axis"): "flattening the batch with the samples is legal for a tensor",
    ("prelu", "wrong-parameters"): "channels-last data passes where the second axis has one slope each",
}

#: The module of each layer with every option given outright, as a user who trusts no default writes it.
REFERENCE: dict[str, str] = {
    "conv": "Conv{}d", "dwconv": "Conv{}d", "deconv": "ConvTranspose{}d",
    "maxpool": "MaxPool{}d", "avgpool": "AvgPool{}d", "gap": "AdaptiveAvgPool{}d",
    "adaptive_avgpool": "AdaptiveAvgPool{}d", "adaptive_maxpool": "AdaptiveMaxPool{}d",
    "bn": "BatchNorm{}d", "instancenorm": "InstanceNorm{}d", "gn": "GroupNorm", "lrn": "LocalResponseNorm",
    "ln": "LayerNorm", "rmsnorm": "RMSNorm", "linear": "Linear", "fc": "Linear",
    "drop": "Dropout", "drop2d": "Dropout{}d", "flatten": "Flatten", "upsample": "Upsample",
    "pixel_shuffle": "PixelShuffle", "shuffle": "ChannelShuffle", "id": "Identity",
    "relu": "ReLU", "relu6": "ReLU6", "leaky_relu": "LeakyReLU", "prelu": "PReLU", "elu": "ELU",
    "selu": "SELU", "gelu": "GELU", "silu": "SiLU", "mish": "Mish", "hardswish": "Hardswish",
    "hardsigmoid": "Hardsigmoid", "sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus",
    "softmax": "Softmax", "log_softmax": "LogSoftmax",
}  # fmt: skip


# --- drawing -----------------------------------------------------------------------------------------


def draw_shape(rng: random.Random) -> Shape:
    """A small shape of any layout; sizes of 1 are common."""
    rank = rng.choice((0, 1, 1, 2, 2, 2, 2, 3, 3))
    channels = rng.choice((1, 2, 3, 4, 6, 8, 9, 12))
    sizes = (1, 2, 3, 4, 5, 6, 7, 9, 11) if rank < 3 else (1, 2, 3, 4, 5)
    spatial = tuple(rng.choice(sizes) for _ in range(rank))
    return Shape(channels, spatial, channels_last=rank > 0 and rng.random() < 0.2)


def draw_value(kind: OptionType, x: Shape, rng: random.Random) -> Any:
    """A value that the option accepts; half of them at a boundary."""
    at_boundary = rng.random() < 0.5
    match kind:
        case Either():
            return draw_value(rng.choice(kind.types), x, rng)
        case Absent():
            return None
        case Flag():
            return rng.random() < 0.5
        case Choice():
            return rng.choice(kind.words)
        case Whole(low=low, high=high):
            c = x.channels
            edges = (low, low + 1, c, c + 1, 2 * c, max(c // 2, 1), high if high <= 64 else low)
            drawn = rng.choice(edges) if at_boundary else rng.randint(low, low + 9)
            return min(max(drawn, low), high)
        case Real(low=low, high=high):
            least = 1e-6 if kind.open_low and low == 0 else low
            edges_real = [edge for edge in (least, high, 0.0, 1.0) if edge is not None]
            allowed = [edge for edge in edges_real if accepts(kind, edge)]
            drawn_real = rng.choice(allowed) if at_boundary else round(rng.uniform(-2, 4), 2)
            return drawn_real if accepts(kind, drawn_real) else rng.choice(allowed)
        case Axes():
            wrong = rng.random() < 0.04
            if not wrong and rng.random() < 0.5:
                return draw_axis(Axes(kind.low), x, at_boundary, rng)
            count = rng.randint(1, 6) if wrong else max(x.rank, 1) * (2 if rng.random() < 0.25 else 1)
            return tuple(draw_axis(kind, x, at_boundary, rng) for _ in range(count))
    pool = [1, 2, 3, 4, 0.5, 1.5, 2.0, 0, -1, True, None, (2, 2), (1, 2.5), (2,), (2, 1, 2)]
    fitting = [value for value in pool if accepts(kind, value)]
    assert fitting, f"no value known for {kind!r}"
    return rng.choice(fitting)


def draw_axis(kind: Axes, x: Shape, at_boundary: bool, rng: random.Random) -> int | None:
    """A number for one axis: around its smallest, or around a size of `x`."""
    if kind.keep and rng.random() < 0.3:
        return None
    if not at_boundary:
        return rng.randint(kind.low, kind.low + 3)
    size = rng.choice(x.spatial or (1,))
    return max(kind.low, rng.choice((kind.low, kind.low, kind.low + 1, size, size + 1, size - 1, size // 2)))


def accepts(kind: OptionType, value: Any) -> bool:
    try:
        kind.check(value)
    except ValueError:
        return False
    return True


def draw_layer(layer: type[Layer], x: Shape, rng: random.Random) -> Layer:
    """A layer with its required options, and each of the others every second time."""
    given = {
        name: draw_value(layer.option_type(name), x, rng)
        for name, field in layer.model_fields.items()
        if field.is_required() or rng.random() < 0.5
    }
    return layer(**given)


def draw_case(rng: random.Random) -> tuple[Layer, Shape]:
    """A layer and what arrives at it; layers with many options or with windows are drawn more often."""
    kinds = registry.layers()
    weights = [1 + 2 * len(kind.model_fields) + 10 * (kind.family in ("conv", "pool")) for kind in kinds]
    kind = rng.choices(kinds, weights)[0]
    x = draw_shape(rng)
    return draw_layer(kind, x, rng), x


# --- both sides --------------------------------------------------------------------------------------


def reference(layer: Layer, x: Shape) -> nn.Module:
    """PyTorch's module for the options as they stand, without help from the layer."""
    options = {name: getattr(layer, name) for name in type(layer).model_fields}
    name = REFERENCE[layer.word].format(max(x.rank, 1))
    match layer.word:
        case "conv" | "dwconv":
            options["in_channels"] = x.channels
            if layer.word == "dwconv":
                options["out_channels"] = options.pop("multiplier") * x.channels
                options["groups"] = x.channels
            if options["padding"] == "half":
                kernel, dilation = (
                    value if isinstance(value, tuple) else (value,) * x.rank
                    for value in (options["kernel_size"], options["dilation"])
                )
                options["padding"] = tuple((k - 1) * d // 2 for k, d in zip(kernel, dilation, strict=True))
        case "deconv":
            options["in_channels"] = x.channels
        case "fc" | "linear":
            options["in_features"] = x.channels
        case "bn" | "instancenorm":
            options["num_features"] = x.channels
        case "gn":
            options["num_channels"] = x.channels
        case "ln" | "rmsnorm":
            options["normalized_shape"] = x.channels
        case "softmax" | "log_softmax" if options["dim"] is None:
            options["dim"] = -1 if x.channels_last else 1
        case "gap":
            options["output_size"] = 1
        case "upsample":
            options["mode"] = options["mode"].replace("_", "-")
        case "avgpool" if x.rank <= 1 and options["divisor_override"] is None:
            del options["divisor_override"]
        case "adaptive_avgpool" | "adaptive_maxpool" if x.rank == 1 and isinstance(
            options["output_size"], tuple
        ):
            sizes = zip(options["output_size"], x.spatial, strict=True)
            options["output_size"] = tuple(size or kept for size, kept in sizes)
    kind: Any = getattr(nn, name)
    module: nn.Module = kind(**options)
    return module


class ChannelsMoved(nn.Module):
    """A module for channels-last data, run on a feature map."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        moved: Tensor = self.inner(x.movedim(1, -1)).movedim(-1, 1)
        return moved


def pad_reference(layer: Any, x: Shape) -> nn.Module:
    """`pad` by `torch.nn.functional.pad`, which has its own rules and messages."""
    padding = layer.padding if isinstance(layer.padding, tuple) else (layer.padding,) * (2 * x.rank)
    assert not layer.value or layer.mode == "constant", "no value where nothing is filled in"
    mode = "constant" if layer.mode == "zeros" else layer.mode
    value = layer.value if layer.mode == "constant" else None

    class Padded(nn.Module):
        def forward(self, t: Tensor) -> Tensor:
            assert len(padding) == 2 * x.rank
            return nn.functional.pad(t, padding, mode, value)

    return Padded()


def build_reference(layer: Layer, x: Shape) -> nn.Module:
    """The reference for any layer; one that the table does not know is its own."""
    if layer.word == "pad":
        return pad_reference(layer, x)
    if layer.word not in REFERENCE:
        return make(step_of(layer, x, x))
    module = reference(layer, x)
    return ChannelsMoved(module) if layer.word in ("ln", "rmsnorm") and x.is_map else module


def step_of(layer: Layer, x: Shape, out: Shape) -> Step:
    return Step(name="layer", input=x, output=out, layer=layer)


def run_once(module: nn.Module, x: Shape, seed: int = 0) -> Tensor:
    """The output for a batch in training, where gradients have to come back; one sample has to pass too."""
    torch.manual_seed(seed)
    start = torch.randn(BATCH, *x.sizes, requires_grad=True)
    out: Tensor = module(start * 1)
    out.sum().backward()
    assert start.grad is not None, "no gradient arrives"
    if isinstance(module, nn.modules.batchnorm._BatchNorm) and not module.track_running_stats:
        return out.detach()  # statistics of a batch, which one sample is not
    with torch.no_grad():
        one = module.eval()(torch.randn(1, *x.sizes))
    assert one.shape[1:] == out.shape[1:] and len(one) == 1, "one sample"
    return out.detach()


def writes_outside(layer: Layer) -> bool:
    """Whether PyTorch may do harm with what is refused: it lets a max pool have a window of padding alone.

    The gradient of such a window lands outside of the tensor, and the process may die of it.
    """
    return layer.word == "maxpool" and bool(layer.padding) and layer.dilation != 1  # type: ignore[attr-defined]


def torch_refuses(layer: Layer, x: Shape) -> bool:
    """Whether PyTorch cannot make the module, run it forwards, or run it backwards."""
    if writes_outside(layer):
        return True
    try:
        run_once(build_reference(layer, x), x)
    except Exception:
        return True
    return False


def check_accepted(layer: Layer, x: Shape, out: Shape) -> None:
    """Everything a layer promises for an input that it takes."""
    step = step_of(layer, x, out)
    with torch.device("meta"):
        on_meta = make(step).eval()
        with FlopCounterMode(display=False) as counter:
            shape = on_meta(torch.empty(BATCH, *x.sizes)).shape
    assert tuple(shape) == (BATCH, *out.sizes), "shape"
    found = {name: tuple(tensor.shape) for name, tensor in on_meta.named_parameters()}
    assert found == layer.parameters(x), "parameters"
    assert list(found) == list(layer.parameters(x)), "order of the parameters"
    assert layer.macs(x) * 2 * BATCH == counter.get_total_flops(), "multiply-adds"
    torch.manual_seed(1)
    module = make(step)
    result = run_once(module, x)
    assert tuple(result.shape) == (BATCH, *out.sizes), "shape on the CPU"
    torch.manual_seed(1)
    other = build_reference(layer, x)
    wanted = run_once(other, x)
    assert torch.equal(result, wanted) or torch.allclose(result, wanted, equal_nan=True), "values"
    gradients = zip(module.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(a.grad, b.grad) for a, b in gradients if a.grad is not None), "gradients"  # type: ignore[arg-type]


def stricter(layer: Layer, refusal: Refusal) -> tuple[str, str] | None:
    """The entry of `STRICTER` that covers a refusal."""
    entries = ((layer.word, refusal.code), (layer.family, refusal.code))
    return next((entry for entry in entries if entry in STRICTER), None)


def compare(layer: Layer, x: Shape) -> tuple[str, Any]:
    """One case: what became of it, or an `AssertionError` that names it."""
    try:
        out = layer.infer(x)
    except Refusal as refusal:
        if torch_refuses(layer, x):
            return "refused", refusal.code
        entry = stricter(layer, refusal)
        assert entry, f"PyTorch takes what is refused: {layer!r} on {x.describe()}: {refusal}"
        return "stricter", entry
    try:
        check_accepted(layer, x, out)
    except Exception as error:
        raise AssertionError(f"{layer!r} on {x.describe()} → {out}: {error}") from error
    return "accepted", layer.word


def run_cases(seed: int, count: int = CASES_PER_SEED) -> Counter[tuple[str, Any]]:
    rng = random.Random(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of slow or odd choices that are legal
        return Counter(compare(*draw_case(rng)) for _ in range(count))


# --- the tests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_layers(seed: int) -> None:
    found = Counter(outcome for outcome, _ in run_cases(seed).elements())
    assert found["accepted"] > CASES_PER_SEED // 3, "too few cases say anything"
    assert found["refused"] > CASES_PER_SEED // 20, "too few refusals are tried"


@pytest.mark.slow
def test_many_random_layers() -> None:
    found: Counter[tuple[str, Any]] = Counter()
    for seed in range(1000, 1000 + SLOW_SEEDS):
        found += run_cases(seed)
    total = Counter[str]()
    for (outcome, _), times in found.items():
        total[outcome] += times
    print(f"{sum(total.values()):,} cases: {dict(total)}")
    accepted = {word for outcome, word in found if outcome == "accepted"}
    assert accepted == {layer.word for layer in registry.layers()}, "a layer was never accepted"


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
        except (Refusal, ValidationError):
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
        for name in set(type(layer).model_fields) & set(signature.parameters) - set(bound.arguments):
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


# --- what no option takes ----------------------------------------------------------------------------


@each_layer
@pytest.mark.parametrize(
    "value", ["64", float("nan"), float("inf"), -float("inf"), 2**31, -(2**40), b"1", [], {}]
)
def test_no_option_takes_nonsense(kind: type[Layer], value: Any) -> None:
    for name in kind.model_fields:
        option = kind.option_type(name)
        if accepts(option, value):  # an unbounded real is happy with a large number
            assert isinstance(value, int), f"{kind.word} {name}={value!r}"
            assert "a number" in option.describe()


@each_layer
def test_numbers_and_booleans_are_not_each_other(kind: type[Layer]) -> None:
    for name in kind.model_fields:
        option = kind.option_type(name)
        takes_flags = "true or false" in option.describe()
        assert accepts(option, True) is takes_flags, f"{kind.word} {name}=True"
        if takes_flags:
            assert not accepts(option, 1) and not accepts(option, 0)


@each_layer
def test_bounds_are_where_the_description_says(kind: type[Layer]) -> None:
    """Just inside a bound is taken, just outside is not; a required option is required."""
    for name, field in kind.model_fields.items():
        option = kind.option_type(name)
        for part in option.types if isinstance(option, Either) else (option,):
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
        if field.is_required():
            with pytest.raises(ValidationError, match="Field required"):
                kind(**{other: 1 for other in kind.model_fields if other != name})


def test_options_are_frozen_and_known() -> None:
    conv = registry.find("conv")
    assert conv is not None
    with pytest.raises(ValidationError, match="extra"):
        conv(out_channels=1, kernel=3)
    with pytest.raises(ValidationError, match="frozen"):
        conv(out_channels=1).out_channels = 2  # type: ignore[attr-defined]


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
    ("upsample", {"scale_factor": 1e308}, "too-large"),
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

"""Layers held against PyTorch: options drawn at random, the same answer wanted from both.

What a layer accepts has to run, with the shape, the parameters and the multiply-adds it promised, and
compute what the module does that is given every option outright. What it refuses PyTorch has to refuse.
"""

from __future__ import annotations

import json
import random
import warnings
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from specgen.backends.torch import make
from specgen.ir import Step
from specgen.layers import registry
from specgen.layers.base import Layer, Refusal
from specgen.layers.fields import (
    Absent,
    Axes,
    Choice,
    Either,
    Flag,
    OptionType,
    Real,
    Sizes,
    Whole,
    WrongOptions,
)
from specgen.shape import Shape

from .chains import maps_of
from .kind import Kind

BATCH = 2

#: For one case in so many, multiply-adds are counted on the meta device, and oneDNN is used: both take long.
COUNTED = 8

#: For one case in so many, values and gradients are compared with the reference; shapes always are.
COMPARED = 4

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
    ("unflatten", "wrong-axes"): "the channels of a map can be made several axes: here the channels are one",
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
    "pixel_shuffle": "PixelShuffle", "pixel_unshuffle": "PixelUnshuffle", "unflatten": "Unflatten",
    "shuffle": "ChannelShuffle", "id": "Identity",
    "relu": "ReLU", "relu6": "ReLU6", "hardtanh": "Hardtanh",
    "leaky_relu": "LeakyReLU", "prelu": "PReLU", "elu": "ELU",
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
        case Sizes():
            return rng.choice(list(maps_of(x.channels + (rng.random() < 0.2))))
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
    drawn = {
        name: draw_value(option.kind, x, rng)
        for name, option in layer.options.items()
        if option.required or rng.random() < 0.5
    }
    return layer(**drawn)


def draw_case(rng: random.Random, family: str | None = None) -> tuple[Layer, Shape]:
    """A layer and what arrives at it, half of them moved to where the shape rule changes its mind.

    Layers with many options or with windows are drawn more often.
    """
    kinds = [kind for kind in registry.layers() if family in (None, kind.family)]
    weights = [1 + 2 * len(kind.options) + 10 * (kind.family in ("conv", "pool")) for kind in kinds]
    kind = rng.choices(kinds, weights)[0]
    x = draw_shape(rng)
    layer = draw_layer(kind, x, rng)
    return to_boundary(layer, x, rng) if rng.random() < 0.5 else (layer, x)


def to_boundary(layer: Layer, x: Shape, rng: random.Random) -> tuple[Layer, Shape]:
    """A case moved by steps of one in one of its numbers, until it is accepted and was not, or the reverse.

    The last case before that or the first one behind it; the case itself where nothing changes soon.
    """
    numbers = [name for name, value in layer.given().items() if _whole_numbers(value)]
    place = rng.choice([*numbers, *numbers, "channels", *["spatial"] * bool(x.spatial)])
    index, step = rng.randrange(6), rng.choice((-1, 1))
    takes, here = _takes(layer, x), (layer, x)
    for _ in range(14):
        try:
            there = _moved(*here, place, index, step)
        except WrongOptions:
            break
        if there is None:
            break
        if _takes(*there) is not takes:
            return rng.choice((here, there))
        here = there
    return layer, x


def _whole_numbers(value: Any) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return all(isinstance(item, int) and not isinstance(item, bool) for item in values)


def _moved(layer: Layer, x: Shape, place: str, index: int, step: int) -> tuple[Layer, Shape] | None:
    """A case with one of its numbers moved by a step; nothing where that would leave its bounds."""

    def by_one(values: tuple[int, ...]) -> tuple[int, ...]:
        at = index % len(values)
        return (*values[:at], values[at] + step, *values[at + 1 :])

    if place == "channels":
        x = x.replace(channels=x.channels + step)
    elif place == "spatial":
        x = x.replace(spatial=by_one(x.spatial))
    else:
        value = getattr(layer, place)
        value = by_one(value) if isinstance(value, tuple) else value + step
        layer = layer.with_options(**{place: value})
    return (layer, x) if min(x.sizes) >= 1 and x.elements < 4000 else None


def _takes(layer: Layer, x: Shape) -> bool:
    try:
        layer.infer(x)
    except Refusal:
        return False
    return True


def _seed(seed: int) -> None:
    """`torch.manual_seed` for the CPU alone, which is ten times as fast."""
    torch.default_generator.manual_seed(seed)


# --- both sides --------------------------------------------------------------------------------------


def reference(layer: Layer, x: Shape) -> nn.Module:
    """PyTorch's module for the options as they stand, without help from the layer."""
    options = dict(layer)
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
        case "unflatten":
            options = {"dim": 1, "unflattened_size": options["size"]}
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
    _seed(seed)
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


def check_accepted(
    layer: Layer, x: Shape, out: Shape, *, counted: bool = True, compared: bool = True
) -> None:
    """Everything a layer promises for an input that it takes.

    Its multiply-adds only if they shall be counted, its values only if they shall be compared.
    """
    step = step_of(layer, x, out)
    if counted:
        check_on_meta(step)
    _seed(1)
    module = make(step)
    found = {name: tuple(tensor.shape) for name, tensor in module.named_parameters()}
    assert found == layer.parameters(x), "parameters"
    assert list(found) == list(layer.parameters(x)), "order of the parameters"
    result = run_once(module, x)
    assert tuple(result.shape) == (BATCH, *out.sizes), "shape on the CPU"
    if compared:
        check_values(step, module, result)


def check_values(step: Step, module: nn.Module, result: Tensor) -> None:
    """A layer's output and gradients, which have to be those of the reference."""
    layer, x = step.layer, step.input
    _seed(1)
    other = build_reference(layer, x)
    wanted = run_once(other, x)
    assert torch.equal(result, wanted) or torch.allclose(result, wanted, equal_nan=True), "values"
    gradients = zip(module.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(a.grad, b.grad) for a, b in gradients if a.grad is not None), "gradients"  # type: ignore[arg-type]


def check_on_meta(step: Step) -> None:
    """A layer's output shape and multiply-adds, on a device without values."""
    x = step.input
    with torch.device("meta"):
        on_meta = make(step).eval()
        with FlopCounterMode(display=False) as counter:
            shape = on_meta(torch.empty(BATCH, *x.sizes)).shape
    assert tuple(shape) == (BATCH, *step.output.sizes), "shape"
    assert step.layer.macs(x) * 2 * BATCH == counter.get_total_flops(), "multiply-adds"


def stricter(layer: Layer, refusal: Refusal) -> tuple[str, str] | None:
    """The entry of `STRICTER` that covers a refusal."""
    entries = ((layer.word, refusal.code), (layer.family, refusal.code))
    return next((entry for entry in entries if entry in STRICTER), None)


def compare(layer: Layer, x: Shape, *, counted: bool = True, compared: bool = True) -> tuple[str, Any]:
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
        check_accepted(layer, x, out, counted=counted, compared=compared)
    except Exception as error:
        raise AssertionError(f"{layer!r} on {x.describe()} → {out}: {error}") from error
    return "accepted", layer.word


# --- the kind ----------------------------------------------------------------------------------------


class Layers(Kind[tuple[Layer, Shape]]):
    """Layers and inputs for them, of all families or of one, half of them at a boundary."""

    name = "layers"
    ending = ".json"

    def __init__(self, family: str | None = None) -> None:
        self.family = family
        self.turn = 0
        self.tally: Counter[str] = Counter()
        torch.set_num_threads(1)
        linear = registry.find("linear")
        assert linear is not None
        compare(linear(out_features=1), Shape(1))  # PyTorch imports much when it is first used

    def draw(self, chance: random.Random) -> tuple[Layer, Shape]:
        return draw_case(chance, self.family)

    def complaint(self, case: tuple[Layer, Shape]) -> str | None:
        self.turn += 1
        counted = self.turn % COUNTED == 1
        # oneDNN compiles a kernel for every new size, which takes longer than all the rest.
        torch._C._set_mkldnn_enabled(counted)  # as torch.backends.mkldnn.flags does, without a warning
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of slow or odd choices that are legal
            try:
                outcome, _ = compare(*case, counted=counted, compared=self.turn % COMPARED == 1)
            except AssertionError as error:
                return str(error)
            finally:
                torch._C._set_mkldnn_enabled(True)
        self.tally[outcome] += 1
        return None

    def dump(self, case: tuple[Layer, Shape]) -> bytes:
        layer, x = case
        kept = {"layer": layer.word, "options": layer.given()}
        kept |= {"input": x.sizes, "channels_last": x.channels_last}
        return (json.dumps(kept) + "\n").encode()

    def load(self, data: bytes) -> tuple[Layer, Shape]:
        kept = json.loads(data)
        kind = registry.find(kept["layer"])
        assert kind is not None
        options = {name: tuple(v) if isinstance(v, list) else v for name, v in kept["options"].items()}
        return kind(**options), Shape.of_sizes(tuple(kept["input"]), kept["channels_last"])

"""What a refusal says is true: its kind is explained, its options are there, its remedies are of use."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch
from fuzz.layers import accepts, draw_case

import specgen
from specgen.layers import registry
from specgen.layers.base import Call, Layer, Refusal, smaller_windows
from specgen.layers.fields import LARGEST_REAL, Axes, Choice, OptionType, Real, Whole, WrongOptions
from specgen.shape import LARGEST, Shape

EXPLAINED = {path.stem for path in (Path(specgen.__file__).parent / "explanations").glob("*.md")}


def refusals(count: int) -> list[tuple[Layer, Shape, Refusal]]:
    """Layers that refuse what arrives, drawn at random."""
    chance = random.Random(0)
    found = []
    while len(found) < count:
        layer, x = draw_case(chance)
        try:
            layer.infer(x)
        except Refusal as refusal:
            found.append((layer, x, refusal))
    return found


def test_every_refusal_is_of_a_kind_that_is_explained_and_at_an_option_that_there_is() -> None:
    for layer, _, refusal in refusals(600):
        assert refusal.code in EXPLAINED, f"{layer!r}: {refusal.code}"
        assert refusal.at is None or refusal.at in layer.options, f"{layer!r}: {refusal.at}"
        assert refusal.title and refusal.title == refusal.title.strip(), repr(layer)


def test_remedies_are_options_of_the_layer_and_most_are_taken() -> None:
    tried, taken = 0, 0
    for layer, x, refusal in refusals(600):
        for remedy in refusal.remedies:
            assert set(remedy) <= set(layer.options), f"{layer!r}: {remedy}"
            tried += 1
            try:
                layer.with_options(**remedy).infer(x)
            except (Refusal, WrongOptions):
                continue
            taken += 1
    assert taken > tried // 2


def _with(kind: type[Layer], name: str, value: Any) -> Layer:
    """A layer with one option, and 1 for what it has to be given."""
    return kind(**{other: 1 for other, option in kind.options.items() if option.required} | {name: value})


PER_AXIS = [
    (kind, name)
    for kind in registry.layers()
    for name, option in kind.options.items()
    if accepts(option.kind, (1, 1, 1)) and accepts(option.kind, 1)
]


@pytest.mark.parametrize(("kind", "name"), PER_AXIS, ids=lambda part: getattr(part, "word", part))
def test_one_number_an_axis_is_as_many_numbers_as_there_are_axes(kind: type[Layer], name: str) -> None:
    with pytest.raises(Refusal) as caught:
        _with(kind, name, (1, 1, 1)).infer(Shape(4, (8, 8)))
    assert (caught.value.code, caught.value.at) == ("wrong-axes", name)
    assert f"`{name}` has 3 numbers" in caught.value.title


def test_all_that_slide_have_such_options() -> None:
    found = {(kind.word, name) for kind, name in PER_AXIS}
    assert {(kind, "kernel_size") for kind in ("conv", "dwconv", "deconv", "maxpool", "avgpool")} <= found
    assert {("adaptive_maxpool", "output_size"), ("upsample", "scale_factor"), ("pad", "padding")} <= found


def test_a_remedy_that_is_no_value_of_its_option_is_passed_over() -> None:
    class Fussy(Layer):
        """Takes anything at size 2."""

        word = "fussy"
        size: Annotated[int, Whole(1)] = 1

        def infer(self, x: Shape) -> Shape:
            if self.size != 2:
                remedies: list[dict[str, Any]] = [{"size": 0}, {"size": 2}, {"sise": 2}]
                raise Refusal("wrong-axes", "not this size", at="size", remedies=remedies)
            return x

        def call(self, x: Shape) -> Call:
            return Call("Identity")

    known = registry.layers()
    registry.register_layer(Fussy)
    assert registry.layers() == (*known, Fussy)
    try:
        with pytest.raises(specgen.SpecError) as caught:
            specgen.compile(text="input 3x8x8\nfussy\n")
    finally:
        registry.unregister_layer(Fussy)
    assert registry.layers() == known
    assert caught.value.diagnostics[0].help == ("with `size=2` it fits",)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("input 16x8x8\nchannels_last\nconv 4", "put `channels_first` in front of it"),
        ("input 16x8x8x8\nchannels_last\nM", "put `channels_first` in front of it"),
        ("input 16x64\ntokens\nconv 4", None),
    ],
)
def test_maps_with_channels_last_are_turned(text: str, advice: str | None) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=text)
    assert caught.value.diagnostics[0].code == "needs-map"
    assert (advice in caught.value.diagnostics[0].help) is (advice is not None)


@pytest.mark.parametrize(
    ("kernel", "padding", "dilation", "found"),
    [
        ((3, 3), (0, 0), (4, 4), [{"dilation": 2}, {"kernel_size": 2}]),  # 6 × 6: 2·(3 − 1) + 1 = 5
        ((5, 3), (0, 0), (2, 2), [{"dilation": (1, 2)}, {"kernel_size": 3}]),
        ((7, 1), (0, 0), (2, 9), [{"kernel_size": (3, 1)}]),
        ((9, 9), (1, 1), (1, 1), [{"kernel_size": 8}]),
        ((9, 9), (0, 0), (5, 5), [{"kernel_size": 2}]),
    ],
)
def test_smaller_windows(
    kernel: tuple[int, ...], padding: tuple[int, ...], dilation: tuple[int, ...], found: list[dict[str, Any]]
) -> None:
    assert smaller_windows(kernel, Shape(3, (6, 6)), padding, dilation) == found


def test_where_channels_are_first_already() -> None:
    for sizes, where in (((4, 4), "already first"), ((), "the only axis")):
        with pytest.raises(Refusal) as caught:
            registry.find("channels_first")().infer(Shape(3, sizes))  # type: ignore[misc]
        assert where in caught.value.label


def test_how_words_are_offered() -> None:
    assert Choice("a", "b").describe() == "one of a, b"
    assert Choice("a").describe() == "a"


def test_a_deconvolution_may_have_a_kernel_of_one() -> None:
    assert specgen.compile(text="input 3x8x8\ndeconv 4 k=1 s=1").output_shape == Shape(4, (8, 8))


@pytest.mark.parametrize("axes", ["8", "8x8", "8x8x8"])
def test_corners_may_be_aligned_where_values_are_mixed(axes: str) -> None:
    modes = {"8": ["linear"], "8x8": ["bilinear", "bicubic"], "8x8x8": ["trilinear"]}[axes]
    for mode in modes:
        specgen.compile(text=f"input 3x{axes}\nupsample 2 mode={mode} align_corners=true")
    with pytest.raises(specgen.SpecError, match="align_corners"):
        specgen.compile(text=f"input 3x{axes}\nupsample 2 align_corners=true")


def test_every_layer_is_of_a_known_family() -> None:
    families = "activation conv dropout linear norm other pool shape transformer".split()
    assert sorted({layer.family for layer in registry.layers()}) == families


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Whole(1), "a whole number ≥ 1"),
        (Whole(2, 8), "a whole number from 2 to 8"),
        (Axes(0), "a whole number ≥ 0, or one per axis"),
        (Axes(1, keep=True), "a whole number ≥ 1, or one per axis, or `none` to keep an axis"),
    ],
)
def test_how_numbers_are_offered(kind: OptionType, said: str) -> None:
    assert kind.describe() == said


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("input 16x64; channels_first", "`channels_first` needs its channels on the last axis"),
        ("input 16; tokens", "`tokens` needs a feature map"),
        ("input 3x8; upsample 2 mode=trilinear", "`mode=trilinear` is not defined for 1 spatial axis"),
        ("input 3x8; upsample 268435456", "a size is 2^31 or more"),
    ],
)
def test_what_a_layer_needs_is_its_title(text: str, title: str) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=text)
    assert caught.value.diagnostics[0].title == title


@pytest.mark.parametrize(
    ("options", "at"),
    [
        ("k=9 d=2 p=0", "kernel_size"),  # too large with any dilation
        ("k=3 d=4 p=0", "dilation"),
        ("k=9 p=0", "kernel_size"),
    ],
)
def test_what_is_at_fault_where_a_window_does_not_fit(options: str, at: str) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=f"input 3x6x6\nconv 4 {options}")
    (found,) = caught.value.diagnostics
    written = {"kernel_size": "k=", "dilation": "d="}[at]
    text = f"input 3x6x6\nconv 4 {options}"
    span = found.labels[0].span
    assert text[span.start : span.end].startswith(written)


def test_a_layer_does_not_change() -> None:
    layer = registry.find("relu")()  # type: ignore[misc]
    with pytest.raises(AttributeError, match=r"make another `with_options\(inplace=…\)`"):
        layer.inplace = True


def test_a_size_may_be_as_large_as_a_size_is() -> None:
    assert specgen.compile(text="input 1x2147483647; upsample 1").output_shape == Shape(1, (LARGEST,))


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [
        (Real(0), {"minimum": 0, "exclusiveMaximum": LARGEST_REAL}),
        (Real(0, open_low=True), {"exclusiveMinimum": 0, "exclusiveMaximum": LARGEST_REAL}),
        (Real(0, 1), {"minimum": 0, "maximum": 1}),
        (Real(), {"exclusiveMinimum": -LARGEST_REAL, "exclusiveMaximum": LARGEST_REAL}),
    ],
)
def test_the_schema_has_the_bounds_of_a_number(kind: Real, bounds: dict[str, float]) -> None:
    assert kind.schema() == {"type": "number", **bounds}


@pytest.mark.parametrize(("start", "end"), [(1, 4), (-4, -1), (4, 4)])
def test_a_flatten_may_reach_every_axis_there_can_be(start: int, end: int) -> None:
    line = f"input 2x3x4x5\nflatten start_dim={start} end_dim={end}"
    assert specgen.compile(text=line).output_shape.elements == 120
    for wrong in (f"start_dim={start} end_dim=5", f"start_dim=-5 end_dim={end}"):
        with pytest.raises(specgen.SpecError):
            specgen.compile(text=f"input 2x3x4x5\nflatten {wrong}")


@pytest.mark.parametrize(
    "mode", ["nearest", "nearest-exact", "area", "linear", "bilinear", "bicubic", "trilinear"]
)
def test_an_interpolation_is_defined_for_the_axes_that_torch_has_it_for(mode: str) -> None:
    for axes in (1, 2, 3):
        x = torch.zeros(1, 3, *(4,) * axes)
        text = f"input {'x'.join(map(str, x.shape[1:]))}\nupsample 2 mode={mode.replace('-', '_')}"
        try:
            expected = tuple(torch.nn.functional.interpolate(x, scale_factor=2, mode=mode).shape[1:])
        except (NotImplementedError, ValueError):
            with pytest.raises(specgen.SpecError, match="is not defined for"):
                specgen.compile(text=text)
        else:
            assert specgen.compile(text=text).output_shape.sizes == expected

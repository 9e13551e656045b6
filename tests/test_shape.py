"""Output sizes: worked examples, and every small window against PyTorch."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

import specgen
from specgen import arithmetic
from specgen.arithmetic import Symbol
from specgen.json_form import ShapeField
from specgen.shape import LARGEST, Shape, along, collapse, times, transposed, window

torch.set_num_threads(1)

SIZES = [
    # what stands on the line, what goes in, what comes out
    ("conv 96 k=11 s=4 p=0", "3x227x227", "96 × 55 × 55"),
    ("conv 8 k=7 s=2 p=0", "3x64x64", "8 × 29 × 29"),
    ("conv 8 k=5 p=2", "3x32x32", "8 × 32 × 32"),
    ("conv 8 k=5 p=0", "3x32x64", "8 × 28 × 60"),
    ("conv 8 k=3 p=1", "3x64x32", "8 × 64 × 32"),
    ("conv 33 k=3x5 s=2x1 p=4x2 d=3x1", "16x50x100", "33 × 26 × 100"),
    ("conv 33 k=(3, 5) s=(2, 1) p=(4, 2)", "16x50x100", "33 × 28 × 100"),
    ("conv 4 k=5 p=1", "1x4x4", "4 × 2 × 2"),
    ("conv 8 k=7 s=2", "3x224x224", "8 × 112 × 112"),
    ("conv 8 k=4", "3x10x10", "8 × 9 × 9"),
    ("conv 8 k=4 p=same", "3x10x10", "8 × 10 × 10"),
    ("conv 8 d=2", "3x10x10", "8 × 10 × 10"),
    ("conv 8 k=3 p=valid", "3x100", "8 × 98"),
    ("conv 8 k=3x1x5", "3x4x5x6", "8 × 4 × 5 × 6"),
    ("dwconv 3", "8x6x6", "24 × 6 × 6"),
    ("dw s=2", "8x7x7", "8 × 4 × 4"),
    ("deconv 8", "16x7x9", "8 × 14 × 18"),
    ("deconv 8 k=3 s=2 p=1 op=1", "16x7x7", "8 × 14 × 14"),
    ("deconv 8 k=3 s=2 p=1", "16x7x7", "8 × 13 × 13"),
    ("deconv 8 k=4 s=1 d=2", "16x5", "8 × 11"),
    ("M", "8x7x7", "8 × 3 × 3"),
    ("M ceil", "8x7x7", "8 × 4 × 4"),
    ("M k=3 s=2", "96x55x55", "96 × 27 × 27"),
    ("M k=3 s=2 ceil", "8x54x54", "8 × 27 × 27"),
    ("M k=3 s=2 p=1", "64x112x112", "64 × 56 × 56"),
    ("M k=2x4", "8x8x8", "8 × 4 × 2"),
    ("A k=3 s=1 p=1", "8x5x5", "8 × 5 × 5"),
    ("gap", "8x5x7", "8 × 1 × 1"),
    ("adaptive_avgpool 7", "8x3x20", "8 × 7 × 7"),
    ("adaptive_maxpool (none, 2)", "8x3x20", "8 × 3 × 2"),
    ("adaptive_avgpool (none,)", "8x3", "8 × 3"),
    ("flatten", "8x3x20", "480"),
    ("flatten start_dim=2", "8x3x20", "8 × 60"),
    ("upsample 2", "8x3x20", "8 × 6 × 40"),
    ("upsample 1.5 mode=bilinear", "8x3x5", "8 × 4 × 7"),
    ("upsample size=(9, 4)", "8x3x5", "8 × 9 × 4"),
    ("pixel_shuffle 2", "8x3x5", "2 × 6 × 10"),
    ("pad (1, 2, 3, 4)", "8x3x5", "8 × 10 × 8"),
    ("fc 10", "8x3x5", "10"),
]


def compiled(line: str, arrives: str) -> specgen.Network:
    return specgen.compile(text=f"input {arrives}\n{line}\n")


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # slow, PyTorch says, and legal
@pytest.mark.parametrize(("line", "arrives", "gives"), SIZES)
def test_sizes(line: str, arrives: str, gives: str) -> None:
    network = compiled(line, arrives)
    assert str(network.output_shape) == gives
    seen = network.build()(torch.zeros(2, *network.input_shape.sizes)).shape
    assert tuple(seen[1:]) == network.output_shape.sizes


def test_a_kernel_that_does_not_fit_is_named_beside_what_it_slides_over() -> None:
    with pytest.raises(specgen.SpecError) as caught:
        compiled("conv 4 k=5 p=0", "1x4x4")
    (found,) = caught.value.diagnostics
    assert found.code == "kernel-too-large"
    assert found.labels[0].text == "5 × 5 does not fit in 4 × 4"
    assert "p=2" in " ".join(found.help)


@pytest.mark.parametrize("multiplier", [1, 2, 3, 7])
@pytest.mark.parametrize("channels", [1, 4, 6])
def test_depthwise_has_multiplier_times_channels(multiplier: int, channels: int) -> None:
    network = compiled(f"dwconv {multiplier} linear", f"{channels}x5x5")
    assert network.output_shape == Shape(multiplier * channels, (5, 5))
    assert network.params == multiplier * channels * (9 + 1)
    assert network.macs == multiplier * channels * 9 * 25


# --- the window formulas, densely --------------------------------------------------------------------


def run_or_zero(module: nn.Module, size: int) -> int:
    """The output size, or 0 where PyTorch refuses, forwards or backwards."""
    x = torch.ones(1, 1, size, requires_grad=True)
    try:
        out: Tensor = module(x)
        out.sum().backward()
    except RuntimeError:
        return 0
    return out.shape[-1]


def test_windows_of_convolutions() -> None:
    for size, k, s, p, d in product(range(1, 9), range(1, 6), range(1, 4), range(4), range(1, 4)):
        inferred = max(window(size, k, s, p, d), 0)
        assert inferred == run_or_zero(nn.Conv1d(1, 1, k, s, p, d), size), (size, k, s, p, d)


def test_windows_of_pools_and_the_last_one_with_ceil() -> None:
    changed = 0
    for size, k, s, d in product(range(1, 10), range(1, 7), range(1, 6), range(1, 4)):
        for p in range(k // 2 + 1):
            if -p % d >= size:  # a window of padding alone: see the tests of `maxpool`
                continue
            for ceil in (False, True):
                inferred = max(window(size, k, s, p, d, ceil=ceil), 0)
                seen = run_or_zero(nn.MaxPool1d(k, s, p, d, ceil_mode=ceil), size)
                assert inferred == seen, (size, k, s, p, d, ceil)
            span = size + 2 * p - d * (k - 1) - 1
            changed += span >= 0 and -(-span // s) + 1 != window(size, k, s, p, d, ceil=True)
    assert changed > 20, "the rule about the last window is never at work"


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_windows_of_average_pools(rank: int) -> None:
    pool = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}[rank]
    for size, k, s in product(range(1, 8), range(1, 7), range(1, 5)):
        for p, ceil in product(range(k // 2 + 1), (False, True)):
            line = f"A k={k} s={s} p={p}" + " ceil" * ceil
            arrives = "x".join(map(str, (1, *(size,) * rank)))
            x = torch.ones(1, 1, *(size,) * rank)
            try:
                seen = tuple(pool(k, s, p, ceil_mode=ceil)(x).shape[2:])  # type: ignore[operator]
            except RuntimeError:
                with pytest.raises(specgen.SpecError, match="kernel"):
                    compiled(line, arrives)
                continue
            if size < 4:  # compiling is slow beside counting
                assert compiled(line, arrives).output_shape.spatial == seen
            assert (window(size, k, s, p, ceil=ceil),) * rank == seen


def test_transposed_windows() -> None:
    for size, k, s, p, d in product(range(1, 6), range(1, 5), range(1, 4), range(4), range(1, 4)):
        for extra in range(max(s, d)):
            inferred = max(transposed(size, k, s, p, d, extra), 0)
            seen = run_or_zero(nn.ConvTranspose1d(1, 1, k, s, p, extra, dilation=d), size)
            assert inferred == seen, (size, k, s, p, d, extra)


def test_a_transposed_convolution_undoes_the_sizes_of_a_convolution() -> None:
    for size, k, s, p, d in product(range(1, 12), range(1, 6), range(1, 5), range(3), range(1, 3)):
        out = window(size, k, s, p, d)
        if out >= 1:
            lost = (size + 2 * p - d * (k - 1) - 1) % s
            assert transposed(out, k, s, p, d, lost) == size


# --- shapes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "sizes", "words"),
    [
        (Shape(512), (512,), "a vector of 512"),
        (Shape(64, (100,)), (64, 100), "a feature map of 64 × 100"),
        (Shape(3, (224, 200)), (3, 224, 200), "a feature map of 3 × 224 × 200"),
        (Shape(1, (4, 5, 6)), (1, 4, 5, 6), "a feature map of 1 × 4 × 5 × 6"),
        (Shape(768, (197,), True), (197, 768), "tokens of 197 × 768"),
        (Shape(96, (56, 57), True), (56, 57, 96), "a channels-last map of 56 × 57 × 96"),
    ],
)
def test_a_shape_and_its_sizes(shape: Shape, sizes: tuple[int, ...], words: str) -> None:
    assert shape.sizes == sizes
    assert shape.describe() == words
    assert str(shape) == times(sizes)
    assert Shape.of_sizes(sizes, shape.channels_last) == shape
    assert shape.elements == torch.Size(sizes).numel() == shape.channels * shape.positions
    assert shape.rank == len(sizes) - 1
    assert shape.is_map is (shape.rank > 0 and not shape.channels_last)
    assert torch.empty(2, *sizes, device="meta").shape[shape.channel_axis] == shape.channels


def test_replacing_sizes_keeps_the_layout() -> None:
    last = Shape(8, (3, 4), True)
    assert last.replace(channels=5) == Shape(5, (3, 4), True)
    assert last.replace(spatial=(1,)) == Shape(8, (1,), True)
    assert Shape(8, (3, 4)).replace() == Shape(8, (3, 4))


def test_one_number_and_one_an_axis() -> None:
    assert collapse((3, 3)) == 3 and collapse((1, 2)) == (1, 2) and collapse((4,)) == 4
    k = arithmetic.traced(3, Symbol("k"))
    assert arithmetic.names(collapse((k, k))) == {"k"}
    assert collapse((k, 3)) == (3, 3), "equal by chance is not the same number"


def test_sizes_along_the_axes_remember_what_they_depend_on() -> None:
    k = arithmetic.traced(3, Symbol("k"))
    first, second = along(window, (10, 11), (k, k), (1, 2), (0, 0), (1, 1))
    assert (first, second) == (8, 5)
    assert arithmetic.names(first) == {"k"}
    assert arithmetic.show(arithmetic.expression_of(first)) == "8"
    (plain,) = along(window, (10,), (3,), (1,), (0,), (1,), ceil=True)
    assert type(plain) is int


SHAPES = TypeAdapter(ShapeField)


@pytest.mark.parametrize("shape", [Shape(5), Shape(5, (3,)), Shape(5, (3, 2), True), Shape(5, (3, 2, 1))])
def test_shapes_come_back_from_json(shape: Shape) -> None:
    assert SHAPES.validate_json(SHAPES.dump_json(shape)) == shape
    computed = Shape(arithmetic.traced(shape.channels, Symbol("c")) * 1, shape.spatial, shape.channels_last)
    back = SHAPES.validate_json(SHAPES.dump_json(computed))
    assert back == shape and arithmetic.names(back.channels) == {"c"}


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        [5],
        {},
        {"channels": 0},
        {"channels": -1},
        {"channels": True},
        {"channels": 1.0},
        {"channels": "1"},
        {"channels": LARGEST + 1},
        {"channels": 1, "spatial": [0]},
        {"channels": 1, "spatial": [1, 1, 1, 1]},
        {"channels": 1, "spatial": 3},
        {"channels": 1, "spatial": [], "channels_last": 1},
        {"channels": 1, "spatial": [], "extra": 1},
        {"channels": 1, "written": "__import__('os')"},
    ],
)
def test_what_is_no_shape(wrong: object) -> None:
    with pytest.raises(ValidationError):
        SHAPES.validate_python(wrong)

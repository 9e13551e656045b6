"""Networks asked for other inputs: who is asked, how often, and who refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import specgen
from specgen.layers.base import Call, Layer
from specgen.layers.registry import register_layer, unregister_layer
from specgen.shape import Shape
from specgen.trial import Refused, Trial


def ask(text: str, *sizes: int) -> Shape | Refused:
    """What a network of text gives for an input of other sizes."""
    network = specgen.compile(text=text)
    return Trial(network)(Shape(int(network.input_shape.channels), sizes))


@pytest.mark.parametrize(
    ("text", "sizes", "given"),
    [
        ("input 3x32x32\nconv 8 k=5 p=0\nM\n", (9, 40), Shape(8, (2, 18))),
        ("input 3x32x32\nconv 8 k=5 p=0\nM\n", (5, 40), Refused("maxpool", 3)),
        ("input 3x32x32\nconv 8\nfc 10\n", (33, 32), Refused("fc", 3)),
        ("input 3x32x32\ngap; fc 10\n", (33, 32), Shape(10)),
        ("input 3x32x32\ntokens; pos_embed\n", (16, 64), Shape(3, (1024,), True)),
        ("input 3x32x32\ntokens; pos_embed\n", (16, 65), Refused("pos_embed", 2)),
        ("input 3x32x32\ncat { id | M; upsample 2 }\n", (31, 32), Refused()),
        ("input 3x32x32\ncat { id | M; upsample 2 }\n", (30, 32), Shape(6, (30, 32))),
        ("input 3x32x32\nmul { id | gap }\n", (7, 5), Shape(3, (7, 5))),
        ("input 4x32x32\nsplit { conv 2 s=2 | M k=3 s=2 p=1 }\n", (9, 8), Shape(4, (5, 4))),
    ],
)
def test_what_comes_out(text: str, sizes: tuple[int, ...], given: Shape | Refused) -> None:
    assert ask(text, *sizes) == given


IN_BLOCK = "input 3x32x32\nblock b {\nconv 8 p=0\n}\nb\nb\nM\n"
ALIKE = "input 3x32x32\nconv 3 p=0\nconv 3 p=0\nconv 3 p=0\n"
IN_BRANCH = "input 3x32x32\ncat {\nconv 3 k=5 |\nconv 3 k=5 p=2\nconv 3 k=5 p=0\nup: { upsample size=32 } }\n"


@pytest.mark.parametrize(
    ("text", "size", "refused"),
    [
        (IN_BLOCK, 5, Refused("maxpool", 7)),
        (IN_BLOCK, 4, Refused("conv", 3)),
        (ALIKE, 6, Refused("conv", 4)),
        (ALIKE, 4, Refused("conv", 3)),
        (IN_BRANCH, 4, Refused("conv", 5)),
        (IN_BRANCH, 33, Refused()),
    ],
)
def test_who_refuses_it(text: str, size: int, refused: Refused) -> None:
    """In a block, in a branch, and of layers that are equal, each in its line."""
    assert ask(text, size, 32) == refused


def test_numbers_with_names_give_the_same_modules() -> None:
    """A multiplier of 1 that was computed from a param is left out of no call only because of its name."""
    text = "param m = 1\nparam c = 1\ninput 1x8x8\nconv c\ndwconv m\nconv c g=m d=m\n"
    assert ask(text, 9, 9) == Shape(1, (9, 9))


@pytest.fixture
def counted() -> Iterator[list[tuple[str, Shape]]]:
    """What a layer of one's own is asked; its module depends on the number of channels alone."""
    asked: list[tuple[str, Shape]] = []

    class Counted(Layer):
        """Keeps count."""

        word = "counted"

        def infer(self, x: Shape) -> Shape:
            asked.append(("infer", x))
            return Shape(x.channels, tuple(size + 1 for size in x.spatial))

        def call(self, x: Shape) -> Call:
            asked.append(("call", x))
            return Call("Identity", (x.channels,))

    register_layer(Counted)
    yield asked
    unregister_layer(Counted)


def test_each_layer_is_asked_once_for_a_size(counted: list[tuple[str, Shape]]) -> None:
    network = specgen.compile(
        text="input 3x8x8\nblock b { counted; conv 3 k=2 p=0 }\nrepeat 20 { b }\ncounted\nconv 3 k=2 p=0\n"
    )
    trial = Trial(network)
    counted.clear()
    assert trial(Shape(3, (9, 9))) == Shape(3, (9, 9))
    assert trial(Shape(3, (9, 9))) == Shape(3, (9, 9))
    assert counted == [("infer", Shape(3, (9, 9)))]


@pytest.mark.parametrize(
    ("text", "period", "joins", "even"),
    [
        ("conv 8 s=2; M; M k=3", 12, False, True),
        ("conv 8 s=2x3", 6, False, False),
        ("conv 8 s=2x2", 2, False, True),
        ("deconv 8; upsample 2; conv 8", 1, False, True),
        ("adaptive_avgpool 4; flatten; fc 3", 1, False, True),
        ("cat { M; M | conv 8 k=3 s=4 }; M", 8, True, True),
        ("cat { M k=3 | conv 8 k=3 s=2; conv 3 s=1 k=1; upsample size=10 }", 6, True, True),
    ],
)
def test_what_is_known_of_it(text: str, period: int, joins: bool, even: bool) -> None:
    node = Trial(specgen.compile(text=f"input 3x32x32; {text}")).node
    assert (node.period, node.joins, node.even) == (period, joins, even)

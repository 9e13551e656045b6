"""Remedies are tried through the rest of the spec before they are told."""

from __future__ import annotations

import pytest

import specgen
from specgen import elaborate
from specgen.attempts import MOST_TRIED, Change, Remedy, told
from specgen.limits import DEFAULT_LIMITS
from specgen.parser import parse
from specgen.source import Source, Span
from specgen.statements import Elaborator, Request

#: Specs with an error about a shape, and what is told of it: what mends all goes before what does not.
HELP: dict[str, tuple[str, ...]] = {
    # options of the layer itself
    "input 3x16x16\nM; M\nM\nconv 8 k=3 p=0\nexpect 8x1x1": ("with `k=2` it fits",),
    "input 3x16x16\nM; M\nM\nconv 8 k=3 p=0\nexpect 8x2x2": (
        "with `p=1` it fits",
        "without the `M` in line 3 it fits",
    ),
    "input 3x8x8\nM; M\nconv 8 k=5 p=0\nconv 16\nconv 30 g=7": (
        "with `p=2` it fits; the next error is in line 5",
        "with `k=2` it fits; the next error is in line 5",
    ),
    "input 3x8x8\nconv 30 gn=8\nexpect 32x8x8": ("with 32 channels arriving it fits",),
    # in every use of the block, and in every turn: with `k=5`, the third is refused
    "input 3x16x16\nblock b(k) { conv 8 k=k p=0; M }\nrepeat 3 { b 7 }": ("with `p=3` it fits",),
    "input 3x32x32\nblock b(k) { conv 8 k=k p=0; M }\nrepeat 3 { b 7 }": (
        "with `p=3` it fits",
        "with `k=3` it fits",
    ),
    # channels
    "input 16x8x8\nresidual { conv 30; conv 64 g=4; conv 16 linear }": (
        "with `g=2` it fits",
        "with 28 channels arriving it fits",
    ),
    "input 7x8x8\nsplit { conv 4 k=1 | id | conv 2 }": ("with 6 channels arriving it fits",),
    "input 7x8x8\nsplit { conv 4 | id }\nexpect 5x8x8": (
        "with 6 channels arriving it fits; the next error is in line 3",
    ),
    # with 8 channels arriving the second use fits, and the third one not: no other number is tried there
    "input 9x4x4\nblock b(g) { shuffle g }\nb 3; b 2; b 3": ("with `shuffle 3` it fits",),
    "input 9x4x4\nblock b(g) { shuffle g }\nb 2\nconv 7 k=1\nb 2": (
        "with `shuffle 3` it fits; the next error is in line 2",
        "with 8 channels arriving it fits; the next error is in line 2",
    ),
    "input 3x8x8\nshuffle 7": ("with `shuffle 3` it fits", "with 7 channels arriving it fits"),
    "input 5x8x8\nshuffle 2": ("with 4 channels arriving it fits",),  # 5 is too far from 2
    "input 1x8x8\nsplit { id | relu }": ("with 2 channels arriving it fits",),
    # turns
    "input 3x32x32\nrepeat 6 { conv 8; M }\nexpect 8x1x1": ("with `repeat 5` it fits",),
    "input 3x32x32\nrepeat 6 { conv 8; M }\nconv 8 k=3 p=0": (
        "with `repeat 5` it fits; the next error is in line 3",
    ),
    # the order of lines
    "input 3x16x16\nfc 10\nconv 8\nexpect 10": ("in front of the `fc` in line 2 it fits",),
    "input 3x16x16\nfc 10\nconv 8\nexpect 8x16x16": (
        "in front of the `fc` in line 2 it fits; the next error is in line 4",
    ),
    # branches and shortcuts
    "input 3x8x8\nadd { conv 8 | conv 16 }\nexpect 16x8x8": (
        "with `conv 16` for `conv 8` in line 2 it fits",
    ),
    "input 16x8x8\nmul { id | gap; fc 4; fc 16 sigmoid }\nconv 4": (
        "with `conv … k=1` in place of each `fc` it fits",
    ),
    "input 8x32x32\nresidual { conv 16 s=2 }\nexpect 16x16x16": (
        "give the shortcut a projection: `} else { conv 16 k=1 s=2 linear }`",
    ),
    "input 8x32x32\nresidual { conv 16 }\nexpect 8x32x32": ("with `conv 8` in line 2 it fits",),
    "input 16\nadd { linear 8 | linear 4 }": ("with `linear 8` for `linear 4` in line 2 it fits",),
    "input 4x10x10\nresidual { conv 4 k=4 }": ("with `k=5` in line 2 it fits",),
    "input 4x10x10\ncat { M k=3 s=1 | id }": ("with `p=1` in line 2 it fits",),
    "input 4x10x10\nadd { deconv 4 k=3 s=2 p=1 | upsample 2 }": ("with `op=1` in line 2 it fits",),
    "input 4x10x10\ncat { conv 4 s=2 | M k=3 s=5 }": ("with `s=5` on `conv 4 s=2` in line 2 it fits",),
    "input 4x10x10\ncat { conv 4 s=3 p=0 | conv 4 s=3 }": ("with `s=4` on `conv 4 s=3` in line 2 it fits",),
    "input 4x10x10\ncat { conv 4 s=2 | id }": ("with `s=1` in line 2 it fits",),
    "input 16x7x7\nconv 30 g=4 bn": ("with `g=2` it fits", "with `conv 28` it fits"),
    "input 16\nfc 8 gn=3": ("with `gn=2` it fits", "with 9 channels arriving it fits"),
    # what mends it, if anything: no two options at once, and nothing for a layer of another kind
    "input 16x8x8\nmul { id | fc 8; drop2d; fc 16 }": (
        "in front of the `fc` in line 2 it fits; the next error is in line 2",
    ),
    "input 16x8x8\nmul { id | fc 8; take 3; fc 16 }": (),
    "input 16x8x8\nmul { id | flatten; gn 512; fc 16 }": (),
    "input 16\nfc 12\ntokens\nconv 8": (),
    "input 3x4x4\nconv 8 s=(2, 1)\nexpect 8x4x4": (),
    "input 3x4x4\ntokens\nresidual { linear 4 }": ("with `linear 3` in line 3 it fits",),
    "input 3x4x4\nresidual { upsample 2 }": (),
    "input 4x7x7\nresidual { conv 8 s=2 p=0 }": (
        "give the shortcut a projection: `} else { conv 8 k=1 s=3 linear }`",
    ),
    "input 4x7x7\nresidual { conv 8 k=5 p=0 }": (
        "give the shortcut a projection: `} else { conv 8 k=1 s=3 linear }`",
        "with `conv 4 p=half` in line 2 it fits",
    ),
    "input 3x8x8\ndeconv 4 s=3\nexpect 4x16x16": (),
    "input 3x4\nchannels_last\nbn\nconv 8": (
        "in front of the `channels_last` in line 2 it fits; the next error is in line 4",
    ),
    "input 4x8x8\nadd { conv 4 | id }\nconv 8\nexpect 16x8x8": ("with `conv 16` in line 3 it fits",),
    "input 1x4\nflatten\ngn 2\nconv 3 k=4 p=0": (),
    # what is expected
    "input 3x32x32\nconv 8\nexpect 16x32x32\nconv 8 g=3": (
        "with `conv 16` in line 2 it fits; the next error is in line 4",
    ),
}


@pytest.mark.parametrize("text", HELP)
def test_what_mends_all_is_told_first(text: str) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=text)
    assert caught.value.diagnostics[0].help == HELP[text]


def remedy(text: str) -> Remedy:
    return Remedy(text, Change(Span(0, 0), projection=text))


def outcome(change: Change) -> str | None:
    return {"mends": "", "leads on": "then another"}.get(change.projection.rstrip("0123456789"))


def test_of_each_kind_one_is_told_and_two_in_all() -> None:
    mends, leads, fails, advice = remedy("mends"), remedy("leads on"), remedy("fails"), Remedy("advice")
    assert told([], outcome) == ()
    assert told([[fails], [leads]], outcome) == ("leads on; then another",)
    assert told([[fails, leads, remedy("leads on2")]], outcome) == ("leads on; then another",)
    assert told([[leads, mends, remedy("mends2")]], outcome) == ("mends",)
    assert told([[leads], [mends]], outcome) == ("mends",)
    assert told([[mends], [leads], [remedy("mends2")], [remedy("mends3")]], outcome) == ("mends", "mends2")
    assert told([[leads], [advice]], outcome) == ("leads on; then another", "advice")
    assert told([[mends], [advice]], outcome) == ("mends", "advice")


def test_only_so_many_are_tried() -> None:
    tried: list[Change] = []
    told([[remedy(f"fails{i}") for i in range(40)]], lambda change: tried.append(change))
    assert len(tried) == MOST_TRIED


@pytest.mark.parametrize(("lines", "most_told"), [(100, 2), (1_800, 1), (4_000, 0)])
def test_trying_costs_half_of_what_a_spec_may(
    lines: int, most_told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent: list[int] = []

    class Counted(elaborate._Attempts):
        def __call__(self, change: Change) -> str | None:
            before = self.left
            found = super().__call__(change)
            spent.append(before - self.left)
            return found

    monkeypatch.setattr(elaborate, "_Attempts", Counted)
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text="input 4x16x16\n" + "M; upsample 2\n" * lines + "conv 4 k=99 p=0")
    assert sum(spent) <= 5_001
    assert len(caught.value.diagnostics[0].help) == most_told


def test_how_far_an_attempt_has_to_get() -> None:
    """As far as before, but for a layer; where turns are left out, to the statement."""
    source = Source("input 3x8x8\nconv 4\n")
    spec = parse(source)
    failed, tried = (Elaborator(source, spec, Request(), DEFAULT_LIMITS) for _ in range(2))
    failed.reached, failed.expanded = 5, 20
    for change, reached, expanded, far in (
        (Change(Span(0, 1), left_out=True), 5, 19, True),
        (Change(Span(0, 1), left_out=True), 5, 18, False),
        (Change(Span(0, 1), left_out=True), 6, 1, True),
        (Change(Span(0, 1), turns=3), 5, 2, True),
        (Change(Span(0, 1), turns=3), 4, 30, False),
    ):
        tried.change, tried.reached, tried.expanded = change, reached, expanded
        assert tried.is_as_far_as(failed) is far

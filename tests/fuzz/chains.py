"""Random chains of layers as text: every layer and option, each line legal for the shape that arrives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from specgen import options
from specgen.joins import join
from specgen.layers import registry
from specgen.layers.base import Layer, Refusal
from specgen.layers.fields import Absent, Axes, Choice, Either, Flag, OptionType, Real, Sizes, Whole
from specgen.shape import Shape

LARGEST_MAP = 3000


def value_of(kind: OptionType, x: Shape, rng: random.Random) -> Any:
    """A small value for an option: one that is often legal."""
    match kind:
        case Either():
            return value_of(rng.choice(kind.types), x, rng)
        case Absent():
            return None
        case Flag():
            return rng.random() < 0.5
        case Choice():
            return rng.choice(kind.words)
        case Whole(low=low, high=high):
            divisors = [d for d in range(1, x.channels + 1) if x.channels % d == 0]
            return min(max(low, rng.choice((*divisors, 1, 2, 3, 5, 8, 12))), high)
        case Real(low=low, high=high):
            return 0.25 if low is None or (low < 0.25 and (high is None or high > 0.25)) else low
        case Sizes():
            return rng.choice(list(maps_of(x.channels)))
        case Axes(low=low):
            if rng.random() < 0.6:
                return rng.randint(low, low + 3)
            return tuple(rng.randint(low, low + 3) for _ in range(max(x.rank, 1)))
    return rng.choice((1, 2, 0.5, 1.5))


def maps_of(values: int) -> Iterator[tuple[int, ...]]:
    """The sizes of channels and of one or two axes that hold so many values."""
    for channels in range(1, values + 1):
        if values % channels == 0:
            left = values // channels
            yield channels, left
            yield from ((channels, side, left // side) for side in range(1, left + 1) if left % side == 0)


def written(value: Any) -> str:
    """A value as a spec spells it."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case (one,):
            return f"({written(one)},)"
        case tuple():
            whole = all(isinstance(item, int) and item > 0 for item in value)
            return "x".join(map(str, value)) if whole else f"({', '.join(map(written, value))})"
    return str(value)


def line_of(layer: Layer, rng: random.Random) -> str:
    """A layer as a line: its first values by position, and the rest by name, short or long."""
    kind = type(layer)
    words = [rng.choice((kind.word, *kind.other_words))]
    given = layer.given()
    for name in kind.positional:
        if name not in given or isinstance(given[name], str) or given[name] is None:
            break
        words.append(written(given.pop(name)))
    short = {option: letter for letter, option in kind.short.items()}
    for name, value in given.items():
        words.append(f"{rng.choice((name, short.get(name, name)))}={written(value)}")
    return " ".join(words)


def trimmed(layer: Layer, out: Shape, rng: random.Random) -> str:
    """Trims that may follow a layer whose output is `out`, in any order."""
    chosen = []
    for slot in options.TRIM if layer.takes_trim else ():
        fitting = [word for word, trim in registry.trims().items() if trim.trim == slot]
        word = rng.choice(fitting)
        trim = registry.trims()[word]
        try:
            required = {name: option for name, option in trim.options.items() if option.required}
            found = trim(**{name: value_of(option.kind, out, rng) for name, option in required.items()})
            found.infer(out)
        except Refusal:
            continue
        if rng.random() < 0.5:
            chosen.append(line_of(found, rng).replace(" ", "=") if required else word)
    rng.shuffle(chosen)
    return " ".join(chosen)


def draw_line(x: Shape, rng: random.Random) -> tuple[str, Shape]:
    """A legal line for what arrives, and what it gives; layers with weights or windows come more often."""
    kinds = registry.layers()
    weights = [{"conv": 12, "pool": 6, "linear": 6, "activation": 1}.get(kind.family, 3) for kind in kinds]
    while True:
        (kind,) = rng.choices(kinds, weights)
        if kind.flattens and x.rank and rng.random() < 0.8:
            continue  # once it is flat, few layers are left
        layer = kind(
            **{
                name: value_of(option.kind, x, rng)
                for name, option in kind.options.items()
                if name != "inplace" and (option.required or rng.random() < 0.25)
            }
        )
        arrives = Shape(x.elements) if kind.flattens else x
        try:
            out = layer.infer(arrives)
        except Refusal:
            continue
        if out.elements <= LARGEST_MAP:
            return f"{line_of(layer, rng)} {trimmed(layer, out, rng)}".strip(), out


def draw_chain(rng: random.Random) -> str:
    """A spec: an input and a few lines, some of them in groups, in blocks, in branches or repeated."""
    rank = rng.choice((0, 1, 2, 2, 2, 3))
    x = Shape(rng.randint(1, 8), tuple(rng.randint(4, (0, 40, 14, 6)[rank]) for _ in range(rank)))
    lines = [f"input {written(x.sizes)}"] if rank else [f"input {x.channels}"]
    for index in range(rng.randint(1, 9)):
        line, out = draw_line(x, rng)
        line, x = wrapped(line, x, out, index, rng)
        lines.append(line)
    return "\n".join(lines) + "\n"


def wrapped(line: str, x: Shape, out: Shape, index: int, rng: random.Random) -> tuple[str, Shape]:
    """A line put into a group, a block, branches or a repeat, as its shapes allow; what that gives."""
    forms = [
        (line, out),
        (line, out),
        (line, out),
        (f"part{index}: {{ {line} }}", out),
        (f"block part{index}() {{ {line} }}\npart{index}", out),
        (f"add {{ {line} | {line} }}", out),
    ]
    if out.elements * 2 <= LARGEST_MAP:
        forms.append((f"cat {{ {line} | {line} }}", join("cat", (out, out))))
    if out == x:
        forms += [
            (f"residual {{ {line} }}", out),
            (f"mul {{ id | {line} }}", out),
            (f"repeat 2 {{ {line} }}", out),
            (f"block part{index}(n=2) {{ repeat n {{ {line} }} }}\npart{index}; part{index} n=1", out),
        ]
    return rng.choice(forms)

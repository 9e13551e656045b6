"""Which part of one network stands for which part of another.

Equal ends are matched first. What is left is aligned so that as little as possible is added, removed and
changed; long stretches are only compared near their diagonal, so that the time stays linear in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from specgen.layers import registry
from specgen.outline import COMBINATORS, Part

#: One part of each side; `None` where there is none.
Pair = tuple[Part | None, Part | None]

#: What it costs to add or to remove a part; changing one into another costs less than both.
_GAP = 1.0
_NEVER = 1e9

#: How many pairs of parts are weighed in one alignment, and how far from the diagonal at least.
_MOST_PAIRS = 60_000
_NARROWEST = 16


def align(old: Sequence[Part], new: Sequence[Part]) -> list[Pair]:
    """The parts of two sequences side by side, in order."""
    start, shortest = 0, min(len(old), len(new))
    while start < shortest and old[start].identity == new[start].identity:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end].identity == new[-1 - end].identity:
        end += 1
    pairs: list[Pair] = list(zip(old[:start], new[:start], strict=True))
    pairs += _cheapest(old[start : len(old) - end], new[start : len(new) - end])
    pairs += zip(old[len(old) - end :], new[len(new) - end :], strict=True)
    _settle(pairs)
    return pairs


def _settle(pairs: list[Pair]) -> None:
    """Shift what only one side has among its equals to where most layers keep the shapes of their weights.

    Of `conv 64; conv 128; conv 128`, either of the last two may be the one that is new: it is the second,
    where `conv 64; conv 128` is what was there, since that one takes 64 channels.
    """
    for _ in range(2):  # towards the end, and then, in the other direction, towards the start
        start = 0
        while start < len(pairs):
            there = next((side for side in (0, 1) if pairs[start][1 - side] is None), None)
            end = start + 1
            if there is not None:
                while end < len(pairs) and pairs[end][1 - there] is None:
                    end += 1
                end += _shift(pairs, start, end, there)
            start = end
        pairs.reverse()


def _shift(pairs: list[Pair], start: int, end: int, side: int) -> int:
    """Shift the parts that one side alone has from `start` to `end` to the best place behind; by how many."""
    parts = [pair[side] for pair in pairs[start:end]]
    others: list[Part | None] = []
    gain, best = 0, (0, True, 0)
    for index, pair in enumerate(pairs[end:], 1):
        candidate, other, follows = parts[index - 1], pair[1 - side], pair[side]
        if candidate is None or other is None or follows is None or follows.identity != candidate.identity:
            break
        if other.identity != follows.identity:
            break
        gain += _fits(other, candidate) - _fits(other, follows)
        parts.append(follows)
        others.append(other)
        begins_alike = _identity(parts[index]) == _identity(parts[0])
        best = max(best, (gain, begins_alike, -index))
    shift = -best[2]
    aligned = [*others[:shift], *[None] * (end - start)]
    for index, (part, other) in enumerate(zip(parts, aligned, strict=False), start):
        pairs[index] = (part, other) if side == 0 else (other, part)
    return shift


def _identity(part: Part | None) -> int:
    return -1 if part is None else part.identity


def _fits(old: Part, new: Part) -> bool:
    """Whether two equal parts take equally many channels, and so have weights of the same shapes."""
    if old.node is None or new.node is None:
        return False
    return old.node.input.channels == new.node.input.channels


def _cheapest(old: Sequence[Part], new: Sequence[Part]) -> Iterator[Pair]:
    """The alignment that costs least, by dynamic programming from the end."""
    if not old or not new:
        yield from ((part, None) for part in old)
        yield from ((None, part) for part in new)
        return
    rows, columns = len(old), len(new)
    reach = max(_NARROWEST, _MOST_PAIRS // rows)
    costs: dict[tuple[int, int], float] = {}
    moves: list[dict[int, str]] = []
    below: dict[int, float] = {j: _GAP * (columns - j) for j in _band(rows, rows, columns, reach)}
    for i in range(rows - 1, -1, -1):
        here: dict[int, float] = {}
        chosen: dict[int, str] = {}
        for j in reversed(_band(i, rows, columns, reach)):
            both = _NEVER
            if j < columns and j + 1 in below:
                pair = old[i].identity, new[j].identity
                if pair not in costs:
                    costs[pair] = _cost(old[i], new[j])
                both = below[j + 1] + costs[pair]
            remove = below.get(j, _NEVER) + _GAP
            add = here.get(j + 1, _NEVER) + _GAP
            here[j] = best = min(both, remove, add)
            chosen[j] = "both" if both == best else "remove" if remove == best else "add"
        below = here
        moves.append(chosen)
    yield from _walk(old, new, moves[::-1])


def _band(row: int, rows: int, columns: int, reach: int) -> range:
    """The columns that are weighed in a row: those near the diagonal."""
    middle = row * columns // rows
    slope = columns // rows + 1
    return range(max(0, middle - reach - slope), min(columns, middle + reach + slope) + 1)


def _walk(old: Sequence[Part], new: Sequence[Part], moves: list[dict[int, str]]) -> Iterator[Pair]:
    i = j = 0
    while i < len(old):
        move = moves[i][j]
        yield (None if move == "add" else old[i], None if move == "remove" else new[j])
        i += move != "add"
        j += move != "remove"
    yield from ((None, part) for part in new[j:])


def _cost(old: Part, new: Part) -> float:
    """What it costs to see `new` as `old`, changed: nothing for equals, up to two gaps for the related."""
    if old.identity == new.identity:
        return 0.0
    renamed = 0.0 if old.label == new.label else 0.2
    if (old.step is None) is not (new.step is None):
        return _NEVER
    if old.step is not None:
        return _cost_of_layers(old, new) + renamed
    related = old.label == new.label != "" or (old.kind == new.kind and _of_one_kind(old, new))
    related = related or (old.kind in COMBINATORS and new.kind in COMBINATORS)
    shared = _shared(old, new)
    if (old.kind == "branch") is not (new.kind == "branch") or not (related or shared > 0.5):
        return _NEVER
    return 0.4 + 0.8 * (1 - shared) + renamed + (0.0 if related else 0.3)


def _cost_of_layers(old: Part, new: Part) -> float:
    assert old.step is not None and new.step is not None
    if old.kind != new.kind:
        same_family = _family(old.kind) == _family(new.kind) != "shape"
        return 1.1 if same_family else 1.7 if old.label == new.label != "" else _NEVER
    values, others = dict(old.step.layer), dict(new.step.layer)
    differing = [name for name in values if values[name] != others.get(name)]
    size = any(name in type(old.step.layer).positional for name in differing)
    return 0.5 + 0.1 * min(len(differing), 4) + 0.4 * size


def _of_one_kind(old: Part, new: Part) -> bool:
    """Whether two parts of one kind have to do with each other: groups do if they hold something alike."""
    if old.kind != "group" or not (old.parts and new.parts):
        return True
    return not {part.kind for part in old.parts}.isdisjoint(part.kind for part in new.parts)


def _shared(old: Part, new: Part) -> float:
    """How much of what two parts hold is the same: 0 to 1."""
    if not old.parts and not new.parts:
        return 1.0
    common = Counter(part.identity for part in old.parts) & Counter(part.identity for part in new.parts)
    return 2 * common.total() / (len(old.parts) + len(new.parts))


def _family(word: str) -> str:
    layer = registry.find(word)
    return layer.family if layer is not None else ""

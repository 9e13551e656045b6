"""How the sizes that a network accepts are looked for: against trying each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from specgen.accepts import Axis
from specgen.shape import Shape
from specgen.size_search import FURTHEST, HUGE, _axis, _confirmed, _cut, _edge, _Line, _pattern, _remainders
from specgen.trial import Refused


class Line(_Line):
    """A line of sizes of which a function says which are fine."""

    def __init__(
        self,
        fine: Callable[[int], bool],
        built: int,
        *,
        joins: bool = False,
        period: int = 1,
        even: bool = True,
    ) -> None:
        self.fine, self.built, self.joins, self.period, self.even = fine, built, joins, period, even
        self.huge = HUGE
        self.tried = {}

    def ask(self, size: int) -> Shape | Refused:
        return Shape(1, (size,)) if self.fine(size) else Refused("maxpool", 7)

    def fits(self, size: int) -> bool:
        assert size > 0
        self.tried[size] = self.fine(size)
        return self.tried[size]


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_an_edge_is_where_a_pattern_ends(step: int) -> None:
    """Of numbers in blocks of `step`, a pattern is asked for alone; what lies between always holds."""
    for start, end in product(range(1, 24), (1, 2, 3, 17, 22, 23)):
        sign = 1 if end >= start else -1
        way = range(start, end + sign, sign)
        for limit in range(0, 25):

            def holds(n: int, limit: int = limit, start: int = start, sign: int = sign) -> bool:
                return (n - start) % step != 0 or sign * n <= sign * limit

            if holds(start):  # it was seen
                expected = next((n - sign for n in way if not holds(n)), end)
                assert _edge(holds, start, end, step) == expected, (start, end, limit)


def test_an_edge_far_away_is_found_in_few_steps() -> None:
    for limit in (3, 100, HUGE - 5, HUGE):
        asked: list[int] = []

        def holds(n: int, limit: int = limit, asked: list[int] = asked) -> bool:
            asked.append(n)
            return n <= limit

        assert _edge(holds, 3, HUGE, 1) == limit
        assert len(asked) < 100


def test_an_axis_is_cut_to_sizes_of_its_own() -> None:
    axis = Axis("H", 1, None, 6, (1, 4, 5))
    for least, length in product(range(1, 14), range(6, 20)):
        cut = _cut(axis, least, least + length)
        sizes = [n for n in range(least, least + length + 1) if n % 6 in (1, 4, 5)]
        assert (cut.least, cut.most, cut.step, cut.remainders) == (sizes[0], sizes[-1], 6, (1, 4, 5))
        assert _cut(axis, least, None) == Axis("H", sizes[0], None, 6, (1, 4, 5))


#: Which sizes are fine, the built one, and what else is known of the line.
LINES: dict[str, tuple[Callable[[int], bool], int, dict[str, int]]] = {
    "all": (lambda n: True, 8, {}),
    "from 5 on": (lambda n: n >= 5, 9, {}),
    "from the built one on": (lambda n: n >= 9, 9, {}),
    "up to 20": (lambda n: n <= 20, 9, {}),
    "up to the built one": (lambda n: n <= 9, 9, {}),
    "from 60 to 80": (lambda n: 60 <= n <= 80, 64, {}),
    "from 64 to 64 and one": (lambda n: 64 <= n <= 65, 64, {}),
    "from 10 to 5000": (lambda n: 10 <= n <= 5000, 100, {}),
    "even": (lambda n: n % 2 == 0, 16, {"joins": 1, "period": 2}),
    "even, from 6 on": (lambda n: n % 2 == 0 and n >= 6, 16, {"joins": 1, "period": 4}),
    "3 more than multiples of 4": (lambda n: n % 4 == 3, 11, {"joins": 1, "period": 8}),
    "0 and 1 of 5, from 10 to 90": (lambda n: n % 5 < 2 and 10 <= n <= 90, 40, {"joins": 1, "period": 10}),
    "multiples of 48": (lambda n: n % 48 == 0, 96, {"joins": 1, "period": 48}),
    "multiples of 100, up to 900": (lambda n: n % 100 == 0 and n <= 900, 200, {"joins": 1, "period": 200}),
    "one alone": (lambda n: n == 30, 30, {"joins": 1, "period": 4}),
}


@pytest.mark.parametrize("name", LINES)
def test_an_axis_is_what_is_fine(name: str) -> None:
    fine, built, known = LINES[name]
    axis = _axis(Line(fine, built, **known), "L", ())  # type: ignore[arg-type]
    assert [n for n in range(1, 6000) if (n in axis) is not fine(n)] == []
    assert axis.most is None or (axis.layer, axis.line) == ("maxpool", 7)


@pytest.mark.parametrize("name", LINES)
def test_what_is_seen_around_the_built_size_is_fine(name: str) -> None:
    fine, built, known = LINES[name]
    seen = _pattern(Line(fine, built, **known), "L")  # type: ignore[arg-type]
    assert built in seen
    assert seen.most is not None
    assert [n for n in range(seen.least, seen.most + 1) if (n in seen) is not fine(n)] == []


@pytest.mark.parametrize(("name", "other"), [*product(LINES, LINES)])
def test_an_axis_of_the_same_size_is_taken_only_if_it_is_right(name: str, other: str) -> None:
    """Here axes are not treated alike, so that a whole period is looked at."""
    (fine, built, known), (guessed, at, more) = LINES[name], LINES[other]
    guess = _axis(Line(guessed, at, **more), "H", ())  # type: ignore[arg-type]
    line = Line(fine, built, even=False, **known)  # type: ignore[arg-type]
    if _confirmed(line, guess):
        assert [n for n in range(1, 6000) if (n in guess) is not fine(n)] == []
    else:
        assert name != other or known.get("period", 1) > FURTHEST


def test_axes_that_are_treated_otherwise_are_looked_at_for_a_period() -> None:
    fine = Line(lambda n: n % 32 <= 20, 32, joins=True, period=32, even=False)
    assert not _confirmed(fine, Axis("H", 1))
    long = Line(lambda n: True, 32, joins=True, period=1000)
    assert not _confirmed(long, Axis("H", 1))
    assert _confirmed(Line(lambda n: n >= 4, 32), Axis("H", 4))
    assert not _confirmed(Line(lambda n: n >= 3, 32), Axis("H", 4))
    assert not _confirmed(Line(lambda n: n >= 5, 32), Axis("H", 4))
    assert not _confirmed(Line(lambda n: 4 <= n <= 40, 32), Axis("H", 4, 41))
    assert not _confirmed(Line(lambda n: 4 <= n <= 40, 32), Axis("H", 4, 39))
    assert _confirmed(Line(lambda n: 4 <= n <= 40, 32), Axis("H", 4, 40))


def test_a_pattern_is_seen_twice_before_it_is_one() -> None:
    assert _remainders("L", [3, 4, 6, 7]) is None
    assert _remainders("L", [3, 4, 6, 7, 9]) == Axis("L", 3, 9, 3, (0, 1))
    assert _remainders("L", [4, 7, 10]) == Axis("L", 4, 10, 3, (1,))
    assert _remainders("L", [4, 5, 6]) == Axis("L", 4, 6, 1, (0,))

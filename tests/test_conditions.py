"""Conditions as source: what they are worth, in one spelling, joined and negated."""

from __future__ import annotations

from itertools import product

import pytest

from specgen.conditions import both, canonical, holds, is_literal, names_in, negated


@pytest.mark.parametrize(
    ("condition", "values", "worth"),
    [
        ("s == 1", {"s": 1}, True),
        ("s == 1", {"s": 2}, False),
        ("s != 1", {"s": 2}, True),
        ("s < 2", {"s": 2}, False),
        ("s <= 2", {"s": 2}, True),
        ("s > 2", {"s": 2}, False),
        ("s >= 2", {"s": 2}, True),
        ("in_channels != 4 * c", {"in_channels": 16, "c": 4}, False),
        ("flag", {"flag": True}, True),
        ("not flag", {"flag": True}, False),
        ("True", {}, True),
        ("False", {}, False),
        ("a and b", {"a": True, "b": False}, False),
        ("a or b", {"a": True, "b": False}, True),
        ("not (a or s == 1)", {"a": False, "s": 3}, True),
        ("c / 2 == 1.5", {"c": 3}, True),
        ("max(c, 3) == 3", {"c": 2}, True),
    ],
)
def test_what_a_condition_is_worth(condition: str, values: dict[str, object], worth: bool) -> None:
    assert holds(condition, values) is worth
    assert holds(negated(condition), values) is not worth
    assert holds(canonical(condition), values) is worth


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "s ==",
        "1",
        "s is 1",
        "1 < s < 3",
        "s in (1, 2)",
        "f(s)",
        "s == t",
        "[x for x in s]",
        "s == 'a'",
    ],
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(not a condition|not an expression)"):
        holds(text, {"s": 1})


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("((s)==(1))", "s == 1"),
        ("not (not (a))", "not not a"),
        ("True and a", "a"),
        ("a and True and b", "a and b"),
        ("False and a", "False"),
        ("False or a", "a"),
        ("True or a", "True"),
        ("True and True", "True"),
        ("False or False", "False"),
        ("not True", "False"),
        ("not (True and a)", "not a"),
        ("(True and a) or (False and b)", "a"),
        ("a or (b or True)", "True"),
    ],
)
def test_one_spelling(text: str, spelled: str) -> None:
    assert canonical(text) == spelled


def test_the_one_spelling_is_worth_the_same() -> None:
    parts = ["a", "not b", "True", "False", "(a or b)", "(a and True)", "not (b and False)"]
    for one, sign, other in product(parts, ("and", "or"), parts):
        text = f"{one} {sign} {other}"
        for a, b in product((True, False), repeat=2):
            assert holds(text, {"a": a, "b": b}) is holds(canonical(text), {"a": a, "b": b}), text


def test_conditions_joined() -> None:
    assert both("a", "b == 1") == "a and b == 1"
    assert both("a or b", "c") == "(a or b) and c"
    assert both("a", "") == both("", "a") == ""
    assert both("True", "True") == ""
    assert both("True", "a") == "a"
    assert both("False", "a") == "False"


def test_the_names_that_source_mentions() -> None:
    assert names_in(["s != 1 or in_channels != 4 * c", "max(d, 3)", "math.ceil(e)", ""]) == set("scde") | {
        "in_channels"
    }
    assert names_in([]) == names_in([""]) == frozenset()


def test_what_is_a_plain_number() -> None:
    assert is_literal("3") and is_literal("-0.5") and is_literal("2 * 8")
    assert not is_literal("c") and not is_literal("2 * c") and not is_literal("x.y") and not is_literal("")

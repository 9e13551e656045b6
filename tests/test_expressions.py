"""What expressions are worth, as values from outside are written; and what has no value, with its code."""

from __future__ import annotations

from typing import Any

import pytest

import specgen
from specgen.arithmetic import FUNCTIONS, names, plain
from specgen.compiler import as_value
from specgen.expressions import describe


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64", 64),
        ("0.5", 0.5),
        ("-3", -3),
        ("--3", 3),
        ("true", True),
        ("not true", False),
        ("not not true", True),
        ("bn", "bn"),
        ("3x224x224", (3, 224, 224)),
        ("(1, 7)", (1, 7)),
        ("(1, relu, 0.5)", (1, "relu", 0.5)),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 3 - 2", 5),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("7 % 4", 3),
        ("6 / 3", 2),
        ("7 / 2", 3.5),
        ("6.0 / 3", 2.0),
        ("1 < 2", True),
        ("2 < 2", False),
        ("2 <= 2", True),
        ("2 > 2", False),
        ("2 >= 2", True),
        ("1 == 1.0", True),
        ("1 != 1", False),
        ("bn == bn", True),
        ("bn != ln", True),
        ("0.5 == false", False),
        ("false != 2", True),
        ("true != bn", True),
        ("(1, 0) == true", False),
        ("(1, 2) == (1, 2)", True),
        ("true and false", False),
        ("true and true", True),
        ("true or false", True),
        ("false or false", False),
        ("true or false and false", True),
        ("min(3, 1, 2)", 1),
        ("max(3, 1, 2)", 3),
        ("ceil(1.2)", 2),
        ("floor(1.8)", 1),
        ("round(2.5)", 2),
        ("int(2.9)", 2),
        ("pow(2, 10)", 1024),
        ("pow(2, -1)", 0.5),
        ("pow(4, 0.5)", 2.0),
        ("pow(-2, 3)", -8),
        ("pow(1, 1000000000000)", 1),
        ("make_divisible(33, 8)", 32),
        ("make_divisible(3, 8)", 8),
        ("make_divisible(21, 16)", 32),
        ("make_divisible(20, 16)", 32),
        ("make_divisible(35, 32)", 32),
        ("make_divisible(44, 8)", 48),
        ("make_divisible(10, 9)", 9),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = plain(as_value(text))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["false and (1 == 1 and 3)", "true or 3"])
def test_what_is_not_needed_is_not_worked_out(text: str) -> None:
    assert as_value(text) is text.startswith("true")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1 / 0", "division-by-zero"),
        ("1 // 0", "division-by-zero"),
        ("1 % 0", "division-by-zero"),
        ("1 / 0.0", "division-by-zero"),
        ("9223372036854775807", None),
        ("9223372036854775808", "number-too-large"),
        ("9223372036854775807 + 1", "number-too-large"),
        ("-9223372036854775807 - 1", "number-too-large"),
        ("1e308 * 10", "number-too-large"),
        ("1e999", "number-too-large"),
        ("in", "no-input"),
        ("1 + true", "not-a-number"),
        ("1 + bn", "not-a-number"),
        ("-true", "not-a-number"),
        ("min(1, bn)", "not-a-number"),
        ("bn < ln", "not-a-number"),
        ("not 1", "not-a-condition"),
        ("true and 1", "not-a-condition"),
        ("min(1)", "wrong-arguments"),
        ("ceil(1, 2)", "wrong-arguments"),
        ("pow(2)", "wrong-arguments"),
        ("pow(-2, 0.5)", "wrong-arguments"),
        ("pow(0, -1)", "division-by-zero"),
        ("pow(2, 63)", "number-too-large"),
        ("pow(1.5, 1000000000000)", "number-too-large"),
        ("pow(10, 1000000000000000)", "number-too-large"),
        ("make_divisible(1)", "wrong-arguments"),
        ("make_divisible(1, 2, 3)", "wrong-arguments"),
        ("make_divisible(8, 0)", "wrong-arguments"),
        ("make_divisible(8, 1)", None),
        ("make_divisible(8, 0.5)", "wrong-arguments"),
        ("((1, 2), 3)", "wrong-value"),
        ("true == 1", "never-equal"),
        ("0.5 != true", "never-equal"),
        ("false != 1", "never-equal"),
        ("1 == true", "never-equal"),
        ("0.0 == false", "never-equal"),
        ("false == 0", "never-equal"),
    ],
)
def test_what_has_no_value(text: str, code: str | None) -> None:
    if code is None:
        as_value(text)
        return
    with pytest.raises(specgen.SpecError) as caught:
        as_value(text)
    assert [one.code for one in caught.value.diagnostics] == [code]


TAKES = {(1, 1): "one number", (2, 2): "2 numbers", (2, None): "2 or more numbers"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_how_many_numbers_a_function_takes(name: str) -> None:
    least, most, _ = FUNCTIONS[name]
    for count in range(1, 6):
        text = f"{name}({', '.join('8' * count)})"
        if least <= count <= (most or count):
            as_value(text)
        else:
            with pytest.raises(specgen.SpecError) as caught:
                as_value(text)
            assert f"`{name}` takes {TAKES[least, most]}" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "true"),
        (False, "false"),
        ("bn", "the word `bn`"),
        (3, "3"),
        (0.5, "0.5"),
        (1e-05, "1e-05"),
        ((3, 5), "(3, 5)"),
        ((), "()"),
        (tuple(range(8)), "(0, 1, 2, 3, 4, 5, 6, 7)"),
        (tuple(range(9)), "(0, 1, 2, 3, 4, 5, 6, 7, …)"),
    ],
)
def test_values_in_words(value: Any, words: str) -> None:
    assert describe(value) == words


def accepts(text: str, **settings: Any) -> bool:
    try:
        specgen.compile(text=text, **settings)
    except specgen.SpecError:
        return False
    return True


@pytest.mark.parametrize(
    ("count", "fine"),
    [("2", True), ("2.0", True), ("4/2", True), ("0.5*4", True), ("2.5", False), ("in/2", False)],
)
def test_a_whole_number_may_be_computed(count: str, fine: bool) -> None:
    assert accepts(f"input 3x8x8\nrepeat {count} {{ conv 3 }}\n") is fine


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("relu()", "unknown-function"),
        ("(1, open(2))", "unknown-function"),
        ("__import__(1)", "unknown-function"),
        ("max(relu, 1)", "not-a-number"),
        ("1/0", "division-by-zero"),
    ],
)
def test_a_value_from_outside_calls_nothing_that_is_unknown(value: str, code: str) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        as_value(value)
    assert [found.code for found in caught.value.diagnostics] == [code]


def test_what_a_condition_is_about_is_fixed_and_what_only_counts_is_not() -> None:
    params = "param a = 8\nparam b = 8\nparam c = 8\nparam n = 2\n"
    text = f"{params}input 3x8x8\nif a > 3 {{ conv b }}\nrepeat n {{ conv c }}\n"
    assert specgen.compile(text=text).fixed == ("a", "n")


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "//", "%"])
@pytest.mark.parametrize("param", ["8", "2.5"])
@pytest.mark.parametrize("number", ["3", "0.5", "1", "1.0"])
def test_what_is_computed_with_a_param_depends_on_it(sign: str, param: str, number: str) -> None:
    """From either side, whether whole or not."""
    for sum_ in (f"{number} {sign} p", f"p {sign} {number}"):
        text = f"input 3x8x8\nparam p = {param}\nlet n = {sum_}\nleaky_relu n\n"
        (step,) = specgen.compile(text=text).root.steps
        slope = step.layer.negative_slope
        assert names(slope) == {"p"}
        assert slope == eval(sum_, {"p": float(param)})

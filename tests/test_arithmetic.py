"""Numbers that remember their expressions: they count like plain ones, and print as they were written."""

from __future__ import annotations

import copy
import itertools
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specgen import arithmetic
from specgen.arithmetic import (
    LONGEST,
    LONGEST_TEXT,
    Application,
    Expression,
    Float,
    Int,
    Opaque,
    Operation,
    Symbol,
    Traced,
    evaluate,
    expression_of,
    floored,
    names,
    opaque,
    plain,
    product,
    read,
    show,
    substitute,
    traced,
)

A, B, C = (Symbol(name) for name in "abc")
KNOWN = {"a": 7, "b": -3, "c": 0.3}

leaves = st.integers(-40, 40) | st.sampled_from([0.1, 0.7, 1.4, 2.5]) | st.sampled_from([A, B, C])


def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    operations = st.builds(Operation, st.sampled_from(["+", "-", "*", "//", "%", "/"]), inner, inner)
    one = st.tuples(st.sampled_from(["int", "round", "ceil", "floor"]), st.tuples(inner))
    two = st.tuples(st.sampled_from(["min", "max"]), st.tuples(inner, inner))
    return operations | (one | two).map(lambda pair: Application(*pair))


expressions = st.recursive(leaves, deeper, max_leaves=10)


def python_value(text: str, known: dict[str, Any] = KNOWN) -> Any:
    """What Python makes of the text, as an emitted file would."""
    functions = {"int": int, "min": min, "max": max, "round": round, "math": math}
    try:
        return eval(text, {"__builtins__": {}, **functions}, dict(known))
    except ArithmeticError:
        return None


# --- printing and reading ----------------------------------------------------------------------------


@given(expressions)
def test_what_is_read_prints_the_same(expression: Expression) -> None:
    text = show(expression)
    assert show(read(text)) == text


@given(expressions)
def test_what_is_printed_is_worth_the_same(expression: Expression) -> None:
    value = evaluate(expression, KNOWN)
    if value is None:  # a division by zero
        return
    assert python_value(show(expression)) == value
    assert evaluate(read(show(expression)), KNOWN) == value


@given(expressions)
def test_a_value_printed_with_its_names_filled_in_is_worth_the_same(expression: Expression) -> None:
    value = evaluate(expression, KNOWN)
    if value is None:
        return
    text = show(expression, {"a": 7})
    assert "a" not in names(read(text))
    assert python_value(text) == value


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (Operation("*", 4, C), "4 * c"),
        (Operation("*", Operation("+", A, B), C), "(a + b) * c"),
        (Operation("+", Operation("*", A, B), C), "a * b + c"),
        (Operation("+", A, Operation("*", B, C)), "a + b * c"),
        (Operation("-", A, Operation("-", B, C)), "a - (b - c)"),
        (Operation("-", Operation("-", A, B), C), "a - b - c"),
        (Operation("-", A, Operation("+", B, C)), "a - (b + c)"),
        (Operation("//", A, Operation("*", B, C)), "a // (b * c)"),
        (Operation("*", A, Operation("//", B, C)), "a * (b // c)"),
        (Operation("//", Operation("*", A, B), C), "a * b // c"),
        (Operation("%", A, Operation("%", B, C)), "a % (b % c)"),
        (Operation("/", A, Operation("/", B, 2)), "a / (b / 2)"),
        (Operation("-", A, -1), "a - -1"),
        (Operation("*", A, -1), "a * -1"),
        (Operation("*", -1, A), "-1 * a"),
        (Operation("*", 2, Operation("*", -1, A)), "2 * (-1 * a)"),
        (Operation("+", A, Operation("+", B, C)), "a + (b + c)"),
        (Operation("*", Operation("*", A, B), C), "a * b * c"),
        (Application("int", (Operation("*", 0.5, C),)), "int(0.5 * c)"),
        (Application("max", (A, Operation("+", B, 1))), "max(a, b + 1)"),
        (Opaque(55, frozenset("a")), "55"),
        (Symbol("in_channels"), "in_channels"),
        (1e-05, "1e-5"),
        (64, "64"),
    ],
)
def test_brackets_stand_where_they_are_needed(expression: Expression, text: str) -> None:
    assert show(expression) == text
    assert evaluate(read(text), KNOWN) == evaluate(expression, KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "", "a b", "__import__('os')", "a.b", "a[0]", "lambda: 1", "'a'", "True", "None", "a if b else c",
        "[a]", "a ** b", "a << 1", "~a", "not a", "f(a)", "open(a)", "int(a, base=2)", "int(*a)", "a; b",
        "a := 1", "a and b", "a < b", "1j", "-True", "1e999", "-1e999",
        "(" * 300 + "a" + ")" * 300, "+".join("a" * 300), "\0", "os.int(a)",
    ],
)  # fmt: skip
def test_nothing_else_is_read(text: str) -> None:
    with pytest.raises(ValueError, match="not an expression"):
        read(text)


# --- substitution ------------------------------------------------------------------------------------


def test_names_become_values_or_expressions() -> None:
    written = Operation("*", 4, C)
    assert substitute(written, {"c": 64}) == 256
    assert show(substitute(written, {"c": Operation("+", A, B)})) == "4 * (a + b)"
    assert show(substitute(written, {"a": 64})) == "4 * c"
    assert show(written, {"c": 64}) == "256"
    both = Application("max", (Operation("*", A, B), 8))
    assert show(substitute(both, {"a": 3})) == "max(3 * b, 8)"
    assert substitute(both, {"a": 3, "b": 4}) == 12


def test_names_are_replaced_at_once_and_not_in_turn() -> None:
    swapped = substitute(Operation("-", A, B), {"a": B, "b": A})
    assert show(swapped) == "b - a"


@given(expressions, expressions)
def test_substituting_then_evaluating_is_evaluating_with_the_value(
    outer: Expression, inner: Expression
) -> None:
    value = evaluate(inner, KNOWN)
    if value is None:
        return
    at_once = evaluate(outer, {**KNOWN, "a": value})
    if at_once is None:
        return
    in_turn = evaluate(substitute(outer, {"a": inner}), KNOWN)
    assert in_turn == at_once


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4 * c", 256),
        ("2 * 3", 6),
        ("c + 2 * 3", 70),
        ("max(2, 3)", 3),
        ("c / 0", None),
        ("c % 0", None),
        ("missing", None),
        ("c + missing", None),
        ("min(c, 10)", 10),
        ("-7 // 2", -4),
        ("c / 128", 0.5),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert evaluate(read(text), {"c": 64}) == value


# --- numbers -----------------------------------------------------------------------------------------

wholes = st.integers(-100, 100)


@given(wholes, wholes)
def test_a_traced_number_counts_like_a_plain_one(left: int, right: int) -> None:
    a, b = traced(left, A), traced(right, B)
    assert a == left and hash(a) == hash(left) and (a < b) is (left < right) and bool(a) is bool(left)
    assert (
        str(a) == str(left)
        and repr(a) == repr(left)
        and json.dumps(a) == str(left)
        and f"{a:>5}" == f"{left:>5}"
    )
    assert list(range(10))[a % 10] == left % 10
    known = {"a": left, "b": right}
    for one, other, plain_one, plain_other in (
        (a, b, left, right),
        (a, right, left, right),
        (left, b, left, right),
    ):
        results = {"+": (one + other, plain_one + plain_other), "-": (one - other, plain_one - plain_other)}
        results["*"] = one * other, plain_one * plain_other
        if right:
            results["//"] = one // other, plain_one // plain_other
            results["%"] = one % other, plain_one % plain_other
            results["/"] = one / other, plain_one / plain_other
        for result, expected in results.values():
            assert result == expected and type(plain(result)) is type(expected)
            assert python_value(show(expression_of(result)), known) == expected
    assert -a == -left and python_value(show(expression_of(-a)), known) == -left


@given(wholes)
def test_division_by_zero_stays_an_error(left: int) -> None:
    a, zero = traced(left, A), traced(0, B)
    for divide in (lambda: a // zero, lambda: a % zero, lambda: left / zero, lambda: a / 0):
        with pytest.raises(ZeroDivisionError):
            divide()


def test_other_types_are_left_to_their_own() -> None:
    a = traced(2, A)
    for wrong in ("x", None, [1]):
        with pytest.raises(TypeError):
            a + wrong
        with pytest.raises(TypeError):
            wrong - a
    assert a * 1.5 == 3.0 and isinstance(a * 1.5, Float) and isinstance(a * 2, Int)


def test_plain_takes_the_expression_away() -> None:
    for value in (traced(4, A), traced(0.5, A), 4, 0.5, True, None, "x", (1, 2)):
        bare = plain(value)
        assert bare == value and not isinstance(bare, Traced)
    assert type(plain(traced(4, A))) is int and type(plain(traced(0.5, A))) is float


def test_a_number_without_names_is_plain() -> None:
    assert type(traced(4, 4)) is int
    assert type(traced(4, Opaque(4, frozenset()))) is int
    assert type(opaque(4, 3, (2, 1))) is int
    assert isinstance(traced(4, A), Int) and isinstance(traced(4.0, A), Float)


@pytest.mark.parametrize(
    "number", [traced(4, A) * 3 + 1, traced(0.5, A) * 2.5, opaque(9, traced(3, B)), product((8, 7))]
)
def test_pickled_and_copied_numbers_keep_their_expression(number: Any) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(number, protocol))
        assert again == number and type(again) is type(number) and again.expression == number.expression
    for again in (copy.copy(number), copy.deepcopy(number)):
        assert again == number and again.expression == number.expression


def test_names_are_found_wherever_they_are() -> None:
    a, b = traced(2, A), traced(3, B)
    assert names(a * b + 1) == {"a", "b"}
    assert names((1, (a, 2), b)) == {"a", "b"}
    assert names(Application("max", (A, Operation("-", B, C)))) == {"a", "b", "c"}
    assert names(opaque(5, a, (b,))) == {"a", "b"}
    assert names(5) == names("a") == names(None) == names(product((4, 5))) == frozenset()


def test_an_opaque_number_prints_as_a_number_and_keeps_its_names() -> None:
    size = opaque(55, traced(11, A), 4)
    assert size == 55 and show(expression_of(size)) == "55" and names(size) == {"a"}
    assert show(expression_of(size * 2)) == "110" and names(size * 2) == {"a"}


def test_sizes_that_are_printed_as_numbers_make_products_as_numbers_do() -> None:
    """Whether a size depends on a param is not seen where it is printed, and not forgotten."""
    plain = (1, 3, 512)
    for sizes in itertools.product(plain, repeat=3):
        hidden = tuple(opaque(size, traced(11, A)) for size in sizes)
        for mixed in (hidden, (sizes[0], *hidden[1:]), (*hidden[:2], sizes[2])):
            assert product(mixed) == product(sizes) and names(product(mixed)) == {"a"}
            assert show(expression_of(product(mixed))) == show(expression_of(product(sizes)))
            assert show(expression_of(product(mixed) + 1)) == show(expression_of(product(sizes) + 1))
    channels = traced(4, C)
    assert show(expression_of(product((channels, opaque(1, traced(2, B)), 1)))) == "c"
    assert names(product((channels, opaque(1, traced(2, B)), 1))) == {"b", "c"}
    assert show(expression_of(product((opaque(1, traced(2, B)), channels, 7)))) == "c * 7"


def test_a_long_expression_becomes_a_number() -> None:
    number = traced(1, A)
    for _ in range(LONGEST - 1):
        number = number + traced(1, B)
    assert show(expression_of(number)).count("b") == LONGEST - 1
    number = number + traced(1, C)
    assert show(expression_of(number)) == str(LONGEST + 1) and names(number) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("factors", "text", "value"),
    [
        ((512, 7, 7), "512 * 7 * 7", 25088),
        ((512, 1, 1), "512", 512),
        ((1, 7, 1), "7", 7),
        ((1, 1), "1", 1),
        ((traced(8, C), 7), "c * 7", 56),
        ((traced(1, C), 7), "c * 7", 7),
        ((traced(8, A) + 1, 2, 2), "(a + 1) * 2 * 2", 36),
        ((4, traced(8, A) * 2), "4 * (a * 2)", 64),
    ],
)
def test_products_are_written_out(factors: tuple[int, ...], text: str, value: int) -> None:
    number = product(factors)
    assert number == value
    assert show(expression_of(number)) == text


def test_applied_functions_are_kept_where_something_was_computed() -> None:
    half = traced(9, A) * 0.5
    assert show(expression_of(arithmetic.apply("int", 4, half))) == "int(a * 0.5)"
    assert type(arithmetic.apply("int", 4, 4.5)) is int


# --- what is said shortly ----------------------------------------------------------------------------


def shown(number: Any) -> str:
    return show(expression_of(number))


def test_sums_of_one_name_are_a_multiple_and_one_times_is_nothing() -> None:
    c, d = traced(6, Symbol("c")), traced(8, Symbol("d"))
    assert shown(c + c) == "2 * c"
    assert shown(c + c + c) == "3 * c"
    assert shown(2 * c + 3 * c) == "5 * c"
    assert shown(c + d) == "c + d"
    assert shown(c + c * d) == "c + c * d"
    assert shown(1 * c) == "c" and shown(c * 1) == "c * 1" and shown(2 * c) == "2 * c"
    assert shown(1 + c) == "1 + c" and shown(1 - c) == "1 - c"
    assert shown(c + 0.5 + c) == "c + 0.5 + c"


def test_division_is_whole_division_in_python_where_sizes_are_meant() -> None:
    for text, floor in (
        ("c / 2", "c // 2"),
        ("c * d / 2", "c * d // 2"),
        ("min(c / 2, 3)", "min(c // 2, 3)"),
        ("max(c / 2, d / 3)", "max(c // 2, d // 3)"),
        ("int(c / 2)", "int(c / 2)"),
        ("c % 2", "c % 2"),
        ("c", "c"),
        ("7", "7"),
    ):
        assert show(floored(read(text))) == floor


def test_names_that_get_values_are_worked_out_and_what_had_none_is_left() -> None:
    known = {"c": 3}
    assert show(read("int(c) * 8"), known) == "24"
    assert show(read("int(c) * d"), known) == "3 * d"
    assert show(read("8 * 16"), known) == "8 * 16"
    assert show(read("8 * 16 * c"), known) == "384"
    assert show(read("8 // (c - 3)"), known) == "8 // 0"
    assert evaluate(read("max(2 * 4, c)"), known) == 8
    assert evaluate(read("max(2 * 4, d)"), known) is None
    assert evaluate(read("8 // (c - 3)"), known) is None


def test_a_text_may_have_so_many_characters() -> None:
    assert names(read("c" * LONGEST_TEXT)) == {"c" * LONGEST_TEXT}
    with pytest.raises(ValueError, match="not an expression of numbers and names"):
        read("c" * (LONGEST_TEXT + 1))


def test_what_depends_on_the_same_names_has_them_once_in_memory() -> None:
    """Thousands of sums over thousands of params took half a gigabyte."""
    total = arithmetic.opaque(1, tuple(Symbol(f"p{i}") for i in range(100)))
    found = [arithmetic.names(total + i) for i in range(3)]
    assert len(found[0]) == 100
    assert all(one is found[0] for one in found)
    assert arithmetic.names((total, 3, total + 1)) is found[0]
    assert arithmetic.names((total, arithmetic.traced(2, Symbol("q")))) == {*found[0], "q"}

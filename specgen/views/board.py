"""Arithmetic as a teacher writes it: `(224 + 2·2 − 1·(11 − 1) − 1) / 4 + 1 = 54.25 + 1, rounded down: 55`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod

from specgen import arithmetic
from specgen.arithmetic import Application, Expression, Operation
from specgen.workings import Working

#: How tightly an operator binds. Rounding divisions are told apart from exact ones.
_LEVELS = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "ceil": 2, "floor": 2, "%": 2}
_SIGNS = {"+": " + ", "-": " − ", "*": "·", "/": " / ", "//": " / ", "ceil": " / ", "%": " mod "}


def equation(working: Working, down: str, up: str) -> str:
    """A size with its arithmetic; where a quotient is rounded, `down` or `up` says so."""
    expression = _with_quotients(working.expression)
    rounded = _rounded(expression)
    result = f"{working.value:,}"
    if rounded is None:
        return f"{_show(expression)[0]} = {result}"
    exact = _value(rounded)
    between = _show(_replaced(expression, rounded, exact))[0]
    sign = "=" if _is_short(exact) else "≈"
    return f"{_show(expression)[0]} {sign} {between}, {up if rounded.operator == 'ceil' else down}: {result}"


def is_cut(working: Working) -> bool:
    """Whether a last window was left out, since it would start in the padding."""
    expression = _with_quotients(working.expression)
    return isinstance(expression, Operation) and expression.operator == "-" and _has_ceil(expression)


def product_sum(products: Sequence[Sequence[int]]) -> str:
    """Products that are added up: `4·50·768·768 + 2·50·50·768 = 121,804,800`; of one number, that alone."""
    total = sum(map(prod, products))
    terms = " + ".join("·".join(map(str, factors or (1,))) for factors in products)
    return f"{total:,}" if len(products) == 1 and len(products[0]) < 2 else f"{terms} = {total:,}"


def parameter_count(tensors: Mapping[str, Sequence[int]]) -> str:
    """A layer's parameters from the shapes of its tensors: `64 · (3·11·11 + 1) = 23,296`."""
    shapes = [tuple(map(int, sizes)) for sizes in tensors.values()]
    total = f"{sum(map(prod, shapes)):,}"
    if len(shapes) == 2 and len(shapes[1]) == 1 and shapes[0][0] == shapes[1][0]:
        (first, *rest), _ = shapes
        if rest:
            return f"{first} · ({'·'.join(map(str, rest))} + 1) = {total}"
        return f"2 · {first} = {total}"
    return product_sum(shapes)


def _with_quotients(expression: Expression) -> Expression:
    """The expression with `-(-a // b)` as one division that rounds up, and `floor(a)` as one by 1."""
    if isinstance(expression, Application):
        rounds_down = expression.function == "floor"
        return Operation("floor", _with_quotients(expression.arguments[0]), 1) if rounds_down else expression
    if not isinstance(expression, Operation):
        return expression
    quotient = _negated(expression)
    if isinstance(quotient, Operation) and quotient.operator == "//":
        left = _negated(quotient.left)
        if left is not None:
            return Operation("ceil", _with_quotients(left), _with_quotients(quotient.right))
    return Operation(expression.operator, _with_quotients(expression.left), _with_quotients(expression.right))


def _negated(expression: Expression) -> Expression | None:
    """What stands behind the sign of `-1 * …`; nothing where there is no such sign."""
    if isinstance(expression, Operation) and (expression.operator, expression.left) == ("*", -1):
        return expression.right
    return None


def _rounded(expression: Expression) -> Operation | None:
    """The division in an expression that does not come out even."""
    match expression:
        case Operation(operator, left, right):
            if operator in ("//", "ceil", "floor") and _value(expression).denominator != 1:
                return expression
            return _rounded(left) or _rounded(right)
    return None


def _has_ceil(expression: Expression) -> bool:
    match expression:
        case Operation(operator, left, right):
            return operator == "ceil" or _has_ceil(left) or _has_ceil(right)
    return False


def _value(expression: Expression) -> Fraction:
    """What an expression comes to if nothing in it is rounded."""
    match expression:
        case Operation(operator, left, right):
            one, other = _value(left), _value(right)
            match operator:
                case "+":
                    return one + other
                case "-":
                    return one - other
                case "*":
                    return one * other
                case "%":
                    return one % other
            return one / other
        case int() | float():
            return Fraction(str(arithmetic.plain(expression)))
    raise AssertionError(expression)


def _replaced(expression: Expression, part: Operation, value: Fraction) -> Expression:
    if expression is part:
        return float(value)
    match expression:
        case Operation(operator, left, right):
            return Operation(operator, _replaced(left, part, value), _replaced(right, part, value))
    return expression


def _is_short(value: Fraction) -> bool:
    return (value * 100).denominator == 1


def _show(expression: Expression) -> tuple[str, int]:
    """The expression as text, and how tightly its outermost operator binds."""
    match expression:
        case Operation("floor", left, _):
            return _show(left)
        case Operation(operator, left, right):
            level = _LEVELS[operator]
            (before, left_level), (after, right_level) = _show(left), _show(right)
            before = before if left_level >= level else f"({before})"
            loose = right_level > level or (operator in "+*" and right_level == level)
            return f"{before}{_SIGNS[operator]}{after if loose else f'({after})'}", level
        case float():
            shown = int(expression * 100) / 100  # cut, not rounded: 4.999 is not to read as 5
            return f"{shown:.2f}".rstrip("0").rstrip("."), 9
        case int():
            return str(int(expression)), 9
    raise AssertionError(expression)

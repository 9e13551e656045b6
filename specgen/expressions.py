"""The value of an expression: numbers, booleans, tuples, and words that mean themselves."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from specgen import arithmetic, syntax
from specgen.arithmetic import FUNCTIONS
from specgen.layers.fields import whole
from specgen.shape import LARGEST_TOTAL
from specgen.source import Span

#: A number, a boolean, a tuple of values, or a word.
Value: TypeAlias = "int | float | bool | str | tuple[Value, ...]"


#: What to do about a fraction where a whole number is needed.
ROUNDED = "a number is not rounded unless you say how: `floor(…)`, `round(…)`, `a // b`"

#: Words for booleans; in a spec they are `true` and `false`.
SAID = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

#: Values in a tuple. An option takes one for each axis, a shape four.
LONGEST_TUPLE = 64

#: Terms of a sum or a product that may be printed as it was written; a longer one is a mere number.
LONGEST_CHAIN = 64


class Wrong(Exception):  # noqa: N818 (a mistake in the spec, which the caller gives its place in a report)
    """An expression that has no value, and why."""

    def __init__(self, code: str, title: str, span: Span, label: str = "", help_: str = "") -> None:
        super().__init__(title)
        self.code, self.title, self.span, self.label, self.help = code, title, span, label, help_


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Evaluator:
    """Evaluates expressions in one place of a spec: with the names and the channels that hold there.

    `decided` collects the names that a condition, a count or a word came from: what they are worth has
    shaped the structure.
    """

    def __init__(self, lookup: Callable[[str], Any], channels: int | None, decided: set[str]) -> None:
        self.lookup = lookup
        self.channels = channels
        self.decided = decided

    def value(self, expr: syntax.Expr) -> Any:
        """The value of an expression; raises `Wrong`."""
        match expr:
            case syntax.Number():
                return _bounded(expr.value, expr)
            case syntax.Name():
                return self.lookup(expr.text)
            case syntax.Channels():
                if self.channels is None:
                    help_ = "`in` is the number of channels that arrive: write `input` above this"
                    raise Wrong("no-input", "`in` has no value here", expr.span, "nothing arrives yet", help_)
                return self.channels
            case syntax.TupleOf():
                return self._tuple(expr)
            case syntax.Prefix():
                if expr.operator == "not":
                    return not self.boolean(expr.operand)
                return _bounded(-self.number(expr.operand), expr)
            case syntax.Chain():
                return self._chain(expr)
            case syntax.FunctionCall():
                return self._call(expr)

    def number(self, expr: syntax.Expr) -> Any:
        """The value of an expression that has to be a number."""
        value = self.value(expr)
        if not arithmetic.is_number(value):
            in_parentheses = isinstance(expr, syntax.TupleOf) and expr.span.start < expr.items[0].span.start
            label, help_ = f"this is {describe(value)}", "" if in_parentheses else no_hexadecimal(value)
            raise Wrong("not-a-number", "a number is needed here", expr.span, label, help_)
        return value

    def whole(self, expr: syntax.Expr) -> int:
        """The value of an expression that has to be a whole number; `128.0` is one."""
        value = self.number(expr)
        try:
            return whole(value)
        except ValueError:
            label = f"this is {describe(value)}"
            raise Wrong("not-whole", "a whole number is needed here", expr.span, label, ROUNDED) from None

    def boolean(self, expr: syntax.Expr) -> bool:
        """The value of an expression that has to be true or false."""
        value = self.value(expr)
        if not isinstance(value, bool):
            help_ = "compare it with something: `== 1`, `!= none`"
            if isinstance(value, str) and value.lower() in SAID:
                help_ = f"write `{describe(SAID[value.lower()])}`"
            label = f"this is {describe(value)}"
            raise Wrong("not-a-condition", "a condition is true or false", expr.span, label, help_)
        return value

    def source(self, expr: syntax.Expr, flags: Collection[str]) -> str | None:
        """A condition as Python source, in the names of its numbers and of `flags`, which are booleans.

        `None` where it says something that the emitted file cannot, such as a comparison of words.
        """
        match expr:
            case syntax.Number(value=bool() as value):
                return str(value)
            case syntax.Name(text=text):
                return text if text in flags else str(self.boolean(expr))
            case syntax.Prefix(operator="not", operand=operand):
                inner = self.source(operand, flags)
                return inner and f"not ({inner})"
            case syntax.Chain() if expr.rest[0][0] in ("and", "or"):
                parts = [self.source(operand, flags) for operand in (expr.first, *(o for _, o in expr.rest))]
                return (
                    f" {expr.rest[0][0]} ".join(f"({part})" for part in parts if part) if all(parts) else None
                )
            case syntax.Chain() if expr.rest[0][0] in _COMPARISONS:
                sides = [self.value(expr.first), self.value(expr.rest[0][1])]
                if all(map(arithmetic.is_number, sides)):
                    left, right = (arithmetic.show(arithmetic.expression_of(side)) for side in sides)
                    return f"{left} {expr.rest[0][0]} {right}"
        return None

    def _tuple(self, expr: syntax.TupleOf) -> tuple[Any, ...]:
        if len(expr.items) > LONGEST_TUPLE:
            title = f"a tuple holds at most {LONGEST_TUPLE} values"
            raise Wrong("too-large", title, expr.span, f"this has {len(expr.items):,}")
        values = tuple(map(self.value, expr.items))
        for item, value in zip(expr.items, values, strict=True):
            # Tuples of tuples would double in size with every `let`, and no option takes one.
            if isinstance(value, tuple):
                title = "a tuple holds numbers and words, not tuples"
                raise Wrong("wrong-value", title, item.span, f"this is {describe(value)}")
        return values

    def _chain(self, chain: syntax.Chain) -> Any:
        kind = chain.rest[0][0]
        if kind in ("and", "or"):
            values = (self.boolean(operand) for operand in (chain.first, *(right for _, right in chain.rest)))
            return all(values) if kind == "and" else any(values)
        if kind in _COMPARISONS:
            return self._compare(chain)
        value = self.number(chain.first)
        if len(chain.rest) > LONGEST_CHAIN:
            return self._long_chain(chain, value)
        for sign, operand in chain.rest:
            value = _bounded(_arithmetic(sign, value, self.number(operand), operand), chain, operand)
        return value

    def _long_chain(self, chain: syntax.Chain, first: Any) -> Any:
        """The value of a sum or a product that is too long to be printed as it was written."""
        value, sources = arithmetic.plain(first), [first]
        for sign, operand in chain.rest:
            number = self.number(operand)
            if isinstance(number, arithmetic.Traced):
                sources.append(number)
                number = arithmetic.plain(number)
            value = _bounded(_arithmetic(sign, value, number, operand), chain, operand)
        return arithmetic.opaque(value, *sources)

    def _compare(self, chain: syntax.Chain) -> bool:
        (sign, operand), *_ = chain.rest
        left, right = self.value(chain.first), self.value(operand)
        if sign not in ("==", "!="):
            left, right = self.number(chain.first), self.number(operand)
        self.decided |= arithmetic.names((left, right) if not isinstance(left, tuple) else (*left, right))
        if isinstance(left, bool) is not isinstance(right, bool):
            _check_mixed(chain, (chain.first, left), (operand, right))
            _check_mixed(chain, (operand, right), (chain.first, left))
            return sign == "!="
        return _COMPARISONS[sign](left, right)

    def _call(self, call: syntax.FunctionCall) -> Any:
        name = call.function.text
        if name not in FUNCTIONS:  # only a value from outside has not been through `resolve`
            raise Wrong("unknown-function", f"there is no function `{name}`", call.function.span)
        least, most, function = FUNCTIONS[name]
        if not arithmetic.takes(name, len(call.arguments)):
            wanted = "one number" if most == 1 else f"{least}{' or more' * (most is None)} numbers"
            raise Wrong(
                "wrong-arguments",
                f"`{name}` takes {wanted}",
                call.span,
                f"{len(call.arguments)} given",
            )
        arguments = [self.number(argument) for argument in call.arguments]
        if name == "make_divisible" and arguments[1] < 1:
            label = f"this is {describe(arguments[1])}"
            raise Wrong("wrong-arguments", "the divisor has to be 1 or more", call.arguments[1].span, label)
        try:
            value = function(*map(arithmetic.plain, arguments))
        except OverflowError:
            value = math.inf
        except ZeroDivisionError:
            raise Wrong("division-by-zero", "division by zero", call.span, "a negative power of 0") from None
        except ArithmeticError as error:
            raise Wrong("wrong-arguments", str(error), call.span, "this is no number") from None
        return _bounded(arithmetic.apply(name, value, *arguments), call)


def _check_mixed(
    chain: syntax.Chain, literal: tuple[syntax.Expr, Any], other: tuple[syntax.Expr, Any]
) -> None:
    """Refuse `wide == 1` of a boolean, and `wide == true` of a number: nobody means what never holds.

    A number may be compared with `false`, if it is not 0: that can stand for having none.
    """
    (expr, value), (asked, known) = literal, other
    if isinstance(value, bool) and isinstance(known, str) and known.casefold() in SAID:  # from outside
        help_ = f"{describe(known)} is written `{describe(SAID[known.casefold()])}`"
        label = f"this compares {describe(known)} with {describe(value)}"
        raise Wrong("never-equal", "a boolean and a word are never equal", chain.span, label, help_)
    if not isinstance(expr, syntax.Number) or value not in (0, 1) or not isinstance(known, (int, float)):
        return
    if value is False and known != 0:
        return
    sign, help_ = chain.rest[0][0], ""
    if isinstance(asked, syntax.Name) and isinstance(known, bool):
        help_ = f"write `{asked.text}`" if (value == 1) == (sign == "==") else f"write `not {asked.text}`"
    elif isinstance(asked, syntax.Name):
        help_ = f"write `{asked.text} {sign} {int(value)}`"
    label = f"this compares {describe(known)} with {describe(value)}"
    raise Wrong("never-equal", "a boolean and a number are never equal", chain.span, label, help_)


def _arithmetic(sign: str, left: Any, right: Any, operand: syntax.Expr) -> Any:
    if sign in ("/", "//", "%") and right == 0:
        raise Wrong("division-by-zero", "division by zero", operand.span, "this is 0")
    # Division of whole numbers stays whole where it comes out even.
    if sign == "/" and isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return arithmetic.divided(left, right)
    # Python's own `0.5 * c` would not ask `c`, which is a whole number to it.
    put_together = arithmetic.compute if arithmetic.are_plain((left, right)) else arithmetic.combined
    return put_together(sign, left, right)


def _bounded(value: Any, expr: syntax.Expr, end: syntax.Expr | None = None) -> Any:
    """The value, unless it is infinite or too large; it is that of `expr` up to its part `end`."""
    if isinstance(value, int):
        if -LARGEST_TOTAL < value < LARGEST_TOTAL:
            return value
        label = "this is 2^63 or more"
    elif isinstance(value, float) and not math.isfinite(value):
        label = "this overflows"
    else:
        return value
    span = expr.span if end is None else expr.span.to(end.span)
    raise Wrong("number-too-large", "number is too large", span, label)


def no_hexadecimal(value: Any) -> str:
    """What to write for `0x10` where its sizes are refused: elsewhere it is 16. Empty for other values."""
    match value:
        case (0, int(last)) if last >= 0:
            return (
                f"`0x{last}` is 0 × {last}: there are no hexadecimal numbers, write `{int(f'0x{last}', 16)}`"
            )
    return ""


def describe(value: Any) -> str:
    """A value as a message names it: `the word bn`, `3 × 5`, `0.5`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the word `{value}`"
    if isinstance(value, tuple):
        items = ", ".join(map(describe, value[:8]))
        end = ", …" if len(value) > 8 else "," * (len(value) == 1)
        return f"({items}{end})"
    if not isinstance(value, float):
        return str(arithmetic.plain(value))
    shown, number = f"{arithmetic.plain(value):.10g}", float(value)
    # What is nearly whole is not shown as if it were.
    return repr(number) if number != float(shown) and float(shown).is_integer() else shown

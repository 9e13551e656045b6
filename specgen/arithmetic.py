"""Numbers that remember the expression they came from.

A channel count that was written `4 * c` is an ordinary `int` to everything that computes with it, and
still `4 * c` to the backend that prints source. Arithmetic on such numbers gives such numbers, so shape
rules carry the expressions without knowing about them.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, TypeAlias, TypeGuard

from specgen.functions import make_divisible
from specgen.python_ast import parse_expression

#: Expressions of more leaves than this are printed as the number they come to.
LONGEST = 12

#: Text that is longer than this is not read.
LONGEST_TEXT = 400

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "//": 2, "%": 2, "/": 2}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name: a param of the network, an argument of a block, `in_channels`."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """`left operator right`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Application:
    """A function of expressions, as Python spells it: `int(64 * width)`."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Opaque:
    """A number that depends on `names` in a way that is not worth printing."""

    value: int | float
    names: frozenset[str]


Expression: TypeAlias = "int | float | Symbol | Operation | Application | Opaque"


class Traced:
    """What `Int` and `Float` share: an expression beside the value."""

    expression: Expression

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (plain(self), self.expression)

    def __add__(self, other: Any) -> Any:
        return combined("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return combined("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return combined("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return combined("-", other, self)

    def __mul__(self, other: Any) -> Any:
        return combined("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return combined("*", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return combined("//", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return combined("//", other, self)

    def __mod__(self, other: Any) -> Any:
        return combined("%", self, other)

    def __rmod__(self, other: Any) -> Any:
        return combined("%", other, self)

    def __truediv__(self, other: Any) -> Any:
        return combined("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return combined("/", other, self)

    def __neg__(self) -> Any:
        return combined("*", -1, self)


class Int(Traced, int):
    """A whole number and the expression it came from."""

    def __new__(cls, value: int, expression: Expression) -> Int:
        number = super().__new__(cls, value)
        number.expression = expression
        return number


class Float(Traced, float):
    """A real number and the expression it came from."""

    def __new__(cls, value: float, expression: Expression) -> Float:
        number = super().__new__(cls, value)
        number.expression = expression
        return number


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number: not a word, a tuple or a boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def traced(value: int | float, expression: Expression) -> Any:
    """`value` with an expression beside it; a long one is cut down to what it depends on."""
    if isinstance(expression, (Operation, Application)) and _leaves(expression) > LONGEST:
        expression = Opaque(plain(value), names(expression))
    if isinstance(expression, (int, float)) or (isinstance(expression, Opaque) and not expression.names):
        return plain(value)
    return Int(value, expression) if isinstance(value, int) else Float(value, expression)


def named(name: str, value: Any) -> Any:
    """A number that goes by a name from here on; a word, a tuple or a boolean stays what it is."""
    return traced(plain(value), Symbol(name)) if is_number(value) else value


def plain(value: Any) -> Any:
    """The bare number, without its expression."""
    if isinstance(value, Int):
        return int(value)
    if isinstance(value, Float):
        return float(value)
    return value


def standard(value: Any) -> Any:
    """A number or a word of a class derived from Python's, or a whole number of NumPy's, as Python's own.

    An `IntEnum` or an `np.float64` prints itself in another way, and would not be itself in source text.
    Anything else is given back as it is.
    """
    if type(value) in _STANDARD:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, float) else value


def expression_of(value: int | float) -> Expression:
    """The expression of a number: itself, where it was written as a literal."""
    return value.expression if isinstance(value, Traced) else value


def names(value: object) -> frozenset[str]:
    """The names that a number, an expression or a tuple of them depends on."""
    if type(value) in _NAMELESS:
        return _NO_NAMES
    if type(value) is tuple:
        return _joined(map(names, value))
    if isinstance(value, Traced):
        return names(value.expression)
    match value:
        case Symbol(name):
            return frozenset((name,))
        case Operation(_, left, right):
            return _joined((names(left), names(right)))
        case Application(_, arguments) | tuple(arguments):
            return _joined(map(names, arguments))
        case Opaque():
            return value.names
    return _NO_NAMES


def _joined(found: Iterable[frozenset[str]]) -> frozenset[str]:
    """All of some names. Thousands of numbers that depend on the same thousands share them."""
    found = tuple(found)
    most = max(found, key=len, default=_NO_NAMES)
    more = [one for one in found if not one <= most]
    return most.union(*more) if more else most


def are_plain(values: Iterable[object]) -> bool:
    """Whether none of some numbers remembers anything. Most do not, and need no second look."""
    return _NAMELESS.issuperset(map(type, values))


_NO_NAMES: frozenset[str] = frozenset()
_NAMELESS = frozenset((int, float, bool, str, type(None)))
_STANDARD = frozenset((*_NAMELESS, tuple, list, Int, Float))


def opaque_names(value: object) -> frozenset[str]:
    """The names that printed numbers depend on without mentioning them."""
    if type(value) in _NAMELESS or (type(value) is tuple and are_plain(value)):
        return _NO_NAMES
    match value:
        case Traced():
            return opaque_names(value.expression)
        case Operation(_, left, right):
            return _joined((opaque_names(left), opaque_names(right)))
        case Application(_, arguments) | tuple(arguments):
            return _joined(map(opaque_names, arguments))
        case Opaque():
            return value.names
    return frozenset()


def opaque(value: int | float, *sources: object) -> Any:
    """`value`, printed as a number, that still knows which names `sources` depend on."""
    found = names(sources)
    return traced(plain(value), Opaque(plain(value), found)) if found else plain(value)


def apply(function: str, value: int | float, *arguments: int | float) -> Any:
    """`value`, which is `function` of `arguments`; a plain number where those are plain."""
    if not any(isinstance(argument, Traced) for argument in arguments):
        return value
    return traced(value, Application(function, tuple(map(expression_of, arguments))))


def product(factors: tuple[int, ...]) -> int:
    """The product of sizes, written out: `product((512, 7, 7))` prints as `512 * 7 * 7`.

    A factor that is printed as 1 is left out; what it depends on is not.
    """
    kept = [factor for factor in factors if factor != 1 or _has_symbol(expression_of(factor))]
    if len(kept) < 2 and not any(_has_symbol(expression_of(factor)) for factor in kept):
        whole: int = opaque(kept[0] if kept else 1, factors)
        return whole
    result, expression = plain(kept[0]), expression_of(kept[0])
    for factor in kept[1:]:
        result *= plain(factor)
        expression = Operation("*", expression, expression_of(factor))
    unseen = names(tuple(factor for factor in factors if factor == 1)) - names(expression)
    if unseen:
        expression = Operation("*", expression, Opaque(1, unseen))
    return Int(result, expression)


def show(expression: Expression, known: dict[str, object] | None = None) -> str:
    """The expression as Python source; names in `known` are replaced by their values."""
    return _show(substitute(expression, known or {}))[0]


def _show(expression: Expression) -> tuple[str, int]:
    match expression:
        case Symbol(name):
            return name, 9
        case Operation("*", left, Opaque(1)):
            return _show(left)
        case Operation(operator, left, right):
            level = _PRECEDENCE[operator]
            (before, left_level), (after, right_level) = _show(left), _show(right)
            before = before if left_level >= level else f"({before})"
            # The right side of an equal precedence keeps its brackets: `100 * (0.1 * 0.7)` is another
            # number than `100 * 0.1 * 0.7`, and whether a name stands for a whole one is not known here.
            after = after if right_level > level else f"({after})"
            return f"{before} {operator} {after}", level
        case Application(function, arguments):
            name = f"math.{function}" if function in _IN_MATH else function
            return f"{name}({', '.join(_show(a)[0] for a in arguments)})", 9
        case Opaque(value):
            return _show(value)
        case float():
            return decimal(expression), 9
        case int():
            return repr(expression), 9
    raise AssertionError(expression)


def decimal(value: float) -> str:
    """A number as people write it: `1e-5`, not `1e-05`."""
    mantissa, e, exponent = repr(float(value)).partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def substitute(expression: Expression, known: dict[str, Any]) -> Expression:
    """The expression with names replaced by values; what then has no name left is worked out."""
    match expression:
        case Symbol(name):
            replaced: Expression = known.get(name, expression)
            return replaced
        case Operation(operator, left, right):
            parts = (substitute(left, known), substitute(right, known))
            if parts == (left, right):
                return expression
            # Sizes stay a product, `8 * 16 * 16`; what had a name is worked out.
            replaced = Operation(operator, *parts)
            if names(replaced) or not (_has_symbol(left) or _has_symbol(right)):
                return replaced
            try:
                return _worked_out(replaced)
            except ArithmeticError:
                return replaced
        case Application(function, arguments):
            inside = tuple(substitute(argument, known) for argument in arguments)
            return _call(function, inside) if _all_numbers(inside) else Application(function, inside)
        case Opaque(value, found) if found & known.keys():
            left_over = frozenset[str]().union(*(names(known.get(name, Symbol(name))) for name in found))
            return Opaque(value, left_over) if left_over else value
    return expression


def _has_symbol(expression: Expression) -> bool:
    match expression:
        case Symbol():
            return True
        case Operation(_, left, right):
            return _has_symbol(left) or _has_symbol(right)
        case Application(_, arguments):
            return any(map(_has_symbol, arguments))
    return False


def _all_numbers(parts: tuple[Expression, ...]) -> bool:
    return all(isinstance(part, (int, float)) for part in parts)


def _call(function: str, arguments: tuple[Expression, ...]) -> Expression:
    value: Expression = FUNCTIONS[function][2](*arguments)
    return value


def power(base: float, exponent: float) -> int | float:
    """`pow(base, exponent)`; raises `ArithmeticError` where that is no number, or one that is too large."""
    if abs(base) > 1 and exponent > _LARGEST_EXPONENT:
        raise OverflowError("the exponent is too large")
    value: int | float | complex = pow(base, exponent)
    if isinstance(value, complex):
        raise ArithmeticError("a negative number has whole powers only")
    return value


#: Above this, a power of 2 is no float.
_LARGEST_EXPONENT = 1023

#: What can be applied in an expression: how many numbers it takes (at least, at most), and what it does. The
#: emitted file has all of these but the last as they are.
FUNCTIONS: dict[str, tuple[int, int | None, Callable[..., Any]]] = {
    "min": (2, None, min),
    "max": (2, None, max),
    "ceil": (1, 1, math.ceil),
    "floor": (1, 1, math.floor),
    "round": (1, 1, round),
    "int": (1, 1, int),
    "pow": (2, 2, power),
    "make_divisible": (2, 2, make_divisible),
}
_IN_MATH = ("ceil", "floor")


def compute(operator: str, left: Any, right: Any) -> Any:
    """`left` and `right` put together by an operator of Python."""
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "//":
            return left // right
        case "%":
            return left % right
    return left / right


def combined(operator: str, left: Any, right: Any) -> Any:
    """`left` and `right` put together, of which one at least has an expression beside it."""
    if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
        return NotImplemented
    if operator == "*" and type(left) is int and left == 1:
        return right
    value = compute(operator, plain(left), plain(right))
    before, after = expression_of(left), expression_of(right)
    shows_no_name = isinstance(before, (int, float, Opaque)) and isinstance(after, (int, float, Opaque))
    if shows_no_name and Opaque in (type(before), type(after)):
        return opaque(value, left, right)
    if operator == "+" and isinstance(value, int):
        return traced(value, _sum(before, after))
    return traced(value, Operation(operator, before, after))


def _sum(left: Expression, right: Expression) -> Expression:
    """`left + right`; of whole numbers, `c + c` is `2 * c`."""
    (count, term), (more, other) = _multiple(left), _multiple(right)
    if term == other and names(term):
        return Operation("*", count + more, term)
    return Operation("+", left, right)


def _multiple(expression: Expression) -> tuple[int, Expression]:
    match expression:
        case Operation("*", int(count), term):
            return count, term
    return 1, expression


def divided(left: int, right: int) -> Any:
    """`left / right` where that comes out even: a whole number that still says it was a division."""
    value = plain(left) // plain(right)
    return traced(value, Operation("/", expression_of(left), expression_of(right)))


def floored(expression: Expression) -> Expression:
    """The expression of a whole number as Python has to say it: with `//`, since its `/` gives a float."""
    match expression:
        case Operation(operator, left, right):
            return Operation("//" if operator == "/" else operator, floored(left), floored(right))
        case Application("min" | "max" as function, arguments):
            return Application(function, tuple(map(floored, arguments)))
    return expression


def _leaves(expression: Expression) -> int:
    match expression:
        case Operation(_, left, right):
            return _leaves(left) + _leaves(right)
        case Application(_, arguments):
            return sum(map(_leaves, arguments))
    return 1


def evaluate(expression: Expression, known: dict[str, Any]) -> Any:
    """The value of an expression, given its names; `None` where a name is not among them."""
    try:
        value = _worked_out(substitute(expression, known))
    except (ArithmeticError, TypeError):
        return None
    return value if isinstance(value, (int, float)) else None


def _worked_out(expression: Expression) -> Expression:
    """The expression with its constant parts, which are kept for printing, as numbers."""
    match expression:
        case Operation(operator, left, right):
            parts = (_worked_out(left), _worked_out(right))
            return compute(operator, *parts) if _all_numbers(parts) else expression
        case Application(function, arguments):
            inside = tuple(map(_worked_out, arguments))
            return _call(function, inside) if _all_numbers(inside) else expression
        case Opaque(value):
            return value
    return expression


def read(text: str) -> Expression:
    """The expression that `show` printed; raises `ValueError` for any other text."""
    try:
        return from_ast(parse_expression(text)) if len(text) <= LONGEST_TEXT else _unreadable()
    except (SyntaxError, RecursionError, MemoryError):
        return _unreadable()


def from_ast(node: ast.expr) -> Expression:
    match node:
        case ast.Constant(value=value) if is_number(value) and abs(value) != math.inf:
            return value
        case ast.Name(id=name):
            return Symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if (
            is_number(value) and abs(value) != math.inf
        ):
            return -value
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            return Operation(_OPERATORS[type(operator)], from_ast(left), from_ast(right))
        case ast.Call(
            func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="math"), attr=name),
            args=arguments,
            keywords=[],
        ) if takes(name, len(arguments)):
            return Application(name, tuple(map(from_ast, arguments)))
    return _unreadable()


def takes(function: str, count: int) -> bool:
    """Whether there is a function of that name, and it takes so many numbers."""
    if function not in FUNCTIONS:
        return False
    least, most, _ = FUNCTIONS[function]
    return least <= count <= (most or count)


def _unreadable() -> Expression:
    raise ValueError("not an expression of numbers and names")


_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%", ast.Div: "/",
}  # fmt: skip

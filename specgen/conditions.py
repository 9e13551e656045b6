"""Conditions as source, `s != 1 or in_channels != 4 * c`: printed into a class, checked against its uses."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from specgen import arithmetic
from specgen.python_ast import parse_expression

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def holds(condition: str, values: Mapping[str, Any]) -> bool:
    """Whether a condition holds for some values; raises `ValueError` for text that is no condition."""
    return _holds(_read(_parsed, condition), dict(values))


def _holds(node: ast.expr, values: dict[str, Any]) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_holds(part, values) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_holds(part, values) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _holds(operand, values)
        case ast.Constant(value=bool() as value):
            return value
        case ast.Name(id=name) if isinstance(values.get(name), bool):
            return bool(values[name])
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARE:
            sides = [arithmetic.evaluate(arithmetic.from_ast(side), values) for side in (left, right)]
            if None not in sides:
                return _COMPARE[type(sign)](*sides)
    raise ValueError("not a condition")


Read = TypeVar("Read")

#: How many texts are kept, and how long they are at most: more would be memory that nothing gives back.
_MOST_KEPT, _LONGEST_KEPT = 1000, 500


def _read(how: _lru_cache_wrapper[Read], source: str) -> Read:
    """What is read in a text: each use of a block asks again, so that of short ones is kept."""
    return how(source) if len(source) <= _LONGEST_KEPT else how.__wrapped__(source)


@lru_cache(_MOST_KEPT)
def _parsed(condition: str) -> ast.expr:
    try:
        return parse_expression(condition)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError("not a condition") from None


def names_in(sources: Iterable[str]) -> frozenset[str]:
    """The names that some pieces of source mention."""
    return frozenset[str]().union(*(_read(_names, source) for source in sources))


@lru_cache(_MOST_KEPT)
def _names(source: str) -> frozenset[str]:
    if not source:
        return frozenset()
    nodes = ast.walk(parse_expression(source))
    called = set()
    found = set()
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called.add(node.func.id)
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return frozenset(found - called - {"math"})


def is_literal(source: str) -> bool:
    """Whether a piece of source is a plain number."""
    try:
        arithmetic.read(source)
    except ValueError:
        return False
    return not names_in([source])


def canonical(condition: str) -> str:
    """The condition in its one spelling: no brackets, spaces or lines that it can do without."""
    return ast.unparse(_simplified(_read(_parsed, condition)))


def _simplified(node: ast.expr) -> ast.expr:
    """The condition without the parts that are true or false whatever its names are."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _simplified(operand)
            if isinstance(inner, ast.Constant):
                return ast.Constant(not inner.value)
            return ast.UnaryOp(ast.Not(), inner)
        case ast.BoolOp(op=sign, values=parts):
            deciding = isinstance(sign, ast.Or)  # `or` is true as soon as one part is, `and` false
            kept = [part for part in map(_simplified, parts) if not _is_constant(part, not deciding)]
            if any(_is_constant(part, deciding) for part in kept):
                return ast.Constant(deciding)
            if not kept:
                return ast.Constant(not deciding)
            return kept[0] if len(kept) == 1 else ast.BoolOp(sign, kept)
    return node


def _is_constant(node: ast.expr, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def both(*conditions: str) -> str:
    """The condition that all of some conditions hold; empty where one cannot be said, or all always do."""
    if not all(conditions):
        return ""
    joined = canonical(" and ".join(f"({condition})" for condition in conditions))
    return "" if joined == "True" else joined


def negated(condition: str) -> str:
    """The opposite of a condition."""
    return canonical(f"not ({condition})")

"""Conditions as source, `s != 1 or in_channels != 4 * c`: printed into a class, checked against its uses."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from specgen import arithmetic

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
    return _holds(_parsed(condition), dict(values))


def _holds(node: ast.expr, values: dict[str, Any]) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_holds(part, values) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_holds(part, values) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _holds(operand, values)
        case ast.Name(id=name) if isinstance(values.get(name), bool):
            return bool(values[name])
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARE:
            sides = [arithmetic.evaluate(arithmetic.from_ast(side), values) for side in (left, right)]
            if None not in sides:
                return _COMPARE[type(sign)](*sides)
    raise ValueError("not a condition")


@cache
def _parsed(condition: str) -> ast.expr:
    try:
        return ast.parse(condition, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError("not a condition") from None


def names_in(sources: Iterable[str]) -> frozenset[str]:
    """The names that some pieces of source mention."""
    return frozenset[str]().union(*map(_names, sources))


@cache
def _names(source: str) -> frozenset[str]:
    if not source:
        return frozenset()
    nodes = ast.walk(ast.parse(source, mode="eval"))
    called = set()
    found = set()
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called.add(node.func.id)
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return frozenset(found - called - {"math"})


def is_number(source: str) -> bool:
    """Whether a piece of source is a plain number."""
    try:
        arithmetic.read(source)
    except ValueError:
        return False
    return not names_in([source])


def canonical(condition: str) -> str:
    """The condition in its one spelling: no brackets, spaces or lines that it can do without."""
    return ast.unparse(_parsed(condition))


def both(*conditions: str) -> str:
    """The condition that all of some conditions hold; empty where one of them cannot be said."""
    return canonical(" and ".join(f"({condition})" for condition in conditions)) if all(conditions) else ""


def negated(condition: str) -> str:
    """The opposite of a condition."""
    return canonical(f"not ({condition})")

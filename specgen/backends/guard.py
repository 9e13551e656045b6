"""The last look at emitted source: it compiles, and holds nothing but what an architecture needs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from specgen.python_ast import parse_module

_ALLOWED = (
    ast.Module, ast.Expr, ast.Constant, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef,
    ast.arguments, ast.arg, ast.keyword, ast.Return, ast.Raise, ast.Assign, ast.AnnAssign, ast.If, ast.IfExp,
    ast.For, ast.Name, ast.Load, ast.Store, ast.Attribute, ast.Call, ast.Starred, ast.GeneratorExp,
    ast.comprehension, ast.Subscript, ast.Slice, ast.Tuple, ast.List, ast.BinOp, ast.UnaryOp, ast.Compare,
    ast.BoolOp, ast.JoinedStr, ast.FormattedValue, ast.operator, ast.unaryop, ast.cmpop, ast.boolop,
)  # fmt: skip

_MODULES = ("torch", "collections", "math")

#: The names of Python's own that emitted code may use.
_BUILTINS = frozenset("super int float bool str range isinstance max min pow round len ValueError".split())

#: Attributes of `torch` that an architecture has no use for.
_FORBIDDEN = frozenset(
    ("load", "save", "hub", "serialization", "jit", "ops", "classes", "utils", "package", "multiprocessing")
)


#: The line that an emitted file begins with. With the empty one behind it, no other text is where Python
#: looks for the declaration of an encoding.
_FIRST_LINE = re.compile(r'"""[A-Za-z_][A-Za-z0-9_]*: [0-9]+( × [0-9]+)* to [0-9]+( × [0-9]+)*\.')


class EmissionError(Exception):
    """Emitted source that does not pass its own check: a defect of specgen, never of a spec."""


def check_source(text: str) -> None:
    """Raise `EmissionError` unless the text is Python made of known parts only."""
    first, second, *_ = [*text.split("\n"), ""]
    if not (_FIRST_LINE.fullmatch(first) and not second):
        raise EmissionError("it does not begin with its title and an empty line")
    try:
        compile(text, "<emitted>", "exec", dont_inherit=True)
        tree = parse_module(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise EmissionError(f"it does not compile: {error}") from None
    _check_nodes(tree, set(_BUILTINS))


def why_not_copied(text: str, beside: Iterable[str]) -> str:
    """Why a class or a function cannot stand in an emitted file; empty if it can.

    `beside` has the names that stand there, too.
    """
    try:
        _check_nodes(parse_module(text), {*_BUILTINS, *beside})
    except EmissionError as error:
        return str(error)
    return ""


def _check_nodes(tree: ast.Module, known: set[str]) -> None:
    """Raise `EmissionError` for a part, or a name, that is none of those that an architecture needs."""
    nodes = list(ast.walk(tree))
    for node in nodes:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.arg(arg=name):
                known.add(name)
            case ast.alias(name=name):
                known.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                known.add(name)
    for node in nodes:
        _check(node, known)


def _check(node: ast.AST, known: set[str]) -> None:
    if not isinstance(node, _ALLOWED):
        raise EmissionError(f"it holds a {type(node).__name__}")
    match node:
        case ast.Import(names=names):
            wrong = [alias.name for alias in names if alias.name not in _MODULES or alias.asname]
        case ast.ImportFrom(module=module):
            wrong = [] if module in _MODULES and not node.level else [str(module)]
        case ast.Name(id=name):
            wrong = [] if name in known else [name]
        case ast.Attribute(attr=name):
            wrong = [name] if name in _FORBIDDEN or (name.startswith("_") and name != "__init__") else []
        case ast.Raise(exc=ast.Call(func=ast.Name(id="ValueError")), cause=None):
            wrong = []
        case ast.Raise():
            wrong = ["an error of another kind"]
        case ast.FunctionDef(decorator_list=decorators) | ast.ClassDef(decorator_list=decorators):
            wrong = ["a decorator"] if decorators else []
        case _:
            wrong = []
    if wrong:
        raise EmissionError(f"it mentions {wrong[0]}")

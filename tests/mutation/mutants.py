"""The changes that are tried: one operator, constant, condition or statement of a module at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A module with one change: where it is, what it was and became, and the function around it."""

    path: str
    line: int
    change: str
    #: Names of the class, if there is one, and the function; nothing for a change outside of functions.
    function: tuple[str, ...]
    #: Which node of the module it is, and which of the node's changes.
    node: int
    number: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.change}"

    def tree(self) -> ast.Module:
        """The module with the change."""
        tree = ast.parse(Path(self.path).read_text(encoding="utf-8"))
        node = next(other for at, other in enumerate(ast.walk(tree)) if at == self.node)
        _replace(tree, node, list(_changes(node))[self.number][1])
        return ast.fix_missing_locations(tree)


def module_name(mutant: Mutant) -> str:
    """The name under which a mutant's module is imported."""
    return ".".join(Path(mutant.path).with_suffix("").parts).removesuffix(".__init__")


def mutants(path: Path) -> list[Mutant]:
    """All mutants of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = _functions(tree)
    left_out = _left_out(tree, functions)
    return [
        Mutant(str(path), node.lineno, change, functions.get(id(node), ()), index, number)  # type: ignore[attr-defined]
        for index, node in enumerate(ast.walk(tree))
        if id(node) not in left_out
        for number, (change, _) in enumerate(_changes(node))
    ]


def _left_out(tree: ast.Module, functions: dict[int, tuple[str, ...]]) -> set[int]:
    """Nodes whose change says nothing: docstrings, types, imports, assertions, what only makes it fast."""
    out: set[int] = set()

    def drop(node: ast.AST | None) -> None:
        if node is not None:
            out.update(id(inner) for inner in ast.walk(node))

    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef():
                first = node.body[0] if node.body else None
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    drop(first)
                if isinstance(node, ast.FunctionDef):
                    drop(node.returns)
                    for argument in ast.walk(node.args):
                        if isinstance(argument, ast.arg):
                            drop(argument.annotation)
            case ast.AnnAssign(annotation=annotation):
                # In a class, the calls in `Annotated[int, Whole(1)]` say what an option accepts.
                calls = () if id(node) in functions else _calls(annotation)
                out |= {id(inner) for inner in ast.walk(annotation)} - {id(inner) for inner in calls}
                if isinstance(annotation, ast.Name) and annotation.id == "TypeAlias":
                    drop(node)
            case ast.Import() | ast.ImportFrom() | ast.Assert():
                drop(node)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                drop(node)
            case ast.Assign(targets=[ast.Name(id="__all__" | "example" | "formula")]):
                drop(node)
            case ast.keyword(arg="strict" | "slots"):  # lists of one length; room and speed
                drop(node)
    return out


def _calls(annotation: ast.expr) -> list[ast.AST]:
    """The nodes of the calls in an annotation."""
    calls = [node for node in ast.walk(annotation) if isinstance(node, ast.Call)]
    return [node for call in calls for node in ast.walk(call)]


def _functions(tree: ast.Module) -> dict[int, tuple[str, ...]]:
    """For each node inside a function: the names of its class and of the outermost function."""
    found: dict[int, tuple[str, ...]] = {}
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = (node.name,) if isinstance(node, ast.ClassDef) else ()
        for function in inner:
            if isinstance(function, ast.FunctionDef):
                for statement in function.body:
                    for child in ast.walk(statement):
                        found[id(child)] = (*prefix, function.name)
    return found


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What a node may become."""
    match node:
        case ast.Compare(ops=[operator, *_]) if type(operator) in _COMPARE:
            changed = copy.copy(node)
            changed.ops = [_COMPARE[type(operator)](), *node.ops[1:]]
            yield _said(node, changed), changed
        case ast.BinOp(op=operator) if type(operator) in _BINARY:
            yield _said(node, other := ast.BinOp(node.left, _BINARY[type(operator)](), node.right)), other
        case ast.BoolOp(op=operator):
            other_op = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield _said(node, whole := ast.BoolOp(other_op, node.values)), whole
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield _said(node, operand), operand
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test) if not isinstance(
            test, (ast.Compare, ast.BoolOp, ast.UnaryOp)
        ):
            changed_if = copy.copy(node)
            changed_if.test = ast.UnaryOp(ast.Not(), test)
            yield f"if {ast.unparse(test)} → if not …", changed_if
        case ast.Constant(value=bool() as value):
            yield _said(node, flipped := ast.Constant(not value)), flipped
        case ast.Constant(value=int() as value):
            yield _said(node, more := ast.Constant(value + 1)), more
        case ast.Constant(value=str() as value) if value:
            yield _said(node, word := ast.Constant(f"XX{value}")), word
        case ast.Return(value=value) if value is not None and not _is_nothing(value):
            yield f"return {ast.unparse(value)[:60]} → return None", ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield f"{ast.unparse(node)[:60]} → nothing", ast.Pass()
        case ast.Continue():
            yield "continue → break", ast.Break()
        case ast.Break():
            yield "break → continue", ast.Continue()


def _is_nothing(node: ast.expr) -> bool:
    """Whether a function gives `None`, or says no, for which `None` is as good."""
    return isinstance(node, ast.Constant) and (node.value is None or node.value is False)


def _said(before: ast.AST, after: ast.AST) -> str:
    return f"{ast.unparse(before)[:70]} → {ast.unparse(after)[:70]}"


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if value is old:
                setattr(node, name, ast.copy_location(new, old))
                return
            if isinstance(value, list):
                for index, item in enumerate(value):
                    if item is old:
                        value[index] = ast.copy_location(new, old)
                        return

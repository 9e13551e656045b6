"""What was written: the syntax tree, with spans. It knows no layer and no option.

The nodes are named tuples, which cost the least to define and to make. Those that hold expressions or a body
are classes: a type checker takes tuples apart, and with tuples inside each other that takes minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from specgen.source import Span

# --- expressions ---------------------------------------------------------------------------------


class Number(NamedTuple):
    """`64`, `0.5`, `true`."""

    value: int | float | bool
    span: Span


class Name(NamedTuple):
    """A name: a param, a `let`, a block argument, or a word that means itself."""

    text: str
    span: Span


class Channels(NamedTuple):
    """`in`: the number of channels that arrive."""

    span: Span


@dataclass(frozen=True, slots=True)
class TupleOf:
    """`(1, 7)` or `3x224x224`."""

    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators of one precedence, from the left: `a + b - c`, `a and b and c`."""

    first: Expr
    rest: tuple[tuple[str, Expr], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Prefix:
    """`- a` or `not a`; signs that cancel are already gone."""

    operator: Literal["-", "not"]
    operand: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """`min(a, b)`."""

    function: Name
    arguments: tuple[Expr, ...]
    span: Span


Expr: TypeAlias = Number | Name | Channels | TupleOf | Chain | Prefix | FunctionCall


class Option(NamedTuple):
    """`name=value`."""

    name: Name
    value: Expr

    @property
    def span(self) -> Span:
        """From the name to the end of the value."""
        return self.name.span.to(self.value.span)


Argument: TypeAlias = Expr | Option

# --- statements ----------------------------------------------------------------------------------


class NetworkName(NamedTuple):
    """`network NAME`."""

    name: Name
    span: Span


class Input(NamedTuple):
    """`input SHAPE`."""

    shape: Expr
    span: Span


class Expect(NamedTuple):
    """`expect SHAPE`."""

    shape: Expr
    span: Span


class Param(NamedTuple):
    """`param NAME = expr`."""

    name: Name
    value: Expr
    span: Span


class Let(NamedTuple):
    """`let NAME = expr`."""

    name: Name
    value: Expr
    span: Span


class Default(NamedTuple):
    """`default LAYER option…`."""

    layer: Name
    arguments: tuple[Argument, ...]
    span: Span


class Init(NamedTuple):
    """`init KIND FUNCTION option…`."""

    kind: Name
    function: Name
    arguments: tuple[Argument, ...]
    span: Span


class Variant(NamedTuple):
    """`variant NAME param=value …`."""

    name: Name
    settings: tuple[Argument, ...]
    span: Span


class Block(NamedTuple):
    """`block NAME(arg, arg=expr, …) { … }`."""

    name: Name
    arguments: tuple[tuple[Name, Expr | None], ...]
    body: Body
    span: Span


class Apply(NamedTuple):
    """A layer or a block by name: `conv 64 k=3 bn`, with its label if it has one."""

    word: Name
    arguments: tuple[Argument, ...]
    span: Span
    label: Name | None = None


class Group(NamedTuple):
    """`NAME: { … }`."""

    label: Name
    body: Body
    span: Span


class Repeat(NamedTuple):
    """`repeat expr as NAME { … }`."""

    turns: Expr
    counter: Name | None
    body: Body
    span: Span


class If(NamedTuple):
    """`if expr { … } else if expr { … } else { … }`."""

    cases: tuple[tuple[Expr, Body], ...]
    otherwise: Body | None
    span: Span


class Parallel(NamedTuple):
    """`add { a | b }`, and `mul`, `cat`, `split`."""

    join: str
    branches: tuple[Body, ...]
    span: Span
    label: Name | None = None


class Residual(NamedTuple):
    """`residual { … }`, with a condition (`when`) or with a projection (`else`)."""

    body: Body
    span: Span
    condition: Expr | None = None
    projection: Body | None = None
    projection_label: Name | None = None
    label: Name | None = None


Statement: TypeAlias = (
    NetworkName | Input | Expect | Param | Let | Default | Init | Variant
    | Block | Apply | Group | Repeat | If | Parallel | Residual
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """Statements between braces, or a whole file."""

    statements: tuple[Statement, ...]
    span: Span


class Spec(NamedTuple):
    """A whole file: its statements, and the comment block at its top as the description."""

    body: Body
    description: str

    @property
    def variants(self) -> list[Variant]:
        """The variants, in the order of the text."""
        return [statement for statement in self.body.statements if isinstance(statement, Variant)]


# --- what is inside ------------------------------------------------------------------------------


def bodies_of(statement: Statement) -> tuple[Body, ...]:
    """The bodies in a statement."""
    match statement:
        case Block(body=body) | Group(body=body) | Repeat(body=body):
            return (body,)
        case If(cases=cases, otherwise=otherwise):
            return (*(body for _, body in cases), *((otherwise,) if otherwise else ()))
        case Parallel(branches=branches):
            return branches
        case Residual(body=body, projection=projection):
            return (body, projection) if projection else (body,)
    return ()


def all_statements(body: Body) -> Iterator[Statement]:
    """The statements of a body and of the bodies in them, in the order of the text."""
    for statement in body.statements:
        yield statement
        for inner in bodies_of(statement):
            yield from all_statements(inner)


def leaves(expression: Expr) -> Iterator[Number | Name | Channels]:
    """The numbers, the names and the `in`s of an expression, from the left."""
    match expression:
        case TupleOf(items=parts) | FunctionCall(arguments=parts):
            for part in parts:
                yield from leaves(part)
        case Chain(first=first, rest=rest):
            yield from leaves(first)
            for _, part in rest:
                yield from leaves(part)
        case Prefix(operand=operand):
            yield from leaves(operand)
        case _:
            yield expression

"""What was written: the syntax tree, as frozen data with spans. It knows no layer and no option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from specgen.source import Span

# --- expressions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Number:
    """`64`, `0.5`, `true`."""

    value: int | float | bool
    span: Span


@dataclass(frozen=True)
class Name:
    """A name: a param, a `let`, a block argument, or a word that means itself."""

    text: str
    span: Span


@dataclass(frozen=True)
class Channels:
    """`in`: the number of channels that arrive."""

    span: Span


@dataclass(frozen=True)
class TupleOf:
    """`(1, 7)` or `3x224x224`."""

    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True)
class Chain:
    """Operators of one precedence, from the left: `a + b - c`, `a and b and c`."""

    first: Expr
    rest: tuple[tuple[str, Expr], ...]
    span: Span


@dataclass(frozen=True)
class Prefix:
    """`- a` or `not a`; signs that cancel are already gone."""

    operator: Literal["-", "not"]
    operand: Expr
    span: Span


@dataclass(frozen=True)
class FunctionCall:
    """`min(a, b)`."""

    function: Name
    arguments: tuple[Expr, ...]
    span: Span


Expr: TypeAlias = Number | Name | Channels | TupleOf | Chain | Prefix | FunctionCall


@dataclass(frozen=True)
class Option:
    """`name=value`."""

    name: Name
    value: Expr

    @property
    def span(self) -> Span:
        """From the name to the end of the value."""
        return self.name.span.to(self.value.span)


Argument: TypeAlias = Expr | Option

# --- statements ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class NetworkName:
    """`network NAME`."""

    name: Name
    span: Span


@dataclass(frozen=True)
class Input:
    """`input SHAPE`."""

    shape: Expr
    span: Span


@dataclass(frozen=True)
class Expect:
    """`expect SHAPE`."""

    shape: Expr
    span: Span


@dataclass(frozen=True)
class Param:
    """`param NAME = expr`."""

    name: Name
    value: Expr
    span: Span


@dataclass(frozen=True)
class Let:
    """`let NAME = expr`."""

    name: Name
    value: Expr
    span: Span


@dataclass(frozen=True)
class Default:
    """`default LAYER option…`."""

    layer: Name
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True)
class Init:
    """`init KIND FUNCTION option…`."""

    kind: Name
    function: Name
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True)
class Variant:
    """`variant NAME param=value …`."""

    name: Name
    settings: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True)
class Block:
    """`block NAME(arg, arg=expr, …) { … }`."""

    name: Name
    arguments: tuple[tuple[Name, Expr | None], ...]
    body: Body
    span: Span


@dataclass(frozen=True)
class Apply:
    """A layer or a block by name: `conv 64 k=3 bn`, with its label if it has one."""

    word: Name
    arguments: tuple[Argument, ...]
    span: Span
    label: Name | None = None


@dataclass(frozen=True)
class Group:
    """`NAME: { … }`."""

    label: Name
    body: Body
    span: Span


@dataclass(frozen=True)
class Repeat:
    """`repeat expr as NAME { … }`."""

    count: Expr
    index: Name | None
    body: Body
    span: Span


@dataclass(frozen=True)
class If:
    """`if expr { … } else if expr { … } else { … }`."""

    cases: tuple[tuple[Expr, Body], ...]
    otherwise: Body | None
    span: Span


@dataclass(frozen=True)
class Parallel:
    """`add { a | b }`, and `mul`, `cat`, `split`."""

    join: str
    branches: tuple[Body, ...]
    span: Span
    label: Name | None = None


@dataclass(frozen=True)
class Residual:
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


@dataclass(frozen=True)
class Body:
    """Statements between braces, or a whole file."""

    statements: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True)
class Spec:
    """A whole file: its statements, and the comment block at its top as the description."""

    body: Body
    description: str

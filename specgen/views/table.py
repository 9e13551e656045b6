"""The rows of a summary: the tree of groups, blocks and layers, each with its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from specgen import ir
from specgen.arithmetic import decimal
from specgen.ir import Block, Network, Step
from specgen.shape import Shape
from specgen.views.memory import Memory, Size
from specgen.views.receptive_field import Field, receptive_fields
from specgen.views.text import amount, shown, shown_value


@dataclass(frozen=True)
class Row:
    """A module with its figures, and the rows of the modules in it.

    Attributes:
        path, name: where it is in the module tree; both span several where equal ones are folded.
        kind: `layer`, `group` or `block`.
        layer: what it is: the constructor call, `Sequential`, or the block with its arguments.
        count: how many modules in a row are like it; the figures are those of one.
        outputs: what its layers give, all of it. saved: what it keeps for the backward pass.
    """

    path: str
    name: str
    kind: str
    layer: str
    line: int | None
    input: Shape
    output: Shape
    params: int
    macs: int
    outputs: Size
    saved: Size
    field: Field
    rows: tuple[Row, ...] = ()
    count: int = 1

    @property
    def alike(self) -> tuple[Any, ...]:
        """What has to agree for two rows to be folded into one: all but their names and places."""
        return (
            self.layer,
            self.input,
            self.output,
            self.params,
            self.macs,
            self.count,
            tuple(row.alike for row in self.rows),
        )


def rows(network: Network, memory: Memory) -> tuple[Row, ...]:
    """The rows of a network's own children, with theirs in them."""
    fields = receptive_fields(network)
    return tuple(_row(child, "", memory, fields) for child in ir.members(network.root.steps))


def _row(node: Any, prefix: str, memory: Memory, fields: Mapping[str, Field]) -> Row:
    path = f"{prefix}{node.name}"
    inside: tuple[Row, ...] = ()
    if isinstance(node, Step):
        kind, layer = "layer", shown(node.call)
        params, macs = ir.params(node), ir.macs(node)
    else:
        inside = tuple(_row(child, f"{path}.", memory, fields) for child in ir.members(node.steps))
        kind, layer = ("block", _use(node)) if isinstance(node, Block) else ("group", "Sequential")
        params, macs = sum(row.params for row in inside), sum(row.macs for row in inside)
    return Row(
        path, node.name, kind, layer, node.line, node.input, node.output, params, macs,
        memory.outputs.get(path, Size()), memory.saved.get(path, Size()), fields[path], inside,
    )  # fmt: skip


def _use(block: Block) -> str:
    arguments = ", ".join(f"{name}={shown_value(value)}" for name, value in block.arguments.items())
    return f"{block.block}({arguments})"


def cut(rows: Iterable[Row], depth: int | None) -> tuple[Row, ...]:
    """The rows down to a depth: 1 is the network's own children."""
    if depth is None:
        return tuple(rows)
    return tuple(replace(row, rows=cut(row.rows, depth - 1) if depth > 1 else ()) for row in rows)


def folded(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows with equal ones in a row made one, from the innermost outwards.

    What differs all the same, such as the receptive field, is that of the last.
    """
    runs: list[list[Row]] = []
    for row in (replace(row, rows=folded(row.rows)) for row in rows):
        if runs and runs[-1][-1].alike == row.alike:
            runs[-1].append(row)
        else:
            runs.append([row])
    return tuple(_made_one(run) if len(run) > 1 else run[0] for run in runs)


def _made_one(run: Sequence[Row]) -> Row:
    first, last = run[0], run[-1]
    until = f"–{last.name}"
    return replace(last, path=first.path + until, name=first.name + until, count=len(run))


def flat(rows: Iterable[Row], depth: int = 0) -> Iterator[tuple[int, Row]]:
    """All rows in order, each with its depth from 0."""
    for row in rows:
        yield depth, row
        yield from flat(row.rows, depth + 1)


@dataclass(frozen=True)
class Column:
    """A column: its heading, and what stands in it, as text for people and as plain data.

    `show` and `value` take a row, the batch and the type.
    """

    heading: str
    show: Callable[[Row, int, str], str]
    value: Callable[[Row, int, str], Any]
    right: bool = False


def _count(read: Callable[[Row], int]) -> dict[str, Any]:
    return {
        "show": lambda row, batch, dtype: f"{read(row):,}" if read(row) else "",
        "value": lambda row, batch, dtype: read(row),
        "right": True,
    }


def _memory(read: Callable[[Row], Size]) -> dict[str, Any]:
    def size(row: Row, batch: int, dtype: str) -> int:
        return read(row).of(batch, dtype)

    return {
        "show": lambda row, batch, dtype: amount(size(row, batch, dtype)) if size(row, batch, dtype) else "",
        "value": size,
        "right": True,
    }


def _text(read: Callable[[Row], Any]) -> dict[str, Any]:
    return {
        "show": lambda row, batch, dtype: str(read(row) if read(row) is not None else ""),
        "value": lambda row, batch, dtype: read(row),
    }


def _shape(read: Callable[[Row], Shape]) -> dict[str, Any]:
    return {
        "show": lambda row, batch, dtype: str(read(row)),
        "value": lambda row, batch, dtype: [int(size) for size in read(row).sizes],
    }


def _field(row: Row) -> str:
    sizes = row.field.sizes
    return "all" if sizes is None else _per_axis([str(size) for size in sizes])


def _jump(row: Row) -> str:
    return "" if row.field.jump is None else _per_axis([decimal_of(step) for step in row.field.jump])


def _per_axis(numbers: Sequence[str]) -> str:
    return numbers[0] if len(set(numbers)) == 1 else " × ".join(numbers)


def decimal_of(number: Fraction) -> str:
    """A fraction as people write it: `32`, `0.5`, `2.29`."""
    return str(number.numerator) if number.denominator == 1 else decimal(round(float(number), 2))


#: The columns by the name that asks for them.
COLUMNS: dict[str, Column] = {
    "name": Column("name", **_text(lambda row: row.path)),
    "layer": Column("layer", **_text(lambda row: row.layer)),
    "input": Column("input", **_shape(lambda row: row.input)),
    "output": Column("output", **_shape(lambda row: row.output)),
    "params": Column("parameters", **_count(lambda row: row.params)),
    "macs": Column("multiply-adds", **_count(lambda row: row.macs)),
    "activations": Column("activations", **_memory(lambda row: row.outputs)),
    "saved": Column("saved", **_memory(lambda row: row.saved)),
    "field": Column(
        "field",
        lambda row, batch, dtype: _field(row),
        lambda row, batch, dtype: None if row.field.sizes is None else list(row.field.sizes),
        right=True,
    ),
    "jump": Column(
        "jump",
        lambda row, batch, dtype: _jump(row),
        lambda row, batch, dtype: None if row.field.jump is None else [float(j) for j in row.field.jump],
        right=True,
    ),
    "line": Column("line", **_text(lambda row: row.line), right=True),
}

#: Those that are shown unless others are asked for.
SHOWN = ("name", "layer", "output", "params", "macs", "activations", "field", "jump")


def tree_name(depth: int, row: Row, brief: bool = False) -> str:
    """A row's path as it stands in the tree: indented, and with how many are like it.

    In a `brief` one the names of the modules around are left out.
    """
    return f"{'  ' * depth}{row.name if brief else row.path}{f' × {row.count}' if row.count > 1 else ''}"


def text_of(value: Any) -> str:
    """A column's plain value in a file of comma-separated values: sizes as a spec writes them."""
    if value is None:
        return ""
    if isinstance(value, list):
        numbers = [decimal_of(Fraction(one).limit_denominator(10**6)) for one in value]
        return "x".join(numbers)
    return str(value)

"""A network at a glance: its tree with the figures of every module, and what it costs in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from types import NoneType

from specgen.diagnostics import nearest
from specgen.given import need
from specgen.ir import Network
from specgen.shape import LARGEST_TOTAL
from specgen.views import table
from specgen.views.memory import DTYPES, OPTIMIZERS, Memory, Optimizer, memory
from specgen.views.table import COLUMNS, SHOWN, Row
from specgen.views.text import MACS, amount, as_bytes, columns, short

#: What the memory counts, said wherever it is shown.
_LEFT_OUT = "without workspace such as cuDNN's, and without what the allocator wastes"
MEMORY = f"saved: what PyTorch keeps for the backward pass; {_LEFT_OUT}"
AT_ONCE = f"at once: the most that are needed at a time; {_LEFT_OUT}"


@dataclass(frozen=True)
class Options:
    """What a summary is asked for.

    Attributes:
        depth: how deep the tree goes: 1 is the network's own children, `None` everything.
        columns: the columns by name, in order.
        batch, dtype, optimizer: what the memory is worked out for.
        fits: bytes for which the largest batch is worked out.
    """

    depth: int | None = None
    columns: tuple[str, ...] = SHOWN
    batch: int = 1
    dtype: str = "float32"
    optimizer: Optimizer = "adam"
    fits: int | None = None


def options(
    depth: int | None = None,
    columns: str | Iterable[str] | None = None,
    batch: int = 1,
    dtype: str = "float32",
    optimizer: str = "adam",
    fits: str | int | None = None,
) -> Options:
    """The options as values; raises `ValueError`, or `TypeError`, for what cannot be, with what can."""
    need("depth", depth, (int, NoneType), "an `int`")
    need("batch", batch, int, "an `int`")
    need("dtype", dtype, str, "the name of a type")
    need("optimizer", optimizer, str, "the name of an optimizer")
    need("fits", fits, (str, int, NoneType), "an amount of memory such as '24GiB', or an `int`")
    if depth is not None and depth < 1:
        raise ValueError(f"the depth is 1 or more, not {depth}")
    if not 1 <= batch <= _LARGEST_BATCH:
        raise ValueError(f"the batch is a whole number from 1 to {_LARGEST_BATCH}, not {batch}")
    if isinstance(fits, int) and not 1 <= fits < LARGEST_TOTAL:
        raise ValueError("the amount of memory is from 1 to 2^63 bytes")
    return Options(
        depth,
        SHOWN if columns is None else _names(columns),
        batch,
        _one_of(dtype, DTYPES, "type"),
        next(name for name in OPTIMIZERS if name == _one_of(optimizer, OPTIMIZERS, "optimizer")),
        as_bytes(fits) if isinstance(fits, str) else fits,
    )


_LARGEST_BATCH = 2**31 - 1


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    need("columns", given, Iterable, "a list of names")
    words = given.split(",") if isinstance(given, str) else list(given)
    for word in words:
        need("columns", word, str, "a list of names")
    names = tuple(_one_of(word.strip(), COLUMNS, "column") for word in words if word.strip())
    if not names:
        raise ValueError(f"no column is asked for; there are {', '.join(COLUMNS)}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the column {twice!r} is asked for twice")
    return names


def _one_of(word: str, known: Iterable[str], what: str) -> str:
    known = list(known)
    if word in known:
        return word
    near = nearest(word, known)
    hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
    raise ValueError(f"there is no {what} {word!r}; {hint}")


@dataclass(frozen=True)
class Summary:
    """A network with its rows and its memory, for some options."""

    network: Network
    options: Options

    @cached_property
    def memory(self) -> Memory:
        """The network's memory."""
        return memory(self.network)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The tree of modules, as deep as asked, equal ones not folded."""
        return table.cut(table.rows(self.network, self.memory), self.options.depth)

    @cached_property
    def folded(self) -> tuple[tuple[int, Row], ...]:
        """The rows as people see them, equal ones in a row made one, each with its depth."""
        return tuple(table.flat(table.folded(self.rows)))

    def column(self, name: str, brief: bool = False) -> list[str]:
        """The text of a column, row by row; `brief` leaves out what the tree says anyway."""
        if name == "name":
            return [table.tree_name(depth, row, brief) for depth, row in self.folded]
        show, batch, dtype = COLUMNS[name].show, self.options.batch, self.options.dtype
        return [show(row, batch, dtype) for _, row in self.folded]

    def cells(self) -> list[tuple[str, ...]]:
        """The text of the columns that are asked for, row by row."""
        return list(zip(*map(self.column, self.options.columns), strict=True))

    def headings(self) -> list[str]:
        """The headings of the columns that are asked for."""
        return [COLUMNS[name].heading for name in self.options.columns]

    def totals(self) -> list[str]:
        """The network in a few lines: shapes, parameters, multiply-adds, memory."""
        network, memory, asked = self.network, self.memory, self.options
        lines = [
            f"{network.name}: {network.input_shape} → {network.output_shape}",
            f"parameters: {network.params:,}",
            f"multiply-adds: {network.macs:,} ({f'{short(network.macs)}; ' * (network.macs >= 1000)}{MACS})",
            f"memory for batch {asked.batch:,} in {asked.dtype}:",
            *self._memory(),
        ]
        if asked.fits is not None:
            training, inference = (
                memory.largest_batch(asked.fits, asked.dtype, optimizer)
                for optimizer in (asked.optimizer, None)
            )
            lines += [
                f"largest batch in {amount(asked.fits)}: "
                f"{_batch(training)} for training with {asked.optimizer}, {_batch(inference)} for inference"
            ]
        return lines

    def _memory(self) -> list[str]:
        memory, asked = self.memory, self.options
        weights = memory.weight_bytes(asked.dtype)
        gradients, state = memory.training_overhead(asked.dtype, asked.optimizer)
        inference = memory.inference(asked.batch, asked.dtype)
        training = memory.training(asked.batch, asked.dtype, asked.optimizer)
        passing = memory.passing(asked.batch, asked.dtype)
        kept = passing == memory.kept.of(asked.batch, asked.dtype)
        return [
            f"  inference: {amount(inference)} = {amount(weights)} weights "
            f"+ {amount(inference - weights)} activations at once",
            f"  training with {asked.optimizer}: {amount(training)} = {amount(weights)} weights "
            f"+ {amount(gradients)} gradients + {amount(state)} optimizer "
            f"+ {amount(passing)} {'saved' if kept else 'activations at once'}",
        ]

    def remarks(self) -> list[str]:
        """What the figures count, and what is left out of them."""
        if "saved" in self.options.columns or any(" saved" in line for line in self._memory()):
            remarks = [MEMORY]
        else:
            remarks = [AT_ONCE]
        if any(row.count > 1 for _, row in self.folded):
            remarks.append("× n: so many alike in a row, with the figures of one")
        return remarks


def _batch(size: int) -> str:
    return f"{size:,}" if size else "none"


def plain(summary: Summary) -> str:
    """The summary in plain text, as wide as it needs to be."""
    names = summary.options.columns
    right = [index for index, name in enumerate(names) if COLUMNS[name].right]
    drawn = columns(summary.headings(), summary.cells(), right)
    return "\n".join([drawn, "", *summary.totals(), *summary.remarks()])

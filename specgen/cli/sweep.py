"""`specgen sweep`: one spec over a grid of values, a row each."""

from __future__ import annotations

import csv
import gc
import io
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from math import prod
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from specgen.cli.arguments import no_keywords, or_stdin, spec_argument
from specgen.cli.console import OK, WRONG, Stop, as_json, drawn, exit_code, say, while_it_is_read
from specgen.source import printable

if TYPE_CHECKING:
    from specgen.grid import SweepResult

#: Wrong corners that are told one by one; of further ones there is a count.
_MOST_TOLD = 20


@click.command()
@spec_argument
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUES", help="32,64,128 or 1..4 or 16..64..16.")
@click.option("--variant", metavar="NAMES", help="Variants of the spec, with commas between.")
@click.option("--input", "shape", metavar="SHAPES", help="Inputs, e.g. 3x32x32,3x64x64.")
@click.option("--where", metavar="CONDITION", help="Show only these, e.g. 'params < 5e6 and macs < 600e6'.")
@click.option("--batch", type=int, default=1, metavar="N", help="Samples at once, for the memory.")
@click.option("--dtype", default="float32", metavar="NAME", help="float32, bfloat16, …, for the memory.")
@click.option("--optimizer", default="adam", metavar="NAME", help="sgd, sgd-momentum, adam or adamw.")
@click.option("--most", type=click.IntRange(1), metavar="N", help="Allow so many corners.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print a JSON object a line, wrong corners too.")
def sweep(
    spec: str | None, pairs: Sequence[str], variant: str | None, shape: str | None, where: str | None,
    batch: int, dtype: str, optimizer: str, most: int | None, as_csv: bool, as_jsonl: bool,
) -> int:  # fmt: skip
    """Compare sizes over a grid of params, variants and inputs. Imports no torch.

    Rows come as they are worked out, in the grid's order: the last name varies fastest. Corners that are
    wrong are told on standard error and skipped; the exit code is 1 if all are.
    """
    from specgen import grid
    from specgen.diagnostics import SpecError

    if as_csv and as_jsonl:
        raise click.UsageError("--csv and --jsonl exclude each other")
    form = "csv" if as_csv else "jsonl" if as_jsonl else None
    gc.enable()
    try:
        values = _grid(pairs, variant, shape)
        progress = _Progress(prod(map(len, values.values())))
        results = grid.sweep(
            or_stdin(spec), values, where=where, batch=batch, dtype=dtype, optimizer=optimizer,
            most=most or grid.MOST_CORNERS, progress=progress.show,
        )  # fmt: skip
        return _print_rows(results, values, form, progress)
    except SpecError as error:
        raise Stop(exit_code(error.diagnostics), drawn(error.diagnostics)) from None
    except ValueError as error:
        raise click.UsageError(f"{error}{_MORE if 'corners' in str(error) else ''}") from None


_MORE = "; allow more with --most"


def _grid(pairs: Sequence[str], variant: str | None, shape: str | None) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    if variant is not None:
        values["variant"] = [name.strip() for name in variant.split(",") if name.strip()]
    if shape is not None:
        values["input"] = [text.strip() for text in _pieces(shape)]
    for pair in pairs:
        name, sign, text = pair.partition("=")
        name = name.strip()
        if not sign or not name.isidentifier() or not text.strip():
            raise click.BadParameter(f"{pair!r} is not NAME=VALUES", param_hint="--set")
        if name in values:
            raise click.BadParameter(f"{name} is set twice", param_hint="--set")
        values[name] = list(dict.fromkeys(value for piece in _pieces(text) for value in _values(name, piece)))
    no_keywords({name: None for name in values if name not in ("variant", "input")})
    for name, several in values.items():
        if not several:
            raise click.UsageError(f"`{name}` has no values: write them with commas between")
    if not values:
        raise click.UsageError("name something to sweep: --set width=32,64 or --variant or --input")
    return values


def _pieces(text: str) -> list[str]:
    """The values between the commas that stand in no parentheses."""
    return [piece for piece in re.findall(r"(?:[^,(]+|\([^)]*\)?)+", text) if piece.strip()]


_RANGE = re.compile(r"\s*(-?[0-9]{1,18})\s*\.\.\s*(-?[0-9]{1,18})\s*(?:\.\.\s*(-?[0-9]{1,18})\s*)?")
_LONGEST_RANGE = 1_000_000


def _values(name: str, piece: str) -> Sequence[Any]:
    """One value, or those of a range `1..4` or `16..64..16`."""
    from specgen.compiler import as_value

    if ".." not in piece:
        return [as_value(piece)]
    found = _RANGE.fullmatch(piece)
    if found is None:
        raise click.BadParameter(
            f"{name}={piece.strip()} is no range: write 1..4, or 16..64..16 with a step", param_hint="--set"
        )
    first, last, step = int(found[1]), int(found[2]), int(found[3] or 1)
    if step < 1 or last < first:
        raise click.BadParameter(f"{name}={piece.strip()} has no values", param_hint="--set")
    if (last - first) // step >= _LONGEST_RANGE:
        raise click.BadParameter(f"{name}={piece.strip()} has too many values", param_hint="--set")
    return range(first, last + 1, step)


# --- rows ----------------------------------------------------------------------------------------


def _print_rows(
    results: Iterable[SweepResult], values: Mapping[str, Sequence[Any]], form: str | None, progress: _Progress
) -> int:
    heading, draw, left_out = _drawer(form, values)
    wrong = shown = right = 0
    is_read = not heading or _print_row(heading)
    for result in results:
        progress.clear()
        right += result.error is None
        if right and not is_read:
            return OK
        if result.error is not None:
            wrong += 1
            if wrong <= _MOST_TOLD:
                say(f"skipped {_corner(result)}: {result.error}")
        line = draw(result)
        if line:
            shown += 1
            is_read = is_read and _print_row(line)
    progress.clear()
    if wrong > _MOST_TOLD:
        say(f"skipped {wrong - _MOST_TOLD:,} more")
    if wrong == progress.count:
        return WRONG
    if shown == (wrong if form == "jsonl" else 0):
        say("the condition holds nowhere")
    elif left_out:
        say(f"left out for want of room: {', '.join(left_out)}")
    return OK


def _print_row(line: str) -> bool:
    """Print a line; whether somebody reads it."""
    with while_it_is_read():
        print(line, flush=True)
        return True
    return False


def _corner(result: SweepResult) -> str:
    return " ".join(f"{name}={printable(_text(value))}" for name, value in result.settings.items())


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))})"
    return str(value)


def _drawer(
    form: str | None, values: Mapping[str, Sequence[Any]]
) -> tuple[str, Callable[[SweepResult], str], list[str]]:
    """The heading, what makes a line of a result, and the columns without room."""
    if form == "jsonl":
        return "", _json_line, []
    if form == "csv":
        from specgen.grid import FIGURES

        columns = ("output", *FIGURES)
        if taken := [name for name in values if name in columns]:
            raise click.UsageError(f"`{taken[0]}` is a column of CSV: --jsonl tells it from a param")
        return _csv_line([*values, *columns]), lambda result: "" if result.error else _csv_row(result), []
    swept = {name: max(len(name), *map(len, map(_text, several))) for name, several in values.items()}
    kept = _fitting(sum(swept.values()) + _GAP * len(swept))
    widths = [*swept.values(), *(_COLUMNS[name][1] for name in kept)]

    def line(cells: Sequence[str]) -> str:
        return (" " * _GAP).join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))

    left_out = [heading for name, (heading, _) in _COLUMNS.items() if name not in kept]
    heading = line([*swept, *(_COLUMNS[name][0] for name in kept)])
    return heading, lambda result: "" if result.error else line(_row(result, kept)), left_out


#: The figures in a table: heading and width, as rows come before the widest one is known.
_COLUMNS = {
    "output": ("output", 16),
    "params": ("parameters", 13),
    "macs": ("multiply-adds", 17),
    "inference": ("inference", 10),
    "training": ("training", 10),
}
_LEFT_OUT_FIRST = ("inference", "training", "output", "macs")
_GAP = 2


def _fitting(taken: int) -> list[str]:
    """The figures that a line has room for: on a terminal its width, and elsewhere all."""
    kept = list(_COLUMNS)
    room = shutil.get_terminal_size().columns - taken if sys.stdout.isatty() else None
    for name in _LEFT_OUT_FIRST:
        if room is not None and sum(_COLUMNS[one][1] + _GAP for one in kept) - _GAP > room:
            kept.remove(name)
    return kept


def _row(result: SweepResult, figures: Sequence[str]) -> list[str]:
    """The values and figures of a line for people."""
    from specgen.views.text import amount

    texts = {
        "output": " × ".join(map(str, result.output)),
        "params": f"{result.params:,}",
        "macs": f"{result.macs:,}",
        "inference": amount(result.inference),
        "training": amount(result.training),
    }
    return [*map(_text, result.settings.values()), *(texts[name] for name in figures)]


def _csv_row(result: SweepResult) -> str:
    from specgen.grid import FIGURES

    figures = [str(getattr(result, name)) for name in FIGURES]
    return _csv_line([*map(_text, result.settings.values()), "x".join(map(str, result.output)), *figures])


def _csv_line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def _json_line(result: SweepResult) -> str:
    from specgen.grid import FIGURES

    found: dict[str, Any] = {"settings": dict(result.settings)}
    if result.error is None:
        found["output"] = list(result.output)
        found |= {name: getattr(result, name) for name in FIGURES}
    else:
        found["error"] = asdict(result.error)
    return as_json(found)


class _Progress:
    """How far it is, on a terminal alone: a line on standard error that everything else pushes aside."""

    #: Seconds between two looks at it: it is drawn for people.
    _PAUSE = 0.1

    def __init__(self, count: int) -> None:
        self.count = count
        self._wanted = sys.stderr is not None and sys.stderr.isatty()
        self._drawn = False
        self._last = monotonic()

    def show(self, done: int) -> None:
        """Draw it, unless that was done just now."""
        if not self._wanted or monotonic() - self._last < self._PAUSE:
            return
        filled = 30 * done // max(self.count, 1)
        bar = "#" * filled + "-" * (30 - filled)
        sys.stderr.write(f"\r[{bar}] {done:,} of {self.count:,}\x1b[K")
        sys.stderr.flush()
        self._drawn, self._last = True, monotonic()

    def clear(self) -> None:
        """Take it away, so that something else can be printed."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False

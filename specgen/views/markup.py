"""A summary for other programs and pages: Markdown, HTML, comma-separated values, plain data."""

from __future__ import annotations

import csv
import io
from html import escape
from typing import Any

from specgen.ir import Network
from specgen.views import table
from specgen.views.summary import MEMORY, Options, Summary
from specgen.views.table import COLUMNS, Row, text_of
from specgen.views.text import MACS

#: The most rows that a notebook shows; of larger networks, the outer part.
_MOST_ROWS = 60


def markdown(summary: Summary) -> str:
    """The table and the totals in Markdown."""
    names = summary.options.columns
    rule = ["---:" if COLUMNS[name].right else "---" for name in names]
    rows = [summary.headings(), rule, *map(list, summary.cells())]
    lines = [f"| {' | '.join(map(_markdown_cell, row))} |" for row in rows]
    first, *rest = [*summary.totals(), *summary.remarks()]
    items = [f"{'  ' if line.startswith(' ') else ''}- {line.strip()}" for line in rest]
    return "\n".join([*lines, "", f"**{first}**", "", *items])


def _markdown_cell(text: str) -> str:
    """A cell; the indent of a tree is kept by spaces that a renderer does not drop."""
    inner = text.lstrip(" ")
    for sign in ("\\", "|", "*", "_", "<", "`"):
        inner = inner.replace(sign, f"\\{sign}")
    return "\N{NO-BREAK SPACE}" * (len(text) - len(text.lstrip(" "))) + inner


def notebook(network: Network) -> str:
    """The HTML that a notebook shows for a network: as deep as there is room for."""
    depth = 1 + max((depth for depth, _ in Summary(network, Options()).folded), default=0)
    while depth > 1 and len(Summary(network, Options(depth=depth)).folded) > _MOST_ROWS:
        depth -= 1
    return html(Summary(network, Options(depth=depth)))


def html(summary: Summary) -> str:
    """The table and the totals in HTML: no script, no style sheet, nothing from elsewhere."""
    names = summary.options.columns
    aligned = ["right" if COLUMNS[name].right else "left" for name in names]

    def row(tag: str, cells: Any) -> str:
        drawn = (_html_cell(tag, text, align) for text, align in zip(cells, aligned, strict=True))
        return f"<tr>{''.join(drawn)}</tr>"

    shown = summary.cells()[: 2 * _MOST_ROWS]
    body = "".join(row("td", cells) for cells in shown)
    left = len(summary.folded) - len(shown)
    more = f"<div>… and {left:,} more rows</div>" if left else ""
    totals = "".join(f"<div>{_spaced(line)}</div>" for line in (*summary.totals(), *summary.remarks()))
    head = row("th", summary.headings())
    return f"<div><table><thead>{head}</thead><tbody>{body}</tbody></table>{more}{totals}</div>"


def _html_cell(tag: str, text: str, align: str) -> str:
    return f'<{tag} style="text-align: {align}; white-space: nowrap">{_spaced(text)}</{tag}>'


def _spaced(text: str) -> str:
    """Text as HTML, its indent kept."""
    return "&nbsp;" * 2 * ((len(text) - len(text.lstrip(" "))) // 2) + escape(text.lstrip(" "))


def comma_separated(summary: Summary) -> str:
    """The rows as CSV, equal ones not folded: a column each, its name as `--columns` takes it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = summary.options.columns
    writer.writerow(names)
    for _, row in table.flat(summary.rows):
        writer.writerow([_csv_cell(summary, name, row) for name in names])
    return out.getvalue().rstrip("\n")


def _csv_cell(summary: Summary, name: str, row: Row) -> str:
    column, batch, dtype = COLUMNS[name], summary.options.batch, summary.options.dtype
    value = column.value(row, batch, dtype)
    return column.show(row, batch, dtype) if value is None else text_of(value)


def plain_data(summary: Summary) -> dict[str, Any]:
    """The summary as plain data, for JSON: all figures, in bytes, equal rows not folded."""
    network, memory, asked = summary.network, summary.memory, summary.options
    gradients, state = memory.training_overhead(asked.dtype, asked.optimizer)
    found: dict[str, Any] = {
        "name": network.name,
        "input": list(map(int, network.input_shape.sizes)),
        "output": list(map(int, network.output_shape.sizes)),
        "settings": network.settings,
        "params": network.params,
        "macs": network.macs,
        "memory": {
            "batch": asked.batch,
            "dtype": asked.dtype,
            "optimizer": asked.optimizer,
            "weights": memory.weight_bytes(asked.dtype),
            "gradients": gradients,
            "optimizer_state": state,
            "saved": memory.kept.of(asked.batch, asked.dtype),
            "live": memory.live.of(asked.batch, asked.dtype),
            "outputs": memory.outputs[""].of(asked.batch, asked.dtype),
            "inference": memory.inference(asked.batch, asked.dtype),
            "training": memory.training(asked.batch, asked.dtype, asked.optimizer),
        },
        "definitions": {"macs": MACS, "memory": MEMORY},
    }
    if asked.fits is not None:
        found["fits"] = {
            "bytes": asked.fits,
            "training": memory.largest_batch(asked.fits, asked.dtype, asked.optimizer),
            "inference": memory.largest_batch(asked.fits, asked.dtype, None),
        }
    found["rows"] = [
        {
            "depth": depth + 1,
            "kind": row.kind,
            **{name: COLUMNS[name].value(row, asked.batch, asked.dtype) for name in asked.columns},
        }
        for depth, row in table.flat(summary.rows)
    ]
    return found

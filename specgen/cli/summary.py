"""`specgen summary`: the tree of a network, with figures and totals."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from specgen.cli.arguments import network_of, or_stdin, spec_argument, spec_options
from specgen.cli.console import print_json

if TYPE_CHECKING:
    from specgen.views.summary import Summary
    from specgen.views.terminal import Drawn


@click.command()
@spec_argument
@spec_options
@click.option("--depth", type=click.IntRange(1), metavar="N", help="How deep the tree goes.")
@click.option("--columns", metavar="NAMES", help="Which columns, e.g. name,output,params,saved.")
@click.option("--batch", type=int, default=1, metavar="N", help="Samples at once, for the memory.")
@click.option("--dtype", default="float32", metavar="NAME", help="float32, bfloat16, …, for the memory.")
@click.option("--optimizer", default="adam", metavar="NAME", help="sgd, sgd-momentum, adam or adamw.")
@click.option("--fits", metavar="SIZE", help="Say the largest batch that fits, e.g. into 24GiB.")
@click.option("--csv", "form", flag_value="csv", help="Print comma-separated values.")
@click.option("--markdown", "form", flag_value="markdown", help="Print Markdown.")
def summary(
    spec: str | None, pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool,
    depth: int | None, columns: str | None, batch: int, dtype: str, optimizer: str, fits: str | None,
    form: str | None,
) -> None:  # fmt: skip
    """Show the network as a tree, with shapes, parameters, multiply-adds, memory and receptive fields.

    Columns: name, layer, input, output, params, macs, activations, saved, field, jump, line. Imports no
    torch.
    """
    from specgen.views import summary as view

    if as_json and form:
        raise click.UsageError(f"give either --json or --{form}")
    try:
        asked = view.options(depth, columns, batch, dtype, optimizer, fits)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    network = network_of(or_stdin(spec), pairs, shape, variant, as_json)
    print_summary(view.Summary(network, asked), "json" if as_json else form)


def print_summary(summary: Summary, form: str | None = None) -> None:
    """Print a summary in one of the forms; without one, as wide as the terminal, and in a pipe in full."""
    from specgen.views import markup
    from specgen.views.summary import plain

    if form == "json":
        print_json(markup.plain_data(summary))
    elif form == "csv":
        print(markup.comma_separated(summary))
    elif form == "markdown":
        print(markup.markdown(summary))
    elif sys.stdout.isatty():
        from specgen.views.terminal import draw

        _print_styled(draw(summary, shutil.get_terminal_size().columns))
    else:
        print(plain(summary))


def _print_styled(drawn: Drawn) -> None:
    """On a terminal: with rich, where it is installed, headings and groups stand out."""
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        print(drawn.text)
        return
    lines = [(drawn.heading, "bold")]
    lines += [(row, "bold" if group else "") for row, group in zip(drawn.rows, drawn.groups, strict=True)]
    lines += [("", ""), (drawn.totals[0], "bold"), *((line, "") for line in drawn.totals[1:])]
    lines += [(line, "dim") for line in drawn.remarks]
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text("\n").join(Text(line, style) for line, style in lines))

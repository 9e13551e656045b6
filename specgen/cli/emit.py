"""`specgen emit`: write the network as a Python module."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial

import click

from specgen.cli.arguments import (
    network_of,
    or_stdin,
    refuse_overwriting,
    refuse_unwritable,
    refused,
    spec_argument,
    spec_options,
)
from specgen.cli.console import WRONG, Stop, cannot, print_json, while_it_is_read
from specgen.source import ReadError, is_there, printable, read_bytes, reason, write_text


@click.command()
@spec_argument
@spec_options
@click.option("--out", metavar="FILE", default="-", help="Where to write the module; - is standard output.")
@click.option("--check", is_flag=True, help="Write nothing; fail with a diff if FILE is not up to date.")
@click.option(
    "--optimize",
    type=click.Choice(("inference",)),
    help="Fold batch norms and leave out dropout; `fold_weights` in the file folds trained weights.",
)
def emit(
    spec: str | None,
    pairs: Sequence[str],
    shape: str | None,
    variant: str | None,
    as_json: bool,
    out: str,
    check: bool,
    optimize: str | None,
) -> None:
    """Emit the network as one Python module that needs nothing but torch."""
    spec = or_stdin(spec)
    if check and out == "-":
        raise click.UsageError("--check needs the file to check: --out FILE")
    if out != "-":
        refuse_overwriting("--out", out, "the spec", spec)
    if out != "-" and not check:
        refuse_unwritable(out)
    from specgen.diagnostics import SpecError

    network = network_of(spec, pairs, shape, variant, as_json)
    try:
        text = network.emit(optimize=optimize)
    except SpecError as error:
        raise refused(error, as_json, WRONG) from None
    if check:
        other_form = partial(network.emit, optimize=None if optimize else "inference")
        _check_file(out, text, other_form, optimized=bool(optimize))
        return
    if out != "-":
        try:
            write_text(out, text)
        except OSError as error:
            raise cannot("write", out, reason(error)) from None
    if as_json:
        print_json({"name": network.name, "source": text})
    elif out == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())


def _check_file(path: str, text: str, other_form: Callable[[], str], *, optimized: bool) -> None:
    """Stop unless a file holds the text; the difference is printed, or that it is the `other_form`."""
    from difflib import unified_diff

    if not is_there(path):
        raise Stop(WRONG, f"`{printable(path)}` does not exist; `specgen emit … --out` writes it")
    try:
        found = read_bytes(path, 16 * 1024 * 1024)
    except ReadError as error:
        raise cannot("read", path, str(error)) from None
    if found == text.encode():
        return
    if found == other_form().encode():
        way = "without" if optimized else "with"
        raise Stop(WRONG, f"`{printable(path)}` is what the spec gives {way} `--optimize inference`")
    old, new = found.decode("utf-8", "backslashreplace").splitlines(), text.splitlines()
    with while_it_is_read():
        for line in unified_diff(old, new, printable(path), "what the spec gives", lineterm=""):
            print(printable(line))
        sys.stdout.flush()
    raise Stop(WRONG, f"`{printable(path)}` is not what the spec gives")

"""`specgen fmt`: specs in their canonical form."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from specgen.cli.arguments import not_read, specs_in
from specgen.cli.console import OK, WRONG, Stop, cannot, drawn, exit_code, say, while_it_is_read
from specgen.source import ReadError, Source, decode, printable, read_bytes, reason, write_bytes


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE…]", shell_complete=_complete)
@click.option("--check", is_flag=True, help="Write nothing; list the files that would change, and fail.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
def fmt(files: Sequence[str], check: bool, diff: bool) -> int:
    """Write specs in their canonical form; they mean the same as before.

    FILE is a spec, a folder for all *.spec in it, or - for standard input, which goes to standard
    output. A file with a syntax error is left as it is.
    """
    if not files and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("name the files to format, or - for standard input")
    if "-" in files and len(files) > 1:
        raise click.UsageError("standard input (-) is formatted alone")
    worst, changed, kept = OK, 0, 0
    missed: list[OSError] = []
    for path in specs_in(files or ("-",), missed):
        try:
            found, formatted = _formatted(path)
            with while_it_is_read():
                _show(path, found, formatted, check, diff)
        except Stop as failure:
            say(failure.message)
            worst = max(worst, failure.code)
            continue
        if found == formatted:
            kept += 1
        else:
            changed += 1
    worst = max(worst, not_read(missed))
    if files != ("-",) and files:
        _summary(changed, kept, "would change" if check or diff else "formatted")
    return max(worst, WRONG) if check and changed else worst


def _formatted(path: str) -> tuple[bytes, bytes]:
    """What a file holds, and what it should."""
    from specgen.diagnostics import SpecError
    from specgen.formatting import format_source
    from specgen.limits import DEFAULT_LIMITS

    try:
        found = read_bytes(path, DEFAULT_LIMITS.source)
        source = Source(decode(found, DEFAULT_LIMITS.source), "<stdin>" if path == "-" else path)
    except ReadError as error:
        raise cannot("read", path, str(error)) from None
    try:
        return found, format_source(source).encode()
    except SpecError as error:
        raise Stop(exit_code(error.diagnostics), drawn(error.diagnostics)) from None


def _show(path: str, found: bytes, formatted: bytes, check: bool, diff: bool) -> None:
    """Write a file or say what would change in it."""
    changes = found != formatted
    if diff and changes:
        _print_diff(path, found, formatted)
    elif check and changes:
        print(f"would change: {_name(path)}")
    elif path == "-" and not check and not diff:
        sys.stdout.flush()
        sys.stdout.buffer.write(formatted)
    elif changes and not check:
        _write(path, formatted)


def _name(path: str) -> str:
    return "<stdin>" if path == "-" else printable(path)


def _write(path: str, formatted: bytes) -> None:
    try:
        write_bytes(path, formatted)
    except OSError as error:
        raise cannot("write", path, reason(error)) from None
    print(f"formatted: {printable(path)}")


def _print_diff(path: str, found: bytes, formatted: bytes) -> None:
    """A unified diff. Line ends and a byte-order mark are shown: they may be all that changes."""
    from difflib import unified_diff

    name = _name(path)
    old, new = _diff_lines(found), _diff_lines(formatted)
    for line in unified_diff(old, new, name, f"{name}, formatted", lineterm=""):
        for piece in line.split("\n"):
            print("".join(char if char == "\t" else printable(char) for char in piece))


def _diff_lines(data: bytes) -> list[str]:
    """The lines of a file; a last one that does not end says so, as `diff` has it."""
    *lines, last = data.decode().split("\n")
    return [*lines, *([f"{last}\n\\ No newline at end of file"] if last else [])]


def _summary(changed: int, kept: int, verb: str) -> None:
    """How many files there were of each kind, on standard error."""
    counts = [f"{changed} {verb}"] * (changed > 0) + [
        f"{kept} fine as {'it is' if kept == 1 else 'they are'}"
    ] * (kept > 0)
    if counts:
        say(", ".join(counts))

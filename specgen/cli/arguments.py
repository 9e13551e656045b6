"""What every command that reads a spec takes, and how it comes by its network."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from specgen.cli.console import OK, USAGE, Stop, cannot, drawn, exit_code, print_json, say
from specgen.source import printable, reason

if TYPE_CHECKING:
    from specgen.diagnostics import DiagnosedError
    from specgen.ir import Network


def complete_spec(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    from specgen import shipped

    names = [CompletionItem(name) for name in shipped.names() if name.startswith(incomplete)]
    return [*names, CompletionItem(incomplete, type="file")]


def specs_in(paths: Sequence[str], missed: list[OSError]) -> Iterator[str]:
    """The specs that are meant, each once; of a folder, those in it, hidden folders left out.

    What is said of folders that cannot be read goes into `missed`, for `not_read`.
    """
    seen = set()
    for path in paths:
        before = len(missed)
        if path == "-" or not os.path.isdir(path):
            found = [path]
        else:
            found = sorted(
                os.path.join(folder, name)
                for folder, folders, names in os.walk(path, onerror=missed.append)
                if _visible(folders)
                for name in names
                if name.endswith(".spec") and os.path.isfile(os.path.join(folder, name))
            )
            if not found and len(missed) == before:
                say(f"no spec in {printable(path)}")
        for one in found:
            place = _place(one)
            if place not in seen:
                seen.add(place)
                yield one


def not_read(missed: Sequence[OSError]) -> int:
    """Say which folders could not be read; the exit code."""
    for error in missed:
        say(cannot("read", str(error.filename), reason(error)).message)
    return USAGE if missed else OK


def _place(path: str) -> str:
    """A file's own path, whatever name it is asked for by."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # there is no such folder, or no such name
        return path


def _visible(folders: list[str]) -> bool:
    """Keep `os.walk` out of hidden folders."""
    folders[:] = [folder for folder in folders if not folder.startswith(".")]
    return True


def settings_of(pairs: Sequence[str]) -> dict[str, Any]:
    """`--set NAME=VALUE …` as values; a name given twice is an error."""
    from specgen.compiler import as_value

    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        name = name.strip()
        if not sign or not name.isidentifier() or not value.strip():
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--set")
        if name in found:
            raise click.BadParameter(f"{name} is set twice", param_hint="--set")
        found[name] = as_value(value)
    return found


def spec_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every command that reads a spec takes."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--variant", metavar="NAME", help="Take one of the spec's variants."),
        click.option("--input", "shape", metavar="SHAPE", help="Replace the spec's input, e.g. 3x32x32."),
        click.option(
            "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="Set one of the spec's params."
        ),
    ):
        command = option(command)
    return command


def spec_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("spec", required=False, shell_complete=complete_spec)(command)


def or_stdin(spec: str | None) -> str:
    """The spec, or standard input where none is named and something is piped in."""
    if spec is not None:
        return spec
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError(
            "name a spec: a file, a shipped name (see `specgen list`), or - for standard input"
        )
    return "-"


def refuse_overwriting(option: str, path: str, what: str, other: str | None) -> None:
    """Stop where an option names the file that is read, by this or another name."""
    if other is None or not os.path.exists(path):
        return
    with suppress(OSError, ValueError):  # there is no such file, or standard input is closed
        read = os.fstat(sys.stdin.fileno()) if other == "-" and sys.stdin else os.stat(other)
        if os.path.samestat(os.stat(path), read):
            raise click.UsageError(f"{option} would overwrite {what}")


def refuse_unwritable(path: str) -> None:
    """Stop where no file can be written, before the work whose result it is for."""
    from specgen.source import target_of

    try:
        target_of(path)
    except OSError as error:
        raise cannot("write", path, reason(error)) from None


def network_of(
    spec: str, pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool
) -> Network:
    """The compiled spec; its warnings are said. A wrong spec ends the command."""
    from specgen.compiler import analyse
    from specgen.diagnostics import SpecError

    try:
        settings = settings_of(pairs)
        network, warnings = analyse(spec, input=shape, variant=variant, **no_keywords(settings))
    except SpecError as error:
        raise refused(error, as_json, exit_code(error.diagnostics)) from None
    if warnings:
        say(drawn(warnings))
    return network


def refused(error: DiagnosedError, as_json: bool, code: int) -> Stop:
    """The way out with an exit code, where something is wrong: said, or printed as JSON."""
    debug(error)
    if not as_json:
        return Stop(code, drawn(error.diagnostics))
    print_json({"ok": False, "diagnostics": [one.as_json() for one in error.diagnostics]})
    return Stop(code)


def debug(error: Exception) -> None:
    """Show the traceback behind an error, a defect of somebody's layer, where that is asked for."""
    from specgen.diagnostics import DiagnosedError

    ours = isinstance(error, DiagnosedError) and error.__cause__ is None
    if not ours and os.environ.get("SPECGEN_DEBUG"):
        raise error


def no_keywords(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that can be passed as keywords: none is called like an argument of `compile`."""
    for name in ("source", "text", "input", "variant", "limits"):
        if name in settings:
            raise click.BadParameter(f"no spec has a param `{name}`", param_hint="--set")
    return settings

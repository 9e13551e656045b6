"""The command line: arguments to one call to an exit code. Only the modules in here print.

One module for each command, imported when it is asked for.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

import specgen
from specgen.cli.console import DEFECT, INTERRUPTED, OK, USAGE, Stop, drop, say
from specgen.source import printable, reason

#: The commands, and where each is: its module in this package, and its name there.
COMMANDS = {
    "build": ("build", "build"),
    "check": ("check", "check"),
    "diff": ("diff", "diff"),
    "emit": ("emit", "emit"),
    "explain": ("explain", "explain"),
    "fmt": ("fmt", "fmt"),
    "layers": ("catalogue", "layers"),
    "list": ("catalogue", "list_specs"),
    "schema": ("schema", "schema"),
    "summary": ("summary", "summary"),
    "sweep": ("sweep", "sweep"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if sys.stdout is None:  # the caller closed it
        say("error: cannot write the output: standard output is closed")
        return USAGE
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # A short run makes no garbage worth collecting; looking for it costs a third of the time.
    collected = gc.isenabled()
    gc.disable()
    # Pydantic would look through everything installed for plug-ins, which change nothing here.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        return _run(arguments)
    finally:
        if collected:
            gc.enable()


def _run(arguments: Sequence[str] | None) -> int:
    code = OK
    try:
        answer = commands.main(arguments, prog_name="specgen", standalone_mode=False)
        code = answer if isinstance(answer, int) else OK
        sys.stdout.flush()
        return code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        return USAGE
    except click.ClickException as error:
        say(f"error: {printable(error.format_message())}")
        context = getattr(error, "ctx", None)
        if context is not None:
            say(f"try `{context.command_path} --help`")
        return USAGE
    except Stop as stop:
        if stop.message:
            say(stop.message)
        return stop.code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        drop(sys.stdout)  # whoever read it has enough
        return code
    except OSError as error:
        drop(sys.stdout)
        say(f"error: cannot write the output: {printable(reason(error))}")
        return USAGE
    except Exception as error:
        if os.environ.get("SPECGEN_DEBUG"):
            raise
        where = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        say(f"internal error: {printable(where)}\nthis is a defect of specgen; SPECGEN_DEBUG=1 shows where")
        return DEFECT


#: More characters than the first sentence of any command's help has.
_SENTENCE = 200


@contextmanager
def _fine_if_nobody_reads() -> Iterator[None]:
    """End well where a pipe is closed: click would end with the code of a wrong spec."""
    try:
        yield
    except BrokenPipeError:
        drop(sys.stdout)
        raise Stop(OK) from None


class _Commands(click.Group):
    """The commands by name; only the one that is asked for is imported."""

    def make_context(self, *arguments: Any, **keywords: Any) -> click.Context:
        with _fine_if_nobody_reads():  # here it prints its help
            return super().make_context(*arguments, **keywords)

    def invoke(self, ctx: click.Context) -> Any:
        with _fine_if_nobody_reads():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"specgen.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, with the whole sentence about each: click would cut it off."""
        found = [(name, self.get_command(ctx, name)) for name in COMMANDS]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_SENTENCE)) for name, one in found if one])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from specgen.diagnostics import nearest

            near = nearest(args[0], COMMANDS)
            ctx.fail(f"there is no command {args[0]!r}" + (f"; did you mean `{near[0]}`?" if near else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(specgen.__version__, prog_name="specgen", message="%(prog)s %(version)s")
def commands() -> None:
    """Neural networks from short specs: checked, built, or emitted as source.

    SPEC is a file, the name of a shipped spec or variant (`specgen list`), or - for standard input.

    Exit codes: 0 fine, 1 the spec is wrong, 2 usage or environment, 70 a defect of specgen, 130
    interrupted.
    """

"""What the commands print and how they end: exit codes, messages, JSON."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from specgen.source import printable

if TYPE_CHECKING:
    from specgen.diagnostics import Diagnostic
    from specgen.ir import Network

#: Exit codes: fine, the spec is wrong, usage or environment, our own bug, interrupted.
OK, WRONG, USAGE, DEFECT, INTERRUPTED = 0, 1, 2, 70, 130


class Stop(Exception):  # noqa: N818 (a way out with an exit code)
    """Leave with an exit code, saying one line on standard error."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def say(message: str) -> None:
    """Print a message on standard error; where that cannot be written, the exit code has to do."""
    if sys.stderr is None:  # closed, it would be standard output's
        return
    try:
        print(message, file=sys.stderr, flush=True)
    except OSError:
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Give up an output: Python would complain again when it closes the stream."""
    with suppress(OSError, ValueError):  # a stream in memory has no number
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def while_it_is_read() -> Iterator[None]:
    """Print what is printed here unless nobody reads it any more; the work goes on, for its exit code."""
    try:
        yield
    except BrokenPipeError:
        drop(sys.stdout)


def cannot(verb: str, path: str, why: str) -> Stop:
    """The way out where a file cannot be read or written."""
    return Stop(USAGE, f"error: cannot {verb} `{printable(path)}`: {why}")


def width() -> int:
    """How many columns a text for people may take: the terminal's, and 88 where there is none."""
    return max(40, min(88, shutil.get_terminal_size((88, 24)).columns))


def colour() -> bool:
    if sys.stderr is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stderr.isatty()


def drawn(diagnostics: Sequence[Diagnostic]) -> str:
    """Diagnostics as text; on a terminal, the kind of each stands out."""
    from specgen.diagnostics import render

    texts = [render(diagnostic) for diagnostic in diagnostics]
    if colour():
        colours = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m"}
        for index, diagnostic in enumerate(diagnostics):
            head, rest = texts[index].split("]", 1)
            texts[index] = f"{colours[diagnostic.severity]}{head}]\x1b[0m{rest}"
    return "\n\n".join(texts)


def exit_code(diagnostics: Sequence[Diagnostic]) -> int:
    """A spec that is not there is a matter of usage; everything else is wrong in the spec."""
    environment = {"not-found", "unreadable"}
    return USAGE if all(diagnostic.code in environment for diagnostic in diagnostics) else WRONG


def print_json(value: Any) -> None:
    """Print JSON; what is not printable text stands as an escape in its strings."""
    with while_it_is_read():
        print(as_json(value, indent=2), flush=True)


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON whose strings hold escapes for what is not printable text, or not in the output's encoding."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def figures(network: Network) -> dict[str, Any]:
    """A network's figures as plain data."""
    return {
        "name": network.name,
        "input": list(map(int, network.input_shape.sizes)),
        "output": list(map(int, network.output_shape.sizes)),
        "params": network.params,
        "macs": network.macs,
        "settings": network.settings,
        "layers": [
            {
                "name": row.name,
                "kind": row.kind,
                "input": list(map(int, row.input.sizes)),
                "output": list(map(int, row.output.sizes)),
                "params": row.params,
                "macs": row.macs,
                "line": row.line,
            }
            for row in network.layers
        ],
    }

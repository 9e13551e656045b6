"""Text and where it came from: reading specs, writing results, and pointing at a place."""

from __future__ import annotations

import errno
import os
import stat
import sys
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from typing import BinaryIO, NamedTuple


class Span(NamedTuple):
    """A stretch of the source text, as offsets: `start` is in it, `end` is not."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.start, other.end)


@dataclass(frozen=True)
class Source:
    """The text of one spec, and the name it is called by in messages.

    `name` is a path as the user wrote it, `<stdin>` or `<text>`; `stem` is what an unnamed
    network is called after.
    """

    text: str
    name: str = "<text>"
    stem: str = ""

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        starts.extend(i + 1 for i, char in enumerate(self.text) if char == "\n")
        return starts

    def at(self, span: Span) -> str:
        """What is written in a span."""
        return self.text[span.start : span.end]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1; columns count characters."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line_of(self, span: Span) -> int:
        """The number of the line that a span starts in."""
        return self.position(span.start)[0]

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its line end."""
        start = self._line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]

    def start_of_line(self, number: int) -> int:
        """The offset of a line's first character; lines are counted from 1."""
        return self._line_starts[number - 1]

    def span_of_line(self, number: int) -> Span:
        """What is written in a line, counted from 1, without the spaces around it."""
        line = self.line(number)
        start = self.start_of_line(number) + len(line) - len(line.lstrip())
        return Span(start, start + len(line.strip()))


class ReadError(Exception):
    """A file that cannot be read as a spec, with the reason in one line."""


def decode(data: bytes, limit: int) -> str:
    """UTF-8 to text: a byte-order mark is dropped and CRLF becomes LF.

    Raises `ReadError` with the offset of the first byte that is not UTF-8. What has more bytes than the limit
    is a part of something, and stays as long as it is: the parser refuses it.
    """
    if len(data) > limit:
        return data.decode(errors="replace")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise ReadError("it is UTF-16 or UTF-32: save it as UTF-8") from None
        line = data.count(b"\n", 0, error.start) + 1
        raise ReadError(f"line {line} is not UTF-8 (byte {error.start})") from None
    return text.replace("\r\n", "\n")


def read_source(path: str | os.PathLike[str], limit: int) -> Source:
    """Read a spec from a regular file, or from standard input for `-`, as `read_bytes` does."""
    name = os.fspath(path)
    data = read_bytes(name, limit)
    if name == "-":
        return Source(decode(data, limit), "<stdin>")
    return Source(decode(data, limit), name, os.path.splitext(os.path.basename(name))[0])


def read_bytes(path: str | os.PathLike[str], limit: int) -> bytes:
    """What a regular file holds, or standard input for `-`; raises `ReadError`.

    At most `limit + 1` bytes are read; the caller reports a text that is too long. A FIFO, a device
    or a directory is refused before it is opened, and a file that keeps its reader waiting when it is
    read, so nothing can hang.
    """
    name = os.fspath(path)
    if name == "-":
        return _read_standard_input(limit)
    with open_regular(name) as file:
        try:
            data: bytes | None = file.read(limit + 1)
        except OSError as error:
            raise ReadError(reason(error)) from None
    if data is None:
        raise ReadError("there is nothing to read yet")
    return data


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """A regular file, opened to be read; raises `ReadError`, and waits for nothing."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ReadError("not a regular file")
        # Between the two looks, another file may have come by that name: opening it must not wait either.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise ReadError("not a regular file")
        return open(handle, "rb")
    except OSError as error:
        raise ReadError(reason(error)) from None
    except ValueError:
        raise ReadError("no file has such a name") from None


def is_there(path: str | os.PathLike[str]) -> bool:
    """Whether there is something by that name, or something that may not be looked at."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno in (errno.EACCES, errno.ELOOP)
    except ValueError:
        return False
    return True


def lasting_name(file: BinaryIO, path: str | os.PathLike[str]) -> str:
    """A name for an open file that means it whatever has come by its `path`, where the system has one."""
    held = f"/dev/fd/{file.fileno()}"
    return held if os.path.exists(held) else os.fspath(path)


def _read_standard_input(limit: int) -> bytes:
    if sys.stdin is None:
        raise ReadError("standard input is closed")
    try:
        if isinstance(sys.stdin, StringIO):  # put there by a program
            return sys.stdin.read(limit + 1).encode(errors="surrogatepass")
        return sys.stdin.buffer.read(limit + 1)
    except OSError as error:
        raise ReadError(reason(error)) from None


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a file whole or not at all: beside it first, then renamed over it.

    Raises `OSError` as the file system does. A symbolic link is followed; anything that exists and is
    not a regular file that may be written is refused. Who is interrupted leaves the old file, and at
    worst one beside it whose name begins with `.specgen-`.
    """
    write_bytes(path, text.encode())


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """`write_text` for bytes."""
    target, mode = target_of(path)
    temporary = os.path.join(os.path.dirname(target), f".specgen-{os.urandom(8).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    # A new file gets what the umask leaves of this mode.
    handle = os.open(temporary, flags, 0o666)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def target_of(path: str | os.PathLike[str]) -> tuple[str, int | None]:
    """The file that `write_bytes` would make or replace, and the mode of one that is there.

    Raises `OSError` where that cannot be: asked before long work, it saves that.
    """
    if not os.fspath(path):
        raise OSError("the name of the file is empty")
    if os.path.basename(path) in ("", os.curdir):  # `realpath` would make a file of `folder/`
        raise OSError("it is a directory")
    try:
        _mode_of(path)  # the pipe that `/dev/stdout` may be has no other name
        target = os.path.realpath(path)
        mode = _mode_of(target)
    except ValueError:
        raise OSError("no file has such a name") from None
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise OSError(f"there is no folder `{printable(folder)}`")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"no file may be made in the folder `{printable(folder)}`")
    return target, mode


def _mode_of(path: str | os.PathLike[str]) -> int | None:
    """The mode of a file that may be written over; `None` where there is none."""
    try:
        found = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found):
        raise OSError("it is a directory")
    if not stat.S_ISREG(found):
        raise OSError("not a regular file")
    if not os.access(path, os.W_OK):
        raise OSError("the file is read-only")
    return stat.S_IMODE(found)


def reason(error: OSError) -> str:
    """What the operating system said, without the path or number; it begins in lower case."""
    said = error.strerror or str(error)
    return said[:1].lower() + said[1:]


def printable(text: str) -> str:
    """Foreign text made safe to print: what is not printable is shown as an escape.

    Terminal escapes, bidirectional marks and newlines in a file name or an argument all come out as
    `\\x1b`, `\\u202e` or `\\n`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)

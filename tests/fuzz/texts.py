"""Texts: specs, right and wrong, with tokens or bytes changed, through the whole of `check`."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import tempfile
import weakref
from functools import cache
from pathlib import Path

from specgen import cli, resources
from specgen.backends.guard import check_source
from specgen.compiler import analyse
from specgen.ir import Network

from .answers import Answer, answer, answer_text
from .kind import Kind

TESTS = Path(__file__).parent.parent

TOKEN = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*|[0-9.]+(?:x[0-9]+)*|==|!=|<=|>=|//|#[^\n]*|\n|[ \t]+|.", re.DOTALL
)

#: What mutations put in, besides pieces of other specs.
ODD = [
    "{", "}", "(", ")", "|", ";", "\n", ",", "=", ":", "-", "*", "/", "//", "%", "==", "!=", "<", "not",
    "and", "or", "0", "-1", "1", "2.5", "1e308", "1e-320", "9223372036854775807", "2147483647",
    "2147483648", "1e400", "3x3", "3x5x7", "1x0", "true", "false", "in", "none", "(1, 2)", "()", "(1,)",
    "((1, 2), 3)", "1/0", "9" * 60, "a" * 300, "input", "expect", "param", "let", "default", "init",
    "block", "variant", "repeat", "if", "else", "residual", "when", "as", "add", "cat", "mul", "split",
    "network", "repeat 100000", "repeat 30 {", "x", "é", "\x00", "\u202e", "\ud800", "\ufeff", "\t", "\r",
    '"', "'", "&", "@", "3x", "0x10", "1_000", "__init__", "class", "train", "nn", "k=", "s=0", "p=same",
    "p=half", "d=99", "g=3", "bn", "relu", "drop=2", "act=gelu", "norm=gn", "bias=0", "size=5",
    "residual when in == 3 {", "x" * 500, "# ok:", "# ok: syntax", "(-1)", "1e-5", "\u200b", "\u3000", "漢",
    "e\u0301", "\x1b[31m", "\u2028", "\U0001f600", "min(", "make_divisible(1, 0)", "2^31", "input 3x8x8",
]  # fmt: skip

NUMBERS = (0, 1, 2, 3, 5, 7, 100, 10**6, 2**31 - 1, 2**31, 10**12)

#: Bytes that have a meaning somewhere: marks of encodings, bytes that are no UTF-8, line ends, escapes.
BYTES = [
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xc0\xaf", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xc3", b"\r\n", b"\xc2\xa0", b"\r", b"\x85", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\x1b[2J",
    b"\x7f", b"\x0c",
]  # fmt: skip

#: Specs up to this length are fast to check; the longer ones are drawn once in so many times.
SHORT, SELDOM = 300, 500


@cache
def texts() -> tuple[str, ...]:
    """All specs there are, right and wrong, but for those that are large on purpose."""
    shipped = [resources.read("specs", name + ".spec") for name in resources.names("specs", ".spec")]
    paths = [path for path in sorted(TESTS.glob("*/*.spec")) if not path.name.startswith("limit_")]
    beside = [path.read_bytes().decode("utf-8", "replace") for path in paths]
    return tuple(text for text in (*shipped, *beside) if len(text) < 20_000)


class Texts(Kind[bytes]):
    """Mutations of specs. One whose answer is of a new kind is mutated further."""

    def __init__(self) -> None:
        self.long = [text.encode("utf-8", "surrogatepass") for text in texts() if len(text) > SHORT]
        self.corpus = [text.encode("utf-8", "surrogatepass") for text in texts() if len(text) <= SHORT]
        self.seen: set[str] = set()
        self.turn = 0

    def start(self, chance: random.Random) -> bytes:
        return chance.choice(self.long if chance.randrange(SELDOM) == 0 else self.corpus)

    def learn(self, case: bytes, summary: str) -> None:
        """Keep a short text whose answer is of a new kind."""
        if summary not in self.seen and len(case) <= SHORT and len(self.corpus) < 4000:
            self.seen.add(summary)
            self.corpus.append(case)

    def complaint(self, case: bytes) -> str | None:
        found = self.ask(case)
        self.learn(case, found.summary)
        self.turn += 1
        if found.complaint or self.turn % 200:
            return found.complaint
        return _by_command(case) or (found.network and _emitted(found.network)) or None

    def ask(self, case: bytes) -> Answer:
        """The answer to a case."""
        return answer_text(case.decode("utf-8", "surrogatepass"))

    def dump(self, case: bytes) -> bytes:
        return case

    def load(self, data: bytes) -> bytes:
        return data

    def smaller(self, case: bytes) -> bytes:
        """Pieces are left out as long as the complaint stays the same in kind."""
        wanted = _kind_of(self.complaint(case))
        size = len(case) // 2
        tries = 600
        while size and tries:
            at = 0
            while at < len(case) and tries:
                tries -= 1
                shorter = case[:at] + case[at + size :]
                if self._is_text(shorter) and _kind_of(self.complaint(shorter)) == wanted:
                    case = shorter
                else:
                    at += size
            size //= 2
        return case

    def _is_text(self, data: bytes) -> bool:
        try:
            data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return False
        return True


class Tokens(Texts):
    """Tokens dropped, doubled, swapped or replaced; and now and then tokens in no order."""

    name = "tokens"

    def draw(self, chance: random.Random) -> bytes:
        if chance.randrange(25) == 0:
            words = [chance.choice(chance.choice((ODD, self._tokens(chance)))) for _ in range(30)]
            return " ".join(words).encode("utf-8", "surrogatepass")
        tokens = self._tokens(chance)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            self._change(tokens, chance)
        return "".join(tokens).encode("utf-8", "surrogatepass")

    def _tokens(self, chance: random.Random) -> list[str]:
        return TOKEN.findall(self.start(chance).decode("utf-8", "surrogatepass")) or [""]

    def _change(self, tokens: list[str], chance: random.Random) -> None:
        at = chance.randrange(len(tokens) + 1)
        to = min(len(tokens), at + chance.choice((1, 1, 2, 5, 30)))
        match chance.randrange(7):
            case 0:
                del tokens[at:to]
            case 1:
                tokens[at:at] = tokens[at:to]
            case 2:
                tokens[at : at + 1] = [chance.choice(ODD)]
            case 3:
                tokens[at:at] = [" ", chance.choice(ODD), " "]
            case 4:
                other = self._tokens(chance)
                start = chance.randrange(len(other))
                tokens[at:to] = other[start : start + chance.choice((1, 3, 20))]
            case 5:
                numbers = [i for i, token in enumerate(tokens) if token[:1].isdigit()]
                if numbers:
                    tokens[chance.choice(numbers)] = str(chance.choice(NUMBERS))
            case 6:
                there = chance.randrange(len(tokens) + 1)
                if max(at, there) < len(tokens):
                    tokens[at], tokens[there] = tokens[there], tokens[at]


class Bytes(Texts):
    """Bytes changed, dropped, put in or taken from another spec, read from a file as `check` reads it."""

    name = "bytes"

    def __init__(self) -> None:
        super().__init__()
        folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
        handle, self.path = tempfile.mkstemp(".spec", dir=folder)
        os.close(handle)
        weakref.finalize(self, os.unlink, self.path)

    def draw(self, chance: random.Random) -> bytes:
        if chance.randrange(40) == 0:
            return chance.randbytes(chance.randrange(120))
        case = bytearray(self.start(chance))
        for _ in range(chance.choice((1, 1, 2, 3, 6))):
            at = chance.randrange(len(case) + 1)
            to = at + chance.choice((1, 1, 2, 4, 16))
            match chance.randrange(6):
                case 0:
                    case[at:to] = b""
                case 1:
                    case[at:to] = chance.randbytes(1)
                case 2:
                    case[at:at] = chance.choice(BYTES)
                case 3:
                    case[at:at] = case[at:to]
                case 4:
                    other = self.start(chance)
                    start = chance.randrange(len(other) + 1)
                    case[at:to] = other[start : start + chance.choice((2, 8, 40))]
                case 5:
                    case[at : at + 1] = chance.choice(b"0123456789xX(){}|;=-+*/%.,:# \n_abcin").to_bytes(1)
        return bytes(case)

    def ask(self, case: bytes) -> Answer:
        with open(self.path, "wb") as file:
            file.write(case)
        return answer(lambda: analyse(self.path))

    def _is_text(self, data: bytes) -> bool:
        return True


def _by_command(case: bytes) -> str:
    """What is wrong with how `specgen check` answers: a defect, or foreign text that is printed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "case.spec")
        Path(path).write_bytes(case)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(["check", path])
    said = out.getvalue() + err.getvalue()
    if code not in (0, 1, 2) or not said or not said.replace("\n", "").isprintable():
        return f"exit code {code}, and it says {said[-2000:]!r}"
    return ""


def _emitted(network: Network) -> str:
    """What is wrong with what an accepted network is as Python and as JSON."""
    if len(network.layers) > 300:
        return ""
    text = network.emit()
    check_source(text)
    again = Network.model_validate_json(network.model_dump_json())
    return "" if again.emit() == text else "JSON and back, another file is emitted"


def _kind_of(complaint: str | None) -> str:
    """A complaint without its particulars: of a traceback, the place and the type."""
    lines = (complaint or "").rstrip().split("\n")
    if len(lines) < 3:
        return re.sub(r"[0-9.]+|'.*", "_", lines[0])
    places = [line.strip() for line in lines if line.lstrip().startswith("File ")]
    return f"{places[-1:]} {lines[-1].partition(':')[0]}"

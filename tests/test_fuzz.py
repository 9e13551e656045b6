"""Whatever text comes in, what comes out is a network or a `SpecError`, and soon."""

from __future__ import annotations

import random
import re
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import specgen
from specgen import resources

HERE = Path(__file__).parent

#: Seconds that any text may take.
PATIENCE = 2.0

TOKENS = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*|[0-9.]+(?:x[0-9]+)*|==|!=|<=|>=|//|#[^\n]*|\n|[ \t]+|.", re.DOTALL
)

#: What mutations put in, besides pieces of other specs.
ODD = [
    "{", "}", "(", ")", "|", ";", "\n", ",", "=", ":", "-", "*", "/", "//", "%", "==", "!=", "<", "not",
    "and", "or", "0", "-1", "1", "2.5", "1e308", "1e-320", "9223372036854775807", "2147483647",
    "2147483648", "1e400", "3x3", "3x5x7", "1x0", "true", "false", "in", "none", "(1, 2)", "()", "(1,)",
    "((1, 2), 3)", "1/0", "9" * 60, "a" * 300, "input", "expect", "param", "let", "default", "init",
    "block", "variant", "repeat", "if", "else", "residual", "when", "as", "add", "cat", "mul", "split",
    "network", "repeat 100000", "repeat 9999 {", "x", "é", "\x00", "\u202e", "\ud800", "\ufeff", "\t", "\r",
    '"', "'", "&", "@", "3x", "0x10", "1_000", "__init__", "class", "train", "nn", "k=", "s=0", "p=same",
    "p=half", "d=99", "g=3", "bn", "relu", "drop=2", "act=gelu", "norm=gn", "bias=0", "size=5",
    "residual when in == 3 {", "x" * 500,
]  # fmt: skip

NUMBERS = (0, 1, 2, 3, 5, 7, 100, 10**6, 10**12)


def _texts() -> list[str]:
    shipped = [resources.read("specs", name + ".spec") for name in resources.names("specs", ".spec")]
    beside = [path.read_bytes().decode("utf-8", "replace") for path in sorted(HERE.glob("*/*.spec"))]
    return [text for text in (*shipped, *beside) if len(text) < 20_000]


def _mutants(count: int, seed: int) -> Iterator[str]:
    """Specs with some tokens dropped, doubled, swapped or replaced, and now and then mere noise."""
    chance = random.Random(seed)
    specs = [TOKENS.findall(text) for text in _texts()]
    assert len(specs) > 20
    for index in range(count):
        if index % 20 == 0:
            yield chance.randbytes(chance.randrange(200)).decode("utf-8", "surrogateescape")
            continue
        if index % 20 == 1:
            yield " ".join(chance.choice(chance.choice((ODD, chance.choice(specs)))) for _ in range(40))
            continue
        tokens = list(chance.choice(specs))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            at = chance.randrange(len(tokens) + 1)
            to = min(len(tokens), at + chance.choice((1, 1, 2, 5, 30)))
            match chance.randrange(6):
                case 0:
                    del tokens[at:to]
                case 1:
                    tokens[at:at] = tokens[at:to]
                case 2:
                    tokens[at : at + 1] = [chance.choice(ODD)]
                case 3:
                    tokens[at:at] = [" ", chance.choice(ODD), " "]
                case 4:
                    other = chance.choice(specs)
                    start = chance.randrange(len(other))
                    tokens[at:to] = other[start : start + chance.choice((1, 3, 20))]
                case 5:
                    numbers = [i for i, token in enumerate(tokens) if token[:1].isdigit()]
                    if numbers:
                        tokens[chance.choice(numbers)] = str(chance.choice(NUMBERS))
            tokens = tokens or [""]
        yield "".join(tokens)


def _try(text: str) -> str | None:
    """What is wrong with how `text` was answered; nothing if it was answered well."""
    began = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", specgen.SpecWarning)
            str(specgen.compile(text=text))
    except specgen.SpecError as error:
        try:
            shown = str(error)
            [diagnostic.as_json() for diagnostic in error.diagnostics]
        except Exception:
            return traceback.format_exc(limit=-3)
        if not error.diagnostics or not all(char.isprintable() or char == "\n" for char in shown):
            return f"the message is {shown!r}"
    except Exception:
        return traceback.format_exc(limit=-3)
    took = time.process_time() - began
    return f"it took {took:.1f} s" if took > PATIENCE else None


def _check(count: int, seed: int) -> None:
    for text in _mutants(count, seed):
        complaint = _try(text)
        assert complaint is None, f"{complaint}\nfor the text {text!r}"


def test_mutants_are_answered() -> None:
    _check(2_000, seed=1)


@pytest.mark.slow
def test_many_mutants_are_answered() -> None:
    _check(200_000, seed=2)

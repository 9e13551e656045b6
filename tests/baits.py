"""Specs that are as large as the limits let them be, each in its own way; all of them can be doubled.

A bait is a function from a size to the text of a spec, and the largest size that stays within the limits.
Most are right; some are wrong in as many places, or as far down, as they can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

INPUT = "input 4x16x16\n"


@dataclass(frozen=True)
class Bait:
    """A family of specs by size. `code` is what is said of them, where they are wrong."""

    spec: Callable[[int], str]
    most: int
    code: str = ""


def _each(line: str, count: int, start: int = 0) -> str:
    """A line for each number: `{i}` is the number, `{j}` the one before, `{n}` how many there are."""
    return "".join(line.format(i=i, j=i - 1, n=count) for i in range(start, start + count))


def _lines(line: str, before: str = INPUT, after: str = "") -> Callable[[int], str]:
    return lambda n: before + _each(line, n) + after.format(n=n, last=n - 1)


def _repeated(text: str, between: str = "", before: str = INPUT, after: str = "") -> Callable[[int], str]:
    return lambda n: before + between.join([text] * n) + after


def _nested(opening: str, closing: str, inside: str, deep: int = 30) -> Callable[[int], str]:
    return lambda n: INPUT + (opening * deep + inside + closing * deep + "\n") * n


def _halves(first: str, second: str, before: str = INPUT, after: str = "") -> Callable[[int], str]:
    """As many of one line as of another: what each of the second asks of all of the first."""
    return lambda n: before + _each(first, n // 2) + after + _each(second, n // 2)


BAITS: dict[str, Bait] = {
    # --- many of one thing
    "layers": Bait(_repeated("relu\n"), 9_999),
    "layers in a repeat": Bait(lambda n: INPUT + f"repeat {n} {{ relu }}", 9_999),
    "convolutions": Bait(_repeated("conv 4 bn drop\n"), 2_499),
    "options": Bait(_repeated("conv 4 k=3 s=1 p=1 d=1 g=1 bias=true\n"), 2_300),
    "long lines": Bait(_repeated("relu", ";"), 9_999),
    "params": Bait(_lines("param p{i} = {i}\n"), 9_900),
    "lets": Bait(_lines("let a{i} = {i}\n"), 9_900),
    "blocks": Bait(_lines("block b{i}() {{ relu }}\n"), 5_500),
    "blocks and uses": Bait(_lines("block b{i}(c) {{ conv c k=1 }}\nb{i} 4\n"), 3_000),
    "variants": Bait(_lines("variant V{i} width={i}\n", "param width = 4\n" + INPUT), 8_000),
    "defaults": Bait(_repeated("default conv bn\n", after="conv 4\n"), 12_000),
    "labels": Bait(_lines("a{i}: relu\n"), 9_999),
    "groups": Bait(_lines("g{i}: {{ relu }}\n"), 7_000),
    "expects": Bait(_repeated("expect 4x16x16\n"), 12_000),
    "inits": Bait(lambda n: INPUT + "init conv normal std=0.1\ninit all zeros\n" + "conv 4\n" * n, 4_900),
    "comments": Bait(_repeated("#" + "x" * 40 + "\n", before="", after=INPUT + "relu"), 5_900),
    "one long comment": Bait(lambda n: "#" + "x" * n + "\n" + INPUT + "relu", 250_000),
    "empty statements": Bait(_repeated(";", after="relu"), 49_000),
    "repeats of nothing": Bait(_repeated("repeat 0 { relu }\n"), 8_000),
    "turns of nothing": Bait(lambda n: INPUT + f"repeat {n} {{ let a = 1 }}", 9_999),
    "ifs": Bait(_repeated("if in == 4 { relu }\n"), 6_000),
    # --- deep
    "nested groups": Bait(
        lambda n: INPUT + _each("g{i}: {{" + "a: {{" * 30 + "relu" + "}}" * 31 + "\n", n), 380
    ),
    "nested parentheses": Bait(lambda n: INPUT + ("conv " + "(" * 30 + "4" + ")" * 30 + " k=1\n") * n, 700),
    "nested calls": Bait(lambda n: INPUT + ("conv " + "max(1, " * 30 + "4" + ")" * 30 + " k=1\n") * n, 350),
    "nested signs": Bait(lambda n: INPUT + "conv " + "-" * (2 * n) + "4 k=1", 20_000),
    "nested adds": Bait(_nested("add { id | ", "}", "relu"), 300),
    "nested residuals": Bait(_nested("residual {", "}", "conv 4"), 150),
    "nested repeats": Bait(_nested("repeat 1 {", "}", "relu"), 500),
    "nested ifs": Bait(_nested("if true {", "}", "relu"), 500),
    "blocks of blocks": Bait(
        lambda n: (
            INPUT
            + "block b0() { conv 4 }\n"
            + "".join(f"block b{i}() {{ b{i - 1}; relu }}\n" for i in range(1, 30))
            + "b29\n" * n
        ),
        160,
    ),
    "doubling blocks": Bait(
        lambda n: (
            INPUT
            + "block b0() { relu }\n"
            + "".join(f"block b{i}() {{ b{i - 1}; b{i - 1} }}\n" for i in range(1, 13))
            + "b12\n" * n
        ),
        1,
    ),
    # --- long expressions
    "sums": Bait(lambda n: INPUT + "conv " + "+".join(["1"] * n), 24_000),
    "sums of a param": Bait(lambda n: "param c = 1\n" + INPUT + "conv " + "+".join(["c"] * n), 24_000),
    "differences of a param": Bait(lambda n: "param c = 1\n" + INPUT + "conv 30000" + "-c" * n, 24_000),
    "products of a param": Bait(lambda n: "param c = 1\n" + INPUT + "conv " + "*".join(["c"] * n), 24_000),
    "sums of params": Bait(
        lambda n: _each("param p{i} = 1\n", n) + INPUT + "conv " + "+".join(f"p{i}" for i in range(n)), 7_000
    ),
    "sums of sums": Bait(
        lambda n: (
            "param p0 = 1\n"
            + _each("let a{i} = a{j} + p0\n", n, 1).replace("a0", "p0")
            + INPUT
            + f"conv a{n}"
        ),
        7_000,
    ),
    "prefix sums": Bait(
        lambda n: (
            "let s0 = 1\n" + _each("param p{i} = 1\nlet s{i} = s{j} + p{i}\n", n, 1) + INPUT + f"conv s{n}"
        ),
        4_000,
    ),
    "sums with everything": Bait(
        lambda n: (
            _each("param p{i} = 1\n", n // 2)
            + "let s = "
            + "+".join(f"p{i}" for i in range(n // 2))
            + "\n"
            + _each("let y{i} = s + {i}\n", n // 2)
            + INPUT
            + "relu"
        ),
        7_000,
    ),
    "doubling sums": Bait(
        lambda n: (
            "param p0 = 0\n"
            + _each("let a{i} = a{j} + a{j}\n", n, 1).replace("a0 ", "p0 ").replace("a0\n", "p0\n")
            + INPUT
            + "relu"
        ),
        7_000,
    ),
    "largest of many": Bait(
        lambda n: "param c = 1\n" + INPUT + "conv max(" + ", ".join(["c"] * n) + ")", 24_000
    ),
    "tuples": Bait(_lines("let a{i} = (1, 2, 3, 4)\n"), 3_500),
    "tuples compared": Bait(_repeated("if (4, 4, 4) == (4, 4, 4) { relu }\n"), 2_200),
    "conditions": Bait(
        lambda n: "param c = 1\n" + INPUT + "if " + " and ".join(["c == 1"] * n) + " { relu }", 12_000
    ),
    "conditions in a block": Bait(
        lambda n: INPUT + "block b(c) { if " + " or ".join(["c == 1"] * n) + " { conv c } }\nb 4", 12_000
    ),
    "cases in a block": Bait(
        lambda n: (
            INPUT
            + "block b(c) { if c == 0 { relu }"
            + _each(" else if c == {i} {{ relu }}", n, 1000)
            + " else { conv c } }\nb 4"
        ),
        5_000,
    ),
    "cases over layers": Bait(
        lambda n: (
            INPUT
            + "block b(c) { if c == 0 { relu }"
            + _each(" else if c == {i} {{ relu }}", n // 2, 1000)
            + " else {"
            + "relu;" * (n // 2)
            + "} }\nb 4"
        ),
        6_000,
    ),
    "residuals with conditions": Bait(
        _repeated(
            "residual when c == 4 and in == c { conv c }\n", before=INPUT + "block b(c) {\n", after="}\nb 4"
        ),
        3_000,
    ),
    # --- wide
    "branches added": Bait(_repeated("relu", "|", INPUT + "add {", "}"), 9_990),
    "branches of nothing": Bait(_repeated("id", "|", INPUT + "add {", "}"), 24_000),
    "branches concatenated": Bait(_repeated("conv 1", "|", INPUT + "cat {", "}"), 4_900),
    "branches shared out": Bait(lambda n: f"input {n}x4x4\nsplit {{" + "|".join(["relu"] * n) + "}", 9_990),
    "concatenations in a row": Bait(_repeated("cat { id | conv 1 }\n"), 3_300),
    "concatenations in a block": Bait(
        _repeated("cat { id | conv c }\n", before=INPUT + "block b(c) {\n", after="}\nb 2"), 3_300
    ),
    "channels that grow": Bait(_repeated("conv in+c\n", before="param c = 1\n" + INPUT), 4_900),
    # --- one thing for each of another
    "uses in a repeat": Bait(lambda n: INPUT + f"block b(c) {{ conv c k=1 }}\nrepeat {n} {{ b 4 }}", 3_300),
    "uses with other arguments": Bait(
        lambda n: INPUT + "block b(c) { conv c k=1 linear }\n" + _each("b {i}\n", n, 1), 4_900
    ),
    "uses with other structures": Bait(
        lambda n: INPUT + "block b(n) { repeat n % 5 { relu } ; conv 4 }\n" + _each("b {i}\n", n), 2_400
    ),
    "kinds of blocks": Bait(
        lambda n: (
            INPUT
            + "block b(w) { conv 4 act=w }\n"
            + "".join(f"b {('relu', 'gelu', 'silu', 'tanh')[i % 4]}\n" for i in range(n))
        ),
        2_400,
    ),
    "arguments": Bait(
        lambda n: (
            INPUT
            + "block b("
            + ", ".join(f"a{i}" for i in range(n))
            + ") { conv a0 }\nb "
            + " ".join(["4"] * n)
        ),
        15_000,
    ),
    "arguments with defaults": Bait(
        lambda n: INPUT + "block b(" + ", ".join(f"a{i}=1" for i in range(n)) + ") { conv a0 }\nb", 12_000
    ),
    "arguments from arguments": Bait(
        lambda n: (
            INPUT + "block b(a0=4, " + ", ".join(f"a{i}=a{i - 1}" for i in range(1, n)) + ") { conv a0 }\nb"
        ),
        12_000,
    ),
    "arguments and uses": Bait(
        lambda n: INPUT + "block b(" + ", ".join(f"a{i}=1" for i in range(n)) + ") { conv 4 }\n" + "b\n" * n,
        3_000,
    ),
    "lets and groups": Bait(_halves("let a{i} = {i}\n", "g{i}: {{ relu }}\n"), 10_000),
    "blocks and groups": Bait(_halves("block b{i}() {{ relu }}\n", "g{i}: {{ relu }}\n"), 7_000),
    "params and blocks": Bait(_halves("param p{i} = 1\n", "block b{i}() {{ relu }}\n"), 7_000),
    "params and uses": Bait(_halves("param p{i} = 1\n", "b\n", INPUT + "block b() { conv 4 }\n"), 9_000),
    "lets and turns": Bait(
        lambda n: INPUT + _each("let a{i} = {i}\n", n) + f"repeat {n} {{ let b = 1 }}", 9_000
    ),
    "blocks and turns": Bait(
        lambda n: INPUT + _each("block b{i}() {{ relu }}\n", n // 2) + f"repeat {n} {{ let b = 1 }}", 9_000
    ),
    "blocks in a block": Bait(
        lambda n: (
            INPUT
            + "block b(c) {\n"
            + _each("let a{i} = c\n", n // 2)
            + _each("block d{i}() {{ relu }}\n", n // 2)
            + "}\nb 4"
        ),
        7_000,
    ),
    "skipped bodies and uses": Bait(
        lambda n: (
            INPUT
            + "block a() { relu }\nblock b() { a; if false {"
            + "a;" * n
            + "} }\n"
            + f"repeat {n} {{ b }}"
        ),
        3_000,
    ),
    # --- wrong
    "misspelt layers": Bait(_lines("cnov{i} 4\n"), 12_000, "unknown-layer"),
    "misspelt options": Bait(_repeated("conv 4 kernal=3\n"), 8_000, "unknown-option"),
    "misspelt names": Bait(_halves("let foo{i} = {i}\n", "conv fao{i}\n"), 10_000, "unknown-word"),
    "names doubled": Bait(_repeated("a: relu\n"), 9_000, "said-twice"),
    "names too long": Bait(lambda n: INPUT + "conv " + "n" * n, 250_000, "name-too-long"),
    "a misspelt name among long ones": Bait(
        lambda n: INPUT + _each("let " + "ab" * 19 + "{i} = 1\n", n) + "conv " + "ab" * 19 + "x",
        4_000,
        "unknown-word",
    ),
    "never closed": Bait(lambda n: INPUT + "add {\n" + "relu\n" * n, 24_000, "syntax"),
    "wrong at the end": Bait(lambda n: INPUT + "relu\n" * n + "relu relu = = 1", 24_000, "syntax"),
    "wrong at the end of a line": Bait(lambda n: INPUT + "let a = 1" + "+1" * n + " 5 5", 24_000, "syntax"),
    "no text at the end": Bait(lambda n: INPUT + "#" * n + "\n\x00", 250_000, "unprintable"),
    "too small at the end": Bait(
        lambda n: INPUT + "M;upsample 2\n" * n + "conv 4 k=99 p=0", 4_900, "kernel-too-large"
    ),
    "quotes": Bait(lambda n: INPUT + '"' * n, 250_000, "syntax"),
    "one long word": Bait(lambda n: INPUT + "conv " + "1x" * n, 120_000, "syntax"),
    "digits and a letter": Bait(lambda n: INPUT + "conv " + "6" * n + "b", 250_000, "syntax"),
    "spaces and a sign": Bait(lambda n: INPUT + " " * n + "?", 250_000, "syntax"),
    "brackets": Bait(lambda n: INPUT + "[ " * n, 120_000, "syntax"),
    "signs of times": Bait(lambda n: INPUT + "conv 64 " + "× 2 " * n, 45_000, "syntax"),
    "comments that silence": Bait(lambda n: INPUT + "relu " + "# ok: " * n, 40_000),
    "almost a comment that silences": Bait(lambda n: INPUT + "relu # ok" + " " * n, 250_000),
}

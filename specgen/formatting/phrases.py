"""The words of one statement up to a brace: their spacing, and the options of a layer in one order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from specgen import options
from specgen.formatting.tree import COMMENT, LINE_END, Word
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.parser import LONGEST_NUMBER

#: Statements whose arguments are separated by spaces, and how many names stand in front of those.
_BEFORE_ARGUMENTS = {"DEFAULT": 1, "INIT": 2, "VARIANT": 1}

#: Statements in whose expressions sums have spaces: nothing there is separated by spaces alone.
_SPACED = frozenset(("NETWORK", "INPUT", "EXPECT", "PARAM", "LET", "BLOCK", "IF", "ELSE", "RESIDUAL"))

_OPERANDS = frozenset(("NUMBER", "SIZES", "NAME", "CALLED", "IN", "TRUE", "FALSE", "RPAREN"))
_OPERAND_STARTS = frozenset(("NUMBER", "SIZES", "NAME", "CALLED", "IN", "TRUE", "FALSE", "LPAREN", "NOT"))
_NUMBER = re.compile(r"0*([0-9]*)(?:(\.)([0-9]*))?(?:[eE]([+-]?)0*([0-9]+))?")

#: The order of the options that many layers have; the others follow in the order of the layer's fields.
_FIRST = ("kernel_size", "stride", "padding", "output_padding", "dilation", "groups")


class Cell(NamedTuple):
    """A value or an option as it is printed, and what it is: the option's name, or nothing for a value."""

    text: str
    name: str = ""
    number: bool = False


class Phrase(NamedTuple):
    """The canonical text of some words, in cells where they are the arguments of a line."""

    text: str
    cells: tuple[Cell, ...] = ()


def phrase(words: Sequence[Word], drop_is_half: bool) -> Phrase:
    """The canonical form of a statement's words, which hold no comment.

    `drop_is_half` says that no `default` changes what the flag `drop` means.
    """
    words = _without_last_commas([word for word in words if word.kind != LINE_END])
    start = 2 if len(words) > 1 and words[1].kind == "COLON" else 0
    head = words[start:]
    if not head or head[0].kind not in ("NAME", *_BEFORE_ARGUMENTS):
        return Phrase(spaced(words, tight=bool(head) and head[0].kind not in _SPACED))
    before = 1 + _BEFORE_ARGUMENTS.get(head[0].kind, 0)
    layer = None
    if head[0].kind in ("NAME", "DEFAULT"):
        layer = registry.find(head[before - 1].text)
    arguments = _arguments(head[before:])
    cells = _of_layer(arguments, layer, drop_is_half) if layer else [_as_written(one) for one in arguments]
    labels = [Cell(f"{words[0].text}:", "label")] if start else []
    cells = [*labels, *(Cell(word.text, "word") for word in head[:before]), *cells]
    return Phrase(" ".join(cell.text for cell in cells), tuple(cells))


def broken(words: Sequence[Word]) -> list[tuple[int, str, Word | None]]:
    """Words with comments among them, as lines: how deep in parentheses each is, its text, its comment.

    The lines end where the author ended them; nothing changes its place.
    """
    lines: list[tuple[int, str, Word | None]] = []
    line: list[Word] = []
    depth = 0
    spaces = words[0].kind in _SPACED
    for word in (*words, Word(LINE_END, "\n", 0)):
        if word.kind not in (LINE_END, COMMENT):
            line.append(word)
            continue
        comment = word if word.kind == COMMENT else None
        if comment is None and lines and not line and lines[-1][2] is not None:
            continue  # the end of the comment's own line
        if line or comment:
            closing = bool(line) and line[0].kind == "RPAREN"
            text = spaced(line, tight=not spaces, depth=depth)
            lines.append((depth - closing, text, comment))
        depth += sum({"LPAREN": 1, "RPAREN": -1}.get(one.kind, 0) for one in line)
        line = []
    return lines


def spaced(words: Sequence[Word], *, tight: bool, depth: int = 0) -> str:
    """Words with canonical spaces; `tight` leaves them out around the sums outside of parentheses."""
    text = ""
    before: Word | None = None
    sign = False  # whether `before` is a sign, and no operator between two operands
    for word in words:
        depth -= word.kind == "RPAREN"
        loose = depth > 0 or not tight
        if before is not None and _apart(before, word, sign, loose, depth):
            text += " "
        sign = word.kind == "MINUS" and (before is None or before.kind not in _OPERANDS)
        text += number(word.text) if word.kind == "NUMBER" else word.text
        depth += word.kind == "LPAREN"
        before = word
    return text


def _apart(before: Word, word: Word, sign: bool, loose: bool, depth: int) -> bool:
    """Whether a space stands between two words."""
    kinds = before.kind, word.kind
    if word.kind in ("COMMA", "RPAREN", "COLON") or before.kind == "LPAREN" or sign:
        return False
    if before.kind == "CALLED" or "TIMES" in kinds:
        return False
    if "EQUAL" in kinds:
        return loose and depth == 0
    if before.kind in ("PLUS", "MINUS") or (word.kind in ("PLUS", "MINUS") and before.kind in _OPERANDS):
        return loose
    return True


def number(text: str) -> str:
    """A number as it is usually written: `.5` as `0.5`, `1.` as `1.0`, `1E-05` as `1e-5`."""
    match = _NUMBER.fullmatch(text)
    assert match is not None, text
    whole, point, fraction, sign, exponent = match.groups()
    canonical = whole or "0"
    if point:
        canonical += f".{fraction or 0}"
    if exponent is not None:
        canonical += f"e{'-' if sign == '-' else ''}{exponent}"
    return canonical if len(canonical) <= LONGEST_NUMBER else text


def _without_last_commas(words: list[Word]) -> list[Word]:
    """The words without commas that nothing follows, but for that of a tuple with one item."""
    kept: list[Word] = []
    opened: list[tuple[bool, int]] = []  # of each parenthesis: does it call, and the commas in it so far
    for index, word in enumerate(words):
        if word.kind == "LPAREN":
            if index == 2 and words[0].kind == "BLOCK":
                kept[-1] = kept[-1]._replace(kind="CALLED")  # a block's name is followed by no space
            opened.append((kept[-1].kind == "CALLED" if kept else False, 0))
        elif word.kind == "COMMA" and opened:
            calls, commas = opened[-1]
            opened[-1] = calls, commas + 1
            if words[index + 1].kind == "RPAREN" and (calls or commas):
                continue
        elif word.kind == "RPAREN" and opened:
            opened.pop()
        kept.append(word)
    return kept


def _arguments(words: Sequence[Word]) -> list[list[Word]]:
    """The arguments of a line: one ends where an operand is followed by another."""
    found: list[list[Word]] = []
    depth = 0
    for index, word in enumerate(words):
        option = index + 1 < len(words) and words[index + 1].kind == "EQUAL"
        starts = word.kind in _OPERAND_STARTS and words[index - 1].kind in _OPERANDS
        if not found or (depth == 0 and (starts or option) and words[index - 1].kind != "CALLED"):
            found.append([])
        found[-1].append(word)
        depth += {"LPAREN": 1, "RPAREN": -1}.get(word.kind, 0)
    return found


def _as_written(words: list[Word]) -> Cell:
    """An argument under its own name."""
    name = words[0].text if len(words) > 1 and words[1].kind == "EQUAL" else ""
    number = len(words) == 1 and words[0].kind == "NUMBER"
    return Cell(spaced(words, tight=True), name, number)


def _of_layer(arguments: list[list[Word]], layer: type[Layer], drop_is_half: bool) -> list[Cell]:
    """The arguments of a layer under their short names, values first and options in the layer's order.

    A line with more values than the layer takes has a mistake in it; it keeps its order.
    """
    named = [_short(argument, layer, drop_is_half) for argument in arguments]
    if sum(option is None for option, _ in named) > len(layer.positional):
        return [cell for _, cell in named]
    order = _order(layer)

    def place(one: tuple[str | None, Cell]) -> int:
        option, _ = one
        return -1 if option is None else order.get(option, len(order))

    return [cell for _, cell in sorted(named, key=place)]


def _order(layer: type[Layer]) -> dict[str, int]:
    """The place of each option on the layer's line: sizes first, then its trim."""
    names = [name for name in _FIRST if name in layer.options]
    rest = [name for name in layer.options if name not in _FIRST]
    names += [name for name in rest if not (layer.takes_trim and name == "bias")]
    if layer.takes_trim:
        norm, act, drop = options.TRIM
        names += [norm, "bias", act, drop]
    return {name: place for place, name in enumerate(names)}


def _short(words: list[Word], layer: type[Layer], drop_is_half: bool) -> tuple[str | None, Cell]:
    """The option that an argument gives, or `None` for a value; and how it is written in short."""
    known, flags = options.option_names(layer), options.flags(layer)
    cell = _as_written(words)
    if not cell.name:
        alone = words[0].text if len(words) == 1 and words[0].kind == "NAME" else ""
        if alone not in flags:
            return None, cell
        return flags[alone][0], cell._replace(name=alone)
    option = known.get(cell.name)
    if option is None:
        return "", cell
    value = words[2:]
    flag = _flag(cell.name, option, value, layer, drop_is_half)
    if flag:
        return option, Cell(flag, flag)
    letters = {meant: letter for letter, meant in layer.short.items()}
    if "ceil_mode" in known:
        letters["ceil_mode"] = "ceil"
    if cell.name in layer.options:
        short = letters.get(option, cell.name)
        return option, Cell(f"{short}={spaced(value, tight=True)}", short)
    return option, cell


def _flag(name: str, option: str, value: list[Word], layer: type[Layer], drop_is_half: bool) -> str:
    """The flag that says the same as `name=value`, or nothing where there is none."""
    if len(value) != 1 or (name in registry.trims() and name != option):
        return ""
    (word,) = value
    meant = {meaning: flag for flag, meaning in options.flags(layer).items()}
    match word.kind:
        case "TRUE" | "FALSE":
            return meant.get((option, word.kind == "TRUE"), "")
        case "NAME":
            return meant.get((option, word.text), "")
        case "NUMBER" if drop_is_half and option == "drop" and float(word.text) == 0.5:
            return meant.get((option, "drop"), "")
    return ""

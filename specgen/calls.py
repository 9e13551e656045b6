"""Another library's call as a line of a spec: `Conv2d(3, 64, 3, padding=1)` is `conv 64 k=3 p=1 linear`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from specgen.diagnostics import SpecError
from specgen.layers import registry
from specgen.options import option_names
from specgen.vocabulary import INFERRED, SIZES, ours

#: What the values by position are, layer by layer, in the order of other libraries.
_WINDOW = ("k", "s", "p")
_ORDER = {
    "conv": ("", *_WINDOW), "deconv": ("", *_WINDOW), "dwconv": _WINDOW, "maxpool": _WINDOW,
    "avgpool": _WINDOW, "fc": ("",), "prelu": ("num_parameters",),
}  # fmt: skip
#: PyTorch's classes that take what arrives in front of the size, or as the only value.
_IN_FIRST = re.compile(r"(?:Conv|ConvTranspose)[123]d|Linear")
_IN_ALONE = re.compile(r"(?:BatchNorm|InstanceNorm)[123]d|LayerNorm|RMSNorm")
#: Classes that do otherwise than a spec's layer where nothing is said: the option, and what they do.
_OTHERWISE = (
    (re.compile(r"Conv[123][dD]"), "padding", "p=0"),
    (re.compile(r"Conv[123][dD]|Linear|Dense"), "act", "linear"),
    (re.compile(r"ConvTranspose[123]d"), "stride", "s=1"),
)
_LONGEST = 200
#: A call whose arguments are words and numbers.
_PLAIN = re.compile(r"\w+\(((?:(?:\w+=)?[\w.]+)?(?:,\s*(?:\w+=)?[\w.]+)*)\)\s*$")


def line_for(call: str) -> str:
    """The line that a call stands for, if there is one that is right; nothing otherwise."""
    parts = re.match(r"([A-Za-z_]\w*)\s*\((.*)\)", call[:_LONGEST].partition("\n")[0])
    if parts is None:
        return ""
    word = ours(parts[1], registry.words()) or parts[1]
    word = "fc" if word == "linear" else word
    given = [_words(part) for part in _split(parts[2])]
    values = [value for name, value in given if not name]
    if _IN_ALONE.fullmatch(parts[1]):
        values = []
    elif _IN_FIRST.fullmatch(parts[1]) and len(values) > 1:
        values = values[1:]
    order = _ORDER.get(word, ("",) * len(values))
    if len(values) > len(order):
        return ""
    line = [word, *(f"{name}={value}" if name else value for name, value in zip(order, values, strict=False))]
    for name, value in given:
        if name in SIZES:
            line.insert(1, value)
        elif name and name not in INFERRED:
            line.append(f"{_option(name, word)}={value}")
    line += _said_here(parts[1], line)
    written = " ".join(line)
    return written if _is_right(written) else ""


def _said_here(called: str, line: Sequence[str]) -> list[str]:
    """What a line has to say for a layer to do what a class does without a word."""
    kind = registry.find(line[0])
    known = option_names(kind) if kind is not None else {}
    given = {known.get(word.partition("=")[0]): word.partition("=")[2] for word in line[1:]}
    needed = [(option, word) for pattern, option, word in _OTHERWISE if pattern.fullmatch(called)]
    small = given.get("kernel_size") == "1"  # it needs no padding in either language
    return [word for option, word in needed if option not in given and not (small and option == "padding")]


#: What holds layers elsewhere, and what a spec has instead.
CONTAINERS = ("sequential", "modulelist")
SEQUENTIAL = "layers follow each other, one on a line; a named group is `features: { conv 64; M }`"


def layer_called(call: str, text: str) -> str:
    """What to write for a layer, or a block of the text, that is called, in words."""
    line, name = line_for(call), call.partition("(")[0].strip()
    if line:
        return f"write `{line}`"
    if name.casefold() in CONTAINERS:
        return SEQUENTIAL
    if name in ("for", "while"):
        return "here that is `repeat 3 as i { conv 64 }`, where `i` counts from 0"
    if join := ours(name, ("add", "mul", "cat")):
        return f"here that is `{join} {{ … | … }}`"
    plain = _PLAIN.match(call[:_LONGEST].partition("#")[0].replace("[", "").replace("]", ""))
    if plain is None:
        return "its arguments are separated by spaces"
    arguments = _split(plain[1])
    sizes = [value for given, value in map(_words, arguments) if given in ("", "shape")]
    if name.casefold() in ("input", "inputs", "inputlayer") and sizes:
        return f"write `input {'x'.join(sizes)}`"
    if registry.find(name) is not None:
        return "its arguments are separated by spaces"
    known = re.search(rf"\bblock\s+{re.escape(name)}\b", text)
    return f"write `{' '.join([name, *arguments])}`" if known else "for example: `conv 64 k=3`"


def _option(name: str, word: str) -> str:
    """An option's name here; one that the layer does not know stays as it is, and the line is no help."""
    layer = registry.find(word)
    known = option_names(layer) if layer is not None else {}
    return name if name in known else ours(name, known) or name


def _split(arguments: str) -> list[str]:
    """Arguments at their commas, those in parentheses left alone."""
    parts, depth = [""], 0
    for char in arguments:
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def _words(argument: str) -> tuple[str, str]:
    """An argument's name, if it has one, and its value as a spec writes it."""
    name, sign, value = argument.partition("=")
    name, value = (name.strip(), value) if sign else ("", argument)
    value = value.strip().strip("\"'").replace("[", "(").replace("]", ")")
    return name, {"True": "true", "False": "false", "None": "none"}.get(value, value)


def _is_right(line: str) -> bool:
    """Whether a line compiles, where a map of 64 × 56 × 56 arrives."""
    from specgen.compiler import analyse

    try:
        analyse(text=f"input 64x56x56\n{line}\n")
    except (SpecError, RecursionError):
        return False
    return True

"""What was meant by the words and values on a layer's line that mean nothing there."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from specgen import options, suggestions, syntax, vocabulary
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.source import Source, Span
from specgen.text_errors import FOLLOW


class Slip(NamedTuple):
    """What is said of it: the error's title, its place and what to write instead."""

    title: str
    span: Span
    help: str
    code: str = "unknown-word"


def slip_on_line(
    source: Source,
    word: str,
    layer: type[Layer],
    arguments: tuple[syntax.Argument, ...],
    names: Collection[str],
) -> Slip | None:
    """What is said of an argument of a layer and the one behind it, if that is a common slip.

    Args:
        source: the text.
        word: the layer's word, as its line begins.
        layer: what the word stands for.
        arguments: the argument, and the one behind it if there is one.
        names: the names that hold here, which are never slips.
    """
    known, flags = options.option_names(layer), options.flags(layer)
    match arguments:
        case (syntax.Name(text=text), *_) if text in names:
            return None
        case (syntax.Name(text="no" | "without") as first, syntax.Name(text=flag)) if f"no{flag}" in flags:
            return _nothing(word, first, f"write `no{flag}`")
        case (syntax.Name(text="with" | "and" | "plus") as first, syntax.Name(text=flag)) if flag in flags:
            return _nothing(word, first, "leave it out: options are separated by spaces")
        case (syntax.Name(text="with") as first, syntax.Chain(first=syntax.Name(text=flag))) if flag in flags:
            return _nothing(word, first, "leave it out: options are separated by spaces")
        case (syntax.Chain(first=syntax.Name(text=flag), rest=(("and", _), *_), span=span), *_) if (
            flag in flags and flag not in names
        ):
            listed = source.at(span).replace(" and ", " ")
            return Slip("`and` joins conditions", span, f"options are separated by spaces: `{listed}`")
        case (syntax.Name(text=text) as first, syntax.Option(name=option) as second) if (
            text not in flags and (meant := vocabulary.ours(text + option.text, known))
        ):
            value = source.at(second.value.span)
            return _nothing(word, first, f"write `{meant}={value}`")
        case (syntax.Name(text="x") as first, syntax.Number(span=span)):
            return _nothing(word, first, _times(source, first, source.at(span)))
        case (syntax.Name() as first, syntax.Number(span=span) | syntax.TupleOf(span=span)):
            return _without_equal(word, known, first, source.at(span))
        case (syntax.Name(text=text) as first, *_) if run := re.fullmatch(r"([a-z]+)(\d+(?:x\d+)*)", text):
            if run[1] == "x":
                return _nothing(word, first, _times(source, first, run[2]))
            if text not in flags and known.get(run[1], "bias") != "bias":
                return _nothing(word, first, f"write `{run[1]}={run[2]}`")
        case (syntax.Chain(first=syntax.Name() as first, rest=(("==", value),)), *_) if (
            first.text not in names
        ):
            return _without_equal(word, known, first, source.at(value.span))
        case (syntax.Chain(span=span), *behind) if meant := _with_dashes(source, layer, span, behind):
            return Slip(f"`{source.at(span)}` means nothing to `{word}`", span, meant)
        case (
            syntax.Chain(
                rest=(("-", (syntax.Name() as last) | syntax.Prefix(operand=syntax.Name() as last)),)
            ),
            syntax.Number(span=span),
        ) if last.text in known and last.text not in names:
            help_ = f"write `{last.text}={source.at(span)}`"
            return Slip("an option is given by its name and `=`", last.span, help_)
        case (syntax.Chain(rest=(("-", syntax.Prefix(operand=syntax.Name() as last)), *_)), *_) if (
            last.text not in names
        ):
            return _comment("--", last)
        case (
            syntax.Chain(first=syntax.Name(text=text), rest=(("+" | "-" as sign, syntax.Name() as last),)),
            *_,
        ) if text in flags and last.text in flags and not {text, last.text} & {*names}:
            title = f"`{sign}` is arithmetic, and `{last.text}` is no number"
            return Slip(title, last.span, f"options are separated by spaces: `{text} {last.text}`")
        case (syntax.Chain(rest=(("+" | "-" as sign, syntax.Name() as last), *_)), *_) if (
            last.text in flags or registry.find(last.text)
        ) and last.text not in names:
            title = f"`{sign}` is arithmetic, and `{last.text}` is no number"
            if last.text not in flags and sign == "-":
                return Slip(title, last.span, FOLLOW)
            if last.text not in flags:
                return Slip(title, last.span, "what is added are branches: `add { conv 64 | conv 64 k=1 }`")
            help_ = f"leave the `{sign}` out: options are separated by spaces"
            return Slip(title, last.span, help_ if sign == "+" else f"leave `- {last.text}` out")
        case (syntax.Chain(rest=(("//" | "%" as sign, syntax.Name() as last), *_)), *_) if (
            last.text not in names
        ):
            return _comment(sign, last)
        case (syntax.Chain(rest=(("//", _), *_)), syntax.Name() as last) if (
            last.text not in names and last.text not in flags
        ):
            return _comment("//", last)
    return None


def _nothing(word: str, name: syntax.Name, help_: str) -> Slip:
    return Slip(f"`{name.text}` means nothing to `{word}`", name.span, help_)


def _comment(sign: str, name: syntax.Name) -> Slip:
    help_ = f"a comment starts with `#`, not with `{sign}`"
    return Slip(f"there is no name `{name.text}`", name.span, help_, "unknown-name")


def _with_dashes(source: Source, layer: type[Layer], span: Span, behind: Sequence[syntax.Argument]) -> str:
    """What is meant by words with dashes between them: `leaky-relu`, `no-bias`, `kernel-size 3`."""
    written = source.at(span)
    if not re.fullmatch(r"[A-Za-z]\w*(-[A-Za-z]\w*)+", written):
        return ""
    known, flags = options.option_names(layer), options.flags(layer)
    joined = written.replace("-", "")
    for word in (written.replace("-", "_"), joined, vocabulary.ours(joined, flags)):
        if word in flags:
            return f"write `{word}`"
    option = vocabulary.ours(joined, known)
    if option and behind and isinstance(behind[0], (syntax.Number, syntax.TupleOf)):
        return f"write `{option}={source.at(behind[0].span)}`"
    return ""


def _times(source: Source, x: syntax.Name, number: str) -> str:
    """What is meant by `x 3`: a second size, or so many layers."""
    if size := re.search(r"=\s*(\d+)\s*$", source.text[: x.span.start][-60:]):
        return f"sizes are written without spaces: `{size[1]}x{number}`"
    return f"write `repeat {number} {{ … }}` to have it {number} times"


def _without_equal(word: str, known: Collection[str], name: syntax.Name, value: str) -> Slip | None:
    """What is said of `k 3` and `k==3`."""
    meant = name.text if name.text in known else vocabulary.ours(name.text, known)
    title = f"`{name.text}` means nothing to `{word}` without a value"
    return Slip(title, name.span, f"write `{meant}={value}`") if meant else None


def instead_of_position(
    source: Source,
    word: str,
    layer: type[Layer],
    argument: syntax.Expr,
    arguments: tuple[syntax.Argument, ...],
) -> tuple[str, ...]:
    """How to write a value that stands on a layer's line by position and is one too many.

    Args:
        source: the text.
        word: the layer's word, as its line begins.
        layer: what the word stands for.
        argument: the value.
        arguments: everything on the line, of which it is one.
    """
    text = source.at(argument.span)
    if isinstance(argument, syntax.Channels) and layer.takes_trim:
        return ("`in` is how many channels arrive; instance normalisation is `norm=instancenorm`",)
    windowed = "k" in layer.short and isinstance(argument, (syntax.Number, syntax.TupleOf))
    numbers = [source.at(one.span) for one in arguments]
    plain = all(isinstance(one, (syntax.Number, syntax.TupleOf)) for one in arguments)
    match arguments:
        case (syntax.TupleOf(), syntax.Number(), *_) if windowed and layer.takes_trim:
            kernel, size, *rest = numbers
            return (f"write `{' '.join([word, size, f'k={kernel}', *rest])}`",)
    if plain and len(numbers) == 2 and re.fullmatch(r"0\d\d", text):
        return (f"digits are not grouped: write `{word} {''.join(numbers)}`",)
    if layer.positional[:1] in (("out_channels",), ("out_features",), ("num_heads",)) and plain:
        # Of two numbers, PyTorch's first is what arrives; no kernel is as large as the second then.
        if windowed and (isinstance(argument, syntax.TupleOf) or (text.isdigit() and int(text) < 12)):
            return (f"write `{word} {numbers[0]} {_as_window(numbers[1:])}`",)
        if not windowed and len(numbers) > 2:
            return (f"each layer is written: `{'; '.join(f'{word} {number}' for number in numbers[:3])}`",)
        line = f"{word} {numbers[1]} {_as_window(numbers[2:])}".rstrip()
        help_ = f"what arrives is not written: `{line}`"
        if windowed and len(numbers) == 2 and numbers[0] in ("1", "3", "5", "7", "9", "11"):
            return (help_, f"a kernel of {numbers[0]} stands behind the size: `{line} k={numbers[0]}`")
        return (help_,)
    match arguments:
        case (syntax.Number(), syntax.Number(), *_) if windowed and text.isdigit() and int(text) >= 12:
            return (f"what arrives is not written: `{' '.join([word, *numbers[1:]])}`",)
    if windowed:
        return (
            f"write `{word} {_as_window(numbers)}`" if plain else f"for a kernel of {text}, write `k={text}`",
        )
    if layer.positional == ("output_size",) and plain:
        return (f"write `{word} {'x'.join(numbers)}`",)
    if layer.family == "norm" or word == "prelu":
        return ("leave it out: how many channels there are follows from what arrives",)
    if word == "gap":
        return (f"it gives a size of 1: write `adaptive_avgpool {text}`",) * (text != "1")
    return () if layer.positional else (f"`{word}` takes {suggestions.listed_options(layer)}",)


def _as_window(numbers: list[str]) -> str:
    """Numbers in the order of other libraries as options: kernel, stride, padding."""
    return " ".join(f"{name}={number}" for name, number in zip("ksp", numbers, strict=False))

"""One line of a spec: a layer's options and its trim, from the line itself and from defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from specgen import options, suggestions, syntax
from specgen.arithmetic import is_number
from specgen.diagnostics import Label, SpecError
from specgen.evaluation import Evaluation
from specgen.expressions import ROUNDED, SAID, describe, no_hexadecimal
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.layers.fields import WrongOptions, must_be
from specgen.scope import Given, Scope
from specgen.source import Source, Span


def defaults_of(kind: type[Layer], scope: Scope) -> dict[str, Given]:
    """The options that `default` gives a layer here."""
    own = dict(scope.defaults(kind.word))
    if kind.inherits_defaults is None:
        return own
    known = options.option_names(kind)
    inherited = scope.defaults(kind.inherits_defaults)
    return {**{name: given for name, given in inherited.items() if name in known}, **own}


def given_on(
    evaluation: Evaluation,
    kind: type[Layer],
    arguments: tuple[syntax.Argument, ...],
    scope: Scope,
    *,
    on_line: bool = True,
) -> dict[str, Given]:
    """The options that a line gives, under their full names; trims as `TrimWord` or `None`."""
    known, flags = options.option_names(kind), options.flags(kind)
    given: dict[str, Given] = {}
    by_position = iter(kind.positional)
    for argument in arguments:
        if isinstance(argument, syntax.Option):
            name, value = argument.name.text, evaluation.value(argument.value, scope)
            option = known[name]
            if option in options.TRIM and kind.takes_trim:
                value = _trim_asked(evaluation, name, option, value, argument)
        else:
            value = evaluation.value(argument, scope)
            is_word = isinstance(argument, syntax.Name) and isinstance(value, str)
            if is_word and value in flags:
                option, value = flags[value]
                if option in options.TRIM:
                    value = None if value == "none" else options.TrimWord(value)
            else:
                option = next(by_position, "")
                if is_word or not option:
                    name = argument.text if isinstance(argument, syntax.Name) and not is_word else ""
                    evaluation.fail(
                        "wrong-value", f"`{kind.word}` has no use for this value", argument.span,
                        f"this is {describe(value)}", f"write `{name}={name}`" if name in known else "",
                    )  # fmt: skip
        if option in given:
            also = Label(given[option].span, "the first one is here", primary=False)
            evaluation.fail(
                "option-twice",
                f"`{option}` is given twice",
                argument.span,
                "this is the second",
                also=also,
            )
        given[option] = Given(value, argument.span, on_line)
    return given


def _trim_asked(
    evaluation: Evaluation, name: str, slot: str, value: Any, argument: syntax.Option
) -> options.TrimWord | None:
    """What `norm=bn`, `gn=8`, `drop=0.5` or `act=none` asks for."""
    trims = registry.trims()
    if name != slot:
        return options.TrimWord(name, value)
    if value == "none":
        return None
    if isinstance(value, str) and value in trims and trims[value].trim == slot:
        return options.TrimWord(value)
    if slot == "drop" and is_number(value):
        return options.TrimWord("drop", value)
    fitting = [word for word, layer in trims.items() if layer.trim == slot]
    wanted = f"one of {', '.join(fitting)}" if slot != "drop" else "a number from 0 to 1"
    evaluation.fail(
        "wrong-value",
        f"`{slot}` must be {wanted}, or none",
        argument.value.span,
        f"this is {describe(value)}",
        suggestions.for_word(value, [*fitting, "none"]) if isinstance(value, str) else "",
    )


#: What is no boolean, and plainly meant to be one.
_BOOLEANS: dict[Any, bool] = {0: False, 1: True, "none": False, **SAID}


def make(
    evaluation: Evaluation, kind: type[Layer], given: Mapping[str, Given], word: syntax.Name,
    *, trim: bool = False,
) -> Layer:  # fmt: skip
    """The layer with its options; every value that does not fit is reported."""
    values = {}
    for name, one in given.items():
        evaluation.fixed |= one.captured
        if name in kind.options:
            values[name] = one.value
    try:
        return kind(**values)
    except WrongOptions as error:
        found = []
        for name, problem, wanted in error.faults:
            if problem == "missing":
                title = f"`{word.text}` needs its {_in_words(name, word.text)}"
                example = kind.example.replace(" ", "=", 1) if trim else kind.example
                found.append(
                    evaluation.diagnostic("value-missing", title, word.span, "", f"for example: `{example}`")
                )
            else:
                one = given[name]
                wanted = must_be(wanted, one.value)
                title = f"{_as_written(evaluation.source, one.span, name, word.text)} must be {wanted}"
                fraction = isinstance(one.value, float) and not one.value.is_integer()
                help_ = ROUNDED if fraction and "whole" in wanted else ""
                if wanted == "a number from 0 to 1" and is_number(one.value) and 2 <= one.value <= 100:
                    help_ = f"{one.value:g} % is `{one.value / 100:g}`"
                written = evaluation.source.at(one.span)
                if wanted == "true or false":
                    meant = _BOOLEANS.get(one.value)
                    help_ = "" if meant is None else f"write `{name}={describe(meant)}`"
                if not written.endswith(")"):
                    help_ = help_ or no_hexadecimal(one.value)
                if halved := re.search(r"\d\s+/(\d+)$", written):
                    help_ = f"for a stride of {halved[1]}, write `s={halved[1]}`"
                if re.fullmatch(r"-\s*\d+", written) and name in kind.positional[:1] and not trim:
                    help_ = f"a size has no sign: `{word.text} {-one.value}`"
                label = f"this is {describe(one.value)}"
                found.append(evaluation.diagnostic("wrong-value", title, one.span, label, help_))
        raise SpecError(sorted(found, key=lambda one: one.labels[0].span)) from None


def _as_written(source: Source, span: Span, option: str, word: str) -> str:
    """An option as its line names it: `k`, or by position what it is to the layer."""
    named = re.match(r"(\w+)\s*=(?!=)", source.at(span))
    return f"`{named[1]}`" if named else f"the {_in_words(option, word)} of `{word}`"


def _in_words(option: str, word: str) -> str:
    """An option that may be given by position, in words."""
    kind = registry.find(word)
    if option == "p" and kind is not None and kind.family == "dropout":
        return "probability"
    return {
        "out_channels": "number of output channels",
        "out_features": "number of output features",
        "output_size": "output size",
        "num_groups": "number of groups",
        "num_heads": "number of heads",
        "scale_factor": "factor",
        "upscale_factor": "factor",
    }.get(option, option)

"""What to write instead of a word that is not known."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from specgen import options
from specgen.diagnostics import listed, nearest
from specgen.expressions import SAID, describe
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.layers.fields import Flag, OptionType
from specgen.names import objection
from specgen.vocabulary import (
    ENDLESS,
    FINITE,
    FOREIGN,
    GATES,
    INFERRED,
    INSTEAD,
    POINTWISE,
    SEVERAL,
    SIZES,
    STATEMENTS,
    VALUES,
    ours,
)

#: What is said of a word that is like no layer.
NOTHING_LIKE_IT = "`specgen layers` lists what there is"


def word_like(word: str, names: Iterable[str], words: Collection[str]) -> str:
    """The word that means itself and is meant by one that names nothing; empty if a name is as near."""
    if nearest(word, names):
        return ""
    near = nearest(word, words, least=0.7) if len(word) > 3 else []
    return ours(word, words) or (near[0] if near else "")


def for_unknown(word: str, what: str, known: Sequence[str]) -> list[str]:
    """Help for a layer, a block, a name, … that is not among the known ones."""
    if what == "value" and SAID.get(word.casefold()) is False and "none" in known:
        return ["write `none`"]
    if (word in ("True", "False") and what != "value") or (
        word == "None" and (what == "name" or "none" in known)
    ):
        return [f"write `{word.lower()}`"]
    if what == "name" and re.fullmatch(r"x[1-9]\d*", word):
        return [f"write `{word[1:]}`"]
    if what == "name" and word.casefold() in ENDLESS:
        return [FINITE]
    if what == "name" and word.casefold() in SAID:
        return [f"write `{describe(SAID[word.casefold()])}`"]
    if what.startswith("layer"):
        if line := _with_options(word):
            return [f"here that is `{line}`"]
        if line := _with_number(word):
            return [f"write `{line}`"]
        if word.casefold() in INSTEAD:
            return [INSTEAD[word.casefold()]]
        if word.casefold().replace("_", "") in SEVERAL:
            return ["it is several layers: define it with `block`, as the shipped specs do (`specgen list`)"]
        if known and _is_shipped(word.casefold()):
            return [
                f"it is a network of its own, `specgen emit {word.casefold()}`: no spec is part of another"
            ]
        if word.casefold() in FOREIGN:
            return ["there is no such layer; a program can add its own with `specgen.register_layer`"]
    if what == "value" and word.casefold() == "causal" and "half" in known:
        return ["pad in front of the layer: `pad (2, 0); conv 64 k=3 p=0`"]
    if what == "value" and word.casefold() in GATES:
        return [INSTEAD[word.casefold()]]
    found = VALUES.get(word.casefold(), "") if what == "value" else ""
    if found := found if found in known else ours(word, known):
        return [_called(found, word)]
    if what.startswith("layer") and (
        found := ours(word, ("cat", "residual", "add", "mul", "split", "repeat"))
    ):
        return [f"here that is `{'repeat 3' if found == 'repeat' else found} {{ … }}`"]
    if what.startswith("layer") and (found := ours(word.rstrip("_0123456789"), known)):
        return [f"here that is called `{found}`"]  # `norm1`
    if near := nearest(word, known):
        return [f"did you mean `{near[0]}`?"]
    if (
        what == "name"
        and not known
        and re.fullmatch(r"[a-z_]\w*", word)
        and objection(word, local=True) is None
    ):
        return [f"if it is meant to be a number, define it above: `let {word} = 64`"]
    if what == "value":
        return [f"known here: {listed(known)}"]
    if what.startswith("layer"):
        return [NOTHING_LIKE_IT]
    if what == "kind of layer":
        return ["known here: `all`, `conv`, `linear`, `norm`, and the word of each layer with weights"]
    return [f"known here: {listed(known)}"] if 0 < len(known) <= 8 else []


def _is_shipped(name: str) -> bool:
    from specgen import shipped

    return name in shipped.names()


def _with_number(word: str) -> str:
    """The line for a word with its number behind it, `M2`, `fc1000`; empty for others, and for ordinals."""
    parts = re.fullmatch(r"([A-Za-z_]+?)_?([1-9]\d*)", word)
    kind = registry.find(parts[1]) if parts else None
    if parts is None or kind is None:
        return ""
    if kind.family == "pool" and "k" in kind.short and 2 <= int(parts[2]) <= 9:
        return f"{parts[1]} k={parts[2]}"
    return f"{parts[1]} {parts[2]}" if kind.takes_trim and int(parts[2]) >= 10 else ""


def with_size(word: str, size: str) -> str:
    """The line for a layer's word and its size; empty for what is no layer, or takes no size."""
    if line := _with_options(word):
        return line.replace("64", size, 1)
    found = registry.find(word.casefold()) or registry.find(ours(word, registry.words()))
    return f"{found.word} {size}" if found is not None and found.takes_trim else ""


def _with_options(word: str) -> str:
    """The line for a word that has its options in it: `conv3x3` and `conv_bn_relu`; empty for any other."""
    named = re.fullmatch(
        r"(conv|convolution)(?:[123]d)?_?(?:(\d+)x\2|(\d+))?((?:_?(?:bn|relu))*)", word.casefold()
    )
    if named is None or not (named[2] or named[3] or named[4]):
        return ""
    if named[3] and int(named[3]) >= 12:  # no kernel is as large
        return f"conv {named[3]}{' bn' * ('bn' in named[4])}"
    kernel = f" k={named[2] or named[3]}" if named[2] or named[3] else ""
    return f"conv 64{kernel}{' bn' * ('bn' in named[4])}"


def _called(ours: str, word: str) -> str:
    """Our word in place of another one, or of one that is only written with other capitals."""
    return f"write `{ours}`" if ours.casefold() == word.casefold() else f"here that is called `{ours}`"


def statement_for(word: str) -> str:
    """The keyword of a statement that a word is meant as: another language's, or one that is misspelt."""
    folded = word.casefold()
    if folded in STATEMENTS:
        return folded
    if folded in INSTEAD or folded in FOREIGN or ours(word, registry.words()):
        return ""
    found = ours(word, STATEMENTS)
    near = [] if found or len(word) < 4 else nearest(word, (*registry.words(), *STATEMENTS), least=0.7)
    return found or next((one for one in near if one in STATEMENTS), "")


def for_word(word: str, known: Sequence[str]) -> str:
    """Help for a word that is the value of an option, where it is not among those that may be."""
    if found := ours(word, known):
        return _called(found, word)
    if registry.find(word) is not None and word not in registry.trims():
        return f"it is a layer of its own: leave it out here, and write `; {word}` behind the line"
    near = nearest(word, known)
    return f"did you mean `{near[0]}`?" if near else ""


def for_option(name: str, value: str, word: str, layer: type[Layer], *, guess: bool) -> str:
    """Help for an option that a layer does not have; without `guess`, similar names are not looked for."""
    known, flags = options.option_names(layer), options.flags(layer)
    if name in flags:
        return f"it stands alone: `{name}`, or is left out"
    if name.casefold() in SIZES and layer.positional and not layer.positional[0].startswith("mult"):
        return f"the size is written without a name: `{word} {value}`"
    if name.casefold() in INFERRED:
        return "leave it out: it follows from what arrives"
    if found := ours(name, known):
        return f"here that is called `{found}`"
    if name.casefold() in ("init", "initializer", "kernel_initializer", "weight_init", "bias_initializer"):
        return "how weights start is a statement of its own: `init conv kaiming_normal`"
    if name.casefold() in (
        "weight_decay",
        "trainable",
        "frozen",
        "lr",
        "kernel_regularizer",
        "requires_grad",
    ):
        return INSTEAD["train"]
    if name.casefold() in ("times", "repeats") and "times" not in known:
        return f"write `repeat {value} {{ {word} … }}`"
    if name.casefold() in ("name", "label", "id") and value.isidentifier():
        return f"a layer's name stands in front of it: `{value}: {word} …`"
    norm = registry.find("bn")
    if layer.takes_trim and norm is not None and name in options.option_names(norm):
        return f"it belongs to the norm: `default bn {name}={value}`"
    owners = [one.word for one in registry.layers() if name in options.option_names(one)]
    if len(owners) == 1:
        return f"it is an option of `{owners[0]}`"
    if near := nearest(name, known if guess else ()):
        return f"did you mean `{near[0]}`?"
    return f"`{word}` takes {listed_options(layer)}"


def for_flag(
    name: str, word: str, layer: type[Layer], names: Sequence[str], *, takes_value: bool, guess: bool
) -> list[str]:
    """Help for a bare word on a layer's line; `names` are the values in scope."""
    flags = options.flags(layer)
    choices = [
        option
        for option, one in layer.options.items()
        if name in options.values(option, layer) and _takes(one.kind, name)
    ]
    if choices:
        return [f"write `{choices[0]}={name}`"]
    if name.casefold() in GATES:
        act = GATES[name.casefold()]
        return [f"a gate is the product of two branches: `mul {{ {word} 64 linear | {word} 64 {act} }}`"]
    if name in options.option_names(layer):
        option = options.option_names(layer)[name]
        if option in layer.options and isinstance(layer.options[option].kind, Flag):
            return [f"write `{name}=true`"]
        return [f"an option has its value behind `=`: `{name}=…`"]
    if found := ours(name, flags):
        return [f"here that is called `{found}`"]
    trim = registry.trims().get(name.removeprefix("no").removeprefix("_")) if name.startswith("no") else None
    if trim is not None and trim.trim in ("norm", "act") and layer.takes_trim:
        return [f"write `{'nonorm' if trim.trim == 'norm' else 'linear'}`"]
    if name == "global" and layer.family == "pool":
        return [f"here that is `{'gap' if layer.word == 'avgpool' else 'adaptive_maxpool 1'}`"]
    if registry.find(name) is not None:
        return [f"it is a layer of its own: write `;` in front of `{name}`"]
    if found := ours(name, registry.words()):
        return [f"here that is called `{found}`, a layer of its own: write `;` in front of it"]
    if name.casefold() in POINTWISE:
        return [f"{INSTEAD[name.casefold()]}, a layer of its own: write `;` in front of it"]
    if near := nearest(name, (*flags, *names) if guess else ()):
        return [f"did you mean `{near[0]}`?"]
    if name.casefold() in ENDLESS:
        return [FINITE] if takes_value else []
    taken = objection(name, local=True) or name in (*registry.option_words(), *options.all_flags())
    if takes_value and not taken:
        return [f"if it is meant to be a number, define it above: `param {name} = 64`"]
    return [f"`{word}` knows {_listed_flags(layer)}" if flags else f"`{word}` takes {listed_options(layer)}"]


def names_layer(word: str) -> bool:
    """Whether a word that is no flag stands for a layer, here or elsewhere."""
    known = registry.find(word) is not None or word.casefold() in POINTWISE
    return known or bool(ours(word, registry.words()))


def _takes(kind: OptionType, value: str) -> bool:
    """Whether an option may be this word, and not only a part of a tuple."""
    try:
        kind.check(value)
    except ValueError:
        return False
    return True


def _listed_flags(layer: type[Layer]) -> str:
    """The flags of a layer: the trim by kind, and the rest."""
    by_kind: dict[str, list[str]] = {}
    for flag, (option, value) in sorted(options.flags(layer).items()):
        if value != "none" or flag in registry.trims():
            by_kind.setdefault(option, []).append(flag)
    by_kind = {option: flags for option, flags in by_kind.items() if option in options.TRIM}
    listed_by_kind = [
        f"{title} {', '.join(by_kind[option])}"
        for option, title in (("norm", "the norms"), ("act", "the activations"))
        if option in by_kind
    ]
    others = sorted(set(options.flags(layer)) - {flag for flags in by_kind.values() for flag in flags})
    others += ["drop"] if "drop" in by_kind else []
    return "; ".join([*listed_by_kind, listed(others)] if others else listed_by_kind)


def listed_options(layer: type[Layer]) -> str:
    """The options of a layer by their short names, with their defaults; what it takes by position first."""
    short = {option: letter for letter, option in layer.short.items()}
    shown = []
    for name in options.in_order(layer):
        option = layer.options[name]
        default = "" if option.required else f"={options.written(option.default)}"
        shown.append(f"{short[name]}{default} ({name})" if name in short else f"{name}{default}")
    if layer.takes_trim:
        shown += ["norm=none", f"act={layer.default_act or 'none'}", "drop=none"]
    return ", ".join(shown) or "no options"

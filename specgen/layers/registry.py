"""Which layers there are. The rest of the compiler asks here and knows none by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, wraps
from threading import Lock
from typing import Any, TypeVar, TypeVarTuple

from specgen.given import need, wrong
from specgen.layers.base import Layer
from specgen.layers.fields import words_of

L = TypeVar("L", bound=Layer)
Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")

#: The layers by word. A registration puts another table in its place: whoever reads this one goes on with it.
_BY_WORD: dict[str, type[Layer]] = {}

#: The layers that came with installed packages.
_OFFERED: set[type[Layer]] = set()

#: What `derived` functions have answered since the last registration.
_ANSWERS: dict[Any, Any] = {}

_CHANGING = Lock()


def register_layer(layer: type[L]) -> type[L]:
    """Make a layer known under its words. Use it as a decorator on a subclass of `Layer`.

    Raises `ValueError` if a word is taken by another layer or cannot be written, and where the class names an
    option or an activation that there is not; `TypeError` for what is no subclass, and for a layer without a
    constructor call or a word.
    """
    if not (isinstance(layer, type) and issubclass(layer, Layer)):
        raise wrong("layer", layer, "a subclass of `specgen.Layer`")
    if missing := sorted(layer.__abstractmethods__):
        raise TypeError(f"{layer.__name__} has no method {', '.join(missing)}")
    if not hasattr(layer, "word"):
        raise TypeError(f"{layer.__name__} has no `word` that names it in a spec")
    need("other_words", layer.other_words, (tuple, list), "a tuple of strings")
    words = (layer.word, *layer.other_words)
    for word in words:
        need("word", word, str, "a string")
        if not (word.isascii() and word.isidentifier()) or (layer.is_foreign and not _can_be_written(word)):
            raise ValueError(
                f"{word!r} cannot be written in a spec: use letters, digits and _, and no keyword"
            )
    if layer.is_foreign:
        _check_attributes(layer)
    with _CHANGING:
        for word in words:
            known = _BY_WORD.get(word, layer)
            if known is not layer:
                raise ValueError(f"`{word}` already names {known.__name__}")
        _replace({**_BY_WORD, **dict.fromkeys(words, layer)})
    return layer


def _check_attributes(layer: type[Layer]) -> None:
    """Raise where what a class of somebody's own says of itself names nothing that there is."""
    need("positional", layer.positional, (tuple, list), "a tuple of strings")
    need("short", layer.short, dict, "a dict of strings")
    for name in (*layer.positional, *layer.short.values()):
        if name not in layer.options:
            raise ValueError(f"{layer.__name__} has no option {name!r}")
    if layer.trim not in (None, "norm", "act", "drop"):
        raise ValueError(f"`trim` has to be 'norm', 'act', 'drop' or None, not {layer.trim!r}")
    act = None if layer.default_act is None else trims().get(layer.default_act)
    if layer.default_act is not None and (act is None or act.trim != "act"):
        raise ValueError(f"`default_act` has to be the word of an activation, not {layer.default_act!r}")


def _can_be_written(word: str) -> bool:
    """Whether a line can start with a word: a keyword cannot, nor what is too long."""
    from specgen.parser import parses  # only the layers of others need it

    return parses(word)


def unregister_layer(layer: type[Layer]) -> None:
    """Forget a layer, under all its words."""
    with _CHANGING:
        _replace({word: known for word, known in _BY_WORD.items() if known is not layer})


def _replace(table: dict[str, type[Layer]]) -> None:
    global _BY_WORD
    _BY_WORD = table
    forget_answers()


def forget_answers() -> None:
    """Forget what `derived` functions have answered."""
    global _ANSWERS
    _ANSWERS = {}


def derived(function: Callable[[*Arguments], Answer]) -> Callable[[*Arguments], Answer]:
    """Remember what a function makes of the layers there are, until another one is registered."""

    @wraps(function)
    def remembering(*arguments: *Arguments) -> Answer:
        # An answer that a registration overtakes goes where nobody looks any more.
        answers = _ANSWERS
        key = (function, *arguments)
        if key not in answers:
            answers[key] = function(*arguments)
        found: Answer = answers[key]
        return found

    return remembering


def find(word: str) -> type[Layer] | None:
    """The layer that a word names."""
    if word not in _BY_WORD:
        load_installed()
    return _BY_WORD.get(word)


@cache
def load_installed() -> None:
    """Register the layers that installed packages offer: entry points of the group `specgen.layers`.

    Looking for them takes time, so that happens when a word is unknown. One that cannot be loaded is a
    warning.
    """
    from importlib.metadata import entry_points

    for point in entry_points(group="specgen.layers"):
        try:
            _OFFERED.add(register_layer(point.load()))
        except Exception as error:
            warnings.warn(f"the layer {point.name} of {point.value} cannot be loaded: {error}", stacklevel=2)


def reserved(word: str) -> bool:
    """Whether a word names a layer, so that nothing else can be called that.

    What an installed package offers gives way: installing it must not make a spec wrong that was right.
    """
    layer = _BY_WORD.get(word)
    return layer is not None and layer not in _OFFERED


def words() -> tuple[str, ...]:
    """Every word that names a layer, other words included."""
    return tuple(_BY_WORD)


@derived
def layers() -> tuple[type[Layer], ...]:
    """Every layer once, in the order of registration."""
    return tuple(dict.fromkeys(_BY_WORD.values()))


@derived
def trims() -> dict[str, type[Layer]]:
    """The layers that may stand behind another on its line, by word."""
    return {word: layer for word, layer in _BY_WORD.items() if layer.trim}


@derived
def option_words() -> frozenset[str]:
    """Every word that some option accepts as its value: `reflect`, `nearest`, `none`."""
    found = {"none"}
    for layer in layers():
        for option in layer.options.values():
            found |= words_of(option.kind)
    return frozenset(found)

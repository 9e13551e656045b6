"""Which layers there are. The rest of the compiler asks here and knows none by name."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TypeVar

from specgen.layers.base import Layer
from specgen.layers.fields import words_of

_BY_WORD: dict[str, type[Layer]] = {}

L = TypeVar("L", bound=Layer)


def register_layer(layer: type[L]) -> type[L]:
    """Make a layer known under its words. Use it as a decorator on a subclass of `Layer`.

    Raises `ValueError` if a word is taken by another layer or is not a name, and `TypeError` for a layer
    without a constructor call.
    """
    if missing := sorted(layer.__abstractmethods__):
        raise TypeError(f"{layer.__name__} has no method {', '.join(missing)}")
    for word in (layer.word, *layer.other_words):
        if not (word.isascii() and word.isidentifier()):
            raise ValueError(f"{word!r} cannot be written in a spec: use letters, digits and _")
        known = _BY_WORD.get(word)
        if known is not None and known is not layer:
            raise ValueError(f"`{word}` already names {known.__name__}")
    for word in (layer.word, *layer.other_words):
        _BY_WORD[word] = layer
    for derived in (layers, trims, option_words):
        derived.cache_clear()
    return layer


def unregister_layer(layer: type[Layer]) -> None:
    """Forget a layer, under all its words."""
    for word in (layer.word, *layer.other_words):
        if _BY_WORD.get(word) is layer:
            del _BY_WORD[word]
    for derived in (layers, trims, option_words):
        derived.cache_clear()


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
            register_layer(point.load())
        except Exception as error:
            warnings.warn(f"the layer {point.name} of {point.value} cannot be loaded: {error}", stacklevel=2)


def words() -> tuple[str, ...]:
    """Every word that names a layer, other words included."""
    return tuple(_BY_WORD)


@cache
def layers() -> tuple[type[Layer], ...]:
    """Every layer once, in the order of registration."""
    return tuple(dict.fromkeys(_BY_WORD.values()))


@cache
def trims() -> dict[str, type[Layer]]:
    """The layers that may stand behind another on its line, by word."""
    return {word: layer for word, layer in _BY_WORD.items() if layer.trim}


@cache
def option_words() -> frozenset[str]:
    """Every word that some option accepts as its value: `reflect`, `nearest`, `none`."""
    found = {"none"}
    for layer in layers():
        for option in layer.options.values():
            found |= words_of(option.kind)
    return frozenset(found)

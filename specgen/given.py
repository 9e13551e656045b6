"""What the program that calls specgen gives: an argument of the wrong type is told in one sentence."""

from __future__ import annotations

from specgen.source import printable


def need(argument: str, value: object, kinds: type | tuple[type, ...], wanted: str) -> None:
    """Raise `TypeError` unless the value of an argument is of one of these classes; no boolean is.

    `wanted` says in words what they are.
    """
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise wrong(argument, value, wanted)


def wrong(argument: str, value: object, wanted: str) -> TypeError:
    """The error for an argument: its name, what it has to be, and what it is."""
    return TypeError(f"`{argument}` has to be {wanted}, not {shown(value)}")


def shown(value: object) -> str:
    """A value as Python writes it, cut where it is long; its type where Python does not."""
    try:
        text = repr(value)
    except Exception:  # `repr` is the value's own, and Python's refuses very long numbers
        return f"this {type(value).__name__}"
    return printable(cut(text, 60))


def cut(text: str, most: int = 200) -> str:
    """A text, or the beginning of one that is longer than `most` characters."""
    return text if len(text) <= most else f"{text[:most]}…"

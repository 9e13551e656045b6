"""Text to its canonical form, which is looked at once more before it is given out."""

from __future__ import annotations

from itertools import pairwise

from specgen.diagnostics import Diagnostic, SpecError, within_the_stack
from specgen.formatting.columns import render
from specgen.formatting.layout import Layout
from specgen.formatting.tree import Word, read, words
from specgen.given import need
from specgen.layers import registry
from specgen.limits import DEFAULT_LIMITS, Limits
from specgen.parser import parse
from specgen.source import Source


def format_text(text: str, *, limits: Limits = DEFAULT_LIMITS) -> str:
    """A spec in its canonical form: it means the same, and formatting it again changes nothing.

    Names need not be known, but the text has to be written in the language. Lines end with LF, and a
    byte-order mark is dropped.

    Raises:
        SpecError: a syntax error, or a limit that the spec is beyond.
        TypeError: an argument is of another type.
    """
    need("text", text, str, "a string")
    need("limits", limits, Limits, "a `specgen.Limits`")
    return format_source(Source(text.removeprefix("\ufeff").replace("\r\n", "\n")), limits)


def format_source(source: Source, limits: Limits = DEFAULT_LIMITS) -> str:
    """`format_text` for a text with a name, so that errors can say where it came from."""
    with within_the_stack():
        parse(source, limits)
        layout = Layout(_drop_is_half(words(source.text)))
        formatted = render(layout.lines(read(source.text)))
        _check(source, formatted, limits)
    return formatted


def _drop_is_half(found: list[Word]) -> bool:
    """Whether no `default` changes the probability of the flag `drop`."""
    return not any(
        word.kind == "DEFAULT" and (layer := registry.find(after.text)) is not None and layer.word == "drop"
        for word, after in pairwise(found)
    )


def _check(source: Source, formatted: str, limits: Limits) -> None:
    """Refuse a result beyond a limit: indentation can make a long, deep source longer."""
    try:
        parse(Source(formatted), limits)
    except SpecError as error:
        (found,) = error.diagnostics
        if found.code != "too-large":
            raise AssertionError(f"formatting broke the spec: {found.title}") from error
        title = "the spec is too large to be formatted"
        raise SpecError(
            [Diagnostic("too-large", title, help=(f"in canonical form, {found.title}",), source=source)]
        ) from None

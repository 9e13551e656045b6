"""A lexer for Pygments: `specgen` in Sphinx, Markdown tools, and `pygmentize -l specgen`.

Pygments finds it by its entry point. The words of layers, flags and options come from the registry; names
that a spec gives to its blocks are told apart by where they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import (
    Comment,
    Error,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    Whitespace,
    _TokenType,
)  # fmt: skip

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_DECLARATIONS = "network input param let default init block variant expect"
_STRUCTURE = "repeat as if else add mul cat split residual when"


def _words(words: str) -> str:
    return rf"\b(?:{'|'.join(words.split())})\b(?!\s*=[^=])"


class SpecLexer(RegexLexer):  # type: ignore[misc] # Pygments has no types
    """The spec language of specgen."""

    name = "specgen"
    aliases: ClassVar[list[str]] = ["specgen"]
    filenames: ClassVar[list[str]] = []  # *.spec is RPM's and PyInstaller's, too
    mimetypes: ClassVar[list[str]] = ["text/x-specgen"]
    url = ""

    tokens: ClassVar[dict[str, Any]] = {
        "root": [
            (r"\n", Whitespace),
            (r"[ \t\r\ufeff]+", Whitespace),
            (r"#[^\n]*", Comment.Single),
            (rf"(block)([ \t]+)({_NAME})", bygroups(Keyword.Declaration, Whitespace, Name.Class)),
            (rf"(network|variant)([ \t]+)({_NAME})", bygroups(Keyword.Declaration, Whitespace, Name.Class)),
            (
                rf"(param|let)([ \t]+)({_NAME})",
                bygroups(Keyword.Declaration, Whitespace, Name.Variable),
            ),
            (
                rf"(init)([ \t]+)({_NAME})([ \t]+)({_NAME})",
                bygroups(Keyword.Declaration, Whitespace, Name, Whitespace, Name.Function),
            ),
            (rf"({_NAME})(:)", bygroups(Name.Label, Punctuation)),
            (_words(_DECLARATIONS), Keyword.Declaration),
            (_words(_STRUCTURE), Keyword),
            (_words("and or not"), Operator.Word),
            (_words("true false"), Keyword.Constant),
            (_words("in"), Name.Builtin.Pseudo),
            (rf"({_NAME})([ \t]*)(=)(?!=)", bygroups(Name.Attribute, Whitespace, Operator)),
            (rf"{_NAME}(?=\()", Name.Function),
            (_NAME, Name),
            (r"[0-9]+(?:x[0-9]+)+(?![A-Za-z0-9_.])", Number),
            (r"[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?", Number.Float),
            (r"[0-9]+[eE][+-]?[0-9]+", Number.Float),
            (r"[0-9]+", Number.Integer),
            (r"==|!=|<=|>=|//|[-+*/%<>=]", Operator),
            (r"[{}(),;|:]", Punctuation),
            (r".", Error),
        ]
    }

    def get_tokens_unprocessed(
        self, text: str, stack: Any = ("root",)
    ) -> Iterator[tuple[int, _TokenType, str]]:
        """The tokens of a text with their places: names are told apart by what the registry knows."""
        layers, flags = _known()
        for place, kind, value in super().get_tokens_unprocessed(text, stack):
            if kind is Name and value in layers and (value not in flags or _begins(text, place)):
                yield place, Name.Builtin, value
            elif kind is Name and value in flags:
                yield place, Name.Constant, value
            elif kind is Name and _begins(text, place):
                yield place, Name.Class, value  # the use of a block
            else:
                yield place, kind, value


def _begins(text: str, place: int) -> bool:
    """Whether a statement begins at a place, its label left out."""
    before = text[max(0, text.rfind("\n", 0, place)) : place].rstrip(" \t")
    return not before or before[-1] in "\n;{|:\ufeff" or before.endswith(("default", "init"))


def _known() -> tuple[frozenset[str], frozenset[str]]:
    """The words of layers, and the flags and other words that options take."""
    from specgen import options
    from specgen.layers import registry

    return frozenset(registry.words()), options.all_flags() | registry.option_words()


__all__ = ["SpecLexer"]

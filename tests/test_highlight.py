"""The Pygments lexer: found by its name, loses no character, and tells the kinds of words apart."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest
from fuzz.programs import program
from hypothesis import given, settings
from hypothesis import strategies as st
from pygments.token import (
    Comment,
    Error,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    Whitespace,
)  # fmt: skip

from specgen.highlight import SpecLexer

ROOT = Path(__file__).parent.parent
SPECS = sorted(
    path for folder in ("specs", "examples", "tests/right") for path in (ROOT / folder).glob("*.spec")
)


def tokens(text: str) -> list[tuple[object, str]]:
    """The tokens of a text, without spaces."""
    found = SpecLexer().get_tokens_unprocessed(text)
    return [(kind, value) for _, kind, value in found if kind is not Whitespace]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_comes_back_without_an_error(path: Path) -> None:
    text = path.read_bytes().decode()
    found = list(SpecLexer().get_tokens_unprocessed(text))
    assert "".join(value for _, _, value in found) == text
    assert not [value for _, kind, value in found if kind is Error]


def test_drawn_programs_have_no_error() -> None:
    for seed in range(20):
        assert not [value for kind, value in tokens(program(seed)) if kind is Error]


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_any_text_comes_back(text: str) -> None:
    found = list(SpecLexer().get_tokens_unprocessed(text))
    assert "".join(value for _, _, value in found) == text
    assert [place for place, _, _ in found] == sorted({place for place, _, _ in found})


def test_words_are_told_apart() -> None:
    text = "param n = 2\nfeatures: { conv 4*n k=3x5 bn; bottleneck in p=.5 } # why\nif n >= 2 { M }"
    assert tokens(text) == [
        (Keyword.Declaration, "param"), (Name.Variable, "n"), (Operator, "="), (Number.Integer, "2"),
        (Name.Label, "features"), (Punctuation, ":"), (Punctuation, "{"),
        (Name.Builtin, "conv"), (Number.Integer, "4"), (Operator, "*"), (Name, "n"),
        (Name.Attribute, "k"), (Operator, "="), (Number, "3x5"), (Name.Constant, "bn"), (Punctuation, ";"),
        (Name.Class, "bottleneck"), (Name.Builtin.Pseudo, "in"),
        (Name.Attribute, "p"), (Operator, "="), (Number.Float, ".5"), (Punctuation, "}"),
        (Comment.Single, "# why"),
        (Keyword, "if"), (Name, "n"), (Operator, ">="), (Number.Integer, "2"),
        (Punctuation, "{"), (Name.Builtin, "M"), (Punctuation, "}"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind", "word"),
    [
        ("relu", Name.Builtin, "relu"),
        ("conv 8 relu", Name.Constant, "relu"),
        ("conv 8 act=relu", Name.Constant, "relu"),
        ("fc: fc 10", Name.Label, "fc"),
        ("block stage(c) { conv c }", Name.Class, "stage"),
        ("variant Large width=2", Name.Class, "Large"),
        ("init conv kaiming_normal", Name.Function, "kaiming_normal"),
        ("conv max(1, n)", Name.Function, "max"),
        ("default conv bn", Name.Builtin, "conv"),
        ("if not true { M }", Operator.Word, "not"),
        ("if not true { M }", Keyword.Constant, "true"),
        ("scale init=1e-6", Name.Attribute, "init"),
        ("conv 8 §", Error, "§"),
    ],
)
def test_one_word(text: str, kind: object, word: str) -> None:
    assert (kind, word) in tokens(text)


def test_it_is_registered_under_its_name() -> None:
    """Once specgen is installed anew, Pygments finds it; `spec` stays RPM's."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pygments.lexers"] == {"specgen": "specgen.highlight:SpecLexer"}
    assert SpecLexer.aliases == ["specgen"] and not SpecLexer.filenames
    for point in entry_points(group="pygments.lexers", name="specgen"):
        assert point.load() is SpecLexer

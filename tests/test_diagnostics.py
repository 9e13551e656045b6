"""How a diagnostic is drawn, and which words are near."""

from __future__ import annotations

import pytest

from specgen.diagnostics import Diagnostic, Label, SpecError, abridged, listed, nearest, render
from specgen.source import Source, Span


def drawn(text: str, *labels: tuple[str, str], name: str = "a.spec", **also: object) -> str:
    """A diagnostic about pieces of a text; a label whose words begin with `-` is a second one."""
    made = []
    for piece, words in labels:
        start = text.index(piece)
        made.append(
            Label(Span(start, start + len(piece)), words.removeprefix("-"), not words.startswith("-"))
        )
    return render(Diagnostic("code", "title", tuple(made), source=Source(text, name), **also))  # type: ignore[arg-type]


def test_one_place() -> None:
    assert drawn("conv 8\n  conv k=9\n", ("k=9", "too large"), help=("smaller",), notes=("so",)) == (
        "error[code]: title\n"
        " --> a.spec:2:8\n"
        "  |\n"
        "2 |   conv k=9\n"
        "  |        ^^^ too large\n"
        "  |\n"
        "  = help: smaller\n"
        "  = note: so"
    )


def test_places_stand_in_the_files_order_with_dots_between() -> None:
    text = "first\nsecond\n\n\n\n\n\n\n\ntenth line\n"
    assert drawn(text, ("line", "here"), ("second", "-there"), ("first", "-and there")) == (
        "error[code]: title\n"
        "  --> a.spec:10:7\n"
        "   |\n"
        " 1 | first\n"
        "   | ----- and there\n"
        " 2 | second\n"
        "   | ------ there\n"
        "...\n"
        "10 | tenth line\n"
        "   |       ^^^^ here"
    )


def test_two_places_on_one_line_share_it() -> None:
    assert drawn("conv k=3 k=5", ("k=5", "the second"), ("k=3", "-the first")).endswith(
        "1 | conv k=3 k=5\n  |      --- the first\n  |          ^^^ the second"
    )


def test_two_labels_at_one_place_draw_its_line_once() -> None:
    text = "conv 8"
    shown = drawn(text, ("conv", "one"), ("conv 8", "-other"))
    assert shown.endswith("1 | conv 8\n  | ^^^^ one\n  | ------ other")


def test_a_place_at_the_end_of_the_text_has_a_mark() -> None:
    text = "conv"
    shown = render(Diagnostic("code", "title", (Label(Span(4, 5), "more"),), source=Source(text)))
    assert shown.endswith("1 | conv\n  |     ^ more")


def test_a_place_over_two_lines_is_marked_to_the_end_of_the_first() -> None:
    assert drawn("add {\n}", ("add {\n}", "this")).endswith("1 | add {\n  | ^^^^^ this")


def test_columns_are_right_behind_tabs_and_wide_characters() -> None:
    assert drawn("\tconv # 漢字 k", ("k", "here")).endswith(
        "1 |     conv # 漢字 k\n  |                 ^ here"
    )
    assert drawn("e\u0301 k", ("k", "here")).endswith("1 | e\u0301 k\n  |   ^ here")


def test_what_cannot_be_printed_is_escaped_everywhere() -> None:
    shown = drawn("a\x1b k", ("k", "x\x1b"), name="\u202e.spec", help=("\x07",), notes=("\r",))
    assert shown.replace("\n", "").isprintable()
    assert "\\u202e.spec:1:4" in shown and "a\\x1b k" in shown and "x\\x1b" in shown
    assert "\\x07" in shown and "\\r" in shown


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (0, range(160)),
        (119, range(160)),
        (120, range(80, 240)),
        (250, range(210, 300)),
        (299, range(259, 300)),
    ],
)
def test_of_a_very_long_line_what_is_around_the_place_is_shown(column: int, shown: range) -> None:
    text = "".join(chr(ord("a") + index % 26) for index in range(300))
    source = Source(text)
    *_, line, marks = render(
        Diagnostic("code", "title", (Label(Span(column, column + 1), "x"),), source=source)
    ).split("\n")
    before, after = "…" * (shown.start > 0), "…" * (shown.stop < 300)
    assert line == f"1 | {before}{text[shown.start : shown.stop]}{after}"
    assert line[marks.index("^")] == text[column]
    assert marks.endswith("^ x")


def test_a_line_of_160_is_shown_whole() -> None:
    text = "a" * 159 + "k"
    assert f"1 | {text}\n" in drawn(text, ("k", ""))
    assert "…" in drawn("b" + text, ("k", ""))


def test_two_places_far_apart_on_a_long_line_are_both_shown() -> None:
    text = "x" + " " * 300 + "y"
    shown = drawn(text, ("x", "-one"), ("y", "other"))
    assert [line.strip() for line in shown.split("\n") if "one" in line or "other" in line] == [
        "| - one",
        f"| {' ' * 41}^ other",
    ]


def test_without_a_place() -> None:
    assert render(Diagnostic("code", "title", help=("do",))) == "error[code]: title\n  = help: do"
    assert render(Diagnostic("code", "title", source=Source("x", "n.spec"), severity="warning")) == (
        "warning[code]: title\n --> n.spec"
    )


def remark_of(*pieces: str) -> list[str]:
    """The lines of a remark made of some pieces with commas between."""
    return render(Diagnostic("code", "title", notes=(", ".join(pieces),))).split("\n")[1:]


def test_a_long_list_in_a_remark_is_wrapped_behind_commas() -> None:
    # With `note: ` in front and a comma and a space behind each, 4 pieces of 20 and one of 6 make 100.
    full = ["x" * 20] * 4
    first = f"  = note: {', '.join(full)},"
    assert remark_of(*full, "y" * 6) == [first + " " + "y" * 6]
    assert remark_of(*full, "y" * 7) == [first, f"          {'y' * 7}"]
    assert remark_of(*full, "y" * 4, "z") == [f"{first} yyyy,", "          z"]
    assert remark_of(*full, "y" * 5, "z") == [first, "          yyyyy, z"]


def test_a_long_remark_with_few_commas_is_left_alone() -> None:
    assert len(remark_of("x" * 60, "y" * 60, "z" * 60)) == 1
    assert len(remark_of("x" * 60, "y" * 60, "z" * 60, "w")) == 3


def test_errors_are_separated_by_an_empty_line() -> None:
    one, other = Diagnostic("a", "x"), Diagnostic("b", "y")
    error = SpecError([one, other])
    assert str(error) == "error[a]: x\n\nerror[b]: y"
    assert error.diagnostics == (one, other)


def test_as_json() -> None:
    made = Diagnostic(
        "code",
        "title",
        (Label(Span(2, 5), "l"), Label(Span(0, 1), "m", False)),
        ("h",),
        ("n",),
        Source("a\nbcd"),
    )
    assert made.as_json() == {
        "severity": "error",
        "code": "code",
        "title": "title",
        "file": "<text>",
        "labels": [
            {"line": 2, "column": 1, "end_line": 2, "end_column": 4, "text": "l", "primary": True},
            {"line": 1, "column": 1, "end_line": 1, "end_column": 2, "text": "m", "primary": False},
        ],
        "help": ["h"],
        "notes": ["n"],
    }
    assert Diagnostic("code", "title").as_json()["file"] is None
    assert Diagnostic("code", "title", source=Source("x")).place is None


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("cnov", ["conv", "deconv", "relu"], ["conv"]),
        ("CONV", ["conv"], ["conv"]),
        ("kernl", ["kernel_size", "padding"], ["kernel_size"]),
        ("zzz", ["conv", "relu"], []),
        ("a" * 41, ["a" * 40], []),
        ("a" * 40, ["a" * 40], ["a" * 40]),
        ("a" * 40, ["a" * 41], []),
        ("abs", ["abc_x"], []),
        ("hous", ["nous_and_more_words"], ["nous_and_more_words"]),
        ("hou", ["nou_and_more_words"], []),
        ("conv", [], []),
    ],
)
def test_the_nearest_word(word: str, known: list[str], near: list[str]) -> None:
    assert nearest(word, known) == near


def test_several_near_words_best_first_and_of_very_many_only_some() -> None:
    assert nearest("vgg11", ["vgg13", "vgg11", "resnet"], 3) == ["vgg11", "vgg13"]
    many = [f"a{index:04}" for index in range(500)]
    assert nearest("zoom", [*many[:499], "zoom"]) == ["zoom"]
    assert nearest("zoom", [*many, "zoom"]) == []


def test_words_in_a_row() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "`a`"
    assert listed(["a", "b"]) == "`a` and `b`"
    assert listed(iter(["a", "b", "c"])) == "`a`, `b` and `c`"
    assert listed("abcdefghij") == "`a`, `b`, `c`, `d`, `e`, `f`, … 2 more …, `i` and `j`"


def test_a_long_list_is_abridged() -> None:
    assert abridged("abcdefgh") == list("abcdefgh")
    assert abridged("abcdefghi") == [*"abcdef", "… 1 more …", *"hi"]
    assert abridged("abcde", 1, 1) == ["a", "… 3 more …", "e"]

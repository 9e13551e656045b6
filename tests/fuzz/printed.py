"""What is wrong with a text that was printed: not printable, a line from outside, or not of its format."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from itertools import groupby

#: How a line begins that only a payload could have written.
FORGED = ("error[forged]", "::set-output", "::error::x", "::error file=a::", "  --> a.spec:1:1")

#: The most characters that are printed about a small spec.
LONGEST = 300_000


#: What is printed beside printable characters; the last one indents the rows of Markdown.
_SPACES = "\n\t\N{NO-BREAK SPACE}"


def clean(said: str) -> bool:
    """Whether a text can be printed on a terminal as it is."""
    return all(char.isprintable() or char in _SPACES for char in said)


def complaint_about(said: str) -> str:
    """What is wrong with something that is printed, whatever its format."""
    if not clean(said):
        return f"not printable: {said[:1000]!r}"
    if len(said) > LONGEST:
        return f"it says {len(said)} characters"
    forged = [line for line in said.split("\n") if line.startswith(FORGED)]
    return f"a line from outside: {forged[:1]}" if forged else ""


def complaint_about_format(arguments: Sequence[str], printed: str) -> str:
    """What is wrong with the standard output of a command that was asked for a format."""
    for asked, is_well_formed in FORMATS.items():
        if printed and asked in arguments and not is_well_formed(printed):
            return f"no {asked.strip('-')}: {printed[:1000]!r}"
    return ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_table(text: str) -> bool:
    return len({len(row) for row in csv.reader(io.StringIO(text))}) == 1


def _is_github(text: str) -> bool:
    return all(re.fullmatch(r"::(error|warning) [a-zA-Z]+=.*::.+", line) for line in text.splitlines())


def _is_short(text: str) -> bool:
    return all(re.search(r": (error|warning)\[[a-z-]+\]: ", line) for line in text.splitlines())


def _is_markdown(text: str) -> bool:
    """Whether each table has as many cells in every row, and no tag stands outside of code."""
    for is_table, lines in groupby(text.splitlines(), lambda line: line.startswith("|")):
        bare = [re.sub(r"\\.", "", line) for line in lines]
        if is_table and len({line.count("|") for line in bare}) != 1:
            return False
        if any("<" in re.sub(r"`[^`]*`", "", line) for line in bare):
            return False
    return True


#: What asks for a format, and whether a text is of it.
FORMATS: Mapping[str, Callable[[str], bool]] = {
    "--json": _is_json,
    "sarif": _is_json,
    "schema": _is_json,
    "--jsonl": lambda text: all(map(_is_json, text.splitlines())),
    "--csv": _is_table,
    "github": _is_github,
    "short": _is_short,
    "--markdown": _is_markdown,
}


class _Tags(HTMLParser):
    """Notes what a page has that none of ours should have."""

    def __init__(self) -> None:
        super().__init__()
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        allowed = tag in ("div", "pre", "span", "table", "tbody", "td", "th", "thead", "tr")
        if not allowed or any(name not in ("class", "style") for name, _ in attrs):
            self.foreign.append(tag)

    def handle_comment(self, data: str) -> None:
        self.foreign.append("a comment")

    def handle_decl(self, decl: str) -> None:
        self.foreign.append("a declaration")


def complaint_about_html(page: str) -> str:
    """What is wrong with HTML that may hold foreign text, and tags of a table or of coloured source."""
    tags = _Tags()
    tags.feed(page)
    tags.close()
    return f"HTML from outside: {tags.foreign[:3]} in {page[:500]!r}" if tags.foreign else ""

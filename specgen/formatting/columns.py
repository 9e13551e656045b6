"""Columns: statements below each other, tables of arguments, and comments behind neighbouring lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from specgen.formatting.layout import WIDTH, Line
from specgen.formatting.phrases import Cell
from specgen.formatting.tree import Word


def render(lines: Sequence[Line]) -> str:
    """The text of some lines, its columns aligned."""
    for table in _tables(lines):
        _align_table(table)
    for section in _sections(lines):
        _align_section(section)
    columns = _comment_columns(lines)
    text = []
    for line, column in zip(lines, columns, strict=True):
        behind = line.comment.text if line.comment else ""
        text += ["\n"] if line.apart else []
        text += [f"{line.text.ljust(column)}{behind}".rstrip(), "\n"]
    return "".join(text)


# --- tables --------------------------------------------------------------------------------------


def _tables(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Neighbouring lines of one statement each, with the same word, where the author set columns."""
    apart = 0
    numbered = []
    for index, line in enumerate(lines):
        apart += line.apart
        numbered.append((index, apart, line))
    for _, group in groupby(numbered, key=lambda one: _table_key(*one)):
        table = [line for _, _, line in group]
        if len(table) > 1 and any(line.spread for line in table):
            yield table


def _table_key(index: int, paragraph: int, line: Line) -> tuple[object, ...]:
    """What neighbouring lines of a table have in common."""
    whole = len(line.phrases) == 1 and line.phrases[0].cells and line.statements == [line.phrases[0].text]
    if not whole:
        return ("alone", index)
    return line.indent, paragraph, _word(line.phrases[0].cells)


def _word(cells: Iterable[Cell]) -> str:
    """The word of a line: its layer or keyword, without its label."""
    return next(cell.text for cell in cells if cell.name == "word")


def _align_table(table: Sequence[Line]) -> None:
    """Pad the arguments of the lines."""
    rows = [list(line.phrases[0].cells) for line in table]
    texts = [[cell.text for cell in row] for row in rows]
    _pad(rows, texts, range(len(rows)), 0)
    _replace(table, [" ".join(row) for row in texts])


def _pad(
    rows: list[list[Cell]], texts: list[list[str]], among: Sequence[int], column: int, *, last: bool = False
) -> None:
    """Pad a column, and those behind it, where neighbouring rows have the same kind of cell there.

    The last cell of a row is padded only if `last` says that something follows.
    """

    def kind(index: int) -> str | None:
        return rows[index][column].name if column < len(rows[index]) else None

    for name, group in groupby(among, key=kind):
        if name is None:
            continue
        run = list(group)
        numbers = all(rows[index][column].number for index in run)
        wide = [index for index in run if last or numbers or column + 1 < len(rows[index])]
        width = max((len(texts[index][column]) for index in wide), default=0)
        for index in wide:
            text = texts[index][column]
            texts[index][column] = text.rjust(width) if numbers else text.ljust(width)
        _pad(rows, texts, run, column + 1, last=last)


# --- statements below each other -----------------------------------------------------------------


def _sections(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Neighbouring lines of several statements that begin or end with the same word.

    Lines of one statement may stand between them, if it is of the same word as the first.
    """
    section: list[Line] = []
    for line in lines:
        words = _words(line)
        if section and (line.apart or line.indent != section[-1].indent or not _goes_on(section[-1], words)):
            yield section
            section = []
        if len(words) > 1:
            section.append(line)
    yield section


def _words(line: Line) -> list[str]:
    """The first word of each statement on a line."""
    return [text.split(" ", 1)[0] for text in line.statements]


def _goes_on(before: Line, words: list[str]) -> bool:
    """Whether a line with these words belongs to the section that ends with the line `before`."""
    first, *_, last = _words(before)
    if len(words) > 1:
        return first == words[0] or last == words[-1]
    is_layer = bool(before.phrases[0].cells) and first not in ("default", "init", "variant")
    return words == [first] and is_layer


def _align_section(section: Sequence[Line]) -> None:
    """Put statements of one word below each other, and what ends every line below what ends the others."""
    if len(section) < 2:
        return
    rows = [
        [Cell(text, word) for text, word in zip(line.statements, _words(line), strict=True)][:-1]
        for line in section
    ]
    texts = [[f"{text};" for text in line.statements[:-1]] for line in section]
    _pad(rows, texts, range(len(rows)), 0, last=True)
    starts = [" ".join(row) for row in texts]
    endings = {tuple(_words(line)[-2:]) for line in section}
    if len({last for _, last in endings}) == 1 and all(before != last for before, last in endings):
        widest = max(map(len, starts))
        starts = [start.ljust(widest) for start in starts]
    aligned = [f"{start} {line.statements[-1]}" for start, line in zip(starts, section, strict=True)]
    _replace(section, aligned)


def _replace(lines: Sequence[Line], texts: Sequence[str]) -> None:
    """Give lines their aligned texts, unless one would get too long."""
    if all(line.indent + len(text) <= WIDTH for line, text in zip(lines, texts, strict=True)):
        for line, text in zip(lines, texts, strict=True):
            line.statements = [text]


# --- comments ------------------------------------------------------------------------------------


def _comment_columns(lines: Sequence[Line]) -> list[int]:
    """The column of the comment on each line; neighbouring lines have theirs in one.

    Comments that the author set further to the right, all in one column, stay there.
    """
    columns = [line.indent for line in lines]
    run: list[tuple[int, Word]] = []

    def finish() -> None:
        needed = max((len(lines[index].text) for index, _ in run), default=0) + 2
        found = {comment.column for _, comment in run}
        stays = len(found) == 1 and min(found) > needed and any(comment.gap > 2 for _, comment in run)
        for index, _ in run:
            columns[index] = min(found) if stays else needed
        run.clear()

    for index, line in enumerate(lines):
        if line.apart or not line.comment or not line.text:
            finish()
        if line.comment and line.text:
            run.append((index, line.comment))
    finish()
    return columns

"""`# ok: code`: a comment that silences a warning on its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from specgen.diagnostics import MOST, Diagnostic, Label, nearest
from specgen.lint.flow import Checked, also
from specgen.source import Source, Span

#: No string can hold a `#`, so the first one of a line opens its comment.
_OK = re.compile(r"#[^\S\n]*ok:[^\S\n]*(?P<codes>[\w-]+(?:[^\S\n]*,[^\S\n]*[\w-]+)*)?")
_CODE = re.compile(r"[\w-]+")
#: A word behind the codes that may be one more, with no comma in front.
_ONE_MORE = re.compile(r"[^\S\n]+(?P<code>[a-z]+(?:-[a-z]+)+)")
#: What is written for such a comment, if it is not quite one.
_LIKE = re.compile(r"#[^\S\n]*(?i:ok|okay|noqa|ignore)\b[^\S\n]*(?::[^\S\n]*)?(?P<code>[a-z]+(?:-[a-z]+)+)")


@dataclass(frozen=True)
class Ok:
    """One code of such a comment: the line it stands on, and its place."""

    code: str
    line: int
    span: Span


def oks(source: Source) -> Iterator[Ok]:
    """Every code that a comment of the source silences, in order."""
    for found in _OK.finditer(source.text):
        line = source.position(found.start())[0]
        if found["codes"] is None:
            yield Ok("", line, Span(*found.span()))
            continue
        for code in _CODE.finditer(source.text, *found.span("codes")):
            yield Ok(code[0], line, Span(*code.span()))


def silenced(source: Source, warnings: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The warnings that no comment on their line silences."""
    given = {(one.line, one.code) for one in oks(source)}
    return [warning for warning in warnings if (_line(warning), warning.code) not in given]


def unused(
    checked: Checked, warnings: Sequence[Diagnostic], codes: Collection[str], fixed: Collection[str]
) -> Iterator[Diagnostic]:
    """What is said about an `# ok:` that silences nothing, given all `codes`.

    Where params decided about the steps, or the input is another, a warning that is not among the `fixed`
    ones may come with the params that the comment was written for: that one is let be.
    """
    varies = checked.varies or not checked.own_input
    here = {(_line(warning), warning.code) for warning in warnings}
    for number, one in enumerate(oks(checked.source)):
        if one.code not in codes:
            near = nearest(one.code, codes) if number < 5 * MOST else []  # of very many, these are not told
            title = f"there is no warning `{one.code}`" if one.code else "`# ok:` names no warning"
            help_ = f"did you mean `{near[0]}`?" if near else "`specgen explain` lists them"
            yield checked.warn("unused-ok", title, Label(one.span, "this silences nothing"), help=help_)
        elif (one.line, one.code) in here:
            continue
        elif one.code in fixed or not varies:
            elsewhere = _elsewhere(one, warnings)
            yield checked.warn(
                "unused-ok",
                f"this line gives no warning `{one.code}`",
                Label(one.span, "so this silences nothing"),
                elsewhere,
                help="move it to that line" if elsewhere else "leave it out",
            )
    for found in _OK.finditer(checked.source.text):
        more = _ONE_MORE.match(checked.source.text, found.end()) if found["codes"] else None
        if more and more["code"] in codes:
            label = Label(Span(*more.span("code")), "this silences nothing")
            help_ = f"write `# ok: {found['codes']}, {more['code']}`"
            yield checked.warn("unused-ok", "codes have commas between them", label, help=help_)
    for like in _LIKE.finditer(checked.source.text):
        if like["code"] in codes and not _OK.match(like[0]):
            title = "a comment that silences a warning begins with `# ok:`"
            label = Label(Span(*like.span()), "this silences nothing")
            yield checked.warn("unused-ok", title, label, help=f"write `# ok: {like['code']}`")


def _line(warning: Diagnostic) -> int:
    return warning.place[0] if warning.place else 0


def _elsewhere(one: Ok, warnings: Sequence[Diagnostic]) -> Label | None:
    """The place of a warning of that code that has its other half on this line."""
    for warning in warnings:
        if warning.code == one.code and warning.source is not None:
            lines = [warning.source.line_of(label.span) for label in warning.labels]
            if one.line in lines[1:]:
                return also(warning.labels[0].span, "the warning is about this line")
    return None

"""Syntax errors in words: what was found, what belongs there, and which brace is still open."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from specgen.diagnostics import Label, SpecError, nearest
from specgen.lalr import Token
from specgen.source import Source, Span
from specgen.text_errors import another_language, error
from specgen.unexpected import ELSEWHERE, EXAMPLES, KEYWORDS, Here, Mistake, describe, index_of
from specgen.unexpected_equal import unexpected_equal
from specgen.unexpected_signs import (
    unexpected_arithmetic,
    unexpected_bar,
    unexpected_brace,
    unexpected_colon,
    unexpected_comma,
    unexpected_end,
    unexpected_parenthesis,
)
from specgen.unexpected_words import unexpected_keyword, unexpected_name

_BRACKETS = {"LBRACE": ("{", "}"), "LPAREN": ("(", ")")}


def explain(source: Source, found: Token, accepts: Collection[str], tokens: Sequence[Token]) -> SpecError:
    """The error for a token that does not belong where it stands; `accepts` are those that do."""
    at = len(tokens) if found.type == "$END" else index_of(found, tokens)
    before, after = tokens[:at], tokens[at + 1 :]
    here = Here(source, found, accepts, before, after, _statement(before), _innermost(before))
    unbalanced = _bracket(here)
    if unbalanced is not None:
        return unbalanced
    foreign = another_language(source, _place(source, found).start)
    if foreign is not None:
        return foreign
    if found.type == "LBRACE" and here.in_statement("NAME", "CALLED") and not here.behind("EQUAL"):
        return _no_construct(here)
    mistake = _special(here) or _general(here)
    help_ = mistake.help
    if not help_ and here.statement is not None:
        example = EXAMPLES.get(here.statement.type)
        help_ = f"for example: `{example}`" if example else ""
    labels = [Label(mistake.at or _place(source, found), mistake.label)]
    if here.opened is not None and here.opened.span != labels[0].span:
        labels.append(
            Label(here.opened.span, f"inside this `{_BRACKETS[here.opened.type][0]}`", primary=False)
        )
    return error(source, mistake.title, *labels, help_=(help_,) if help_ else ())


def _bracket(here: Here) -> SpecError | None:
    """The error for brackets that do not match."""
    source, found, opened = here.source, here.found, here.opened
    if opened is not None and found.type == "$END":
        sign, closing = _BRACKETS[opened.type]
        labels = [Label(opened.span, f"this `{sign}` is still open at the end")]
        labels += _misplaced(source, here.before)
        return error(source, f"`{sign}` is never closed", *labels, help_=(f"add the missing `{closing}`",))
    if found.type in ("RBRACE", "RPAREN") and (opened is None or _BRACKETS[opened.type][1] != found.value):
        place = _place(source, found)
        if opened is None:
            return error(source, f"`{found.value}` closes nothing", Label(place, "nothing is open here"))
        sign, closing = _BRACKETS[opened.type]
        also = Label(opened.span, "this is what is open", primary=False)
        label = f"`{closing}` has to come first"
        return error(source, f"`{found.value}` does not close `{sign}`", Label(place, label), also)
    last = here.last
    if opened is not None and opened.type == "LPAREN" and last and "\n" in _between(source, last, found):
        also = Label(opened.span, "this is what is open", primary=False)
        return error(source, "`(` is not closed", Label(_place(source, found), "`)` has to come first"), also)
    return None


def _special(here: Here) -> Mistake | None:
    """What is said of a mistake that has a name of its own."""
    found = here.found
    if here.in_front_of("COLON") and here.statement is None:
        if found.type in KEYWORDS:
            return Mistake(f"`{found.value}` is a keyword", "so it cannot be a label", "choose another name")
        if found.type in ("NUMBER", "SIZES"):
            label = "a label is a name; layers without one are numbered"
            return Mistake(f"`{found.value}` cannot be a label", label, "leave the label out")
    match found.type:
        case "_END" | "$END":
            return unexpected_end(here)
        case "COLON":
            return unexpected_colon(here)
        case "EQUAL":
            return unexpected_equal(here)
        case "COMMA":
            return unexpected_comma(here)
        case "VBAR":
            return unexpected_bar(here)
        case "LBRACE":
            return unexpected_brace(here)
        case "LPAREN" | "CALLED":
            return unexpected_parenthesis(here)
        case "NUMBER" | "SIZES" | "PLUS" | "MINUS" | "TIMES" | "COMPARE":
            return unexpected_arithmetic(here)
        case "ELSE":
            label = "it follows the `}` of an `if` or a `residual`"
            example = EXAMPLES["IF"]
            return Mistake("`else` has nothing to go with", label, f"for example: `{example}`")
        case "NAME":
            return unexpected_name(here)
        case kind if kind in KEYWORDS:
            return unexpected_keyword(here)
    return None


def _general(here: Here) -> Mistake:
    """What is said where nothing better is known."""
    found = here.found
    name = describe(found)
    if found.type in ("TIMES", "COMPARE", "OR", "AND") and "_END" in here.accepts:
        label = "it joins conditions" if found.type in ("OR", "AND") else "a value is needed in front of it"
        return Mistake(f"unexpected {name}", label)
    if "_END" in here.accepts and found.type not in ("_END", "$END", "COMMA", "COLON", "EQUAL"):
        label = "the statement before it ends here: start a new line or write `;`"
        return Mistake(f"unexpected {name}", label)
    return Mistake(f"unexpected {name}", _wanted(here.accepts))


def _no_construct(here: Here) -> SpecError:
    """The error for a name, and perhaps arguments, in front of a body."""
    word = here.statement
    assert word is not None
    bodies = ("repeat", "if", "add", "mul", "cat", "split", "residual", "block", "else")
    near = ELSEWHERE.get(word.value.casefold()) or next(iter(nearest(word.value, bodies)), None)
    alone = word is here.last
    title = f"`{word.value} {'' if alone else '… '}{{` is not a construct"
    from specgen.layers import registry

    if registry.find(word.value) is not None:
        label, help_ = "a layer has no body", "end its line first, or remove the `{`"
        if re.match(r"\{\s*\w+\s*[=:]", here.rest()):
            help_ = "its options follow without braces: `conv 64 k=3`"
    elif near:
        example = EXAMPLES.get(near.split()[0].upper(), EXAMPLES["IF"])
        label, help_ = "no construct has this name", f"did you mean `{near}`? for example: `{example}`"
    elif alone:
        label, help_ = "a group's name has a colon", f"write `{word.value}: {{` for a named group"
    else:
        label, help_ = "a layer or a block has no body", "end its line first, or remove the `{`"
    return error(here.source, title, Label(word.span, label), help_=(help_,))


def _misplaced(source: Source, tokens: Sequence[Token]) -> list[Label]:
    """Where a `}` may be missing: in front of the first that is not indented as the line of its `{`."""
    stack: list[Token] = []
    for token in tokens:
        if token.type == "LBRACE":
            stack.append(token)
        elif token.type == "RBRACE" and stack:
            opener = stack.pop()
            (opened, _), (closed, column) = (source.position(one.span.start) for one in (opener, token))
            before, indent = (
                len(line) - len(line.lstrip()) for line in (source.line(opened), source.line(closed))
            )
            if opened != closed and column == indent + 1 and before != indent:
                label = f"this one closes the `{{` of line {opened}, which is indented otherwise"
                return [Label(token.span, label, primary=False)]
    return []


def _innermost(tokens: Sequence[Token]) -> Token | None:
    """The bracket that is open behind the tokens."""
    stack: list[Token] = []
    for token in tokens:
        if token.type in _BRACKETS:
            stack.append(token)
        elif token.type in ("RBRACE", "RPAREN") and stack:
            stack.pop()
    return stack[-1] if stack else None


def _statement(tokens: Sequence[Token]) -> Token | None:
    """The first token of the statement that the tokens end in."""
    first: Token | None = None
    for token in reversed(tokens):
        if token.type in ("_END", "LBRACE", "RBRACE", "VBAR", "COLON"):
            break
        first = token
    return first


def _wanted(accepts: Collection[str]) -> str:
    """What belongs here, by the broadest thing that does."""
    if "NUMBER" in accepts:
        return "a value is needed here"
    if "LBRACE" in accepts:
        return "a body in braces is needed here"
    if "NAME" in accepts:
        return "a name is needed here"
    if {"COMMA", "RPAREN"} <= set(accepts):
        return "`,` or `)` is needed here"
    for sign, word in (("EQUAL", "="), ("RPAREN", ")"), ("RBRACE", "}"), ("COLON", ":")):
        if sign in accepts:
            return f"`{word}` is needed here"
    return "this does not belong here"


def _between(source: Source, first: Token, second: Token) -> str:
    return source.text[first.span.end : second.span.start]


def _place(source: Source, token: Token) -> Span:
    if token.type != "$END":
        return token.span
    end = len(source.text.rstrip())
    return Span(end, end + 1)

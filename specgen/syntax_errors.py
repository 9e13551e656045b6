"""Syntax errors in words: what was found, what belongs there, and which brace is still open."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lark import Token

from specgen.diagnostics import Diagnostic, Label, SpecError
from specgen.source import Source, Span

#: What a construct looks like, by the keyword that opens it.
EXAMPLES = {
    "NETWORK": "network ResNet50",
    "INPUT": "input 3x224x224",
    "EXPECT": "expect 512x7x7",
    "PARAM": "param num_classes = 1000",
    "LET": "let c = 4*in",
    "DEFAULT": "default conv bn nobias",
    "INIT": "init conv kaiming_normal mode=fan_out nonlinearity=relu bias=0",
    "VARIANT": "variant VGG11_BN norm=bn",
    "BLOCK": "block pair(c, s=1) { conv c s=s; conv c }",
    "REPEAT": "repeat 3 { conv 64 }",
    "IF": "if s != 1 { conv 64 } else { conv 32 }",
    "ADD": "add { conv 64 | id }",
    "MUL": "mul { id | gap; conv 64 k=1 sigmoid }",
    "CAT": "cat { conv 64 | conv 32 k=1 }",
    "SPLIT": "split { id | conv 64 }",
    "RESIDUAL": "residual { conv 64; conv 64 linear } else { conv 64 k=1 linear }",
}

_BRACKETS = {"LBRACE": ("{", "}"), "LPAREN": ("(", ")")}


def unexpected_text(source: Source, offset: int) -> SpecError:
    """The error for characters that begin no word, number or sign."""
    text = source.text
    end = offset + 1
    while end < len(text) and (text[end].isalnum() or text[end] in "_."):
        end += 1
    found = text[offset:end]
    title, label = f"`{found[0]}` has no meaning here", ""
    help_: tuple[str, ...] = ()
    if found[0].isdigit() or found[0] == ".":
        title, label = f"`{found}` is neither a number nor a name", "a name starts with a letter"
        if found.strip("0123456789x") == "" and "x" in found:
            label = "a size is written 3x224x224, with a number on both sides of each x"
    elif found[0] in "\"'":
        help_ = ("there are no strings: write the word without quotes",)
    elif found[0] in "&!":
        help_ = ("conditions are written with `and`, `or`, `not` and `!=`",)
    elif found[0] == "^":
        help_ = ("there is no power: multiply",)
    elif not found[0].isascii():
        label = "names are made of A–Z, a–z, 0–9 and _"
    return _error(source, title, Label(Span(offset, end), label), help_=help_)


def explain(source: Source, found: Token, accepts: Collection[str], tokens: Sequence[Token]) -> SpecError:
    """The error for a token that does not belong where it stands; `accepts` are those that do."""
    before = [
        token for token in tokens if token.end_pos is not None and token.end_pos <= (found.start_pos or 0)
    ]
    if found.type == "$END":
        before = list(tokens)
    opened = _innermost(before)
    statement = _statement(before)
    labels: list[Label] = []
    place = _place(source, found)
    name = _describe(found)
    help_: list[str] = []

    if opened is not None and found.type == "$END":
        sign, closing = _BRACKETS[opened.type]
        title = f"`{sign}` is never closed"
        labels = [Label(_span(opened), f"this `{sign}` is still open at the end")]
        return _error(source, title, *labels, help_=(f"add the missing `{closing}`",))
    if found.type in ("RBRACE", "RPAREN") and (opened is None or _BRACKETS[opened.type][1] != found.value):
        if opened is None:
            return _error(source, f"`{found.value}` closes nothing", Label(place, "nothing is open here"))
        sign, closing = _BRACKETS[opened.type]
        return _error(
            source,
            f"`{found.value}` does not close `{sign}`",
            Label(place, f"`{closing}` has to come first"),
            Label(_span(opened), "this is what is open", primary=False),
        )
    if found.type == "VBAR":
        title = "`|` separates the branches of `add`, `mul`, `cat` and `split`"
        labels = [Label(place, "it has no meaning here")]
    elif found.type == "CALLED" and statement is None:
        title = "a layer takes its arguments without parentheses"
        labels = [Label(place)]
        help_ = [f"write `{found.value} …` with spaces between the arguments"]
    elif found.type == "LPAREN" and statement is not None and statement.type == "CALLED":
        title = "a layer takes its arguments without parentheses"
        labels = [Label(_span(statement))]
        help_ = [f"write `{statement.value} …` with spaces between the arguments"]
    elif found.type == "LBRACE" and statement is not None and statement.type in ("NAME", "CALLED"):
        title = f"`{statement.value} {{` is not a construct"
        labels = [Label(_span(statement), "a name in front of a body needs a colon")]
        near = _near_keyword(statement.value)
        help_ = [
            f"write `{near} {{` if that was meant"
            if near
            else f"write `{statement.value}: {{` for a named group"
        ]
    elif found.type == "COMMA" and opened is None:
        title = "arguments are separated by spaces, not by commas"
        labels = [Label(place)]
    elif found.type == "EQUAL" and "COMPARE" in accepts:
        title = "`=` gives an option its value; equality is `==`"
        labels = [Label(place)]
    elif found.type in EXAMPLES and "NAME" in accepts:
        title = f"`{found.value}` is a keyword"
        labels = [Label(place, "a name is needed here")]
    elif (
        "_END" in accepts
        and found.type not in ("_END", "$END")
        and found.type not in ("COMMA", "COLON", "EQUAL")
    ):
        title = f"unexpected {name}"
        labels = [Label(place, "the statement before it ends here: start a new line or write `;`")]
    else:
        title = f"unexpected {name}"
        labels = [Label(place, _wanted(accepts))]
    if statement is not None and statement.type in EXAMPLES and not help_:
        help_.append(f"for example: `{EXAMPLES[statement.type]}`")
    if opened is not None and found.type != "_END":
        labels.append(Label(_span(opened), f"inside this `{_BRACKETS[opened.type][0]}`", primary=False))
    return _error(source, title, *labels, help_=tuple(help_))


def _near_keyword(word: str) -> str | None:
    from specgen.diagnostics import nearest

    bodies = ("repeat", "if", "add", "mul", "cat", "split", "residual", "block", "else")
    return next(iter(nearest(word, bodies)), None)


def _error(source: Source, title: str, *labels: Label, help_: tuple[str, ...] = ()) -> SpecError:
    return SpecError([Diagnostic("syntax", title, labels, help_, source=source)])


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
    for sign, word in (("EQUAL", "="), ("RPAREN", ")"), ("RBRACE", "}"), ("COLON", ":")):
        if sign in accepts:
            return f"`{word}` is needed here"
    return "this does not belong here"


def _describe(token: Token) -> str:
    if token.type == "$END":
        return "end of the text"
    if token.type == "_END":
        return "end of the statement"
    return f"`{token.value}`"


def _place(source: Source, token: Token) -> Span:
    if token.type != "$END" and token.start_pos is not None:
        return _span(token)
    end = len(source.text.rstrip())
    return Span(end, end + 1)


def _span(token: Token) -> Span:
    return Span(token.start_pos or 0, token.end_pos or 0)

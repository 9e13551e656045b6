"""Syntax errors in words: what was found, what belongs there, and which brace is still open."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from specgen.diagnostics import Diagnostic, Label, SpecError, nearest
from specgen.lalr import Token
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
    sign = source.text[offset]
    if sign.isalnum() or sign in "._":
        return _unexpected_word(source, offset)
    found, help_ = sign, ""
    if sign in "\"'":
        found = _matched(rf"{sign}[^{sign}\n]*{sign}?", source, offset)
        help_ = "there are no strings: write the word without quotes"
    elif sign in "&!":
        found = _matched("&+|!", source, offset)
        help_ = "conditions are written with `and`, `or`, `not` and `!=`"
    elif sign == "^":
        help_ = "there is no power: multiply"
    elif sign == "×":
        help_ = "sizes are written with the letter x: 3x224x224"
    elif sign == "[":
        help_ = "a tuple is written in parentheses: `(3, 5)`"
    title = f"`{sign}` has no meaning here"
    return _error(source, title, Label(Span(offset, offset + len(found))), help_=(help_,) if help_ else ())


def _unexpected_word(source: Source, offset: int) -> SpecError:
    """The error for letters, digits and dots that make neither a name nor a number."""
    start = offset - len(_matched(r"[\w.]*", source, offset, reverse=True))
    found = source.text[start:offset] + _matched(r"[\w.]*", source, offset)
    span = Span(start, start + len(found))
    shown = found if len(found) <= 40 else f"{found[:40]}…"
    help_: tuple[str, ...] = ()
    if not found.isascii():
        title, label = f"`{shown}` is not a name", "names are made of A–Z, a–z, 0–9 and _"
    elif re.fullmatch(r"[0-9]+(x[0-9]+)*x", found):
        title, label = f"`{shown}` is not a size", "a number has to follow each x"
    elif re.fullmatch(r"[0-9]+x[0-9A-Za-z_]+", found):
        title, label = f"`{shown}` is not a size", "a size in this form is made of plain numbers"
        help_ = (f"write it as a tuple: `({', '.join(found.split('x'))})`",)
    elif found.strip("0123456789.") == "":
        title, label = f"`{shown}` is not a number", "a number has one point at most"
    else:
        title, label = f"`{shown}` is neither a number nor a name", "a name starts with a letter"
    return _error(source, title, Label(span, label), help_=help_)


def _matched(pattern: str, source: Source, offset: int, *, reverse: bool = False) -> str:
    """What a pattern matches at an offset, or with `reverse` in front of it, in that line."""
    line_start = source.text.rfind("\n", 0, offset) + 1
    text = source.text[line_start:offset][::-1] if reverse else source.text[offset : offset + 300]
    found = re.match(pattern, text)
    return found[0] if found else ""


def explain(source: Source, found: Token, accepts: Collection[str], tokens: Sequence[Token]) -> SpecError:
    """The error for a token that does not belong where it stands; `accepts` are those that do."""
    before = [token for token in tokens if token.end_pos <= found.start_pos]
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
        label = f"this `{sign}` is still open at the end"
        labels = [Label(_span(opened), label), *_misplaced(source, before)]
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
    last = before[-1] if before else None
    if last is not None and last is statement and last.type in EXAMPLES and found.type == "COLON":
        labels = [Label(_span(last), "so it cannot be a label")]
        return _error(source, f"`{last.value}` is a keyword", *labels)
    special = _special(source, found, last, statement, before, tokens)
    if special is not None:
        title, label, mend = special
        labels = [Label(place, label)]
        help_ = [mend] if mend else []
        if not mend and statement is not None and statement.type in EXAMPLES:
            help_ = [f"for example: `{EXAMPLES[statement.type]}`"]
        return _error(source, title, *labels, help_=tuple(help_))
    if found.type == "VBAR":
        title = "`|` separates the branches of `add`, `mul`, `cat` and `split`"
        labels = [Label(place, "it has no meaning here")]
        help_ = [f"for example: `{EXAMPLES['CAT']}`"]
    elif found.type == "CALLED" and statement is None:
        title = "a layer takes its arguments without parentheses"
        labels = [Label(place)]
        help_ = [_without_parentheses(source, found)]
    elif found.type == "LBRACE" and statement is not None and statement.type in ("NAME", "CALLED"):
        return _no_construct(source, statement, last)
    elif found.type == "COMMA" and (opened is None or opened.type == "LBRACE"):
        title = "arguments are separated by spaces, not by commas"
        labels = [Label(place, "leave it out")]
        opened = None
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
    elif opened is not None and opened.type == "LPAREN" and last and "\n" in _between(source, last, found):
        title = "`(` is not closed"
        labels = [Label(place, "`)` has to come first")]
        return _error(source, title, *labels, Label(_span(opened), "this is what is open", primary=False))
    else:
        title = f"unexpected {name}"
        labels = [Label(place, _wanted(accepts))]
    if statement is not None and statement.type in EXAMPLES and not help_:
        help_.append(f"for example: `{EXAMPLES[statement.type]}`")
    if opened is not None and found.type != "_END":
        labels.append(Label(_span(opened), f"inside this `{_BRACKETS[opened.type][0]}`", primary=False))
    return _error(source, title, *labels, help_=tuple(help_))


def _special(
    source: Source, found: Token, last: Token | None, statement: Token | None, before: Sequence[Token],
    tokens: Sequence[Token],
) -> tuple[str, str, str] | None:  # fmt: skip
    """Title, label and help for mistakes that have a name of their own."""
    kind, behind = found.type, "" if last is None else last.type
    following = tokens[len(before) + 1] if len(before) + 1 < len(tokens) else None
    match kind:
        case "VBAR" if source.text[found.end_pos :].startswith("|"):
            help_ = "conditions are written with `and`, `or`, `not` and `!=`"
            return "`||` has no meaning here", "", help_
        case "_END" if following is not None and following.type == "LBRACE":
            return "a body starts on the line that it belongs to", "`{` is needed here", ""
        case "ELSE":
            return "`else` has nothing to go with", "it follows the `}` of an `if` or a `residual`", ""
        case "COLON":
            return "unexpected `:`", "a label is one name at the start of a statement", ""
        case "COMPARE" if "COMPARE" in _types(before):
            return "comparisons cannot be chained", "this is the second", "join two of them with `and`"
        case _ if kind in EXAMPLES and behind == "COLON":
            title = f"`{found.value}` cannot have a label"
            if kind == "REPEAT":
                return title, "its body is put in place, without a module of its own", "label what is in it"
            return title, "labels are for layers, blocks and groups", ""
        case "NAME" if found.value == "x" and statement is not None and statement.type in ("INPUT", "EXPECT"):
            return "unexpected `x`", "sizes are written without spaces", ""
        case "NUMBER" | "SIZES" | "TRUE" | "FALSE" | "IN" | "LPAREN" | "MINUS" if statement is None:
            label = "a statement starts with a layer, a block or a keyword"
            return f"unexpected {_describe(found)}", label, ""
    return None


def _types(before: Sequence[Token]) -> list[str]:
    """The kinds of the tokens since the last sign or word that ends a comparison."""
    found: list[str] = []
    for token in reversed(before):
        if token.type in ("AND", "OR", "NOT", "LPAREN", "LBRACE", "EQUAL", "COMMA", "_END", "IF", "WHEN"):
            break
        found.append(token.type)
    return found


def _without_parentheses(source: Source, word: Token) -> str:
    """How a layer that is written as a call is written: by its simple arguments, if it has no others."""
    inside = re.match(r"\(([\w\s.,=-]*)\)", source.text[word.end_pos : word.end_pos + 200])
    if inside is None:
        return f"write `{word.value} …` with spaces between the arguments"
    arguments = [part.strip().replace(" ", "") for part in inside[1].split(",")]
    return f"write `{' '.join((word.value, *arguments)).strip()}`"


#: What other languages call the constructs that have a body.
_ELSEWHERE = {
    "for": "repeat", "while": "repeat", "loop": "repeat", "times": "repeat", "def": "block",
    "class": "block", "func": "block", "function": "block", "module": "block", "elif": "else if",
    "elseif": "else if", "skip": "residual", "shortcut": "residual", "concat": "cat", "concatenate": "cat",
    "sum": "add", "plus": "add", "multiply": "mul", "parallel": "cat", "branches": "cat", "branch": "cat",
}  # fmt: skip


def _no_construct(source: Source, word: Token, last: Token | None) -> SpecError:
    """The error for a name, and perhaps arguments, in front of a body."""
    bodies = ("repeat", "if", "add", "mul", "cat", "split", "residual", "block", "else")
    near = _ELSEWHERE.get(word.value.casefold()) or next(iter(nearest(word.value, bodies)), None)
    alone = word is last
    title = f"`{word.value} {'' if alone else '… '}{{` is not a construct"
    if near:
        example = EXAMPLES.get(near.split()[0].upper(), EXAMPLES["IF"])
        label, help_ = "no construct has this name", f"did you mean `{near}`? for example: `{example}`"
    elif alone:
        label, help_ = "a group's name has a colon", f"write `{word.value}: {{` for a named group"
    else:
        label, help_ = "a layer or a block has no body", "end its line first, or remove the `{`"
    return _error(source, title, Label(_span(word), label), help_=(help_,))


def _error(source: Source, title: str, *labels: Label, help_: tuple[str, ...] = ()) -> SpecError:
    return SpecError([Diagnostic("syntax", title, labels, help_, source=source)])


def _misplaced(source: Source, tokens: Sequence[Token]) -> list[Label]:
    """Where a `}` may be missing: in front of the first that is not indented as the line of its `{`."""
    stack: list[Token] = []
    for token in tokens:
        if token.type == "LBRACE":
            stack.append(token)
        elif token.type == "RBRACE" and stack:
            opener = stack.pop()
            (opened, _), (closed, column) = (source.position(one.start_pos) for one in (opener, token))
            before, indent = (
                len(line) - len(line.lstrip()) for line in (source.line(opened), source.line(closed))
            )
            if opened != closed and column == indent + 1 and before != indent:
                label = f"this one closes the `{{` of line {opened}, which is indented otherwise"
                return [Label(_span(token), label, primary=False)]
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
    for sign, word in (("EQUAL", "="), ("RPAREN", ")"), ("RBRACE", "}"), ("COLON", ":")):
        if sign in accepts:
            return f"`{word}` is needed here"
    return "this does not belong here"


def _between(source: Source, first: Token, second: Token) -> str:
    return source.text[first.end_pos : second.start_pos]


def _describe(token: Token) -> str:
    if token.type == "$END":
        return "end of the text"
    if token.type == "_END":
        return "end of the statement"
    return f"`{token.value}`"


def _place(source: Source, token: Token) -> Span:
    if token.type != "$END":
        return _span(token)
    end = len(source.text.rstrip())
    return Span(end, end + 1)


def _span(token: Token) -> Span:
    return Span(token.start_pos, token.end_pos)

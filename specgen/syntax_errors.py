"""Syntax errors in words: what was found, what belongs there, and which brace is still open."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from specgen.diagnostics import Label, SpecError, nearest
from specgen.lalr import Token
from specgen.source import Source, Span
from specgen.text_errors import another_language, error

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

#: What stands behind a keyword, where it is not there.
_NEEDS = {
    "NETWORK": "a name for the class is needed here",
    "INPUT": "a shape is needed here",
    "EXPECT": "a shape is needed here",
    "PARAM": "a name is needed here",
    "LET": "a name is needed here",
    "DEFAULT": "a layer's word is needed here",
    "INIT": "a kind of layer and a function are needed here",
    "VARIANT": "a name is needed here",
    "BLOCK": "the block's name is needed here",
    "REPEAT": "how often is needed here",
    "IF": "a condition is needed here",
}
_PARALLEL = ("ADD", "MUL", "CAT", "SPLIT")
_KEYWORDS = (*EXAMPLES, "ELSE", "AS", "WHEN", "OR", "AND", "NOT", "TRUE", "FALSE", "IN")
_BRACKETS = {"LBRACE": ("{", "}"), "LPAREN": ("(", ")")}


class Mistake(NamedTuple):
    """What is said of a mistake; without `help`, an example of the statement stands for it."""

    title: str
    label: str = ""
    help: str = ""
    #: What is at fault, if not the token that does not belong.
    at: Span | None = None


@dataclass(frozen=True)
class Here:
    """A token that does not belong where it stands, and what is around it."""

    source: Source
    found: Token
    accepts: Collection[str]
    before: Sequence[Token]
    after: Sequence[Token]
    #: The first token of the statement it stands in, and the brace or parenthesis that is open.
    statement: Token | None
    opened: Token | None

    @property
    def last(self) -> Token | None:
        return self.before[-1] if self.before else None

    @property
    def next(self) -> Token | None:
        return self.after[0] if self.after else None

    def behind(self, *kinds: str) -> bool:
        """Whether the tokens in front are of these kinds."""
        return [token.type for token in self.before[-len(kinds) :]] == list(kinds)

    def in_statement(self, *kinds: str) -> bool:
        return self.statement is not None and self.statement.type in kinds

    def rest(self) -> str:
        """The text from here to the line's end."""
        return self.source.text[self.found.start_pos :].partition("\n")[0]


def explain(source: Source, found: Token, accepts: Collection[str], tokens: Sequence[Token]) -> SpecError:
    """The error for a token that does not belong where it stands; `accepts` are those that do."""
    at = len(tokens) if found.type == "$END" else _index(found, tokens)
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
    if here.opened is not None:
        labels.append(
            Label(here.opened.span, f"inside this `{_BRACKETS[here.opened.type][0]}`", primary=False)
        )
    return error(source, mistake.title, *labels, help_=(help_,) if help_ else ())


def _index(found: Token, tokens: Sequence[Token]) -> int:
    place = (found.start_pos, found.type)
    return next(index for index, token in enumerate(tokens) if (token.start_pos, token.type) == place)


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
    if here.next is not None and here.next.type == "COLON" and here.statement is None:
        if found.type in _KEYWORDS:
            return Mistake(f"`{found.value}` is a keyword", "so it cannot be a label", "choose another name")
        if found.type in ("NUMBER", "SIZES"):
            label = "a label is a name; layers without one are numbered"
            return Mistake(f"`{found.value}` cannot be a label", label, "leave the label out")
    match found.type:
        case "_END" | "$END":
            return _end(here)
        case "COLON":
            return _colon(here)
        case "EQUAL":
            return _equal(here)
        case "COMMA":
            return _comma(here)
        case "VBAR":
            return _bar(here)
        case "LBRACE":
            return _brace(here)
        case "LPAREN" | "CALLED":
            return _parenthesis(here)
        case "NUMBER" | "SIZES" | "PLUS" | "MINUS" | "TIMES" | "COMPARE":
            return _arithmetic(here)
        case "ELSE":
            label = "it follows the `}` of an `if` or a `residual`"
            example = EXAMPLES["IF"]
            return Mistake("`else` has nothing to go with", label, f"for example: `{example}`")
        case "NAME":
            return _name(here)
        case kind if kind in _KEYWORDS:
            return _keyword(here)
    return None


def _end(here: Here) -> Mistake | None:
    """A statement that ends too early."""
    if here.next is not None and here.next.type == "LBRACE" and "LBRACE" in here.accepts:
        return Mistake("a body starts on the line that it belongs to", "`{` is needed here")
    name = _describe(here.found)
    if here.behind("NAME", "COLON"):
        label = "a layer, a block or `{` is needed here"
        help_ = f"for a group, write `{here.before[-2].value}: {{` and close it with `}}`"
        return Mistake(f"unexpected {name}", label, help_)
    if here.behind("ELSE"):
        return Mistake(f"unexpected {name}", "the body of `else` is needed here, in braces", "")
    if here.last is not None and here.last.value == "%":
        number = here.before[-2].value if len(here.before) > 1 else ""
        plain = re.fullmatch(r"[0-9]{1,3}", number)
        help_ = f"write `{int(number) / 100:g}`" if plain else "write a number from 0 to 1"
        return Mistake("there is no percent sign: `%` is the remainder", "a number is needed here", help_)
    if here.last is not None and here.last is here.statement and here.last.type in _NEEDS:
        return Mistake(f"unexpected {name}", _NEEDS[here.last.type])
    return None


def _colon(here: Here) -> Mistake:
    """A `:` where no label ends."""
    last, following = here.last, here.next
    if last is not None and last is here.statement and last.type in EXAMPLES:
        word, example = last.value, EXAMPLES[last.type]
        if last.type in (*_PARALLEL, "RESIDUAL"):
            help_ = f"leave out the `:`, or choose another name: `{word}1: …`"
        else:
            help_ = f"write it without the `:`: `{example}`"
        return Mistake(f"`{word}` is a keyword", "so it cannot be a label", help_, last.span)
    if here.in_statement("NAME", "CALLED") and here.statement is not None:
        construct = _ELSEWHERE.get(here.statement.value.casefold())
        if construct and last is not here.statement:
            example = EXAMPLES.get(construct.split()[0].upper(), EXAMPLES["IF"])
            title = f"`{here.statement.value} … :` is not a construct"
            return Mistake(title, "a body is in braces", f"write `{construct}`, for example: `{example}`")
    if following is not None and following.type == "EQUAL" and following.start_pos == here.found.end_pos:
        return Mistake("a value is given with `=`", "leave out the `:`")
    if here.in_statement("PARAM", "LET") or (here.in_statement("BLOCK") and "RPAREN" in here.accepts):
        return Mistake("values have no declared types", "leave the type out")
    if here.in_statement("REPEAT", "IF", "BLOCK", "ELSE"):
        return Mistake("a body is in braces, without a `:`", "`{` is needed here")
    if here.in_statement("NAME") and len(here.before) > 1 and here.behind("NAME"):
        return _colon_behind_name(here)
    if here.statement is not None and here.statement.type in EXAMPLES:
        return Mistake(f"`{here.statement.value}` takes no `:`", "leave it out")
    return Mistake("unexpected `:`", "a label is one name at the start of a statement")


def _colon_behind_name(here: Here) -> Mistake:
    """`k:3` on a layer's line, `conv-1: …`, `a: b: …`."""
    last, statement = here.last, here.statement
    assert last is not None and statement is not None
    written = here.source.text[statement.start_pos : last.end_pos]
    if "-" in written and " " not in written:
        label = "names are made of A–Z, a–z, 0–9 and _"
        help_ = f"write `{re.sub(r'[^A-Za-z0-9]', '_', written)}:`"
        return Mistake(f"`{written}` is not a name", label, help_, Span(statement.start_pos, last.end_pos))
    following = here.next
    if (
        following is not None
        and last is not statement
        and following.type in ("NUMBER", "SIZES", "NAME", "LPAREN")
    ):
        value = re.match(r":\s*([\w.]+|\([^()\n]*\))", here.rest())
        if value:
            help_ = f"write `{last.value}={value[1]}`"
            return Mistake("an option has its value behind `=`", "`:` stands behind a label", help_)
    return Mistake("unexpected `:`", "a label is one name at the start of a statement")


def _equal(here: Here) -> Mistake | None:
    """A `=` that gives no option its value."""
    last, following = here.last, here.next
    if following is not None and following.value == ">" and following.start_pos == here.found.end_pos:
        return Mistake("`=>` has no meaning here", "", "layers follow each other line by line, or with `;`")
    if last is None:
        return None
    if last.type == "COMPARE" and last.end_pos == here.found.start_pos:
        title = f"`{last.value}=` has no meaning here"
        return Mistake(title, "", f"write `{last.value}`", _together(last, here.found))
    if last is here.statement and last.type in EXAMPLES:
        return Mistake(f"`{last.value}` takes no `=`", "leave it out")
    if last is here.statement and last.type == "NAME" and (above := _line_above(here, last.value)):
        option = here.source.text[last.start_pos :].partition("\n")[0].partition("#")[0].strip()
        help_ = f"write `{above} {option}`" if len(above + option) < 60 else ""
        return Mistake(
            "an option stands on the line of its layer", "its layer is on the line above", help_, last.span
        )
    if last is here.statement and last.type == "NAME":
        value = following is not None and following.type in ("NUMBER", "SIZES", "LPAREN", "IN", "MINUS")
        if value:
            rest = here.rest()[1:].strip()
            help_ = f"a value is named by `let {last.value} = {rest if len(rest) < 40 else '…'}`"
        else:
            help_ = f"a layer's name has a colon: `{last.value}: conv 64`"
            call = re.match(r"=\s*([A-Za-z_]\w*\(.*\))", here.rest())
            if call:
                from specgen.calls import line_for

                help_ = f"a layer's name has a colon: `{last.value}: {line_for(call[1]) or 'conv 64'}`"
        return Mistake(f"`{last.value} = …` is not a statement", "there is no assignment", help_)
    if here.in_statement("IF", "RESIDUAL") and "COMPARE" in here.accepts:
        return Mistake("`=` gives an option its value; equality is `==`", "write `==`")
    if last.type in _KEYWORDS and last.type not in ("TRUE", "FALSE") and last.type not in EXAMPLES:
        help_ = "it is the number of channels that arrive, and needs no saying" if last.type == "IN" else ""
        return Mistake(f"`{last.value}` is a keyword", "so it cannot be an option", help_)
    if here.opened is not None and here.behind("CALLED", "LPAREN", "NAME"):
        return Mistake("a function takes its numbers by position, without names", "leave the name out")
    if here.in_statement("NAME") and len(here.before) > 1 and here.before[-2].type == "EQUAL":
        return Mistake("an option has one value", "this is a second `=`")
    if "COMPARE" in here.accepts:
        label = "an option's name stands in front of it"
        return Mistake("`=` gives an option its value; equality is `==`", label)
    return None


def _line_above(here: Here, option: str) -> str:
    """The line above, if that is the line of a layer which has such an option."""
    from specgen.layers import registry
    from specgen.options import option_names

    number, _ = here.source.position(here.found.start_pos)
    above = here.source.line(number - 1).partition("#")[0].strip() if number > 1 else ""
    found = re.fullmatch(r"(?:\w+:\s*)?(\w+)( [^{};|]*)?", above)
    layer = registry.find(found[1]) if found else None
    return above if layer is not None and option in option_names(layer) else ""


def _comma(here: Here) -> Mistake | None:
    """A comma outside parentheses."""
    if here.opened is not None and here.opened.type == "LPAREN":
        return None
    text, place = here.source.text, here.found.start_pos
    line = text[text.rfind("\n", 0, place) + 1 :].partition("\n")[0]
    if here.in_statement("INPUT", "EXPECT") and here.statement is not None:
        sizes = re.match(r"(\w+)\s+(\d+(?:\s*,\s*\d+)+)\s*(#.*)?$", line.lstrip())
        help_ = f"write `{sizes[1]} {'x'.join(re.split(r'[ ,]+', sizes[2]))}`" if sizes else ""
        return Mistake("sizes are joined by the letter x", "no comma here", help_)
    behind = re.match(r",\d{3}\b", text[place:])
    if here.behind("NUMBER") and behind and here.last is not None and here.last.end_pos == place:
        return Mistake(
            "digits are not grouped", "leave out the comma", f"write `{here.last.value}{behind[0][1:]}`"
        )
    if here.behind("EQUAL", "NUMBER") and here.next is not None and here.next.type == "NUMBER":
        numbers = re.match(r"\d+(\s*,\s*\d+)+", text[here.before[-1].start_pos :])
        option = here.before[-3].value if len(here.before) > 2 else "k"
        shown = ", ".join(re.split(r"\s*,\s*", numbers[0])) if numbers else "3, 5"
        return Mistake("a tuple is written in parentheses", "", f"write `{option}=({shown})`")
    if here.in_statement("PARAM", "LET"):
        word = here.statement.value if here.statement else "param"
        return Mistake(f"each name has a `{word}` of its own", "start a new line or write `;`")
    if here.in_statement("REPEAT"):
        return Mistake("unexpected `,`", "a `repeat` counts with one name")
    help_ = _instead_of_comma(here)
    return Mistake(
        "arguments are separated by spaces, not by commas", "leave it out" if not help_ else "", help_
    )


def _instead_of_comma(here: Here) -> str:
    """What stands between two statements or branches that a comma separates."""
    behind = here.after[1] if len(here.after) > 1 else None
    starts = here.next is not None and here.next.type in ("NAME", *_PARALLEL, "RESIDUAL", "REPEAT")
    if not starts or (behind is not None and behind.type == "EQUAL") or here.opened is None:
        return ""
    index = _index(here.opened, here.before)
    of = here.before[index - 1].type if index else ""
    from specgen.layers import registry

    if here.next is not None and here.next.type == "NAME" and registry.find(here.next.value) is None:
        return ""
    if of in _PARALLEL:
        return "branches are separated by `|`, and statements by `;`"
    return "statements are separated by `;`"


def _bar(here: Here) -> Mistake:
    """A `|` that separates no branches."""
    if here.rest().startswith("||"):
        help_ = "conditions are written with `and`, `or`, `not` and `!=`"
        return Mistake("`||` has no meaning here", "", help_, _together(here.found, here.next))
    title = "`|` separates the branches of `add`, `mul`, `cat` and `split`"
    return Mistake(title, "it has no meaning here", f"for example: `{EXAMPLES['CAT']}`")


def _brace(here: Here) -> Mistake | None:
    """A `{` in front of which something is missing or too much."""
    statement, last = here.statement, here.last
    if here.opened is not None and here.opened.type == "LPAREN":
        return Mistake("unexpected `{`", "`)` is needed in front of it")
    if here.behind("EQUAL"):
        numbers = re.match(r"\{\s*([\w.]+(?:\s*,\s*[\w.]+)*)\s*\}", here.rest())
        option = here.before[-2].value if len(here.before) > 1 else "k"
        help_ = f"write `{option}=({', '.join(re.split(r'[ ,]+', numbers[1]))})`" if numbers else ""
        return Mistake("a tuple is written in parentheses", "braces hold bodies", help_)
    if statement is None and last is not None and last.type in ("NUMBER", "TIMES"):
        return None
    if statement is None:
        return Mistake(
            "a group has a name", "a name and `:` are needed here", "for example: `features: { conv 64; M }`"
        )
    if last is statement and last is not None and last.type in _NEEDS:
        return Mistake("unexpected `{`", _NEEDS[last.type])
    if statement.type == "NETWORK":
        return Mistake("`network` has no body", "leave out the braces", "the layers follow on the next lines")
    if statement.type in ("VARIANT", "DEFAULT", "INIT", "PARAM", "LET", "INPUT", "EXPECT"):
        return Mistake(f"`{statement.value}` has no body", "leave out the braces")
    if here.behind("AS"):
        return Mistake(
            "unexpected `{`",
            "a name for the counter is needed here",
            "for example: `repeat 3 as i { conv 64 }`",
        )
    return None


def _parenthesis(here: Here) -> Mistake | None:
    """Parentheses around what stands without."""
    found, last, statement = here.found, here.last, here.statement
    if last is not None and last.type in _PARALLEL:
        return Mistake(f"`{last.value}` has its branches in braces", "`{` is needed here")
    if last is not None and last.type in ("RESIDUAL", "ELSE"):
        return Mistake(f"`{last.value}` has its body in braces", "`{` is needed here")
    if found.type == "CALLED" and statement is None:
        from specgen.calls import layer_called

        return Mistake("a layer takes its arguments without parentheses", "", layer_called(here.rest()))
    if found.type == "CALLED" and here.in_statement("NETWORK"):
        param = re.match(r"\w+\(\s*(\w+)\s*=\s*(\w+)", here.rest())
        help_ = f"a param has a line of its own: `param {param[1]} = {param[2]}`" if param else ""
        return Mistake("`network` takes a name and nothing more", "", help_)
    if found.type == "CALLED" and here.in_statement("VARIANT", "INIT", "DEFAULT"):
        assert statement is not None
        return Mistake(
            f"`{statement.value}` takes its arguments without parentheses", "a space is needed behind this"
        )
    if statement is None:
        return _start(here)
    from specgen.expressions import FUNCTIONS

    if found.type == "LPAREN" and last is not None and last.value in FUNCTIONS:
        return Mistake(
            "a call has no space before its parenthesis", "", f"write `{last.value}(…)`", last.span
        )
    return None


def _start(here: Here) -> Mistake:
    """A statement that starts with a value or a sign."""
    found, following = here.found, here.next
    label = "a statement starts with a layer, a block or a keyword"
    if here.behind("NAME", "COLON"):
        name, value = here.before[-2].value, re.match(r"[\w.]+", here.rest())
        label = "a layer, a block or `{` is needed here"
        help_ = f"write `{name} {value[0]}` without the colon, if `{name}` is the layer" if value else ""
        return Mistake(f"`{name}:` is a label, and a value is no layer", label, help_)
    if found.type == "NUMBER" and following is not None and following.value in ("*", "x"):
        return Mistake(
            f"unexpected `{found.value}`", label, f"for example: `repeat {found.value} {{ conv 64 }}`"
        )
    if found.type == "NUMBER" and following is not None and following.type == "NAME":
        rest = here.rest()[len(found.value) :].split()
        if rest and rest[0].isidentifier():
            return Mistake(
                f"unexpected `{found.value}`", label, f"the layer comes first: `{rest[0]} {found.value}`"
            )
    return Mistake(f"unexpected {_describe(found)}", label, "for example: `conv 64 k=3`")


def _arithmetic(here: Here) -> Mistake | None:
    """Numbers and signs of arithmetic where no expression can go on."""
    found, last = here.found, here.last
    if here.in_statement("INPUT", "EXPECT") and here.opened is None and found.type in ("NUMBER", "SIZES"):
        line = re.match(r"(\w+)\s+(\d+(?:\s+\d+)+)\s*(?:#.*)?$", _statement_text(here))
        help_ = f"write `{line[1]} {'x'.join(line[2].split())}`" if line else ""
        return Mistake("sizes are joined by the letter x", "this is a second size", help_)
    if here.statement is None:
        return _start(here)
    if found.value == ">" and last is not None and last.value == "<" and last.end_pos == found.start_pos:
        return Mistake("`<>` has no meaning here", "", "write `!=`", _together(last, found))
    if found.type == "COMPARE" and "COMPARE" in _since_operator(here.before):
        return Mistake("comparisons cannot be chained", "this is the second", "join two of them with `and`")
    if found.value == ">" and last is not None and last.type == "MINUS" and last.end_pos == found.start_pos:
        return Mistake("`->` has no meaning here", "", "layers follow each other line by line, or with `;`")
    if found.value == "*" and last is not None and last.value == "*" and last.end_pos == found.start_pos:
        return Mistake("there is no power", "", "multiply", _together(last, found))
    if found.value == "*" and last is not None and last.value == "/" and last.end_pos == found.start_pos:
        return Mistake("`/*` has no meaning here", "", "a comment starts with `#`", _together(last, found))
    if (
        found.type == "PLUS"
        and last is not None
        and last.type in ("NAME", "EQUAL", "LPAREN", "COMMA", "PLUS")
    ):
        return Mistake("a number has no `+` in front", "leave it out")
    if here.in_statement("NETWORK", "VARIANT") and len(here.before) > 1 and found.type in ("MINUS", "NUMBER"):
        return Mistake("a name is one word", "names are made of A–Z, a–z, 0–9 and _")
    if here.in_statement("PARAM", "LET") and here.accepts and "EQUAL" in here.accepts:
        return Mistake(f"unexpected {_describe(found)}", "`=` is needed here")
    if found.type == "NUMBER" and here.behind("ELSE", "NAME"):
        return _else_body(here)
    return None


def _name(here: Here) -> Mistake | None:
    """A name that nothing can be done with."""
    found = here.found
    if found.value == "x" and here.in_statement("INPUT", "EXPECT"):
        word, *sizes = _statement_text(here).split()
        joined = "".join(sizes)
        help_ = f"write `{word} {joined}`" if re.fullmatch(r"[0-9]+(x[0-9]+)+", joined) else ""
        return Mistake("unexpected `x`", "sizes are written without spaces", help_)
    if found.value in ("elif", "elseif", "elsif"):
        return Mistake(f"`{found.value}` is not a keyword", "", "write `else if`")
    if here.in_statement("NETWORK") and here.last is not here.statement:
        words = re.match(r"network((?:\s+\w+)+)\s*(#.*)?$", _statement_text(here))
        help_ = (
            f"write `network {''.join(word[:1].upper() + word[1:] for word in words[1].split())}`"
            if words
            else ""
        )
        return Mistake("a name is one word", "this is another one", help_)
    if here.in_statement("INPUT", "EXPECT") and here.last is not here.statement and "_END" in here.accepts:
        assert here.statement is not None
        return Mistake(f"`{here.statement.value}` takes a shape and nothing more", "leave this out")
    if found.value == "is" and here.in_statement("IF", "RESIDUAL"):
        return Mistake("unexpected `is`", "", "equality is `==`")
    if here.next is not None and here.next.type == "COLON" and here.behind("RBRACE"):
        line = here.source.text[: found.start_pos].rpartition("\n")[2]
        if re.search(r"\bresidual\b", line):
            return Mistake("a shortcut's projection follows `else`", "", f"write `else {found.value}: {{`")
    if found.value == "then" and here.in_statement("IF"):
        return Mistake("unexpected `then`", "a body in braces is needed here")
    if here.behind("ELSE", "NAME"):
        return _else_body(here)
    if here.in_statement("BLOCK") and len(here.before) == 2 + _index(here.statement or found, here.before):
        label = "arguments are in parentheses"
        return Mistake(f"unexpected `{found.value}`", label, f"for example: `{EXAMPLES['BLOCK']}`")
    return None


def _else_body(here: Here) -> Mistake:
    body = here.source.text[here.before[-1].start_pos :].partition("\n")[0].strip()
    help_ = f"write `else {{ {body} }}`" if len(body) <= 60 and not set("{}#|;") & set(body) else ""
    return Mistake("the body of `else` is in braces", "`{` is needed in front of the layer", help_)


def _keyword(here: Here) -> Mistake | None:
    """A keyword where a name or a value is meant."""
    found, last = here.found, here.last
    if last is not None and last.type == "COLON" and found.type in EXAMPLES:
        title = f"`{found.value}` cannot have a label"
        if found.type == "REPEAT":
            return Mistake(
                title, "its body is put in place, without a module of its own", "label what is in it"
            )
        return Mistake(title, "labels are for layers, blocks and groups", "leave the label out")
    if found.type == "IF" and here.in_statement("NAME"):
        line = _statement_text(here).partition("#")[0]
        head, _, condition = line.partition(" if ")
        simple = condition and not set("{};|") & set(line) and len(line) <= 60
        help_ = f"write `if {condition.strip()} {{ {head.strip()} }}`" if simple else ""
        return Mistake("`if` stands in front of what it decides", "", help_)
    if found.type == "IF" and here.in_statement("PARAM", "LET") and here.last is not here.statement:
        help_ = "for example: `if wide { conv 64 } else { conv 32 }`"
        return Mistake("`if` decides between statements, not between values", "", help_)
    if found.type == "IF" and here.last is not None and here.last.type == "RESIDUAL":
        return Mistake(
            "unexpected `if`", "the condition of a `residual` stands behind `when`", "write `residual when …`"
        )
    if (
        found.type not in EXAMPLES
        and here.last is here.statement
        and here.in_statement("PARAM", "LET", "BLOCK")
    ):
        return Mistake(f"`{found.value}` is a keyword", "a name is needed here")
    if found.type in ("IN",) and here.in_statement("REPEAT"):
        help_ = "for example: `repeat 3 as i { conv 64 }`, where `i` counts from 0"
        return Mistake("unexpected `in`", "how often comes first", help_)
    if found.type in ("OR", "AND") and here.behind("RBRACE"):
        return Mistake(
            f"unexpected `{found.value}`", "it joins conditions", "a shortcut's projection follows `else`"
        )
    if here.statement is None and found.type in ("TRUE", "FALSE", "IN"):
        return _start(here)
    if "NAME" in here.accepts and found.type in _KEYWORDS:
        label = "a name is needed here" if last is None or last.type not in ("NAME", "NUMBER") else ""
        label = label or "it starts a statement: `;` is needed in front"
        if found.type not in EXAMPLES:
            return None
        return Mistake(f"`{found.value}` is a keyword", label)
    return None


def _general(here: Here) -> Mistake:
    """What is said where nothing better is known."""
    found = here.found
    name = _describe(found)
    if "_END" in here.accepts and found.type not in ("_END", "$END", "COMMA", "COLON", "EQUAL"):
        label = "the statement before it ends here: start a new line or write `;`"
        return Mistake(f"unexpected {name}", label)
    return Mistake(f"unexpected {name}", _wanted(here.accepts))


def _statement_text(here: Here) -> str:
    """The line of the statement at hand, from its beginning."""
    start = (here.statement or here.found).start_pos
    return here.source.text[start:].partition("\n")[0]


def _since_operator(before: Sequence[Token]) -> list[str]:
    """The kinds of the tokens since the last sign or word that ends a comparison."""
    found: list[str] = []
    for token in reversed(before):
        if token.type in ("AND", "OR", "NOT", "LPAREN", "LBRACE", "EQUAL", "COMMA", "_END", "IF", "WHEN"):
            break
        found.append(token.type)
    return found


#: What other languages call the constructs that have a body.
_ELSEWHERE = {
    "for": "repeat", "while": "repeat", "loop": "repeat", "times": "repeat", "def": "block",
    "class": "block", "func": "block", "fn": "block", "function": "block", "module": "block",
    "macro": "block", "define": "block", "struct": "block", "elif": "else if", "elseif": "else if",
    "elsif": "else if", "unless": "if", "switch": "if", "skip": "residual", "shortcut": "residual",
    "res": "residual", "concat": "cat", "concatenate": "cat", "concatenation": "cat", "stack": "cat",
    "sum": "add", "plus": "add", "multiply": "mul", "product": "mul", "gate": "mul", "parallel": "cat",
    "branches": "cat", "branch": "cat", "chunk": "split",
}  # fmt: skip


def _no_construct(here: Here) -> SpecError:
    """The error for a name, and perhaps arguments, in front of a body."""
    word = here.statement
    assert word is not None
    bodies = ("repeat", "if", "add", "mul", "cat", "split", "residual", "block", "else")
    near = _ELSEWHERE.get(word.value.casefold()) or next(iter(nearest(word.value, bodies)), None)
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
            (opened, _), (closed, column) = (source.position(one.start_pos) for one in (opener, token))
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
    for sign, word in (("EQUAL", "="), ("RPAREN", ")"), ("RBRACE", "}"), ("COLON", ":")):
        if sign in accepts:
            return f"`{word}` is needed here"
    return "this does not belong here"


def _together(first: Token, second: Token | None) -> Span:
    """The span of two signs that are meant as one."""
    return first.span.to((second or first).span)


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
        return token.span
    end = len(source.text.rstrip())
    return Span(end, end + 1)

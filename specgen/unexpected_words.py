"""What was meant by a word, a keyword or a number that does not belong where it stands."""

from __future__ import annotations

import re

from specgen.lalr import Token
from specgen.unexpected import EXAMPLES, KEYWORDS, PARALLEL, Here, Mistake, describe, index_of


def no_start(here: Here) -> Mistake:
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
    return Mistake(f"unexpected {describe(found)}", label, "for example: `conv 64 k=3`")


def unexpected_name(here: Here) -> Mistake | None:
    """A name that nothing can be done with."""
    found = here.found
    if found.value == "x" and here.in_statement("INPUT", "EXPECT"):
        word, *sizes = here.statement_text().split()
        joined = "".join(sizes)
        help_ = f"write `{word} {joined}`" if re.fullmatch(r"[0-9]+(x[0-9]+)+", joined) else ""
        return Mistake("unexpected `x`", "sizes are written without spaces", help_)
    if (
        found.value in ("mod", "div")
        and here.last is not None
        and here.last.type in ("NUMBER", "NAME", "RPAREN")
    ):
        sign = "%" if found.value == "mod" else "//"
        return Mistake(f"unexpected `{found.value}`", "", f"write `{sign}`")
    if found.value == "x" and here.behind("NUMBER") and here.next is not None and here.next.type == "NUMBER":
        return Mistake(
            "unexpected `x`",
            "sizes are written without spaces",
            f"write `{here.before[-1].value}x{here.next.value}`",
        )
    if found.value in ("elif", "elseif", "elsif"):
        return Mistake(f"`{found.value}` is not a keyword", "", "write `else if`")
    if here.in_statement("NETWORK") and here.last is not here.statement:
        words = re.match(r"network((?:\s+\w+)+)\s*(#.*)?$", here.statement_text())
        help_ = (
            f"write `network {''.join(word[:1].upper() + word[1:] for word in words[1].split())}`"
            if words
            else ""
        )
        return Mistake("a name is one word", "this is another one", help_)
    if here.in_statement("INPUT", "EXPECT") and here.last is not here.statement and "_END" in here.accepts:
        assert here.statement is not None
        from specgen.layers import registry

        if registry.find(found.value) is not None:
            label = "the statement before it ends here: start a new line or write `;`"
            return Mistake(f"unexpected `{found.value}`", label)
        named = re.match(r"\w+((?:\s+(?:\d+|[A-Za-z_]\w*)){2,4})\s*(?:#.*)?$", here.statement_text())
        if named:
            help_ = f"write `{here.statement.value} ({', '.join(named[1].split())})`"
            return Mistake("sizes with names are a tuple", "`,` is needed in front", help_)
        return Mistake(f"`{here.statement.value}` takes a shape and nothing more", "leave this out")
    if found.value == "is" and here.in_statement("IF", "RESIDUAL"):
        return Mistake("unexpected `is`", "", "equality is `==`")
    if here.in_front_of("COLON") and here.behind("RBRACE") and re.search(r"\bresidual\b", here.line_before()):
        return Mistake("a shortcut's projection follows `else`", "", f"write `else {found.value}: {{`")
    if found.value == "then" and here.in_statement("IF"):
        return Mistake("unexpected `then`", "a body in braces is needed here")
    if here.behind("ELSE", "NAME"):
        return else_body(here)
    if here.in_statement("REPEAT") and here.in_front_of("LBRACE"):
        if found.value == "times":
            return Mistake("unexpected `times`", "leave it out")
        return Mistake(f"unexpected `{found.value}`", "", f"for a counter, write `as {found.value}`")
    if here.last is not None and here.last.type in PARALLEL:
        return _branches_outside(here, here.last)
    if here.in_statement("BLOCK") and len(here.before) == 2 + index_of(here.statement or found, here.before):
        label = "arguments are in parentheses"
        return Mistake(f"unexpected `{found.value}`", label, f"for example: `{EXAMPLES['BLOCK']}`")
    return None


def _branches_outside(here: Here, word: Token) -> Mistake:
    """`cat a b` and `cat dim=1 { … }`: what is joined stands in braces, and there are no options."""
    if here.in_front_of("EQUAL"):
        joins = "along the channels" if word.type in ("CAT", "SPLIT") else "value by value"
        return Mistake(f"`{word.value}` takes no options", "leave it out", f"it joins its branches {joins}")
    title = f"`{word.value}` joins the branches in its braces"
    help_ = f"what is joined is written there: `{EXAMPLES[word.type]}`"
    return Mistake(title, "`{` is needed here", help_)


def else_body(here: Here) -> Mistake:
    body = here.source.text[here.before[-1].span.start :].partition("\n")[0].strip()
    help_ = f"write `else {{ {body} }}`" if len(body) <= 60 and not set("{}#|;") & set(body) else ""
    return Mistake("the body of `else` is in braces", "`{` is needed in front of the layer", help_)


def unexpected_keyword(here: Here) -> Mistake | None:
    """A keyword where a name or a value is meant."""
    found, last = here.found, here.last
    if last is not None and last.type == "COLON" and found.type in EXAMPLES:
        title = f"`{found.value}` cannot have a label"
        if found.type == "REPEAT":
            return Mistake(
                title, "its body is put in place, without a module of its own", "label what is in it"
            )
        return Mistake(title, "labels are for layers, blocks and groups", "leave the label out")
    if found.type == "AS" and here.in_statement("NAME") and here.next is not None:
        line = (
            here.source.text[here.statement.span.start : found.span.start].strip() if here.statement else ""
        )
        help_ = f"write `{here.next.value}: {line}`" if here.next.type == "NAME" and len(line) < 40 else ""
        return Mistake("a layer's name stands in front of it", "", help_)
    if found.type == "IF" and here.in_statement("NAME"):
        line = here.statement_text().partition("#")[0]
        head, _, condition = line.partition(" if ")
        condition, _, otherwise = condition.partition(" else ")
        simple = condition and not otherwise and not set("{};|") & set(line) and len(line) <= 60
        help_ = f"write `if {condition.strip()} {{ {head.strip()} }}`" if simple else ""
        return Mistake("`if` stands in front of what it decides", "", help_)
    if found.type == "IN" and here.in_statement("IF", "RESIDUAL"):
        return Mistake("unexpected `in`", "", "compare with each: `act == relu or act == gelu`")
    if found.type == "IF" and here.in_statement("PARAM", "LET") and here.last is not here.statement:
        help_ = "for example: `if wide { conv 64 } else { conv 32 }`"
        return Mistake("`if` decides between statements, not between values", "", help_)
    if found.type == "IF" and here.behind("RESIDUAL"):
        return Mistake(
            "unexpected `if`", "the condition of a `residual` stands behind `when`", "write `residual when …`"
        )
    if found.type == "IN" and here.in_statement("BLOCK") and here.behind("LPAREN", "COMMA"):
        label = "in every block this is what arrives"
        return Mistake("`in` is a keyword", label, "leave it out: `in` is the number of channels that arrive")
    if found.type not in EXAMPLES and (
        (here.last is here.statement and here.in_statement("PARAM", "LET", "BLOCK")) or here.behind("AS")
    ):
        return Mistake(f"`{found.value}` is a keyword", "a name is needed here")
    if found.type == "REPEAT" and here.in_statement("NAME") and here.next and here.next.type == "EQUAL":
        return Mistake("`repeat` is not an option", "", "it stands around the layer: `repeat 3 { conv 64 }`")
    if found.type == "WHEN" and here.behind("RBRACE"):
        help_ = "for example: `residual when s == 1 { conv 64 }`"
        return Mistake("`when` stands in front of the body", "", help_)
    if found.type == "IN" and here.in_statement("REPEAT") and not here.behind("AS"):
        help_ = "for example: `repeat 3 as i { conv 64 }`, where `i` counts from 0"
        return Mistake("unexpected `in`", "how often comes first", help_)
    if found.type in ("OR", "AND") and here.behind("RBRACE"):
        return Mistake(
            f"unexpected `{found.value}`", "it joins conditions", "a shortcut's projection follows `else`"
        )
    if here.statement is None and found.type in ("TRUE", "FALSE", "IN"):
        return no_start(here)
    if "NAME" in here.accepts and found.type in KEYWORDS:
        label = "a name is needed here" if last is None or last.type not in ("NAME", "NUMBER") else ""
        label = label or "it starts a statement: `;` is needed in front"
        if found.type not in EXAMPLES:
            return None
        return Mistake(f"`{found.value}` is a keyword", label)
    return None

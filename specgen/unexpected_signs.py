"""What was meant by a sign, or the end of a statement, that does not belong where it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence

from specgen.lalr import Token
from specgen.source import Span
from specgen.text_errors import FOLLOW
from specgen.unexpected import (
    ELSEWHERE,
    EXAMPLES,
    NEEDS,
    PARALLEL,
    Here,
    Mistake,
    describe,
    index_of,
    together,
)
from specgen.unexpected_words import else_body, no_start

_ON_A_LINE = "what belongs to a layer stands on its line, with spaces: `conv 64 bn relu`"


def unexpected_end(here: Here) -> Mistake | None:
    """A statement that ends too early."""
    if here.in_front_of("LBRACE") and "LBRACE" in here.accepts:
        return Mistake("a body starts on the line that it belongs to", "`{` is needed here")
    name = describe(here.found)
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
    if here.last is not None and here.last is here.statement and here.last.type in NEEDS:
        return Mistake(f"unexpected {name}", NEEDS[here.last.type])
    if here.behind("INIT", "NAME"):
        from specgen.initialisation import FUNCTIONS

        word = here.before[-1].value
        if word.removesuffix("_") in FUNCTIONS:
            help_ = f"write `init conv {word}`"
            return Mistake(
                "`init` says first which layers it is for", "this is how", help_, here.before[-1].span
            )
        return Mistake(f"unexpected {name}", "a function of `torch.nn.init` is needed here")
    return None


def unexpected_colon(here: Here) -> Mistake:
    """A `:` where no label ends."""
    last, following = here.last, here.next
    if last is not None and last is here.statement and last.type in EXAMPLES:
        word, example = last.value, EXAMPLES[last.type]
        if last.type in (*PARALLEL, "RESIDUAL"):
            help_ = f"leave out the `:`, or choose another name: `{word}1: …`"
        else:
            rest = here.what_follows()
            written = (
                f"{word} {rest}" if rest and len(rest) < 40 and last.type in ("INPUT", "EXPECT") else example
            )
            help_ = f"write it without the `:`: `{written}`"
        return Mistake(f"`{word}` is a keyword", "so it cannot be a label", help_, last.span)
    if here.in_statement("NAME", "CALLED") and here.statement is not None:
        construct = ELSEWHERE.get(here.statement.value.casefold())
        if construct and last is not here.statement:
            example = EXAMPLES.get(construct.split()[0].upper(), EXAMPLES["IF"])
            title = f"`{here.statement.value} … :` is not a construct"
            return Mistake(title, "a body is in braces", f"write `{construct}`, for example: `{example}`")
    if following is not None and following.type == "EQUAL" and following.span.start == here.found.span.end:
        return Mistake("a value is given with `=`", "leave out the `:`")
    is_value = following is not None and following.type in ("NUMBER", "TRUE", "FALSE")
    if here.in_statement("PARAM", "LET") and is_value:
        return Mistake("a value is given with `=`", "write `=` in place of the `:`")
    if here.in_statement("PARAM", "LET") or (here.in_statement("BLOCK") and "RPAREN" in here.accepts):
        return Mistake("values have no declared types", "leave the type out")
    if here.in_statement("REPEAT", "IF", "BLOCK", "ELSE"):
        return Mistake("a body is in braces, without a `:`", "`{` is needed here")
    if here.in_statement("NAME") and len(here.before) > 1 and here.behind("NAME"):
        return _colon_behind_name(here)
    if here.statement is not None and here.statement.type in EXAMPLES:
        sizes = re.match(r"(\w+)\s+(\d+(?:\s*:\s*\d+)+)\s*(#.*)?$", here.statement_text())
        if sizes and here.in_statement("INPUT", "EXPECT"):
            shape = "x".join(re.findall(r"[0-9]+", sizes[2]))
            return Mistake("sizes are joined by the letter x", "no `:` here", f"write `{sizes[1]} {shape}`")
        return Mistake(f"`{here.statement.value}` takes no `:`", "leave it out")
    return Mistake("unexpected `:`", "a label is one name at the start of a statement")


def _colon_behind_name(here: Here) -> Mistake:
    """`k:3` on a layer's line, `conv-1: …`, `a: b: …`."""
    last, statement = here.last, here.statement
    assert last is not None and statement is not None
    written = here.source.text[statement.span.start : last.span.end]
    if "-" in written and " " not in written:
        label = "names are made of A–Z, a–z, 0–9 and _"
        help_ = f"write `{re.sub(r'[^A-Za-z0-9]', '_', written)}:`"
        return Mistake(f"`{written}` is not a name", label, help_, Span(statement.span.start, last.span.end))
    following = here.next
    if (
        following is not None
        and last is not statement
        and following.type in ("NUMBER", "SIZES", "NAME", "LPAREN")
    ):
        value = re.match(r":\s*([\w.]+|\([^()\n]*\))", here.rest())
        from specgen.layers import registry

        if value and registry.find(value[1]) is None:
            help_ = f"write `{last.value}={value[1]}`"
            return Mistake("an option has its value behind `=`", "`:` stands behind a label", help_)
    return Mistake("unexpected `:`", "a label is one name at the start of a statement")


def unexpected_comma(here: Here) -> Mistake | None:
    """A comma outside parentheses."""
    if here.opened is not None and here.opened.type == "LPAREN":
        return None
    place, line = here.found.span.start, here.line_before() + here.rest()
    if here.in_statement("INPUT", "EXPECT") and here.in_front_of("NAME"):
        help_ = "statements are separated by `;`, or stand on lines of their own"
        return Mistake("unexpected `,`", "`;` is needed here", help_)
    if here.in_statement("INPUT", "EXPECT") and here.statement is not None:
        sizes = re.match(r"(\w+)\s+(\d+(?:\s*,\s*\d+)+)\s*(#.*)?$", line.lstrip())
        help_ = f"write `{sizes[1]} {''.join(sizes[2].split()).replace(',', 'x')}`" if sizes else ""
        return Mistake("sizes are joined by the letter x", "no comma here", help_)
    behind = re.match(r",\d{3}\b", here.rest())
    if here.behind("NUMBER") and behind and here.last is not None and here.last.span.end == place:
        return Mistake(
            "digits are not grouped", "leave out the comma", f"write `{here.last.value}{behind[0][1:]}`"
        )
    tight = re.match(r",(\d+)\b", here.rest())
    if tight and here.last is not None and here.last.value == "0" and here.last.span.end == place:
        return Mistake("a fraction has a point", "this is a comma", f"write `0.{tight[1]}`")
    if here.behind("EQUAL", "NUMBER") and here.in_front_of("NUMBER"):
        more = "".join(re.findall(r"^(?:\s*,\s*[\w.+-]+)+", here.rest()))
        option, shown = here.before[-3].value, re.sub(r"\s*,\s*", ", ", here.before[-1].value + more)
        return Mistake("a tuple is written in parentheses", "", f"write `{option}=({shown})`")
    if here.in_statement("PARAM", "LET"):
        word = here.statement.value if here.statement else "param"
        return Mistake(f"each name has a `{word}` of its own", "start a new line or write `;`")
    if here.in_statement("REPEAT"):
        return Mistake("unexpected `,`", "a `repeat` counts with one name")
    if here.in_statement("DEFAULT") and here.in_front_of("NAME"):
        label = "start a new line or write `;`"
        return Mistake("each layer has a `default` of its own", label, "for example: `default conv nobias`")
    from specgen.calls import line_for

    help_ = _instead_of_comma(here)
    values = re.match(r"\s*(\w+)[ ,]\s*([\w.=]+(?:\s*,\s*[\w.=]+)*)\s*(?:#.*)?$", line)
    if not help_ and values and (written := line_for(f"{values[1]}({values[2]})")):
        help_ = f"write `{written}`"
    return Mistake(
        "arguments are separated by spaces, not by commas", "write a space" if not help_ else "", help_
    )


def _instead_of_comma(here: Here) -> str:
    """What stands between two statements or branches that a comma separates."""
    behind = here.after[1] if len(here.after) > 1 else None
    starts = here.in_front_of("NAME", *PARALLEL, "RESIDUAL", "REPEAT")
    if not starts or (behind is not None and behind.type == "EQUAL"):
        return ""
    index = index_of(here.opened, here.before) if here.opened is not None else 0
    of = here.before[index - 1].type if index else ""
    from specgen.layers import registry

    if here.next is not None and here.next.type == "NAME":
        layer = registry.find(here.next.value)
        if layer is None or (layer.trim and here.opened is None):  # of the line in front
            return ""
    if of in PARALLEL:
        return "branches are separated by `|`, and statements by `;`"
    return "statements are separated by `;`"


def unexpected_bar(here: Here) -> Mistake:
    """A `|` that separates no branches."""
    if here.rest().startswith("||"):
        help_ = "conditions are written with `and`, `or`, `not` and `!=`"
        return Mistake("`||` has no meaning here", "", help_, together(here.found, here.next))
    if here.opened is not None and here.opened in here.before:
        front = here.before[index_of(here.opened, here.before) - 1]
        if front.type == "RESIDUAL":
            help_ = "what arrives is added to the body; to add two, write `add { conv 64 | conv 64 k=1 }`"
            return Mistake("`residual` has one body", "this would start a second one", help_)
    title = "`|` separates the branches of `add`, `mul`, `cat` and `split`"
    from specgen.options import all_flags

    is_flag = here.in_statement("NAME") and here.next is not None and here.next.value in all_flags()
    help_ = _ON_A_LINE if is_flag else f"for example: `{EXAMPLES['CAT']}`"
    return Mistake(title, "it has no meaning here", help_)


def unexpected_brace(here: Here) -> Mistake | None:
    """A `{` in front of which something is missing or too much."""
    statement, last = here.statement, here.last
    if here.opened is not None and here.opened.type == "LPAREN":
        return Mistake("unexpected `{`", "`)` is needed in front of it")
    if here.behind("EQUAL"):
        numbers = re.match(r"\{\s*([\w.]+(?:\s*,\s*[\w.]+)*)\s*\}", here.rest())
        values = "".join(numbers[1].split()).split(",") if numbers else []
        shown = f"({', '.join(values)})" if len(values) > 1 else "".join(values)
        help_ = f"write `{here.before[-2].value}={shown}`" if numbers else ""
        return Mistake("a tuple is written in parentheses", "braces hold bodies", help_)
    if statement is None and last is not None and last.type in ("NUMBER", "TIMES"):
        return None
    if statement is None and (join := _joins_behind(here)):
        title = f"the branches of `{join}` stand in one pair of braces"
        return Mistake(title, "`|` separates them", f"for example: `{EXAMPLES[join.upper()]}`")
    if statement is None:
        return Mistake(
            "a group has a name", "a name and `:` are needed here", "for example: `features: { conv 64; M }`"
        )
    if last is not None and last.type in NEEDS and (last is statement or last.type in ("IF", "WHEN")):
        return Mistake(
            "unexpected `{`", NEEDS[last.type], f"for example: `{EXAMPLES['IF']}`" * (last.type == "IF")
        )
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


def _joins_behind(here: Here) -> str:
    """The keyword of the branches that end directly in front, on the same line."""
    found = re.search(r"\b(add|mul|cat|split)\s*\{[^{}|]*\}\s*$", here.line_before())
    return found[1] if found else ""


def unexpected_parenthesis(here: Here) -> Mistake | None:
    """Parentheses around what stands without."""
    found, last, statement = here.found, here.last, here.statement
    if last is not None and last.type in PARALLEL:
        return Mistake(f"`{last.value}` has its branches in braces", "`{` is needed here")
    if last is not None and last.type in ("RESIDUAL", "ELSE"):
        return Mistake(f"`{last.value}` has its body in braces", "`{` is needed here")
    if found.type == "CALLED" and statement is None:
        from specgen.calls import layer_called

        return Mistake(
            "a layer takes its arguments without parentheses", "", layer_called(here.rest(), here.source.text)
        )
    if found.type == "CALLED" and here.in_statement("PARAM", "LET") and here.last is statement:
        return Mistake("a name stands for a value", "no function can be defined")
    if found.type == "CALLED" and here.in_statement("NETWORK"):
        param = re.match(r"\w+\(\s*(\w+)\s*=\s*(\w+)", here.rest())
        help_ = f"a param has a line of its own: `param {param[1]} = {param[2]}`" if param else ""
        return Mistake("`network` takes a name and nothing more", "", help_)
    if found.type == "CALLED" and here.in_statement("VARIANT", "INIT", "DEFAULT"):
        assert statement is not None
        call = re.match(r"(\w+)(\s+\w+)?\s+(\w+)\(([^()]*)\)", here.statement_text())
        arguments = " ".join(call[4].replace(",", " ").split()) if call else ""
        help_ = f"write `{call[1]}{call[2] or ''} {call[3]} {arguments}`" if call and "=" in arguments else ""
        title = f"`{statement.value}` takes its arguments without parentheses"
        return Mistake(title, "a space is needed behind this" if not help_ else "", help_)
    if statement is None:
        return no_start(here)
    from specgen.arithmetic import FUNCTIONS

    if found.type == "LPAREN" and last is not None and last.value in FUNCTIONS:
        return Mistake(
            "a call has no space before its parenthesis", "", f"write `{last.value}(…)`", last.span
        )
    return None


def unexpected_arithmetic(here: Here) -> Mistake | None:
    """Numbers and signs of arithmetic where no expression can go on."""
    found, last = here.found, here.last
    if here.in_statement("INPUT", "EXPECT") and here.statement in here.before[-2:-1] and here.behind("NAME"):
        counts = {"rgb": 3, "bgr": 3, "colour": 3, "color": 3, "gray": 1, "grey": 1, "grayscale": 1}
        count = counts.get(here.before[-1].value.casefold())
        sizes = found.value if count is None else f"{count}x{found.value}"
        help_ = f"write `{here.before[-2].value} {sizes}`" if found.type == "SIZES" else ""
        return Mistake(
            f"`{here.before[-2].value}` takes a shape and nothing more",
            "leave this out",
            help_,
            here.before[-1].span,
        )
    if here.in_statement("INPUT", "EXPECT") and here.opened is None and found.type in ("NUMBER", "SIZES"):
        line = re.match(r"(\w+)\s+(\d+(?:\s+\d+)+)\s*(?:#.*)?$", here.statement_text())
        help_ = f"write `{line[1]} {'x'.join(line[2].split())}`" if line else ""
        return Mistake("sizes are joined by the letter x", "this is a second size", help_)
    if here.statement is None:
        return no_start(here)
    if found.value == ">" and last is not None and last.value == "<" and last.span.end == found.span.start:
        return Mistake("`<>` has no meaning here", "", "write `!=`", together(last, found))
    if (
        last is not None
        and found.value == last.value
        and found.value in "<>"
        and last.span.end == found.span.start
    ):
        help_ = FOLLOW
        return Mistake(f"`{found.value * 2}` has no meaning here", "", help_, together(last, found))
    if (
        found.value in ("*", "/", "//", "%", "-")
        and last is here.statement
        and here.next is not None
        and here.next.value.startswith("=")
        and here.next.span.start == found.span.end
    ):
        title = f"`{last.value} {found.value}=` is not a statement" if last is not None else ""
        return Mistake(title, "a name keeps its value", "", together(found, here.next))
    if found.type == "COMPARE" and "COMPARE" in _since_operator(here.before):
        help_ = _ON_A_LINE if here.in_statement("NAME") else "join two of them with `and`"
        return Mistake("comparisons cannot be chained", "this is the second", help_)
    if found.value == "//" and last is here.statement:
        return Mistake("`//` divides", "a number is needed in front of it", "a comment starts with `#`")
    if found.value == ">" and last is not None and last.type == "MINUS" and last.span.end == found.span.start:
        return Mistake("`->` has no meaning here", "", FOLLOW, together(last, found))
    if found.value == "*" and last is not None and last.value == "*" and last.span.end == found.span.start:
        return Mistake(
            "there is no sign for powers", "", "a power is a function: `pow(2, 3)`", together(last, found)
        )
    if found.value == "*" and last is not None and last.value == "/" and last.span.end == found.span.start:
        return Mistake("`/*` has no meaning here", "", "a comment starts with `#`", together(last, found))
    if (
        found.type == "PLUS"
        and last is not None
        and last.type in ("NAME", "EQUAL", "LPAREN", "COMMA", "PLUS")
    ):
        if last is here.statement and here.in_front_of("NAME"):
            return Mistake("`+` joins numbers", "", "what is added are branches: `add { id | conv 64 }`")
        if last is here.statement and here.next is not None and here.next.type in ("PLUS", "EQUAL"):
            title = f"`{last.value} {found.value}{here.next.value}` is not a statement"
            return Mistake(title, "a name keeps its value", "", together(found, here.next))
        return Mistake("a number has no `+` in front", "leave it out")
    if here.in_statement("NETWORK", "VARIANT") and len(here.before) > 1 and found.type in ("MINUS", "NUMBER"):
        words = re.match(r"(network|variant)\s+([\w-]+)", here.statement_text())
        help_ = f"write `{words[1]} {words[2].replace('-', '_')}`" if words and "-" in words[2] else ""
        return Mistake("a name is one word", "names are made of A–Z, a–z, 0–9 and _", help_)
    if here.in_statement("PARAM", "LET") and here.accepts and "EQUAL" in here.accepts and last is not None:
        words = re.match(r"(\w+)\s+(\w+(?:-\w+)+)(\s*=[^{};#]*)", here.statement_text())
        if words and found.type == "MINUS":
            help_ = f"write `{words[1]} {words[2].replace('-', '_')}{words[3].rstrip()}`"
            return Mistake("a name is one word", "names are made of A–Z, a–z, 0–9 and _", help_)
        value = here.rest().partition("#")[0].removeprefix("==").strip()
        help_ = f"write `{here.before[-2].value} {last.value} = {value}`" if len(value) < 40 else ""
        return Mistake(f"unexpected {describe(found)}", "`=` is needed here", help_)
    if found.type == "NUMBER" and here.behind("ELSE", "NAME"):
        return else_body(here)
    return None


def _since_operator(before: Sequence[Token]) -> list[str]:
    """The kinds of the tokens since the last sign or word that ends a comparison."""
    found: list[str] = []
    for token in reversed(before):
        if token.type in ("AND", "OR", "NOT", "LPAREN", "LBRACE", "EQUAL", "COMMA", "_END", "IF", "WHEN"):
            break
        found.append(token.type)
    return found

"""What was meant by a `=` that does not belong where it stands."""

from __future__ import annotations

import re

from specgen.lalr import Token
from specgen.text_errors import FOLLOW
from specgen.unexpected import EXAMPLES, KEYWORDS, NEEDS, Here, Mistake, index_of, together


def unexpected_equal(here: Here) -> Mistake | None:
    """A `=` that gives no option its value."""
    last, following = here.last, here.next
    if following is not None and following.value == ">" and following.span.start == here.found.span.end:
        return Mistake("`=>` has no meaning here", "", FOLLOW)
    if last is None:
        return None
    if here.in_statement("INPUT", "EXPECT", "DEFAULT") and here.statement in here.before[-2:-1]:
        return _no_option(here, last)
    if following is not None and following.value == "<" and following.span.start == here.found.span.end:
        return Mistake("`=<` has no meaning here", "", "write `<=`", together(here.found, following))
    if last.type == "COMPARE" and last.span.end == here.found.span.start:
        title = f"`{last.value}=` has no meaning here"
        return Mistake(title, "", f"write `{last.value}`", together(last, here.found))
    if last is here.statement and (last.type == "NAME" or last.type in EXAMPLES):
        return _assignment(here, last)
    if here.in_statement("IF", "RESIDUAL") and "COMPARE" in here.accepts:
        return Mistake("`=` gives an option its value; equality is `==`", "write `==`")
    if last.type in KEYWORDS and last.type not in ("TRUE", "FALSE") and last.type not in EXAMPLES:
        help_ = "it is the number of channels that arrive, and needs no saying" if last.type == "IN" else ""
        return Mistake(f"`{last.value}` is a keyword", "so it cannot be an option", help_)
    if (
        here.opened is not None
        and here.opened.type == "LPAREN"
        and here.statement in here.before[index_of(here.opened, here.before) - 1 :][:1]
        and here.in_statement("NAME")
    ):
        from specgen.calls import layer_called

        word, text = here.before[index_of(here.opened, here.before) - 1], here.source.text
        help_ = layer_called(word.value + text[here.opened.span.start :].partition("\n")[0], text)
        return Mistake("a layer takes its arguments without parentheses", "", help_, here.opened.span)
    if here.opened is not None and here.behind("CALLED", "LPAREN", "NAME"):
        return Mistake("a function takes its numbers by position, without names", "leave the name out")
    if here.opened is not None and here.opened.type == "LPAREN" and here.in_statement("NAME"):
        return _options_in_parentheses(here, here.opened)
    if len(here.before) > 1 and here.before[-2].type == "EQUAL":
        first = here.before[-2]
        if here.in_statement("NAME") and last.span.start > first.span.end:
            return Mistake("an option has its value behind `=`", "nothing stands here", "", first.span)
        if here.in_statement("NAME"):
            return Mistake("an option has one value", "this is a second `=`")
        if here.in_statement("PARAM", "LET") and here.statement is not None:
            return Mistake(f"each name has a `{here.statement.value}` of its own", "this is a second `=`")
    if option := re.search(r"(?:^|\s)(--?\w[\w-]*|[A-Za-z]\w*(?:-[A-Za-z]\w*)+)$", here.line_before()):
        value = re.match(r"=\s*([\w.]+|\([^()\n]*\))", here.rest())
        if here.in_statement("NAME") and value:
            help_ = f"write `{option[1].strip('-').replace('-', '_')}={value[1]}`"
            return Mistake("an option's name has no dashes", "", help_, last.span)
    if "COMPARE" in here.accepts:
        label = "an option's name stands in front of it"
        return Mistake("`=` gives an option its value; equality is `==`", label)
    return None


def _options_in_parentheses(here: Here, opened: Token) -> Mistake:
    """`conv 64 (k=3, s=2)`."""
    inside, closed, _ = here.source.text[opened.span.end :].partition("\n")[0].partition(")")
    options = [part.strip() for part in inside.split(",")]
    plain = closed and len(inside) < 40 and all(re.fullmatch(r"\w+\s*=\s*[\w.]+", one) for one in options)
    help_ = f"write `{' '.join(options)}`" if plain else ""
    return Mistake("options stand without parentheses", "", help_, opened.span)


def _no_option(here: Here, last: Token) -> Mistake:
    """`input shape=3x32x32`, `default k=5`: an option where something else stands first."""
    word, rest = here.before[-2].value, here.what_follows()
    written = f"default conv {last.value}={rest}" if word == "default" else f"{word} {rest}"
    help_ = f"write `{written}`" if len(rest) < 40 else ""
    if word == "default":
        return Mistake("`default` names a layer first", "this is an option", help_, last.span)
    at = together(last, here.found)
    sizes = re.findall(r"(\w+)\s*=\s*(\d+)(?!\w)", f"{last.value}={rest}" if len(rest) < 80 else "")
    if len(sizes) > 1:
        sizes.sort(key=lambda one: not one[0].casefold().startswith(("c", "in_c", "in_p", "depth", "planes")))
        help_ = f"write `{word} {'x'.join(number for _, number in sizes)}`"
    elif (
        sizes
        and rest.isdigit()
        and re.fullmatch(r"(im(age|g)?_?)?(size|sz|resolution|res)", last.value.casefold())
    ):
        help_ = f"channels come first: `{word} 3x{rest}x{rest}`"
    return Mistake(f"`{word}` takes a shape and nothing more", "leave this out", help_, at)


def _assignment(here: Here, last: Token) -> Mistake:
    """A `=` behind the first word of a statement."""
    if last.type in ("PARAM", "LET"):
        return Mistake("unexpected `=`", NEEDS[last.type])
    if last.type in EXAMPLES:
        return Mistake(f"`{last.value}` takes no `=`", "leave it out")
    from specgen.layers import registry
    from specgen.options import all_flags

    rest = here.what_follows()
    shown = rest if len(rest) < 40 else "…"
    if above := _line_above(here, last.value):
        option = f"{last.value}{here.rest().partition('#')[0].rstrip()}"
        is_line = len(above + option) < 60 and last.value not in all_flags()
        same = ";" in here.source.text[: last.span.start].rpartition("\n")[2]
        label = "the `;` in front ends its layer's line" if same else "its layer is on the line above"
        help_ = f"write `{above} {option}`" if is_line else ""
        return Mistake("an option stands on the line of its layer", label, help_, last.span)
    if registry.find(last.value) is not None:
        return Mistake("a layer takes its size without `=`", "leave it out", f"write `{last.value} {shown}`")
    title, following = f"`{last.value} = …` is not a statement", here.next
    from specgen.vocabulary import ours

    shape = re.fullmatch(r"\(?\s*(\d+(?:\s*[x,]\s*\d+){0,3})\s*\)?", rest)
    if shape and ours(last.value, ("input",)):
        return Mistake(
            title, "there is no assignment", f"write `input {'x'.join(re.findall(r'[0-9]+', rest))}`"
        )
    known = re.search(rf"\b(param|let)\s+{last.value}\b", here.source.text[: last.span.start])
    if last.value.casefold() in ("skip", "shortcut", "identity", "residual", "res"):
        return Mistake(
            title, "there is no assignment", f"what is added again is written `{EXAMPLES['RESIDUAL']}`"
        )
    if known and not _layer_behind(here) and len(rest) < 40 and not set("{}#;") & set(rest):
        help_ = f"a value does not change: another one is `let {last.value}2 = {rest}`"
    elif following is not None and following.type in ("NUMBER", "SIZES", "LPAREN", "IN", "MINUS"):
        help_ = f"a value is named by `let {last.value} = {shown}`"
    else:
        help_ = f"a layer's name has a colon: `{last.value}: {_layer_behind(here) or 'conv 64'}`"
    return Mistake(title, "there is no assignment", help_)


def _layer_behind(here: Here) -> str:
    """What stands behind the `=`, as the line of a layer; empty if it is none."""
    from specgen.calls import line_for
    from specgen.layers import registry

    rest = here.what_follows()
    if call := re.match(r"[A-Za-z_]\w*\(.*\)", rest):
        return line_for(call[0])
    word = re.match(r"\w+", rest)
    is_line = word is not None and len(rest) < 40 and not set("{}();|") & set(rest)
    return rest if is_line and word is not None and registry.find(word[0]) is not None else ""


def _line_above(here: Here, option: str) -> str:
    """The line above, if that is the line of a layer which has such an option."""
    from specgen.layers import registry
    from specgen.options import flags, option_names

    number, column = here.source.position(here.found.span.start)
    *before, _ = here.source.line(number)[: column - 1].split(";")
    above = before[-1] if before else here.source.line(number - 1).partition("#")[0] if number > 1 else ""
    above = above.strip()
    found = re.fullmatch(r"(?:\w+:\s*)?(\w+)( [^{};|]*)?", above)
    layer = registry.find(found[1]) if found else None
    known = layer is not None and (option in option_names(layer) or option in flags(layer))
    return above if known else ""

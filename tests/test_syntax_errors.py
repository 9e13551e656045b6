"""What is said of a line that is no statement: what is wrong, what belongs at its place, what to write."""

from __future__ import annotations

import pytest

import specgen

#: A line; the title, what stands under its place, and the help.
SAID = [
    (
        "init conv : kaiming_normal",
        "`init` takes no `:`",
        "leave it out",
        "for example: `init conv kaiming_normal mode=fan_out nonlinearity=relu bias=0`",
    ),
    ("network Foo: bar", "`network` takes no `:`", "leave it out", "for example: `network ResNet50`"),
    ("= 3", "unexpected `=`", "a name is needed here", ""),
    (
        "conv1 = Conv2d(3, 64, 3)",
        "`conv1 = …` is not a statement",
        "there is no assignment",
        "a layer's name has a colon: `conv1: conv 64 k=3`",
    ),
    (
        "width = 64",
        "`width = …` is not a statement",
        "there is no assignment",
        "a value is named by `let width = 64`",
    ),
    (
        "conv 8 true=3",
        "`=` gives an option its value; equality is `==`",
        "an option's name stands in front of it",
        "",
    ),
    ("conv 8 k=3=4", "an option has one value", "this is a second `=`", ""),
    (
        "repeat max(a=1) { relu }",
        "a function takes its numbers by position, without names",
        "leave the name out",
        "for example: `repeat 3 { conv 64 }`",
    ),
    (
        "repeat 3 = 4 { relu }",
        "`=` gives an option its value; equality is `==`",
        "an option's name stands in front of it",
        "for example: `repeat 3 { conv 64 }`",
    ),
    (
        "if 3 = 3 { relu }",
        "`=` gives an option its value; equality is `==`",
        "write `==`",
        "for example: `if s != 1 { conv 64 } else { conv 32 }`",
    ),
    ("conv 8 k=(3, 5), s=1", "arguments are separated by spaces, not by commas", "leave it out", ""),
    ("conv (8, , 3)", "unexpected `,`", "a value is needed here", ""),
    ("conv 8 k=(3 5)", "unexpected `5`", "`)` is needed here", ""),
    ("conv 8 k=(,3)", "unexpected `,`", "a value is needed here", ""),
    (
        "if { relu }",
        "unexpected `{`",
        "a condition is needed here",
        "for example: `if s != 1 { conv 64 } else { conv 32 }`",
    ),
    (
        "repeat 3 as { relu }",
        "unexpected `{`",
        "a name for the counter is needed here",
        "for example: `repeat 3 as i { conv 64 }`",
    ),
    (
        "(conv 8)",
        "unexpected `(`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `conv 64 k=3`",
    ),
    (
        "(conv 8; relu)",
        "unexpected `(`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `conv 64 k=3`",
    ),
    ("relu(", "a layer takes its arguments without parentheses", "", "its arguments are separated by spaces"),
    (
        "default conv(8)",
        "`default` takes its arguments without parentheses",
        "a space is needed behind this",
        "for example: `default conv bn nobias`",
    ),
    (
        "variant small(4)",
        "`variant` takes its arguments without parentheses",
        "a space is needed behind this",
        "for example: `variant VGG11_BN norm=bn`",
    ),
    (
        "init conv(3)",
        "`init` takes its arguments without parentheses",
        "a space is needed behind this",
        "for example: `init conv kaiming_normal mode=fan_out nonlinearity=relu bias=0`",
    ),
    ("param a 3", "unexpected `3`", "`=` is needed here", "for example: `param num_classes = 1000`"),
    ("let a 3", "unexpected `3`", "`=` is needed here", "for example: `let c = 4*in`"),
    ("param a b", "unexpected `b`", "`=` is needed here", "for example: `param num_classes = 1000`"),
    (
        "residual { conv 3 } else conv 3",
        "the body of `else` is in braces",
        "`{` is needed in front of the layer",
        "write `else { conv 3 }`",
    ),
    ("residual { conv 3 } else conv", "unexpected end of the text", "`:` is needed here", ""),
    (
        "block b c { conv c }",
        "unexpected `c`",
        "arguments are in parentheses",
        "for example: `block pair(c, s=1) { conv c s=s; conv c }`",
    ),
    (
        "block b",
        "unexpected end of the text",
        "a body in braces is needed here",
        "for example: `block pair(c, s=1) { conv c s=s; conv c }`",
    ),
    (
        "in",
        "unexpected `in`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `conv 64 k=3`",
    ),
    (
        "false",
        "unexpected `false`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `conv 64 k=3`",
    ),
    ("a: { conv 8 k=or }", "unexpected `or`", "a value is needed here", ""),
    ("conv if", "`if` stands in front of what it decides", "", ""),
    ("conv 8 k=and", "unexpected `and`", "a value is needed here", ""),
    (
        "repeat 3 in { relu }",
        "unexpected `in`",
        "how often comes first",
        "for example: `repeat 3 as i { conv 64 }`, where `i` counts from 0",
    ),
    (
        "add { relu or id }",
        "unexpected `or`",
        "the statement before it ends here: start a new line or write `;`",
        "",
    ),
    (
        "conv 64 { relu }",
        "`conv … {` is not a construct",
        "a layer has no body",
        "end its line first, or remove the `{`",
    ),
    (
        "conv 64 relu { M }",
        "`conv … {` is not a construct",
        "a layer has no body",
        "end its line first, or remove the `{`",
    ),
    (
        "reapeat 3 { conv 3 }",
        "`reapeat … {` is not a construct",
        "no construct has this name",
        "did you mean `repeat`? for example: `repeat 3 { conv 64 }`",
    ),
    (
        "if true { relu } relu",
        "unexpected `relu`",
        "the statement before it ends here: start a new line or write `;`",
        "",
    ),
    (
        "self.conv = nn.Conv2d(3, 8, 3)",
        "`self.conv` is not a name",
        "a name has no dots",
        "a layer's name has a colon: `conv: conv 8 k=3`",
    ),
    (
        "self.x = 3",
        "`self.x` is not a name",
        "a name has no dots",
        "a layer's name has a colon: `x: conv 64`",
    ),
    (
        "nn.functional.relu(x)",
        "`nn.functional.relu` is not a name",
        "a name has no dots",
        "a layer has a line of its own: `conv 64 k=3`",
    ),
    ("a.b 3", "`a.b` is not a name", "a name has no dots", ""),
    ("conv 8 k=3.5.1", "`3.5.1` is not a number", "a number has one point at most", ""),
    (
        "3 conv 8",
        "unexpected `3`",
        "a statement starts with a layer, a block or a keyword",
        "the layer comes first: `conv 3`",
    ),
    (
        "64 conv",
        "unexpected `64`",
        "a statement starts with a layer, a block or a keyword",
        "the layer comes first: `conv 64`",
    ),
    (
        "3 * { relu }",
        "unexpected `3`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `repeat 3 { conv 64 }`",
    ),
    (
        "3 x relu",
        "unexpected `3`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `repeat 3 { conv 64 }`",
    ),
    (
        "8x8",
        "unexpected `8x8`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `conv 64 k=3`",
    ),
    (
        "-3",
        "unexpected `-`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `conv 64 k=3`",
    ),
    (
        "* 3",
        "unexpected `*`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `conv 64 k=3`",
    ),
    (
        "| relu",
        "`|` separates the branches of `add`, `mul`, `cat` and `split`",
        "it has no meaning here",
        "for example: `cat { conv 64 | conv 32 k=1 }`",
    ),
    (
        "conv 8 as c",
        "unexpected `as`",
        "the statement before it ends here: start a new line or write `;`",
        "",
    ),
    ("x -> y", "`->` has no meaning here", "", "layers follow each other line by line, or with `;`"),
    (": conv 8", "unexpected `:`", "a label is one name at the start of a statement", ""),
    ("a: { conv 8, foo 3 }", "arguments are separated by spaces, not by commas", "leave it out", ""),
    (
        "3 { relu }",
        "unexpected `3`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `conv 64 k=3`",
    ),
    (
        "conv 8 k={3}",
        "`conv … {` is not a construct",
        "a layer has no body",
        "end its line first, or remove the `{`",
    ),
    ("param a (3)", "unexpected `(`", "`=` is needed here", "for example: `param num_classes = 1000`"),
    ("network (Foo)", "unexpected `(`", "a name is needed here", "for example: `network ResNet50`"),
    (
        "residual { relu } else conv relu",
        "the body of `else` is in braces",
        "`{` is needed in front of the layer",
        "write `else { conv relu }`",
    ),
    ("conv 8 k= when", "unexpected `when`", "a value is needed here", ""),
    (
        "a: conv 8 { relu }",
        "`conv … {` is not a construct",
        "a layer has no body",
        "end its line first, or remove the `{`",
    ),
    ("let c { 3 }", "`let` has no body", "leave out the braces", "for example: `let c = 4*in`"),
    (
        "conv 8 bn { relu }",
        "`conv … {` is not a construct",
        "a layer has no body",
        "end its line first, or remove the `{`",
    ),
    (
        "if true relu { M }",
        "unexpected `relu`",
        "a body in braces is needed here",
        "for example: `if s != 1 { conv 64 } else { conv 32 }`",
    ),
    (
        "init conv { relu }",
        "`init` has no body",
        "leave out the braces",
        "for example: `init conv kaiming_normal mode=fan_out nonlinearity=relu bias=0`",
    ),
    ("add { conv 8 k=not }", "unexpected `}`", "a value is needed here", ""),
    (
        "block b(c=) { relu }",
        "unexpected `)`",
        "a value is needed here",
        "for example: `block pair(c, s=1) { conv c s=s; conv c }`",
    ),
    ("conv 8 k= as", "unexpected `as`", "a value is needed here", ""),
    (
        "3 8 conv",
        "unexpected `3`",
        "a statement starts with a layer, a block or a keyword",
        "for example: `conv 64 k=3`",
    ),
    (
        "expect 3x8x8 8",
        "sizes are joined by the letter x",
        "this is a second size",
        "for example: `expect 512x7x7`",
    ),
    ("max(3, 4)", "a layer takes its arguments without parentheses", "", "write `max 3 4`"),
    ("conv 8 +", "unexpected end of the text", "a value is needed here", ""),
    ("conv 8 k=(3", "`(` is never closed", "this `(` is still open at the end", "add the missing `)`"),
]


@pytest.mark.parametrize(("line", "title", "label", "help_"), SAID, ids=[line for line, *_ in SAID])
def test_what_is_said_of_a_line(line: str, title: str, label: str, help_: str) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=f"input 3x8x8\n{line}\n")
    (found,) = caught.value.diagnostics
    assert (found.code, found.place and found.place[0]) == ("syntax", 2)
    assert (found.title, found.labels[0].text, "".join(found.help)) == (title, label, help_)

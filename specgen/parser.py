"""Text to syntax tree, with the LALR tables that Lark made of the grammar."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from math import inf
from typing import Any, Literal, NoReturn

from specgen import syntax, tables
from specgen.diagnostics import Diagnostic, Label, SpecError
from specgen.lalr import END, Tables, Token, UnexpectedCharacters, UnexpectedToken
from specgen.limits import DEFAULT_LIMITS, Limits
from specgen.source import Source, Span

#: Characters of a name, and of a number.
LONGEST_NAME = 200
LONGEST_NUMBER = 40


def parse(source: Source, limits: Limits = DEFAULT_LIMITS) -> syntax.Spec:
    """The syntax tree of a source; raises `SpecError` where it is not written in the language."""
    return syntax.Spec(_parse(source, limits, "spec"), _description(source.text))


def parses(text: str) -> bool:
    """Whether a text is written in the language."""
    try:
        parse(Source(text))
    except SpecError:
        return False
    return True


def parse_expression(source: Source) -> syntax.Expr:
    """The syntax tree of one expression: a value given from outside, with `--set` or `--input`."""
    expression: syntax.Expr = _parse(source, DEFAULT_LIMITS, "expr")
    return expression


def _parse(source: Source, limits: Limits, start: str) -> Any:
    _check_text(source, limits)
    try:
        raw = list(tokens_of(source.text))
    except UnexpectedCharacters as error:
        from specgen.text_errors import unexpected_text  # most texts need no such words

        raise unexpected_text(source, error.offset) from None
    tokens = _filter(source, raw, limits)
    ended = [*tokens, Token(END, "", Span(len(source.text), len(source.text)))]
    try:
        return _tables().parse(ended, start, _METHODS)
    except UnexpectedToken as error:
        from specgen.syntax_errors import explain

        raise explain(source, error.token, error.accepts, tokens) from None
    except _Mistake as mistake:
        raise SpecError([mistake.diagnostic(source)]) from None


@cache
def _tables() -> Tables:
    return tables.tables()


def tokens_of(text: str) -> Iterable[Token]:
    """The words of a text as the lexer tells them apart: comments are left out, every line end is there."""
    return _tables().tokens(text)


def _check_text(source: Source, limits: Limits) -> None:
    """Refuse a text that is too long, or that holds characters nobody could see."""
    if len(source.text.encode("utf-8", "surrogatepass")) > limits.source:
        whole = limits.source % 1024 == 0
        most = f"{limits.source // 1024} KiB" if whole else f"{limits.source:,} bytes"
        _refuse(source, "too-large", f"the source is larger than {most}", Span(0, 0))
    if source.text.replace("\n", "").replace("\t", "").isprintable():
        return
    for offset, char in enumerate(source.text):
        if not char.isprintable() and char not in "\n\t":
            name = unicodedata.name(char, "").lower()
            title = f"character U+{ord(char):04X}{f' ({name})' if name else ''} is not printable text"
            kind = unicodedata.category(char)
            mend = "write a plain space" if kind == "Zs" or char in "\v\f" else "remove it"
            mend = "end lines with LF or CRLF" if kind in ("Zl", "Zp") or char in "\r\x85" else mend
            if source.text.count("\0") > len(source.text) // 4:
                mend = "save the file as UTF-8: this is UTF-16, or no text"
            _refuse(source, "unprintable", title, Span(offset, offset + 1), mend)


def _filter(source: Source, tokens: list[Token], limits: Limits) -> list[Token]:
    """The tokens that the grammar reads.

    A line end or `;` counts only between two statements: outside parentheses, once, not next to a
    brace or a `|`, and not in front of `else`. A name directly in front of `(` becomes CALLED.
    """
    if len(tokens) > limits.tokens:
        place = tokens[limits.tokens]
        title = f"the source has more than {limits.tokens:,} words, signs and line ends"
        _refuse(source, "too-large", title, place.span, "the limit is reached here")
    kept: list[Token] = []
    pending: Token | None = None
    open_brackets: list[str] = []
    for token in tokens:
        kind = token.type
        if kind == "_END":
            pending = pending or token
            continue
        if pending is not None:
            between = (
                kept and kept[-1].type not in ("LBRACE", "VBAR") and kind not in ("RBRACE", "VBAR", "ELSE")
            )
            if between and "LPAREN" not in open_brackets[-1:]:
                kept.append(pending)
            pending = None
        if kind in ("LBRACE", "LPAREN"):
            open_brackets.append(kind)
            if len(open_brackets) > limits.depth:
                title = f"braces and parentheses are nested more than {limits.depth} deep"
                _refuse(source, "too-deep", title, token.span)
            if (
                kind == "LPAREN"
                and kept
                and kept[-1].type == "NAME"
                and kept[-1].span.end == token.span.start
            ):
                kept[-1] = kept[-1]._replace(type="CALLED")
        elif kind in ("RBRACE", "RPAREN") and open_brackets:
            open_brackets.pop()
        kept.append(token)
    return kept


def _refuse(source: Source, code: str, title: str, span: Span, label: str = "") -> NoReturn:
    raise SpecError([Diagnostic(code, title, (Label(span, label),), source=source)])


def _description(text: str) -> str:
    """The comment block at the top of the file, without its signs.

    What it is indented by says nothing, and neither do empty statements, so that formatting keeps it.
    """
    lines = []
    for line in text.lstrip("; \t\n").split("\n"):
        line = line.lstrip("; \t").rstrip()
        if not line.startswith("#"):
            break
        lines.append(line[1:].removeprefix(" "))
    return "\n".join(lines).strip("\n")


def _span(*children: Any) -> Span:
    """From the first to the last child that has a place."""
    present = [child for child in children if child]
    return Span(present[0].span.start, present[-1].span.end)


class _Mistake(Exception):  # noqa: N818 (the user's, not the program's)
    """What the grammar lets pass and the language does not."""

    def __init__(self, code: str, title: str, span: Span, label: str = "", *other: Label) -> None:
        super().__init__(title)
        self.parts = code, title, (Label(span, label), *other)

    def diagnostic(self, source: Source) -> Diagnostic:
        return Diagnostic(*self.parts, source=source)


class _Builder:
    """One method for each rule of the grammar: it gets the rule's children and gives the node."""

    # --- statements -----------------------------------------------------------------------------

    def spec(self, children: list[Any]) -> syntax.Body:
        statements = _nodes(children)
        return syntax.Body(statements, _span(*statements) if statements else Span(0, 0))

    def body(self, children: list[Any]) -> syntax.Body:
        return syntax.Body(_nodes(children), _span(*children))

    def branch(self, children: list[Any]) -> tuple[syntax.Statement, ...]:
        return _nodes(children)

    def branches(self, children: list[Any]) -> tuple[tuple[syntax.Body, ...], Token]:
        """The branches, and the brace behind them. An empty one has the place of the signs around it."""
        bodies = tuple(
            syntax.Body(branch, _span(*branch) if branch else _span(before, after))
            for before, branch, after in zip(children[::2], children[1::2], children[2::2], strict=False)
        )
        return bodies, children[-1]

    def network(self, children: list[Any]) -> syntax.NetworkName:
        return syntax.NetworkName(children[1], _span(*children))

    def input(self, children: list[Any]) -> syntax.Input:
        return syntax.Input(children[1], _span(*children))

    def expect(self, children: list[Any]) -> syntax.Expect:
        return syntax.Expect(children[1], _span(*children))

    def param(self, children: list[Any]) -> syntax.Param:
        return syntax.Param(children[1], children[2], _span(*children))

    def let(self, children: list[Any]) -> syntax.Let:
        return syntax.Let(children[1], children[2], _span(*children))

    def default(self, children: list[Any]) -> syntax.Default:
        keyword, layer, arguments = children
        return syntax.Default(layer, arguments, _span(keyword, layer, *arguments))

    def init(self, children: list[Any]) -> syntax.Init:
        keyword, kind, function, arguments = children
        return syntax.Init(kind, function, arguments, _span(keyword, function, *arguments))

    def variant(self, children: list[Any]) -> syntax.Variant:
        keyword, name, settings = children
        return syntax.Variant(name, settings, _span(keyword, name, *settings))

    def block(self, children: list[Any]) -> syntax.Block:
        keyword, name, arguments, body = children
        return syntax.Block(name, arguments or (), body, _span(keyword, body))

    def block_arguments(self, children: list[Any]) -> tuple[Any, ...]:
        return _nodes(children)

    def block_argument(self, children: list[Any]) -> tuple[syntax.Name, syntax.Expr | None]:
        return children[0], children[1]

    def repeat(self, children: list[Any]) -> syntax.Repeat:
        keyword, count, _, index, body = children
        return syntax.Repeat(count, index, body, _span(keyword, body))

    def if_chain(self, children: list[Any]) -> syntax.If:
        parts = list(_nodes(children))
        otherwise = parts.pop() if len(parts) % 2 else None
        cases = tuple(zip(parts[::2], parts[1::2], strict=True))
        return syntax.If(cases, otherwise, _span(*children))

    def group(self, children: list[Any]) -> syntax.Group:
        return syntax.Group(children[0], children[1], _span(*children))

    def labelled(self, children: list[Any]) -> Any:
        label, statement = children
        return statement._replace(label=label, span=_span(label, statement))

    def apply(self, children: list[Any]) -> syntax.Apply:
        word, arguments = children
        return syntax.Apply(word, arguments, _span(word, *arguments))

    def parallel(self, children: list[Any]) -> syntax.Parallel:
        join, (bodies, closing) = children
        return syntax.Parallel(join.value, bodies, _span(join, closing))

    def residual(self, children: list[Any]) -> syntax.Residual:
        keyword, when, condition, body, _, projection = children
        label, shortcut = projection or (None, None)
        if when is not None and shortcut is not None:
            raise _Mistake(
                "when-and-else",
                "`residual` takes `when` or `else`, not both",
                _span(when, condition),
                "with `when`, there is no shortcut where the condition fails",
                Label(shortcut.span, "so this projection has no place", primary=False),
            )
        span = _span(keyword, body if shortcut is None else shortcut)
        return syntax.Residual(body, span, condition, shortcut, label)

    def projection(self, children: list[Any]) -> tuple[Any, ...]:
        return tuple(children)

    def arguments(self, children: list[Any]) -> tuple[Any, ...]:
        return tuple(children)

    def option(self, children: list[Any]) -> syntax.Option:
        name, value = children
        return syntax.Option(self.name([name]) if isinstance(name, Token) else name, value)

    # --- expressions ----------------------------------------------------------------------------

    def name(self, children: list[Any]) -> syntax.Name:
        token = children[0]
        if len(token.value) > LONGEST_NAME:
            label = f"{len(token.value)} characters: the limit is {LONGEST_NAME}"
            raise _Mistake("name-too-long", "name is too long", token.span, label)
        return syntax.Name(token.value, token.span)

    called = name

    def number(self, children: list[Any]) -> syntax.Number:
        token = children[0]
        text = token.value
        if len(text) > LONGEST_NUMBER:
            label = f"{len(text)} characters: the limit is {LONGEST_NUMBER}"
            raise _Mistake("number-too-large", "number is too long", token.span, label)
        value: int | float = int(text) if text.isdigit() else float(text)
        if value == inf:
            raise _Mistake("number-too-large", "number is too large", token.span, "this overflows")
        return syntax.Number(value, token.span)

    def sizes(self, children: list[Any]) -> syntax.TupleOf:
        token = children[0]
        items, start = [], token.span.start
        for digits in token.value.split("x"):
            items.append(self.number([Token("NUMBER", digits, Span(start, start + len(digits)))]))
            start += len(digits) + 1
        return syntax.TupleOf(tuple(items), token.span)

    def boolean(self, children: list[Any]) -> syntax.Number:
        return syntax.Number(children[0].type == "TRUE", children[0].span)

    def channels(self, children: list[Any]) -> syntax.Channels:
        return syntax.Channels(children[0].span)

    def chain(self, children: list[Any]) -> syntax.Chain:
        operators = [child.value for child in children[1::2]]
        rest = tuple(zip(operators, children[2::2], strict=True))
        return syntax.Chain(children[0], rest, _span(*children))

    def prefixed(self, children: list[Any]) -> syntax.Expr:
        *signs, operand = children
        operator: Literal["-", "not"] = "-" if signs[0].type == "MINUS" else "not"
        inner = syntax.Prefix(operator, operand, _span(signs[-1], operand))
        if len(signs) % 2:
            return syntax.Prefix(operator, operand, _span(*children))
        return syntax.Prefix(operator, inner, _span(*children))

    def function_call(self, children: list[Any]) -> syntax.FunctionCall:
        function, *arguments = _nodes(children)
        return syntax.FunctionCall(function, tuple(arguments), _span(*children))

    def parenthesised(self, children: list[Any]) -> syntax.Expr:
        """What stands in parentheses; these belong to what is quoted of it and underlined."""
        expression: syntax.Expr = children[1]
        span = _span(*children)
        if isinstance(expression, (syntax.Number, syntax.Name, syntax.Channels)):
            return expression._replace(span=span)
        return replace(expression, span=span)

    def tuple_of(self, children: list[Any]) -> syntax.TupleOf:
        return syntax.TupleOf(_nodes(children), _span(*children))


def _nodes(children: list[Any]) -> tuple[Any, ...]:
    """The children that are more than a word or a sign."""
    return tuple(child for child in children if not isinstance(child, Token))


_BUILDER = _Builder()
_METHODS = {name: getattr(_BUILDER, name) for name in vars(_Builder) if not name.startswith("_")}

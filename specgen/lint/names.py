"""Warnings about what is written, whatever it comes to: names without a use, signs that compute."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from specgen import syntax
from specgen.diagnostics import Diagnostic, Label
from specgen.layers import registry
from specgen.lint.flow import Checked, also


@dataclass(eq=False)
class Declared:
    """A name that was given, and whether anything mentions it."""

    what: str
    name: syntax.Name
    used: bool = False
    #: Whether a name around it was the same until here.
    hides: bool = False


@dataclass
class _Names:
    """The names of a file, scope by scope."""

    declared: list[Declared] = field(default_factory=list)
    #: A name, and one in scope that differs from it by case.
    alike: list[tuple[Declared, Declared]] = field(default_factory=list)
    #: The spellings of each name, by what it is without its case.
    spellings: dict[str, dict[str, None]] = field(default_factory=dict)


#: Those around are looked up, and not copied: thousands of bodies may stand behind thousands of names.
Scope = ChainMap[str, Declared]


def unused_name(checked: Checked) -> Iterator[Diagnostic]:
    """A block, a param, a `let` or an argument that nothing mentions."""
    for one in _names(checked.spec).declared:
        if not one.used and not one.name.text.startswith("_") and one.what != "label":
            what = "a `let`" if one.what == "let" else f"{'an' if one.what == 'argument' else 'a'} {one.what}"
            label = f"nothing mentions {what} of this name"
            if one.hides:
                label = f"it ends at the `}}`, and nothing before that mentions it: `{one.name.text}` stays"
            title = f"{one.what.replace('let', '`let`')} `{one.name.text}` is never used"
            yield checked.warn("unused-name", title, Label(one.name.span, label))


def differ_by_case(checked: Checked) -> Iterator[Diagnostic]:
    """Two names that hold in one place and differ by nothing but capitals."""
    for later, first in _names(checked.spec).alike:
        yield checked.warn(
            "differ-by-case",
            f"`{first.name.text}` and `{later.name.text}` differ by case only",
            Label(later.name.span, _with_article(later.what)),
            also(first.name.span, _with_article(first.what)),
            help="give one of them another name",
        )


def _with_article(what: str) -> str:
    return {"let": "this is a `let`", "argument": "this is an argument"}.get(what, f"this is a {what}")


def _names(spec: syntax.Spec) -> _Names:
    found = _Names()
    _body(spec.body, ChainMap(), ChainMap(), found)
    return found


def _declare(found: _Names, what: str, name: syntax.Name, *scopes: Mapping[str, Declared]) -> Declared:
    declared = Declared(what, name, hides=what == "let" and any(name.text in scope for scope in scopes[:1]))
    found.declared.append(declared)
    spellings = found.spellings.setdefault(name.text.casefold(), {})
    spellings[name.text] = None
    for scope in scopes:
        others = (scope.get(text) for text in spellings if text != name.text)
        found.alike += [(declared, other) for other in others if other is not None]
    return declared


def _body(body: syntax.Body, names: Scope, blocks: Scope, found: _Names) -> None:
    names, blocks, labels = names.new_child(), blocks.new_child(), dict[str, Declared]()
    for statement in body.statements:
        _labels(statement, labels, found)
        for expr in _expressions(statement):
            _mention(expr, names)
        match statement:
            case syntax.Param(name=name):
                names[name.text] = _declare(found, "param", name, names, blocks)
            case syntax.Let(name=name):
                names[name.text] = _declare(found, "let", name, names, blocks)
            case syntax.Block(name=name):
                _block(statement, names, blocks, found)
                blocks[name.text] = _declare(found, "block", name, names, blocks)
            case syntax.Apply(word=word) if word.text in blocks:
                blocks[word.text].used = True
            case syntax.Repeat(counter=counter, body=inner):
                inside = names.new_child()
                if counter is not None:
                    inside[counter.text] = _declare(found, "counter", counter, names, blocks)
                _body(inner, inside, blocks, found)
        if not isinstance(statement, (syntax.Block, syntax.Repeat)):
            for inner in syntax.bodies_of(statement):
                _body(inner, names, blocks, found)


def _block(block: syntax.Block, names: Scope, blocks: Scope, found: _Names) -> None:
    inside = names.new_child()
    for name, default in block.arguments:
        if default is not None:
            _mention(default, inside)
        inside[name.text] = _declare(found, "argument", name, inside, blocks)
    _body(block.body, inside, blocks, found)


def _labels(statement: syntax.Statement, labels: dict[str, Declared], found: _Names) -> None:
    own = getattr(statement, "label", None), getattr(statement, "projection_label", None)
    for label in own:
        if label is not None:
            labels[label.text] = _declare(found, "label", label, labels)


def _mention(expr: syntax.Expr, names: Scope) -> None:
    for leaf in syntax.leaves(expr):
        if isinstance(leaf, syntax.Name) and leaf.text in names:
            names[leaf.text].used = True


def _expressions(statement: syntax.Statement) -> Iterator[syntax.Expr]:
    """The expressions of a statement, without those of the bodies and the arguments in it."""
    match statement:
        case syntax.Input(shape=expr) | syntax.Expect(shape=expr):
            yield expr
        case syntax.Param(value=expr) | syntax.Let(value=expr) | syntax.Repeat(turns=expr):
            yield expr
        case syntax.Default(arguments=arguments) | syntax.Init(arguments=arguments):
            yield from _values(arguments)
        case syntax.Apply(arguments=arguments):
            yield from _values(arguments)
        case syntax.If(cases=cases):
            yield from (condition for condition, _ in cases)
        case syntax.Residual(condition=condition) if condition is not None:
            yield condition


def _values(arguments: Iterable[syntax.Argument]) -> Iterator[syntax.Expr]:
    for argument in arguments:
        yield argument.value if isinstance(argument, syntax.Option) else argument


# --- defaults ------------------------------------------------------------------------------------


def unused_default(checked: Checked) -> Iterator[Diagnostic]:
    """A `default` without options, or one behind which, in its braces, nothing could take them."""
    unused: list[syntax.Default] = []
    _layers(checked.spec.body, unused)
    for statement in unused:
        word = statement.layer.text
        title, label = f"`default {word}` reaches nothing", f"no `{word}` is written below, in these braces"
        help_ = "a `default` stands above the layers that it is for"
        if not statement.arguments:
            title, label, help_ = f"`default {word}` gives no option", "this changes nothing", _on_conv(word)
        yield checked.warn("unused-default", title, Label(statement.span, label), help=help_)


def _on_conv(word: str) -> str:
    """What was meant by a `default` that names a norm or an activation alone, if it needs no value."""
    layer = registry.find(word)
    if layer is None or layer.trim not in ("norm", "act"):
        return ""
    needs_value = any(option.required for option in layer.options.values())
    return "" if needs_value else f"for `{word}` behind each `conv`, write `default conv {word}`"


def _layers(body: syntax.Body, unused: list[syntax.Default]) -> set[str | None]:
    """The layers whose defaults a body takes; a `default` in it for nothing is added to `unused`."""
    found: set[str | None] = set()
    for statement in reversed(body.statements):
        match statement:
            case syntax.Apply(word=word):
                layer = registry.find(word.text)
                found |= {layer.word, layer.inherits_defaults} if layer is not None else set()
            case syntax.Default(layer=word):
                layer = registry.find(word.text)
                reached = layer is None or layer.trim or layer.word in found
                if not reached or not statement.arguments:
                    unused.append(statement)
            case _:
                for inner in syntax.bodies_of(statement):
                    found |= _layers(inner, unused)
    return found


# --- conditions ----------------------------------------------------------------------------------


def constant_condition(checked: Checked) -> Iterator[Diagnostic]:
    """A choice that is none: its condition mentions nothing that could change."""
    for statement in syntax.all_statements(checked.spec.body):
        match statement:
            case syntax.If(cases=cases):
                conditions = [condition for condition, _ in cases]
            case syntax.Residual(condition=condition) if condition is not None:
                conditions = [condition]
            case syntax.Repeat(turns=syntax.Number(value=0, span=span)):
                yield checked.warn(
                    "constant-condition", "the body of this `repeat` is never there", Label(span, "0 times")
                )
                continue
            case _:
                continue
        for condition in conditions:
            if all(isinstance(leaf, syntax.Number) for leaf in syntax.leaves(condition)):
                yield checked.warn(
                    "constant-condition",
                    "this condition is always the same",
                    Label(condition.span, "it mentions no param, no argument and no `in`"),
                )


# --- turns ---------------------------------------------------------------------------------------


def let_in_repeat(checked: Checked) -> Iterator[Diagnostic]:
    """A `let` that seems to go on from the turn before: every turn begins with what holds outside."""
    for statement in syntax.all_statements(checked.spec.body):
        if not isinstance(statement, syntax.Repeat):
            continue
        counter = statement.counter.text if statement.counter is not None else ""
        for inner in statement.body.statements:
            name = inner.name.text if isinstance(inner, syntax.Let) else ""
            if not isinstance(inner, syntax.Let) or name == counter:
                continue
            if any(
                isinstance(leaf, syntax.Name) and leaf.text == name for leaf in syntax.leaves(inner.value)
            ):
                turn = counter or "i"
                yield checked.warn(
                    "let-in-repeat",
                    f"`{name}` is the same in every turn",
                    Label(inner.span, f"each turn begins with the `{name}` from outside"),
                    help=f"compute it from the turn: `repeat 3 as {turn} {{ conv {name}*pow(2, {turn}) }}`",
                )


# --- arithmetic ----------------------------------------------------------------------------------


def arithmetic_on_a_line(checked: Checked) -> Iterator[Diagnostic]:
    """`conv 64 /2` and `k=3*3`: signs of papers, which are arithmetic here."""
    for statement in syntax.all_statements(checked.spec.body):
        for argument in statement.arguments if isinstance(statement, syntax.Apply) else ():
            value = argument.value if isinstance(argument, syntax.Option) else argument
            if not isinstance(value, syntax.Chain) or not isinstance(value.first, syntax.Number):
                continue
            title, help_ = f"`{checked.text(value.span)}` is arithmetic", ""
            halved = re.fullmatch(r"\d+\s+/(\d+)", checked.text(value.span))
            if halved and not isinstance(argument, syntax.Option):
                help_ = f"for a stride of {halved[1]}, write `s={halved[1]}`"
            square = re.fullmatch(r"(\d+)\s*\*\s*(\d+)(\s*\*\s*\d+)?", checked.text(value.span))
            if square and isinstance(argument, syntax.Option):
                shape = re.sub(r"\s*\*\s*", "x", square[0])
                help_ = f"sizes are joined by the letter x: `{argument.name.text}={shape}`"
            if help_:
                yield checked.warn(
                    "arithmetic-on-a-line", title, Label(value.span, "this is computed"), help=help_
                )

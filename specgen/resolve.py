"""Are all names known? Every layer, option, block and value of a file, used or not, in one go."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import Any, TypeVar

from specgen import initialisation, options, syntax
from specgen.diagnostics import Diagnostic, Label, first_of
from specgen.expressions import SAID, describe
from specgen.layers import registry
from specgen.layers.fields import words_of
from specgen.names import objection
from specgen.resolve_line import HOLDS, IN_FRONT, LineResolver
from specgen.source import Source, Span

_T = TypeVar("_T")


def resolve(source: Source, spec: syntax.Spec, given_words: Iterable[str] = ()) -> list[Diagnostic]:
    """Every unknown or doubled name, in the order of the text. `given_words` come from outside."""
    return _Resolver(source, spec, given_words).run()


class _Resolver(LineResolver):
    def __init__(self, source: Source, spec: syntax.Spec, given_words: Iterable[str]) -> None:
        super().__init__(source, _block_names(spec.body), given_words)
        self.spec = spec
        self.params = {s.name.text for s in spec.body.statements if isinstance(s, syntax.Param)}
        #: What each name was first defined as, where, and among which names it holds.
        self.declared: dict[str, tuple[str, Span, Mapping[str, Span]]] = {}

    def run(self) -> list[Diagnostic]:
        statements = self.spec.body.statements
        self._collect_words(statements)
        self._unique(statements)
        self._input_first(statements)
        self._body(self.spec.body, {}, {}, top=True)
        self._defined_elsewhere()
        return first_of([self.found[key] for key in sorted(self.found)], "mistakes")

    # --- declarations ----------------------------------------------------------------------------

    def _collect_words(self, statements: tuple[syntax.Statement, ...]) -> None:
        """A bare word that a param or a variant is given is a word from then on."""
        for statement in statements:
            match statement:
                case syntax.Param(value=syntax.Name(text)) if text not in self.params:
                    self.words.add(text)
                case syntax.Variant(settings=settings):
                    for setting in settings:
                        if isinstance(setting, syntax.Option) and isinstance(setting.value, syntax.Name):
                            self.words.add(setting.value.text)

    def _unique(self, statements: tuple[syntax.Statement, ...]) -> None:
        """What may be said once in a file."""
        first: dict[str, Span] = {}
        kinds = initialisation.kinds()
        for statement in statements:
            match statement:
                case syntax.NetworkName(span=span):
                    key, what = "network", "`network`"
                case syntax.Input(span=span):
                    key, what = "input", "`input`"
                case syntax.Variant(name=syntax.Name(text, span)):
                    key, what = f"variant {text.casefold()}", f"variant `{text}`"
                case syntax.Init(kind=syntax.Name(text, span)):
                    key, what = f"init {kinds.get(text, text)}", f"`init` for `{text}`"
                case _:
                    continue
            if key in first:
                self.twice(what, span, first[key])
            first.setdefault(key, span)

    def _input_first(self, statements: tuple[syntax.Statement, ...]) -> None:
        """`input` stands above all layers, and above what is expected to arrive."""
        above: tuple[Span, str] | None = None
        for statement in statements:
            if isinstance(statement, syntax.Apply) and not self._is_known(statement.word.text):
                continue  # what is no layer is not in the way of `input`
            if isinstance(statement, (syntax.Apply, syntax.Group, syntax.Parallel, syntax.Residual)):
                above = above or (statement.span, "this layer stands above it")
            elif isinstance(statement, syntax.Expect):
                above = above or (statement.span, "nothing arrives here")
            elif isinstance(statement, syntax.Input):
                if above is not None:
                    also = Label(*above, primary=False)
                    title = "`input` comes before the first layer"
                    self.problem("input-too-late", title, statement.span, "move it up", also=also)
                return

    def _is_known(self, word: str) -> bool:
        return word in self.blocks or registry.find(word) is not None

    def _declare(
        self, name: syntax.Name, names: MutableMapping[str, Span], own: dict[str, Span], what: str
    ) -> None:
        """Add a param, a `let` or an argument to the names in scope."""
        self._check_new(name, what, local=True)
        if name.text in own:
            self.twice(f"{what} `{name.text}`", name.span, own[name.text])
        own[name.text] = names[name.text] = name.span
        holds = names.maps[0] if isinstance(names, ChainMap) else names
        self.declared.setdefault(name.text, (what, name.span, holds))

    def _check_new(self, name: syntax.Name, what: str, *, local: bool = False) -> None:
        why = objection(name.text, local=local or what == "block")
        if what in ("network", "variant"):
            why = why or objection(name.text, local=True)
        if what == "argument" and name.text == "in_channels":
            why = "what the emitted class calls the channels that arrive: here they are `in`"
        elif registry.reserved(name.text):
            why = "a layer"
        elif name.text in options.all_flags():
            why = "a flag"
        elif what in ("param", "let", "argument", "counter") and name.text in (
            "device",
            "dtype",
            "limits",
            "optimize",
            "source",
            "text",
            "variant",
            "weights",
        ):
            why = "an argument of `specgen.load`"
        if why and not (what == "label" and why in ("a layer", "a flag")):
            title = f"`{name.text}` cannot name {'an' if what == 'argument' else 'a'} {what}"
            self.problem("name-taken", title, name.span, f"it is {why}")

    # --- statements ------------------------------------------------------------------------------

    def _body(
        self,
        body: syntax.Body,
        names: Mapping[str, Span],
        blocks: Mapping[str, syntax.Block],
        *,
        top: bool = False,
    ) -> None:
        names, blocks = _inside(names), _inside(blocks)
        own: dict[str, Span] = {}
        labels: dict[str, Span] = {}
        own_blocks: dict[str, Span] = {}
        for statement in body.statements:
            if not top and isinstance(
                statement, (syntax.NetworkName, syntax.Input, syntax.Param, syntax.Variant, syntax.Init)
            ):
                start = statement.span.start
                word = self.source.text[start : statement.span.end].split()[0]
                span = Span(start, start + len(word))
                self.problem("not-here", f"`{word}` belongs at the top level", span, "this is inside braces")
            label = getattr(statement, "label", None)
            if label is not None:
                self._label(label, labels)
            match statement:
                case syntax.NetworkName(name=name):
                    self._check_new(name, "network")
                case syntax.Input(shape=expr) | syntax.Expect(shape=expr):
                    self._shape(expr, names)
                case syntax.Param(name=name, value=value):
                    self._not_below(value, names)
                    self._not_a_word(value)
                    self.value(value, names, words=True)
                    self._declare(name, names, own, "param")
                case syntax.Let(name=name, value=value):
                    self.value(value, names)
                    self._declare(name, names, own, "let")
                case syntax.Default():
                    self._default(statement, names, blocks)
                case syntax.Init():
                    self._init(statement, names)
                case syntax.Variant():
                    self._variant(statement)
                case syntax.Block():
                    self._block(statement, names, blocks, own_blocks)
                case syntax.Apply():
                    self.line(statement, names, blocks)
                case syntax.Group(body=inner):
                    self._body(inner, names, blocks)
                case syntax.Repeat(turns=count, counter=index, body=inner):
                    self.value(count, names)
                    inside = _inside(names)
                    if index is not None:
                        self._declare(index, inside, {}, "counter")
                    self._body(inner, inside, blocks)
                case syntax.If(cases=cases, otherwise=otherwise):
                    for condition, inner in cases:
                        self.value(condition, names)
                        self._body(inner, names, blocks)
                    if otherwise is not None:
                        self._body(otherwise, names, blocks)
                case syntax.Parallel(branches=branches):
                    for branch in branches:
                        self._body(branch, names, blocks)
                case syntax.Residual():
                    self._residual(statement, names, blocks, labels)

    def _not_a_word(self, value: syntax.Expr) -> None:
        """A bare word is a word, but not `True` or `ReLU`: no condition and no layer would know it."""
        if not isinstance(value, syntax.Name) or value.text in self.params:
            return
        folded = value.text.casefold()
        meant = describe(SAID[folded]) if folded in SAID else folded
        if meant != value.text and meant in ("none", "true", "false", *options.all_flags()):
            title = f"there is no name `{value.text}`"
            self.problem("unknown-name", title, value.span, "", f"write `{meant}`")

    def _not_below(self, value: syntax.Expr, names: Mapping[str, Span]) -> None:
        """A bare word is a word, but not where a param of that name stands further down."""
        if isinstance(value, syntax.Name) and value.text in self.params and value.text not in names:
            title = f"param `{value.text}` is defined below its use"
            self.problem("unknown-name", title, value.span, "it is not known here", "move its line up")

    def _defined_elsewhere(self) -> None:
        """Of names that are not known where they stand, say where they are defined."""
        for place, (name, names) in self.unresolved.items():
            if place not in self.found or name not in self.declared:
                continue
            what, span, holds = self.declared[name]
            if not isinstance(names, ChainMap):  # of a variant's value
                help_ = "the values of a variant are written out, and mention no names"
                self.found[place] = replace(self.found[place], help=(help_,))
                continue
            if not any(one is holds for one in names.maps):
                title, where = f"`{name}` is defined elsewhere, and does not hold here", HOLDS
                help_ = IN_FRONT if what == "let" else ""
            elif span > place[0]:
                title, where = f"`{name}` is defined below its use", "this is below"
                help_ = "put it in front" if what == "argument" else "move its line up"
            else:
                title, where, help_ = f"`{name}` is not known in its own value", "it is defined here", ""
            labels = Label(place[0], "it is not known here"), Label(span, where, primary=False)
            self.found[place] = replace(
                self.found[place], title=title, labels=labels, help=(help_,) if help_ else ()
            )

    def _shape(self, shape: syntax.Expr, names: Mapping[str, Span]) -> None:
        first = shape.items[0] if isinstance(shape, syntax.TupleOf) and shape.items else None
        first = shape if isinstance(shape, syntax.Name) else first
        batch = isinstance(first, syntax.Name) and re.fullmatch(
            r"(none|batch|batch_size|bs|b|n)(x\d+)*", first.text.casefold()
        )
        if batch and isinstance(first, syntax.Name) and first.text not in names:
            title = "a shape does not say how many samples a batch has"
            rest = first.text.partition("x")[2]
            help_ = f"write `{rest}`" if rest else "for example: `input 3x224x224`"
            self.problem("not-a-shape", title, first.span, "leave the batch out", help_)
            return
        if (
            isinstance(first, syntax.Name)
            and first.text not in names
            and re.fullmatch(r"\w(x\w+)+|(x\d+)+", first.text)
        ):
            title = f"there is no name `{first.text}`"
            self.problem("unknown-name", title, first.span, "", "sizes are numbers: `input 3x224x224`")
            return
        self.value(shape, names)

    def _label(self, label: syntax.Name, labels: dict[str, Span]) -> None:
        self._check_new(label, "label")
        if label.text in labels:
            self.twice(f"label `{label.text}`", label.span, labels[label.text])
        labels.setdefault(label.text, label.span)
        self.labels.setdefault(label.text, label.span)

    def _default(self, default: syntax.Default, names: Mapping[str, Span], blocks: Mapping[str, Any]) -> None:
        if default.layer.text in blocks:
            title = f"`default` is for layers, and `{default.layer.text}` is a block"
            self.problem(
                "no-default", title, default.layer.span, "", "give its arguments defaults where it is defined"
            )
            return
        if default.layer.text in options.all_flags() and registry.find(default.layer.text) is None:
            title = f"`default` names a layer first, and `{default.layer.text}` is a flag"
            help_ = f"write `default conv {default.layer.text}`"
            self.problem("unknown-layer", title, default.layer.span, "", help_)
            return
        if default.layer.text == "all":
            help_ = "a default is for one kind of layer: `default conv bn`"
            self.problem("unknown-layer", "there is no layer `all`", default.layer.span, "", help_)
            return
        layer = self.layer(default.layer, {})
        if layer is None:
            return
        for argument in default.arguments:
            if isinstance(argument, syntax.Name) and argument.text not in names:
                continue
            if not isinstance(argument, syntax.Option) and not isinstance(argument, syntax.Name):
                self.problem(
                    "no-value-here", "`default` gives options, not values by position", argument.span,
                    "an option is written name=value",
                )  # fmt: skip
                return
        self.arguments(default.layer.text, layer, default.arguments, names)

    def _init(self, init: syntax.Init, names: Mapping[str, Span]) -> None:
        kinds = initialisation.kinds()
        if init.kind.text not in kinds:
            self.unknown(init.kind, "kind of layer", kinds)
        function = initialisation.FUNCTIONS.get(init.function.text.removesuffix("_"))
        if init.function.text not in initialisation.FUNCTIONS:
            self.unknown(init.function, "function", initialisation.FUNCTIONS, of="torch.nn.init")
        seen: dict[str, Span] = {}
        for argument in init.arguments:
            if not isinstance(argument, syntax.Option):
                written = [
                    self.source.at(one.span) for one in init.arguments if not isinstance(one, syntax.Option)
                ]
                known = () if function is None else tuple(function.options)
                pairs = " ".join(f"{name}={value}" for name, value in zip(known, written, strict=False))
                if isinstance(argument, syntax.Name) and function is not None:
                    fitting = [
                        name for name, kind in function.options.items() if argument.text in words_of(kind)
                    ]
                    pairs = f"{fitting[0]}={argument.text}" if fitting else ""
                help_ = (f"write `{pairs}`",) if pairs and len(written) <= len(known) else ()
                help_ = ("leave it out",) if function is not None and not known else help_
                self.problem(
                    "no-value-here", "`init` takes options", argument.span, "write name=value", *help_
                )
                break
            name = argument.name.text
            if name in seen:
                self.twice(f"`{name}`", argument.span, seen[name])
            seen[name] = argument.span
            if function is not None and name != "bias" and name not in function.options:
                known = (*function.options, "bias")
                self.unknown(argument.name, "option", known, of=init.function.text)
            elif function is not None and name != "bias":
                kind = function.options[name]
                self.value(argument.value, names, extra=words_of(kind), of=name)
            else:
                self.value(argument.value, names)

    def _variant(self, variant: syntax.Variant) -> None:
        self._check_new(variant.name, "variant")
        seen: dict[str, Span] = {}
        for index, setting in enumerate(variant.settings):
            if not isinstance(setting, syntax.Option):
                values = [one for one in variant.settings[index:] if not isinstance(one, syntax.Option)]
                words = [self.source.at(one.span) for one in values]
                pair = words[:2] if words[0] in self.params else [*self.params, words[0]]
                help_ = (f"write `{'='.join(pair)}`",) if len(pair) == 2 else ()
                self.problem(
                    "no-value-here", "a variant sets params", setting.span, "write param=value", *help_
                )
                break
            if setting.name.text not in self.params:
                if self.params:
                    self.unknown(setting.name, "param", self.params)
                else:
                    written = self.source.at(setting.span).replace("=", " = ", 1)
                    title = f"there is no param `{setting.name.text}`"
                    self.problem(
                        "unknown-param", title, setting.name.span, "", f"define it: `param {written}`"
                    )
            if setting.name.text in seen:
                self.twice(f"`{setting.name.text}`", setting.span, seen[setting.name.text])
            seen[setting.name.text] = setting.span
            self._not_a_word(setting.value)
            self.value(setting.value, {}, words=True)

    def _block(
        self,
        block: syntax.Block,
        names: Mapping[str, Span],
        blocks: MutableMapping[str, syntax.Block],
        own: dict[str, Span],
    ) -> None:
        self._check_new(block.name, "block")
        if block.name.text in own:
            self.twice(f"block `{block.name.text}`", block.name.span, own[block.name.text])
        own[block.name.text] = block.name.span
        inside = _inside(names)
        arguments: dict[str, Span] = {}
        optional: Span | None = None
        for name, default in block.arguments:
            if default is not None:
                optional = name.span
                self.value(default, inside)
            elif optional is not None:
                title = "an argument without a default comes before those with one"
                also = Label(optional, "this one has a default", primary=False)
                self.problem("argument-order", title, name.span, "this one has none", also=also)
            self._declare(name, inside, arguments, "argument")
        self.read_blocks.setdefault(block.name.text, block.name.span)
        self.open_blocks.append(block.name.text)
        self._body(block.body, inside, blocks)
        self.open_blocks.pop()
        blocks[block.name.text] = block

    def _residual(
        self, residual: syntax.Residual, names: Mapping[str, Span], blocks: Mapping[str, syntax.Block],
        labels: dict[str, Span],
    ) -> None:  # fmt: skip
        if residual.condition is not None:
            self.value(residual.condition, names)
        self._body(residual.body, names, blocks)
        if residual.projection is not None:
            if residual.projection_label is not None:
                self._label(residual.projection_label, labels)
            self._body(residual.projection, names, blocks)


def _inside(names: Mapping[str, _T]) -> MutableMapping[str, _T]:
    """The names inside more braces: what is added there does not come out."""
    around = names.maps if isinstance(names, ChainMap) else [dict(names)]
    return ChainMap({}, *around)


def _block_names(body: syntax.Body) -> Iterator[syntax.Name]:
    """The names of the blocks that a body defines, outside all braces in it."""
    for statement in body.statements:
        if isinstance(statement, syntax.Block):
            yield statement.name

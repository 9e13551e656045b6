"""Are all names known? Every layer, option, block and value of a file, used or not, in one go."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, TypeVar

from specgen import initialisation, options, syntax, vocabulary
from specgen.diagnostics import MOST, Diagnostic, Label, SpecError, first_of, listed
from specgen.expressions import FUNCTIONS
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.names import objection
from specgen.source import Source, Span

_T = TypeVar("_T")


def resolve(source: Source, spec: syntax.Spec, given_words: Iterable[str] = ()) -> list[Diagnostic]:
    """Every unknown or doubled name, in the order of the text. `given_words` come from outside."""
    return _Resolver(source, spec, given_words).run()


class _Resolver:
    def __init__(self, source: Source, spec: syntax.Spec, given_words: Iterable[str]) -> None:
        self.source = source
        self.spec = spec
        self.found: dict[tuple[Span, str], Diagnostic] = {}
        #: Where each block is defined, and those whose body is being read.
        self.blocks = {name.text: name.span for name in _block_names(spec.body)}
        self.open_blocks: list[str] = []
        self.params = {s.name.text for s in spec.body.statements if isinstance(s, syntax.Param)}
        #: The labels that have been read.
        self.labels: dict[str, Span] = {}
        self.signatures: dict[Span, tuple[Collection[str], Collection[str]]] = {}
        #: Words that mean themselves.
        self.words = {*registry.option_words(), *options.all_flags(), *registry.words(), *given_words}

    def run(self) -> list[Diagnostic]:
        statements = self.spec.body.statements
        self._collect_words(statements)
        self._unique(statements)
        self._input_first(statements)
        self._body(self.spec.body, {}, {}, top=True)
        return first_of([self.found[key] for key in sorted(self.found)], "mistakes")

    def problem(
        self, code: str, title: str, span: Span, label: str = "", *help_: str, also: Label | None = None
    ) -> None:
        labels = (Label(span, label), *((also,) if also else ()))
        self.found.setdefault((span, code), Diagnostic(code, title, labels, help_, source=self.source))

    @property
    def enough(self) -> bool:
        """Whether there are so many mistakes that more need no thought."""
        return len(self.found) > 5 * MOST

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
                self._twice(what, span, first[key])
            first.setdefault(key, span)

    def _input_first(self, statements: tuple[syntax.Statement, ...]) -> None:
        """`input` stands above all layers."""
        layer: Span | None = None
        for statement in statements:
            if isinstance(statement, syntax.Apply) and not self._is_known(statement.word.text):
                continue  # what is no layer is not in the way of `input`
            if isinstance(statement, (syntax.Apply, syntax.Group, syntax.Parallel, syntax.Residual)):
                layer = layer or statement.span
            elif isinstance(statement, syntax.Input) and layer is None:
                return
            elif isinstance(statement, syntax.Input) and layer is not None:
                also = Label(layer, "this layer stands above it", primary=False)
                title = "`input` comes before the first layer"
                self.problem("input-too-late", title, statement.span, "move it up", also=also)
                return

    def _is_known(self, word: str) -> bool:
        return word in self.blocks or registry.find(word) is not None

    def _twice(self, what: str, span: Span, first: Span) -> None:
        also = Label(first, "the first one is here", primary=False)
        self.problem("said-twice", f"{what} is said twice", span, "this is the second", also=also)

    def _declare(
        self, name: syntax.Name, names: MutableMapping[str, Span], own: dict[str, Span], what: str
    ) -> None:
        """Add a param, a `let` or an argument to the names in scope."""
        self._check_new(name, what, local=True)
        if name.text in own:
            self._twice(f"{what} `{name.text}`", name.span, own[name.text])
        own[name.text] = names[name.text] = name.span

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
                    self._expr(value, names, words=True)
                    self._declare(name, names, own, "param")
                case syntax.Let(name=name, value=value):
                    self._expr(value, names)
                    self._declare(name, names, own, "let")
                case syntax.Default():
                    self._default(statement, names, blocks)
                case syntax.Init():
                    self._init(statement, names)
                case syntax.Variant():
                    self._variant(statement, names)
                case syntax.Block():
                    self._block(statement, names, blocks, own_blocks)
                case syntax.Apply():
                    self._apply(statement, names, blocks)
                case syntax.Group(body=inner):
                    self._body(inner, names, blocks)
                case syntax.Repeat(turns=count, counter=index, body=inner):
                    self._expr(count, names)
                    inside = _inside(names)
                    if index is not None:
                        self._declare(index, inside, {}, "counter")
                    self._body(inner, inside, blocks)
                case syntax.If(cases=cases, otherwise=otherwise):
                    for condition, inner in cases:
                        self._expr(condition, names)
                        self._body(inner, names, blocks)
                    if otherwise is not None:
                        self._body(otherwise, names, blocks)
                case syntax.Parallel(branches=branches):
                    for branch in branches:
                        self._body(branch, names, blocks)
                case syntax.Residual():
                    self._residual(statement, names, blocks, labels)

    def _not_below(self, value: syntax.Expr, names: Mapping[str, Span]) -> None:
        """A bare word is a word, but not where a param of that name stands further down."""
        if isinstance(value, syntax.Name) and value.text in self.params and value.text not in names:
            title = f"param `{value.text}` is defined below its use"
            self.problem("unknown-name", title, value.span, "it is not known here", "move its line up")

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
            and re.fullmatch(r"\w(x\w+)+", first.text)
        ):
            title = f"there is no name `{first.text}`"
            self.problem("unknown-name", title, first.span, "", "sizes are numbers: `input 3x224x224`")
            return
        self._expr(shape, names)

    def _label(self, label: syntax.Name, labels: dict[str, Span]) -> None:
        self._check_new(label, "label")
        if label.text in labels:
            self._twice(f"label `{label.text}`", label.span, labels[label.text])
        labels.setdefault(label.text, label.span)
        self.labels.setdefault(label.text, label.span)

    def _default(self, default: syntax.Default, names: Mapping[str, Span], blocks: Mapping[str, Any]) -> None:
        if default.layer.text in blocks:
            title = f"`default` is for layers, and `{default.layer.text}` is a block"
            self.problem(
                "no-default", title, default.layer.span, "", "give its arguments defaults where it is defined"
            )
            return
        layer = self._layer(default.layer, {})
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
        self._arguments(default.layer.text, layer, default.arguments, names)

    def _init(self, init: syntax.Init, names: Mapping[str, Span]) -> None:
        from specgen.layers.fields import words_of

        kinds = initialisation.kinds()
        if init.kind.text not in kinds:
            self._unknown(init.kind, "kind of layer", kinds)
        function = initialisation.FUNCTIONS.get(init.function.text.removesuffix("_"))
        if init.function.text not in initialisation.FUNCTIONS:
            self._unknown(init.function, "function", initialisation.FUNCTIONS, of="torch.nn.init")
        seen: dict[str, Span] = {}
        for argument in init.arguments:
            if not isinstance(argument, syntax.Option):
                written = [
                    self.source.text[one.span.start : one.span.end]
                    for one in init.arguments
                    if not isinstance(one, syntax.Option)
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
                self._twice(f"`{name}`", argument.span, seen[name])
            seen[name] = argument.span
            if function is not None and name != "bias" and name not in function.options:
                known = (*function.options, "bias")
                self._unknown(argument.name, "option", known, of=init.function.text)
            elif function is not None and name != "bias":
                kind = function.options[name]
                self._expr(argument.value, names, extra=words_of(kind), of=name)
            else:
                self._expr(argument.value, names)

    def _variant(self, variant: syntax.Variant, names: Mapping[str, Span]) -> None:
        self._check_new(variant.name, "variant")
        seen: dict[str, Span] = {}
        for setting in variant.settings:
            if not isinstance(setting, syntax.Option):
                self.problem("no-value-here", "a variant sets params", setting.span, "write param=value")
                break
            if setting.name.text not in self.params:
                if self.params:
                    self._unknown(setting.name, "param", self.params)
                else:
                    written = self.source.text[setting.span.start : setting.span.end].replace("=", " = ", 1)
                    title = f"there is no param `{setting.name.text}`"
                    self.problem(
                        "unknown-param", title, setting.name.span, "", f"define it: `param {written}`"
                    )
            if setting.name.text in seen:
                self._twice(f"`{setting.name.text}`", setting.span, seen[setting.name.text])
            seen[setting.name.text] = setting.span
            self._expr(setting.value, {}, words=True)

    def _block(
        self,
        block: syntax.Block,
        names: Mapping[str, Span],
        blocks: MutableMapping[str, syntax.Block],
        own: dict[str, Span],
    ) -> None:
        self._check_new(block.name, "block")
        if block.name.text in own:
            self._twice(f"block `{block.name.text}`", block.name.span, own[block.name.text])
        own[block.name.text] = block.name.span
        inside = _inside(names)
        arguments: dict[str, Span] = {}
        optional: Span | None = None
        for name, default in block.arguments:
            if default is not None:
                optional = name.span
                self._expr(default, inside)
            elif optional is not None:
                title = "an argument without a default comes before those with one"
                also = Label(optional, "this one has a default", primary=False)
                self.problem("argument-order", title, name.span, "this one has none", also=also)
            self._declare(name, inside, arguments, "argument")
        self.open_blocks.append(block.name.text)
        self._body(block.body, inside, blocks)
        self.open_blocks.pop()
        blocks[block.name.text] = block

    def _residual(
        self, residual: syntax.Residual, names: Mapping[str, Span], blocks: Mapping[str, syntax.Block],
        labels: dict[str, Span],
    ) -> None:  # fmt: skip
        if residual.condition is not None:
            self._expr(residual.condition, names)
        self._body(residual.body, names, blocks)
        if residual.projection is not None:
            if residual.projection_label is not None:
                self._label(residual.projection_label, labels)
            self._body(residual.projection, names, blocks)

    # --- lines -----------------------------------------------------------------------------------

    def _layer(
        self, word: syntax.Name, blocks: Mapping[str, Any], names: Mapping[str, Span] = MappingProxyType({})
    ) -> type[Layer] | None:
        layer = registry.find(word.text)
        if layer is None and word.text in self.open_blocks:
            title = f"block `{word.text}` cannot use itself"
            self.problem("unknown-layer", title, word.span, "", "say how often with `repeat`")
        elif layer is None and self.blocks.get(word.text, word.span) > word.span:
            also = Label(self.blocks[word.text], "this is below", primary=False)
            title = f"block `{word.text}` is defined below its use"
            help_ = "define it above its first use"
            self.problem("unknown-layer", title, word.span, "it is not known here", help_, also=also)
        elif layer is None and word.text in names:
            title = f"`{word.text}` is a value, and a line starts with a layer or a block"
            also = Label(names[word.text], "it is defined here", primary=False)
            self.problem("unknown-layer", title, word.span, also=also)
        elif layer is None and word.text in self.labels:
            title = f"`{word.text}` is a label, and a line starts with a layer or a block"
            also = Label(self.labels[word.text], "it names this", primary=False)
            help_ = "what arrives is `id` in a branch: `add { id | conv 64 }`"
            self.problem("unknown-layer", title, word.span, "", help_, also=also)
        elif layer is None and (meant := self._in_words(word)):
            title = f"there is no layer `{word.text}`"
            self.problem("unknown-layer", title, word.span, "", f"here that is called `{meant}`")
        elif layer is None:
            self._unknown(word, "layer" if not blocks else "layer or block", (*registry.words(), *blocks))
        return layer

    def _in_words(self, word: syntax.Name) -> str:
        """What a layer is called whose name is written in two words or three: `max pool`."""
        words = re.match(r"\w+(?: [A-Za-z]\w*){1,2}", self.source.text[word.span.start :][:60])
        pieces = words[0].split() if words else []
        for count in range(len(pieces), 1, -1):
            joined = "".join(pieces[:count])
            found = vocabulary.ours(joined, registry.words()) or (
                "" if registry.find(joined) is None else joined
            )
            if found:
                return found
        return ""

    def _misspelt(self, line: syntax.Apply) -> bool:
        """Whether a line starts with a keyword of another language, or with one that is misspelt; says so."""
        word = line.word
        keyword = vocabulary.statement_for(word.text) if registry.find(word.text) is None else ""
        if not keyword or self.blocks.get(word.text) or self.enough:
            return False
        rest = self.source.text[word.span.end : line.span.end].strip()
        written = f"{keyword} {rest}"
        is_shape = keyword not in ("input", "expect") or re.fullmatch(r"[\w\s(),]+", rest)
        if len(rest) > 40 or not is_shape or not _parses(written):
            written = vocabulary.STATEMENTS[keyword]
        title = f"there is no layer `{word.text}`"
        meant = vocabulary.ours(word.text, vocabulary.STATEMENTS)
        help_ = f"here that is `{written}`" if meant else f"did you mean `{written}`?"
        help_ = f"write `{written}`" if word.text.casefold() == keyword else help_
        self.problem("unknown-layer", title, word.span, "", help_)
        return True

    def _apply(
        self, line: syntax.Apply, names: MutableMapping[str, Span], blocks: Mapping[str, syntax.Block]
    ) -> None:
        block = blocks.get(line.word.text)
        if block is not None:
            self._block_use(line, block, names)
            return
        if line.word.text not in names and line.word.text not in self.labels and self._misspelt(line):
            # What it is meant to name is not unknown further down.
            names.update(
                {one.name.text: one.span for one in line.arguments if isinstance(one, syntax.Option)}
            )
            return
        layer = self._layer(line.word, blocks, names)
        if layer is not None:
            self._arguments(line.word.text, layer, line.arguments, names)

    def _arguments(
        self, word: str, layer: type[Layer], arguments: tuple[syntax.Argument, ...], names: Mapping[str, Span]
    ) -> None:
        known, flags = options.option_names(layer), options.flags(layer)
        seen: dict[str, Span] = {}
        doubled: set[str] = set()
        by_position = 0
        for index, argument in enumerate(arguments):
            if self._slip(word, layer, arguments[index : index + 2], names):
                return
            if isinstance(argument, syntax.Option):
                option = known.get(argument.name.text)
                if option is None:
                    self._unknown_option(word, layer, argument)
                    continue
                is_option = option in options.TRIM or option in layer.options
                words = options.values(option, layer) if is_option else frozenset()
                self._expr(argument.value, names, extra=words, of=argument.name.text)
            elif isinstance(argument, syntax.Name) and argument.text not in names:
                if argument.text not in flags:
                    if self._spaced_call(argument):
                        return
                    self._unknown_flag(word, layer, argument, names, by_position < len(layer.positional))
                    if registry.find(argument.text) is not None:
                        return  # what follows belongs to that layer
                    by_position += 1
                    continue
                option = flags[argument.text][0]
            else:
                self._expr(argument, names)
                if isinstance(argument, syntax.FunctionCall) and argument.function.text not in FUNCTIONS:
                    continue  # that is told, and it may be no value
                by_position += 1
                if by_position > len(layer.positional) and not isinstance(argument, syntax.Name):
                    self._too_many(word, layer, argument, arguments)
                    return
                continue
            if option in seen and option not in doubled:
                doubled.add(option)
                also = Label(seen[option], "the first one is here", primary=False)
                title = f"two words for the same option, `{option}`"
                self.problem("option-twice", title, argument.span, "this is the second", also=also)
            seen.setdefault(option, argument.span)

    def _slip(
        self, word: str, layer: type[Layer], arguments: tuple[syntax.Argument, ...], names: Mapping[str, Span]
    ) -> bool:
        """Whether a line goes on with words that are meant as something else; says so."""
        first, *behind = arguments
        match first:
            case syntax.Name(text=text):
                is_value = isinstance(behind[0] if behind else None, (syntax.Number, syntax.TupleOf))
                plain = text in names or (text in options.flags(layer) and not is_value)
            case syntax.Chain(rest=rest):
                operands = (first.first, *(one for _, one in rest))
                plain = not any(isinstance(one, syntax.Name) and one.text not in names for one in operands)
            case _:
                plain = True
        if plain:
            return False
        from specgen.slips import slip_on_line  # most lines have none

        slip = slip_on_line(self.source, word, layer, arguments, names)
        if slip is not None:
            self.problem(slip.code, slip.title, slip.span, "", slip.help)
        return slip is not None

    def _spaced_call(self, name: syntax.Name) -> bool:
        """Whether this is a function with a space behind it; says so."""
        spaced = name.text in FUNCTIONS and self.source.text[name.span.end :].lstrip(" ").startswith("(")
        if spaced:
            title = "a call has no space before its parenthesis"
            self.problem("unknown-word", title, name.span, "", f"write `{name.text}(…)`")
        return spaced

    def _too_many(
        self, word: str, layer: type[Layer], argument: syntax.Expr, arguments: tuple[syntax.Argument, ...]
    ) -> None:
        from specgen.slips import instead_of_position

        first = layer.positional[:1]
        takes = f"`{first[0]}` by position, and nothing more" if first else "no value by position"
        help_ = instead_of_position(self.source, word, layer, argument, arguments)
        title = f"`{word}` takes {takes}"
        self.problem("too-many-values", title, argument.span, "this is one too many", *help_)

    def _block_use(self, line: syntax.Apply, block: syntax.Block, names: Mapping[str, Span]) -> None:
        arguments, required = self._signature(block)
        also = Label(block.name.span, "the block is defined here", primary=False)
        given: dict[str, Span] = {}
        by_position = 0
        misnamed = False
        for argument in line.arguments:
            if isinstance(argument, syntax.Option):
                name, value = argument.name.text, argument.value
                if name not in arguments:
                    self._unknown(argument.name, "argument", list(arguments), also, of=block.name.text)
                    misnamed = True
                    continue
            elif by_position < len(arguments):
                name, value = block.arguments[by_position][0].text, argument
                by_position += 1
            else:
                if len(arguments) < len(block.arguments):
                    continue  # an argument is there twice, which is told
                count = len(arguments) or "no"
                title = f"`{block.name.text}` takes {count} value{'s' * (count != 1)}"
                self.problem("too-many-values", title, argument.span, "this is one too many", also=also)
                continue
            self._expr(value, names)
            if name in given:
                self._twice(f"argument `{name}`", argument.span, given[name])
            given[name] = argument.span
        missing = [name for name in required if name not in given]
        if (
            missing
            and not misnamed
            and not any((name.span, "argument-order") in self.found for name, _ in block.arguments)
        ):
            title = f"`{block.name.text}` needs {listed(missing)}"
            self.problem("value-missing", title, line.word.span, "not given here", also=also)

    def _signature(self, block: syntax.Block) -> tuple[Collection[str], Collection[str]]:
        """The names of a block's arguments, and those without a default: worked out once for all its uses."""
        if block.span not in self.signatures:
            arguments = dict.fromkeys(name.text for name, _ in block.arguments)
            required = [name.text for name, default in block.arguments if default is None]
            self.signatures[block.span] = arguments, required
        return self.signatures[block.span]

    def _expr(
        self, expr: syntax.Expr, names: Mapping[str, Span], extra: Collection[str] = (), *,
        words: bool = False, of: str = "",
    ) -> None:  # fmt: skip
        """Check an expression's names; `extra` words are fine too, and with `words` any bare word is.

        `of` is the option that the expression is the value of.
        """
        match expr:
            case syntax.Name(text=text):
                if words or text in names or text in self.words or text in extra:
                    pass
                elif text == "None" and of and not extra:
                    help_ = f"leave `{of}` out: it has a default, and never the value `none`"
                    self.problem("unknown-name", "there is no name `None`", expr.span, "", help_)
                elif extra:
                    self._unknown(expr, "value", (*sorted(extra), *names), of=of)
                else:
                    self._unknown(expr, "name", names)
            case syntax.TupleOf(items=items):
                for item in items:
                    self._expr(item, names, extra, words=words, of=of)
            case syntax.Prefix(operand=operand):
                self._expr(operand, names, extra)
            case syntax.Chain(span=span) if self._dashed(span) in extra:
                title = f"`{of}` has no value `{self.source.text[span.start : span.end]}`"
                self.problem("unknown-value", title, span, "", f"write `{self._dashed(span)}`")
            case syntax.Chain(first=first, rest=rest):
                for operand in (first, *(operand for _, operand in rest)):
                    self._expr(operand, names, extra)
            case syntax.FunctionCall(function=function, arguments=arguments):
                if function.text in registry.trims():
                    title = f"there is no function `{function.text}`"
                    advice = [] if arguments else [f"write `{function.text}`"]
                    if arguments:
                        span = arguments[0].span
                        advice = [f"write `{function.text}={self.source.text[span.start : span.end]}`"]
                    self.problem("unknown-function", title, function.span, "", *advice)
                elif function.text not in FUNCTIONS:
                    self._unknown(function, "function", FUNCTIONS)
                for argument in arguments:
                    self._expr(argument, names)

    def _dashed(self, span: Span) -> str:
        """Words with dashes between them as one with underscores: `nearest-exact` is `nearest_exact`."""
        return self.source.text[span.start : span.end].replace("-", "_")

    # --- what to say -----------------------------------------------------------------------------

    def _unknown(
        self, name: syntax.Name, what: str, known: Iterable[str], also: Label | None = None, of: str = ""
    ) -> None:
        """Say that there is no such layer, name, option `of` something, …, and what is nearest."""
        help_ = vocabulary.for_unknown(name.text, what, [] if self.enough else list(known))
        if help_ == [vocabulary.NOTHING_LIKE_IT]:
            from specgen.text_errors import PROSE, is_prose

            line = self.source.line(self.source.position(name.span.start)[0])
            help_ = [PROSE] if is_prose(line) else help_
        title = f"`{of}` has no {what} `{name.text}`" if of else f"there is no {what} `{name.text}`"
        self.problem(f"unknown-{what.split()[0]}", title, name.span, "", *help_, also=also)

    def _unknown_option(self, word: str, layer: type[Layer], argument: syntax.Option) -> None:
        name = argument.name
        value = self.source.text[argument.value.span.start : argument.value.span.end]
        help_ = vocabulary.for_option(name.text, value, word, layer, guess=not self.enough)
        is_flag = name.text in options.flags(layer)
        title = f"`{name.text}` takes no value" if is_flag else f"`{word}` has no option `{name.text}`"
        self.problem("unknown-option", title, name.span, "", help_)

    def _unknown_flag(
        self, word: str, layer: type[Layer], name: syntax.Name, names: Mapping[str, Span], takes_value: bool
    ) -> None:
        known = () if self.enough else tuple(names)
        help_ = vocabulary.for_flag(
            name.text, word, layer, known, takes_value=takes_value, guess=not self.enough
        )
        self.problem("unknown-word", f"`{name.text}` means nothing to `{word}`", name.span, "", *help_)


def _parses(line: str) -> bool:
    """Whether a line is one of the language."""
    from specgen.parser import parse

    try:
        parse(Source(line))
    except SpecError:
        return False
    return True


def _inside(names: Mapping[str, _T]) -> MutableMapping[str, _T]:
    """The names inside more braces: what is added there does not come out."""
    around = names.maps if isinstance(names, ChainMap) else [dict(names)]
    return ChainMap({}, *around)


def _block_names(body: syntax.Body) -> Iterator[syntax.Name]:
    """The names of the blocks that a body defines, outside all braces in it."""
    for statement in body.statements:
        if isinstance(statement, syntax.Block):
            yield statement.name

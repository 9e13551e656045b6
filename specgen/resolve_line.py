"""Are the names on a line known? Its layer or block, its options, and the values of both."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any

from specgen import options, suggestions, syntax, vocabulary
from specgen.arithmetic import FUNCTIONS
from specgen.diagnostics import MOST, Diagnostic, Label, listed
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.source import Source, Span

#: How far a name reaches, and how what is defined inside braces is known outside, too.
HOLDS = "it holds to the end of its braces or branch"
IN_FRONT = "in front of those braces, it holds inside and behind them"


class LineResolver:
    """What is read so far of a text, and whether the names on a line are known by then."""

    def __init__(self, source: Source, defined: Iterable[syntax.Name], given_words: Iterable[str]) -> None:
        self.source = source
        self.found: dict[tuple[Span, str], Diagnostic] = {}
        #: Where each block is defined, and those whose body is being read.
        self.blocks = {name.text: name.span for name in defined}
        self.open_blocks: list[str] = []
        #: The blocks that have been read, in whichever braces.
        self.read_blocks: dict[str, Span] = {}
        #: The labels that have been read.
        self.labels: dict[str, Span] = {}
        #: Words that mean themselves.
        self.words = {*registry.option_words(), *options.all_flags(), *registry.words(), *given_words}
        #: Names that are not known, by the place and the code of what is said of them, with those that are.
        self.unresolved: dict[tuple[Span, str], tuple[str, Mapping[str, Span]]] = {}
        self._signatures: dict[Span, tuple[Collection[str], Collection[str]]] = {}

    def problem(
        self, code: str, title: str, span: Span, label: str = "", *help_: str, also: Label | None = None
    ) -> None:
        """Note a mistake; of one kind, one place has only one."""
        labels = (Label(span, label), *((also,) if also else ()))
        self.found.setdefault((span, code), Diagnostic(code, title, labels, help_, source=self.source))

    @property
    def enough(self) -> bool:
        """Whether there are so many mistakes that more need no thought."""
        return len(self.found) > 5 * MOST

    def twice(self, what: str, span: Span, first: Span) -> None:
        """Say that something is there twice that may be there once."""
        also = Label(first, "the first one is here", primary=False)
        self.problem("said-twice", f"{what} is said twice", span, "this is the second", also=also)

    def layer(
        self, word: syntax.Name, blocks: Mapping[str, Any], names: Mapping[str, Span] = MappingProxyType({})
    ) -> type[Layer] | None:
        """The layer of that name; says so where there is none."""
        layer = registry.find(word.text)
        if layer is None and word.text in self.open_blocks:
            title = f"block `{word.text}` cannot use itself"
            self.problem("unknown-layer", title, word.span, "", "say how often with `repeat`")
        elif layer is None and self.blocks.get(word.text, word.span) > word.span:
            also = Label(self.blocks[word.text], "this is below", primary=False)
            title = f"block `{word.text}` is defined below its use"
            help_ = "define it above its first use"
            body = "" if self.enough else _in_braces(self.source.text[self.blocks[word.text].end :])
            if used := next((one for one in self.open_blocks if re.search(rf"\b{one}\b", body)), ""):
                title, help_ = (
                    f"blocks `{used}` and `{word.text}` use each other",
                    "say how often with `repeat`",
                )
            self.problem("unknown-layer", title, word.span, "it is not known here", help_, also=also)
        elif layer is None and word.text in self.read_blocks:
            also = Label(self.read_blocks[word.text], HOLDS, primary=False)
            title = f"block `{word.text}` is defined elsewhere, and does not hold here"
            self.problem("unknown-layer", title, word.span, "it is not known here", IN_FRONT, also=also)
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
            self.unknown(word, "layer" if not blocks else "layer or block", (*registry.words(), *blocks))
        return layer

    def _with_dash(self, word: syntax.Name) -> bool:
        """Whether a layer has its size behind a dash, `conv3-64`, as the tables of papers do; says so."""
        dashed = re.match(r"\w+-(\d+)\b(?!\s*[-+*/%])", self.source.text[word.span.start :][:80])
        meant = suggestions.with_size(word.text, dashed[1]) if dashed else ""
        if dashed and meant:
            span = Span(word.span.start, word.span.start + dashed.end())
            title = f"there is no layer `{dashed[0]}`"
            self.problem("unknown-layer", title, span, "", f"here that is `{meant}`")
            return True
        words = re.match(r"[A-Za-z]\w*(?:-[A-Za-z]\w*)+", self.source.text[word.span.start :][:80])
        joined = words[0].replace("-", "") if words else ""
        found = vocabulary.ours(joined, registry.words()) or (joined if registry.find(joined) else "")
        if words and found:
            span = Span(word.span.start, word.span.start + words.end())
            title = f"there is no layer `{words[0]}`"
            self.problem("unknown-layer", title, span, "", f"here that is called `{found}`")
        return found != ""

    def _numbered(self, line: syntax.Apply) -> bool:
        """Whether a layer's number is part of its word and its size stands behind, `conv1 64`; says so."""
        parts = re.fullmatch(r"([A-Za-z]+?)(?:_?[0-9]{1,2}){1,2}", line.word.text)
        kind = registry.find(parts[1].casefold()) if parts and not registry.find(line.word.text) else None
        if parts is None or kind is None or not line.arguments or line.label is not None:
            return False
        if not isinstance(line.arguments[0], (syntax.Number, syntax.TupleOf)) or not kind.takes_trim:
            return False
        rest = " ".join(self.source.text[line.word.span.end : line.span.end].split())
        help_ = [f"a layer's name has a colon: `{line.word.text}: {parts[1].casefold()} {rest}`"]
        if kind.word == "conv" and line.word.text[4:] in ("1", "3", "5", "7"):
            help_.append(f"if {line.word.text[4:]} is the kernel, write `conv {rest} k={line.word.text[4:]}`")
        self.problem("unknown-layer", f"there is no layer `{line.word.text}`", line.word.span, "", *help_)
        return True

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
        if self.enough or registry.find(word.text) is not None or self.blocks.get(word.text):
            return False
        named = line.label is not None and vocabulary.ours(line.label.text, ("network",))
        if named and not line.arguments and not vocabulary.ours(word.text, registry.words()):
            title = f"there is no layer `{word.text}`"
            self.problem("unknown-layer", title, word.span, "", f"write `network {word.text}`")
            return True
        keyword = suggestions.statement_for(word.text)
        if not keyword:
            return False
        rest = self.source.text[word.span.end : line.span.end].strip()
        written = f"{keyword} {rest}"
        is_shape = keyword not in ("input", "expect") or re.fullmatch(r"[\w\s(),]+", rest)
        from specgen.parser import parses  # few lines come by here

        if len(rest) > 40 or not is_shape or not parses(written):
            written = vocabulary.STATEMENTS[keyword]
        title = f"there is no layer `{word.text}`"
        meant = vocabulary.ours(word.text, vocabulary.STATEMENTS)
        help_ = f"here that is `{written}`" if meant else f"did you mean `{written}`?"
        help_ = f"write `{written}`" if word.text.casefold() == keyword else help_
        self.problem("unknown-layer", title, word.span, "", help_)
        return True

    def line(
        self, line: syntax.Apply, names: MutableMapping[str, Span], blocks: Mapping[str, syntax.Block]
    ) -> None:
        """Check what a line begins with, and what stands behind it."""
        block = blocks.get(line.word.text)
        if block is not None:
            self._block_use(line, block, names)
            return
        dashed = self.source.text[line.word.span.end : line.word.span.end + 1] == "-"
        if (dashed and self._with_dash(line.word)) or self._numbered(line):
            return
        if line.word.text not in names and line.word.text not in self.labels and self._misspelt(line):
            # What it is meant to name is not unknown further down.
            names.update(
                {one.name.text: one.span for one in line.arguments if isinstance(one, syntax.Option)}
            )
            return
        layer = self.layer(line.word, blocks, names)
        if layer is not None:
            self.arguments(line.word.text, layer, line.arguments, names)

    def arguments(
        self, word: str, layer: type[Layer], arguments: tuple[syntax.Argument, ...], names: Mapping[str, Span]
    ) -> None:
        """Check what a layer is given, by its `word`: options, trims, flags, and values by position."""
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
                self.value(argument.value, names, extra=words, of=argument.name.text)
            elif isinstance(argument, syntax.Name) and argument.text not in names:
                if argument.text not in flags:
                    if self._spaced_call(argument):
                        return
                    self._unknown_flag(word, layer, argument, names, by_position < len(layer.positional))
                    if suggestions.names_layer(argument.text) and not vocabulary.ours(argument.text, flags):
                        return  # what follows belongs to that layer
                    by_position += 1
                    continue
                option = flags[argument.text][0]
            else:
                self.value(argument, names)
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
                operands = [first.first, *(one for _, one in rest), *(behind if rest[0][0] == "//" else ())]
                bare = [one.operand if isinstance(one, syntax.Prefix) else one for one in operands]
                plain = not any(isinstance(one, syntax.Name) and one.text not in names for one in bare)
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
        """Whether this is a function with a space behind it, or with a bare number; says so."""
        behind = self.source.text[name.span.end :][:40]
        given = re.match(r" +(?:(\()|([\d.]+))", behind) if name.text in FUNCTIONS else None
        if given is not None:
            title = "a call has no space before its parenthesis"
            title = title if given[1] else "a function has its numbers in parentheses"
            self.problem("unknown-word", title, name.span, "", f"write `{name.text}({given[2] or '…'})`")
        return given is not None

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
        misnamed = too_many = False
        for argument in line.arguments:
            if isinstance(argument, syntax.Option):
                name, value = argument.name.text, argument.value
                if name not in arguments:
                    self.unknown(argument.name, "argument", list(arguments), also, of=block.name.text)
                    misnamed = True
                    continue
            elif by_position < len(arguments):
                name, value = block.arguments[by_position][0].text, argument
                by_position += 1
                flag = argument.text if isinstance(argument, syntax.Name) else ""
                if flag in arguments and flag not in names and flag not in self.words:
                    title = f"`{flag}` has no value here"
                    self.problem(
                        "unknown-name", title, argument.span, "", f"write `{flag}=true`, or `{flag}=…`"
                    )
                    misnamed = True
                    continue
            else:
                if len(arguments) < len(block.arguments) or too_many:
                    continue  # an argument is there twice, or another one too many: that is told
                too_many = True
                count = len(arguments) or "no"
                title = f"`{block.name.text}` takes {count} value{'s' * (count != 1)}"
                self.problem("too-many-values", title, argument.span, "this is one too many", also=also)
                continue
            self.value(value, names)
            if name in given:
                self.twice(f"argument `{name}`", argument.span, given[name])
            given[name] = argument.span
        missing = [name for name in required if name not in given]
        if (
            missing
            and not misnamed
            and not any((name.span, "argument-order") in self.found for name, _ in block.arguments)
        ):
            title = f"`{block.name.text}` needs {listed(missing)}"
            advice: list[str] = []
            match line.arguments:
                case (syntax.TupleOf(span=span),) if self.source.text[span.start] == "(":
                    inside = self.source.text[span.start + 1 : span.end - 1].replace(",", " ")
                    advice = [f"write `{' '.join([line.word.text, *inside.split()])}`"]
            self.problem("value-missing", title, line.word.span, "not given here", *advice, also=also)

    def _signature(self, block: syntax.Block) -> tuple[Collection[str], Collection[str]]:
        """The names of a block's arguments, and those without a default: worked out once for all its uses."""
        if block.span not in self._signatures:
            arguments = dict.fromkeys(name.text for name, _ in block.arguments)
            required = [name.text for name, default in block.arguments if default is None]
            self._signatures[block.span] = arguments, required
        return self._signatures[block.span]

    def value(
        self, expr: syntax.Expr, names: Mapping[str, Span], extra: Collection[str] = (), *,
        words: bool = False, of: str = "", operand: bool = False,
    ) -> None:  # fmt: skip
        """Check an expression's names; `extra` words are fine too, and with `words` any bare word is.

        `of` is the option that the expression is the value of; as an `operand` it is a number.
        """
        match expr:
            case syntax.Name(text=text):
                if words or text in names or text in self.words or text in extra:
                    pass
                elif text == "None" and of and not extra:
                    help_ = f"leave `{of}` out: it has a default, and never the value `none`"
                    self.problem("unknown-name", "there is no name `None`", expr.span, "", help_)
                elif extra:
                    self.unknown(expr, "value", (*sorted(extra), *names), of=of)
                else:
                    self.unresolved[expr.span, "unknown-name"] = text, names
                    near = "" if operand or self.enough else suggestions.word_like(text, names, self.words)
                    if near:
                        help_ = f"did you mean `{near}`?"
                        self.problem("unknown-name", f"there is no name `{text}`", expr.span, "", help_)
                    self.unknown(expr, "name", names)
            case syntax.TupleOf(items=items):
                for item in items:
                    self.value(item, names, extra, words=words, of=of)
            case syntax.Prefix(operand=part):
                self.value(part, names, extra, operand=True)
            case syntax.Chain(span=span) if self._dashed(span) in extra:
                title = f"`{of}` has no value `{self.source.at(span)}`"
                self.problem("unknown-value", title, span, "", f"write `{self._dashed(span)}`")
            case syntax.Chain(first=first, rest=rest):
                numbers = rest[0][0] not in ("==", "!=", "and", "or")
                for part in (first, *(part for _, part in rest)):
                    self.value(part, names, extra, operand=numbers)
            case syntax.FunctionCall(function=function, arguments=arguments):
                if function.text in registry.trims():
                    title = f"there is no function `{function.text}`"
                    advice = [] if arguments else [f"write `{function.text}`"]
                    if arguments:
                        span = arguments[0].span
                        advice = [f"write `{function.text}={self.source.at(span)}`"]
                    self.problem("unknown-function", title, function.span, "", *advice)
                elif function.text not in FUNCTIONS:
                    self.unknown(function, "function", FUNCTIONS)
                for argument in arguments:
                    self.value(argument, names)

    def _dashed(self, span: Span) -> str:
        """Words with dashes between them as one with underscores: `nearest-exact` is `nearest_exact`."""
        return self.source.at(span).replace("-", "_")

    # --- what to say -----------------------------------------------------------------------------

    def unknown(
        self, name: syntax.Name, what: str, known: Iterable[str], also: Label | None = None, of: str = ""
    ) -> None:
        """Say that there is no such layer, name, option `of` something, …, and what is nearest."""
        help_ = suggestions.for_unknown(name.text, what, [] if self.enough else list(known))
        if help_ == [suggestions.NOTHING_LIKE_IT]:
            from specgen.text_errors import PROSE, is_prose

            line = self.source.line(self.source.line_of(name.span))
            help_ = [PROSE] if is_prose(line) else help_
        title = f"`{of}` has no {what} `{name.text}`" if of else f"there is no {what} `{name.text}`"
        self.problem(f"unknown-{what.split()[0]}", title, name.span, "", *help_, also=also)

    def _unknown_option(self, word: str, layer: type[Layer], argument: syntax.Option) -> None:
        name = argument.name
        value = self.source.at(argument.value.span)
        help_ = suggestions.for_option(name.text, value, word, layer, guess=not self.enough)
        is_flag = name.text in options.flags(layer)
        title = f"`{name.text}` takes no value" if is_flag else f"`{word}` has no option `{name.text}`"
        self.problem("unknown-option", title, name.span, "", help_)

    def _unknown_flag(
        self, word: str, layer: type[Layer], name: syntax.Name, names: Mapping[str, Span], takes_value: bool
    ) -> None:
        known = () if self.enough else tuple(names)
        self.unresolved[name.span, "unknown-word"] = name.text, names
        help_ = suggestions.for_flag(
            name.text, word, layer, known, takes_value=takes_value, guess=not self.enough
        )
        self.problem("unknown-word", f"`{name.text}` means nothing to `{word}`", name.span, "", *help_)


def _in_braces(text: str) -> str:
    """What is written in the first pair of braces."""
    depth = 0
    for brace in re.finditer(r"[{}]", text):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[: brace.end()]
    return text

"""Every sentence of an explanation, in one place: another language is another module with these names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from specgen import options
from specgen.provenance import Binding, Written
from specgen.shape import Shape

ROUNDED_DOWN = "rounded down"
ROUNDED_UP = "rounded up"
CHANNELS = "channels"
TOKENS = "tokens"
FEATURES = "features"
AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
PARAMETERS = "parameters"
MULTIPLY_ADDS = "multiply-adds"
FOLDED = "the same in {count} places: {paths}"
CUT = "− 1, since the last window would start in the padding"


def all_of(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def layer(path: str, word: str, arrives: Shape, gives: Shape) -> str:
    """What a layer is, and what it makes of what arrives."""
    if arrives == gives:
        return f"{path}, {word}: {arrives}, and the shape stays"
    return f"{path}, {word}: {arrives} → {gives}"


def filters(count: int) -> str:
    return f"{count}, one for each filter"


def groups(arrive: int, parts: int, each: int) -> str:
    return f"each filter sees {arrive} / {parts} = {each} of the {arrive} channels that arrive"


def fixed_size(sizes: Iterable[int]) -> str:
    return f"{' × '.join(map(str, sizes))}, whatever arrives"


def formula(text: str) -> str:
    return f"the rule is {text}"


def join(kind: str, shapes: Sequence[Shape], result: Shape) -> str:
    """How branches come together."""
    if kind in ("cat", "split"):
        channels = [int(shape.channels) for shape in shapes]
        return f"{kind}: {' + '.join(map(str, channels))} = {result.channels} channels, {result} in all"
    if kind == "mul":
        return (
            f"mul: {' · '.join(f'({shape})' for shape in shapes)}, where a size of 1 stands for all: {result}"
        )
    if len(shapes) == 1:
        return f"the condition for a shortcut does not hold: the body alone, {result}"
    return f"add: {len(shapes)} branches of {result} are summed, value by value; the shape stays"


# --- where options come from ---------------------------------------------------------------------


def option(name: str, value: Any, written: Written) -> str:
    """An option with its value and where that was written."""
    head = f"{name} {options.written(value)}: "
    if written.default:
        head += f"from `default {written.default} {written.text}` in line {written.line}"
    else:
        head += f"`{written.text}` in line {written.line}"
    return "".join((head, *(f", {bound(binding)}" for binding in written.bindings)))


def bound(binding: Binding) -> str:
    """What a name stands for, and through what."""
    value = "" if binding.value is None else f" = {options.written(binding.value)}"
    head = f"with {binding.name}{value}"
    match binding.kind:
        case "param":
            text = f"{head}, the param of line {binding.line}"
        case "set":
            text = f"{head}, set from outside"
        case "variant":
            text = f"{head}, from variant {binding.by} in line {binding.line}"
        case "let":
            text = f"{head}, from `let {binding.name} = {binding.text}` in line {binding.line}"
        case "argument":
            text = f"{head}, the argument of `{binding.by}` used in line {binding.line}"
        case "argument-default":
            text = f"{head}, the default of `{binding.by}` in line {binding.line}"
        case "channels":
            text = f"{head}, the channels that arrive"
        case "turn":
            text = f"{head}, in turn {binding.by} of line {binding.line}"
    return "".join((text, *(f", there {bound(inner)}" for inner in binding.bindings)))


def plain_options(pairs: Sequence[str], line: int) -> str:
    return f"{', '.join(pairs)}: written in line {line}"


def default_options(word: str, pairs: Sequence[str]) -> str:
    return f"as `{word}` has it: {', '.join(pairs)}"


def implied(line: str) -> str:
    return f"here since `{line}` has an activation unless its line says otherwise"


def asked_for(written: Written) -> str:
    """Why a trim is there."""
    if written.default:
        text = f"here since `default {written.default} {written.text}` in line {written.line} asks for it"
    else:
        text = f"here since `{written.text}` in line {written.line} asks for it"
    return "".join((text, *(f", {bound(binding)}" for binding in written.bindings)))


def flattened(line: str) -> str:
    return f"put in front since `{line}` takes a vector"


# --- lines without a layer -----------------------------------------------------------------------


def param(name: str, value: Any, binding: Binding) -> str:
    shown = options.written(value)
    match binding.kind:
        case "set":
            return (
                f"`{name}` is {shown}: set from outside, in place of {binding.text.partition('=')[2].strip()}"
            )
        case "variant":
            return f"`{name}` is {shown}: variant {binding.by} in line {binding.line} says so"
    return f"`{name}` is {shown}, as this line says: nobody set another value"


def let(name: str, values: Sequence[Any]) -> str:
    if not values:
        return f"a name for a value, `{name}`, that no layer uses"
    shown = all_of([options.written(value) for value in values[:8]])
    return f"`{name}` is {shown}" + ("" if len(values) == 1 else f" in its {len(values)} different uses")


def default(word: str, text: str, reached: int) -> str:
    layers = "1 layer takes" if reached == 1 else f"{reached} layers take"
    return (
        f"every `{word}` below has `{text}` unless its own line says otherwise; {layers} an option from here"
    )


def block(name: str, uses: Sequence[str]) -> str:
    if not uses:
        return f"`{name}` is defined here and never used"
    return f"`{name}` is used {len(uses)} times: {'; '.join(dict.fromkeys(uses))}" if len(uses) > 1 else (
        f"`{name}` is used once: {uses[0]}"
    )  # fmt: skip


def use(arguments: str, line: int) -> str:
    return f"{f'with {arguments}, ' if arguments else ''}in line {line}"


def used(name: str, count: int, arguments: str, params: int) -> str:
    """A line that uses a block."""
    layers = "1 layer" if count == 1 else f"{count} layers"
    given = f" with {arguments}" if arguments else ""
    return f"a use of block `{name}`{given}: {layers}, {params:,} parameters"


def repeat(turns: Sequence[int]) -> str:
    """How often a body comes; in a block it may differ from use to use."""
    if not turns:
        return "a body that is repeated; here it makes no layer"
    counts = all_of([str(count) for count in turns])
    return f"the body, {counts} {'time' if counts == '1' else 'times'}, spliced in place"


def variant(name: str, settings: str, chosen: bool) -> str:
    now = "the one that is explained here" if chosen else "not the one that is explained here"
    return f"variant `{name}` sets {settings or 'nothing'}; it is {now}"


def init(kind: str, function: str, weights: int) -> str:
    reached = "1 weight starts" if weights == 1 else f"{weights} weights start"
    return f"{reached} by `{function}`, those of `{kind}` that no more special `init` reaches"


def arrives(shape: Shape) -> str:
    return f"one sample that goes in is {shape.describe()}"


def expected(text: str) -> str:
    return f"checked: what arrives here is {text}, as expected"


def condition() -> str:
    return "decided while compiling: only the body whose condition holds is there"


def group(label: str, count: int, params: int) -> str:
    return f"a group called `{label}`: {count} layers, {params:,} parameters"


def named(name: str) -> str:
    return f"the network's class is called {name}"


def part_of(line: int) -> str:
    return f"part of the statement that begins in line {line}"


EMPTY = "no layer: what goes in comes out"
NOTHING = "no statement stands there"
UNUSED = "no layer comes from here: its block is not used, or its condition does not hold"

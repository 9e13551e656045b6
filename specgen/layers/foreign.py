"""What a layer of somebody's own answers, asked in full where it stands: its defects are told there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from keyword import iskeyword
from math import isfinite

from specgen.diagnostics import Diagnostic, SpecError
from specgen.layers.base import Call, Layer, Refusal, Saved, Window, asked, rule_of
from specgen.shape import LARGEST_TOTAL, Shape
from specgen.workings import Working


def vet(layer: Layer, x: Shape, output: Shape) -> None:
    """Raise a `Refusal` for the first rule that fails for `x`, or answers what cannot be meant.

    Without it, each would fail later and elsewhere: when the network is emitted, built or summarised.
    """
    if not (1 <= len(output.sizes) <= 4 and all(_is_whole(size) and size >= 1 for size in output.sizes)):
        raise _wrong(layer, "infer", x, "a `Shape` of whole numbers ≥ 1: channels and up to three sizes")
    for rule, is_right, wanted in (
        (layer.call, _is_call, "a `Call` of names and of numbers, strings, `None` and tuples of them"),
        (layer.parameters, _is_tensors, "the tensors by name with their shapes"),
        (layer.buffers, _is_tensors, "the tensors by name with their shapes"),
        (layer.products, _is_products, "a tuple of products, each a tuple of whole numbers"),
        (layer.macs, _is_whole, "a whole number"),
        (layer.settled, _is(Mapping), "the options by name"),
        (layer.workings, _is_tuple_of(Working), "a tuple of workings"),
        (layer.windows, _is_windows, "a tuple with a `Window` for each spatial axis, `()` or `None`"),
        (layer.saved, _is(Saved), "a `Saved`"),
        (layer.shares_input, _is(bool), "true or false"),
    ):
        also = (True,) if rule in (layer.saved, layer.shares_input) else ()
        if not is_right(asked(layer, rule, x, *also)):
            raise _wrong(layer, rule.__name__, x, wanted)


def no_class(layer: type[Layer], name: str) -> SpecError:
    """What is said of a layer whose call names a class that is nowhere."""
    title = f"there is no class `{name}`, which `{layer.word}` stands for"
    looked = "" if layer.modules == Layer.modules else f"`{layer.modules}` and "
    why = f"it is looked for in {looked}`torch.nn`: the layer's `modules` names another module"
    return SpecError([Diagnostic("layer-fails", title, notes=(why,))])


def _wrong(layer: Layer, rule: str, x: Shape, wanted: str) -> Refusal:
    title = f"`{layer.word}` gives a wrong answer to `{rule}`"
    return Refusal("layer-fails", title, rule_of(layer, rule, x), advice=f"it has to be {wanted}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_call(answer: object) -> bool:
    if not isinstance(answer, Call) or not isinstance(answer.keywords, Mapping):
        return False
    names = (answer.name, *answer.keywords)
    spelt = all(isinstance(name, str) and name.isidentifier() and not iskeyword(name) for name in names)
    return spelt and _is_argument(answer.arguments) and all(map(_is_argument, answer.keywords.values()))


def _is_argument(value: object, depth: int = 9) -> bool:
    if isinstance(value, tuple):
        return depth > 0 and all(_is_argument(one, depth - 1) for one in value)
    if isinstance(value, int):
        return abs(value) < LARGEST_TOTAL
    return value is None or isinstance(value, str) or (isinstance(value, float) and isfinite(value))


def _is_tensors(answer: object) -> bool:
    return isinstance(answer, Mapping) and all(
        isinstance(name, str) and isinstance(sizes, tuple) and all(map(_is_whole, sizes))
        for name, sizes in answer.items()
    )


def _is_products(answer: object) -> bool:
    return isinstance(answer, tuple) and all(
        isinstance(factors, tuple) and all(map(_is_whole, factors)) for factors in answer
    )


def _is(kind: type) -> Callable[[object], bool]:
    return lambda answer: isinstance(answer, kind)


def _is_tuple_of(kind: type) -> Callable[[object], bool]:
    return lambda answer: isinstance(answer, tuple) and all(isinstance(one, kind) for one in answer)


def _is_windows(answer: object) -> bool:
    return answer is None or _is_tuple_of(Window)(answer)

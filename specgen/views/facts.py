"""What is said of one layer: how its sizes, parameters and multiply-adds come about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from specgen import options
from specgen.ir import Step, params
from specgen.layers.base import Layer
from specgen.shape import Shape, bare
from specgen.views import board, wording


@dataclass(frozen=True)
class Fact:
    """One thing that is said: what it is about, the sentence, and the number it comes to, if it does."""

    about: str
    text: str
    value: int | None = None


def plain_layer(layer: Layer) -> Layer:
    """The layer with bare numbers as its options."""
    return layer.with_options(**{name: bare(value) for name, value in layer})


def arithmetic_of(step: Step) -> Iterator[Fact]:
    """The sizes, the parameters and the multiply-adds of a layer, with what they were computed from."""
    layer, x = plain_layer(step.layer), bare(step.input)
    yield from _sizes(layer, x, step.output)
    tensors = layer.parameters(x)
    if tensors:
        yield Fact("parameters", f"{wording.PARAMETERS}: {board.parameter_count(tensors)}", params(step))
    macs = layer.macs(x)
    if macs:
        products = layer.products(x)
        text = board.product_sum(products) if products else f"{macs:,}"
        yield Fact("macs", f"{wording.MULTIPLY_ADDS}: {text}", macs)


def _sizes(layer: Layer, x: Shape, output: Shape) -> Iterator[Fact]:
    workings = layer.workings(x)
    filters = getattr(layer, "out_channels", None)
    if filters is not None:
        yield Fact("channels", f"{wording.CHANNELS}: {wording.filters(filters)}", filters)
    each = layer.parameters(x).get("weight", (0, 0)) if hasattr(layer, "groups_for") else (0, 0)
    if each[1] and each[1] != x.channels:
        yield Fact("groups", wording.groups(x.channels, x.channels // each[1], each[1]), each[1])
    said: dict[str, list[str]] = {}
    for working in workings:
        text = board.equation(working, wording.ROUNDED_DOWN, wording.ROUNDED_UP)
        text += f" ({wording.CUT})" if board.is_cut(working) else ""
        said.setdefault(text, []).append(_name(working.about, working.axis, output))
    for text, names in said.items():
        yield Fact("size", f"{wording.all_of(list(dict.fromkeys(names)))}: {text}", _result(text))
    if not workings and output != x and filters is None and layer.family != "linear":
        if "output_size" in layer.options or layer.word == "gap":
            yield Fact("size", wording.fixed_size(map(int, output.spatial)))
        else:
            yield Fact("size", wording.formula(layer.formula))


def _result(text: str) -> int:
    number = text.partition(" (−")[0].replace(",", "").split()[-1]
    return int(number)


def _name(about: str, axis: int, output: Shape) -> str:
    if not output.spatial:
        return wording.FEATURES
    if about == "channels":
        return wording.CHANNELS
    if output.channels_last and output.rank == 1:
        return wording.TOKENS
    return wording.AXES[output.rank][axis]


def left_open(step: Step, given: Mapping[str, Any]) -> Iterator[str]:
    """The options that decide the sizes and that nothing sets, with what they come to."""
    settled = plain_layer(step.layer).settled(step.input)
    for name in ("kernel_size", "stride", "padding", "dilation"):
        if name in settled and name not in given:
            said = getattr(step.layer, name)
            value = options.written(settled[name])
            yield f"{name} {value}" if not isinstance(said, str) else f"{name} {said} ({value})"

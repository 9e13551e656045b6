"""Warnings about numbers on a line: what they make of a layer is rarely meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from specgen.arithmetic import is_number
from specgen.diagnostics import Diagnostic, Label
from specgen.layers.activation import LogSoftmax, Softmax
from specgen.layers.base import Layer
from specgen.layers.conv import Convolution, DepthwiseConv
from specgen.layers.pool import WindowPool
from specgen.layers.reshape import ChannelShuffle, Pad, PixelShuffle, Upsample
from specgen.lint.flow import Checked
from specgen.lint.maps import where_used
from specgen.options import written
from specgen.shape import times


def dropout_rate(checked: Checked) -> Iterator[Diagnostic]:
    """Dropout of nothing, where that is written as a number, and dropout of everything."""
    for step, *_ in checked.layers:
        if step.layer.family != "dropout":
            continue
        rate = step.layer.p  # type: ignore[attr-defined]
        given = step.given.get("p")
        if given is None or rate not in (0, 1):
            continue
        literal = checked.text(given.span).rpartition("=")[2].strip()
        if rate == 1:
            label = "nothing is left in training"
        elif literal.replace(".", "").isdigit():
            label = "nothing is dropped"
        else:
            continue
        yield checked.warn(
            "dropout-rate", f"`{step.kind}` with a probability of {rate:g}", Label(given.span, label)
        )


#: Above this a momentum is that of libraries where it weighs the old value.
_LARGE_MOMENTUM = 0.5


def bn_momentum(checked: Checked) -> Iterator[Diagnostic]:
    """A momentum as Keras, TensorFlow and papers give it; in PyTorch it weighs the new value."""
    for step, *_ in checked.layers:
        given = step.given.get("momentum")
        if step.layer.family != "norm" or given is None or not is_number(given.value):
            continue
        if _LARGE_MOMENTUM < given.value < 1:
            yield checked.warn(
                "bn-momentum",
                f"`{step.kind}` with a momentum of {given.value:g}",
                Label(given.span, "PyTorch's weighs what is new: by default it is 0.1"),
                help=f"what Keras calls {given.value:g} is `momentum={1 - given.value:.6g}`",
            )


def changes_nothing(checked: Checked) -> Iterator[Diagnostic]:
    """A layer that gives what arrives, by numbers that are written on its line."""
    for step, *_ in checked.layers:
        if step.output != step.input or not _is_idle(step.layer):
            continue
        numbers = [
            checked.text(one.span).rpartition("=")[2]
            for name, one in step.given.items()
            if name in step.layer.options and not isinstance(one.value, str)
        ]
        if not any(re.search(r"\b[A-Za-z_]", number) for number in numbers):
            yield checked.warn(
                "changes-nothing",
                f"this `{checked.text(step.word)}` changes nothing",
                Label(step.span, f"{step.input} goes in, and the same comes out"),
            )


def _is_idle(layer: Layer) -> bool:
    """Whether a layer that keeps the shape keeps the values, too."""
    match layer:
        case WindowPool(kernel_size=size) | Upsample(scale_factor=size) | ChannelShuffle(groups=size):
            return set(size if isinstance(size, tuple) else (size,)) == {1}
    return isinstance(layer, (Pad, PixelShuffle))


def large_factor(checked: Checked) -> Iterator[Diagnostic]:
    """A number that multiplies where one that stays as it is may be meant: a size, or a number of outputs."""
    for met in checked.layers:
        step = met.step
        match step.layer:
            case Upsample(scale_factor=factor) if factor is not None and step.input.rank > 1:
                most, least, option = max(factor) if isinstance(factor, tuple) else factor, 64, "scale_factor"
                makes = f"makes the map {most:g} times as large"
                help_ = f"the size of the output is said as `size={written(factor)}`"
            case DepthwiseConv(multiplier=most) if step.input.channels > 1:
                least, option, makes = 16, "multiplier", f"makes {most} channels of each one"
                help_ = "without a number, as many channels come out as arrive"
            case _:
                continue
        if most < least:
            continue
        yield checked.warn(
            "large-factor",
            f"`{step.kind}` {makes}",
            Label(step.given[option].span, f"{step.input} becomes {step.output}"),
            where_used(met),
            help=help_,
        )


def only_padding(checked: Checked) -> Iterator[Diagnostic]:
    """A convolution with a padding that its kernel fits into: what the outermost windows see is zeros."""
    for met in checked.layers:
        step, layer = met.step, met.step.layer
        given = step.given.get("padding")
        if given is None or not isinstance(layer, Convolution) or isinstance(layer.padding, str):
            continue
        kernel, _, sides, dilation = layer.axes(step.input)
        covers = tuple(int(d * (k - 1) + 1) for k, d in zip(kernel, dilation, strict=True))
        if layer.padding_mode == "zeros" and any(p >= size for p, size in zip(sides, covers, strict=True)):
            yield checked.warn(
                "only-padding",
                f"this `{step.kind}` has windows of padding alone",
                Label(given.span, f"what a window covers is {times(covers)}"),
                where_used(met),
                help="without `p`, the size stays as it is" if layer.stride == 1 else "",
            )


def softmax_of_one(checked: Checked) -> Iterator[Diagnostic]:
    """A softmax over a single value."""
    for step, before, *_ in checked.layers:
        layer = step.layer
        if isinstance(layer, (Softmax, LogSoftmax)) and layer.dim is None and step.input.channels == 1:
            result = 1 if isinstance(layer, Softmax) else 0
            help_ = f"for a probability, write `sigmoid` on the line of the `{before.kind}`" if before else ""
            yield checked.warn(
                "softmax-of-one",
                f"`{step.kind}` of one value is always {result}",
                Label(step.word, f"what arrives is {step.input.describe()}"),
                help=help_ if result else "",
            )

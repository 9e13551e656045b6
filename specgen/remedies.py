"""What would mend an error about a shape: what the shape rules accept from the place that it changes on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from specgen import arithmetic, options, syntax
from specgen.arithmetic import Symbol, Traced
from specgen.attempts import Change, Remedy
from specgen.draft import Draft, DraftLayer, DraftParallel, along
from specgen.expressions import describe
from specgen.layers import registry
from specgen.layers.base import Layer, Refusal, inferred, nearest_multiples
from specgen.layers.fields import WrongOptions
from specgen.shape import Shape, collapse
from specgen.source import Source, Span

#: How many of the layers in front are looked at.
_MOST_TRIED = 40


def other_options(
    layer: Layer, refusal: Refusal, arrived: Shape, place: Change, *, as_option: bool
) -> Iterator[Remedy]:
    """The layer's options that its refusal proposes and its rule accepts; `place` is where it stands.

    `as_option` says that the layer stands as an option on another one's line: `gn=8`.
    """
    for remedy in refusal.remedies:
        try:
            changed = layer.with_options(**remedy)
        except WrongOptions:
            continue
        if _again((changed,), arrived) is not None:
            shown = proposal(changed, remedy)
            shown = shown.replace(" ", "=", 1) if as_option else shown
            yield Remedy(f"with `{shown}` it fits", replace(place, options=remedy))


def other_channels(layer: Layer, refusal: Refusal, arrived: Shape, place: Change) -> Iterator[Remedy]:
    """The channels that its refusal proposes and the layer takes."""
    for channels in refusal.channels:
        if _again((layer,), arrived.replace(channels=channels)) is not None:
            yield _arriving(channels, place)


def _arriving(channels: int, place: Change) -> Remedy:
    return Remedy(f"with {channels} channels arriving it fits", replace(place, channels=channels))


def proposal(layer: Layer, change: Mapping[str, Any]) -> str:
    """Changed options as a line has them: `p=3`, `ceil`, or with the size by position `conv 64 s=2`."""
    short = {option: letter for letter, option in type(layer).short.items()}
    flags = {meant: flag for flag, meant in options.flags(type(layer)).items()}
    shown = [
        flags.get((name, value)) or f"{short.get(name, name)}={_shown(value)}"
        for name, value in change.items()
        if name not in layer.positional[:1]
    ]
    if layer.positional and layer.positional[0] in change:
        shown = [layer.word, options.written(change[layer.positional[0]]), *shown]
    return " ".join(shown)


def _shown(value: Any) -> str:
    is_named = isinstance(value, Traced) and isinstance(value.expression, Symbol)
    return arithmetic.show(value.expression) if is_named else options.written(value)


def without_a_pooling(placed: Sequence[Sequence[Draft]], layer: Layer, source: Source) -> Iterator[Remedy]:
    """Which pooling to leave out so that a layer fits, if one is enough: the nearest above first."""
    straight = _straight(placed)
    spans = Counter(step.span for step in straight)
    steps = straight[-_MOST_TRIED:]
    for index in reversed(range(len(steps))):
        step = steps[index]
        if step.layer.family != "pool" or step.layer.word == "gap" or spans[step.span] > 1:
            continue
        after = _again((one.layer for one in steps[index + 1 :]), step.input)
        if after is not None and _again((layer,), after) is not None:
            word = source.at(step.span).split()[0]
            line = source.line_of(step.span)
            yield Remedy(f"without the `{word}` in line {line} it fits", Change(step.span, left_out=True))


def in_front(
    placed: Sequence[Sequence[Draft]], layer: Layer, line: syntax.Apply, source: Source
) -> Iterator[Remedy]:
    """In front of which layer a layer fits that needs a map: the one that made something else of it."""
    steps = _straight(placed)
    turned = [index for index, step in enumerate(steps) if step.input.is_map and not step.output.is_map]
    if not turned:
        return
    behind = steps[turned[-1] :]
    if _again((layer, *(step.layer for step in behind)), behind[0].input) is None:
        return
    number, column = source.position(behind[0].span.start)
    word = source.line(number)[column - 1 :].split()[0].rstrip(";")
    yield Remedy(f"in front of the `{word}` in line {number} it fits", Change(behind[0].span, moved=line))


def more_channels(arrived: Shape, branches: int, span: Span) -> Iterator[Remedy]:
    """How many channels would fall into equal shares."""
    for channels in nearest_multiples(int(arrived.channels), branches):
        yield _arriving(channels, Change(span))


def equalised(
    steps: Iterable[Draft], fits: Callable[[Shape], bool], wanted: Shape, source: Source,
    strides: Iterable[Traced] = (),
) -> Iterator[Remedy]:  # fmt: skip
    """Which option of one of some steps would give a shape that `fits`.

    Channels, stride and padding are tried, from the last step to the first. `strides` are those around that
    have names: of these, one that is the right number is right for other uses of the block as well.
    """
    straight = _straight([list(steps)])[-_MOST_TRIED:]
    said = Counter((step.span, step.kind) for step in straight)
    for index in reversed(range(len(straight))):
        step = straight[index]
        if step.layer.family not in ("conv", "linear", "pool") or said[step.span, step.kind] > 1:
            continue  # a norm has nothing to change, and a line in a repeat would change elsewhere too
        for change in _changes(step, straight[-1].output, wanted):
            stride = change.get("stride")
            change = {**change, "stride": named} if (named := _named(stride, strides)) is not None else change
            try:
                changed = step.layer.with_options(**change)
            except WrongOptions:
                continue
            layers = (changed, *(one.layer for one in straight[index + 1 :]))
            after = _again(layers, step.input)
            if after is not None and fits(after):
                shown = proposal(changed, change)
                place = Change(step.span, layer=step.layer.word, asked=step.asked, options=change)
                yield Remedy(f"with `{shown}` {_place(step, shown, source)} it fits", place)


def _named(stride: Any, strides: Iterable[Traced]) -> Traced | None:
    """The stride of that number which a name stands for, if there is one."""
    found = (one for one in strides if arithmetic.plain(one) == stride)
    return next((one for one in found if isinstance(one.expression, Symbol)), None)


def _place(step: DraftLayer, proposed: str, source: Source) -> str:
    """Which layer is to be changed: by its line, and by its words where others stand in that line."""
    number = source.line_of(step.span)
    words = map(registry.find, re.findall(r"[A-Za-z_]\w*", source.line(number).partition("#")[0]))
    if sum(word is not None and word.family in ("conv", "linear", "pool") for word in words) == 1:
        return f"in line {number}"
    written = source.at(step.span).split()
    if proposed.startswith(f"{step.layer.word} "):
        return f"for `{' '.join(written[:2])}` in line {number}"
    line, start = source.line(number), step.span.start - source.start_of_line(number)
    whole = rf"(?<!\w){re.escape(' '.join(written))}(?=\s*(?:[;|}}#]|$))"
    same = [one.start() for one in re.finditer(whole, line)]
    which = ""
    if len(same) > 1 and start in same:
        which = f"the {_ORDINALS[same.index(start)]} " if len(same) <= len(_ORDINALS) else "one "
    return f"on {which}`{' '.join(written)}` in line {number}"


_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


def pointwise(steps: Sequence[Draft], fits: Callable[[Shape], bool], span: Span) -> Iterator[Remedy]:
    """What keeps the positions, if with it a branch fits that makes a vector of them; `span` is its place.

    That is a 1 × 1 convolution where a map arrives, and `linear` where its channels are last.
    """
    replaced = [step for step in along(steps) if step.kind == "fc" and step.layer.flattens]
    shape = at_each_position(steps)
    if replaced and shape is not None and shape.spatial and fits(shape):
        kept = "conv … k=1" if shape.is_map else "linear"
        each = "the `fc`" if len(replaced) == 1 else "each `fc`"
        yield Remedy(f"with `{kept}` in place of {each} it fits", Change(span, at_each_position=True))


def at_each_position(steps: Sequence[Draft]) -> Shape | None:
    """What a branch gives if each `fc` in it acts at each position, if the rest takes that."""
    conv, linear = registry.find("conv"), registry.find("linear")
    assert conv is not None and linear is not None
    shape: Shape | None = None
    for step in along(steps):
        layer = step.layer
        shape = shape or step.input
        if layer.word == "flatten":
            continue
        features: Any = getattr(layer, "out_features", None)
        if layer.word == "fc" and shape.is_map:
            layer = conv(out_channels=features, kernel_size=1)
        elif layer.word == "fc" and shape.spatial:
            layer = linear(out_features=features)
        shape = _again((layer,), shape)
        if shape is None:
            return None
    return shape


def _changes(step: DraftLayer, output: Shape, wanted: Shape) -> Iterator[Mapping[str, Any]]:
    """Options of a step that might turn what comes out behind it into what is wanted."""
    layer = step.layer
    fields = layer.options
    size = next((name for name in ("out_channels", "out_features") if name in fields), "")
    channels = {size: int(wanted.channels)} if size and output.channels != wanted.channels else {}
    if channels:
        yield channels
    if output.rank != wanted.rank or output.spatial == wanted.spatial or layer.family not in ("conv", "pool"):
        return
    if layer.word in ("conv", "dwconv") and getattr(layer, "padding", "half") != "half":
        yield {**channels, "padding": "half"}
    kernel: Any = getattr(layer, "kernel_size", None)
    if "ceil_mode" in fields and isinstance(kernel, int):
        yield from _of_pooling(layer, kernel)
    if layer.word in ("conv", "dwconv") and isinstance(kernel, int) and kernel % 2 == 0:
        yield {**channels, "kernel_size": kernel + 1}
    if layer.word == "deconv":
        yield {**channels, "output_padding": 1}
        yield {**channels, "kernel_size": layer.stride}  # type: ignore[attr-defined]
    strides = {_stride(layer, size, want) for size, want in zip(output.spatial, wanted.spatial, strict=True)}
    if len(strides) == 1 and 0 not in strides:
        yield {**channels, "stride": strides.pop()}


def _of_pooling(layer: Layer, kernel: int) -> Iterator[Mapping[str, Any]]:
    """Options that let a pooling reach the edge, and those with which it keeps the size."""
    if kernel % 2:
        yield {"padding": kernel // 2}
    yield {"ceil_mode": True}
    keeps = {"kernel_size": kernel | 1, "stride": 1, "padding": kernel // 2}
    now = dict(layer)
    yield {name: value for name, value in keeps.items() if now[name] != value}


def _stride(layer: Layer, size: int, wanted: int) -> int:
    """The stride that would turn one size into another; 0 where there is none."""
    stride: Any = getattr(layer, "stride", None) or getattr(layer, "kernel_size", 1)
    if isinstance(stride, tuple):
        return 0
    numerator = int(size) * int(stride)
    return round(numerator / int(wanted)) if numerator >= int(wanted) else 0


def _straight(placed: Sequence[Sequence[Draft]]) -> list[DraftLayer]:
    """The layers in front, back to where branches were joined the last time."""
    found: list[DraftLayer] = []
    for children in placed:
        for child in children:
            if _has_branches(child):
                found = []
            else:
                found += along([child])
    return found


def _has_branches(child: Draft) -> bool:
    if isinstance(child, DraftParallel):
        return True
    return not isinstance(child, DraftLayer) and any(map(_has_branches, child.children))


def _again(layers: Iterable[Layer], shape: Shape) -> Shape | None:
    """What some layers make of a shape, or nothing if one of them refuses."""
    try:
        for layer in layers:
            shape = inferred(layer, shape)
    except Refusal:
        return None
    return shape


def projection(arrived: Shape, output: Shape) -> str:
    """What to write for a shortcut that goes from one shape to another; nothing where that fails."""
    conv = registry.find("conv")
    assert conv is not None
    if not (arrived.is_map and arrived.rank == output.rank and not output.channels_last):
        return ""
    sizes = zip(arrived.spatial, output.spatial, strict=True)
    stride: Any = collapse(tuple(-(-int(size) // int(out)) for size, out in sizes))
    made = conv(out_channels=int(output.channels), kernel_size=1, stride=stride).infer(arrived)
    if made.sizes != output.sizes:
        return ""
    step = "" if stride == 1 else f" s={describe(stride)}"
    line = f"conv {describe(output.channels)} k=1{step} linear"
    return f"give the shortcut a projection: `}} else {{ {line} }}`"

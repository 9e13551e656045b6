"""What each layer does to sizes that depend on the input, and what it demands of them.

A layer that is not listed here, such as one of a user's own, is asked by its own rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from specgen.extents import Extent, Size, Sizes, value
from specgen.ir import Step
from specgen.layers import activation, conv, dropout, linear, norm, pool, reshape, transformer
from specgen.layers.base import Layer
from specgen.shape import LARGEST, Shape, spread


@dataclass(frozen=True)
class Form:
    """A shape whose sizes depend on the input: `Shape`, with `last` for channels that are last."""

    channels: Extent
    spatial: tuple[Extent, ...]
    last: bool = False

    @property
    def extents(self) -> tuple[Extent, ...]:
        """The sizes in the tensor's order."""
        return (*self.spatial, self.channels) if self.last else (self.channels, *self.spatial)

    @property
    def is_fixed(self) -> bool:
        """Whether no size depends on the input."""
        return all(isinstance(size, int) for size in self.extents)

    def with_channels(self, channels: Extent) -> Form:
        return Form(channels, self.spatial, self.last)

    def with_spatial(self, *spatial: Extent) -> Form:
        return Form(self.channels, spatial, self.last)

    def at(self, input_: Mapping[int, int], known: dict[Size, int]) -> Shape:
        """The shape for given sizes of the input."""
        sizes = tuple(value(size, input_, known) for size in self.spatial)
        return Shape(value(self.channels, input_, known), sizes, self.last)


class Demands(Protocol):
    """Where the demands of layers go."""

    sizes: Sizes

    def pin(self, size: Extent, number: int) -> None: ...
    def between(self, size: Extent, least: int, most: int = LARGEST) -> None: ...
    def ask(self, step: Step, form: Form) -> None: ...


class Reader:
    """Reads one layer after the other."""

    def __init__(self, demands: Demands) -> None:
        self.demands = demands
        self.sizes = demands.sizes

    def step(self, step: Step, form: Form) -> Form:
        """What a layer gives."""
        if form.is_fixed:
            return Form(
                int(step.output.channels), tuple(map(int, step.output.spatial)), step.output.channels_last
            )
        kind = type(step.layer)
        if kind in _FREE:
            return form
        rule = _RULES.get(kind)
        if rule is None or (kind in _COUNT_CHANNELS and not isinstance(form.channels, int)):
            return self._asked(step, form)
        if kind not in _ANY_CHANNELS and not isinstance(form.channels, int):
            self.demands.pin(form.channels, int(step.input.channels))
            form = form.with_channels(int(step.input.channels))
        return rule(self, step.layer, form, step)

    def _asked(self, step: Step, form: Form) -> Form:
        self.demands.ask(step, form)
        if type(step.layer).infer is Layer.infer:
            return form
        out = step.output
        extents = [
            self.sizes.other(step.layer, form.last, index, form.extents) for index in range(len(out.sizes))
        ]
        if out.channels_last:
            return Form(extents[-1], tuple(extents[:-1]), True)
        return Form(extents[0], tuple(extents[1:]))

    # --- layers that keep the shape --------------------------------------------------------------

    def _kept(self, layer: Any, x: Form, step: Step) -> Form:
        return x

    def _group_norm(self, layer: norm.GroupNorm, x: Form, step: Step) -> Form:
        if int(step.input.channels) == int(layer.num_groups):
            self.demands.between(self.sizes.product(*x.spatial), 2)
        return x

    def _instance_norm(self, layer: norm.InstanceNorm, x: Form, step: Step) -> Form:
        self.demands.between(self.sizes.product(*x.spatial), 2)
        return x

    def _pos_embed(self, layer: transformer.PositionEmbedding, x: Form, step: Step) -> Form:
        self.demands.pin(x.spatial[0], int(step.input.spatial[0]))
        return x

    # --- windows ---------------------------------------------------------------------------------

    def _conv(self, layer: conv.Convolution, x: Form, step: Step) -> Form:
        rank = len(x.spatial)
        spatial = []
        for n, k, s, d, p in zip(
            x.spatial,
            spread(layer.kernel_size, rank),
            spread(layer.stride, rank),
            spread(layer.dilation, rank),
            spread(-1 if isinstance(layer.padding, str) else layer.padding, rank),
            strict=True,
        ):
            reach, side = int(d * (k - 1)), int(p)
            if layer.padding == "valid":
                side = 0
            elif isinstance(layer.padding, str):
                side = reach // 2
            if layer.padding_mode in ("reflect", "circular"):
                largest = -(-reach // 2) if layer.padding == "same" else side
                self.demands.between(n, largest + (layer.padding_mode == "reflect"))
            if layer.padding == "same":
                spatial.append(n)
                continue
            self.demands.between(n, reach + 1 - 2 * side)
            spatial.append(self.sizes.floor(n, 2 * side - reach - 1 + int(s), int(s)))
        return Form(int(step.output.channels), tuple(spatial))

    def _deconv(self, layer: conv.TransposedConv, x: Form, step: Step) -> Form:
        names = ("kernel_size", "stride", "padding", "dilation", "output_padding")
        options = [spread(getattr(layer, name), len(x.spatial)) for name in names]
        spatial = []
        for n, *numbers in zip(x.spatial, *options, strict=True):
            k, s, p, d, more = map(int, numbers)  # type: ignore[call-overload]
            out = self.sizes.linear(n, s, d * (k - 1) + more + 1 - 2 * p - s)
            self.demands.between(out, 1)
            spatial.append(out)
        return Form(int(step.output.channels), tuple(spatial))

    def _pool(self, layer: pool.WindowPool, x: Form, step: Step) -> Form:
        rank = len(x.spatial)
        kernel = spread(layer.kernel_size, rank)
        stride = kernel if layer.stride is None else spread(layer.stride, rank)
        dilation = spread(layer.dilation, rank) if isinstance(layer, pool.MaxPool) else (1,) * rank
        spatial = []
        for n, *numbers in zip(x.spatial, kernel, stride, spread(layer.padding, rank), dilation, strict=True):
            k, s, p, d = map(int, numbers)  # type: ignore[call-overload]
            if isinstance(layer, pool.MaxPool):
                self.demands.between(n, -p % d + 1)
            elif rank == 3:
                self.demands.between(n, k)
            out = (
                self.sizes.pooled(n, k, s, p, d)
                if layer.ceil_mode
                else self.sizes.floor(n, 2 * p - d * (k - 1) - 1 + s, s)
            )
            self.demands.between(out, 1)
            spatial.append(out)
        return x.with_spatial(*spatial)

    def _adaptive(self, layer: pool.AdaptivePool, x: Form, step: Step) -> Form:
        sizes: Any = spread(layer.output_size, len(x.spatial))  # type: ignore[arg-type]
        if sizes == (None,):  # in one dimension the size goes into the call
            self.demands.pin(x.spatial[0], int(step.input.spatial[0]))
        kept = zip(sizes, x.spatial, strict=True)
        return x.with_spatial(*(n if size is None else int(size) for size, n in kept))

    def _gap(self, layer: pool.GlobalAvgPool, x: Form, step: Step) -> Form:
        return x.with_spatial(*(1,) * len(x.spatial))

    # --- layers that move and resize -------------------------------------------------------------

    def _flatten(self, layer: reshape.Flatten, x: Form, step: Step) -> Form:
        count = len(x.extents) + 1
        start, end = (d + count if d < 0 else d for d in (layer.start_dim, layer.end_dim))
        merged = self.sizes.product(*x.extents[start - 1 : end])
        extents = (*x.extents[: start - 1], merged, *x.extents[end:])
        if x.last and len(extents) > 1:
            return Form(extents[-1], extents[:-1], True)
        return Form(extents[0], extents[1:])

    def _upsample(self, layer: reshape.Upsample, x: Form, step: Step) -> Form:
        rank = len(x.spatial)
        if layer.size is not None:
            return x.with_spatial(*map(int, spread(layer.size, rank)))
        factors: Any = layer.scale_factor
        spatial = [
            self.sizes.scaled(n, float(factor))
            for n, factor in zip(x.spatial, spread(factors, rank), strict=True)
        ]
        for out in spatial:
            self.demands.between(out, 1)
        return x.with_spatial(*spatial)

    def _pixel_shuffle(self, layer: reshape.PixelShuffle, x: Form, step: Step) -> Form:
        spatial = (self.sizes.linear(n, int(layer.upscale_factor), 0) for n in x.spatial)
        return Form(int(step.output.channels), tuple(spatial))

    def _pad(self, layer: reshape.Pad, x: Form, step: Step) -> Form:
        spatial = []
        for n, sides in zip(x.spatial, layer.sides(step.input), strict=True):
            if layer.mode in ("reflect", "circular"):
                self.demands.between(n, int(max(sides)) + (layer.mode == "reflect"))
            spatial.append(self.sizes.linear(n, 1, int(sum(sides))))
        return x.with_spatial(*spatial)

    def _channels_last(self, layer: Layer, x: Form, step: Step) -> Form:
        return Form(x.channels, x.spatial, True)

    def _channels_first(self, layer: Layer, x: Form, step: Step) -> Form:
        return Form(x.channels, x.spatial)

    def _tokens(self, layer: Layer, x: Form, step: Step) -> Form:
        return Form(x.channels, (self.sizes.product(*x.spatial),), True)

    def _cls_token(self, layer: Layer, x: Form, step: Step) -> Form:
        return x.with_spatial(self.sizes.linear(x.spatial[0], 1, 1))

    def _take(self, layer: transformer.TakeToken, x: Form, step: Step) -> Form:
        index = int(layer.index)
        self.demands.between(x.spatial[0], -index if index < 0 else index + 1)
        return Form(x.channels, ())

    def _linear(self, layer: linear.Linear, x: Form, step: Step) -> Form:
        return x.with_channels(int(step.output.channels))


#: Layers that keep any shape, and whose call is the same for all.
_FREE: frozenset[type[Layer]] = frozenset(
    (
        *(kind for kind in activation.Activation.__subclasses__() if kind.__module__ == activation.__name__),
        *(activation.InplaceActivation.__subclasses__()),
        activation.Softmax,
        activation.LogSoftmax,
        dropout.Dropout,
        dropout.ChannelDropout,
        dropout.DropPath,
        norm.LocalResponseNorm,
        reshape.Identity,
    )
) - {activation.PReLU, activation.ChannelSoftmax, activation.InplaceActivation}

_RULES: dict[type[Layer], Callable[[Reader, Any, Form, Step], Form]] = {
    activation.PReLU: Reader._kept,
    norm.BatchNorm: Reader._kept,
    norm.LayerNorm: Reader._kept,
    norm.RMSNorm: Reader._kept,
    norm.GroupNorm: Reader._group_norm,
    norm.InstanceNorm: Reader._instance_norm,
    conv.Conv: Reader._conv,
    conv.DepthwiseConv: Reader._conv,
    conv.TransposedConv: Reader._deconv,
    pool.MaxPool: Reader._pool,
    pool.AvgPool: Reader._pool,
    pool.AdaptiveAvgPool: Reader._adaptive,
    pool.AdaptiveMaxPool: Reader._adaptive,
    pool.GlobalAvgPool: Reader._gap,
    linear.Linear: Reader._linear,
    linear.FullyConnected: Reader._linear,
    reshape.Flatten: Reader._flatten,
    reshape.Upsample: Reader._upsample,
    reshape.PixelShuffle: Reader._pixel_shuffle,
    reshape.ChannelShuffle: Reader._kept,
    reshape.Pad: Reader._pad,
    transformer.ChannelsLast: Reader._channels_last,
    transformer.ChannelsFirst: Reader._channels_first,
    transformer.Tokens: Reader._tokens,
    transformer.ClassToken: Reader._cls_token,
    transformer.PositionEmbedding: Reader._pos_embed,
    transformer.SelfAttention: Reader._kept,
    transformer.TakeToken: Reader._take,
    transformer.Scale: Reader._kept,
}

#: Layers whose call is the same for any number of channels; of the others, the number is pinned.
_ANY_CHANNELS = frozenset(
    (
        pool.MaxPool,
        pool.AvgPool,
        pool.AdaptiveAvgPool,
        pool.AdaptiveMaxPool,
        pool.GlobalAvgPool,
        reshape.Flatten,
        reshape.Upsample,
        reshape.Pad,
        transformer.ChannelsLast,
        transformer.ChannelsFirst,
        transformer.Tokens,
        transformer.TakeToken,
    )
)

#: Layers that take some numbers of channels and not others, though their call says none.
_COUNT_CHANNELS = frozenset((reshape.ChannelShuffle, reshape.PixelShuffle, activation.PReLU))

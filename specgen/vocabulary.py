"""Other words for the same thing: what to suggest for a word that is not known."""

from __future__ import annotations

from collections.abc import Sequence

from specgen import options
from specgen.diagnostics import listed, nearest
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.names import objection

#: What other libraries call a layer or an option, and what it is called here.
ELSEWHERE = {
    "dense": "fc", "fully_connected": "fc", "fullyconnected": "fc",
    "conv1d": "conv", "conv2d": "conv", "conv3d": "conv", "convolution": "conv", "convolution2d": "conv",
    "depthwise": "dwconv", "depthwiseconv2d": "dwconv", "depthwise_conv": "dwconv",
    "conv_transpose": "deconv", "convtranspose2d": "deconv", "conv2dtranspose": "deconv",
    "transposed_conv": "deconv",
    "maxpooling": "maxpool", "maxpool2d": "maxpool", "maxpooling2d": "maxpool", "max_pool": "maxpool",
    "max_pool2d": "maxpool", "pool": "maxpool", "pooling": "maxpool",
    "averagepooling": "avgpool", "avgpool2d": "avgpool", "averagepooling2d": "avgpool", "avg_pool": "avgpool",
    "global_avg_pool": "gap", "globalavgpool": "gap", "globalaveragepooling2d": "gap", "globalpool": "gap",
    "adaptiveavgpool2d": "adaptive_avgpool", "adaptive_avg_pool": "adaptive_avgpool",
    "batchnorm": "bn", "batch_norm": "bn", "batchnorm2d": "bn", "batchnormalization": "bn",
    "layernorm": "ln", "layer_norm": "ln", "groupnorm": "gn", "group_norm": "gn",
    "instance_norm": "instancenorm", "localresponsenorm": "lrn", "rms_norm": "rmsnorm",
    "lrelu": "leaky_relu", "leakyrelu": "leaky_relu", "hard_swish": "hardswish", "hswish": "hardswish",
    "stochastic_depth": "droppath", "drop_path": "droppath", "dropout2d": "drop2d",
    "spatialdropout2d": "drop2d", "upsampling2d": "upsample", "upsampling": "upsample",
    "interpolate": "upsample", "resize": "upsample", "pixelshuffle": "pixel_shuffle",
    "channel_shuffle": "shuffle", "channelshuffle": "shuffle", "zeropadding2d": "pad", "zeropad2d": "pad",
    "attention": "attn", "self_attention": "attn", "multiheadattention": "attn",
    "multihead_attention": "attn", "layer_scale": "scale", "layerscale": "scale", "class_token": "cls_token",
    "pos_embedding": "pos_embed", "position_embedding": "pos_embed", "positional_embedding": "pos_embed",
    "identity": "id", "noop": "id", "reshape": "flatten", "view": "flatten",
    "concat": "cat", "concatenate": "cat", "skip": "residual", "shortcut": "residual",
    "kernel": "kernel_size", "ksize": "kernel_size", "kernel_shape": "kernel_size", "size": "kernel_size",
    "strides": "stride", "pad": "padding", "pads": "padding", "dilations": "dilation",
    "dilation_rate": "dilation", "group": "groups", "use_bias": "bias", "rate": "p", "prob": "p",
    "activation": "act", "normalization": "norm", "dropout": "drop", "epsilon": "eps",
    "he_normal": "kaiming_normal", "he_uniform": "kaiming_uniform", "kaiming": "kaiming_normal",
    "glorot_normal": "xavier_normal", "glorot_uniform": "xavier_uniform", "xavier": "xavier_uniform",
    "truncated_normal": "trunc_normal", "batch": "bn", "layer": "ln",
}  # fmt: skip

#: Options of other libraries: what follows from what arrives, and what is the size that a layer takes.
INFERRED = frozenset(
    "in_channels in_features num_features normalized_shape num_channels input_shape in_dim input_size".split()
)
SIZES = frozenset("units filters out_channels out_features out_dim channels features".split())


def for_unknown(word: str, what: str, known: Sequence[str]) -> list[str]:
    """Help for a layer, a block, a name, … that is not among the known ones."""
    ours = ELSEWHERE.get(word.casefold())
    if what.startswith("layer") and ours in ("cat", "residual"):
        return [f"here that is `{ours} {{ … }}`"]
    if ours in known:
        return [f"here that is called `{ours}`"]
    if near := nearest(word, known):
        return [f"did you mean `{near[0]}`?"]
    return [f"known here: {listed(known)}"] if 0 < len(known) <= 8 else []


def for_option(name: str, word: str, layer: type[Layer], *, guess: bool) -> str:
    """Help for an option that a layer does not have; without `guess`, similar names are not looked for."""
    known = options.option_names(layer)
    ours = ELSEWHERE.get(name.casefold())
    if name in SIZES and layer.positional:
        return f"the size is written without a name: `{layer.example}`"
    if name in INFERRED:
        return "leave it out: it follows from what arrives"
    if ours in known:
        return f"here that is called `{ours}`"
    if near := nearest(name, known if guess else ()):
        return f"did you mean `{near[0]}`?"
    return f"`{word}` takes {_listed_options(layer)}"


def for_flag(
    name: str, word: str, layer: type[Layer], names: Sequence[str], *, takes_value: bool, guess: bool
) -> list[str]:
    """Help for a bare word on a layer's line; `names` are the values in scope."""
    flags = options.flags(layer)
    choices = [option for option in layer.model_fields if name in options.values(option, layer)]
    ours = ELSEWHERE.get(name.casefold())
    if choices:
        return [f"write `{choices[0]}={name}`"]
    if ours in flags:
        return [f"here that is called `{ours}`"]
    if registry.find(name) is not None:
        return [f"it is a layer of its own: write `;` in front of `{name}`"]
    if near := nearest(name, (*flags, *names) if guess else ()):
        return [f"did you mean `{near[0]}`?"]
    if takes_value and objection(name, local=True) is None:
        return [f"if it is meant to be a number, define it above: `param {name} = 64`"]
    return [f"`{word}` knows {listed(sorted(flags))}"] if flags else []


def _listed_options(layer: type[Layer]) -> str:
    """The options of a layer with their defaults, what it takes by position first."""
    fields = layer.model_fields
    order = (*layer.positional, *(name for name in fields if name not in layer.positional))
    shown = [
        name if fields[name].is_required() else f"{name}={options.written(fields[name].default)}"
        for name in order
    ]
    if layer.takes_trim:
        shown += ["norm=none", f"act={layer.default_act or 'none'}", "drop=none"]
    return ", ".join(shown) or "no options"

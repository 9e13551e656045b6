"""Other words for the same thing: what to suggest for a word that is not known."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from specgen import options
from specgen.diagnostics import listed, nearest
from specgen.expressions import SAID, describe
from specgen.layers import registry
from specgen.layers.base import Layer
from specgen.layers.fields import Flag, OptionType
from specgen.names import objection

#: Our word, and what it is called in PyTorch, Keras, TensorFlow, JAX, ONNX, Caffe, Darknet, Ultralytics and
#: MATLAB. Case and underscores do not matter.
_ELSEWHERE = {
    # layers
    "conv": "conv1d conv2d conv3d convolution convolutional convolution1d convolution2d convolution3d convnd "
    "lazyconv2d groupconv groupedconv convolution2dlayer spatialconvolution cnn conv2dlayer cbl cbs "
    "convblock",
    "dwconv": "depthwise depthwiseconv depthwiseconv2d depthwiseconvolution dwconv2d "
    "groupedconvolution2dlayer",
    "deconv": "convtranspose convtranspose1d convtranspose2d convtranspose3d conv1dtranspose conv2dtranspose "
    "conv3dtranspose transposedconv transposeconv transposedconv2dlayer deconvolution deconvolutional "
    "deconv2d tconv upconv",
    "fc": "dense fullyconnected fullyconnectedlayer innerproduct gemm matmul affine lineartransform mlp "
    "densegeneral connected lazylinear head classifier",
    "maxpool": "maxpooling maxpool1d maxpool2d maxpool3d maxpooling1d maxpooling2d maxpooling3d "
    "maxpooling2dlayer pool pooling pool2d pooling2d subsampling mp",
    "avgpool": "averagepool averagepooling avgpool1d avgpool2d avgpool3d avgpooling averagepooling1d "
    "averagepooling2d averagepooling3d averagepooling2dlayer meanpool ap avg average",
    "adaptive_avgpool": "adaptiveavgpool1d adaptiveavgpool2d adaptiveavgpool3d adaptiveaveragepool "
    "adaptivepool",
    "adaptive_maxpool": "adaptivemaxpool1d adaptivemaxpool2d adaptivemaxpool3d",
    "gap": "globalavgpool globalavgpooling globalaveragepool globalaveragepooling globalaveragepooling1d "
    "globalaveragepooling2d globalaveragepooling3d globalaveragepooling2dlayer globalpool globalpooling "
    "reducemean mean globalmean",
    "bn": "batchnorm batchnorm1d batchnorm2d batchnorm3d batchnormalization batchnormalizationlayer "
    "syncbatchnorm norm normalization normalize",
    "ln": "layernorm layernormalization layernorm2d",
    "gn": "groupnorm groupnormalization",
    "rmsnorm": "rmsnormalization",
    "instancenorm": "instancenorm1d instancenorm2d instancenorm3d instancenormalization",
    "lrn": "localresponsenorm localresponsenormalization crosschannelnormalizationlayer",
    "relu": "rectifier rectifiedlinear relulayer",
    "relu6": "clippedrelu clippedrelulayer",
    "leaky_relu": "lrelu leakyrelu leakyrelulayer leaky",
    "prelu": "parametricrelu",
    "silu": "swishlayer",
    "gelu": "gelulayer",
    "hardswish": "hswish hardswishactivation",
    "hardsigmoid": "hsigmoid",
    "sigmoid": "logistic sigmoidlayer",
    "tanh": "tanhlayer hyperbolictangent",
    "softmax": "softmaxlayer",
    "log_softmax": "logsoftmax",
    "drop": "dropoutlayer alphadropout dropout dropoutrate droprate",
    "drop2d": "dropout2d spatialdropout spatialdropout2d featuredropout",
    "droppath": "stochasticdepth",
    "flatten": "reshape view flattenlayer squeeze ravel",
    "upsample": "upsampling upsampling1d upsampling2d upsampling3d interpolate resize resize2d unpool "
    "maxunpool2d resize2dlayer",
    "pixel_shuffle": "depthtospace subpixel",
    "shuffle": "channelshuffle",
    "pad": "padding zeropadding zeropadding2d zeropad zeropad2d constantpad2d reflectionpad2d",
    "channels_last": "permute transpose tochannelslast nhwc",
    "channels_first": "tochannelsfirst nchw",
    "tokens": "patchify rearrange tosequence",
    "attn": "attention selfattention multiheadattention multiheadselfattention mha mhsa "
    "multiheaddotproductattention",
    "cls_token": "classtoken clstoken cls",
    "take": "taketoken selecttoken firsttoken select gather slice getitem",
    "pos_embed": "posembedding positionembedding positionalembedding positionalencoding positionembeddings",
    "scale": "layerscale gamma",
    "id": "identity noop pass passthrough lambda",
    # constructs
    "cat": "concat concatenate concatenation concatlayer depthconcatenationlayer route stack hstack",
    "residual": "skip shortcut residualblock resblock basicblock skipconnection",
    "add": "addition additionlayer sum eltwise plus",
    "mul": "multiply multiplication multiplicationlayer product",
    "split": "chunk",
    "repeat": "for while loop times",
    "input": "inputs inputlayer inputshape placeholder",
    "expect": "assert check",
    "param": "params parameter parameters arg args hparam config",
    "let": "const var val set int float auto local define",
    "network": "net model name",
    "variant": "version preset configuration",
    "init": "initializer initialize weightinit kernelinitializer",
    "default": "defaults",
    # options
    "kernel_size": "kernel ksize kernelshape kernelsize filtersize poolsize windowshape window size pool",
    "stride": "strides subsample steps step",
    "padding": "pad pads pd",
    "dilation": "dilations dilationrate dilationfactor atrous rate",
    "groups": "group featuregroupcount numgroups ngroups cardinality",
    "output_padding": "outputpadding outpad adj",
    "bias": "usebias biasterm hasbias",
    "p": "rate prob probability dropprob droprate dropoutrate ratio",
    "dropout": "attndrop dropoutrate",
    "act": "activation nonlinearity activationfn activationfunction actfn actlayer",
    "norm": "normalization normlayer normalizer normfn",
    "eps": "epsilon",
    "affine": "scale elementwiseaffine",
    "num_heads": "nheads nhead numheads heads head",
    "scale_factor": "factor scale scales times",
    "mode": "interpolation method",
    "ceil_mode": "ceilmode roundmode",
    "negative_slope": "slope alpha negativeslope leak",
    "nobias": "nobiases biasless",
    "half": "auto samepad",
    "none": "linear identity",
    "dim": "axis",
    "same": "sameupper samelower",
    # functions of `init`
    "kaiming_normal": "henormal kaiming he msra",
    "kaiming_uniform": "heuniform",
    "xavier_normal": "glorotnormal glorot",
    "xavier_uniform": "glorotuniform xavier",
    "trunc_normal": "truncatednormal truncnormal",
    "normal": "randomnormal gaussian",
    "uniform": "randomuniform",
    # functions of expressions
    "max": "maximum",
    "min": "minimum",
    "int": "trunc integer",
    "make_divisible": "makedivisible rounddivisible",
}
_BY_WORD: dict[str, tuple[str, ...]] = {}
for _ours, _words in _ELSEWHERE.items():
    for _word in _words.split():
        _BY_WORD[_word] = (*_BY_WORD.get(_word, ()), _ours)

#: Options of other libraries: what follows from what arrives, and what is the size that a layer takes.
INFERRED = frozenset(
    "in_channels in_features num_features normalized_shape num_channels input_shape in_dim input_dim "
    "input_size in_planes inplanes c_in input_channels data_format in".split()
)
SIZES = frozenset(
    "units filters out_channels out_features out_dim channels features num_output num_filters "
    "output_channels out_planes planes c_out n_filters hidden_size output_dim out n_out nodes neurons".split()
)

#: Gated units, and the activation of the gate.
_GATES = {"glu": "sigmoid", "swiglu": "silu", "geglu": "gelu", "reglu": "relu"}
#: Words that have no counterpart, and what to do instead.
_POINTWISE = ("pw", "pwconv", "pointwise", "pointwise_conv")
_INSTEAD = {
    "import": "a spec reads no other file: leave it out",
    "include": "a spec reads no other file: leave it out",
    "from": "a spec reads no other file: leave it out",
    "return": "what the last layer gives is the network's output: leave it out",
    "output": "what the last layer gives is the network's output: leave it out",
    "end": "bodies end with `}`",
    "sequential": "layers follow each other as they are written; a named group is `features: { … }`",
    **dict.fromkeys(
        "loss optimizer optim scheduler epoch epochs train training fit dataset data lr learning_rate "
        "batch_size metrics".split(),
        "a spec says what the network is, and not how it is trained: leave it out",
    ),
    **dict.fromkeys(("print", "show", "summary"), "`specgen summary` shows the network: leave it out"),
    **dict.fromkeys(
        ("patch", "patches", "patch_embed", "patchembed", "patch_embedding"),
        "patches are a convolution without overlap: `conv 768 k=16 s=16 p=0 linear; tokens`",
    ),
    **dict.fromkeys(
        ("reshape", "unflatten"),
        "`flatten` makes a vector of a map; no layer makes a map of a vector: start with `input 100x1x1`",
    ),
    **dict.fromkeys(_POINTWISE, "here that is `conv 64 k=1`"),
    "activation": "an activation is written by its own word: `relu`, `gelu`, …",
    **dict.fromkeys(
        "separable separable_conv separable_conv2d separableconv separableconv2d sep_conv sepconv".split(),
        "depthwise, then pointwise: `dwconv; conv 64 k=1`",
    ),
    **{
        word: f"a gate is the product of two branches: `mul {{ linear 64 | linear 64 {act} }}`"
        for word, act in _GATES.items()
    },
    "bias": "it belongs on the line of the layer that has it: `conv 64 bias`",
    "nobias": "it belongs on the line of the layer that has none: `conv 64 nobias`",
}
#: What other libraries have as one layer, and a spec as a block.
_SEVERAL = frozenset(
    "se seblock squeezeexcite squeezeexcitation bottleneck mbconv fusedmbconv invertedresidual inception "
    "fire denseblock transformer transformerblock encoder decoder ffn feedforward c2f c3 sppf csp".split()
)
#: What a value is called elsewhere, where our words for layers would not be meant.
_VALUES = {"batch": "bn", "layer": "ln", "group": "gn", "instance": "instancenorm"}
_ENDLESS = ("nan", "inf", "infinity")
_FINITE = "a number is finite, and written with digits"
_RECURRENT = frozenset("lstm gru rnn simplernn embedding bilinear".split())


#: What is said of a word that is like no layer.
NOTHING_LIKE_IT = "`specgen layers` lists what there is"


def ours(word: str, known: Collection[str]) -> str:
    """What another library's word is called here, if that is among the known words; empty otherwise."""
    folded = word.casefold().replace("_", "")
    own = (one for one in known if len(one) > 2 and one.casefold().replace("_", "") == folded)
    return next((one for one in (*_BY_WORD.get(folded, ()), *own) if one in known), "")


def word_like(word: str, names: Iterable[str], words: Collection[str]) -> str:
    """The word that means itself and is meant by one that names nothing; empty if a name is as near."""
    if nearest(word, names):
        return ""
    near = nearest(word, words, least=0.7) if len(word) > 3 else []
    return ours(word, words) or (near[0] if near else "")


def for_unknown(word: str, what: str, known: Sequence[str]) -> list[str]:
    """Help for a layer, a block, a name, … that is not among the known ones."""
    if word in ("True", "False") or (word == "None" and (what == "name" or "none" in known)):
        return [f"write `{word.lower()}`"]
    if what == "name" and word.casefold() in _ENDLESS:
        return [_FINITE]
    if what == "name" and word.casefold() in SAID:
        return [f"write `{describe(SAID[word.casefold()])}`"]
    if what.startswith("layer"):
        if line := _with_options(word):
            return [f"here that is `{line}`"]
        if line := _with_number(word):
            return [f"write `{line}`"]
        if word.casefold() in _INSTEAD:
            return [_INSTEAD[word.casefold()]]
        if word.casefold().replace("_", "") in _SEVERAL:
            return ["it is several layers: define it with `block`, as the shipped specs do (`specgen list`)"]
        if word.casefold() in _RECURRENT:
            return ["there is no such layer; a program can add its own with `specgen.register_layer`"]
    if what == "value" and word.casefold() in _GATES:
        return [_INSTEAD[word.casefold()]]
    found = _VALUES.get(word.casefold(), "") if what == "value" else ""
    if found := found if found in known else ours(word, known):
        return [_called(found, word)]
    if what.startswith("layer") and (
        found := ours(word, ("cat", "residual", "add", "mul", "split", "repeat"))
    ):
        return [f"here that is `{'repeat 3' if found == 'repeat' else found} {{ … }}`"]
    if near := nearest(word, known):
        return [f"did you mean `{near[0]}`?"]
    if (
        what == "name"
        and not known
        and re.fullmatch(r"[a-z_]\w*", word)
        and objection(word, local=True) is None
    ):
        return [f"if it is meant to be a number, define it above: `let {word} = 64`"]
    if what == "value":
        return [f"known here: {listed(known)}"]
    if what.startswith("layer"):
        return [NOTHING_LIKE_IT]
    if what == "kind of layer":
        return ["known here: `all`, `conv`, `linear`, `norm`, and the word of each layer with weights"]
    return [f"known here: {listed(known)}"] if 0 < len(known) <= 8 else []


def _with_number(word: str) -> str:
    """The line for a word with its number behind it, `M2`, `fc1000`; empty for others, and for ordinals."""
    parts = re.fullmatch(r"([A-Za-z_]+?)_?([1-9]\d*)", word)
    kind = registry.find(parts[1]) if parts else None
    if parts is None or kind is None:
        return ""
    if kind.family == "pool" and "k" in kind.short and 2 <= int(parts[2]) <= 9:
        return f"{parts[1]} k={parts[2]}"
    return f"{parts[1]} {parts[2]}" if kind.takes_trim and int(parts[2]) >= 10 else ""


def with_size(word: str, size: str) -> str:
    """The line for a layer's word and its size; empty for what is no layer, or takes no size."""
    if line := _with_options(word):
        return line.replace("64", size, 1)
    found = registry.find(word.casefold()) or registry.find(ours(word, registry.words()))
    return f"{found.word} {size}" if found is not None and found.takes_trim else ""


def _with_options(word: str) -> str:
    """The line for a word that has its options in it: `conv3x3` and `conv_bn_relu`; empty for any other."""
    named = re.fullmatch(
        r"(conv|convolution)(?:[123]d)?_?(?:(\d+)x\2|(\d+))?((?:_?(?:bn|relu))*)", word.casefold()
    )
    if named is None or not (named[2] or named[3] or named[4]):
        return ""
    if named[3] and int(named[3]) >= 12:  # no kernel is as large
        return f"conv {named[3]}{' bn' * ('bn' in named[4])}"
    kernel = f" k={named[2] or named[3]}" if named[2] or named[3] else ""
    return f"conv 64{kernel}{' bn' * ('bn' in named[4])}"


def _called(ours: str, word: str) -> str:
    """Our word in place of another one, or of one that is only written with other capitals."""
    return f"write `{ours}`" if ours.casefold() == word.casefold() else f"here that is called `{ours}`"


#: The statements that are no construct with a body, by their keywords.
STATEMENTS = {
    "input": "input 3x224x224",
    "expect": "expect 512x7x7",
    "param": "param n = 64",
    "let": "let n = 64",
    "network": "network ResNet50",
    "variant": "variant Small width=32",
    "init": "init conv kaiming_normal",
    "default": "default conv bn",
}


def statement_for(word: str) -> str:
    """The keyword of a statement that a word is meant as: another language's, or one that is misspelt."""
    folded = word.casefold()
    if folded in STATEMENTS:
        return folded
    if folded in _INSTEAD or folded in _RECURRENT or ours(word, registry.words()):
        return ""
    found = ours(word, STATEMENTS)
    near = [] if found or len(word) < 4 else nearest(word, (*registry.words(), *STATEMENTS), least=0.7)
    return found or next((one for one in near if one in STATEMENTS), "")


def for_word(word: str, known: Sequence[str]) -> str:
    """Help for a word that is the value of an option, where it is not among those that may be."""
    if found := ours(word, known):
        return _called(found, word)
    if registry.find(word) is not None and word not in registry.trims():
        return f"it is a layer of its own: leave it out here, and write `; {word}` behind the line"
    near = nearest(word, known)
    return f"did you mean `{near[0]}`?" if near else ""


def for_option(name: str, value: str, word: str, layer: type[Layer], *, guess: bool) -> str:
    """Help for an option that a layer does not have; without `guess`, similar names are not looked for."""
    known, flags = options.option_names(layer), options.flags(layer)
    if name in flags:
        return f"it stands alone: `{name}`, or is left out"
    if name.casefold() in SIZES and layer.positional and not layer.positional[0].startswith("mult"):
        return f"the size is written without a name: `{word} {value}`"
    if name.casefold() in INFERRED:
        return "leave it out: it follows from what arrives"
    if found := ours(name, known):
        return f"here that is called `{found}`"
    if name.casefold() in ("init", "initializer", "kernel_initializer", "weight_init", "bias_initializer"):
        return "how weights start is a statement of its own: `init conv kaiming_normal`"
    if name.casefold() in (
        "weight_decay",
        "trainable",
        "frozen",
        "lr",
        "kernel_regularizer",
        "requires_grad",
    ):
        return _INSTEAD["train"]
    if name.casefold() in ("times", "repeats") and "times" not in known:
        return f"write `repeat {value} {{ {word} … }}`"
    if name.casefold() in ("name", "label", "id") and value.isidentifier():
        return f"a layer's name stands in front of it: `{value}: {word} …`"
    if near := nearest(name, known if guess else ()):
        return f"did you mean `{near[0]}`?"
    return f"`{word}` takes {listed_options(layer)}"


def for_flag(
    name: str, word: str, layer: type[Layer], names: Sequence[str], *, takes_value: bool, guess: bool
) -> list[str]:
    """Help for a bare word on a layer's line; `names` are the values in scope."""
    flags = options.flags(layer)
    choices = [
        option
        for option, one in layer.options.items()
        if name in options.values(option, layer) and _takes(one.kind, name)
    ]
    if choices:
        return [f"write `{choices[0]}={name}`"]
    if name.casefold() in _GATES:
        act = _GATES[name.casefold()]
        return [f"a gate is the product of two branches: `mul {{ {word} 64 linear | {word} 64 {act} }}`"]
    if name in options.option_names(layer):
        option = options.option_names(layer)[name]
        if option in layer.options and isinstance(layer.options[option].kind, Flag):
            return [f"write `{name}=true`"]
        return [f"an option has its value behind `=`: `{name}=…`"]
    if found := ours(name, flags):
        return [f"here that is called `{found}`"]
    trim = registry.trims().get(name.removeprefix("no").removeprefix("_")) if name.startswith("no") else None
    if trim is not None and trim.trim in ("norm", "act") and layer.takes_trim:
        return [f"write `{'nonorm' if trim.trim == 'norm' else 'linear'}`"]
    if name == "global" and layer.family == "pool":
        return [f"here that is `{'gap' if layer.word == 'avgpool' else 'adaptive_maxpool 1'}`"]
    if registry.find(name) is not None:
        return [f"it is a layer of its own: write `;` in front of `{name}`"]
    if found := ours(name, registry.words()):
        return [f"here that is called `{found}`, a layer of its own: write `;` in front of it"]
    if name.casefold() in _POINTWISE:
        return [f"{_INSTEAD[name.casefold()]}, a layer of its own: write `;` in front of it"]
    if near := nearest(name, (*flags, *names) if guess else ()):
        return [f"did you mean `{near[0]}`?"]
    if name.casefold() in _ENDLESS:
        return [_FINITE] if takes_value else []
    taken = objection(name, local=True) or name in (*registry.option_words(), *options.all_flags())
    if takes_value and not taken:
        return [f"if it is meant to be a number, define it above: `param {name} = 64`"]
    return [f"`{word}` knows {_listed_flags(layer)}" if flags else f"`{word}` takes {listed_options(layer)}"]


def names_layer(word: str) -> bool:
    """Whether a word that is no flag stands for a layer, here or elsewhere."""
    known = registry.find(word) is not None or word.casefold() in _POINTWISE
    return known or bool(ours(word, registry.words()))


def _takes(kind: OptionType, value: str) -> bool:
    """Whether an option may be this word, and not only a part of a tuple."""
    try:
        kind.check(value)
    except ValueError:
        return False
    return True


def _listed_flags(layer: type[Layer]) -> str:
    """The flags of a layer: the trim by kind, and the rest."""
    by_kind: dict[str, list[str]] = {}
    for flag, (option, value) in sorted(options.flags(layer).items()):
        if value != "none" or flag in registry.trims():
            by_kind.setdefault(option, []).append(flag)
    by_kind = {option: flags for option, flags in by_kind.items() if option in options.TRIM}
    listed_by_kind = [
        f"{title} {', '.join(by_kind[option])}"
        for option, title in (("norm", "the norms"), ("act", "the activations"))
        if option in by_kind
    ]
    others = sorted(set(options.flags(layer)) - {flag for flags in by_kind.values() for flag in flags})
    others += ["drop"] if "drop" in by_kind else []
    return "; ".join([*listed_by_kind, listed(others)] if others else listed_by_kind)


def listed_options(layer: type[Layer]) -> str:
    """The options of a layer by their short names, with their defaults; what it takes by position first."""
    short = {option: letter for letter, option in layer.short.items()}
    order = (*layer.positional, *(name for name in layer.options if name not in layer.positional))
    shown = []
    for name in order:
        option = layer.options[name]
        default = "" if option.required else f"={options.written(option.default)}"
        shown.append(f"{short[name]}{default} ({name})" if name in short else f"{name}{default}")
    if layer.takes_trim:
        shown += ["norm=none", f"act={layer.default_act or 'none'}", "drop=none"]
    return ", ".join(shown) or "no options"

"""What other libraries call what is called otherwise here, and what they have that has no name here."""

from __future__ import annotations

from collections.abc import Collection

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
    "hardtanh": "clip clamp",
    "tanh": "tanhlayer hyperbolictangent",
    "softmax": "softmaxlayer",
    "log_softmax": "logsoftmax",
    "drop": "dropoutlayer alphadropout dropout dropoutrate droprate",
    "drop2d": "dropout2d spatialdropout spatialdropout2d featuredropout",
    "droppath": "stochasticdepth",
    "flatten": "flattenlayer squeeze ravel",
    "upsample": "upsampling upsampling1d upsampling2d upsampling3d interpolate resize resize2d resize2dlayer",
    "pixel_shuffle": "depthtospace subpixel",
    "pixel_unshuffle": "spacetodepth reorg focus",
    "shuffle": "channelshuffle",
    "pad": "padding zeropadding zeropadding2d zeropad zeropad2d constantpad2d reflectionpad2d",
    "channels_last": "tochannelslast nhwc",
    "channels_first": "tochannelsfirst nchw",
    "tokens": "patchify tosequence",
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
    "kernel_size": "kernel ks ksize kernelshape kernelsize filtersize poolsize windowshape window size pool",
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
    "pow": "power exp2",
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
GATES = {"glu": "sigmoid", "swiglu": "silu", "geglu": "gelu", "reglu": "relu"}
#: What a convolution with a kernel of 1 is called elsewhere.
POINTWISE = ("pw", "pwconv", "pointwise", "pointwise_conv")
#: Words that have no counterpart, and what to do instead.
INSTEAD = {
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
        ("reshape", "view"), "`flatten` makes a vector of a map, and `unflatten 128x7x7` a map of a vector"
    ),
    **dict.fromkeys(
        ("permute", "transpose", "rearrange"),
        "`tokens` makes a row of positions of a map; `channels_last` and `channels_first` move the channels",
    ),
    **dict.fromkeys(
        ("unpool", "maxunpool", "maxunpool2d"),
        "no layer keeps where a maximum was: enlarge the map with `upsample 2`, or with `deconv 64`",
    ),
    **dict.fromkeys(("gmp", "globalmaxpool", "global_max_pool"), "here that is `adaptive_maxpool 1`"),
    "crop": "what a pooling or a convolution without padding leaves out is cropped: `conv 64 k=3 p=0`",
    **dict.fromkeys(POINTWISE, "here that is `conv 64 k=1`"),
    "activation": "an activation is written by its own word: `relu`, `gelu`, …",
    **dict.fromkeys(
        "separable separable_conv separable_conv2d separableconv separableconv2d sep_conv sepconv".split(),
        "depthwise, then pointwise: `dwconv; conv 64 k=1`",
    ),
    **{
        word: f"a gate is the product of two branches: `mul {{ linear 64 | linear 64 {act} }}`"
        for word, act in GATES.items()
    },
    "bias": "it belongs on the line of the layer that has it: `conv 64 bias`",
    "nobias": "it belongs on the line of the layer that has none: `conv 64 nobias`",
}
#: What other libraries have as one layer, and a spec as a block.
SEVERAL = frozenset(
    "se seblock squeezeexcite squeezeexcitation bottleneck mbconv fusedmbconv invertedresidual inception "
    "fire denseblock transformer transformerblock encoder decoder ffn feedforward c2f c3 sppf csp".split()
)
#: What a value is called elsewhere, where our words for layers would not be meant.
VALUES = {"batch": "bn", "layer": "ln", "group": "gn", "instance": "instancenorm"}
ENDLESS = ("nan", "inf", "infinity")
FINITE = "a number is finite, and written with digits"
#: Layers that are not among ours, and like none of them.
FOREIGN = frozenset(
    "lstm gru rnn simplernn embedding bilinear deform_conv deformconv deform_conv2d grn spectral_norm "
    "weight_norm".split()
)


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


def ours(word: str, known: Collection[str]) -> str:
    """What another library's word is called here, if that is among the known words; empty otherwise."""
    folded = word.casefold().replace("_", "")
    own = (one for one in known if len(one) > 2 and one.casefold().replace("_", "") == folded)
    return next((one for one in (*_BY_WORD.get(folded, ()), *own) if one in known), "")

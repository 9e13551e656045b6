"""Other libraries' words and calls, answered with ours."""

from __future__ import annotations

import pytest
import torch

import specgen
from specgen import initialisation, options, vocabulary
from specgen.arithmetic import FUNCTIONS
from specgen.calls import line_for
from specgen.layers import registry
from specgen.unexpected import EXAMPLES

KNOWN = {
    *registry.words(),
    *options.all_flags(),
    *registry.option_words(),
    *(name for layer in registry.layers() for name in options.option_names(layer)),
    *initialisation.FUNCTIONS,
    *FUNCTIONS,
    *(keyword.lower() for keyword in EXAMPLES),
}


def test_every_word_is_answered_with_one_that_there_is() -> None:
    assert set(vocabulary._ELSEWHERE) <= KNOWN


@pytest.mark.parametrize(
    ("line", "help_"),
    [
        ("dense 10", "here that is called `fc`"),
        ("Conv2D 10", "here that is called `conv`"),
        ("max_pooling_2d", "here that is called `maxpool`"),
        ("GlobalAveragePooling2D", "here that is called `gap`"),
        ("batchnorm", "here that is called `bn`"),
        ("Concat", "here that is `cat { … }`"),
        ("const n = 3", "here that is `let n = 3`"),
        ("parameter n = 3", "here that is `param n = 3`"),
        ("for i", "here that is `repeat 3 { … }`"),
        ("while true", "here that is `repeat 3 { … }`"),
        ("assert 3", "here that is `expect 3`"),
        ("net Small", "here that is `network Small`"),
        ("preset Small", "here that is `variant Small`"),
        ("CONST n = 3", "here that is `let n = 3`"),
        ("LET n", "write `let n = 64`"),
        ("paramater n = 3", "did you mean `param n = 3`?"),
        ("conv 64 act=SwiGLU", "a gate is the product of two branches: `mul { linear 64 | linear 64 silu }`"),
        ("conv output_dim=64 k=3", "the size is written without a name: `conv 64`"),
        ("conv 64 id=stem", "a layer's name stands in front of it: `stem: conv …`"),
        ("conv 64 label=stem", "a layer's name stands in front of it: `stem: conv …`"),
        ("leaky_relu alpha=0.1", "here that is called `negative_slope`"),
        ("elu alfa=0.1", "did you mean `alpha`?"),
        ("initializer conv", "here that is `init conv kaiming_normal`"),
        ("defaults conv", "here that is `default conv`"),
        ("conv 64 bias=yes", "write `true`"),
        ("conv 64 bias=ON", "write `true`"),
        ("conv 64 bias=no", "write `false`"),
        ("conv 64 bias=off", "write `false`"),
        ("conv 64 bias=None", "leave `bias` out: it has a default, and never the value `none`"),
        ("conv 64 norm=layer", "here that is called `ln`"),
        ("conv 64 norm=group", "here that is called `gn`"),
        ("conv 64 norm=instance", "here that is called `instancenorm`"),
        ("GRU 64", "there is no such layer; a program can add its own with `specgen.register_layer`"),
        ("return", "what the last layer gives is the network's output: leave it out"),
        ("sequential", "layers follow each other as they are written; a named group is `features: { … }`"),
        ("import torch", "a spec reads no other file: leave it out"),
        ("LSTM 64", "there is no such layer; a program can add its own with `specgen.register_layer`"),
        ("conv 64 strides=2", "here that is called `stride`"),
        ("conv 64 activation=relu", "here that is called `act`"),
        ("conv filters=64", "the size is written without a name: `conv 64`"),
        ("conv 64 in_channels=3", "leave it out: it follows from what arrives"),
        ("drop rate=0.5", "here that is called `p`"),
        ("conv 64 dilation_rate=2", "here that is called `dilation`"),
        ("conv 64 batch_norm", "here that is called `bn`"),
        ("conv 64 max_pool", "here that is called `maxpool`, a layer of its own: write `;` in front of it"),
        ("conv 64 norm=batch", "here that is called `bn`"),
        ("conv 64 bias=False", "write `false`"),
        ("Conv 64", "write `conv`"),
        ("conv 64 act=ReLU", "write `relu`"),
        ("conv 64 p=Half", "write `half`"),
        ("conv 64 k 3", "write `k=3`"),
        ("conv 64 k==3", "write `k=3`"),
        ("conv 64 // stem", "a comment starts with `#`, not with `//`"),
    ],
)
def test_a_word_of_another_library_is_answered_with_ours(line: str, help_: str) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=f"input 3x32x32\n{line}\n")
    assert caught.value.diagnostics[0].help == (help_,)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("Conv2d(3, 64, 3)", "conv 64 k=3 p=0 linear"),
        ("Conv2d(3, 64, 1)", "conv 64 k=1 linear"),
        ("Conv2d(3, 64, kernel_size=3, stride=2, padding=1, bias=False)",
         "conv 64 kernel_size=3 stride=2 padding=1 bias=false linear"),
        ("Conv2D(64, (3, 3), strides=2, activation='relu')", "conv 64 k=(3, 3) stride=2 act=relu p=0"),
        ("Conv2D(filters=64, kernel_size=3)", "conv 64 kernel_size=3 p=0 linear"),
        ("Conv2D(64, 3, padding='same')", "conv 64 k=3 padding=same linear"),
        ("Dense(10)", "fc 10 linear"),
        ("ConvTranspose2d(64, 32, 2, stride=2)", "deconv 32 k=2 stride=2"),
        ("Linear(512 * 7, 10)", "fc 10 linear"),
        ("Dense(10, activation='softmax')", ""),
        ("MaxPool2d(2, 2)", "maxpool k=2 s=2"),
        ("BatchNorm2d(64)", "bn"),
        ("Dropout(0.5)", "drop 0.5"),
        ("ReLU(inplace=True)", "relu inplace=true"),
        ("conv(64)", "conv 64"),
        ("Sequential(a, b)", ""),
        ("open('file')", ""),
        ("Conv2d(3, 64, 3", ""),
    ],
)  # fmt: skip
def test_a_call_becomes_a_line_or_nothing(call: str, line: str) -> None:
    assert line_for(call) == line
    if line:
        specgen.compile(text=f"input 64x56x56\n{line}\n")


@pytest.mark.parametrize(
    "call",
    [
        "Conv2d(64, 8, 3)", "Conv2d(64, 8, 1)", "Conv2d(64, 8, 7, 2, 3)",
        "Conv2d(64, 8, 5, padding=2, bias=False)",
        "Conv2d(64, 8, kernel_size=(3, 5))", "ConvTranspose2d(64, 8, 2, 2)", "ConvTranspose2d(64, 8, 3)",
        "MaxPool2d(2)", "MaxPool2d(3, 2)", "MaxPool2d(3, stride=2, padding=1)", "AvgPool2d(3)",
        "BatchNorm2d(64)", "GELU()", "LeakyReLU(0.2)", "Upsample(scale_factor=2)", "AdaptiveAvgPool2d(7)",
        "PReLU(64)",
    ],
)  # fmt: skip
def test_a_line_does_what_the_call_of_pytorchs_does(call: str) -> None:
    network = specgen.compile(text=f"input 64x56x56\n{line_for(call)}\n")
    module = eval(call, vars(torch.nn))
    assert len(network.layers) == 1
    assert network.output_shape.sizes == tuple(module(torch.zeros(1, 64, 56, 56)).shape[1:])
    assert network.params == sum(parameter.numel() for parameter in module.parameters())

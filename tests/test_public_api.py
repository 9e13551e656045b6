"""`import specgen`, as its users call it."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.parameter import UninitializedParameter

import specgen
from specgen import Call, Layer, Refusal, Shape, SpecError, register_layer
from specgen.cli import main
from specgen.compiler import check
from specgen.layers import Choice, Whole
from specgen.layers.registry import unregister_layer

TINY = "input 3x8x8\nparam width = 4\nconv width k=1 linear\n"


def test_everything_that_is_promised_is_there() -> None:
    assert set(specgen.__all__) <= set(dir(specgen))
    for name in specgen.__all__:
        assert inspect.getdoc(getattr(specgen, name)), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        specgen.nothing  # noqa: B018


def test_a_network_says_what_it_is() -> None:
    network = specgen.compile("vgg11")
    assert repr(network) == (
        "<Network VGG11: 3 × 224 × 224 → 1000, 132,863,336 parameters, 7,609,090,048 multiply-adds>"
    )
    assert (network.input_shape.sizes, network.output_shape.sizes) == ((3, 224, 224), (1000,))
    first = network.layers[0]
    assert (first.name, first.kind, first.params, first.macs) == ("features.0", "conv", 1792, 86_704_128)
    assert (str(first.input), str(first.output), first.line) == ("3 × 224 × 224", "64 × 224 × 224", 13)
    assert "features.0" in network.summary() and "7.609 G" in network.summary()


def test_params_input_and_text() -> None:
    assert specgen.compile(text=TINY).output_shape == Shape(4, (8, 8))
    assert specgen.compile(text=TINY, width=6, input="3x5x5").output_shape == Shape(6, (5, 5))
    assert specgen.compile(text=TINY, input=(3, 7, 5)).output_shape == Shape(4, (7, 5))
    assert specgen.load("vgg11", num_classes=10, input="3x64x64", device="meta")[-1][-1].out_features == 10


def test_a_path_object_will_do(tmp_path: Path) -> None:
    path = tmp_path / "tiny.spec"
    path.write_text(TINY)
    assert specgen.compile(path).name == "Tiny"
    assert isinstance(specgen.load(path), nn.Sequential)


@pytest.mark.parametrize(
    ("keywords", "code"),
    [
        ({"nothing": 1}, "unknown-param"),
        ({"width": "4 5"}, "wrong-value"),
        ({"width": float("nan")}, "wrong-value"),
        ({"width": 2**63}, "wrong-value"),
        ({"width": object()}, "wrong-value"),
        ({"width": 0}, "wrong-value"),
        ({"width": "bn"}, "value-missing"),
        ({"variant": "big"}, "unknown-variant"),
        ({"input": "3xx8"}, "not-a-shape"),
        ({"input": (3, 0)}, "not-a-shape"),
        ({"input": (1, 2, 3, 4, 5)}, "not-a-shape"),
        ({"input": (True, 8, 8)}, "not-a-shape"),
    ],
)
def test_what_the_caller_gets_wrong_is_a_spec_error(keywords: dict[str, object], code: str) -> None:
    with pytest.raises(SpecError) as raised:
        specgen.compile(text=TINY, **keywords)  # type: ignore[arg-type]
    assert raised.value.diagnostics[0].code == code
    assert str(raised.value).startswith(f"error[{code}]: ")


def test_source_or_text_but_not_both() -> None:
    for arguments in ({}, {"source": "vgg11", "text": TINY}):
        with pytest.raises(TypeError, match="either a source or text="):
            specgen.compile(**arguments)


def test_warnings_are_warnings() -> None:
    with pytest.warns(specgen.SpecWarning) as found:
        specgen.compile(text="input 224x224x3\nconv 8")
    (warning,) = (str(one.message) for one in found)
    assert warning.startswith("<text>:1:7: warning[channels-last]: ") and "channels come first" in warning
    assert found[0].filename == __file__


def test_limits_are_the_callers_to_raise() -> None:
    text = "input 1x4x4\nrepeat 10001 { id }"
    with pytest.raises(SpecError, match="10,000"):
        specgen.compile(text=text)
    assert len(specgen.compile(text=text, limits=specgen.Limits(layers=20_000)).layers) == 10_001


def test_dtype_and_device_are_checked() -> None:
    assert next(specgen.load(text=TINY, dtype="float64").parameters()).dtype == torch.float64
    assert next(specgen.load(text=TINY, dtype=torch.bfloat16).parameters()).dtype == torch.bfloat16
    with pytest.raises(ValueError, match="no floating-point type"):
        specgen.load(text=TINY, dtype="int8")
    for odd in (torch.complex64, torch.int32, torch.bool):
        with pytest.raises(ValueError, match="no floating-point type"):
            specgen.load(text=TINY, dtype=odd)
    with pytest.raises(ValueError, match="knows no device"):
        specgen.load(text=TINY, device="moon")


def test_weights_go_onto_meta_too() -> None:
    weights = specgen.load(text=TINY).state_dict()
    model = specgen.load(text=TINY, device="meta", weights=weights)
    assert torch.equal(model[0].weight, weights["0.weight"])


class MaxOut(Layer):
    """The largest of `pieces` neighbouring channels: a layer that no spec knows until it is registered."""

    word = "fold"
    positional = ("pieces",)
    formula = "C / pieces"
    example = "fold 2"

    pieces: Annotated[int, Whole(1)]

    def infer(self, x: Shape) -> Shape:
        if x.channels % self.pieces:
            raise Refusal("does-not-fold", "pieces must divide the channels", f"{x.channels}", at="pieces")
        return x.replace(channels=x.channels // self.pieces)

    def call(self, x: Shape) -> Call:
        return Call("Conv2d", (x.channels, x.channels // self.pieces), {"kernel_size": 1})

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        out = x.channels // self.pieces
        return {"weight": (out, x.channels, 1, 1), "bias": (out,)}


@pytest.fixture
def fold() -> Iterator[type[Layer]]:
    yield register_layer(MaxOut)
    unregister_layer(MaxOut)


def test_a_layer_is_added_in_one_place(fold: type[Layer], capsys: pytest.CaptureFixture[str]) -> None:
    text = "input 3x8x8\nblock half(n) { fold n }\nconv 16\nfold 2\nhalf 4\n"
    network = specgen.compile(text=text)
    assert network.output_shape == Shape(2, (8, 8))
    assert network.params == sum(p.numel() for p in network.build().parameters())
    assert "nn.Conv2d(in_channels, in_channels // n, kernel_size=1)" in network.emit()
    assert specgen.Network.model_validate_json(network.model_dump_json()).emit() == network.emit()
    with pytest.raises(SpecError, match="pieces must divide the channels"):
        specgen.compile(text="input 3x8x8\nfold 2")
    with pytest.raises(SpecError, match=r"did you mean `fold`\?"):
        specgen.compile(text="input 3x8x8\nfoldd 2")
    assert main(["layers", "fold"]) == 0
    assert "a whole number ≥ 1" in capsys.readouterr().out


def test_installed_packages_can_bring_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    from specgen.layers import registry

    fold = metadata.EntryPoint("fold", f"{__name__}:MaxOut", "specgen.layers")
    broken = metadata.EntryPoint("broken", "no_such_module:Layer", "specgen.layers")
    monkeypatch.setattr(
        metadata, "entry_points", lambda group: [fold, broken] if group == "specgen.layers" else []
    )
    registry.load_installed.cache_clear()
    try:
        with pytest.warns(UserWarning, match="the layer broken of no_such_module:Layer cannot be loaded"):
            network = specgen.compile(text="input 4x8x8\nfold 2")
        assert network.output_shape == Shape(2, (8, 8))
        own = specgen.compile(text="input 4x8x8\nblock fold(n) { conv n }\nparam width = 6\nfold width")
        assert own.output_shape == Shape(6, (8, 8))
    finally:
        registry._OFFERED.clear()
        unregister_layer(MaxOut)


def test_installed_packages_are_looked_for_only_if_a_word_is_unknown() -> None:
    program = (
        "import sys, specgen; names = specgen.compile('resnet50'), specgen.compile('vgg16');"
        "assert 'importlib.metadata' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_layer_is_gone_when_it_is_unregistered() -> None:
    with pytest.raises(SpecError, match="there is no layer `fold`"):
        specgen.compile(text="input 4x8x8\nfold 2")


def test_two_layers_cannot_share_a_word() -> None:
    class Other(Layer):
        """Another convolution."""

        word = "conv"

        def call(self, x: Shape) -> Call:
            return Call("Identity")

    with pytest.raises(ValueError, match="already names Conv"):
        register_layer(Other)


def test_a_layer_without_a_call_is_not_registered() -> None:
    class Half(Layer):
        """Only a word."""

        word = "half_a_layer"

    with pytest.raises(TypeError, match="Half has no method call"):
        register_layer(Half)


def test_an_option_needs_a_type_and_a_name_of_its_own() -> None:
    with pytest.raises(TypeError, match=r"Untyped\.size needs an OptionType"):

        class Untyped(Layer):
            """No type that checks a value."""

            size: int = 1

    with pytest.raises(TypeError, match=r"Taken\.family cannot be an option"):

        class Taken(Layer):
            """An option that hides what every layer has."""

            family: Annotated[str, Choice("a", "b")] = "a"  # type: ignore[assignment]


def test_options_are_inherited_and_defaults_changed() -> None:
    """This module's annotations are text, as in any with `from __future__ import annotations`."""

    class Wide(MaxOut):
        """The same with a default."""

        pieces = 2

    assert dict(Wide()) == {"pieces": 2} and Wide() != MaxOut(pieces=2)
    assert MaxOut.options["pieces"].required and not Wide.options["pieces"].required
    assert Wide(pieces=4).infer(Shape(8)) == Shape(2)


def test_a_network_made_by_hand_passes_the_same_gate() -> None:
    network = specgen.compile("vgg11")
    parts = {one.name: getattr(network, one.name) for one in fields(network)}
    assert specgen.Network(**parts) == network
    wrong = replace(network.root, output=Shape(10))
    odd = [replace(network.root, input=Shape(3, sizes)) for sizes in (5, ("a",))]  # type: ignore[arg-type]
    roots = [{"root": root} for root in (*odd, wrong, "vgg")]
    for changed in (*roots, {"name": "a b"}, {"name": 3}, {"colour": 1}):
        with pytest.raises(specgen.NetworkError, match="these parts are no network"):
            specgen.Network(**{**parts, **changed})
    with pytest.raises(ValueError, match="root"):
        specgen.Network(name="Empty")


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ({"c": 10**5000}, "this int cannot be the value of `c`"),
        ({"c": (10**5000,)}, "this int cannot be the value of `c`"),
        ({"c": Unspeakable()}, "this Unspeakable cannot be the value of `c`"),
        ({"c": "x" * 500}, f"'{'x' * 59}… cannot be the value of `c`"),
        ({"input": 10**5000}, "this int is not a shape: a size is 1 or more, and less than 2^31"),
        ({"input": (10**5000, 3)}, "this tuple is not a shape: a size is 1 or more, and less than 2^31"),
        (
            {"input": Shape(3, 5)},
            "Shape(channels=3, spatial=5, channels_last=False) is not a shape: a shape is whole numbers",
        ),  # type: ignore[arg-type]
        ({"input": Unspeakable()}, "this Unspeakable is not a shape: a shape is whole numbers"),
        (
            {"input": Shape(-3)},
            "Shape(channels=-3, spatial=(), channels_last=False) is not a shape: "
            "a size is 1 or more, and less than 2^31",
        ),
        (
            {"input": Shape(3, (1, 2, 3, 4))},
            "Shape(channels=3, spatial=(1, 2, 3, 4), channels_last=False) is not a shape: "
            "a shape has channels and up to three spatial sizes",
        ),
    ],
)
def test_values_of_a_program_that_are_none(asked: dict[str, object], title: str) -> None:
    with pytest.raises(SpecError) as caught:
        specgen.compile(text="param c = 4\ninput 3x8x8\nconv c", **asked)  # type: ignore[arg-type]
    assert caught.value.diagnostics[0].title == title


class Colour(IntEnum):
    RED = 6


class Word(StrEnum):
    GELU = "gelu"


def test_values_of_other_classes_are_pythons_own_in_what_is_emitted() -> None:
    text = (
        "input 3x8x8\nparam c = 4\nparam f = relu\nparam p = 0.5\nparam k = (3, 3)\nconv c k=k act=f drop=p"
    )
    odd = {"c": Colour.RED, "f": Word.GELU, "p": np.float64(0.25), "k": (np.int64(1), np.int64(3))}
    plain = {"c": 6, "f": "gelu", "p": 0.25, "k": (1, 3)}
    network = specgen.compile(text=text, **odd)  # type: ignore[arg-type]
    assert repr(network.settings) == repr(plain)
    assert network.emit() == specgen.compile(text=text, **plain).emit()  # type: ignore[arg-type]
    layer = type(network.root.steps[0].layer)  # type: ignore[union-attr]
    assert repr(layer(out_channels=Colour.RED, padding_mode="zeros")) == repr(layer(out_channels=6))


def test_a_sweep_over_numpys_numbers_answers_with_pythons() -> None:
    results = list(specgen.sweep(None, {"width": np.arange(2, 4)}, text=TINY))
    assert repr([dict(result.settings) for result in results]) == "[{'width': 2}, {'width': 3}]"


def test_a_path_that_is_bytes_is_told_as_text() -> None:
    class Bytes:
        def __fspath__(self) -> bytes:
            return b"vgg11"

    assert str(specgen.diff(Bytes(), "vgg11")).startswith("vgg11 → vgg11")  # type: ignore[arg-type]


def test_a_shape_from_another_network_brings_no_names_along() -> None:
    other = specgen.compile(text="input 3x8x8\nparam c = 4\nconv c")
    network = specgen.compile(text="input 3x8x8\nconv 8\nconv 4 g=4", input=other.output_shape)
    assert "c," not in network.emit() and "nn.Conv2d(4, 8," in network.emit()


TINY_NETWORK = specgen.compile(text=TINY)


@pytest.mark.parametrize(
    ("call", "title"),
    [
        (lambda: specgen.compile(text=5), "`text` has to be a string, not 5"),
        (lambda: specgen.compile(text=b"conv 4"), "`text` has to be a string, not b'conv 4'"),
        (lambda: specgen.compile(text=True), "`text` has to be a string, not True"),
        (lambda: specgen.compile(text=Unspeakable()), "`text` has to be a string, not this Unspeakable"),
        (lambda: specgen.compile(5), "`source` has to be a path or a name, not 5"),
        (lambda: specgen.load(b"x" * 99), f"`source` has to be a path or a name, not b'{'x' * 58}…"),
        (lambda: specgen.compile("vgg11", variant=5), "`variant` has to be the name of a variant, not 5"),
        (lambda: specgen.load("vgg11", limits=None), "`limits` has to be a `specgen.Limits`, not None"),
        (lambda: check(5), "`source` has to be a path or a name, not 5"),
        (lambda: specgen.load(text=TINY, device=5), "`device` has to be the name of a device, not 5"),
        (
            lambda: specgen.load(text=TINY, dtype=float),
            "`dtype` has to be the name of a type, not <class 'float'>",
        ),
        (
            lambda: specgen.load(text=TINY, init=[]),
            "`init` has to be the name of a way to draw the weights, not []",
        ),
        (lambda: specgen.load(text=TINY, optimize=True), "`optimize` has to be 'inference', not True"),
        (lambda: specgen.load(text=TINY, weights=5), "`weights` has to be a path or a state dict, not 5"),
        (lambda: specgen.format_text(b""), "`text` has to be a string, not b''"),
        (lambda: specgen.format_text("", limits=3), "`limits` has to be a `specgen.Limits`, not 3"),
        (lambda: specgen.diff(5, "vgg11"), "`old` has to be a network, a path or a name, not 5"),
        (lambda: specgen.diff("vgg11", None), "`new` has to be a network, a path or a name, not None"),
        (
            lambda: specgen.sweep("vgg11", 5),
            "`grid` has to be a dict of values by the names of params, not 5",
        ),
        (lambda: specgen.sweep("vgg11", {5: [1]}), "`grid` has to be a dict whose keys are strings, not 5"),
        (
            lambda: specgen.sweep("vgg11", {"variant": "vgg11_bn"}),
            "`grid` has to have a list of values for `variant`, not 'vgg11_bn'",
        ),
        (
            lambda: specgen.sweep("vgg11", {"variant": [None, 5]}),
            "`variant` has to be the name of a variant, not 5",
        ),
        (lambda: specgen.sweep("vgg11", {}, where=5), "`where` has to be a condition as a string, not 5"),
        (lambda: specgen.sweep("vgg11", {}, most=1.5), "`most` has to be an `int`, not 1.5"),
        (
            lambda: specgen.sweep("vgg11", {}, executor=5),
            "`executor` has to be an `Executor` of `concurrent.futures`, not 5",
        ),
        (
            lambda: specgen.sweep("vgg11", {}, progress=5),
            "`progress` has to be a function of one number, not 5",
        ),
        (lambda: specgen.sweep("vgg11", {}, batch=True), "`batch` has to be an `int`, not True"),
        (lambda: TINY_NETWORK.summary(depth="x"), "`depth` has to be an `int`, not 'x'"),
        (lambda: TINY_NETWORK.summary(dtype=5), "`dtype` has to be the name of a type, not 5"),
        (lambda: TINY_NETWORK.summary(optimizer=5), "`optimizer` has to be the name of an optimizer, not 5"),
        (lambda: TINY_NETWORK.summary(columns=5), "`columns` has to be a list of names, not 5"),
        (lambda: TINY_NETWORK.summary(columns=["name", 5]), "`columns` has to be a list of names, not 5"),
        (
            lambda: TINY_NETWORK.summary(fits=1.5),
            "`fits` has to be an amount of memory such as '24GiB', or an `int`, not 1.5",
        ),
        (lambda: TINY_NETWORK.fold_weights(5), "`state` has to be a state dict, not 5"),
        (lambda: TINY_NETWORK.model_dump_json(indent="x"), "`indent` has to be an `int`, not 'x'"),
        (lambda: specgen.Network.model_validate_json("{}", context=5), "`context` has to be a dict, not 5"),
        (
            lambda: specgen.Network.model_validate_json("{}", context={"limits": 5}),
            "`limits` has to be a `specgen.Limits`, not 5",
        ),
        (lambda: specgen.Limits(layers="x"), "`layers` has to be an `int`, not 'x'"),
        (lambda: specgen.Limits(depth=True), "`depth` has to be an `int`, not True"),
        (lambda: register_layer(5), "`layer` has to be a subclass of `specgen.Layer`, not 5"),
        (lambda: register_layer(int), "`layer` has to be a subclass of `specgen.Layer`, not <class 'int'>"),
    ],
)
def test_an_argument_of_another_type_is_named(call: Callable[[], object], title: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == title


@pytest.mark.parametrize(
    ("call", "title"),
    [
        (lambda: specgen.Limits(layers=-1), "`layers` has to be 0 or more, not -1"),
        (lambda: TINY_NETWORK.model_dump_json(indent=-1), "`indent` has to be from 0 to 100, not -1"),
        (
            lambda: TINY_NETWORK.model_dump_json(indent=10**12),
            "`indent` has to be from 0 to 100, not 1000000000000",
        ),
        (lambda: TINY_NETWORK.summary(fits=0), "the amount of memory is from 1 to 2^63 bytes"),
        (lambda: TINY_NETWORK.summary(fits=10**309), "the amount of memory is from 1 to 2^63 bytes"),
        (
            lambda: specgen.sweep("vgg11", {"num_classes": range(10**12)}),
            "the sweep has 1,000,000,000,000 corners or more, and at most 1,000,000 are allowed",
        ),
    ],
)
def test_a_number_beyond_what_there_can_be_is_named(call: Callable[[], object], title: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == title


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ({"source": ""}, "the name of the spec is empty"),
        ({"source": "n" * 999}, f"there is no file and no shipped spec `{'n' * 200}…`"),
        ({"source": "vgg11", "variant": "n" * 999}, f"the spec has no variant `{'n' * 200}…`"),
        ({"source": "vgg11", "n" * 999: 1}, f"the spec has no param `{'n' * 200}…`"),
    ],
)
def test_long_and_empty_names_are_told_shortly(asked: dict[str, object], title: str) -> None:
    with pytest.raises(SpecError) as caught:
        specgen.compile(**asked)  # type: ignore[arg-type]
    assert caught.value.diagnostics[0].title == title


@pytest.mark.parametrize("words", [{}, {"word": 5}, {"word": "one", "other_words": "ab"}])
def test_the_words_of_a_layer_are_strings(words: dict[str, object]) -> None:
    layer = type("Odd", (Layer,), {"call": lambda self, x: Call("Identity"), **words})
    with pytest.raises(TypeError, match="word"):
        register_layer(layer)


@pytest.mark.parametrize("word", ["repeat", "in", "true", "ä", "n" * 201])
def test_a_layer_cannot_have_a_word_that_no_spec_can_say(word: str) -> None:
    layer = type("Odd", (Layer,), {"call": lambda self, x: Call("Identity"), "word": word})
    with pytest.raises(ValueError, match="cannot be written in a spec"):
        register_layer(layer)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"positional": ("size",)}, "Odd has no option 'size'"),
        ({"short": {"k": "kernel"}}, "Odd has no option 'kernel'"),
        ({"short": None}, "`short` has to be a dict of strings, not None"),
        ({"positional": 5}, "`positional` has to be a tuple of strings, not 5"),
        ({"default_act": "nope"}, "`default_act` has to be the word of an activation, not 'nope'"),
        ({"default_act": "bn"}, "`default_act` has to be the word of an activation, not 'bn'"),
        ({"trim": "tail"}, "`trim` has to be 'norm', 'act', 'drop' or None, not 'tail'"),
    ],
)
def test_what_a_layer_says_of_itself_is_checked(said: dict[str, object], message: str) -> None:
    layer = type("Odd", (Layer,), {"call": lambda self, x: Call("Identity"), "word": "odd", **said})
    with pytest.raises((TypeError, ValueError)) as caught:
        register_layer(layer)
    assert str(caught.value) == message


def test_weights_that_are_folded_by_hand_are_checked() -> None:
    network = specgen.compile(text="input 3x8x8\nconv 4 bn")
    state = network.build().state_dict()
    assert network.fold_weights(state).keys() == network.for_inference().build().state_dict().keys()
    key = next(iter(state))
    freed = torch.zeros(4, 3, 3, 3)
    freed.untyped_storage().resize_(0)
    with FakeTensorMode():
        fake = torch.zeros(4, 3, 3, 3)
    for odd, code in (
        (5, "not-weights"), (None, "not-weights"), (torch.zeros(2), "shapes-differ"), (freed, "not-weights"),
        (fake, "not-weights"), (UninitializedParameter(), "not-weights"),
        (torch.nested.nested_tensor([torch.zeros(2)], layout=torch.jagged), "not-weights"),
    ):  # fmt: skip
        for take in (network.fold_weights, lambda weights: network.build(weights=weights)):
            with pytest.raises(specgen.WeightsError) as caught:
                take({**state, key: odd})  # type: ignore[dict-item]
            assert caught.value.diagnostics[0].code == code
    with pytest.raises(specgen.WeightsError, match="not in the network: `5`"):
        network.fold_weights({**state, 5: torch.zeros(1)})  # type: ignore[dict-item]


def test_errors_survive_a_copy() -> None:
    """An executor in other processes sends them back so."""
    with pytest.raises(SpecError) as raised:
        specgen.compile(text="input 3x8x8\nconv x")
    with pytest.raises(ValueError) as wrong:
        type(TINY_NETWORK.root.steps[0].layer)()  # type: ignore[union-attr]
    refusal = Refusal("does-not-fold", "pieces must divide", "3", at="pieces", advice="take 2")
    for one in (raised.value, wrong.value, refusal):
        again = pickle.loads(pickle.dumps(one))
        assert (str(again), vars(again)) == (str(one), vars(one)) and str(again)


@pytest.mark.parametrize("shape", [[3, 8, 8], (3, 8, 8), "3x8x8", Shape(3, (8, 8)), Shape(3, [8, 8])])
def test_a_shape_may_be_given_in_four_ways(shape: object) -> None:
    network = specgen.compile(text="input 1x9x9\nconv 4", input=shape)  # type: ignore[arg-type]
    assert network.input_shape == Shape(3, (8, 8))

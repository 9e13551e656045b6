"""Layers of somebody's own that have defects: one error with a place, and what they raised behind it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from enum import IntEnum
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest

import specgen
from specgen import Call, Layer, Refusal, Shape
from specgen.backends import sources
from specgen.cli import main
from specgen.layers import foreign
from specgen.layers.fields import Real
from specgen.layers.registry import register_layer, unregister_layer


class Own(Layer):
    """What the layers below have in common: they build, and keep the shape."""

    word = "own"

    def call(self, x: Shape) -> Call:
        return Call("Identity")


class Divides(Own):
    word = "divides"

    def infer(self, x: Shape) -> Shape:
        return x.replace(channels=x.channels // (x.channels - 3))


class Quarters(Own):
    word = "quarters"

    def infer(self, x: Shape) -> Shape:
        if any(size % 4 for size in x.spatial):
            raise ValueError("four does not divide it\n(and more)")
        return x


class Nothing(Own):
    word = "nothing"

    def infer(self, x: Shape) -> Any:
        return None


class Weightless(Own):
    word = "weightless"

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        raise KeyError("weight")


class Uncalled(Layer):
    word = "uncalled"

    def call(self, x: Shape) -> Call:
        raise NotImplementedError


class Misnames(Own):
    word = "misnames"

    def call(self, x: Shape) -> Any:
        return "Identity"


class Hands(Own):
    word = "hands"

    def call(self, x: Shape) -> Call:
        return Call("Identity", (3, (1, [x.channels])))  # type: ignore[arg-type]


class Endless(Own):
    word = "endless"

    def call(self, x: Shape) -> Call:
        return Call("Identity", (), {"eps": float("inf")})


class Uncounted(Own):
    word = "uncounted"

    def macs(self, x: Shape) -> Any:
        return "many"


class Halves(Own):
    word = "halves"

    def infer(self, x: Shape) -> Shape:
        return Shape(x.channels / 2, x.spatial)  # type: ignore[arg-type]


class Keeps(Own):
    word = "keeps"

    def saved(self, x: Shape, contiguous: bool) -> Any:
        raise RuntimeError("nothing")


class Blind(Own):
    word = "blind"

    def windows(self, x: Shape) -> Any:
        raise IndexError

    def infer(self, x: Shape) -> Shape:
        return x.replace(spatial=tuple(size // 2 for size in x.spatial))


class Refuses(Own):
    word = "refuses"

    def infer(self, x: Shape) -> Shape:
        raise Refusal("not-on-mondays", "`refuses` takes nothing", "not even this")


LAYERS = (
    Divides,
    Quarters,
    Nothing,
    Weightless,
    Uncalled,
    Misnames,
    Hands,
    Endless,
    Uncounted,
    Halves,
    Keeps,
    Blind,
    Refuses,
)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    for layer in LAYERS:
        register_layer(layer)
    yield
    for layer in LAYERS:
        unregister_layer(layer)


#: Specs; the title, the rule and the line that are named, and the kind of the cause.
FAILING: dict[str, tuple[str, str, int, type[Exception] | None]] = {
    "input 3x8x8\ndivides": (
        "`divides` raises ZeroDivisionError: integer division or modulo by zero", "Divides.infer", 2,
        ZeroDivisionError,
    ),
    "input 3x8x8\nblock b(c) { conv c; divides }\nb 4; b 3": (
        "`divides` raises ZeroDivisionError: integer division or modulo by zero", "Divides.infer", 2,
        ZeroDivisionError,
    ),
    "input 3x9x8\nconv 4\nquarters": (
        "`quarters` raises ValueError: four does not divide it", "Quarters.infer", 3, ValueError,
    ),
    "input 3x8x8\nnothing": ("`nothing` gives a NoneType for a shape", "Nothing.infer", 2, None),
    "input 3x8x8\nid\nweightless": (
        "`weightless` raises KeyError: 'weight'", "Weightless.parameters", 3, KeyError,
    ),
    "input 3x8x8\nM; uncalled": (
        "`uncalled` raises NotImplementedError", "Uncalled.call", 2, NotImplementedError,
    ),
    "input 3x8x8\nmisnames": ("`misnames` gives a wrong answer to `call`", "Misnames.call", 2, None),
    "input 3x8x8\nhands": ("`hands` gives a wrong answer to `call`", "Hands.call", 2, None),
    "input 3x8x8\nendless": ("`endless` gives a wrong answer to `call`", "Endless.call", 2, None),
    "input 3x8x8\nblind": ("`blind` raises IndexError", "Blind.windows", 2, IndexError),
    "input 3x8x8\nuncounted": ("`uncounted` gives a wrong answer to `macs`", "Uncounted.macs", 2, None),
    "input 3x8x8\nhalves": ("`halves` gives a wrong answer to `infer`", "Halves.infer", 2, None),
    "input 3x8x8\nkeeps": ("`keeps` raises RuntimeError: nothing", "Keeps.saved", 2, RuntimeError),
}  # fmt: skip


@pytest.mark.parametrize("text", FAILING)
def test_a_failing_rule_is_one_error_with_its_cause(text: str) -> None:
    title, rule, line, cause = FAILING[text]
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=text)
    (found,) = caught.value.diagnostics
    assert (found.code, found.title) == ("layer-fails", title)
    assert found.place is not None and found.place[0] == line
    assert found.labels[0].text.startswith(f"`{__name__}.{rule}` was asked about ")
    assert type(caught.value.__cause__) is (cause or type(None))


@pytest.mark.parametrize("text", FAILING)
def test_the_command_line_shows_no_traceback_unless_asked(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "net.spec"
    spec.write_text(text)
    for command in ("check", "summary", "emit", "build"):
        assert main([command, str(spec)]) == 1
        err = capsys.readouterr().err
        assert err.startswith(f"error[layer-fails]: {FAILING[text][0]}\n") and "internal" not in err
    monkeypatch.setenv("SPECGEN_DEBUG", "1")
    if FAILING[text][3] is not None:
        for command in ("check", "emit", "explain"):
            with pytest.raises(specgen.SpecError):
                main([command, str(spec)])


def test_a_layer_that_fails_for_what_a_json_text_says() -> None:
    class Odd(Own):
        word = "odd"

        def infer(self, x: Shape) -> Shape:
            return x.replace(channels=x.channels + 0 // (x.spatial[0] - 7))

    register_layer(Odd)
    try:
        text = specgen.compile(text="input 3x9x9\nodd").model_dump_json()
        with pytest.raises(specgen.NetworkError, match=r"0: `odd` raises ZeroDivisionError"):
            specgen.Network.model_validate_json(text.replace("9", "7"))
    finally:
        unregister_layer(Odd)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("input 3x8x8\nM\nquarters", "H, W of the form 8·k or 8·k + 1, ≥ 8"),
    ],
)
def test_what_is_accepted_can_be_asked(text: str, said: str) -> None:
    """A size for which a rule fails is none that is accepted."""
    assert str(specgen.compile(text=text).accepts) == said


def test_a_layer_behind_which_a_remedy_is_sought_may_fail() -> None:
    text = "input 3x16x16\nM; M\nquarters\nM; conv 8 k=3 p=0"
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(text=text)
    assert caught.value.diagnostics[0].code == "kernel-too-large"


def test_a_code_of_ones_own_has_no_rule_in_sarif(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "net.spec"
    spec.write_text("input 3x8x8\nrefuses")
    assert main(["check", str(spec), "--format", "sarif"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert found["ruleId"] == "not-on-mondays" and "ruleIndex" not in found


class Unbuilt(Own):
    """Whose class takes other arguments."""

    word = "unbuilt"

    def call(self, x: Shape) -> Call:
        return Call("Linear")


class Unnamed(Own):
    """Whose class PyTorch does not have."""

    word = "unnamed"

    def call(self, x: Shape) -> Call:
        return Call("NoSuchModule")


class Elsewhere(Unnamed):
    """Whose class is in a module that there is not."""

    word = "elsewhere"
    modules = "no.such.module"


class Doubles(Own):
    """Whose rule says something else than its class does."""

    word = "doubles"

    def infer(self, x: Shape) -> Shape:
        return x.replace(channels=2 * x.channels)


class Learns(Own):
    """Whose class learns a tensor that no rule tells of."""

    word = "learns"

    def call(self, x: Shape) -> Call:
        return Call("PReLU")


class Forgets(Own):
    """Whose class does not have what a rule tells of."""

    word = "forgets"

    def buffers(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return {"mean": (3,)}


#: What `build` says of each, and what `emit` does.
UNBUILT: dict[type[Layer], tuple[str, str, str]] = {
    Unbuilt: (
        "`Linear`, which `unbuilt` stands for, cannot be made",
        "TypeError: Linear.__init__() missing 2 required positional arguments: "
        "'in_features' and 'out_features'",
        "",
    ),
    Unnamed: (
        "there is no class `NoSuchModule`, which `unnamed` stands for",
        "it is looked for in `torch.nn`: the layer's `modules` names another module",
        "there is no class `NoSuchModule`, which `unnamed` stands for",
    ),
    Elsewhere: (
        "`NoSuchModule`, which `elsewhere` stands for, cannot be made",
        "ModuleNotFoundError: No module named 'no'",
        "there is no module `no.such.module`",
    ),
    Doubles: (
        "the network does not run with `doubles` in it",
        "1 gives (3, 8, 8), not (6, 8, 8)",
        "",
    ),
    Learns: (
        "the network does not run with `learns` in it",
        "1.weight is (1,), and no rule says so",
        "",
    ),
    Forgets: (
        "the network does not run with `forgets` in it",
        "1.mean is not there, and a rule of `forgets` says (3,)",
        "",
    ),
}


@pytest.mark.parametrize("kind", UNBUILT, ids=lambda kind: kind.word)
def test_a_layer_that_does_not_build(
    kind: type[Layer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No rule is wrong by itself: that is seen only where the network is built and run."""
    title, note, by_emit = UNBUILT[kind]
    register_layer(kind)
    try:
        spec = tmp_path / "net.spec"
        spec.write_text(f"input 3x8x8\nid\n{kind.word}")
        assert main(["check", str(spec)]) == 0
        capsys.readouterr()
        assert main(["build", str(spec)]) == 1
        assert capsys.readouterr().err == f"error[layer-fails]: {title}\n  = note: {note}\n"
        assert main(["emit", str(spec)]) == bool(by_emit)
        assert capsys.readouterr().err.startswith(f"error[layer-fails]: {by_emit}\n" if by_emit else "")
        if "does not run" not in title:
            with pytest.raises(specgen.SpecError, match=r"cannot be made|there is no class"):
                specgen.load(spec)
    finally:
        unregister_layer(kind)


#: A module's source, and why it cannot be copied; nothing where it can.
COPIED = {
    "a helper": (
        "class Own(nn.Module):\n    def forward(self, x):\n        return half(x) * SHARE",
        "`theirs.Own`, for `copied`, cannot be copied into an emitted file",
        "it mentions SHARE",
    ),
    "a name of torch": (
        "class Own(nn.Module):\n    def forward(self, x):\n        return F.relu(x)",
        "`theirs.Own`, for `copied`, cannot be copied into an emitted file",
        "it mentions F",
    ),
    "an underscore": (
        "class Own(nn.Module):\n    def forward(self, x):\n        return half(self._k)",
        "`theirs.Own`, for `copied`, cannot be copied into an emitted file",
        "it mentions _k",
    ),
    "a decorated function": (
        "@cache\ndef half(x):\n    return x / 2\n\n\n"
        "class Own(nn.Module):\n    def forward(self, x):\n        return half(x)",
        "`theirs.half`, for `copied`, cannot be copied into an emitted file",
        "it mentions a decorator",
    ),
    "its own function": (
        "class Base(nn.Module):\n    share = 2\n\n\nclass Own(Base):\n    def forward(self, x):\n"
        "        return half(x) + math.pi",
        "",
        "",
    ),
}


@pytest.mark.parametrize("name", COPIED)
def test_a_class_that_cannot_be_copied(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, title, note = COPIED[name]

    class Copied(Own):
        word = "copied"
        modules = "theirs"

        def call(self, x: Shape) -> Call:
            return Call("Own")

    half = "" if "def half" in source else "\n\n\ndef half(x):\n    return x / 2\n"
    (tmp_path / "theirs.py").write_text(source + half)
    monkeypatch.syspath_prepend(tmp_path)
    sources.definitions.cache_clear()
    register_layer(Copied)
    try:
        network = specgen.compile(text="input 3x8x8\ncopied")
        if not title:
            text = network.emit()
            assert "import math\n" in text and "def half(x):" in text and "class Base(nn.Module):" in text
            return
        with pytest.raises(specgen.SpecError) as caught:
            network.emit()
        (found,) = caught.value.diagnostics
        assert (found.code, found.title, found.notes) == ("layer-fails", title, (note,))
    finally:
        unregister_layer(Copied)


def test_what_a_build_raises_shows_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECGEN_DEBUG", "1")
    register_layer(Unbuilt)
    try:
        spec = tmp_path / "net.spec"
        spec.write_text("input 3x8x8\nunbuilt")
        with pytest.raises(specgen.SpecError) as caught:
            main(["build", str(spec)])
        assert isinstance(caught.value.__cause__, TypeError)
    finally:
        unregister_layer(Unbuilt)


@pytest.mark.parametrize("name", ["not a name", "class", "2d", 3])
def test_a_call_has_names_that_python_can_write(name: Any) -> None:
    for call in (Call(name), Call("Identity", (), {name: 1})):
        assert not foreign._is_call(call)
    assert foreign._is_call(Call("Identity", (1, ("a", None)), {"eps": 0.5}))


#: What each rule of a layer has to answer, in words.
WANTED = {
    "infer": "a `Shape` of whole numbers ≥ 1: channels and up to three sizes",
    "call": "a `Call` of names and of numbers, strings, `None` and tuples of them",
    "parameters": "the tensors by name with their shapes",
    "buffers": "the tensors by name with their shapes",
    "products": "a tuple of products, each a tuple of whole numbers",
    "macs": "a whole number",
    "settled": "the options by name",
    "workings": "a tuple of workings",
    "windows": "a tuple with a `Window` for each spatial axis, `()` or `None`",
    "saved": "a `Saved`",
    "shares_input": "true or false",
}


@pytest.mark.parametrize("rule", WANTED)
def test_what_a_rule_has_to_answer_is_said(rule: str) -> None:

    def answers(*_: object) -> Any:
        return Shape(3, (0, 8)) if rule == "infer" else 2.5

    answers.__name__ = rule
    layer = type("Answers", (Own,), {"word": "answers", rule: answers})()
    x = Shape(3, (1, 8))
    foreign.vet(Own(), x, x)
    with pytest.raises(Refusal) as caught:
        foreign.vet(layer, x, layer.infer(x))
    assert caught.value.title == f"`answers` gives a wrong answer to `{rule}`"
    assert caught.value.advice == f"it has to be {WANTED[rule]}"


class Says(Own):
    word = "says"
    said: ClassVar[Any] = ""

    def call(self, x: Shape) -> Call:
        return Call("Identity", (type(self).said,))


class Number(IntEnum):
    THREE = 3


@pytest.mark.parametrize(
    "said", ["a\tb", "a\\tb", 'a"b', "a\nb", "\ud800", "é\u202e", Number.THREE], ids=ascii
)
def test_what_a_layer_says_is_the_same_in_what_is_emitted(said: object) -> None:
    class Quotes(Says):
        word = "quotes"

    Quotes.said = said
    register_layer(Quotes)
    try:
        source = specgen.compile(text="input 8; quotes").emit()
    finally:
        unregister_layer(Quotes)
    call = next(node for node in ast.walk(ast.parse(source)) if ast.unparse(node).startswith("nn.Identity("))
    assert isinstance(call, ast.Call) and ast.literal_eval(call.args[0]) == said
    assert source.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    "said", [10**5000, reduce(lambda inner, _: (inner,), range(30), 1)], ids=["long", "deep"]
)
def test_what_no_source_can_say_is_a_defect_of_the_layer(said: object) -> None:
    class Bursts(Says):
        word = "bursts"

    Bursts.said = said
    register_layer(Bursts)
    try:
        with pytest.raises(specgen.SpecError) as caught:
            specgen.compile(text="input 8; bursts")
    finally:
        unregister_layer(Bursts)
    assert caught.value.diagnostics[0].code == "layer-fails"


def test_a_p_is_a_probability_to_dropout_alone() -> None:
    class Powers(Own):
        word = "powers"
        positional = ("p",)
        p: Annotated[float, Real(0, open_low=True)] = 3.0

    register_layer(Powers)
    try:
        with pytest.raises(specgen.SpecError, match=r"the p of `powers` must be a number > 0"):
            specgen.compile(text="input 3x8x8\npowers 0")
        with pytest.raises(specgen.SpecError, match=r"the probability of `drop` must be"):
            specgen.compile(text="input 3x8x8\ndrop 2")
    finally:
        unregister_layer(Powers)

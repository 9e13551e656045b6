"""Threads that do everything at once get the answers that each gets alone, also while layers come and go."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import pytest

import specgen
from specgen import Call, Layer, Shape, compiler, register_layer
from specgen.backends.weights import save_weights
from specgen.diagnostics import render
from specgen.layers import registry
from specgen.layers.registry import unregister_layer
from specgen.views.explanation import explain

WRONG = (
    "input 3x8x8\nconv 4 kernl=3\nconvv 4\nfc clases\n",
    "input 3x8x8\nconv 4 k=9 p=0\n",
    "input 3x8x8\nconv 4 relu tanh {\n",
    "param width = 4\ninput 3x8x8\nblock b(n) { conv n; cnv n }\nb width\n",
)
SWEPT = "param width = 4\ninput 3x8x8\nconv width bn\nfc 2\n"
NAMES = ("resnet18", "tiny28")


class Swosh(Layer):
    """An activation that some spec may put behind its layers."""

    word = "swosh"
    trim = "act"

    def call(self, x: Shape) -> Call:
        return Call("SiLU", ())


class Shift(Layer):
    """A layer with nothing to it."""

    word = "shift"
    other_words = ("sft",)

    def call(self, x: Shape) -> Call:
        return Call("Identity", ())


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads that change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def complaints(text: str) -> str:
    """What `specgen check` says of a text."""
    try:
        _, found = compiler.check(text=text)
    except specgen.SpecError as error:
        found = list(error.diagnostics)
    return "\n".join(map(render, found))


def values(name: str, file: Path) -> str:
    """The state of a network whose weights come from a file."""
    state = specgen.load(name, weights=file).state_dict()
    return str([(key, tensor.tolist()) for key, tensor in state.items()])


def keys(name: str) -> str:
    """The keys and shapes of a network whose weights are drawn, from a generator that all threads share."""
    return str([(key, tuple(tensor.shape)) for key, tensor in specgen.load(name).state_dict().items()])


def round_trip(name: str) -> str:
    network = specgen.compile(name)
    return specgen.Network.model_validate_json(network.model_dump_json()).emit()


def refused(name: str, file: Path) -> str:
    with pytest.raises(specgen.WeightsError) as caught:
        specgen.load(name, weights=file)
    return str(caught.value)


def jobs(file: Path) -> dict[str, Callable[[], str]]:
    """Everything that a program may ask for, with `file` for weights of `tiny28`."""
    found: dict[str, Callable[[], str]] = {
        "weights": lambda: values("tiny28", file),
        "weights of another": lambda: refused("birds_planes", file),
        "sweep": lambda: str(list(specgen.sweep(None, {"width": [4, 8, 16]}, text=SWEPT))),
        "diff": lambda: str(specgen.diff("vgg11", "vgg11_bn")),
        "schema": lambda: str(sorted(specgen.Network.model_json_schema())),
        "a name that is none": lambda: complaints("input 3x8x8\nzyzzyx 4\n"),
    }
    for text in WRONG:
        found[f"check {text}"] = lambda text=text: complaints(text)  # type: ignore[misc]
        found[f"format {text}"] = lambda text=text: formatted(text)  # type: ignore[misc]
    for name in NAMES:
        asked: dict[str, Callable[[str], str]] = {
            "emit": lambda name: specgen.compile(name).emit(),
            "emit for inference": lambda name: specgen.compile(name).emit(optimize="inference"),
            "load": keys,
            "summary": lambda name: str(specgen.compile(name).summary()),
            "page": lambda name: specgen.compile(name)._repr_html_(),
            "explain": lambda name: explain(name).text(80),
            "JSON": round_trip,
            "accepts": lambda name: str(specgen.compile(name).accepts),
        }
        for what, ask in asked.items():
            found[f"{what} {name}"] = lambda name=name, ask=ask: ask(name)  # type: ignore[misc]
    return found


def formatted(text: str) -> str:
    try:
        return specgen.format_text(text)
    except specgen.SpecError as error:
        return "\n".join(map(render, error.diagnostics))


@pytest.mark.usefixtures("hurried")
def test_answers_are_those_of_one_thread_while_layers_come_and_go(tmp_path: Path) -> None:
    save_weights(specgen.load("tiny28"), tmp_path / "weights")
    asked = jobs(tmp_path / "weights")
    alone = {name: ask() for name, ask in asked.items()}
    done, changes = Event(), []

    def register() -> None:
        while not done.is_set():
            for layer in (Swosh, Shift):
                register_layer(layer)
            changes.append(specgen.compile(text="input 3x8x8\nconv 4 swosh\nsft").params)
            for layer in (Swosh, Shift):
                unregister_layer(layer)

    order = sorted(asked) * 2
    random.Random(0).shuffle(order)
    with ThreadPoolExecutor(8) as pool:
        registering = pool.submit(register)
        answers = [(name, pool.submit(asked[name])) for name in order]
        try:
            wrong = [name for name, answer in answers if answer.result() != alone[name]]
        finally:
            done.set()
        registering.result()
    assert not wrong
    assert len(changes) > 1 and set(changes) == {3 * 4 * 9 + 4}
    assert not {"swosh", "sft", "shift"} & {*registry.words(), *registry.trims()}


def test_a_layer_registered_later_may_stand_behind_one_that_was_used_before() -> None:
    assert "means nothing to `conv`" in complaints("input 3x8x8\nconv 4 swosh")
    register_layer(Swosh)
    try:
        assert specgen.compile(text="input 3x8x8\nconv 4 swosh").layers[1].kind == "swosh"
    finally:
        unregister_layer(Swosh)
    assert "means nothing to `conv`" in complaints("input 3x8x8\nconv 4 swosh")


@pytest.mark.usefixtures("hurried")
def test_a_registration_is_never_overtaken_by_an_answer_from_before() -> None:
    """Several threads ask for what follows from the layers, while each of many is registered."""
    done = Event()
    failed: list[Exception] = []

    def ask() -> None:
        try:
            while not done.is_set():
                registry.trims(), registry.layers(), registry.option_words()
        except Exception as error:
            failed.append(error)

    threads = [Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            register_layer(Swosh)
            assert registry.trims().get("swosh") is Swosh and Swosh in registry.layers()
            unregister_layer(Swosh)
            assert "swosh" not in registry.trims() and Swosh not in registry.layers()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failed

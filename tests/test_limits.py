"""The limits of the language, at the edge and on every way in; and what a text within them costs."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from baits import BAITS, INPUT

import specgen
from specgen import compiler, conditions
from specgen.cli import main
from specgen.compiler import as_value
from specgen.evaluation import Evaluation
from specgen.expressions import LONGEST_TUPLE
from specgen.limits import DEFAULT_LIMITS, Limits
from specgen.parser import LONGEST_NAME
from tests.fuzz.agreement import emitted_class


def said(text: str, **asked: object) -> str:
    """The code of what is said about a spec; nothing where it is right."""
    try:
        specgen.compile(text=text, **asked)  # type: ignore[arg-type]
    except specgen.SpecError as error:
        return error.diagnostics[0].code
    return ""


@pytest.mark.parametrize(
    "data",
    [
        b"input 3x8x8\r\n" + b"# a comment\r\n" * 22_000 + b"conv 0\r\n",
        b"\xef\xbb\xbfinput 3x8x8\n" + b"#" * (256 * 1024 - 15) + b"\nconv 0\n",
        b"input 3x8x8\n#" + b"x" * (256 * 1024 - 13) + "é".encode() + b"\nconv 0\n",
    ],
    ids=["CRLF", "byte-order mark", "half a character"],
)
def test_a_file_that_is_longer_than_the_limit_is_no_part_of_itself(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left out when a text is decoded does not make room: the end would be cut off in silence."""
    file = tmp_path / "long.spec"
    file.write_bytes(data)
    for command in (["check"], ["emit"], ["fmt"]):
        assert main([*command, str(file)]) == 1
        assert "error[too-large]" in capsys.readouterr().err
    assert file.read_bytes() == data


#: A spec with one more of something with each number, the last number that is right, and what is said then.
EDGES: dict[str, tuple[Callable[[int], str], int, str]] = {
    "bytes": (lambda n: INPUT + "#" * (n - len(INPUT)), 256 * 1024, "too-large"),
    "wide characters": (lambda n: INPUT + "#é" + "x" * (n - len(INPUT) - 3), 256 * 1024, "too-large"),
    "words": (lambda n: INPUT + ";" * (n - 3), 50_000, "too-large"),
    "braces": (lambda n: INPUT + "if true {" * n + "}" * n, 32, "too-deep"),
    "parentheses": (lambda n: INPUT + f"conv {'(' * n}8{')' * n}", 32, "too-deep"),
    "both": (lambda n: INPUT + "add {" * (n - 2) + f"conv ((4)){'}' * (n - 2)}", 32, "too-deep"),
    "layers": (lambda n: INPUT + f"repeat {n} {{ relu }}", 10_000, "too-many-layers"),
    "layers line by line": (lambda n: INPUT + "relu\n" * n, 10_000, "too-many-layers"),
    "a size": (lambda n: f"input {n}", 2**31 - 1, "not-a-shape"),
    "a size on the way": (lambda n: f"input 1x8\nconv {n} k=1 linear", 2**31 - 1, "wrong-value"),
    "a number": (lambda n: INPUT + f"let a = {n}", 2**63 - 1, "number-too-large"),
    "a name": (lambda n: INPUT + f"let {'a' * n} = 1", LONGEST_NAME, "name-too-long"),
    "digits": (lambda n: INPUT + f"let a = {'0' * n}", 40, "number-too-large"),
    "a tuple": (lambda n: INPUT + f"let a = ({'1, ' * n})", LONGEST_TUPLE, "too-large"),
}  # fmt: skip


@pytest.mark.parametrize("what", EDGES)
def test_each_limit_at_its_edge(what: str) -> None:
    spec, most, code = EDGES[what]
    found = [said(spec(number)) for number in (most - 1, most, most + 1)]
    if what == "bytes":  # comments alone
        assert len(spec(most)) == most
    assert found == ["", "", code]


def test_totals_stay_below_two_to_the_63() -> None:
    assert said("input 2x2147483647x2147483647") == ""
    assert said("input 3x2147483647x2147483647") == "too-large"
    widest = "conv 2147483647 k=1 linear nobias\n"
    assert said("input 2147483647x1x1\n" + 2 * widest) == ""
    assert said("input 2147483647x1x1\n" + 3 * widest) == "too-large"


@pytest.mark.parametrize(
    "text",
    [
        "repeat 1000000 { repeat 1000000 { relu } }",
        "add { repeat 1000000 { repeat 1000000 { relu } } | id }",
        "block b(n) { repeat n { repeat n { relu } } }\nb 1000000",
        "block b(n=1000000) { repeat n { repeat n { relu } } }\nb",
        "g: { repeat 1000000 { repeat 1000000 { relu } } }",
        "residual { repeat 1000000 { repeat 1000000 { relu } } }",
        "let n = 1000000 * 1000000\nrepeat n { relu }",
    ],
)
def test_layers_are_counted_before_they_are_made(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr("specgen.placing.make", lambda *arguments, **keywords: made.append(1))
    assert said(INPUT + text) == "too-many-layers"
    assert not made


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("relu", 1),
        ("g: { relu }", 1),
        ("block b { relu }\nb", 2),
        ("block b { relu }\nb; b", 4),
        ("add { relu | id }", 3),
        ("residual { relu }", 3),
        ("block b { residual { relu } }\nb", 3),
        ("block b { residual { relu } }\nb; b", 6),
        ("block b(s) { residual when s == 1 { relu } }\nb 2", 2),
    ],
)
def test_what_counts_as_a_layer(text: str, layers: int) -> None:
    text = INPUT + "relu\n" * 10 + text  # so that the limit for steps is further away
    assert said(text, limits=Limits(layers=10 + layers)) == ""
    assert said(text, limits=Limits(layers=9 + layers)) == "too-many-layers"


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("if true {}", 1),
        ("a: {}", 1),
        ("repeat 0 {}", 1),
        ("repeat 2 { if true {} }", 3),
        ("expect 4", 2),  # one for the statement, and one for each eight characters of what it works out
        ("let a = 4567890", 2),
        ("let a = 45678901", 3),
        ("if 3 < 45678 {} else if 3 < 45678 {} else {}", 3),
        ("block b(a) { relu }\nif true {}", 2),
        ("block b(a, c) { relu }\nb 1 2", 5),  # each argument of a use is one
        ("block b(a) { if a < 2 { relu } }\nb 1", 11),  # a condition of a block is six
        ("block b(a) { if a < 100000000000 { relu } }\nb 1", 14),  # and one for each 16 characters
        (f"block b(a={1:031}) {{ relu }}\nb", 4),
        (f"block b(a={1:032}) {{ relu }}\nb", 5),  # a default is worked out at each use
    ],
)
def test_what_counts_as_a_step(text: str, steps: int) -> None:
    first = "input 4\n"  # which is a step itself
    few = Limits(layers=2)  # and twenty steps
    assert said(first + "if true {}\n" * (19 - steps) + text, limits=few) == ""
    assert said(first + "if true {}\n" * (20 - steps) + text, limits=few) == "too-many-steps"


def test_settings_and_variants_are_counted_too(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "param n = 1\nvariant Huge n=1000000\n" + INPUT + "repeat n { repeat n { relu } }"
    assert said(text, n=1_000_000) == "too-many-layers"
    assert said(text, variant="huge") == "too-many-layers"
    assert said(text, n=2**63) == "wrong-value"
    assert said(text, n=-(2**63)) == "wrong-value"
    assert said(text, n=tuple(range(LONGEST_TUPLE + 1))) == "wrong-value"
    assert said(text, n="a" * (LONGEST_NAME + 1)) == "wrong-value"
    assert said(text, n=((1,),)) == "wrong-value"


@pytest.mark.parametrize("value", ["9" * 41, "(" * 33 + "1" + ")" * 33, "1" * 300_000, "9223372036854775808"])
def test_values_from_outside_have_the_limits_of_the_language(value: str) -> None:
    with pytest.raises(specgen.SpecError):
        as_value(value)
    assert main(["check", "vgg11", "--set", f"num_classes={value}"]) == 1
    assert main(["check", "vgg11", "--input", value]) == 1


def test_shapes_from_outside_have_the_limits_of_the_language() -> None:
    assert said("relu", input=(2**31 - 1, 2**31 - 1, 2)) == ""
    assert said("relu", input=(2**31 - 1, 2**31 - 1, 3)) == "too-large"
    assert said("relu", input="2147483648") == "not-a-shape"
    assert said("relu", input=specgen.Shape(2**31 - 1, (2**31 - 1, 3))) == "too-large"


def test_only_the_caller_raises_limits() -> None:
    text = INPUT + "add {" * 40 + "|}" * 40
    assert said(text) == "too-deep"
    assert said(text, limits=Limits(depth=80)) == ""
    assert said(INPUT + "relu\n" * 4, limits=Limits(layers=3)) == "too-many-layers"
    assert said(INPUT, limits=Limits(source=3)) == "too-large"
    assert said(INPUT + "relu;relu;relu", limits=Limits(tokens=4)) == "too-large"


def test_a_line_end_counts_as_a_word_does() -> None:
    with pytest.raises(specgen.SpecError, match="more than 50,000 words, signs and line ends"):
        specgen.compile(text="\n" * 50_001)


# --- what a text within the limits costs -------------------------------------------------------------

SIZE = 60


@pytest.mark.parametrize(
    "name", [name for name, bait in BAITS.items() if bait.most >= 2 * SIZE and bait.code != "name-too-long"]
)
def test_twice_the_input_is_twice_the_steps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the walk counts, and the calls that checking takes, its warnings included, grow with the text."""
    monkeypatch.setattr(conditions, "_LONGEST_KEPT", -1)
    counted = []
    for size in (SIZE, SIZE, 2 * SIZE):  # the first time, modules are imported as well
        spent, calls = [0], [0]

        def spend(self: Evaluation, span: object, steps: int, spent: list[int] = spent) -> None:
            spent[0] += steps

        def called(*_: object, calls: list[int] = calls) -> None:
            calls[0] += 1

        monkeypatch.setattr(Evaluation, "spend", spend)
        bait = BAITS[name]
        text, code = bait.spec(size), ""
        sys.setprofile(called)
        try:
            compiler.check(text=text)
        except specgen.SpecError as error:
            code = error.diagnostics[0].code
        finally:
            sys.setprofile(None)
        assert code in ("", bait.code)
        counted.append((spent[0], calls[0]))
    _, (spent_once, calls_once), (spent_twice, calls_twice) = counted
    if name in ("arguments and uses", "variants"):  # each has to do with all: the limits end it
        return
    assert spent_twice <= 2.3 * spent_once + 50
    # Of misspelt names, the first are compared with all that there are.
    assert calls_twice <= 2.3 * calls_once + 1000 or name == "misspelt names"


def test_a_condition_over_many_layers_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    holds = conditions.holds
    network = specgen.compile(text=BAITS["cases over layers"].spec(2 * SIZE))
    monkeypatch.setattr(conditions, "holds", lambda *given: asked.append(given[0]) or holds(*given))
    assert network.emit().count("nn.ReLU()") == SIZE
    assert len(asked) == 1


def test_long_conditions_are_not_kept() -> None:
    """What is compiled once would stay in memory for good."""
    kept = [(read, read.cache_info().currsize) for read in (conditions._parsed, conditions._names)]
    condition = "c == 1 or " * 200 + "c == 2"
    assert conditions.holds(condition, {"c": 2})
    assert conditions.names_in([condition]) == {"c"}
    for read, size in kept:
        assert read.cache_info().maxsize
        assert read.cache_info().currsize == size


def test_json_has_the_limit_of_layers() -> None:
    text = specgen.compile(text=INPUT + "repeat 4 { relu }").model_dump_json()
    few = {"limits": Limits(layers=3)}
    with pytest.raises(ValueError, match="more than 3 layers"):
        specgen.Network.model_validate_json(text, context=few)
    assert len(specgen.Network.model_validate_json(text, context={"limits": Limits(layers=4)}).layers) == 4


@pytest.mark.parametrize("text", ["[" * 100_000, '{"root":' * 100_000, '{"name": ' + "9" * 100_000, "1e999"])
def test_json_that_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        specgen.Network.model_validate_json(text)


DEPTH = DEFAULT_LIMITS.depth

#: Specs nested so many levels deep, and the most levels that are allowed.
DEEP: dict[str, tuple[Callable[[int], str], int]] = {
    "groups": (lambda n: "a: {" * n + "conv 4" + "}" * n, DEPTH),
    "adds": (lambda n: "add { id | " * n + "conv 4" + "}" * n, DEPTH),
    "residuals": (lambda n: "residual {" * n + "conv 4" + "}" * n, DEPTH),
    "blocks": (
        lambda n: (
            "block b1() { conv 4 }\n"
            + "".join(f"block b{i}() {{ b{i - 1}; relu }}\n" for i in range(2, n + 1))
            + f"b{n}"
        ),
        2 * DEPTH - 1,
    ),
}


@pytest.mark.parametrize("name", DEEP)
def test_the_deepest_networks_are_built_and_emitted_alike_and_come_back_from_json(name: str) -> None:
    spec, most = DEEP[name]
    assert said(INPUT + spec(most + 1)) == "too-deep"
    network = specgen.compile(text=INPUT + spec(most))
    again = specgen.Network.model_validate_json(network.model_dump_json())
    assert again == network
    built, emitted = network.build(), emitted_class(network, again.emit())()
    shapes = {key: tensor.shape for key, tensor in built.state_dict().items()}
    assert list(shapes.items()) == [(key, x.shape) for key, x in emitted.state_dict().items()]
    emitted.load_state_dict(built.state_dict())
    x = torch.randn(2, 4, 16, 16)
    assert torch.equal(built(x), emitted(x))


def test_a_depth_that_pythons_stack_does_not_hold_is_told() -> None:
    depth = 2000
    text = "input 3x8x8\n" + "repeat 1 { " * depth + "conv 4" + " }" * depth
    for call in (specgen.format_text, lambda text, limits: specgen.compile(text=text, limits=limits)):
        with pytest.raises(specgen.SpecError, match="recursion limit is too low") as raised:
            call(text, limits=specgen.Limits(depth=depth))
        assert raised.value.diagnostics[0].code == "too-deep"


@pytest.mark.parametrize("name", [name for name, bait in BAITS.items() if bait.most >= 40_000])
def test_long_words_and_lines_are_answered_without_going_over_them_again_and_again(name: str) -> None:
    """A pattern that does takes minutes; a minute of processor time is a hundred times what these need."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        code = ""
        try:
            str(compiler.check(text=BAITS[name].spec(BAITS[name].most))[0].accepts)
        except specgen.SpecError as error:
            code = error.diagnostics[0].code
        os._exit(0 if code == BAITS[name].code else 1)
    assert os.waitpid(child, 0)[1] == 0

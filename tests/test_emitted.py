"""What is emitted: goldens to be read, and what holds for every emitted file."""

from __future__ import annotations

import ast
import copy
import importlib.util
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import specgen
from specgen.backends import modules
from specgen.backends.guard import EmissionError, check_source
from specgen.names import CALLED_NAMES

torch.set_num_threads(1)

GOLDEN = Path(__file__).parent / "golden"
GOLDENS = (
    "vgg16",
    "vgg11_bn",
    "resnet50",
    "mobilenet_v3_large",
    "squeezenet1_1",
    "unet",
    "birds_planes",
    "vit_b_32",
    "convnext_tiny",
)

#: One small network of each make: a chain, blocks with shortcuts, attention, joins in the network itself.
SMALL = {
    "birds_planes": "3x32x32",
    "resnet18": "3x32x32",
    "mobilenet_v3_small": "3x32x32",
    "squeezenet1_1": "3x32x32",
    "unet": "1x32x32",
    "vit_b_32": "3x32x32",
    "convnext_tiny": "3x32x32",
}


@pytest.fixture
def load_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Writes a text to a file of a name and imports it, as a user would."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    names: list[str] = []

    def load(text: str, name: str) -> ModuleType:
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8", newline="\n")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        names.append(name)  # so that pickle finds its classes
        spec.loader.exec_module(module)
        return module

    yield load
    for name in set(names):
        del sys.modules[name]


def small(name: str) -> specgen.Network:
    settings = {
        "unet": {"width": 4},
        "vit_b_32": {"width": 24, "num_heads": 2, "depth": 2},
        "convnext_tiny": {"width": 8, "depth": 2},
    }
    return specgen.compile(name, input=SMALL[name], **settings.get(name, {}))  # type: ignore[arg-type]


def emitted(network: specgen.Network, load_module: Any, **arguments: Any) -> nn.Module:
    torch.manual_seed(0)
    module = load_module(network.emit(), f"emitted_{network.name.lower()}")
    model: nn.Module = getattr(module, network.name)(**arguments)
    return model


def built(network: specgen.Network) -> nn.Module:
    torch.manual_seed(0)
    return network.build()


def sample(network: specgen.Network) -> Tensor:
    return torch.randn(2, *network.input_shape.sizes, generator=torch.Generator().manual_seed(1))


def assert_equal_states(first: nn.Module, second: nn.Module) -> None:
    ours, theirs = first.state_dict(), second.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


# --- goldens -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDENS)
def test_golden(name: str, update_golden: bool) -> None:
    path, text = GOLDEN / f"{name}.py.golden", specgen.compile(name).emit()
    if update_golden:
        path.write_text(text, encoding="utf-8", newline="\n")
    assert text == path.read_text(encoding="utf-8"), "read the difference, then run with --update-golden"


def test_every_golden_is_tested() -> None:
    assert sorted(path.name for path in GOLDEN.glob("*.py.golden")) == sorted(
        f"{name}.py.golden" for name in GOLDENS
    )


# --- the same everywhere -----------------------------------------------------------------------------

DIGEST = """
import hashlib, sys, specgen
names = ("mobilenet_v3", "vit", "convnext", "resnet", "googlenet")
text = "".join(specgen.compile(name).emit() for name in names)
assert "torch" not in sys.modules
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_emission_does_not_depend_on_hash_seed_or_locale(tmp_path: Path) -> None:
    found = set()
    for seed, locale, utf8 in (("0", "C", "0"), ("1", "C.UTF-8", "1"), ("4242", "POSIX", "0")):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "LC_ALL": locale,
            "LANG": locale,
            "PYTHONUTF8": utf8,
            "PYTHONCOERCECLOCALE": "0",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        found.add(done.stdout.strip())
    assert len(found) == 1


@pytest.mark.parametrize(
    "name", [*GOLDENS, "densenet121", "shufflenet_v2_x1_0", "inception_v3", "efficientnet_b0"]
)
def test_every_class_stands_alone(name: str) -> None:
    """A file imports torch and the standard library; what a class uses is defined above it."""
    tree = ast.parse(specgen.compile(name).emit())
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imported += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert set(imported) <= {"torch", "collections", "math"}
    defined: set[str] = set()
    for node in tree.body:
        used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        later = {
            other.name for other in tree.body if isinstance(other, (ast.ClassDef, ast.FunctionDef))
        } - defined
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            assert not used & (later - {node.name}), node.name
            defined.add(node.name)


@pytest.mark.parametrize("name", GOLDENS)
def test_nothing_is_assigned_and_never_read(name: str) -> None:
    """Every attribute that a constructor sets is read in `forward`, and every argument is used."""
    for node in ast.parse(specgen.compile(name).emit()).body:
        if not isinstance(node, ast.ClassDef) or hasattr(modules, node.name):
            continue
        methods = {method.name: method for method in node.body if isinstance(method, ast.FunctionDef)}
        attributes = [inner for inner in ast.walk(node) if isinstance(inner, ast.Attribute)]
        own = [a for a in attributes if isinstance(a.value, ast.Name) and a.value.id == "self"]
        stored = {a.attr for a in own if isinstance(a.ctx, ast.Store)}
        assert stored <= {a.attr for a in own if isinstance(a.ctx, ast.Load)}
        arguments = {argument.arg for argument in methods["__init__"].args.args} - {"self"}
        read = {inner.id for inner in ast.walk(methods["__init__"]) if isinstance(inner, ast.Name)}
        assert arguments <= read


# --- what PyTorch does with models -------------------------------------------------------------------


QUICK = ("birds_planes", "unet")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_both_compile_export_trace_copy_and_pickle(name: str, load_module: Any) -> None:
    network = small(name)
    x = sample(network)
    for model in (built(network), emitted(network, load_module)):
        model.eval()
        with torch.no_grad():
            wanted = model(x)
            assert torch.equal(copy.deepcopy(model)(x), wanted)
            assert torch.equal(pickle.loads(pickle.dumps(model))(x), wanted)
            assert torch.equal(torch.fx.symbolic_trace(model)(x) if name != "vit_b_32" else wanted, wanted)
            assert torch.equal(torch.export.export(model, (x,)).module()(x), wanted)
            assert torch.equal(torch.compile(model, fullgraph=True, backend="eager")(x), wanted)
        assert_equal_states(copy.deepcopy(model), model)
        assert_equal_states(pickle.loads(pickle.dumps(model)), model)


# --- two uses of a block -----------------------------------------------------------------------------

#: A block whose cases depend on a number, a flag and a word, in every form that a condition has.
CASES = """
block b(n, wide=false, kind=relu) {
  if n == 1 { conv 4 k=1 }
  else if n + 1 < 4 and not wide { conv 4 k=1 g=n }
  else if wide or n > 4 { ln }
  else { conv 4 }
  if n >= 2 and 12 / (n - 1) > 3 { residual when n <= 3 { conv 4 k=1 linear } }
  if not (n != 5) or true and wide { repeat n { conv 4 k=1 bn } }
  if kind == gelu { gelu } else if 2*n == 4 { tanh }
  residual when n != 3 { conv 4 linear }
}
"""
USES = ["1", "2", "3", "5", "2 wide=true", "5 wide=true", "3 kind=gelu"]


@pytest.mark.parametrize(("first", "second"), list(product(USES, USES)))
def test_two_uses_of_a_block_with_conditions(first: str, second: str, load_module: Any) -> None:
    """Whether they share a class or not, each has the layers of its own cases."""
    text = f"input 4x5x5\n{CASES}cat {{ b {first} | b {second} }}"
    network = specgen.compile(text=text)
    x = sample(network)
    one, other = built(network), emitted(network, load_module)
    assert_equal_states(one, other)
    assert torch.equal(one(x), other(x))


#: What a block has behind its first convolution, and whether the emitted class has a condition for it.
CONDITIONS = {
    "if n != 1 { conv 4 k=1 }": True,
    "if not n == 1 { conv 4 k=1 }": True,
    "if not (n == 1 and true) { conv 4 k=1 }": True,
    "if act != relu { } else if n != 1 { conv 4 k=1 }": False,
    "if act == relu { if n != 1 { conv 4 k=1 } }": False,
    "if not (act == silu) { if n != 1 { conv 4 k=1 } }": False,
    "g: { if n != 1 { conv 4 k=1 } }": False,
}


@pytest.mark.parametrize("around", ["{}", "g: {{ {} }}", "a: {{ g: {{ {} }} }}"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_in_a_block_holds_for_other_arguments(
    condition: str, around: str, load_module: Any
) -> None:
    """Uses share a class that can say the condition; another value of what it takes gives its network."""
    text = f"param m = 1\ninput 4x5x5\nblock b(n, act) {{ conv 4; {condition} }}\n"
    text += around.format("b 2 relu; b m silu")
    network = specgen.compile(text=text)
    assert ("        if " in network.emit()) is CONDITIONS[condition]
    if "m" not in network.fixed:
        wanted = built(specgen.compile(text=text, m=2))
        assert_equal_states(emitted(network, load_module, m=2), wanted)


def test_a_fraction_that_comes_out_whole_is_a_whole_number(load_module: Any) -> None:
    network = specgen.compile(text="input 3x8x8\nparam c = 8\nconv 0.5*c\nrepeat 1 { conv 1.5*c k=1 }")
    assert "int(0.5 * c)" in network.emit()
    wider = emitted(network, load_module, c=16)
    assert [module.out_channels for module in wider if isinstance(module, nn.Conv2d)] == [8, 24]


# --- params ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("resnet18", {"num_classes": 7}),
        ("squeezenet1_1", {"num_classes": 3}),
        ("mobilenet_v3_small", {"num_classes": 5, "last": 64}),
        ("unet", {"width": 6}),
        ("unet", {"width": 2, "num_classes": 5}),
        ("vit_b_32", {"rate": 0.3}),
        ("vit_b_32", {"width": 32, "num_heads": 4, "num_classes": 2}),
        ("convnext_tiny", {"width": 4, "drop_path": 0.7}),
    ],
)
def test_a_param_that_feeds_sizes_stays_an_argument(
    name: str, settings: dict[str, Any], load_module: Any
) -> None:
    fixed = {"vit_b_32": {"depth": 2}, "convnext_tiny": {"depth": 2}}.get(name, {})
    network = specgen.compile(name, input=SMALL[name], **fixed)  # type: ignore[arg-type]
    wanted = built(specgen.compile(name, input=SMALL[name], **fixed, **settings))  # type: ignore[arg-type]
    model = emitted(network, load_module, **settings)
    assert_equal_states(model, wanted)
    x = sample(network)
    for training in (False, True):
        torch.manual_seed(0)
        ours = model.train(training)(x)
        torch.manual_seed(0)
        assert torch.equal(ours, wanted.train(training)(x))


def test_a_param_that_shapes_the_structure_is_named_in_the_docstring(load_module: Any) -> None:
    text = "input 3x8x8\nparam n = 2\nparam norm = bn\nparam wide = true\nparam c = 4\n"
    text += "repeat n { conv c norm=norm }\n"
    text += "if wide { conv 8 }\n"
    network = specgen.compile(text=text)
    module = load_module(network.emit(), "emitted_fixed")
    assert "Fixed when it was generated: n=2, norm=bn, wide=true.\n" in (module.__doc__ or "")
    assert list(module.Network.__init__.__annotations__) == ["c", "return"]
    with pytest.raises(TypeError):
        module.Network(n=3)


def test_no_params_and_no_fixed_line() -> None:
    assert "Fixed" not in specgen.compile(text="input 3x8x8\nparam c = 4\nconv c").emit()


# --- names -------------------------------------------------------------------------------------------


def test_no_param_can_hide_what_a_constructor_calls() -> None:
    own = {
        name for name, value in vars(modules).items() if getattr(value, "__module__", "") == modules.__name__
    }
    assert own <= CALLED_NAMES
    for name in sorted(CALLED_NAMES):
        for text in (
            f"param {name} = 4",
            f"network {name}",
            f"variant {name}",
            f"block b({name}) {{ conv 4 }}",
        ):
            with pytest.raises(specgen.SpecError):
                specgen.compile(text=f"input 3x8x8\n{text}\nconv 4")


@pytest.mark.parametrize(
    "text",
    [
        "param Cell = 8\nblock cell(c) { conv c }\ncell Cell; conv Cell",
        "block cell(Part) { conv Part }\nblock part(c) { conv c }\ncell 4; part 4",
        "block cell(c) { has_shortcut: conv c; out: relu; x: bn\n"
        "residual when c == 4 { conv 4 } }\ncell 4; cell 8",
        "init conv normal\ninit_weights: conv 4\ninit_weights_: conv 4",
        "network Cell\nblock cell(c) { conv c }\ncell 4",
        "block a(x, out, branch1, part1) { conv x\n"
        "cat { conv out; conv branch1; conv part1 | conv 4; conv 4; conv 4 } }\na 4 4 4 8",
    ],
)
def test_names_do_not_collide(text: str, load_module: Any) -> None:
    network = specgen.compile(text=f"input 3x8x8\n{text}")
    assert_equal_states(emitted(network, load_module), built(network))
    x = sample(network)
    assert torch.equal(emitted(network, load_module).eval()(x), built(network).eval()(x))


def test_blocks_may_be_nested_through_labelled_joins(load_module: Any) -> None:
    text = "input 4x4x4\nblock b { x1: add { conv 4 | conv 4 } }\nblock c { x2: mul { b | conv 4 } }\n"
    network = specgen.compile(text=f"{text}x3: add {{ c | conv 4 }}\nx4: mul {{ c | conv 4 }}")
    assert_equal_states(emitted(network, load_module), built(network))


# --- hostile text ------------------------------------------------------------------------------------

HOSTILE = (
    'a """ closes the string',
    "ends with a backslash \\",
    '\\""" + __import__("os").system("true") + """',
    "# coding: rot13",
    "-*- coding: utf-7 -*-",
    "{{ 7 * 7 }} {% raw %} {# x #}",
    "%s %(x)s {x}",
    "\\N{BULLET} \\x41 \\u0041 \\U00000041",
    'quote "',
    'two quotes ""',
    "'''",
    "ünïcödé 中文 ∑ ≤",
    "tab\there",
    "trailing space   ",
    "a" * 300,
    "import os; os.system('true')",
    '"""\nimport os\n"""',
    "\\",
    '\\"',
    "\\\\",
    '"',
    '""',
    '"""',
    '""""',
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["first", "last", "alone"])
def test_descriptions_stay_text(text: str, place: str, load_module: Any) -> None:
    comment = [f"# {line}" for line in text.split("\n")]
    above = {"first": [*comment, "# more"], "last": ["# more", *comment], "alone": comment}[place]
    source = "\n".join([*above, "network Net", "input 3x8x8", "conv 4"])
    network = specgen.compile(text=source)
    emitted_text = network.emit()
    assert len(ast.parse(emitted_text).body) == 4  # docstring, import, __all__, class
    module = load_module(emitted_text, "emitted_hostile")
    said = " ".join((module.__doc__ or "").split())
    assert " ".join(network.description.expandtabs(4).split()) in said
    assert not hasattr(module, "os")
    assert sum(p.numel() for p in module.Net().parameters()) == network.params


@pytest.mark.parametrize(
    "name",
    [
        "new\nline.spec",
        "car\rriage.spec",
        'quo"te.spec',
        '"""; import os; """.spec',
        "back\\slash.spec",
        "e\x1b[31mscape.spec",
        "# coding: rot13.spec",
        "ünï.spec",
        "sep\u2028arator.spec",
        "nul\x00.spec",
        "a b.spec",
        "{{ x }}.spec",
        "'.spec",
        "\\N{BULLET}.spec",
        "\udc80.spec",
    ],
)
def test_file_names_stay_text(name: str) -> None:
    network = specgen.compile(text="# A net.\nnetwork Net\ninput 3x8x8\nconv 4")
    named = network.but(source=name)
    text = named.emit()
    assert len(ast.parse(text).body) == 4
    assert all(char.isprintable() or char == "\n" for char in text)
    assert text.replace(f" from {ascii(name)[1:-1]}", "").count("\n") == network.emit().count("\n")


# --- the guard ---------------------------------------------------------------------------------------

#: How each emitted file begins.
HEAD = '"""A: 3 to 3.\n\n"""\n\n'

ALLOWED = (
    f"{HEAD}import torch\nfrom torch import Tensor, nn\n\n\n"
    "class A(nn.Module):\n    def forward(self, x: Tensor) -> Tensor:\n        {}\n        return x\n"
)

REFUSED = (
    "import os",
    "import torch as t",
    "from os import path",
    "from . import x",
    "from torch.utils import data",
    "open('x')",
    "eval('1')",
    "exec('1')",
    "__import__('os')",
    "getattr(nn, 'x')",
    "torch.load('x')",
    "torch.hub.load('x')",
    "x.__class__",
    "x.__dict__",
    "nn.Module.__subclasses__()",
    "torch.save(x, 'f')",
    "torch.ops.load_library('x')",
    "torch.jit.load('x')",
    "lambda: 1",
    "[y for y in x]",
    "{y: 1 for y in x}",
    "{1: 2}",
    "{1, 2}",
    "while x: pass",
    "with x: pass",
    "del x",
    "global x",
    "assert x",
    "raise x",
    "raise KeyError(x)",
    "raise ValueError(x) from x",
    "raise",
    "try:\n            x\n        except x:\n            x",
    "(y := x)",
    "await_(x)",
    "yield x",
    "print(x)",
    "nn.init._no_grad_zero_",
    "torch._C",
    "x = _y",
    "undefined",
    "input()",
    "breakpoint()",
    "help()",
    "type(x)",
    "object()",
    "torch.serialization.load('x')",
    "torch.package",
    "torch.multiprocessing",
    "match x:\n            case 1:\n                x",
    "x @= x; import sys",
)


def test_the_guard_lets_an_architecture_pass() -> None:
    check_source(ALLOWED.format("x = torch.cat((x, x), dim=1)"))


@pytest.mark.parametrize("line", REFUSED)
def test_the_guard_refuses(line: str) -> None:
    with pytest.raises(EmissionError):
        check_source(ALLOWED.format(line))


@pytest.mark.parametrize(
    "name", "load save hub serialization jit ops classes utils package multiprocessing".split()
)
def test_the_guard_refuses_what_an_architecture_has_no_use_for(name: str) -> None:
    with pytest.raises(EmissionError, match=f"it mentions {name}"):
        check_source(ALLOWED.format(f"x = torch.{name}"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import os", "it mentions os"),
        ("import torch as nn", "it mentions torch"),
        ("from os import path", "it mentions os"),
        ("from . import x", "it mentions None"),
        ("from .torch import nn", "it mentions torch"),
        ("undefined", "it mentions undefined"),
        ("torch.load", "it mentions load"),
        ("x.__class__", "it mentions __class__"),
        ("lambda: 1", "it holds a Lambda"),
        ("@x\n        def f(): x", "it mentions a decorator"),
        ("x = (", "it does not compile: "),
    ],
)
def test_the_guard_says_what_it_found(line: str, said: str) -> None:
    with pytest.raises(EmissionError) as caught:
        check_source(ALLOWED.format(line))
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    "text",
    [
        "x = (",
        "@nn.x\nclass A:\n    x = 1\n",
        "async def f():\n    pass\n",
        "a\x00b",
        "(" * 500,
        "class A(metaclass=B):\n    x = 1\n",
        "\udc80",
    ],
)
def test_the_guard_refuses_texts(text: str) -> None:
    with pytest.raises(EmissionError):
        check_source(HEAD + text)


@pytest.mark.parametrize("head", ["# coding: utf-7\n", '"""A: 3 to 3.\n# coding: utf-7\n', "", '"""A\n\n'])
def test_the_guard_knows_the_first_two_lines(head: str) -> None:
    with pytest.raises(EmissionError, match="does not begin with its title"):
        check_source(ALLOWED.replace('"""A: 3 to 3.\n\n', head).format("x = x + x"))


def test_uses_share_a_class_where_one_condition_is_right_in_all() -> None:
    """Of a use without a stride the projection asks for the channels, of another for the stride as well."""
    network = specgen.compile(
        text="input 16x8x8\nblock b(c, se=false, s=1) {\n"
        "residual { conv c; if s > 1 { dwconv s=s linear }; if se { gate: scale 1 } }"
        " else { conv c k=1 s=s linear }\n}\n"
        "b 16; b 24 s=2; b 24 se=true; b 32 se=true s=2; b 48 se=true"
    )
    text = network.emit()
    assert text.count("(nn.Module):") == 2  # `B` and `Scale`
    assert "if s != 1 or in_channels != c:" in text


def test_padding_that_keeps_the_size_is_written_as_the_dilation() -> None:
    text = specgen.compile(text="input 3x32\nblock b(d) { conv 8 d=d }\nb 2; b 4").emit()
    assert "padding=d, dilation=d" in text

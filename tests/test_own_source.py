"""In specgen's own source, text from outside is never evaluated and never names what is called or written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "specgen"

#: What evaluates or unpickles text, loads code, starts programs, asks the network, or makes files elsewhere.
FORBIDDEN_MODULES = frozenset(
    "builtins code codeop ctypes dill imp importlib jinja2 joblib marshal multiprocessing pickle pickletools "
    "pkgutil pty runpy shelve socket subprocess tempfile urllib webbrowser zipimport".split()
)  # fmt: skip

#: Python's own functions of which not even the name may be mentioned.
FORBIDDEN_NAMES = frozenset(
    ("__builtins__", "__import__", "__loader__", "breakpoint", "compile", "eval", "exec", "open")
)

#: Functions that take the name of an attribute or of a module, and as which argument: it has to be a literal.
BY_NAME = {
    "getattr": 1, "setattr": 1, "delattr": 1, "attrgetter": 0, "methodcaller": 0, "__setattr__": 1,
    "import_module": 0, "find_spec": 0, "globals": 0, "locals": 0, "vars": 0,
}  # fmt: skip

#: Attributes of anything by which text becomes code, a program is started, or a file is written.
FORBIDDEN_ATTRIBUTES = frozenset(
    "__builtins__ __code__ __dict__ __globals__ __import__ __reduce__ __subclasses__ execl execle execlp "
    "execv execve execvp execvpe fork forkpty format_map from_string hub jit makedirs mkdir open popen "
    "posix_spawn posix_spawnp render spawnl spawnv startfile symlink system write_bytes write_text".split()
)

#: What is allowed all the same: the module, what stands there, and why no text from outside decides it.
ALLOWED = {
    # modules by names that stand in the source
    ("__init__.py", "import importlib"): "for the exports",
    ("__init__.py", "import_module(_HOMES[name])"): "a table in that module",
    ("__init__.py", "getattr(import_module(_HOMES[name]), name)"): "the key of the same table",
    ("__init__.py", "globals()[name]"): "the key of the same table",
    ("__init__.py", "globals()"): "read for `dir(specgen)`",
    ("cli/__init__.py", "import importlib"): "for the commands",
    ("cli/__init__.py", "import_module(f'specgen.cli.{module}')"): "a table in that module",
    ("cli/__init__.py", "getattr(import_module(f'specgen.cli.{module}'), name)"): "the same table",
    ("resources.py", "import importlib"): "for `importlib.resources`, where there are no paths",
    ("backends/torch.py", "import importlib"): "for the modules of layers",
    ("backends/torch.py", "import_module(module)"): "`Layer.modules`, which the layer's class says",
    ("backends/torch.py", "vars(import_module(module))"): "the same; `Call.name`, which the layer says",
    ("backends/torch.py", "getattr(nn, name, None)"): "`Call.name`, which the layer says",
    ("backends/torch.py", "getattr(nn.init, f'{reach.rule.function}_')"): "a rule that has been checked",
    ("backends/sources.py", "import importlib.util"): "to find the source of a layer's module",
    ("backends/sources.py", "find_spec(module)"): "`Layer.modules`, which the layer's class says",
    ("layers/registry.py", "import importlib.metadata"): "installed packages are code, and run",
    # attributes by names that stand in the source
    ("backends/fills.py", "getattr(empty, method)"): "a method among those that fill",
    ("backends/fills.py", "getattr(part, name)"): "a method among those that fill",
    ("cli/sweep.py", "getattr(result, name)"): "the figures of a corner",
    ("comparison.py", "getattr(old.layer, name)"): "a layer's options",
    ("comparison.py", "getattr(new.layer, name)"): "a layer's options",
    ("grid.py", "getattr(node, one.name)"): "the fields of a dataclass",
    ("grid.py", "getattr(result, name)"): "the figures of a corner",
    ("ir.py", "getattr(self, one.name)"): "the fields of a dataclass",
    ("ir.py", "self.__dict__"): "the fields of a frozen network",
    ("ir.py", "network.__dict__"): "the fields of a frozen network",
    ("ir.py", "vars(NETWORK.validate_python(parts, strict=False))"): "the fields of a checked network",
    ("json_form.py", "globals()"): "the types that annotations name",
    ("layers/base.py", "getattr(self, name)"): "a layer's options",
    ("layers/base.py", "self.__dict__"): "a layer's options",
    ("layers/base.py", "other.__dict__"): "a layer's options",
    ("layers/base.py", "vars(cls)"): "defaults of a layer's options",
    ("layers/fields.py", "vars(layer)"): "defaults of a layer's options",
    ("layers/conv.py", "getattr(self, name)"): "a layer's options",
    ("parser.py", "vars(_Builder)"): "the methods of that class",
    ("parser.py", "getattr(_BUILDER, name)"): "the methods of that class",
    ("views/explainer.py", "getattr(step.layer, name)"): "a layer's options",
    ("views/facts.py", "getattr(step.layer, name)"): "a layer's options",
    # the one text that becomes Python
    ("backends/guard.py", "compile"): "to see whether what is emitted compiles; it is not run",
    ("backends/python.py", "import jinja2"): "the templates",
    ("backends/python.py", "environment.from_string"): "a shipped template",
    ("backends/python.py", "_template('class').render"): "classes, which become a value of the module",
    ("backends/python.py", "_template('module').render"): "the module, which the guard looks at",
    ("views/formats.py", "import urllib.parse"): "to quote a path",
    # the places that open files; only the first one writes them
    ("source.py", "os.open"): "reads what has been looked at, and makes what is renamed",
    ("source.py", "open"): "the same, by its number",
    ("cli/console.py", "os.open"): "`/dev/null`, for output that nobody takes",
    ("tables.py", "Path(__file__).parent.parent.joinpath('grammars', _FILE).write_text"): "run by hand",
    ("shipped.py", "Path(__file__).parent.parent.joinpath(_FOLDER, _FIGURES).write_text"): "run by hand",
}  # fmt: skip


def suspicious(text: str) -> Iterator[str]:
    """What in a module may turn text into code or into files: each mention as it is written."""
    tree = ast.parse(text)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    called = {id(call.func) for call in calls}
    forbidden = FORBIDDEN_NAMES - _own_names(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (f"import {one.name}" for one in names if _is_forbidden(one.name))
            case ast.ImportFrom(module=str(module), names=names) if not module.startswith("specgen"):
                yield from [f"import {module}"] * _is_forbidden(module)
                yield from (f"from {module} import {one.name}" for one in names if one.name in _ANYWHERE)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in BY_NAME:
                place = BY_NAME[name]
                if not all(isinstance(one, ast.Constant) for one in node.args[place : place + 1] or [None]):
                    yield ast.unparse(node)
            case ast.Call(func=ast.Attribute(attr="load", value=ast.Name(id="torch")), keywords=keywords):
                if "weights_only=True" not in map(ast.unparse, keywords):
                    yield ast.unparse(node)
            case ast.Name(id=name) if name in forbidden:
                yield name
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in BY_NAME and id(node) not in called:
                yield ast.unparse(node)
            case ast.Attribute(attr=name) if name in FORBIDDEN_ATTRIBUTES:
                yield ast.unparse(node)
            case ast.Subscript(value=ast.Call(func=ast.Name(id="globals"))):
                yield ast.unparse(node)


_ANYWHERE = FORBIDDEN_ATTRIBUTES | FORBIDDEN_NAMES - {"compile"}


def _is_forbidden(module: str) -> bool:
    return module.partition(".")[0] in FORBIDDEN_MODULES


def _own_names(tree: ast.Module) -> set[str]:
    """What stands for a function of specgen's own: `specgen.compile` is one."""
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("specgen"):
            own |= {alias.asname or alias.name for alias in node.names}
    return own


def test_text_never_becomes_code_or_files_but_where_it_is_allowed() -> None:
    found = {
        (path.relative_to(PACKAGE).as_posix(), mention)
        for path in PACKAGE.rglob("*.py")
        for mention in suspicious(path.read_text("utf-8"))
    }
    assert sorted(found - ALLOWED.keys()) == [], "put a reason on the list, or do without"
    assert sorted(ALLOWED.keys() - found) == [], "these are on the list and no longer in the source"


@pytest.mark.parametrize(
    "planted",
    [
        "eval(x)",
        "f = eval",
        "exec(x, {})",
        "compile(x, '', 'exec')",
        "import pickle",
        "import marshal as m",
        "from shelve import open",
        "import importlib",
        "from importlib import import_module",
        "import_module(name)",
        "importlib.import_module('torch.' + name)",
        "__import__(name)",
        "__builtins__['eval']",
        "import builtins",
        "getattr(x, name)",
        "getattr(x, f'{name}')",
        "getattr(x, *names)",
        "read = getattr",
        "map(operator.attrgetter, names)",
        "attrgetter(name)(x)",
        "setattr(x, name, 1)",
        "object.__setattr__(x, name, 1)",
        "vars(x)[name]",
        "x.__dict__[name]",
        "globals()[name]()",
        "().__class__.__base__.__subclasses__()",
        "import os\nos.system(x)",
        "from os import system",
        "os.posix_spawn(x, [], {})",
        "import subprocess",
        "from multiprocessing import Pool",
        "import tempfile",
        "from urllib.request import urlopen",
        "open(x, 'w')",
        "Path(x).write_text('')",
        "os.makedirs(x)",
        "from jinja2 import Template",
        "environment.from_string(x)",
        "_template('class').render(x=x)",
        "x.format_map(y)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
        "torch.hub.load(x)",
        "def f():\n    if x:\n        return [eval(y) for y in x]",
    ],
)
def test_the_search_finds_what_is_planted(planted: str) -> None:
    assert list(suspicious(planted))


@pytest.mark.parametrize(
    "harmless",
    [
        "getattr(x, 'name', None)",
        "object.__setattr__(x, 'name', 1)",
        "model.eval()",
        "re.compile(x)",
        "from specgen.compiler import compile\ncompile(x)",
        "def compile(source): ...\ncompile(x)",
        "from specgen.diagnostics import render\nrender(x)",
        "torch.load(x, weights_only=True)",
        "'eval(x)'  # eval(x)",
        "'{}'.format(x)",
    ],
)
def test_the_search_leaves_out_what_is_harmless(harmless: str) -> None:
    assert list(suspicious(harmless)) == []

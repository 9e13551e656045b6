"""Strings that mean something elsewhere, through every slot that takes text from outside.

Nothing of them runs, nothing that cannot be printed is printed, no line of what is printed is theirs, and a
file that is emitted has the same syntax tree as for a harmless word.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import json
import os
import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click

import specgen
from specgen import cli
from specgen.backends.guard import check_source
from specgen.compiler import analyse
from specgen.diagnostics import NetworkError, SpecError, WeightsError
from specgen.ir import Network

from .answers import answer
from .kind import Kind
from .printed import clean, complaint_about, complaint_about_format, complaint_about_html

#: What code in a payload would leave behind if it ran.
MARK = "SPECGEN_FUZZ_RAN"

_RUN = f"__import__('builtins').__dict__.__setitem__('{MARK}', 1)"

PAYLOADS = (
    # Python
    _RUN, f"\n{_RUN}\n", f'"""\n{_RUN}\n"""', f"'''; {_RUN} #", f"\\\"\"\"\n{_RUN}\n", f"1; {_RUN}",
    f"[{_RUN}]", f"lambda: {_RUN}", f"\\N{{LATIN SMALL LETTER A}}\n{_RUN}", '"""', "'''", '"', "'",
    "\\", "\\\"\"\"",
    "#!/usr/bin/python\n", "# -*- coding: utf-7 -*-", "# coding: rot13", "from __future__ import braces",
    "__class__", "__init__", "self", "super", "nn", "torch", "Tensor", "None", "True", "lambda", "exec",
    "eval",
    "os.system('id')", "getattr(x, 'y')", "a.b.c", "x" * 600,
    # templates and formats
    "{{ 7*7 }}", "{% raw %}", "{{ self.__init__.__globals__ }}", "{#", "%}", "{0.__class__}",
    "{x!r:>{y}}", "%s%n%d",
    "${7*7}", "$(id)", "`id`", "<% x %>", "{", "}", "{}", "[bold red]x[/]", "[link=http://x]y[/link]",
    "[/]",
    # terminals and Unicode
    "\x1b[31mred", "\x1b]0;title\x07", "\x1b[2J\x1b[H", "\x9b31m", "\x07", "\x08\x08", "\r", "\r\n",
    "\x00", "\x7f",
    "\u202eevil", "\u2066x\u2069", "\u200b", "\ufeff", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\ud800",
    "ｆｕｌｌ", "ﬁ", "ℌ", "é", "e\u0301", "漢字", "😀", "ᵢₙ", "١٢", "\U000e0041", "\xad", "а",
    # other lines of what is printed
    "\nerror[forged]: x", "\n  --> a.spec:1:1", "\n::error file=a::x", "::error::x",
    "::set-output name=a::b",
    "%0A::error::x", ",title=x::y", "]]>", "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&lt;", "javascript:alert(1)", "| a | b |", "](http://x)", "<!--", "'; DROP TABLE x; --", "' OR '1'='1",
    '{"a": 1}', '","x":"', "\\u0022", "\\x41", "\\n", "\\",
    # paths and options
    "../../../etc/passwd", "/etc/passwd", "..\\..\\x", "C:\\x", "file:///etc/passwd", "~", "~root", "-",
    "--help",
    "-o", "--set", "/dev/zero", "/dev/stdin", "con", "nul.txt", ".", "..", "a/b", "a\\b", " ", "", "*",
    "?", "a b",
    # numbers
    "9" * 400, "-1", "1e999", "nan", "inf", "0x10", "1_000", "1j", "--1", "1.", "0" * 50, "3x" * 100 + "3",
)  # fmt: skip


@dataclass
class Injected:
    """A payload in a slot, or in two."""

    slot: str
    payload: str


#: A spec with every place that text goes in, by the name of the slot.
PLACES = {
    "description": "# {}\nnetwork N\ninput 3x8x8\nconv 4\n",
    "comment": "network N\ninput 3x8x8\nconv 4 # {}\n",
    "last comment": "network N\ninput 3x8x8\nconv 4\n# {}",
    "network": "network {}\ninput 3x8x8\nconv 4\n",
    "param": "param {} = 4\ninput 3x8x8\nconv 4\n",
    "param's value": "param width = {}\ninput 3x8x8\nconv 4\n",
    "variant": "param width = 4\nvariant {} width=8\ninput 3x8x8\nconv width\n",
    "let": "input 3x8x8\nlet {} = 4\nconv 4\n",
    "label": "input 3x8x8\n{}: conv 4\n",
    "group": "input 3x8x8\n{}: {{ conv 4 }}\n",
    "block": "input 3x8x8\nblock {}() {{ conv 4 }}\n",
    "used block": "input 3x8x8\nblock {0}() {{ conv 4 }}\n{0}\n",
    "argument": "input 3x8x8\nblock b({}) {{ conv 4 }}\n",
    "layer": "input 3x8x8\n{} 4\n",
    "option": "input 3x8x8\nconv 4 {}=3\n",
    "value": "input 3x8x8\nconv 4 k={}\n",
    "flag": "input 3x8x8\nconv 4 {}\n",
    "function": "input 3x8x8\nconv {}(4, 4)\n",
    "init": "input 3x8x8\ninit conv {}\nconv 4\n",
    "input": "input {}\nconv 4\n",
    "expect": "input 3x8x8\nconv 4\nexpect {}\n",
    "condition": "input 3x8x8\nif in == {} {{ conv 4 }}\n",
    "anywhere": "input 3x8x8\n{}\nconv 4\n",
    "silenced": "input 3x8x8\nconv 4 # ok: {}\n",
}

#: A spec that takes all that comes by Python or by the command line.
TAKING = (
    "# A network.\nnetwork Net\nparam width = 4\nparam act = relu\nvariant Wide width=8\ninput 3x8x8\n"
    "conv width act=act\nstem: { conv 4 }\nfc 2\n"
)


class Injection(Kind[Injected]):
    """Payloads, alone, joined or inside a word, through each slot."""

    name = "injection"
    ending = ".json"

    def __init__(self) -> None:
        self.tally: Counter[str] = Counter()
        self.slots: dict[str, Callable[[str], str]] = {
            **{f"text: {place}": _in_text(place) for place in PLACES},
            "python: param": _python_param, "python: word": _python_word, "python: input": _python_input,
            "python: variant": _python_variant, "python: source": _python_source,
            "python: errors": _python_errors, "python: sweep": _python_sweep,
            "json": _json, "weights": _weights, "name of weights": _name_of_weights,
            "page": _page, "coloured": _coloured,
            **{f"command: {name}": _command(parts) for name, parts in COMMANDS.items()},
            **{f"option: {' '.join(parts)}": _command(parts) for parts in _options()},
            **{f"printed: {' '.join(parts)}": _printed(parts) for parts in PRINTED},
            **{f"file name: {' '.join(parts)}": _file_name(parts) for parts in FILES},
            **{f"written: {' '.join(parts)}": _written(parts) for parts in WRITTEN},
        }  # fmt: skip

    def draw(self, chance: random.Random) -> Injected:
        payload = chance.choice(PAYLOADS)
        match chance.randrange(6):
            case 0:
                payload = f"a{payload}b"
            case 1:
                payload += chance.choice(PAYLOADS)
            case 2:
                at = chance.randrange(len(payload) + 1)
                payload = payload[:at] + chance.choice(PAYLOADS)[:30] + payload[at:]
        return Injected(chance.choice(list(self.slots)), payload)

    def complaint(self, case: Injected) -> str | None:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), warnings.catch_warnings():
            warnings.simplefilter("ignore", specgen.SpecWarning)
            found = self.slots[case.slot](case.payload)
            left = os.listdir(folder)
        if hasattr(builtins, MARK):
            delattr(builtins, MARK)
            return "it ran"
        if left and not case.slot.startswith("file name"):
            return f"it left {left}"
        self.tally["accepted" if found == "accepted" else "refused"] += 1
        return None if found in ("", "accepted") else f"{case.slot}: {found}"

    def dump(self, case: Injected) -> bytes:
        return (json.dumps(asdict(case)) + "\n").encode("ascii")

    def load(self, data: bytes) -> Injected:
        return Injected(**json.loads(data))


# --- what may come back ------------------------------------------------------------------------------


def _answered(ask: Callable[[], Any]) -> str:
    """What is wrong with the answer to a call: `accepted` if it was taken, and is emitted as it should be."""
    found = answer(ask)
    if found.complaint:
        return found.complaint
    return _emitted(found.network) if found.network is not None else ""


def _emitted(network: Network) -> str:
    text = network.emit()
    check_source(text)
    if not all(char.isprintable() or char == "\n" for char in text):
        return f"it emits what cannot be printed: {text[:300]!r}"
    if MARK in _without_docstrings(text):
        return f"it emits code from outside: {text[:2000]}"
    return "accepted"


def _without_docstrings(text: str) -> str:
    """The syntax tree of a module without its docstrings and comments."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            del body[0]
    return ast.dump(tree)


@cache
def _harmless(place: str) -> str:
    network, _ = analyse(text=PLACES[place].format("harmless"))
    return _without_docstrings(network.emit())


def _in_text(place: str) -> Callable[[str], str]:
    def ask(payload: str) -> str:
        text = PLACES[place].format(payload)
        found = _answered(lambda: analyse(text=text))
        if found == "accepted" and place in ("description", "comment", "last comment", "silenced"):
            only_comment = len(payload.splitlines()) <= 1
            network, _ = analyse(text=text)
            if only_comment and _without_docstrings(network.emit()) != _harmless(place):
                return f"a comment changes what is emitted: {network.emit()}"
        return found

    return ask


def _python_param(payload: str) -> str:
    return _answered(lambda: analyse(text=TAKING, **{payload: 1})) if _is_new(payload) else ""


def _is_new(name: str) -> bool:
    return name not in ("source", "text", "input", "variant", "limits")


def _python_word(payload: str) -> str:
    return _answered(lambda: analyse(text=TAKING, act=payload))


def _python_input(payload: str) -> str:
    return _answered(lambda: analyse(text=TAKING, input=payload))


def _python_variant(payload: str) -> str:
    return _answered(lambda: analyse(text=TAKING, variant=payload))


def _python_source(payload: str) -> str:
    return _answered(lambda: analyse(payload)) if _is_no_file(payload) else ""


def _is_no_file(payload: str) -> bool:
    """Whether a payload, taken for a path, names nothing that exists; and is not standard input."""
    try:
        return payload != "-" and not os.path.exists(payload)
    except ValueError:
        return True


def _python_errors(payload: str) -> str:
    """What is said of values that no function takes."""
    network, _ = analyse(text=TAKING)
    for ask in (
        lambda: network.build(device=payload), lambda: network.build(dtype=payload),
        lambda: network.build(init=payload), lambda: network.build(optimize=payload),
        lambda: network.emit(optimize=payload), lambda: network.summary(columns=payload),
        lambda: network.summary(dtype=payload), lambda: network.summary(optimizer=payload),
    ):  # fmt: skip
        try:
            ask()
        except (ValueError, RuntimeError) as error:
            if wrong := complaint_about(str(error)):
                return wrong
    return ""


def _python_sweep(payload: str) -> str:
    """Rows of a sweep over a payload, as a value of each kind."""
    for name in ("width", "act", "input", "variant", payload):
        try:
            rows = list(specgen.sweep(None, {name: [payload]}, text=TAKING))
        except (SpecError, ValueError) as error:
            found = str(error)
        else:
            found = "\n".join(str(row.error or "") for row in rows)
        if wrong := complaint_about(found):
            return wrong
    return ""


# --- pages ---------------------------------------------------------------------------------------


def _page(payload: str) -> str:
    """What a notebook shows of a network with a payload in it."""
    for place in PLACES.values():
        try:
            network, _ = analyse(text=place.format(payload))
        except SpecError:
            continue
        if wrong := complaint_about_html(network._repr_html_()):
            return wrong
    return ""


def _coloured(payload: str) -> str:
    """A spec with a payload in it as Pygments colours it."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter

    from specgen.highlight import SpecLexer

    text = PLACES["anywhere"].format(payload)
    return complaint_about_html(highlight(text, SpecLexer(), HtmlFormatter()))


# --- JSON and weights --------------------------------------------------------------------------------


@cache
def _as_json() -> str:
    return analyse(text=TAKING)[0].model_dump_json()


def _json(payload: str) -> str:
    """A network as JSON with one of its texts, or a key, replaced."""
    chance = random.Random(repr(payload))
    whole = json.loads(_as_json())
    places: list[tuple[Any, Any]] = []

    def collect(node: Any) -> None:
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            if isinstance(value, str) or chance.randrange(6) == 0:
                places.append((node, key))
            if isinstance(value, (dict, list)):
                collect(value)

    collect(whole)
    node, key = chance.choice(places)
    if isinstance(node, dict) and chance.randrange(4) == 0:
        node[payload] = node.pop(key)
    else:
        node[key] = payload
    try:
        network = Network.model_validate_json(json.dumps(whole))
    except (NetworkError, SpecError) as error:
        return "" if clean(str(error)) else f"not printable: {str(error)[:300]!r}"
    return _emitted(network)


def _weights(payload: str) -> str:
    """A key of a state dict, in Python and in a file."""
    import torch

    network, _ = analyse(text=TAKING)
    state = dict(network.build().state_dict())
    state[payload] = torch.zeros(1)
    torch.save(state, "weights.pt")
    for weights in (state, _saved(state), "weights.pt"):
        if weights is None:
            continue
        try:
            network.build(weights=weights)
            return "a key too many is taken"
        except WeightsError as error:
            if not clean(str(error)):
                return f"not printable: {str(error)[:300]!r}"
        finally:
            if isinstance(weights, str):
                os.unlink(weights)
    return ""


def _name_of_weights(payload: str) -> str:
    """A file of weights that is called like a payload: none, a damaged one, and one of another network."""
    network, _ = analyse(text=TAKING)
    path = "./" + payload.replace("/", "∕")[:60]
    try:
        if os.path.exists(path):
            return ""
        for content in (None, b"PK\x03\x04" + payload.encode("utf-8", "surrogatepass"), _other_weights()):
            if content is not None:
                Path(path).write_bytes(content)
            try:
                network.build(weights=path)
                return "weights of another network are taken"
            except WeightsError as error:
                if wrong := complaint_about(str(error)):
                    return wrong
        os.unlink(path)
    except (OSError, ValueError):
        pass  # the file system has no such name
    return ""


@cache
def _other_weights() -> bytes:
    from safetensors.torch import save

    return save(dict(analyse(text="input 2\nfc 3")[0].build().state_dict()))


def _saved(state: dict[str, Any]) -> str | None:
    from safetensors.torch import save_file

    try:
        save_file(state, "weights.safetensors")
    except Exception:  # the library's own: it does not take every key
        return None
    return "weights.safetensors"


# --- the command line --------------------------------------------------------------------------------

#: Arguments, with the payload where `{}` is; `SPEC` is the spec that takes all.
COMMANDS: dict[str, list[str]] = {
    "--set name": ["check", "SPEC", "--set", "{}=1"],
    "--set value": ["check", "SPEC", "--set", "width={}"],
    "--set word": ["emit", "SPEC", "--set", "act={}"],
    "--json": ["check", "SPEC", "--json", "--variant", "{}"],
    "github": ["check", "SPEC", "--format", "github", "--variant", "{}"],
    "sarif": ["check", "SPEC", "--format", "sarif", "--variant", "{}"],
    "short": ["check", "SPEC", "--format", "short", "--set", "width={}"],
    "command": ["{}"],
    "option": ["check", "SPEC", "--{}"],
    "explain line": ["explain", "SPEC:{}"],
    "summary memory": ["summary", "SPEC", "--fits", "{}", "--dtype", "float32"],
    "summary word": ["summary", "SPEC", "--markdown", "--set", "act={}"],
    "summary depth": ["summary", "SPEC", "--csv", "--depth", "{}"],
    "diff": ["diff", "SPEC", "SPEC", "--to-set", "width={}"],
    "diff other": ["diff", "SPEC", "./{}"],
    "diff markdown": ["diff", "SPEC", "SPEC", "--markdown", "--to-variant", "{}"],
    "diff settings": ["diff", "SPEC", "SPEC", "--markdown", "--set", " width = 8", "--to-set", "width=8{}"],
    "sweep value": ["sweep", "SPEC", "--set", "width={}"],
    "sweep word": ["sweep", "SPEC", "--set", "act={}"],
    "sweep condition": ["sweep", "SPEC", "--set", "width=4", "--where", "params < {}"],
    "sweep lines": ["sweep", "SPEC", "--jsonl", "--input", "{}"],
    "schema": ["schema", "SPEC", "--set", "act={}"],
    "sweep csv": ["sweep", "SPEC", "--csv", "--input", "{}"],
    "sweep variants": ["sweep", "SPEC", "--csv", "--variant", "{}"],
}  # fmt: skip

#: Every way to print a spec that holds a payload; `SPEC` is the one without.
PRINTED = (
    *(["check", "FILE", "--format", form] for form in ("text", "short", "github", "sarif", "json")),
    *(["summary", "FILE", *form] for form in ([], ["--markdown"], ["--csv"], ["--json"])),
    *(["diff", "FILE", "SPEC", *form] for form in ([], ["--markdown"], ["--json"])),
    *(["diff", "SPEC", "FILE", *form] for form in ([], ["--markdown"], ["--json"])),
    *(["sweep", "FILE", "--input", "3x8x8,3x9x9", *form] for form in ([], ["--csv"], ["--jsonl"])),
    *(["explain", "FILE", *form] for form in ([], ["--json"])),
    *(["fmt", "FILE", form] for form in ("--diff", "--check")),
    ["explain", "FILE:3"], ["emit", "FILE"], ["emit", "FILE", "--json"], ["schema", "FILE"],
    ["build", "FILE"],
)  # fmt: skip

#: What writes to a file that is called like a payload, or looks at one.
WRITTEN = (
    ["emit", "SPEC", "--out", "./PATH"], ["build", "SPEC", "--save", "./PATH"],
    ["emit", "SPEC", "--out", "no/PATH"], ["build", "SPEC", "--save", "no/PATH"],
)  # fmt: skip


def _options() -> list[list[str]]:
    """Every option and argument of every command, with the payload for its value."""
    found = []
    context = click.Context(cli.commands)
    for name in cli.COMMANDS:
        command = cli.commands.get_command(context, name)
        assert command is not None
        specs = ["SPEC"] * any(one.name in ("spec", "old", "what") for one in command.params)
        for one in command.params:
            # Files that are written over or walked through have slots of their own.
            if getattr(one, "is_flag", False) or one.name in ("out", "save", "files"):
                continue
            if isinstance(one, click.Argument):
                found.append([name, *specs[: one.name == "new"], "{}"])
            else:
                found.append([name, *specs, *specs[: name == "diff"], one.opts[0], "{}"])
    return found


#: Commands that say the name of a file.
FILES = (
    *(["check", "FILE", "--format", form] for form in ("text", "short", "github", "sarif", "json")),
    *(["diff", "FILE", "FILE", *form] for form in ([], ["--markdown"], ["--json"])),
    *(["fmt", "FILE", *form] for form in ([], ["--diff"], ["--check"])),
    *(["sweep", "FILE", "--input", "3x8x8,3x1x1", *form] for form in ([], ["--csv"], ["--jsonl"])),
    *([command, "FILE"] for command in ("emit", "summary", "explain", "build", "schema")),
)  # fmt: skip


def _command(parts: list[str]) -> Callable[[str], str]:
    def ask(payload: str) -> str:
        if "\x00" in payload or any("\ud800" <= char <= "\udfff" for char in payload):
            return ""  # no operating system passes these on
        if not _is_no_file(payload):
            return ""  # it would be read
        with _spec("spec.spec") as path:
            return _ran([path if part == "SPEC" else part.replace("{}", payload) for part in parts])

    return ask


def _printed(parts: list[str]) -> Callable[[str], str]:
    """A command on a file that holds the payload, in a place that depends on it."""

    def ask(payload: str) -> str:
        text = random.Random(repr(payload)).choice(list(PLACES.values())).format(payload)
        Path("file.spec").write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            with _spec("spec.spec"):
                names = {"FILE": "file.spec", "SPEC": "spec.spec", "FILE:3": "file.spec:3"}
                return _ran([names.get(part, part) for part in parts])
        finally:
            os.unlink("file.spec")

    return ask


def _written(parts: list[str]) -> Callable[[str], str]:
    """A command that writes a file called like the payload, and compares with it if it can."""

    def ask(payload: str) -> str:
        path = parts[-1].replace("PATH", payload.replace("/", "∕")[:60])
        is_new = not os.path.exists(path)
        with _spec("spec.spec"):
            arguments = ["spec.spec" if part == "SPEC" else part for part in (*parts[:-1], path)]
            found = _ran(arguments)
            if os.path.isfile(path) and is_new:
                if found in ("", "accepted") and parts[0] == "emit":
                    Path(path).write_bytes(payload.encode("utf-8", "surrogatepass"))
                    found = _ran([*arguments, "--check"]) or found
                os.unlink(path)
            return found

    return ask


def _file_name(parts: list[str]) -> Callable[[str], str]:
    """A command on a file that is called like the payload: a spec, or one that is wrong."""

    def ask(payload: str) -> str:
        wrong = random.Random(repr(payload)).random() < 0.5
        try:
            with _spec(payload.replace("/", "∕")[:80] + ".spec", wrong=wrong) as path:
                return _ran([f"./{path}" if part == "FILE" else part for part in parts])
        except (OSError, ValueError):
            return ""  # the file system has no such name

    return ask


@contextlib.contextmanager
def _spec(name: str, wrong: bool = False) -> Any:
    # Not in canonical form, so that `fmt` has something to say.
    Path(name).write_text(TAKING + "fc   2\n" + "conv 8 kernl=3\n" * wrong, encoding="utf-8")
    try:
        yield name
    finally:
        os.unlink(name)


def _ran(arguments: list[str]) -> str:
    """What is wrong with what a command says."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(arguments)
        out.flush()
        err.flush()
    printed = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    said = printed + err.buffer.getvalue().decode()  # type: ignore[attr-defined]
    if code not in (0, 1, 2):
        return f"exit code {code}: {said[-1000:]}"
    if wrong := complaint_about(said):
        return wrong
    if printed.startswith("Usage: "):
        return ""  # the payload asked for help
    if wrong := complaint_about_format(arguments, printed):
        return wrong
    if arguments[0] == "emit" and code == 0 and printed and "--json" not in arguments:
        check_source(printed)
        return "it emits code from outside" if MARK in _without_docstrings(printed) else "accepted"
    return "accepted" if code == 0 else ""

"""The command line: arguments to one call to an exit code. The only module that prints."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

import specgen
from specgen.source import printable, reason

if TYPE_CHECKING:
    from specgen.diagnostics import Diagnostic
    from specgen.ir import Network

#: Exit codes: fine, the spec is wrong, usage or environment, our own bug, interrupted.
OK, WRONG, USAGE, DEFECT, INTERRUPTED = 0, 1, 2, 70, 130


class Stop(Exception):  # noqa: N818 (a way out with an exit code)
    """Leave with an exit code, saying one line on standard error."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # A short run makes no garbage worth collecting; looking for it costs a third of the time.
    collected = gc.isenabled()
    gc.disable()
    # Pydantic would look through everything installed for plug-ins, which change nothing here.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        return _run(arguments)
    finally:
        if collected:
            gc.enable()


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = commands.main(arguments, prog_name="specgen", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else OK
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        _say(f"error: {printable(error.format_message())}")
        context = getattr(error, "ctx", None)
        if context is not None:
            _say(f"try `{context.command_path} --help`")
        return USAGE
    except Stop as stop:
        if stop.message:
            _say(stop.message)
        return stop.code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if os.environ.get("SPECGEN_DEBUG"):
            raise
        where = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        _say(f"internal error: {printable(where)}\nthis is a defect of specgen; SPECGEN_DEBUG=1 shows where")
        return DEFECT


# --- arguments -----------------------------------------------------------------------------------


def _complete_spec(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    from specgen.compiler import shipped_names

    names = [CompletionItem(name) for name in shipped_names() if name.startswith(incomplete)]
    return [*names, CompletionItem(incomplete, type="file")]


def _settings(pairs: Sequence[str]) -> dict[str, Any]:
    """`--set NAME=VALUE …` as values; a name given twice is an error."""
    from specgen.compiler import as_value

    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        name = name.strip()
        if not sign or not name.isidentifier() or not value.strip():
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--set")
        if name in found:
            raise click.BadParameter(f"{name} is set twice", param_hint="--set")
        found[name] = as_value(value)
    return found


def _spec_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every command that reads a spec takes."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--variant", metavar="NAME", help="Take one of the spec's variants."),
        click.option("--input", "shape", metavar="SHAPE", help="Replace the spec's input, e.g. 3x32x32."),
        click.option(
            "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="Set one of the spec's params."
        ),
    ):
        command = option(command)
    return command


def _spec_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("spec", required=False, shell_complete=_complete_spec)(command)


def _or_stdin(spec: str | None) -> str:
    """The spec, or standard input where none is named and something is piped in."""
    if spec is not None:
        return spec
    if sys.stdin is None or sys.stdin.isatty():
        raise click.UsageError(
            "name a spec: a file, a shipped name (see `specgen list`), or - for standard input"
        )
    return "-"


def _network(
    spec: str, pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool
) -> Network:
    """The compiled spec; its warnings are said. A wrong spec ends the command."""
    from specgen.compiler import analyse
    from specgen.diagnostics import SpecError

    try:
        settings = _settings(pairs)
        network, warnings = analyse(spec, input=shape, variant=variant, **_no_keywords(settings))
    except SpecError as error:
        if as_json:
            _print_json({"ok": False, "diagnostics": [one.as_json() for one in error.diagnostics]})
            raise Stop(_code(error.diagnostics)) from None
        raise Stop(_code(error.diagnostics), _drawn(error.diagnostics)) from None
    if warnings:
        _say(_drawn(warnings))
    return network


def _no_keywords(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that can be passed as keywords: none is called like an argument of `compile`."""
    for name in ("source", "text", "input", "variant", "limits"):
        if name in settings:
            raise click.BadParameter(f"no spec has a param `{name}`", param_hint="--set")
    return settings


# --- printing ------------------------------------------------------------------------------------


def _say(message: str) -> None:
    """Print a message on standard error."""
    print(message, file=sys.stderr)


def _colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _drawn(diagnostics: Sequence[Diagnostic]) -> str:
    """Diagnostics as text; on a terminal, the kind of each stands out."""
    from specgen.diagnostics import render

    texts = [render(diagnostic) for diagnostic in diagnostics]
    if _colour():
        colours = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m"}
        for index, diagnostic in enumerate(diagnostics):
            head, rest = texts[index].split("]", 1)
            texts[index] = f"{colours[diagnostic.severity]}{head}]\x1b[0m{rest}"
    return "\n\n".join(texts)


def _code(diagnostics: Sequence[Diagnostic]) -> int:
    """A spec that is not there is a matter of usage; everything else is wrong in the spec."""
    environment = {"not-found", "unreadable"}
    return USAGE if all(diagnostic.code in environment for diagnostic in diagnostics) else WRONG


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _as_json(network: Network) -> dict[str, Any]:
    """A network's figures as plain data."""
    return {
        "name": network.name,
        "input": list(map(int, network.input_shape.sizes)),
        "output": list(map(int, network.output_shape.sizes)),
        "params": network.params,
        "macs": network.macs,
        "settings": network.settings,
        "layers": [
            {
                "name": row.name,
                "kind": row.kind,
                "input": list(map(int, row.input.sizes)),
                "output": list(map(int, row.output.sizes)),
                "params": row.params,
                "macs": row.macs,
                "line": row.line,
            }
            for row in network.layers
        ],
    }


# --- commands ------------------------------------------------------------------------------------


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(specgen.__version__, prog_name="specgen", message="%(prog)s %(version)s")
def commands() -> None:
    """Neural networks from short specs: checked, built, or emitted as source.

    SPEC is a file, the name of a shipped spec or variant (`specgen list`), or - for standard input.

    Exit codes: 0 fine, 1 the spec is wrong, 2 usage or environment, 70 a defect of specgen, 130
    interrupted.
    """


@commands.command()
@_spec_argument
@_spec_options
@click.option(
    "--weights", metavar="FILE", help="Load weights: safetensors, or a checkpoint of plain tensors."
)
@click.option("--save", metavar="FILE", help="Write the weights as safetensors.")
@click.option("--device", metavar="NAME", help="cpu, cuda:0, meta, …")
@click.option("--dtype", metavar="NAME", help="float32, bfloat16, …")
@click.option("--seed", type=int, help="Seed of the initial weights.")
def build(
    spec: str | None, pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool,
    weights: str | None, save: str | None, device: str | None, dtype: str | None, seed: int | None,
) -> None:  # fmt: skip
    """Build the network, run it once, and compare every layer's real output with the inferred one."""
    network = _network(_or_stdin(spec), pairs, shape, variant, as_json)
    gc.enable()
    import torch

    from specgen.backends.torch import observed_shapes
    from specgen.backends.weights import WeightsError, save_weights

    if seed is not None:
        torch.manual_seed(seed)
    try:
        model = network.build(device=device, dtype=dtype, weights=weights)
        like = next(model.parameters(), torch.empty(0, device=device or "cpu"))
        x = torch.zeros((2, *map(int, network.input_shape.sizes)), device=like.device, dtype=like.dtype)
        observed = observed_shapes(network, model.eval(), x)
        model.train()
    except (WeightsError, ValueError) as error:
        raise Stop(USAGE, f"error: {error}") from None
    except (RuntimeError, MemoryError) as error:
        first = printable(str(error).strip().split("\n")[0])
        raise Stop(USAGE, f"error: PyTorch could not build or run it here: {first}") from None
    for row in network.layers:
        if observed[row.name] != row.output.sizes:
            raise AssertionError(f"{row.name} gives {observed[row.name]}, not {row.output.sizes}")
    if save is not None:
        try:
            save_weights(model, save)
        except (OSError, NotImplementedError) as error:
            why = reason(error) if isinstance(error, OSError) else "weights on meta have no values"
            raise Stop(USAGE, f"error: cannot write {printable(save)}: {why}") from None
    if as_json:
        _print_json({**_as_json(network), "verified": True})
        return
    print(network.summary())
    print(f"built on {like.device} and run: all {len(observed)} output shapes are as inferred")


@commands.command()
@_spec_argument
@_spec_options
@click.option("--out", metavar="FILE", default="-", help="Where to write the module; - is standard output.")
@click.option("--check", is_flag=True, help="Write nothing; fail with a diff if FILE is not up to date.")
def emit(
    spec: str | None,
    pairs: Sequence[str],
    shape: str | None,
    variant: str | None,
    as_json: bool,
    out: str,
    check: bool,
) -> None:
    """Emit the network as one Python module that needs nothing but torch."""
    spec = _or_stdin(spec)
    if check and out == "-":
        raise click.UsageError("--check needs the file to check: --out FILE")
    if (
        out != "-"
        and spec != "-"
        and os.path.exists(spec)
        and os.path.exists(out)
        and os.path.samefile(spec, out)
    ):
        raise click.UsageError("--out would overwrite the spec itself")
    network = _network(spec, pairs, shape, variant, as_json)
    text = network.emit()
    if check:
        _check_file(out, text)
    elif as_json:
        _print_json({"name": network.name, "source": text})
    elif out == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
    else:
        from specgen.source import write_text

        try:
            write_text(out, text)
        except OSError as error:
            raise Stop(USAGE, f"error: cannot write {printable(out)}: {reason(error)}") from None


def _check_file(path: str, text: str) -> None:
    """Stop unless a file holds the text; the difference is printed."""
    from difflib import unified_diff

    try:
        with open(path, "rb") as file:
            found = file.read(16 * 1024 * 1024)
    except FileNotFoundError:
        raise Stop(WRONG, f"{printable(path)} does not exist; `specgen emit … --out` writes it") from None
    except OSError as error:
        raise Stop(USAGE, f"error: cannot read {printable(path)}: {reason(error)}") from None
    if found == text.encode():
        return
    old, new = found.decode("utf-8", "backslashreplace").splitlines(), text.splitlines()
    for line in unified_diff(old, new, printable(path), "what the spec gives", lineterm=""):
        print(printable(line))
    raise Stop(WRONG, f"{printable(path)} is not what the spec gives")


@commands.command()
@click.argument("specs", nargs=-1, metavar="SPEC…", shell_complete=_complete_spec)
@_spec_options
def check(
    specs: Sequence[str], pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool
) -> int:
    """Check specs: names, options and shapes. Imports no torch."""
    from specgen.compiler import analyse
    from specgen.diagnostics import SpecError
    from specgen.views.summary import short

    results: list[dict[str, Any]] = []
    worst = OK
    for spec in specs or (_or_stdin(None),):
        diagnostics: Sequence[Diagnostic]
        network = None
        try:
            network, diagnostics = analyse(
                spec, input=shape, variant=variant, **_no_keywords(_settings(pairs))
            )
        except SpecError as error:
            diagnostics = error.diagnostics
            worst = max(worst, _code(diagnostics))
        if as_json:
            found = [diagnostic.as_json() for diagnostic in diagnostics]
            results.append({"spec": spec, "ok": network is not None, "diagnostics": found})
            if network is not None:
                results[-1]["network"] = _as_json(network)
            continue
        if diagnostics:
            _say(_drawn(diagnostics))
        if network is not None:
            shapes = f"{network.input_shape} → {network.output_shape}"
            figures = f"{network.params:,} parameters, {short(network.macs)} multiply-adds"
            print(f"{printable(spec)}: {network.name}, {shapes}, {figures}")
    if as_json:
        _print_json(results)
    return worst


@commands.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List the shipped specs and their variants."""
    from specgen.compiler import list_specs
    from specgen.views.summary import columns, short

    found = list_specs()
    if as_json:
        _print_json(
            [
                {
                    "name": spec.name,
                    "file": spec.file,
                    "description": spec.description,
                    "input": list(map(int, spec.input.sizes)),
                    "params": spec.params,
                    "macs": spec.macs,
                    "settings": dict(spec.settings),
                }
                for spec in found
            ]
        )
        return
    rows = [
        (spec.name, str(spec.input), f"{spec.params:,}", short(spec.macs), spec.description) for spec in found
    ]
    print(columns(("name", "input", "parameters", "multiply-adds", "description"), rows, right=(2, 3)))


@commands.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def layers(name: str | None, as_json: bool) -> None:
    """List the layers, or say what one of them takes."""
    from specgen.diagnostics import nearest
    from specgen.layers import registry
    from specgen.views import reference

    registry.load_installed()
    if name is None:
        if as_json:
            _print_json([reference.describe(layer) for layer in registry.layers()])
        else:
            print(reference.overview())
        return
    layer = registry.find(name)
    if layer is None:
        near = nearest(name, registry.words())
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise click.UsageError(f"there is no layer `{name}`{hint}")
    if as_json:
        _print_json(reference.describe(layer))
    else:
        print(reference.page(layer))


if __name__ == "__main__":
    sys.exit(main())

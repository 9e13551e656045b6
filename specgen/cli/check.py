"""`specgen check`: names, options and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from specgen.cli.arguments import (
    complete_spec,
    debug,
    no_keywords,
    not_read,
    or_stdin,
    settings_of,
    spec_options,
    specs_in,
)
from specgen.cli.console import OK, USAGE, drawn, exit_code, figures, print_json, say, while_it_is_read
from specgen.source import printable

if TYPE_CHECKING:
    from specgen.diagnostics import Diagnostic
    from specgen.ir import Network


@click.command()
@click.argument("specs", nargs=-1, metavar="SPEC…", shell_complete=complete_spec)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "short", "json", "github", "sarif"]),
    help="How errors are written: text for people, short for editors, json, github annotations, sarif.",
)
@click.option("--strict", is_flag=True, help="Make warnings errors.")
@spec_options
def check(
    specs: Sequence[str],
    form: str | None,
    strict: bool,
    pairs: Sequence[str],
    shape: str | None,
    variant: str | None,
    as_json: bool,
) -> int:
    """Check specs: names, options and shapes, and what is allowed and probably not meant.

    SPEC may be a folder, for all *.spec in it.
    A comment `# ok: CODE` on its line silences a warning. Imports no torch.

    Text about errors goes to standard error, and what the network is to standard output. The other
    formats are for programs: all of it goes to standard output, and a spec that is right says nothing
    in `short`, `github` and `sarif`.
    """
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other")
    if specs.count("-") > 1:
        raise click.UsageError("`-` is standard input, which can be read once")
    form = "json" if as_json else form or "text"
    kept: list[tuple[str, Network | None, Sequence[Diagnostic]]] = []
    worst, found = OK, False
    missed: list[OSError] = []
    for spec in specs_in(specs or (or_stdin(None),), missed):
        found = True
        network, diagnostics = _checked(spec, pairs, shape, variant, strict)
        worst = max(worst, OK if network is not None else exit_code(diagnostics))
        if form in ("json", "sarif"):  # of many specs, nothing else is kept
            kept.append((spec, network, diagnostics))
        with while_it_is_read():
            _print_one(form, spec, network, diagnostics)
    _print_all(form, kept)
    return max(worst, not_read(missed), OK if found else USAGE)


def _checked(
    spec: str, pairs: Sequence[str], shape: str | None, variant: str | None, strict: bool
) -> tuple[Network | None, Sequence[Diagnostic]]:
    """The network, if the spec is right, and what is to be said; if `strict`, warnings are errors."""
    from specgen import compiler
    from specgen.diagnostics import SpecError

    try:
        network, found = compiler.check(spec, input=shape, variant=variant, **no_keywords(settings_of(pairs)))
    except SpecError as error:
        debug(error)
        return None, error.diagnostics
    if strict and found:
        return None, [replace(warning, severity="error") for warning in found]
    return network, found


def _print_all(form: str, checked: Sequence[tuple[str, Network | None, Sequence[Diagnostic]]]) -> None:
    """What is printed of all specs together."""
    if form == "json":
        print_json([_as_json(*one) for one in checked])
    elif form == "sarif":
        from specgen.views.formats import sarif

        print_json(sarif([diagnostic for *_, diagnostics in checked for diagnostic in diagnostics]))


def _print_one(form: str, spec: str, network: Network | None, diagnostics: Sequence[Diagnostic]) -> None:
    """What is printed of a spec before the next one is read."""
    if form == "text" and diagnostics:
        say(drawn(diagnostics))
    if form == "text" and network is not None:
        from specgen.views.text import short as rounded

        shapes = f"{network.input_shape} → {network.output_shape}"
        totals = f"{network.params:,} parameters, {rounded(network.macs)} multiply-adds"
        named = "<stdin>" if spec == "-" else printable(spec)
        print(f"{named}: {network.name}, {shapes}, {totals}")
        if network.accepts.axes:
            print(f"    accepts {network.accepts}")
    if form in ("short", "github"):
        from specgen.views import formats

        for diagnostic in diagnostics:
            print(formats.short(spec, diagnostic) if form == "short" else formats.github(diagnostic))


def _as_json(spec: str, network: Network | None, diagnostics: Sequence[Diagnostic]) -> dict[str, Any]:
    found = [diagnostic.as_json() for diagnostic in diagnostics]
    result: dict[str, Any] = {"spec": spec, "ok": network is not None, "diagnostics": found}
    if network is None:
        return result
    return {**result, "network": figures(network), "accepts": network.accepts.as_json()}

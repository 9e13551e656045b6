"""`specgen check`: names, options and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from specgen.cli.arguments import complete_spec, no_keywords, or_stdin, settings_of, spec_options
from specgen.cli.console import OK, drawn, exit_code, figures, print_json, say
from specgen.source import printable

if TYPE_CHECKING:
    from specgen.diagnostics import Diagnostic


@click.command()
@click.argument("specs", nargs=-1, metavar="SPEC…", shell_complete=complete_spec)
@spec_options
def check(
    specs: Sequence[str], pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool
) -> int:
    """Check specs: names, options and shapes. Imports no torch."""
    from specgen.compiler import analyse
    from specgen.diagnostics import SpecError
    from specgen.views.summary import short

    results: list[dict[str, Any]] = []
    worst = OK
    for spec in specs or (or_stdin(None),):
        diagnostics: Sequence[Diagnostic]
        network = None
        try:
            network, diagnostics = analyse(
                spec, input=shape, variant=variant, **no_keywords(settings_of(pairs))
            )
        except SpecError as error:
            diagnostics = error.diagnostics
            worst = max(worst, exit_code(diagnostics))
        if as_json:
            found = [diagnostic.as_json() for diagnostic in diagnostics]
            results.append({"spec": spec, "ok": network is not None, "diagnostics": found})
            if network is not None:
                results[-1]["network"] = figures(network)
            continue
        if diagnostics:
            say(drawn(diagnostics))
        if network is not None:
            shapes = f"{network.input_shape} → {network.output_shape}"
            totals = f"{network.params:,} parameters, {short(network.macs)} multiply-adds"
            print(f"{printable(spec)}: {network.name}, {shapes}, {totals}")
    if as_json:
        print_json(results)
    return worst

"""`specgen list` and `specgen layers`: what is shipped, and what there is to build with."""

from __future__ import annotations

import click

from specgen.cli.console import print_json


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_specs(as_json: bool) -> None:
    """List the shipped specs and their variants."""
    from specgen import shipped
    from specgen.views.text import columns, short

    found = shipped.list_specs()
    if as_json:
        print_json([spec.plain() for spec in found])
        return
    rows = [
        (spec.name, str(spec.input), f"{spec.params:,}", short(spec.macs), spec.description) for spec in found
    ]
    print(columns(("name", "input", "parameters", "multiply-adds", "description"), rows, right=(2, 3)))


@click.command()
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
            print_json([reference.describe(layer) for layer in registry.layers()])
        else:
            print(reference.overview())
        return
    layer = registry.find(name)
    if layer is None:
        near = nearest(name, registry.words())
        hint = f"; did you mean `{near[0]}`?" if near else ""
        raise click.UsageError(f"there is no layer `{name}`{hint}")
    if as_json:
        print_json(reference.describe(layer))
    else:
        print(reference.page(layer))

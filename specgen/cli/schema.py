"""`specgen schema`: a network as JSON, and the schema of that."""

from __future__ import annotations

from collections.abc import Sequence

import click

from specgen.cli.arguments import network_of, spec_argument, spec_options
from specgen.cli.console import print_json

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@click.command()
@spec_argument
@spec_options
def schema(
    spec: str | None, pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool
) -> None:
    """Print the JSON Schema of a network's JSON; with a SPEC, the JSON of its network.

    The schema has every kind of layer with its options. In Python, the JSON is
    Network.model_dump_json(), and Network.model_validate_json() reads it.
    """
    if spec is not None:
        print_json(network_of(spec, pairs, shape, variant, as_json).model_dump())
        return
    if pairs or shape is not None or variant is not None:
        raise click.UsageError("--set, --input and --variant need a spec")
    from specgen.ir import Network
    from specgen.layers import registry

    registry.load_installed()
    print_json({"$schema": DIALECT, **Network.model_json_schema()})

"""`specgen diff`: what changed between two networks."""

from __future__ import annotations

from collections.abc import Sequence

import click

from specgen.cli.arguments import complete_spec, network_of
from specgen.cli.console import OK, USAGE, WRONG, Stop, print_json, while_it_is_read, width

_EPILOG = """
One spec with two settings is compared with itself: `specgen diff net.spec --to-set width=64`.

With git: `git show HEAD:net.spec | specgen diff - net.spec`.
"""


@click.command(epilog=_EPILOG)
@click.argument("old", metavar="OLD", shell_complete=complete_spec)
@click.argument("new", metavar="[NEW]", required=False, shell_complete=complete_spec)
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="Set a param of OLD and of NEW.")
@click.option(
    "--to-set", "new_pairs", multiple=True, metavar="NAME=VALUE", help="Set a param of NEW alone, last."
)
@click.option("--variant", metavar="NAME", help="Take a variant of OLD and of NEW.")
@click.option("--to-variant", "new_variant", metavar="NAME", help="Take a variant of NEW instead.")
@click.option("--input", "shape", metavar="SHAPE", help="Replace the input of both, e.g. 3x32x32.")
@click.option("--to-input", "new_shape", metavar="SHAPE", help="Replace the input of NEW instead.")
@click.option(
    "--exit-code",
    "with_code",
    is_flag=True,
    help="Exit with 1 if something changed, and with 2 if a spec is wrong.",
)
@click.option("--markdown", is_flag=True, help="Print Markdown, for a review comment.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(
    old: str, new: str | None, pairs: Sequence[str], new_pairs: Sequence[str], variant: str | None,
    new_variant: str | None, shape: str | None, new_shape: str | None, with_code: bool, markdown: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Say what changed from OLD to NEW, in the architecture and not in the text. Imports no torch.

    Each is a file, the name of a shipped spec or variant, or - for standard input.
    """
    from specgen.comparison import compare
    from specgen.views.difference import Difference

    if new is None and not new_pairs and new_variant is None and new_shape is None:
        raise click.UsageError("name a second spec, or say what is different: `--to-set NAME=VALUE`")
    if old == new == "-":
        raise click.UsageError("only one of the specs can come from standard input")
    if old == "-" and new is None:
        raise click.UsageError("standard input can be read once; to compare it with itself, save it first")
    if markdown and as_json:
        raise click.UsageError("give either --json or --markdown")
    new_shape = shape if new_shape is None else new_shape
    new_variant = variant if new_variant is None else new_variant
    named = {pair.partition("=")[0].strip() for pair in new_pairs}
    kept = [pair for pair in pairs if pair.partition("=")[0].strip() not in named]
    try:
        before = network_of(old, pairs, shape, variant, as_json)
        after = network_of(old if new is None else new, [*kept, *new_pairs], new_shape, new_variant, as_json)
    except Stop as stop:
        raise Stop(USAGE if with_code else stop.code, stop.message) from None
    titles = (
        _title(old, pairs, variant, shape),
        _title(new or old, [*kept, *new_pairs], new_variant, new_shape),
    )
    found = Difference(compare(before, after), *titles)
    if as_json:
        print_json(found.as_json())
    else:
        with while_it_is_read():
            print(found.markdown() if markdown else found.text(width()), flush=True)
    return WRONG if with_code and not found.same else OK


def _title(spec: str, pairs: Sequence[str], variant: str | None, shape: str | None) -> str:
    """What a side is called: the spec as it was given, with its settings."""
    given = [*([variant] if variant else []), *([f"input {shape}"] if shape else []), *pairs]
    name = "standard input" if spec == "-" else spec
    return f"{name} ({', '.join(given)})" if given else name

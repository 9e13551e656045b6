"""`specgen explain`: what a kind of error means, or what a spec does line by line."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence

import click

from specgen.cli.arguments import spec_options
from specgen.cli.console import OK, print_json
from specgen.source import printable


@click.command()
@click.argument("what", required=False, metavar="[CODE | SPEC[:LINE]]")
@spec_options
def explain(
    what: str | None, pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool
) -> int:
    """Say what a kind of error means, or what the lines of a spec do.

    Without an argument, all kinds are listed. A file that exists is a spec, whatever its name.
    """
    from specgen.views import codes

    if what is None:
        _list(as_json)
        return OK
    pasted = re.fullmatch(r"(?:error|warning)?\[?([a-z0-9-]+)\]?:?", what.casefold())
    code = pasted[1] if pasted else what
    if os.path.exists(what) or code not in codes.codes():
        return _explain_spec(what, pairs, shape, variant, as_json)
    page = codes.page(code)
    if as_json:
        print_json(page.as_json())
    else:
        print(codes.shown(page, max(40, min(88, shutil.get_terminal_size((88, 24)).columns))))
    return OK


def _list(as_json: bool) -> None:
    from specgen.views import codes
    from specgen.views.text import columns

    pages = [codes.page(code) for code in codes.codes()]
    if as_json:
        print_json([{"code": one.code, "severity": one.severity, "title": one.title} for one in pages])
        return
    rows = [(one.code, one.title if one.severity == "error" else f"warning: {one.title}") for one in pages]
    print(columns(("code", "what is wrong"), rows))


def _explain_spec(
    what: str, pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool
) -> int:
    """What a spec does; what is neither a code nor a spec is answered with the codes."""
    raise _unknown(what)


def _unknown(what: str) -> click.UsageError:
    from specgen.diagnostics import nearest
    from specgen.views import codes

    near = nearest(what, codes.codes())
    hint = f"did you mean `{near[0]}`?" if near else "`specgen explain` lists the codes"
    return click.UsageError(f"`{printable(what)}` is neither the code of an error nor a spec; {hint}")

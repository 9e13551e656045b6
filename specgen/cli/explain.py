"""`specgen explain`: what a kind of error means, or what a spec does line by line."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import click

from specgen.cli.arguments import no_keywords, refused, settings_of, spec_options
from specgen.cli.console import OK, exit_code, print_json, width
from specgen.source import printable


class _Explain(click.Command):
    """A command whose argument may be `-:7`: a line of standard input, and no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        places = [one for one in args if one.startswith("-:")]
        if places and "--" not in args:
            args = [*(one for one in args if one not in places), "--", *places]
        return super().parse_args(ctx, args)


@click.command(cls=_Explain)
@click.argument("what", required=False, metavar="[CODE | SPEC[:LINE]]")
@spec_options
def explain(
    what: str | None, pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool
) -> int:
    """Say what a kind of error means, or what the lines of a spec do.

    Without an argument, all kinds are listed. A file that exists is a spec, whatever its name. Behind a
    spec, `:7` picks a line, `:4-8` some lines, `:features.0` what is there in the module tree.
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
        print(codes.shown(page, width()))
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
    """What a spec does, or a place in it; what is neither a code nor a spec is answered with the codes."""
    from specgen.diagnostics import SpecError
    from specgen.views.explanation import explain, lines_of

    spec, place = _split(what)
    lines = lines_of(place) if place else None
    settings = no_keywords(settings_of(pairs))
    try:
        found = explain(
            spec,
            lines=lines,
            path=place if lines is None else "",
            input=shape,
            variant=variant,
            settings=settings,
        )
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None
    except SpecError as error:
        word = re.fullmatch(r"[\w-]+", what)
        if error.diagnostics[0].code == "not-found" and word:
            raise _unknown(what) from None
        raise refused(error, as_json, exit_code(error.diagnostics)) from None
    if as_json:
        print_json(found.as_json())
    else:
        print(found.text(width()))
    return OK


def _split(what: str) -> tuple[str, str]:
    """A spec and the place in it: what follows the last colon, unless a file is called so."""
    spec, colon, place = what.rpartition(":")
    if not colon or not spec or os.path.exists(what) or not re.fullmatch(r"[\w.-]+", place):
        return what, ""
    return spec, place


def _unknown(what: str) -> click.UsageError:
    from specgen import shipped
    from specgen.diagnostics import nearest
    from specgen.views import codes

    near = nearest(what, [*codes.codes(), *shipped.names()])
    hint = f"did you mean `{near[0]}`?" if near else "`specgen explain` lists the codes"
    return click.UsageError(f"`{printable(what)}` is neither the code of an error nor a spec; {hint}")

"""Are the variants of a spec right, where it is right as it is?"""

from __future__ import annotations

from dataclasses import replace

from specgen import syntax
from specgen.diagnostics import Diagnostic, Label, SpecError
from specgen.elaborate import elaborate_resolved
from specgen.limits import Limits
from specgen.source import Source
from specgen.statements import Request


def check_variants(source: Source, spec: syntax.Spec, request: Request, limits: Limits) -> list[Diagnostic]:
    """Elaborate every variant of a spec that has been elaborated; raises `SpecError` for the first wrong one.

    All of them together may cost half of what a spec may; a warning says which are left.
    """
    left = limits.layers // 2
    for variant in spec.variants:
        asked, most = replace(request, variant=variant), replace(limits, layers=max(left, 0))
        try:
            left -= elaborate_resolved(source, spec, asked, most).cost
        except SpecError as error:
            first, *others = error.diagnostics
            if first.code in ("too-many-layers", "too-many-steps"):
                return [_unchecked(source, variant)]
            label = Label(variant.name.span, "as this variant has it", primary=False)
            raise SpecError([replace(first, labels=(*first.labels, label)), *others]) from error.__cause__
    return []


def _unchecked(source: Source, variant: syntax.Variant) -> Diagnostic:
    title = "variants from this one on are not checked"
    label = Label(variant.name.span, "the variants are too large to be checked together")
    help_ = (f"check each by itself: `--variant {variant.name.text}`",)
    return Diagnostic("unchecked-variants", title, (label,), help_, source=source, severity="warning")

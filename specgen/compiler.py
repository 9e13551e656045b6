"""The pipeline as the public calls see it: find a spec, parse it, elaborate it, and hand it on."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from itertools import islice
from math import isfinite
from types import NoneType
from typing import TYPE_CHECKING, Any

from specgen import arithmetic, shipped, syntax
from specgen.diagnostics import (
    Diagnostic,
    Label,
    SpecError,
    abridged,
    listed,
    nearest,
    within_the_stack,
)
from specgen.elaborate import Elaborated, elaborate
from specgen.evaluation import why_no_shape
from specgen.expressions import LONGEST_TUPLE, Evaluator, Wrong
from specgen.family import check_variants
from specgen.given import cut, need, shown
from specgen.ir import Network
from specgen.limits import DEFAULT_LIMITS, Limits
from specgen.names import class_name
from specgen.parser import LONGEST_NAME, parse, parse_expression
from specgen.shape import LARGEST_TOTAL, Shape
from specgen.source import ReadError, Source, decode, is_there, read_source
from specgen.statements import Request
from specgen.trace import Trace

if TYPE_CHECKING:
    import torch
    from torch import nn

    from specgen.provenance import Spelling

#: A path, or the name of a shipped spec or variant.
SourceLike = str | os.PathLike[str]


class SpecWarning(UserWarning):
    """Something in a spec that is allowed and probably not meant."""


def compile(  # noqa: A001 (the field's word)
    source: SourceLike | None = None,
    *,
    text: str | None = None,
    input: str | tuple[int, ...] | Shape | None = None,  # noqa: A002
    variant: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    **params: Any,
) -> Network:
    """Check a spec and infer all its shapes; imports no torch.

    Args:
        source: a path, or the name of a shipped spec or variant (`"vgg16"`, `"vgg16_bn"`). A path that
            exists wins over a shipped name. `"-"` reads standard input.
        text: the spec itself, instead of `source`.
        input: the shape of one sample, C × H × W, instead of the spec's own: `"3x32x32"` or
            `(3, 32, 32)`.
        variant: one of the spec's variants by name.
        limits: what the spec may be; raise it for sources that you trust.
        **params: values for the spec's params: numbers, booleans, tuples, or words as strings.

    Raises:
        SpecError: the spec is wrong; every mistake is in `.diagnostics`.
        TypeError: an argument is of another type.

    Warns:
        SpecWarning: the input is not as it was probably meant (`batch-in-input`, `channels-last`). `specgen
            check` knows more warnings.
    """
    network, found = analyse(source, text=text, input=input, variant=variant, limits=limits, **params)
    for warning in found:
        from specgen.views.formats import short  # few specs need it

        warnings.warn(short("", warning), SpecWarning, stacklevel=2)
    return network


def load(
    source: SourceLike | None = None,
    *,
    text: str | None = None,
    input: str | tuple[int, ...] | Shape | None = None,  # noqa: A002
    variant: str | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    weights: str | os.PathLike[str] | Mapping[str, torch.Tensor] | None = None,
    init: str = "torch",
    optimize: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    **params: Any,
) -> nn.Sequential:
    """Build the network of a spec: `specgen.load("vgg11", num_classes=10)`.

    Takes what `compile` takes, and:

    Args:
        device: where the weights are made: `"cpu"`, `"cuda:0"`, `"meta"`.
        dtype: their type: `"float32"`, `"bfloat16"`, …
        weights: a safetensors file, a checkpoint of tensors, or a state dict; its keys and shapes have to
            be the network's. Without, the weights are initialised as the spec says. A file is mapped: do
            not write into it while the network is in use; to replace or delete it is safe.
        init: how the initial weights are drawn: `"torch"`, to the bit as PyTorch draws them under this
            seed, or `"fast"`, from the same distributions on all threads.
        optimize: `"inference"` for a network in eval mode with its batch norms folded into the layers in
            front of them and without dropout; `weights` are those of the plain network,
            or of one that is folded already.

    Raises:
        SpecError: the spec is wrong.
        TypeError: an argument is of another type.
        ValueError: a device, a dtype, an `init` or an `optimize` that is not known.
        WeightsError: the weights cannot be read, or do not fit; all that differs is listed.
    """
    network = compile(source, text=text, input=input, variant=variant, limits=limits, **params)
    return network.build(device=device, dtype=dtype, weights=weights, init=init, optimize=optimize)


def analyse(
    source: SourceLike | None = None,
    *,
    text: str | None = None,
    input: str | tuple[int, ...] | Shape | None = None,  # noqa: A002
    variant: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    **params: Any,
) -> tuple[Network, list[Diagnostic]]:
    """`compile`, with the warnings as diagnostics instead of Python's."""
    found, _, _, elaborated = _elaborated(source, text, input, variant, limits, params)
    warned = elaborated.warnings
    if warned:
        from specgen.lint import ok

        warned = ok.silenced(found, warned)
    return elaborated.network, warned


def check(
    source: SourceLike | None = None,
    *,
    text: str | None = None,
    input: str | tuple[int, ...] | Shape | None = None,  # noqa: A002
    variant: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    **params: Any,
) -> tuple[Network, list[Diagnostic]]:
    """`analyse`, with every warning that `specgen check` knows of.

    Of a spec as it is, with no variant, settings or input asked for, the variants are checked as well.
    """
    from specgen.lint.flow import Checked
    from specgen.lint.table import lint

    found, spec, request, elaborated = _elaborated(source, text, input, variant, limits, params)
    network, warned = elaborated.network, elaborated.warnings
    if request.variant is None and request.input is None and not request.settings:
        warned = [*warned, *check_variants(found, spec, request, limits)]
    checked = Checked(
        found,
        spec,
        elaborated.steps,
        network.input_shape,
        own_input=request.input is None,
        varies=bool(network.fixed),
        found=warned,
    )
    return network, lint(checked)


def traced(
    source: SourceLike,
    *,
    input: str | tuple[int, ...] | Shape | None = None,  # noqa: A002
    variant: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Network, Trace, Spelling]:
    """The network, where every layer of it comes from, and the spec to look that up in."""
    from specgen.provenance import Spelling

    trace = Trace()
    found, spec, request, elaborated = _elaborated(
        source, None, input, variant, DEFAULT_LIMITS, settings or {}, trace
    )
    network = elaborated.network
    outside = frozenset(request.settings)
    return network, trace, Spelling(found, spec, network.settings, outside, request.variant)


def _elaborated(
    source: SourceLike | None,
    text: str | None,
    input: str | tuple[int, ...] | Shape | None,  # noqa: A002
    variant: str | None,
    limits: Limits,
    params: Mapping[str, Any],
    trace: Trace | None = None,
) -> tuple[Source, syntax.Spec, Request, Elaborated]:
    """The spec that is meant, what is asked of it, and what it comes to."""
    need("variant", variant, (str, NoneType), "the name of a variant")
    with within_the_stack():
        found, spec, chosen = find(source, text, limits)
        chosen = chosen if variant is None else variant
        request = Request(
            settings=check_settings(found, spec, params),
            input=None if input is None else as_shape(input),
            variant=variant_of(found, spec, chosen) if chosen is not None else None,
            name=class_name(found.stem),
        )
        return found, spec, request, elaborate(found, spec, request, limits, trace)


def find(
    source: SourceLike | None, text: str | None, limits: Limits
) -> tuple[Source, syntax.Spec, str | None]:
    """The spec that is meant, and the variant of it that its name stands for."""
    if (source is None) == (text is None):
        raise TypeError("give either a source or text=")
    need("source", source, (str, os.PathLike, NoneType), "a path or a name")
    need("text", text, (str, NoneType), "a string")
    need("limits", limits, Limits, "a `specgen.Limits`")
    if text is not None:
        try:
            found = Source(decode(text.encode("utf-8", "surrogatepass"), limits.source))
        except ReadError as error:
            raise _unreadable("the text", str(error)) from None
        return found, parse(found, limits), None
    assert source is not None
    name = os.fsdecode(source)
    if name != "-" and not is_there(name):
        known = shipped.find(name)
        if known is None:
            raise _not_found(name)
        return known
    try:
        found = read_source(name, limits.source)
    except ReadError as error:
        raise _unreadable(name, str(error)) from None
    return found, parse(found, limits), None


def as_shape(value: str | tuple[int, ...] | list[int] | Shape) -> Shape:
    """A shape from outside: `"3x32x32"`, `(3, 32, 32)`. Raises `SpecError` for anything else."""
    title = f"{shown(value)} is not a shape"
    help_ = ("write channels and up to three spatial sizes: 3x224x224",)
    try:
        sizes = as_value(value) if isinstance(value, str) else value
    except SpecError:
        raise SpecError([Diagnostic("not-a-shape", title, help=help_)]) from None
    if isinstance(sizes, Shape) and isinstance(sizes.spatial, (tuple, list)):
        sizes = sizes.sizes
    sizes = sizes if isinstance(sizes, (tuple, list)) else (sizes,)
    sizes = tuple(map(arithmetic.standard, sizes))
    why, _ = why_no_shape(sizes)
    if why:
        raise SpecError([Diagnostic("not-a-shape", f"{title}: {why}", help=help_)])
    last = isinstance(value, Shape) and bool(value.channels_last)
    return Shape.of_sizes(tuple(map(int, sizes)), last)


def as_value(text: str) -> Any:
    """A value from outside, written as in a spec: `64`, `0.5`, `true`, `bn`, `(1, 7)`."""
    source = Source(text, "<value>")
    try:
        expression = parse_expression(source)
    except SpecError as error:
        found = error.diagnostics[0]
        span = found.labels[0].span
        called = re.match(r"\w+\(", text[span.start :])
        if found.code == "syntax" and (called or text[span.start : span.start + 1] in tuple("=;{}|:\n")):
            # What is said of statements would be of no use here.
            label = Label(span, "this belongs to no value")
            title, help_ = (
                "this is not a value",
                ("a value is written as in a spec: `64`, `true`, `bn`, `(1, 7)`",),
            )
            raise SpecError([Diagnostic("syntax", title, (label,), help_, source=source)]) from None
        raise
    try:
        return Evaluator(lambda name: name, None, set()).value(expression)
    except Wrong as wrong:
        label = Label(wrong.span, wrong.label)
        advice = (wrong.help,) if wrong.help else ()
        raise SpecError([Diagnostic(wrong.code, str(wrong), (label,), advice, source=source)]) from None


def check_settings(source: Source, spec: syntax.Spec, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The values given from outside, if they are values and the spec has params of those names."""
    params = [
        statement.name.text for statement in spec.body.statements if isinstance(statement, syntax.Param)
    ]
    checked = {}
    for name, value in settings.items():
        if name not in params:
            near = nearest(name, params)
            known = ", ".join(abridged(params))
            help_ = f"did you mean `{near[0]}`?" if near else f"it has {known}" if known else "it has none"
            title = f"the spec has no param `{cut(name)}`"
            raise SpecError([Diagnostic("unknown-param", title, help=(help_,), source=source)])
        checked[name] = _check_value(name, value)
    return checked


def _check_value(name: str, value: Any) -> Any:
    value = arithmetic.plain(arithmetic.standard(value))
    match value:
        case str():
            fine = value.isascii() and value.isidentifier() and len(value) <= LONGEST_NAME
        case int():
            fine = abs(value) < LARGEST_TOTAL
        case float():
            fine = isfinite(value)
        case tuple() | list() if len(value) <= LONGEST_TUPLE:
            fine = not any(isinstance(item, (tuple, list)) for item in value)
            if fine:
                return tuple(_check_value(name, item) for item in value)
        case _:
            fine = False
    if not fine:
        title = f"{shown(value)} cannot be the value of `{name}`"
        raise SpecError(
            [Diagnostic("wrong-value", title, help=("give a number, true or false, a tuple, or a word",))]
        )
    return value


def variant_of(source: Source, spec: syntax.Spec, name: str) -> syntax.Variant:
    known = spec.variants
    for statement in known:
        if statement.name.text.casefold() == name.casefold():
            return statement
    words = [statement.name.text for statement in known]
    near = nearest(name, words)
    help_ = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(abridged(words)) or 'none'}"
    title = f"the spec has no variant `{cut(name)}`"
    raise SpecError([Diagnostic("unknown-variant", title, help=(help_,), source=source)])


def _not_found(name: str) -> SpecError:
    folder, file = os.path.split(name)
    stem = os.path.splitext(file)[0]
    beside = [os.path.join(folder, one + shipped.ENDING) for one in nearest(stem, _specs_in(folder), 3)]
    near = nearest(stem, shipped.names(), 3) if not folder else []
    help_ = "`specgen list` shows what is shipped"
    if near:
        help_ = f"shipped with similar names: {listed(near)}"
    if beside:
        help_ = f"there is {listed(beside)}"
    title = f"there is no file and no shipped spec `{cut(name)}`" if name else "the name of the spec is empty"
    return SpecError([Diagnostic("not-found", title, help=(help_,))])


def _specs_in(folder: str) -> list[str]:
    """The names of the specs in a folder, without their ending; of very many files, some are looked at."""
    try:
        with os.scandir(folder or os.curdir) as entries:
            files = [entry.name for entry in islice(entries, 1000)]
    except (OSError, ValueError):
        return []
    return [file.removesuffix(shipped.ENDING) for file in files if file.endswith(shipped.ENDING)]


def _unreadable(name: str, reason: str) -> SpecError:
    return SpecError([Diagnostic("unreadable", f"cannot read `{name}`: {reason}")])

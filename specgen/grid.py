"""Many networks of one spec: its params over a grid of values, and the figures of each.

The spec is parsed once. A corner of the grid that is wrong is a result, too: it says why. Any
`concurrent.futures.Executor` can do the work, in processes or on other machines.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import Executor, Future
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from itertools import islice, product
from math import prod
from types import NoneType
from typing import Any

from specgen import arithmetic, compiler, syntax
from specgen.diagnostics import Diagnostic, Label, SpecError, abridged, nearest
from specgen.elaborate import elaborate
from specgen.expressions import Evaluator, Wrong
from specgen.given import need, shown, wrong
from specgen.ir import Network
from specgen.layers import registry
from specgen.limits import DEFAULT_LIMITS
from specgen.names import class_name
from specgen.parser import parse, parse_expression
from specgen.source import Source, printable
from specgen.statements import Request

#: The most corners of a grid, unless the caller allows more.
MOST_CORNERS = 1_000_000
#: Corners that a worker gets at once, and tasks that wait for a worker or for their turn.
_TOGETHER, _IN_FLIGHT = 32, 64

#: What a condition may ask, besides the spec's params.
FIGURES = ("params", "macs", "saved", "inference", "training")


@dataclass(frozen=True)
class SweepResult:
    """One corner of a grid: the values, and the network's figures or the reason why there is none.

    Attributes:
        settings: the values of this corner by name, in the grid's order.
        output: the output's sizes for one sample, without the batch.
        params, macs: learned values; multiply-adds for one sample.
        saved, inference, training: bytes, as `specgen summary` works them out.
        error: what is wrong, if something is: code, title, and the place in the spec, counted from 1.
    """

    settings: Mapping[str, Any]
    output: tuple[int, ...] = ()
    params: int = 0
    macs: int = 0
    saved: int = 0
    inference: int = 0
    training: int = 0
    error: SweepProblem | None = None


@dataclass(frozen=True)
class SweepProblem:
    """Why a corner has no network: what `SpecError` says of it first."""

    code: str
    title: str
    file: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = f" ({self.file}:{self.line}:{self.column})" if self.line is not None else ""
        return printable(f"error[{self.code}]: {self.title}{place}")


@dataclass(frozen=True)
class _Job:
    """What all corners share; small, and picklable."""

    text: str
    file: str
    stem: str
    variant: str | None
    where: str | None
    batch: int
    dtype: str
    optimizer: Any


def sweep(
    source: compiler.SourceLike | None,
    grid: Mapping[str, Iterable[Any]],
    *,
    text: str | None = None,
    where: str | None = None,
    executor: Executor | None = None,
    batch: int = 1,
    dtype: str = "float32",
    optimizer: str = "adam",
    most: int = MOST_CORNERS,
    progress: Callable[[int], None] | None = None,
) -> Iterator[SweepResult]:
    """The figures of a spec at every corner of a grid, one by one, in the grid's order.

    The last name of the grid varies fastest. Imports no torch.

    Args:
        source, text: the spec, as `compile` takes it.
        grid: values by the names of params; `input` and `variant` may be among them.
        where: a condition in the spec's language over params, `params`, `macs`, `saved`, `inference` and
            `training`, such as `"params < 5e6 and width >= 32"`; other corners are left out. Corners
            that are wrong are not.
        executor: who does the work, some corners at a time; without one, this thread.
        batch, dtype, optimizer: what the memory is worked out for, as `Network.summary` takes them.
        most: the most corners.
        progress: called with how many corners are worked out, those included that `where` leaves out.

    Raises:
        SpecError: the spec is not written in the language, or has no such param, or the condition is
            wrong.
        TypeError: an argument is of another type.
        ValueError: the grid is larger than `most`, or an option is unknown.
    """
    from specgen.views import summary

    need("most", most, int, "an `int`")
    values = _values(grid, most)
    need("where", where, (str, NoneType), "a condition as a string")
    need("executor", executor, (Executor, NoneType), "an `Executor` of `concurrent.futures`")
    if progress is not None and not callable(progress):
        raise wrong("progress", progress, "a function of one number")
    count = prod(map(len, values.values()))
    if count > most:
        raise ValueError(f"the sweep has {count:,} corners, and at most {most:,} are allowed")
    asked = summary.options(None, None, batch, dtype, optimizer)
    found, spec, variant = compiler.find(source, text, DEFAULT_LIMITS)
    compiler.check_settings(found, spec, {name: 0 for name in values if name not in _SPECIAL})
    for variant in values.get("variant", ()):
        if variant is not None:
            compiler.variant_of(found, spec, variant)
    if where is not None:
        _check_condition(where, spec, values)
    job = _Job(found.text, found.name, found.stem, variant, where, asked.batch, asked.dtype, asked.optimizer)
    corners = (dict(zip(values, corner, strict=True)) for corner in product(*values.values()))
    return _results(job, corners, executor, progress)


_SPECIAL = ("input", "variant")


def _values(grid: Mapping[str, Iterable[Any]], most: int) -> dict[str, tuple[Any, ...]]:
    """The grid's values by name; a single one, or a word, is not taken for several."""
    need("grid", grid, Mapping, "a dict of values by the names of params")
    for name, several in grid.items():
        need("grid", name, str, "a dict whose keys are strings")
        if isinstance(several, (str, bytes)) or not isinstance(several, Iterable):
            raise TypeError(f"`grid` has to have a list of values for `{name}`, not {shown(several)}")
    values = {
        name: tuple(map(arithmetic.standard, _bounded(several, most))) for name, several in grid.items()
    }
    for variant in values.get("variant", ()):
        need("variant", variant, (str, NoneType), "the name of a variant")
    return values


def _bounded(several: Iterable[Any], most: int) -> Iterable[Any]:
    """The values; of too many, as many as say that."""
    if isinstance(several, Sized) and len(several) > most:
        raise ValueError(f"the sweep has {len(several):,} corners or more, and at most {most:,} are allowed")
    return islice(several, max(most, 0) + 1)


def _results(
    job: _Job,
    corners: Iterator[dict[str, Any]],
    executor: Executor | None,
    progress: Callable[[int], None] | None,
) -> Iterator[SweepResult]:
    done = 0
    for count, results in _parts(job, corners, executor):
        done += count
        if progress is not None:
            progress(done)
        yield from results


def _parts(
    job: _Job, corners: Iterator[dict[str, Any]], executor: Executor | None
) -> Iterator[tuple[int, list[SweepResult]]]:
    """The results of some corners at a time, with how many corners these were."""
    if executor is None:
        for corner in corners:
            yield 1, evaluate(job, [corner])
        return
    waiting: deque[tuple[int, Future[list[SweepResult]]]] = deque()
    try:
        while True:
            while len(waiting) < _IN_FLIGHT and (some := list(islice(corners, _TOGETHER))):
                waiting.append((len(some), executor.submit(evaluate, job, some)))
            if not waiting:
                return
            count, future = waiting.popleft()
            yield count, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def evaluate(job: _Job, corners: Sequence[Mapping[str, Any]]) -> list[SweepResult]:
    """The results of some corners that the condition lets through: what a worker runs."""
    results = []
    for corner in corners:
        try:
            result, settings = _figures(job, corner)
        except SpecError as error:
            results.append(SweepResult(corner, error=_problem(error.diagnostics[0])))
            continue
        if job.where is None or _holds(job.where, result, settings):
            results.append(result)
    return results


def _figures(job: _Job, corner: Mapping[str, Any]) -> tuple[SweepResult, Mapping[str, Any]]:
    from specgen.views.memory import memory

    network = _network(job, corner)
    found = memory(network)
    result = SweepResult(
        corner,
        tuple(map(int, network.output_shape.sizes)),
        network.params,
        network.macs,
        found.kept.of(job.batch, job.dtype),
        found.inference(job.batch, job.dtype),
        found.training(job.batch, job.dtype, job.optimizer),
    )
    return result, network.settings


def _network(job: _Job, corner: Mapping[str, Any]) -> Network:
    source, spec = _parsed(job.text, job.file, job.stem)
    variant = corner.get("variant", job.variant)
    shape = corner.get("input")
    request = Request(
        settings=compiler.check_settings(
            source, spec, {name: value for name, value in corner.items() if name not in _SPECIAL}
        ),
        input=None if shape is None else compiler.as_shape(shape),
        variant=None if variant is None else compiler.variant_of(source, spec, variant),
        name=class_name(source.stem),
    )
    return elaborate(source, spec, request, DEFAULT_LIMITS).network


@lru_cache(8)
def _parsed(text: str, name: str, stem: str) -> tuple[Source, syntax.Spec]:
    source = Source(text, name, stem)
    return source, parse(source)


def _problem(diagnostic: Diagnostic) -> SweepProblem:
    line, column = diagnostic.place or (None, None)
    file = os.path.basename(diagnostic.source.name) if diagnostic.source else ""
    return SweepProblem(diagnostic.code, diagnostic.title, file, line, column)


# --- conditions ----------------------------------------------------------------------------------


@lru_cache(8)
def _condition(text: str) -> tuple[Source, syntax.Expr]:
    source = Source(text, "<where>")
    return source, parse_expression(source)


def _check_condition(text: str, spec: syntax.Spec, values: Mapping[str, Iterable[Any]]) -> None:
    """Raise `SpecError` for a name that is neither a figure, nor a param, nor a word among the values."""
    source, expression = _condition(text)
    params = [one.name.text for one in spec.body.statements if isinstance(one, syntax.Param)]
    known = {*FIGURES, *params, *_SPECIAL}
    words = {value for several in values.values() for value in several if isinstance(value, str)}
    words |= {name.text for name in _names(spec.body)} | {"none", *registry.words()}
    for name in _names(expression):
        if name.text in FIGURES and name.text in params:
            title = f"`{name.text}` is a figure of the network, and a param of this spec"
            label = Label(name.span, "one condition cannot ask for both")
            help_ = "give the param another name"
            raise SpecError([Diagnostic("name-taken", title, (label,), (help_,), source=source)])
        if name.text not in known | words:
            near = nearest(name.text, known)
            asked = f"it may ask {', '.join((*FIGURES, *abridged(params)))}"
            help_ = f"did you mean `{near[0]}`?" if near else asked
            label = Label(name.span, "no param and no figure is called so")
            title = f"the condition asks for `{name.text}`"
            raise SpecError([Diagnostic("unknown-name", title, (label,), (help_,), source=source)])


def _names(node: Any) -> Iterator[syntax.Name]:
    if isinstance(node, syntax.FunctionCall):
        yield from _names(node.arguments)
    elif isinstance(node, syntax.Name):
        yield node
    elif isinstance(node, tuple):
        for one in node:
            yield from _names(one)
    elif is_dataclass(node):
        for one in fields(node):
            yield from _names(getattr(node, one.name))


def _holds(text: str, result: SweepResult, settings: Mapping[str, Any]) -> bool:
    source, expression = _condition(text)
    figures = {name: getattr(result, name) for name in FIGURES}
    known = {**settings, **result.settings, **figures}
    try:
        return Evaluator(lambda name: known.get(name, name), None, set()).boolean(expression)
    except Wrong as wrong:
        label = Label(wrong.span, wrong.label)
        help_ = (wrong.help,) if wrong.help else ()
        raise _WrongConditionError(
            [Diagnostic(wrong.code, str(wrong), (label,), help_, source=source)]
        ) from None


class _WrongConditionError(SpecError):
    """A condition that has no value: wrong at every corner, so the sweep ends."""

"""Between syntax and network: steps that have their shapes and not yet their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from specgen import arithmetic, syntax
from specgen.arithmetic import Traced, is_number
from specgen.diagnostics import Label
from specgen.ir import Block, Branch, Child, Member, Parallel, Sequence, Step
from specgen.layers.base import Layer
from specgen.names import objection
from specgen.scope import Given
from specgen.shape import Shape, bare
from specgen.source import Span
from specgen.trace import Origin

if TYPE_CHECKING:
    from specgen.evaluation import Evaluation


#: The place of a step that was never written.
NOWHERE = Span(0, 0)


class DraftLayer(NamedTuple):
    """A layer. `implied` marks the activation that the network's last `fc` goes without.

    `word` is the word that its line begins with, `asked` the one that this layer goes back to: the same, or
    of a trim where it was asked for, on the line or in a `default`. `given` are its options.
    """

    label: syntax.Name | None
    kind: str
    input: Shape
    output: Shape
    span: Span
    layer: Layer
    implied: bool = False
    guard: str = ""
    word: Span = NOWHERE
    asked: Span = NOWHERE
    given: Mapping[str, Given] = MappingProxyType({})
    origin: Origin | None = None


@dataclass(frozen=True)
class DraftSequence:
    """A named group, or a block that is a chain of blocks."""

    label: syntax.Name | None
    kind: str
    input: Shape
    output: Shape
    span: Span
    children: list[Draft]
    guard: str = ""


@dataclass(frozen=True)
class DraftBlock:
    """A use of a block, with its arguments."""

    label: syntax.Name | None
    kind: str
    input: Shape
    output: Shape
    span: Span
    children: list[Draft]
    arguments: dict[str, Any]
    defaults: dict[str, Any]
    guard: str = ""


@dataclass(frozen=True)
class DraftParallel:
    """Branches that are joined."""

    label: syntax.Name | None
    kind: str
    input: Shape
    output: Shape
    span: Span
    branches: list[list[Draft]]
    guard: str = ""


Draft: TypeAlias = DraftLayer | DraftSequence | DraftBlock | DraftParallel

#: What may follow the last `fc` without making it a hidden layer.
_BEHIND_LAST = ("softmax", "log_softmax", "flatten")


def enter(shape: Shape) -> Shape:
    """What arrives, as a block sees it: its channels are called `in_channels`, its sizes are numbers."""
    return Shape(arithmetic.named("in_channels", shape.channels), bare(shape.spatial), shape.channels_last)


def strides(children: Iterable[Draft]) -> Iterable[Traced]:
    """The strides among some steps that were computed from arguments."""
    for child in _flat(children):
        if isinstance(child, DraftSequence):
            yield from strides(child.children)
        elif isinstance(child, DraftLayer):
            stride = getattr(child.layer, "stride", None)
            yield from (
                one for one in (stride if isinstance(stride, tuple) else (stride,)) if isinstance(one, Traced)
            )


def leave(shape: Shape, known: Mapping[str, Any]) -> Shape:
    """What a block gives, as its user sees it: `known` has its arguments and `in_channels`."""
    return Shape(_outside(shape.channels, known), bare(shape.spatial), shape.channels_last)


def _outside(value: int, known: Mapping[str, Any]) -> Any:
    if not isinstance(value, Traced):
        return value
    terms = {name: arithmetic.expression_of(one) for name, one in known.items() if is_number(one)}
    expression = arithmetic.substitute(value.expression, terms)
    if arithmetic.opaque_names(expression):
        return arithmetic.opaque(value, expression)
    return arithmetic.traced(arithmetic.plain(value), expression)


def without_last_activation(children: list[Draft]) -> list[Draft]:
    """The steps without the activation of the `fc` that ends the network: it gives raw scores."""
    index = len(children) - 1
    while index >= 0 and _passes(children[index], children[index - 1] if index else None):
        index -= 1
    if index < 0:
        return children
    last = children[index]
    ended: list[Draft]
    match last:
        case DraftLayer(implied=True):
            ended = []
        case DraftSequence() | DraftBlock():
            ended = [replace(last, children=without_last_activation(last.children))]
        case DraftParallel():
            ended = [replace(last, branches=[without_last_activation(branch) for branch in last.branches])]
        case _:
            return children
    return [*children[:index], *ended, *children[index + 1 :]]


def _passes(child: Draft, before: Draft | None) -> bool:
    """Whether a step at the end may follow the last `fc`: by its kind, or as dropout of the same line."""
    if isinstance(child, DraftSequence):
        return all(_passes(inner, None) for inner in child.children)
    own_dropout = isinstance(before, DraftLayer) and before.implied and before.span == child.span
    return isinstance(child, DraftLayer) and (child.kind in _BEHIND_LAST or own_dropout)


class _Names:
    """Hands out the names of one module's children: a label, or kind and ordinal. None comes twice."""

    def __init__(self, evaluation: Evaluation, children: Iterable[Draft]) -> None:
        self.evaluation = evaluation
        self.taken: dict[str, Span] = {}
        self.ordinals: dict[str, int] = {}
        for child in _flat(children):
            if child.label is not None:
                self._reserve(child.label)

    def _reserve(self, label: syntax.Name) -> None:
        if label.text in self.taken:
            first = self.taken[label.text]
            said = self.evaluation.source.at(label.span) == label.text
            self.evaluation.fail(
                "said-twice",
                f"two children are called `{label.text}`",
                label.span,
                "a label is one child's name" if said else "so is this projection, if it says nothing else",
                "leave the label out: the children are numbered then"
                if said
                else "give it a name of its own: `else shortcut: { … }`",
                also=Label(first, "the first one is here", primary=False) if first != label.span else None,
            )
        self.taken[label.text] = label.span

    def of(self, child: Draft) -> str:
        if child.label is not None:
            return child.label.text
        stem = f"{child.kind}_" if child.kind[-1].isdigit() else child.kind  # `relu61` is the 61st `relu`
        while True:
            ordinal = self.ordinals[child.kind] = self.ordinals.get(child.kind, 0) + 1
            name = f"{stem}{ordinal}"
            if name not in self.taken and objection(name) is None:
                self.taken[name] = child.span
                return name


def _flat(children: Iterable[Draft]) -> Iterable[Draft]:
    """The children of one module, those in branches included."""
    for child in children:
        if isinstance(child, DraftParallel):
            for branch in child.branches:
                yield from _flat(branch)
        else:
            yield child


def along(children: Iterable[Draft]) -> Iterable[DraftLayer]:
    """The layers on the way through some steps; of branches, those of the first."""
    for child in children:
        match child:
            case DraftLayer():
                yield child
            case DraftParallel():
                yield from along(child.branches[0])
            case _:
                yield from along(child.children)


def finish_network(evaluation: Evaluation, children: list[Draft], shape: Shape) -> Sequence:
    """The named tree below the network's outermost sequence."""
    output = children[-1].output if children else shape
    steps = _finish_sequence(evaluation, children)
    return Sequence(name="network", input=shape, output=output, steps=steps)


def _finish_sequence(evaluation: Evaluation, children: list[Draft]) -> tuple[Child, ...]:
    """Children of an `nn.Sequential`: numbered, or all named as soon as one has a label."""
    labelled = any(child.label is not None for child in children)
    names = _Names(evaluation, children)
    return tuple(
        _finish(evaluation, child, names.of(child) if labelled else str(index))
        for index, child in enumerate(children)
    )


def _finish(evaluation: Evaluation, child: Draft, name: str) -> Child:
    ends = {"name": name, **_ends(evaluation, child)}
    match child:
        case DraftLayer():
            if evaluation.trace is not None and child.origin is not None:
                evaluation.trace.layers.append(child.origin)
            return Step(**ends, layer=child.layer)
        case DraftSequence():
            return Sequence(**ends, steps=_finish_sequence(evaluation, child.children))
        case DraftBlock():
            names = _Names(evaluation, child.children)
            members = _finish_members(evaluation, child.children, names)
            given: dict[str, Any] = {"arguments": child.arguments, "defaults": child.defaults}
            return Block(**ends, block=child.kind, **given, steps=members)
    raise AssertionError(child)


def _ends(evaluation: Evaluation, child: Draft) -> dict[str, Any]:
    """What every node has: the shapes at both ends, its line, and its condition."""
    line = evaluation.source.line_of(child.span)
    return {"input": child.input, "output": child.output, "line": line, "guard": child.guard}


def _finish_members(evaluation: Evaluation, children: list[Draft], names: _Names) -> tuple[Member, ...]:
    """The members of a block: layers deep in branches are its direct children all the same."""
    members: list[Member] = []
    for child in children:
        if isinstance(child, DraftParallel):
            branches = tuple(
                Branch(steps=_finish_members(evaluation, branch, names)) for branch in child.branches
            )
            kind: Any = child.kind
            members.append(Parallel(**_ends(evaluation, child), join=kind, branches=branches))
        else:
            members.append(_finish(evaluation, child, names.of(child)))
    return tuple(members)

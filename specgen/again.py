"""A network that came from outside, inferred anew: what it says has to be what the rules say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from specgen import arithmetic, conditions, initialisation
from specgen.draft import enter, leave
from specgen.ir import (
    Block,
    Branch,
    InitRule,
    Network,
    Node,
    Parallel,
    Sequence,
    Step,
    macs,
    members,
    params,
    walk,
)
from specgen.joins import join, share
from specgen.layers.base import Refusal, inferred
from specgen.layers.foreign import vet
from specgen.names import objection
from specgen.shape import LARGEST_TOTAL, Shape

Known = dict[str, Any]


def infer_again(network: Network) -> Sequence:
    """The network's root with every shape inferred; raises `ValueError` where one disagrees."""
    _check_spelling("the network", network.name)
    _check_spelling("the network", network.name, local=True)
    for name in network.settings:
        _check_spelling("a param", name, local=True)
    for name in network.fixed:
        if name not in network.settings:
            raise ValueError(f"{name} is no param")
    root = _sequence(network.root, network.input_shape, network.settings)
    for rule in network.init:
        _check_init(rule)
    if (misfit := initialisation.misfit(network)) is not None:
        rule, path, *_ = misfit
        raise ValueError(f"{rule.function} cannot fill the weight of {path}")
    steps = [step for _, step in walk(root)]
    if sum(map(params, steps)) >= LARGEST_TOTAL or sum(map(macs, steps)) >= LARGEST_TOTAL:
        raise ValueError("the network is too large")
    return root


def _check_spelling(what: str, name: str, *, local: bool = False) -> None:
    why = objection(name, local=local)
    if why or not (name.isascii() and name.isidentifier()):
        raise ValueError(f"{name!r} cannot name {what}" + (f": it is {why}" if why else ""))


def _check_init(rule: InitRule) -> None:
    function = initialisation.FUNCTIONS.get(rule.function)
    if function is None or rule.kind not in initialisation.kinds().values():
        raise ValueError(f"there is no `init {rule.kind} {rule.function}`")
    if not set(function.required) <= rule.options.keys() <= function.options.keys():
        raise ValueError(f"{rule.function} takes {', '.join(function.options) or 'no options'}")
    for name, value in rule.options.items():
        try:
            function.options[name].check(value)
        except ValueError:
            raise ValueError(f"{name} must be {function.options[name].describe()}") from None
    if function.turned(rule.options) is not None:
        raise ValueError("a is above b")
    try:
        initialisation.NUMBER.check(0.0 if rule.bias is None else rule.bias)
    except ValueError:
        raise ValueError(f"the bias must be {initialisation.NUMBER.describe()}, not {rule.bias:g}") from None


def _node(node: Any, shape: Shape, known: Known) -> Any:
    if node.guard and (
        conditions.canonical(node.guard) != node.guard
        or not conditions.names_in([node.guard])
        or conditions.holds(node.guard, known) is (isinstance(node, Parallel) and len(node.branches) == 1)
    ):
        raise ValueError(f"{node.guard!r} is not the condition for this to be here")
    match node:
        case Step():
            return _step(node, shape, known)
        case Sequence():
            return _sequence(node, shape, known)
        case Block():
            return _block(node, shape, known)
        case Parallel():
            return _parallel(node, shape, known)


def _sequence(sequence: Sequence, shape: Shape, known: Known) -> Sequence:
    _agree(sequence, "takes", sequence.input, shape)
    taken: set[str] = set()
    numbered = all(child.name.isdigit() for child in sequence.steps)
    for index, child in enumerate(sequence.steps):
        _check_name(child.name, index if numbered else None, taken)
    steps, output = _chain(sequence.steps, shape, known)
    _agree(sequence, "gives", sequence.output, output)
    return replace(sequence, input=shape, output=output, steps=steps)


def _block(block: Block, shape: Shape, known: Known) -> Block:
    _agree(block, "takes", block.input, shape)
    _check_traces(block.name, block.arguments, known)
    for name in block.arguments:
        _check_spelling("an argument", name, local=True)
    if "in_channels" in block.arguments or not block.defaults.keys() <= block.arguments.keys():
        raise ValueError(f"{block.name}: these are no arguments of a block")
    if any(isinstance(value, (str, tuple)) for value in block.defaults.values()):
        raise ValueError(f"{block.name}: a default is a number or a boolean")
    taken: set[str] = set()
    for child in members(block.steps):
        _check_name(child.name, None, taken)
    inside = {**block.arguments, "in_channels": shape.channels}
    steps, output = _chain(block.steps, enter(shape), inside)
    output = leave(output, inside)
    _agree(block, "gives", block.output, output)
    return replace(block, input=shape, output=output, steps=steps)


def _parallel(parallel: Parallel, shape: Shape, known: Known) -> Parallel:
    try:
        arrives = share(parallel.join, shape, len(parallel.branches))
        chains = [_chain(branch.steps, arrives, known) for branch in parallel.branches]
        output = join(parallel.join, [gives for _, gives in chains])
    except Refusal as refusal:
        raise ValueError(f"{refusal.title}: {refusal.label}") from None
    if (parallel.input, parallel.output) != (shape, output):
        raise ValueError(
            f"{parallel.join}: goes from {shape} to {output}, not {parallel.input} to {parallel.output}"
        )
    branches = tuple(Branch(steps=steps) for steps, _ in chains)
    return replace(parallel, input=shape, output=output, branches=branches)


def _step(step: Step, shape: Shape, known: Known) -> Step:
    _agree(step, "takes", step.input, shape)
    _check_traces(step.name, dict(step.layer), known)
    try:
        output = inferred(step.layer, shape)
        if step.layer.is_foreign:
            vet(step.layer, shape, output)
    except Refusal as refusal:
        raise ValueError(f"{step.name}: {refusal.title}: {refusal.label}") from None
    _agree(step, "gives", step.output, output)
    return replace(step, input=shape, output=output)


def _chain(steps: tuple[Any, ...], shape: Shape, known: Known) -> tuple[tuple[Any, ...], Shape]:
    again = []
    for step in steps:
        again.append(_node(step, shape, known))
        shape = again[-1].output
    return tuple(again), shape


def _check_traces(name: str, values: Known, known: Known) -> None:
    for option, values_of in values.items():
        for value in values_of if isinstance(values_of, tuple) else (values_of,):
            if isinstance(value, arithmetic.Traced) and arithmetic.evaluate(value.expression, known) != value:
                raise ValueError(f"{name}: {option} is {value}, not {arithmetic.show(value.expression)}")


def _agree(node: Node, verb: str, said: Shape, inferred: Shape) -> None:
    if said != inferred:
        raise ValueError(f"{node.name}: {verb} {inferred}, not {said}")


def _check_name(name: str, index: int | None, taken: set[str]) -> None:
    if name in taken:
        raise ValueError(f"{name} is there twice")
    taken.add(name)
    why = "its position is another" if name.isdigit() else objection(name)
    if why and name != str(index):
        raise ValueError(f"{name} cannot be a child's name: {why}")

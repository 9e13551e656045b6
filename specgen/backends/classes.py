"""Which classes an emitted file has: one for each block, its uses differing by arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from specgen import arithmetic, conditions
from specgen.backends.layout import literal
from specgen.backends.sources import definitions
from specgen.ir import Block, Network, Parallel, Sequence, Step, walk
from specgen.layers.base import Layer
from specgen.names import CALLED_NAMES, FILE_NAMES, class_name

Known = dict[str, Any]


@dataclass(frozen=True)
class Argument:
    """An argument of a constructor: its type, and its default as source if it has one."""

    name: str
    type: str
    default: str | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.type}" + (f" = {self.default}" if self.default is not None else "")


@dataclass(frozen=True)
class Make:
    """A child that is one call, with its arguments as source: `nn.Conv2d(in_channels, c, kernel_size=1)`.

    `keywords` has `None` where an argument goes by position. `guard` is the condition under which the
    child is there, where some uses of the block have it and some have not.
    """

    name: str
    function: str
    keywords: tuple[str | None, ...]
    values: tuple[str, ...]
    family: str
    guard: str = ""


@dataclass(frozen=True)
class Row:
    """A child that is an `nn.Sequential`, with its own children."""

    name: str
    children: tuple[Any, ...]
    guard: str = ""


@dataclass(frozen=True)
class Use:
    """A child that is a use of another class."""

    name: str
    plan: ClassPlan
    values: tuple[tuple[str, str], ...]
    guard: str = ""


@dataclass(frozen=True)
class Join:
    """Branches side by side. `guard` is the condition for the last one, an identity, to be there."""

    kind: str
    axis: int
    branches: tuple[tuple[Member, ...], ...]
    guard: str = ""
    name: str = ""


Child: TypeAlias = Make | Row | Use
Member: TypeAlias = Make | Row | Use | Join


class Apart(Exception):  # noqa: N818 (an answer, not an error)
    """Two uses of a block are too different to share a class."""


@dataclass(eq=False)
class ClassPlan:
    """A class to be: its members, its arguments, and the uses that share it.

    A use has what arrives, `in_channels`, and then its arguments, by name.
    """

    name: str
    block: str
    members: tuple[Member, ...]
    uses: list[Known]
    defaults: dict[str, Any]
    #: Arguments that stand for literals in which the uses differ, with each use's value.
    literals: dict[str, list[str]] = field(default_factory=dict)

    def finish(self) -> None:
        """Drop the conditions that hold for every use, or for none: what they guard is simply there."""
        self.members = self._settled(self.members, {"": False})

    def _settled(self, members: Iterable[Any], is_needed: dict[str, bool]) -> tuple[Any, ...]:
        """The members with the conditions that are needed: about each it is worked out once."""
        settled: list[Any] = []
        for member in members:
            guard = member.guard
            if guard not in is_needed:
                is_needed[guard] = len({conditions.holds(guard, use) for use in self.uses}) > 1
            if not is_needed[guard]:
                member = replace(member, guard="")
            match member:
                case Row():
                    member = replace(member, children=self._settled(member.children, is_needed))
                case Join():
                    branches = tuple(self._settled(branch, is_needed) for branch in member.branches)
                    member = replace(member, branches=branches)
                    if len(member.branches) == 1 and not member.guard:
                        settled.extend(member.branches[0])  # a residual that no use has a shortcut for
                        continue
            settled.append(member)
        return tuple(settled)

    def constants(self) -> Known:
        """The block's arguments that all uses agree in and that the class does not take."""
        taken = {argument.name for argument in self.arguments()} | {"in_channels"}
        first, *others = self.uses
        return {
            name: value
            for name, value in first.items()
            if name not in taken and all(use[name] == value for use in others)
        }

    def arguments(self) -> list[Argument]:
        """The constructor's arguments: what the members' source mentions, in the block's order."""
        mentioned = conditions.names_in(_sources(self.members))
        typed = []
        for name in self.uses[0]:
            if name not in mentioned:
                continue
            values = [use[name] for use in self.uses]
            default = self.defaults.get(name)
            if default is None:
                typed.append(Argument(name, _type(values)))
            else:
                typed.append(Argument(name, _type([*values, default]), literal(default, {})))
        typed += [Argument(name, _literal_type(values)) for name, values in self.literals.items()]
        return [a for a in typed if a.default is None] + [a for a in typed if a.default is not None]


def _type(values: Iterable[Any]) -> str:
    kinds = {type(arithmetic.plain(value)).__name__ for value in values}
    return "float" if kinds == {"int", "float"} else kinds.pop()


def _literal_type(values: Iterable[str]) -> str:
    kinds = {"bool" if v in ("True", "False") else "float" if set(v) & set(".e") else "int" for v in values}
    return "float" if kinds == {"int", "float"} else kinds.pop()


def _sources(members: Iterable[Member]) -> Iterator[str]:
    """Every piece of source in some members."""
    for member in members:
        yield member.guard
        match member:
            case Make():
                yield from member.values
            case Row():
                yield from _sources(member.children)
            case Use():
                yield from (value for _, value in member.values)
            case Join():
                for branch in member.branches:
                    yield from _sources(branch)


class Planner:
    """Plans the classes of a network, those that others use first."""

    def __init__(self, network: Network) -> None:
        #: Every class, those that others use first; and those that each block came to.
        self.plans: list[ClassPlan] = []
        self.plans_of: dict[str, list[ClassPlan]] = {}
        self._taken = {network.name, *FILE_NAMES, *CALLED_NAMES, *network.settings}
        for block in blocks(network.root):
            self._taken.update(block.arguments)
        for modules in {type(step.layer).modules for _, step in walk(network.root)}:
            self._taken.update(definitions(modules))
        self._found: dict[int, tuple[ClassPlan, int]] = {}
        by_name: dict[str, list[Block]] = {}
        for block in blocks(network.root):
            by_name.setdefault(block.block, []).append(block)
        # A block is planned when all that it uses is: a definition stands before its use, so this ends.
        waiting = list(by_name.values())
        while waiting:
            ready = [group for group in waiting if all(self._is_ready(block) for block in group)]
            # Where each kind waits for another, as a labelled `add` in a block in an `add`, single uses go.
            for group in ready or waiting:
                for block in group:
                    if self._is_ready(block):
                        self._place(block)
            waiting = [group for group in waiting if any(id(block) not in self._found for block in group)]
        for plan in self.plans:
            plan.finish()

    def _is_ready(self, block: Block) -> bool:
        return all(id(inner) in self._found for inner in blocks(block) if inner is not block)

    def _place(self, block: Block) -> None:
        """Put a use into the first class that can take it, or into one of its own."""
        if id(block) in self._found:
            return
        use = {"in_channels": block.input.channels, **block.arguments}
        members = self.members(block.steps, {})
        plans = self.plans_of.setdefault(block.block, [])
        for plan in plans:
            if merged := _merged(plan, members, use):
                plan.members, plan.literals = merged
                plan.uses.append(use)
                self._found[id(block)] = plan, len(plan.uses) - 1
                return
        plan = ClassPlan(self._name(block), block.block, members, [use], dict(block.defaults))
        self.plans.append(plan)
        plans.append(plan)
        self._found[id(block)] = plan, 0

    def _name(self, block: Block) -> str:
        generic = block.name.rstrip("0123456789") in ("", block.block)
        base = class_name(block.block if generic or block.arguments else block.name)
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}{number}", number + 1
        self._taken.add(name)
        return name

    def members(self, steps: Iterable[Any], known: Known) -> tuple[Any, ...]:
        """The members of a class, from the nodes of a block or the network."""
        return tuple(self._member(step, known) for step in steps)

    def _member(self, step: Any, known: Known) -> Member:
        match step:
            case Step():
                return make(step, known)
            case Sequence():
                return Row(step.name, self.members(step.steps, known), step.guard)
            case Block():
                plan, index = self._found[id(step)]
                values = tuple((name, literal(value, known)) for name, value in plan.uses[index].items())
                literals = tuple((name, values[index]) for name, values in plan.literals.items())
                return Use(step.name, plan, values + literals, step.guard)
            case Parallel():
                branches = tuple(self.members(branch.steps, known) for branch in step.branches)
                return Join(step.join, step.output.channel_axis, branches, step.guard)
        raise AssertionError(step)


def make(step: Step, known: Known) -> Make:
    """A layer's constructor call, with its arguments as source."""
    call = step.call
    positional = [(None, value) for value in call.arguments]
    keywords = [item for item in call.keywords.items() if not _is_fixed_default(step.layer, *item, known)]
    arguments = [*positional, *keywords]
    return Make(
        step.name,
        class_of(step.layer, call.name),
        tuple(name for name, _ in arguments),
        tuple(literal(value, known) for _, value in arguments),
        step.layer.family,
        step.guard,
    )


def _is_fixed_default(layer: Layer, name: str, value: Any, known: Known) -> bool:
    """Whether a keyword is only there because it came from a param, which is fixed at PyTorch's default."""
    option = layer.options.get(name)
    named = arithmetic.names(value)
    return option is not None and bool(named) and named <= known.keys() and value == option.default


def class_of(layer: Layer, name: str) -> str:
    """The class that a layer's call names, as an emitted file names it."""
    return name if name in definitions(type(layer).modules) else f"nn.{name}"


def blocks(node: Sequence | Block | Parallel | Step, *, inside: bool = True) -> Iterator[Block]:
    """Every block in a node, itself included; `inside` goes on into the blocks."""
    match node:
        case Block():
            yield node
            for step in node.steps if inside else ():
                yield from blocks(step)
        case Sequence():
            for step in node.steps:
                yield from blocks(step, inside=inside)
        case Parallel():
            for branch in node.branches:
                for step in branch.steps:
                    yield from blocks(step)


# --- merging -------------------------------------------------------------------------------------


def _merged(plan: ClassPlan, members: tuple[Member, ...], use: Known) -> tuple[Any, Any] | None:
    """The plan's members and literals with one more use among them, or `None` where it differs too much."""
    if plan.uses[0].keys() != use.keys() or any(
        isinstance(value, bool) is not isinstance(use[name], bool) for name, value in plan.uses[0].items()
    ):
        return None
    merge = _Merge(plan, use)
    try:
        return merge.lists(plan.members, members), merge.literals
    except Apart:
        return None


class _Merge:
    def __init__(self, plan: ClassPlan, use: Known) -> None:
        self.uses = plan.uses
        self.use = use
        self.literals = {name: [*values, values[0]] for name, values in plan.literals.items()}

    def lists(self, ours: tuple[Member, ...], theirs: tuple[Member, ...]) -> tuple[Member, ...]:
        """Members aligned by name; one that only some uses have needs a condition that says which."""
        merged: list[Member] = []
        mine, other = list(ours), list(theirs)
        while mine or other:
            if mine and other and mine[0].name == other[0].name and type(mine[0]) is type(other[0]):
                merged.append(self.pair(mine.pop(0), other.pop(0)))
            elif mine and mine[0].name not in [member.name for member in other]:
                merged.append(self._guarded(mine.pop(0), present=False))
            elif other and other[0].name not in [member.name for member in mine]:
                merged.append(self._guarded(other.pop(0), present=True))
            else:
                raise Apart
        return tuple(merged)

    def _guarded(self, member: Member, *, present: bool) -> Member:
        """A member that this use has (`present`) or lacks, while the uses so far do the opposite or vary."""
        if isinstance(member, Join) or not member.guard:
            raise Apart
        if conditions.holds(member.guard, self.use) is not present:
            raise Apart
        if present and any(conditions.holds(member.guard, use) for use in self.uses):
            raise Apart
        return member

    def pair(self, mine: Any, other: Any) -> Any:
        if mine.guard != other.guard:
            mine = replace(mine, guard=self._guard(mine, other))
        match mine:
            case Make():
                return self._call(mine, other)
            case Row():
                return replace(mine, children=self.lists(mine.children, other.children))
            case Use():
                return self._use(mine, other)
            case Join():
                return self._join(mine, other)

    def _guard(self, mine: Member, other: Member) -> str:
        """Of two conditions, each said of the uses that it was worked out for, one that is right in all."""
        if isinstance(mine, Join):
            raise Apart
        for guard in (mine.guard, other.guard):
            if self._holds(guard, self.use) and all(
                self._holds(guard, use) is self._holds(mine.guard, use) for use in self.uses
            ):
                return guard
        raise Apart

    def _holds(self, guard: str, use: Known) -> bool:
        return not guard or conditions.holds(guard, use)

    def _call(self, mine: Make, other: Make) -> Make:
        if (mine.function, mine.keywords) != (other.function, other.keywords):
            raise Apart
        child = mine.function.rpartition(".")[2].lower() if mine.name.isdigit() else mine.name
        names = [name or f"{child}_{index}" for index, name in enumerate(mine.keywords)]
        values = tuple(map(self._value, names, mine.values, other.values))
        return replace(mine, values=values)

    def _use(self, mine: Use, other: Use) -> Use:
        if mine.plan is not other.plan or dict(mine.values).keys() != dict(other.values).keys():
            raise Apart
        pairs = zip(mine.values, other.values, strict=True)
        values = tuple((name, self._value(name, ours, theirs)) for (name, ours), (_, theirs) in pairs)
        return replace(mine, values=values)

    def _join(self, mine: Join, other: Join) -> Join:
        if (mine.kind, mine.axis) != (other.kind, other.axis):
            raise Apart
        if len(mine.branches) != len(other.branches) and not mine.guard:
            raise Apart
        longer = mine if len(mine.branches) >= len(other.branches) else other
        shared = zip(mine.branches, other.branches, strict=False)
        branches = [self.lists(*pair) for pair in shared]
        return replace(longer, branches=(*branches, *longer.branches[len(branches) :]))

    def _value(self, name: str, mine: str, other: str) -> str:
        """The source of a value; a literal in which the uses differ becomes an argument."""
        if mine in self.literals:
            self.literals[mine][-1] = other
            if conditions.names_in([other]):
                raise Apart
            return mine
        if mine == other:
            return mine
        if not (conditions.is_literal(mine) and conditions.is_literal(other)):
            raise Apart
        free, number = name, 2
        while free in self.use or free in self.literals:
            free, number = f"{name}_{number}", number + 1
        self.literals[free] = [mine] * len(self.uses) + [other]
        return free

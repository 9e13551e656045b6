"""The body of a `forward`: what a module computes, in as few lines as read well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specgen.backends.classes import Join, Make, Member
from specgen.backends.layout import BODY, WIDTH, Tree, flat, lines

#: What stands on one line with the layer in front of it.
TRAILING = ("norm", "activation", "dropout")


class Forward:
    """Writes the statements of a `forward`, from `x` to what it returns.

    `flags` collects the attributes that it reads, with the conditions that they stand for; none is called
    like a child.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.flags: dict[str, str] = {}
        self._names: dict[str, int] = {}
        self._children: frozenset[str] = frozenset()

    def write(self, members: Sequence[Member]) -> list[str]:
        """The statements, the `return` included."""
        self._children = frozenset(_children(members))
        value = self._run(members, "x", "x")
        if flat(value).startswith("torch."):
            self.lines.extend(lines(value, BODY, "return "))
        else:
            # A module's call has no type that a checker could hold against `Tensor`; `x` has.
            self._assign("x", value)
            self.lines.append(f"{BODY}return x")
        return self.lines

    def _numbered(self, name: str) -> str:
        number = self._names[name] = self._names.get(name, 0) + 1
        return f"{name}{number}"

    def _fresh(self, name: str) -> str:
        """A name that is new: the first of its kind has no number."""
        numbered = self._numbered(name)
        return name if numbered == f"{name}1" else numbered

    def _assign(self, target: str, value: str | Tree) -> None:
        if value != target:
            self.lines.extend(lines(value, BODY, f"{target} = "))

    def _run(self, members: Sequence[Member], arrives: str, target: str) -> str | Tree:
        """Write all but the last expression and return that; only `target` is assigned to."""
        value: str | Tree = arrives
        for group in _groups(members):
            if isinstance(group[0], Join):
                value = self._join(group[0], self._settle(value, target))
                continue
            if not _is_trailing(group[0]):
                value = self._settle(value, target)
            for member in group:
                value = self._apply(member, value, target)
        return value

    def _settle(self, value: str | Tree, target: str) -> str:
        """A name for a value: the one it has, or the target."""
        if isinstance(value, str) and value.isidentifier():
            return value
        self._assign(target, value)
        return target

    def _apply(self, member: Member, value: str | Tree, target: str) -> str | Tree:
        """One more call around a value; on a line of its own where the line would be too long."""
        call = _call(member, flat(value))
        if len(f"{BODY}{target} = {call}") > WIDTH:
            call = _call(member, self._settle(value, target))
        return call

    # --- joins -----------------------------------------------------------------------------------

    def _join(self, join: Join, arrives: str) -> str | Tree:
        if join.guard:
            return self._sometimes(join, arrives)
        parts = self._parts(join, arrives)
        if join.kind in ("cat", "split"):
            return Tree("torch.cat", (Tree("", tuple(parts)), f"dim={join.axis}"))
        sign = " + " if join.kind == "add" else " * "
        total, *rest = parts
        for part in rest:
            if len(f"{BODY}branch10 = {total}{sign}{part}") > WIDTH:
                name = self._fresh("out")
                self._assign(name, total)
                total = name
            total = f"{total}{sign}{part}"
        return total

    def _sometimes(self, join: Join, arrives: str) -> str:
        """A residual whose shortcut only some uses have."""
        flag, out = self._fresh("has_shortcut"), self._fresh("out")
        while flag in self._children:
            flag = self._fresh("has_shortcut")
        self.flags[flag] = join.guard
        self._assign(out, self._run(join.branches[0], arrives, out))
        return f"{out} + {arrives} if self.{flag} else {out}"

    def _parts(self, join: Join, arrives: str) -> list[str]:
        """What each branch gives: names for long branches, in order; short last ones stay calls."""
        inputs = [arrives] * len(join.branches)
        if join.kind == "split":
            inputs = [self._numbered("part") for _ in join.branches]
            self.lines.append(f"{BODY}{', '.join(inputs)} = {arrives}.chunk({len(inputs)}, dim={join.axis})")
        long = [index for index, branch in enumerate(join.branches) if not _is_short(branch)]
        parts: list[str] = []
        for index, (branch, part) in enumerate(zip(join.branches, inputs, strict=True)):
            if index > max(long, default=-1):
                for member in branch:
                    part = _call(member, part)
            elif branch:
                name = self._fresh("out") if len(long) == 1 else self._numbered("branch")
                self._assign(name, self._run(branch, part, name))
                part = name
            parts.append(part)
        return parts


def _children(members: Sequence[Member]) -> Iterator[str]:
    for member in members:
        if isinstance(member, Join):
            for branch in member.branches:
                yield from _children(branch)
        else:
            yield member.name


def _is_trailing(member: Member) -> bool:
    return isinstance(member, Make) and member.family in TRAILING


def _is_short(branch: Sequence[Member]) -> bool:
    """Whether a branch is one expression of at most two calls."""
    return len(branch) <= 2 and not any(isinstance(member, Join) for member in branch)


def _groups(members: Sequence[Member]) -> list[list[Member]]:
    """The members by line: a layer and its norm, activation and dropout together."""
    groups: list[list[Member]] = []
    for member in members:
        if groups and _is_trailing(member) and not isinstance(groups[-1][0], Join):
            groups[-1].append(member)
        else:
            groups.append([member])
    return groups


def _call(member: Member, value: str) -> str:
    """The call of a child; flattening is a function of torch, and needs none."""
    if isinstance(member, Make) and member.function == "nn.Flatten":
        numbers = dict(zip(member.keywords, member.values, strict=True))
        dims = [numbers.get("start_dim", "1"), numbers.get("end_dim", "-1")]
        return f"torch.flatten({', '.join([value, *(dims if dims[1] != '-1' else dims[:1])])})"
    return f"self.{member.name}({value})"

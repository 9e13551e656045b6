"""What differs between two networks: in their structure, their shapes and figures, and their weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, pairwise
from typing import Any, Literal

from specgen import options
from specgen.alignment import Pair, align
from specgen.ir import InitRule, Network, Parallel, Step, walk
from specgen.outline import Outliner, Part, leaves, listed
from specgen.state import Sizes, state, tensors

Kind = Literal["added", "removed", "moved", "changed", "renamed"]


@dataclass(frozen=True)
class Change:
    """One difference of structure, with every place where it is.

    Attributes:
        kind: what happened.
        old: what it was, as a spec says it; empty for what was added.
        new: what it is; empty for what was removed.
        inside: the block or group whose definition changed.
        old_paths: where it was in the module tree, once for each place.
        new_paths: where it is.
        behind: of what moved, the part that is in front of it now; empty where it is the first.
    """

    kind: Kind
    old: str
    new: str
    inside: str = ""
    old_paths: tuple[str, ...] = ()
    new_paths: tuple[str, ...] = ()
    behind: str = ""

    @property
    def times(self) -> int:
        """In how many places it is."""
        return max(len(self.old_paths), len(self.new_paths))


@dataclass(frozen=True)
class Figures:
    """A network in numbers. Shapes are those of one sample; `layers` counts what learns nothing, too."""

    name: str
    input: Sizes
    output: Sizes
    layers: int
    params: int
    macs: int
    settings: dict[str, Any]
    init: tuple[str, ...]


@dataclass(frozen=True)
class ShapeChange:
    """The first layer that is in both networks and gives another shape; `count` is how many there are."""

    old_path: str
    new_path: str
    layer: str
    old: Sizes
    new: Sizes
    count: int


@dataclass(frozen=True)
class Weights:
    """Whether a state dict of the old network loads into the new one.

    Attributes:
        kept: the keys that are in both, with one shape.
        missing: keys of the new network that the old one has not.
        unexpected: keys of the old network that the new one has not.
        reshaped: keys of both whose shapes differ, with the old shape and the new.
        elsewhere: keys of both with one shape that belong to another layer now: they load, and are wrong.
        renamed: for keys of layers that are in both, the old key and the new where those differ.
        carried: how many of the new network's tensors have their layer and shape in the old network.
    """

    kept: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: tuple[tuple[str, Sizes, Sizes], ...] = ()
    elsewhere: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    carried: int = 0
    old_count: int = 0
    new_count: int = 0

    @property
    def load(self) -> bool:
        """Whether they load as they are, each into its own layer."""
        return not (self.missing or self.unexpected or self.reshaped or self.elsewhere)

    @property
    def load_renamed(self) -> bool:
        """Whether they load once keys are renamed: every tensor has its place, some under another name."""
        return not self.load and self.carried == self.new_count == self.old_count


@dataclass(frozen=True)
class Comparison:
    """All that differs; `same` where nothing does but names of the network, its params and its blocks."""

    old: Figures
    new: Figures
    changes: tuple[Change, ...]
    shapes: ShapeChange | None
    weights: Weights

    @property
    def same(self) -> bool:
        """Whether the architecture, its initialisation and its keys are the same."""
        ends = (self.old.input, self.old.output, self.old.init) == (
            self.new.input, self.new.output, self.new.init,
        )  # fmt: skip
        return ends and not self.changes and self.shapes is None and self.weights.load


def compare(old: Network, new: Network) -> Comparison:
    """What differs between two networks."""
    outliner = Outliner()
    both = _Walk()
    both.pair(outliner.outline(old), outliner.outline(new), "")
    both.find_moves()
    return Comparison(
        figures(old),
        figures(new),
        tuple(_folded(both.events)),
        _first_shape(both.layers),
        compare_weights(old, new, both.layers),
    )


def figures(network: Network) -> Figures:
    """A network in numbers."""
    return Figures(
        network.name,
        tuple(map(int, network.input_shape.sizes)),
        tuple(map(int, network.output_shape.sizes)),
        sum(1 for _ in walk(network.root)),
        network.params,
        network.macs,
        dict(network.settings),
        tuple(map(_init_line, network.init)),
    )


def _init_line(rule: InitRule) -> str:
    values = {**rule.options, **({} if rule.bias is None else {"bias": rule.bias})}
    return " ".join(
        (rule.kind, rule.function, *(f"{name}={options.written(value)}" for name, value in values.items()))
    )


# --- structure -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Event:
    """A difference in one place. Of what was added or removed, `parts` are kept, so that moves are found."""

    kind: Kind
    old: str
    new: str
    inside: str
    old_paths: tuple[str, ...]
    new_paths: tuple[str, ...]
    parts: tuple[Part, ...] = ()
    behind: str = ""

    @property
    def can_move(self) -> bool:
        """Whether it is worth following: more than a single layer that learns nothing."""
        return len(self.parts) > 1 or any(part.layers > 1 or _has_weights(part) for part in self.parts)


class _Walk:
    """Walks two trees side by side; what it met is in `events`, the layers of both in `layers`."""

    def __init__(self) -> None:
        self.events: list[_Event] = []
        self.layers: list[tuple[Part, Part]] = []

    def pair(self, old: Part, new: Part, inside: str) -> None:
        """Two parts that stand for each other."""
        if old.identity == new.identity:
            self.layers += zip(leaves(old), leaves(new), strict=True)
            return
        if old.label != new.label:
            names = old.path.rpartition(".")[2], new.path.rpartition(".")[2]
            self._changed("renamed", *names, inside, old, new)
        if old.step is not None and new.step is not None:
            self.layers.append((old, new))
            texts = _differing(old.step, new.step)
            if texts:
                self._changed("changed", *texts, inside, old, new)
            return
        if _join(old) != _join(new):
            self._changed("changed", _join(old), _join(new), inside, old, new)
        self.parts(old, new, inside)

    def parts(self, old: Part, new: Part, inside: str) -> None:
        """What two parts hold."""
        own = new.path if new.kind == "group" else new.kind
        inside = inside if new.kind == "branch" or _join(new) else own if new.path else ""
        in_front = {part: before.path for before, part in pairwise(new.parts)}
        for missing, run in groupby(align(old.parts, new.parts), _missing):
            if missing == "none":
                for before, after in run:
                    assert before is not None and after is not None
                    self.pair(before, after, inside)
            else:
                self._one_sided("added" if missing == "old" else "removed", list(run), inside, in_front)

    def _changed(self, kind: Kind, old: str, new: str, inside: str, before: Part, after: Part) -> None:
        self.events.append(_Event(kind, old, new, inside, (before.path,), (after.path,)))

    def _one_sided(self, kind: Kind, run: list[Pair], inside: str, in_front: Mapping[Part, str]) -> None:
        """Parts that only one side has: those of one line as one, equal ones behind each other as one."""
        parts = [part for pair in run for part in pair if part is not None]
        lines = [turn for _, line in groupby(parts, _line) for turn in _turns(list(line))]
        for _, equal in groupby(lines, _identities):
            groups = list(equal)
            text = listed(groups[0], _MOST_OF_A_LINE)
            paths = tuple(group[0].path for group in groups)
            old, new = (text, "") if kind == "removed" else ("", text)
            old_paths, new_paths = (paths, ()) if kind == "removed" else ((), paths)
            held, behind = tuple(chain(*groups)), in_front.get(groups[0][0], "")
            self.events.append(_Event(kind, old, new, inside, old_paths, new_paths, held, behind))

    def find_moves(self) -> None:
        """Make one event of what was removed here and added there, and pair its parts.

        What moved is the same, or else has kept its name and its kind.
        """
        moved: dict[_Event, _Event] = {}
        for key in (_content, _place):
            taken = {*moved, *moved.values()}
            left = [event for event in self.events if event not in taken and key(event)]
            added = {key(event): event for event in left if event.kind == "added"}
            for event in left:
                if event.kind == "removed" and key(event) in added:
                    moved[event] = added.pop(key(event))
        arrived = set(moved.values())
        events, self.events = self.events, []
        for event in events:
            if event in moved:
                to = moved[event]
                paths = event.old_paths, to.new_paths
                self.events.append(_Event("moved", event.old, to.new, "", *paths, behind=to.behind))
                for before, after in zip(event.parts, to.parts, strict=True):
                    self.pair(before, after, event.inside)
            elif event not in arrived:
                self.events.append(event)


#: How many layers of one line are shown.
_MOST_OF_A_LINE = 8


def _identities(parts: Sequence[Part]) -> tuple[int, ...]:
    return tuple(part.identity for part in parts)


def _turns(line: list[Part]) -> Iterator[list[Part]]:
    """The parts of a line in equal turns: a `repeat` makes the same ones over and over."""
    identities, count = _identities(line), len(line)
    period = next(
        size for size in range(1, count + 1) if not count % size and identities[size:] == identities[:-size]
    )
    for start in range(0, count, period):
        yield line[start : start + period]


def _has_weights(part: Part) -> bool:
    return part.step is not None and bool(tensors(part.step))


def _content(event: _Event) -> tuple[int, ...]:
    """What was added or removed, if that can be found again elsewhere."""
    return _identities(event.parts) if event.can_move else ()


def _place(event: _Event) -> tuple[str, ...]:
    """The name and the kind of a single block, group or labelled layer that was added or removed."""
    if len(event.parts) != 1 or not event.can_move:
        return ()
    (part,) = event.parts
    named = part.label or (part.step is None and not part.path.rpartition(".")[2].isdigit())
    return (part.path, part.kind) if named else ()


def _differing(old: Step, new: Step) -> tuple[str, str] | None:
    """Two layers of one line, cut down to the options that differ: `conv k=3`, `conv k=5`."""
    kind = type(old.layer)
    if kind is not type(new.layer):
        return options.as_line(old.layer), options.as_line(new.layer)
    values, others = old.layer.settled(old.input), new.layer.settled(new.input)
    names = [
        name
        for name in values
        if values[name] != others[name]
        and getattr(old.layer, name) != getattr(new.layer, name)
        and name not in options.EXECUTION
    ]
    if not names:
        return None
    return (
        options.line_with(kind, {name: values[name] for name in names}),
        options.line_with(kind, {name: others[name] for name in names}),
    )


def _join(part: Part) -> str:
    return part.node.join if isinstance(part.node, Parallel) else ""


def _missing(pair: Pair) -> str:
    return "old" if pair[0] is None else "new" if pair[1] is None else "none"


def _line(part: Part) -> object:
    """What parts of one line share: a layer and its trim."""
    return ("line", part.node.line) if isinstance(part.node, Step) else part.path


def _folded(events: Iterable[_Event]) -> Iterator[Change]:
    """The events, those that say the same of different places as one."""
    same: dict[tuple[str, ...], list[_Event]] = {}
    for event in events:
        where = event.new_paths if event.kind == "moved" else ()
        same.setdefault((event.kind, event.old, event.new, event.inside, *where), []).append(event)
    for (_, old, new, inside, *_), found in same.items():
        yield Change(
            found[0].kind, old, new, inside,
            tuple(path for event in found for path in event.old_paths),
            tuple(path for event in found for path in event.new_paths),
            found[0].behind if found[0].kind == "moved" else "",
        )  # fmt: skip


def _first_shape(layers: Sequence[tuple[Part, Part]]) -> ShapeChange | None:
    differing = [
        (old, new)
        for old, new in layers
        if old.step is not None and new.step is not None and old.step.output.sizes != new.step.output.sizes
    ]
    if not differing:
        return None
    old, new = differing[0]
    assert old.output is not None and new.output is not None
    sizes = tuple(map(int, old.output.sizes)), tuple(map(int, new.output.sizes))
    return ShapeChange(old.path, new.path, new.text, *sizes, len(differing))


# --- weights -------------------------------------------------------------------------------------


def compare_weights(old: Network, new: Network, layers: Sequence[tuple[Part, Part]]) -> Weights:
    """Whether the old network's state dict loads into the new one; `layers` are those that both have."""
    before, after = state(old), state(new)
    common = [key for key in after if key in before]
    renamed = _renamed(layers)
    in_order = list(before.values()) == list(after.values()) and _names(before) == _names(after)
    if in_order and list(before) != list(after) and len(renamed) < len(after):
        renamed = dict(zip(before, after, strict=True))  # in order, tensor by tensor
    elsewhere = [key for key in common if before[key] == after[key] and renamed.get(key) != key]
    return Weights(
        kept=tuple(key for key in common if before[key] == after[key]),
        missing=tuple(key for key in after if key not in before),
        unexpected=tuple(key for key in before if key not in after),
        reshaped=tuple((key, before[key], after[key]) for key in common if before[key] != after[key]),
        elsewhere=tuple(elsewhere),
        renamed={key: now for key, now in renamed.items() if key != now},
        carried=len(renamed),
        old_count=len(before),
        new_count=len(after),
    )


def _renamed(layers: Sequence[tuple[Part, Part]]) -> dict[str, str]:
    """The keys of tensors that both networks have, with one shape, in layers that stand for each other."""
    found: dict[str, str] = {}
    for old, new in layers:
        assert old.step is not None and new.step is not None
        mine, theirs = tensors(old.step), tensors(new.step)
        found |= {
            f"{old.path}.{name}": f"{new.path}.{name}"
            for name, sizes in mine.items()
            if theirs.get(name) == sizes
        }
    return found


def _names(keys: Iterable[str]) -> list[str]:
    """The tensors' own names, without where they are."""
    return [key.rpartition(".")[2] for key in keys]

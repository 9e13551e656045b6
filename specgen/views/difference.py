"""A comparison of two networks in words: as text, as Markdown for a review, and as plain data."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any

from specgen import options
from specgen.comparison import Change, Comparison, Figures, Weights, compare
from specgen.given import need
from specgen.ir import Network
from specgen.shape import times
from specgen.source import printable
from specgen.state import Sizes
from specgen.views.text import WHOLE, columns, short

#: The sign in front of each kind of change, and what it says in Markdown.
_SIGNS = {"added": "+", "removed": "−", "moved": ">", "changed": "~", "renamed": "~"}

#: How many places, keys or lines are shown before the rest is counted.
_MOST = 8


@dataclass(frozen=True)
class Difference:
    """What changed from one network to another. `str()` of it is what `specgen diff` prints.

    Attributes:
        comparison: every change, the figures of both networks, and what becomes of the weights.
        old_title: what the old network is called.
        new_title: what the new one is called.
    """

    comparison: Comparison
    old_title: str
    new_title: str

    @property
    def same(self) -> bool:
        """Whether nothing changed: the same layers in the same structure, initialised alike, same keys."""
        return self.comparison.same

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of structure, in order."""
        return self.comparison.changes

    @property
    def weights(self) -> Weights:
        """Whether the old network's weights load into the new one."""
        return self.comparison.weights

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = 78) -> str:
        """The difference for people, no line longer than `width` where words allow."""
        found = self.comparison
        lines = [f"{printable(self.old_title)} → {printable(self.new_title)}", ""]
        if found.same:
            lines += wrap(_unchanged(found.new), width)
            idle = [f"param {name} is {a} → {b}, which changes nothing" for name, a, b in _settings(found)]
            return "\n".join([*lines, *([""] if idle else []), *idle])
        if found.changes:
            for change in found.changes:
                lines += _change_lines(change, width)
            lines.append("")
        lines += [_figure_table(found, width), ""]
        lines += [line for paragraph in _remarks(found) for line in wrap(paragraph, width)]
        lines += ["", *_weights_lines(found.weights, width)]
        return "\n".join(line.rstrip() for line in lines)

    def markdown(self) -> str:
        """The difference for a review comment."""
        found = self.comparison
        lines = [f"### {_code(self.old_title)} → {_code(self.new_title)}", ""]
        if found.same:
            return "\n".join([*lines, _unchanged(found.new)])
        for change in found.changes:
            lines.append(f"- {_in_markdown(change)}")
        lines += ["", "| | before | after | |", "| --- | --- | --- | --- |"]
        lines += [f"| {' | '.join(map(_cell, row))} |" for row in _figures(found)]
        lines += ["", *_remarks(found), ""]
        head, *rest = _weights_sections(found.weights)
        lines.append(f"**{head[0]}**" + "".join(f" {text}" for text in head[1]))
        for title, keys in rest:
            lines.append(f"- {title}: " + ", ".join(map(_code, keys)))
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The difference as plain data."""
        found = self.comparison
        weights = asdict(found.weights)
        return {
            "same": found.same,
            "old": {"title": self.old_title, **asdict(found.old)},
            "new": {"title": self.new_title, **asdict(found.new)},
            "changes": [{**asdict(change), "times": change.times} for change in found.changes],
            "first_shape": None if found.shapes is None else asdict(found.shapes),
            "weights": {
                "load": found.weights.load,
                "load_renamed": found.weights.load_renamed,
                **{name: value for name, value in weights.items() if name != "kept"},
                "kept": len(found.weights.kept),
                "reshaped": [
                    {"key": key, "old": list(old), "new": list(new)}
                    for key, old, new in found.weights.reshaped
                ],
            },
        }


def diff(old: Network | str | os.PathLike[str], new: Network | str | os.PathLike[str]) -> Difference:
    """What changed from one network to another, in the architecture and not in the text.

    Args:
        old: a network, or what `specgen.compile` takes: a path, or the name of a shipped spec or variant.
        new: the same.

    Raises:
        SpecError: one of the specs is wrong.
        TypeError: an argument is neither a network nor a path or a name.
    """
    from specgen.compiler import compile  # noqa: A004 (specgen's)

    for argument, one in (("old", old), ("new", new)):
        need(argument, one, (Network, str, os.PathLike), "a network, a path or a name")
    networks = [one if isinstance(one, Network) else compile(one) for one in (old, new)]
    titles = [
        network.name if isinstance(one, Network) else os.fsdecode(one)
        for one, network in zip((old, new), networks, strict=True)
    ]
    return Difference(compare(*networks), *titles)


# --- structure -----------------------------------------------------------------------------------


def _change_lines(change: Change, width: int) -> list[str]:
    sign, text = _SIGNS[change.kind], _what(change)
    first = wrap(text, width - 2, subsequent_indent="  ", **WHOLE)
    places = wrap(_where(change), width - 4, **WHOLE)
    if (change.kind == "renamed" and change.times == 1) or _names_its_place(change):
        places = []
    whole = f"{sign} {text}   {' '.join(places)}".rstrip()
    if len(whole) <= width:
        return [whole]
    return [f"{sign} {first[0]}", *(f"  {line}" for line in first[1:]), *(f"    {line}" for line in places)]


def _what(change: Change) -> str:
    times_ = f" × {change.times}" if change.times > 1 else ""
    match change.kind:
        case "added":
            return f"{change.new}{times_}"
        case "removed":
            return f"{change.old}{times_}"
        case "moved":
            return f"moved: {change.new}"
        case "renamed":
            sides = (
                (change.old_paths[0], change.new_paths[0]) if change.times == 1 else (change.old, change.new)
            )
            return f"renamed: {sides[0]} → {sides[1]}{times_}"
    return f"{change.old} → {change.new}{times_}"


def _where(change: Change) -> str:
    if change.kind == "moved":
        return _way(change, _some)
    paths = change.old_paths if change.kind == "removed" else change.new_paths
    inside = f"in `{change.inside}`: " if _is_told(change) else ""
    return f"{inside}{_some(paths)}"


def _names_its_place(change: Change) -> bool:
    """Whether what was added or removed begins with its place, as a group does: `head: { … }`."""
    paths = change.old_paths or change.new_paths
    return len(paths) == 1 and (change.old or change.new).startswith(f"{paths[0]}:")


def _way(change: Change, shown: Callable[[Sequence[str]], str]) -> str:
    """From where to where something moved; of what kept its name, what is in front of it now."""
    if change.old_paths != change.new_paths:
        return f"{shown(change.old_paths)} → {shown(change.new_paths)}"
    now = f"behind {shown((change.behind,))}" if change.behind else "first"
    return f"{shown(change.new_paths)}, now {now}"


def _is_told(change: Change) -> bool:
    """Whether what a change is in says more than where it is: the name of a block does."""
    paths = change.new_paths or change.old_paths
    return bool(change.inside) and not all(path.startswith(f"{change.inside}.") for path in paths)


def _some(paths: Sequence[str]) -> str:
    """Some paths: runs of numbers as `layer3.6 … layer3.22`, and of many the first ones."""
    shown = _runs(paths)
    more = len(shown) - _MOST
    shown = shown if more <= 1 else [*shown[:_MOST], f"{more} more"]
    return ", ".join(shown) or "the network"


def _runs(paths: Sequence[str]) -> list[str]:
    """Paths in which one number counts up, as one: `a.1.conv … a.3.conv`."""
    found: list[list[str]] = []
    step = -1
    for path in paths:
        counted = _counted(found[-1][-1], path) if found else -1
        if counted >= 0 and (len(found[-1]) == 1 or counted == step):
            found[-1].append(path)
            step = counted
        else:
            found.append([path])
    return [text for run in found for text in (run if len(run) < 3 else [f"{run[0]} … {run[-1]}"])]


def _counted(before: str, path: str) -> int:
    """Which part of a path is the number that is one larger than in the path before, all else being equal."""
    old, new = before.split("."), path.split(".")
    if len(old) != len(new):
        return -1
    differing = [index for index, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
    if len(differing) != 1:
        return -1
    (stem, number), (other_stem, other) = (_split_number(parts[differing[0]]) for parts in (old, new))
    follows = stem == other_stem and number and other and int(other) == int(number) + 1
    return differing[0] if follows else -1


def _split_number(name: str) -> tuple[str, str]:
    """A name without the number it ends in, and that number; empty if it ends in none."""
    stem = name.rstrip("0123456789")
    return stem, name[len(stem) :]


def _in_markdown(change: Change) -> str:
    times_ = f" × {change.times}" if change.times > 1 else ""
    sides = " → ".join(_code(text) for text in (change.old, change.new) if text)
    if change.kind == "moved":
        return f"moved: {_code(change.new)}, {_way(change, lambda paths: _code(_some(paths)))}"
    paths = change.old_paths if change.kind == "removed" else change.new_paths
    inside = f" in {_code(change.inside)}" if _is_told(change) else ""
    place = "" if _names_its_place(change) else f" ({_code(_some(paths))})"
    return f"{change.kind}{inside}: {sides}{times_}{place}"


# --- figures -------------------------------------------------------------------------------------


def _figure_table(found: Comparison, width: int) -> str:
    """The figures in columns; without room for it all, a change is its share, and then left out."""
    rows = _figures(found)
    for shown in (str, _share, _nothing):
        drawn = columns(("", "before", "after", ""), [(*row[:3], shown(row[3])) for row in rows])
        if max(map(len, drawn.split("\n"))) <= width:
            break
    return drawn


def _share(delta: str) -> str:
    """`+48.6 %` of `+3,699,376,128 (+48.6 %)`."""
    change, _, share = delta.partition(" (")
    return share.rstrip(")") or change


def _nothing(delta: str) -> str:
    return ""


def _figures(found: Comparison) -> list[tuple[str, str, str, str]]:
    """The figures side by side; those that agree are said once."""
    old, new = found.old, found.new
    rows = [
        _row("input", times(old.input), times(new.input)),
        _row("output", times(old.output), times(new.output)),
        _row("layers", str(old.layers), str(new.layers), _delta(old.layers, new.layers, share=False)),
        _row("parameters", f"{old.params:,}", f"{new.params:,}", _delta(old.params, new.params)),
        _row("multiply-adds", f"{old.macs:,}", f"{new.macs:,}", _delta(old.macs, new.macs)),
    ]
    return [*rows, *((f"param {name}", before, after, "") for name, before, after in _settings(found))]


def _row(name: str, old: str, new: str, delta: str = "") -> tuple[str, str, str, str]:
    return name, old, new if new != old else "the same", delta


def _delta(old: int, new: int, *, share: bool = True) -> str:
    """By how much a figure changed: `+184,512 (+0.14 %)`."""
    if old == new:
        return ""
    change = f"{new - old:+,}".replace("-", "−")
    if not share or not old:
        return change
    percent = 100 * (new - old) / old
    if abs(percent) < 0.005:
        return f"{change} (less than 0.01 %)"
    digits = 2 if abs(percent) < 1 else 1 if abs(percent) < 100 else 0
    return f"{change} ({percent:+,.{digits}f} %)".replace("-", "−")


def _settings(found: Comparison) -> Iterator[tuple[str, str, str]]:
    """The params whose values differ: the name, and the value on either side."""
    for name in dict.fromkeys((*found.old.settings, *found.new.settings)):
        before, after = (
            options.written(one.settings[name]) if name in one.settings else "—"
            for one in (found.old, found.new)
        )
        if before != after:
            yield name, before, after


def _unchanged(network: Figures) -> str:
    return (
        f"nothing changed: {times(network.input)} → {times(network.output)}, {network.layers} layers, "
        f"{network.params:,} parameters, {short(network.macs)} multiply-adds, and the old weights load"
    )


def _remarks(found: Comparison) -> list[str]:
    """What is said of the shapes and of the initialisation, a paragraph each."""
    lines = []
    moved = found.shapes
    if moved is not None:
        path = moved.new_path if moved.old_path == moved.new_path else f"{moved.old_path} → {moved.new_path}"
        rest = "the only one" if moved.count == 1 else f"the first of {moved.count} layers of both"
        lines.append(
            f"shapes: {path} gives {times(moved.new)} where it gave {times(moved.old)}, "
            f"{rest} whose output differs"
        )
    elif found.changes:
        lines.append("shapes: every layer that is in both gives the shape that it gave")
    gone = [rule for rule in found.old.init if rule not in found.new.init]
    come = [rule for rule in found.new.init if rule not in found.old.init]
    for sign, rules in (("−", gone), ("+", come)):
        lines += [f"{sign} init {rule}" for rule in rules]
    return lines


# --- weights -------------------------------------------------------------------------------------


def _weights_lines(weights: Weights, width: int) -> list[str]:
    (title, texts), *sections = _weights_sections(weights)
    lines = wrap(f"{title} {' '.join(texts)}", width)
    for heading, keys in sections:
        lines.append(f"  {heading}:")
        for key in keys:
            whole = key.replace(" × ", "\0×\0")  # sizes are not broken
            wrapped = wrap(whole, width, initial_indent="    ", subsequent_indent="      ", **WHOLE)
            lines += [line.replace("\0", " ") for line in wrapped]
    return lines


def _weights_sections(weights: Weights) -> list[tuple[str, list[str]]]:
    """The answer with what it rests on, then the keys that differ, by what is wrong with them."""
    title = "do the old weights load?"
    if weights.load:
        return [(title, [f"yes: {_tensors(len(weights.kept))}, all with the keys and shapes they had"])]
    sections = [(title, [_answer(weights)])]
    if weights.load_renamed:
        sections.append(("rename", _renames(weights)))
        return sections
    every = (*weights.kept, *weights.missing, *weights.unexpected, *(key for key, *_ in weights.reshaped))
    for heading, keys in (
        ("only the new network has", weights.missing),
        ("only the old weights have", weights.unexpected),
        ("that another layer has now, and that would load into it", weights.elsewhere),
    ):
        if keys:
            sections.append((f"{heading} ({len(keys)})", _fold(keys, every)))
    if weights.reshaped:
        sections.append((f"other shapes ({len(weights.reshaped)})", _reshaped(weights)))
    if weights.renamed:
        sections.append((f"other keys of the same layers ({len(weights.renamed)})", _renames(weights)))
    return sections


def _answer(weights: Weights) -> str:
    kept = len(weights.kept) - len(weights.elsewhere)
    if weights.load_renamed:
        return f"after renaming: all {_tensors(weights.carried)} have their place, {_count_renamed(weights)}"
    if not (weights.missing or weights.unexpected or weights.reshaped):
        return f"yes, but {len(weights.elsewhere)} of {_tensors(weights.new_count)} into other layers"
    answer = f"no: {kept} of the new network's {_tensors(weights.new_count)} keep key, shape and layer"
    if weights.carried > kept:
        answer += f", and {weights.carried} would after renaming"
    return answer


def _count_renamed(weights: Weights) -> str:
    count = len(weights.renamed)
    return f"{count} of them under {'another key' if count == 1 else 'other keys'}"


def _tensors(count: int) -> str:
    return f"{count} tensor{'' if count == 1 else 's'}"


def _reshaped(weights: Weights) -> list[str]:
    keys: dict[tuple[str, Sizes, Sizes], list[str]] = {}
    for key, old, new in weights.reshaped:
        keys.setdefault((key.rpartition(".")[2], old, new), []).append(key)
    return _first([f"{_some(here)}: {_sizes(old)} → {_sizes(new)}" for (_, old, new), here in keys.items()])


def _sizes(sizes: Sizes) -> str:
    return times(sizes) if sizes else "one value"


def _renames(weights: Weights) -> list[str]:
    """The shortest prefixes that change as a whole, each once: `features.3 → features.4`."""
    old = (*weights.kept, *weights.unexpected, *(key for key, *_ in weights.reshaped))
    below = Counter(prefix for key in old for prefix, _ in _prefixes(key, key))
    going = Counter(pair for keys in weights.renamed.items() for pair in _prefixes(*keys))
    pairs: dict[tuple[str, str], None] = {}
    for keys in weights.renamed.items():
        pairs[next(pair for pair in _prefixes(*keys) if going[pair] == below[pair[0]])] = None
    return _first([f"{old} → {new}" for old, new in pairs])


def _prefixes(old: str, new: str) -> list[tuple[str, str]]:
    """Two keys without what they end in alike, from as short as that makes them to the whole keys."""
    before, after = old.split("."), new.split(".")
    alike = 0
    while alike < min(len(before), len(after)) - 1 and before[-1 - alike] == after[-1 - alike]:
        alike += 1
    return [
        (".".join(before[: len(before) - end]), ".".join(after[: len(after) - end]))
        for end in range(alike, -1, -1)
    ]


def _first(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _MOST
    return list(lines) if more <= 1 else [*lines[:_MOST], f"and {more} more"]


def _fold(keys: Sequence[str], every: Iterable[str]) -> list[str]:
    """Keys by the longest prefixes under which all keys are meant: `layer3.6.* … layer3.22.*`."""
    wanted = set(keys)
    spared = {
        ".".join(parts[:end])
        for parts in (key.split(".") for key in every if key not in wanted)
        for end in range(len(parts))
    }
    found: dict[str, None] = {}
    for key in keys:
        parts = key.split(".")
        shorter = (".".join(parts[:end]) for end in range(1, len(parts)))
        found[next((prefix for prefix in shorter if prefix not in spared), key)] = None
    return _first(_runs([prefix if prefix in wanted else f"{prefix}.*" for prefix in found]))


# --- Markdown ------------------------------------------------------------------------------------


def _code(text: str) -> str:
    """Foreign text as Markdown code: nothing in it can end the code, the cell or the line."""
    safe = printable(text).replace("`", "'").replace("|", "\\|")
    return f"`{safe}`"


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|")

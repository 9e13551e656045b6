"""What a remedy changes in a spec, and which remedies are told: those that the rest of the spec takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from specgen import syntax
from specgen.diagnostics import Diagnostic, SpecError
from specgen.source import Span

#: How many remedies are told of one error, and how many are tried for them.
MOST_TOLD, MOST_TRIED = 2, 8


@dataclass(frozen=True)
class Change:
    """What stands at a place is elaborated otherwise, as if its text were another; one of these says how.

    Attributes:
        span: the place: of a statement, of a branch, or of how often a body is repeated.
        layer: of the layers that the statement asks for, the word of the one that is meant.
        asked: where that one is asked for.
        options: options of that layer.
        channels: how many channels arrive there, the first time that those that arrive are refused.
        turns: how often the body is repeated.
        left_out: the statement is not there.
        moved: a line that stands in front of the statement, instead of where it is.
        projection: what is said of the projection that a `residual` gets.
        at_each_position: each `fc` of the branch acts at each position, and makes no vector of them.
    """

    span: Span
    layer: str = ""
    asked: Span | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    channels: int = 0
    turns: int | None = None
    left_out: bool = False
    moved: syntax.Apply | None = None
    projection: str = ""
    at_each_position: bool = False


class Remedy(NamedTuple):
    """What would mend an error, in words, and what it changes; advice that cannot be tried has no change."""

    text: str
    change: Change | None = None


#: Remedies of one kind, best first: one of them is told.
Remedies = Iterable[Remedy]


class Unfit(SpecError):  # noqa: N818 (it becomes a plain one when its remedies have been tried)
    """One error about a shape, and what would mend it, which is to be tried."""

    def __init__(self, diagnostic: Diagnostic, remedies: Iterable[Remedies]) -> None:
        super().__init__([diagnostic])
        self.remedies = remedies


def told(kinds: Iterable[Remedies], attempt: Callable[[Change], str | None]) -> tuple[str, ...]:
    """The remedies to tell, in words: those that mend all, or if none does, those that lead further.

    `attempt` says of a change what is the next error with it; nothing where there is none, and `None` where
    it leads no further.
    """
    whole: list[Remedy] = []
    further: list[str] = []
    tried = 0
    for kind in kinds:
        leads = ""
        for remedy in kind:
            following: str | None = ""
            if remedy.change is not None:
                following = attempt(remedy.change) if tried < MOST_TRIED else None
                tried += 1
            if following == "":
                whole.append(remedy)
                leads = remedy.text
                break
            if following and not leads:
                leads = f"{remedy.text}; {following}"
        further += [leads] if leads else []
        if len(whole) == MOST_TOLD:
            break
    mends = any(remedy.change is not None for remedy in whole)
    return tuple([remedy.text for remedy in whole] if mends else further)[:MOST_TOLD]

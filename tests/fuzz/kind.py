"""What a kind of fuzzing is: how its cases are drawn, judged and kept as files."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter
from typing import Generic, TypeVar

Case = TypeVar("Case")


class Kind(ABC, Generic[Case]):
    """Draws cases and judges how each was answered."""

    #: What the runner and the files of its cases call it.
    name: str
    #: The ending of those files.
    ending = ".spec"
    #: Seconds until a case counts as one that hangs.
    longest = 20.0
    #: How often something became of a case, by what it was.
    tally: Counter[str] = Counter()

    @abstractmethod
    def draw(self, chance: random.Random) -> Case:
        """A case; the same for the same state of `chance` and the same cases before."""

    @abstractmethod
    def complaint(self, case: Case) -> str | None:
        """What is wrong with how a case was answered; nothing if it was answered well."""

    @abstractmethod
    def dump(self, case: Case) -> bytes:
        """A case as a file holds it."""

    @abstractmethod
    def load(self, data: bytes) -> Case:
        """The case that a file holds."""

    def smaller(self, case: Case) -> Case:
        """A smaller case with the same complaint, or the same case."""
        return case

"""Programs that are wrong in one known place: that place is blamed, with the right code, and nothing else.

A valid program from the generator gets one mistake. Mistakes of names and of syntax are found wherever they
stand. Those of values and of shapes are found where the program comes by: a line that expects a shape
which never arrives, put in the same place, tells whether it does.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass

from specgen.layers import registry

from .answers import answer_text
from .kind import Kind
from .programs import program

#: A size that nothing in a drawn program has, and a number that divides none.
NEVER = "7919"


@dataclass
class Broken:
    """A text with one mistake: the codes it may have, and where it is; without codes it is no mistake."""

    text: str
    codes: list[str]
    line: int
    column: int


#: What is put behind a layer's line: `‹` stands in front of what is at fault. Found wherever it stands.
BEHIND: tuple[tuple[str, tuple[str, ...]], ...] = (
    (" ‹zzz=3", ("unknown-option",)),
    (" ‹zzz", ("unknown-word",)),
    (" ‹zzz=zzz", ("unknown-option",)),
    (" ‹)", ("syntax",)),
    (" ‹@", ("syntax",)),
    (" ‹, 3", ("syntax",)),
    (' ‹"x"', ("syntax",)),
    (" ‹else { }", ("syntax",)),
    (" ‹input 3", ("syntax",)),
    (" ‹&", ("syntax",)),
)

#: Lines with a wrong name or with something else that is found wherever they stand.
LINES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("‹zzz 3", ("unknown-layer",)),
    ("let q = ‹zzz", ("unknown-name",)),
    ("let q = ‹median(1, 2)", ("unknown-function",)),
    ("let ‹conv = 3", ("name-taken",)),
    ("conv 8 ‹zzz=3", ("unknown-option",)),
    ("conv 8 k=3 ‹kernel_size=3", ("option-twice",)),
    ("conv 8 relu ‹tanh", ("option-twice",)),
    ("conv 8 padding=‹zzz", ("unknown-value",)),
    ("id ‹3", ("too-many-values",)),
    ("default ‹zzz bn", ("unknown-layer",)),
    ("default conv ‹zzz", ("unknown-word",)),
    ("if in == ‹zzz { id }", ("unknown-name",)),
    ("repeat ‹zzz { id }", ("unknown-name",)),
    ("add { id | ‹zzz }", ("unknown-layer",)),
    ("residual { ‹zzz } else { id }", ("unknown-layer",)),
    ("residual when in == ‹zzz { id }", ("unknown-name",)),
    ("block q(a) { conv ‹zzz }", ("unknown-word",)),
    ("block q(a, ‹a) { id }", ("said-twice",)),
    ("block q(a=1, ‹b) { id }", ("argument-order",)),
    ("let q = 3 +‹", ("syntax",)),
    ("‹resdual { id }", ("syntax",)),
    ("let q = (1, 2‹]", ("syntax",)),
    ("let q = 1 < 2 ‹< 3", ("syntax",)),
)

#: Lines whose mistake is found where the program comes by.
REACHED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("let q = 1 / ‹0", ("division-by-zero",)),
    ("let q = 3 % ‹(1 - 1)", ("division-by-zero",)),
    ("let q = ‹1e300 * 1e300", ("number-too-large",)),
    ("let q = ‹9000000000000000000 * 9", ("number-too-large",)),
    ("let q = ‹min(3)", ("wrong-arguments",)),
    ("let q = 3 + ‹true", ("not-a-number",)),
    ("let q = not ‹3", ("not-a-condition",)),
    ("let q = (1, ‹(2, 3))", ("wrong-value",)),
    ("repeat ‹-1 { id }", ("negative-repeat",)),
    ("repeat ‹2.5 { id }", ("not-whole",)),
    ("repeat ‹true { id }", ("not-a-number",)),
    ("if ‹3 { id }", ("not-a-condition",)),
    ("if 1 == 2 { id } else if ‹in { id }", ("not-a-condition",)),
    ("residual when ‹1 { id }", ("not-a-condition",)),
    (f"expect ‹{NEVER}", ("not-as-expected",)),
    ("drop ‹1.5", ("wrong-value",)),
    ("drop ‹p=1.5", ("wrong-value",)),
    ("conv ‹0", ("wrong-value",)),
    ("conv ‹-4", ("wrong-value",)),
    ("conv 8 ‹s=0", ("wrong-value",)),
    ("conv 8 ‹k=2.5", ("wrong-value",)),
    ("‹conv", ("value-missing",)),
    ("bn ‹eps=-1", ("wrong-value",)),
    ("leaky_relu ‹true", ("wrong-value",)),
    (f"prelu ‹num_parameters={NEVER}", ("wrong-parameters",)),
    ("add { id | ‹cat { id | id } }", ("branches-differ",)),
    ("residual ‹{ cat { id | id } }", ("branches-differ",)),
    ("block q(a) { conv 8 ‹s=a }\nq 0", ("wrong-value",)),
)


class Breaker(Kind[Broken]):
    """Valid programs with one mistake."""

    name = "broken"
    ending = ".json"

    def __init__(self) -> None:
        self.tally: Counter[str] = Counter()
        self.programs: list[str] = []

    def draw(self, chance: random.Random) -> Broken:
        lines = self._program(chance)
        ways: tuple[Callable[[list[str], random.Random], Broken], ...] = (
            misspelt, behind, inserted, reached, reached, unprintable,
        )  # fmt: skip
        return chance.choice(ways)(lines, chance)

    def _program(self, chance: random.Random) -> list[str]:
        """The lines of a valid program; each one is used several times, since to find one takes longest."""
        if len(self.programs) < 200 or chance.randrange(8) == 0:
            while True:
                text = program(chance.randrange(2**60))
                if answer_text(text).network is not None:
                    break
            self.programs.append(text)
        return chance.choice(self.programs[-200:]).split("\n")

    def complaint(self, case: Broken) -> str | None:
        found = answer_text(case.text)
        if found.complaint:
            return found.complaint
        errors = [f"{one.code} at {_place(one.place)}" for one in found.errors]
        wanted = [f"{code} at {case.line}:{case.column}" for code in case.codes]
        if errors == [] == wanted or (len(errors) == 1 and errors[0] in wanted):
            self.tally["blamed" if wanted else "not reached"] += 1
            return None
        return f"{' or '.join(wanted) or 'nothing'} is wrong, and it says {', '.join(errors) or 'nothing'}"

    def dump(self, case: Broken) -> bytes:
        return (json.dumps(asdict(case), indent=1) + "\n").encode("ascii")

    def load(self, data: bytes) -> Broken:
        return Broken(**json.loads(data))


def _place(place: tuple[int, int] | None) -> str:
    return f"{place[0]}:{place[1]}" if place else "no place"


# --- mistakes ----------------------------------------------------------------------------------------

#: A layer's line: what stands in front of the word, the word, and what follows.
LAYER_LINE = re.compile(r"(\s*(?:\w+: )?)([A-Za-z_0-9]+)((?: [^{}]*)?)")


def layer_lines(lines: list[str]) -> list[int]:
    """The numbers of the lines that hold one layer and nothing else."""
    words = set(registry.words())
    return [
        number
        for number, line in enumerate(lines)
        if (match := LAYER_LINE.fullmatch(line)) and match[2] in words and not match[3].startswith(" =")
    ]


def places(lines: list[str]) -> list[int]:
    """The numbers of the lines in front of which a statement may stand: those of layers, below `input`."""
    first = next(number for number, line in enumerate(lines) if line.startswith("input"))
    return [number for number in layer_lines(lines) if number > first]


def misspelt(lines: list[str], chance: random.Random) -> Broken:
    """A layer's word with letters behind it."""
    number = chance.choice(layer_lines(lines))
    match = LAYER_LINE.fullmatch(lines[number])
    assert match is not None
    line = f"{match[1]}{match[2]}_zq{match[3]}"
    return _with(lines, number, line, ["unknown-layer"], len(match[1]) + 1)


def behind(lines: list[str], chance: random.Random) -> Broken:
    """Something behind a layer's line that does not belong there."""
    number = chance.choice(layer_lines(lines))
    text, codes = chance.choice(BEHIND)
    line = lines[number] + text
    return _with(lines, number, line.replace("‹", ""), list(codes), line.index("‹") + 1)


def inserted(lines: list[str], chance: random.Random) -> Broken:
    """A line of its own that is wrong wherever it stands."""
    text, codes = chance.choice(LINES)
    return _inserted(lines, chance.choice(places(lines)), text, codes)


def reached(lines: list[str], chance: random.Random) -> Broken:
    """A line of its own that is wrong if the program comes by; if not, there is nothing to blame."""
    number = chance.choice(places(lines))
    text, codes = chance.choice(REACHED)
    probe = _inserted(lines, number, f"expect ‹{NEVER}", ())
    comes_by = any(one.code == "not-as-expected" for one in answer_text(probe.text).errors)
    return _inserted(lines, number, text, codes if comes_by else ())


def unprintable(lines: list[str], chance: random.Random) -> Broken:
    """A character that nobody can see, anywhere."""
    text = "\n".join(lines)
    offset = chance.randrange(len(text) + 1)
    before = text[:offset].split("\n")
    char = chance.choice("\x00\x1b\x7f\x85\xa0\u200b\u202e\u2028\u3000\ufeff\ufdd0\U000e0001")
    if offset == 0 and char == "\ufeff":
        char = "\x00"  # there it would be a byte-order mark
    return Broken(text[:offset] + char + text[offset:], ["unprintable"], len(before), len(before[-1]) + 1)


def _with(lines: list[str], number: int, line: str, codes: list[str], column: int) -> Broken:
    """The program with another line."""
    return Broken("\n".join([*lines[:number], line, *lines[number + 1 :]]), codes, number + 1, column)


def _inserted(lines: list[str], number: int, text: str, codes: tuple[str, ...]) -> Broken:
    """The program with lines put in front of one; `‹` marks what is at fault."""
    indent = re.match(r" *", lines[number])
    assert indent is not None
    new = [indent[0] + line for line in text.split("\n")]
    at = next(index for index, line in enumerate(new) if "‹" in line)
    column = new[at].index("‹") + 1
    new[at] = new[at].replace("‹", "")
    return Broken("\n".join([*lines[:number], *new, *lines[number:]]), list(codes), number + at + 1, column)

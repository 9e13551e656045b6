"""The options of a layer and their types: what is allowed, said once for checking, help and JSON Schema."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, get_origin, get_type_hints

from specgen import arithmetic
from specgen.shape import LARGEST

#: A number that is no size stays below this: float32 holds it, and what `torch.nn.init` makes of it.
LARGEST_REAL = 2.0**126


class OptionType(ABC):
    """A type that checks a value and can say what it accepts. Used as `Annotated[int, Whole(1)]`."""

    @abstractmethod
    def check(self, value: Any) -> Any:
        """The value as the layer keeps it; raises `ValueError` if it is not one."""

    @abstractmethod
    def describe(self) -> str:
        """What is accepted, to follow "must be"."""

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of what is accepted."""
        return {}


#: Stands for the default of an option that has none.
REQUIRED: Any = object()


class Option(NamedTuple):
    """One option of a kind of layer: what it accepts, and its default."""

    kind: OptionType
    default: Any = REQUIRED

    @property
    def required(self) -> bool:
        """Whether a layer has to be given it."""
        return self.default is REQUIRED


class Fault(NamedTuple):
    """What is wrong with one option: it is missing, unknown, or `wanted` says what it must be."""

    option: str
    problem: Literal["missing", "unknown", "wrong"]
    wanted: str = ""

    def __str__(self) -> str:
        said = {"missing": "is missing", "unknown": "is not one of its options"}
        return f"{self.option} {said.get(self.problem) or f'must be {self.wanted}'}"


class WrongOptions(ValueError):  # noqa: N818 (what is wrong with a value, as Pydantic's and click's errors say)
    """Options that a kind of layer does not have or does not accept, all of them."""

    def __init__(self, word: str, faults: tuple[Fault, ...]) -> None:
        super().__init__(word, faults)
        self.word = word
        self.faults = faults

    def __str__(self) -> str:
        return f"`{self.word}`: {'; '.join(map(str, self.faults))}"


def options_of(layer: type) -> dict[str, Option]:
    """The options that a class names itself: its annotations, with what it assigns to them as the default."""
    hints = layer.__annotations__
    if any(isinstance(hint, str) for hint in hints.values()):
        known = get_type_hints(layer, include_extras=True)
        hints = {name: known[name] for name in hints}
    found: dict[str, Option] = {}
    for name, hint in hints.items():
        if ClassVar in (hint, get_origin(hint)):
            continue
        kinds = [kind for kind in getattr(hint, "__metadata__", ()) if isinstance(kind, OptionType)]
        if not kinds:
            raise TypeError(f"{layer.__name__}.{name} needs an OptionType, such as Annotated[int, Whole(1)]")
        found[name] = Option(kinds[0], vars(layer).get(name, REQUIRED))
    return found


def must_be(wanted: str, value: Any) -> str:
    """What a value must be that is refused: `wanted`, or the limit where it is only too large."""
    if not arithmetic.is_number(value):
        return wanted
    if "whole" in wanted:
        return "less than 2^31" if value > LARGEST else wanted
    if abs(value) < LARGEST_REAL:
        return wanted
    return "less than 2^126" if value > 0 else "more than -2^126"


def whole(value: Any) -> int:
    """A whole number; a computed `128.0` is one. Raises `ValueError` for anything else."""
    value = arithmetic.standard(value)
    if not arithmetic.is_number(value):
        raise ValueError
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError
        result: int = arithmetic.apply("int", int(value), value)
        return result
    return value


@dataclass(frozen=True)
class Whole(OptionType):
    """A whole number from `low` to `high`."""

    low: int
    high: int = LARGEST

    def check(self, value: Any) -> int:
        number = whole(value)
        if not self.low <= number <= self.high:
            raise ValueError
        return number

    def describe(self) -> str:
        if self.low == -LARGEST and self.high == LARGEST:
            return "a whole number"
        if self.high == LARGEST:
            return f"a whole number ≥ {self.low}"
        return f"a whole number from {self.low} to {self.high}"

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Real(OptionType):
    """A finite number from `low` to `high`, the ends included; with `open_low`, all but the lower one."""

    low: float | None = None
    high: float | None = None
    open_low: bool = False

    def check(self, value: Any) -> float:
        value = arithmetic.standard(value)
        if not arithmetic.is_number(value):
            raise ValueError
        if self.low is not None and (value < self.low or (self.open_low and value == self.low)):
            raise ValueError
        if self.high is not None and value > self.high:
            raise ValueError
        if not abs(value) < LARGEST_REAL:  # also refuses infinity and NaN
            raise ValueError
        if isinstance(value, arithmetic.Int):
            return arithmetic.Float(float(value), value.expression)
        return value

    def describe(self) -> str:
        if self.low is not None and self.high is not None:
            return f"a number from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"a number {'>' if self.open_low else '≥'} {self.low:g}"
        return "a number"

    def schema(self) -> dict[str, Any]:
        low: dict[str, Any] = {"exclusiveMinimum": -LARGEST_REAL}
        if self.low is not None:
            low = {"exclusiveMinimum" if self.open_low else "minimum": self.low}
        high = {"exclusiveMaximum": LARGEST_REAL} if self.high is None else {"maximum": self.high}
        return {"type": "number", **low, **high}


@dataclass(frozen=True)
class Axes(OptionType):
    """A whole number for every axis, or a tuple with one an axis; `keep` also takes `none` for an axis."""

    low: int
    keep: bool = False

    def check(self, value: Any) -> int | tuple[int | None, ...]:
        if isinstance(value, (tuple, list)):
            if not 1 <= len(value) <= 6:
                raise ValueError
            return tuple(self._one(item) for item in value)
        number = self._one(value)
        if number is None:
            raise ValueError
        return number

    def _one(self, value: Any) -> int | None:
        if self.keep and value in (None, "none"):
            return None
        return Whole(self.low).check(value)

    def describe(self) -> str:
        also = ", or `none` to keep an axis" if self.keep else ""
        return f"a whole number ≥ {self.low}, or one per axis{also}"

    def schema(self) -> dict[str, Any]:
        one: dict[str, Any] = {"type": "integer", "minimum": self.low, "maximum": LARGEST}
        axis = {"anyOf": [one, {"type": "null"}]} if self.keep else one
        return {"anyOf": [one, {"type": "array", "items": axis, "minItems": 1, "maxItems": 6}]}


class Sizes(OptionType):
    """The sizes of a map: channels, and one to three spatial sizes."""

    def check(self, value: Any) -> tuple[int, ...]:
        if not isinstance(value, (tuple, list)) or not 2 <= len(value) <= 4:
            raise ValueError
        return tuple(map(Whole(1).check, value))

    def describe(self) -> str:
        return "the sizes of a map, such as 128x7x7"

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": Whole(1).schema(), "minItems": 2, "maxItems": 4}


@dataclass(frozen=True)
class Flag(OptionType):
    """`true` or `false`."""

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value

    def describe(self) -> str:
        return "true or false"

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Choice(OptionType):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise ValueError
        return str(arithmetic.standard(value))

    def describe(self) -> str:
        return f"{'one of ' if len(self.words) > 1 else ''}{', '.join(self.words)}"

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


class Either(OptionType):
    """The first of some types that accepts the value."""

    def __init__(self, *types: OptionType) -> None:
        self.types = types

    def check(self, value: Any) -> Any:
        for kind in self.types:
            try:
                return kind.check(value)
            except ValueError:
                continue
        raise ValueError

    def describe(self) -> str:
        return ", or ".join(kind.describe() for kind in self.types)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [kind.schema() for kind in self.types]}


class Absent(OptionType):
    """The word `none`, kept as `None`."""

    def check(self, value: Any) -> None:
        if value not in (None, "none"):
            raise ValueError

    def describe(self) -> str:
        return "none"

    def schema(self) -> dict[str, Any]:
        return {"type": "null"}


def words_of(kind: OptionType) -> frozenset[str]:
    """The words that an option may be given as its value."""
    match kind:
        case Choice():
            return frozenset(kind.words)
        case Either():
            return frozenset[str]().union(*map(words_of, kind.types))
        case Absent():
            return frozenset(("none",))
        case Axes(keep=True):
            return frozenset(("none",))
    return frozenset()

"""What stops a mistaken or hostile spec before it costs time or memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from specgen.given import need, shown


@dataclass(frozen=True)
class Limits:
    """The sizes a spec may have. The caller can raise them; a spec cannot.

    Raises `TypeError` for what is no `int`, and `ValueError` for one below 0.
    """

    #: Bytes of source text.
    source: int = 256 * 1024
    #: Words, numbers and signs.
    tokens: int = 50_000
    #: Braces and parentheses inside each other.
    depth: int = 32
    #: Layers after expansion.
    layers: int = 10_000

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            need(name, value, int, "an `int`")
            if value < 0:
                raise ValueError(f"`{name}` has to be 0 or more, not {shown(value)}")


DEFAULT_LIMITS = Limits()

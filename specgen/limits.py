"""What stops a mistaken or hostile spec before it costs time or memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The sizes a spec may have. The caller can raise them; a spec cannot."""

    #: Bytes of source text.
    source: int = 256 * 1024
    #: Words, numbers and signs.
    tokens: int = 50_000
    #: Braces and parentheses inside each other.
    depth: int = 32
    #: Layers after expansion.
    layers: int = 10_000


DEFAULT_LIMITS = Limits()

"""Python's own parser, for the source that is emitted: one thread at a time."""

from __future__ import annotations

import ast
from threading import Lock

# In CPython 3.11, two threads that turn source into a tree at once share a counter, and one of them fails
# with "AST constructor recursion depth mismatch".
_ONE_AT_A_TIME = Lock()


def parse_module(text: str) -> ast.Module:
    """The tree of a module; raises what `ast.parse` raises."""
    with _ONE_AT_A_TIME:
        return ast.parse(text)


def parse_expression(text: str) -> ast.expr:
    """The tree of one expression; raises what `ast.parse` raises."""
    with _ONE_AT_A_TIME:
        return ast.parse(text, mode="eval").body

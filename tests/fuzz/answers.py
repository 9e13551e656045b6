"""What holds of the answer to any text: a network or a `SpecError`, soon, that can be printed and kept."""

from __future__ import annotations

import json
import re
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from specgen.compiler import analyse
from specgen.diagnostics import Diagnostic, SpecError, render
from specgen.ir import Network
from specgen.shape import LARGEST

#: Seconds of processor time that any text may take.
PATIENCE = 2.0

#: Characters that all messages about one text may have together, and a line of them.
LONGEST_ANSWER, LONGEST_LINE = 40_000, 1200


@dataclass
class Answer:
    """What came back for a text: `complaint` if it is wrong, and a summary that tells kinds of it apart."""

    complaint: str | None = None
    summary: str = ""
    network: Network | None = None
    errors: tuple[Diagnostic, ...] = ()


def answer(ask: Callable[[], tuple[Network, list[Diagnostic]]]) -> Answer:
    """Ask for a network, and look at what comes back."""
    began = time.process_time()
    try:
        network, found = ask()
    except SpecError as error:
        found, network = list(error.diagnostics), None
        if not found:
            return Answer("an error without a diagnostic")
    except Exception:
        return Answer(traceback.format_exc(limit=-4))
    try:
        wrong = _about_messages(found) or (network and _about_network(network))
    except Exception:
        wrong = traceback.format_exc(limit=-4)
    took = time.process_time() - began
    if not wrong and took > PATIENCE:
        wrong = f"it took {took:.1f} s"
    errors = tuple(one for one in found if one.severity == "error")
    return Answer(wrong or None, _summary(found, network), network, errors)


def answer_text(text: str) -> Answer:
    """The answer to a spec given as text."""
    return answer(lambda: analyse(text=text))


def _about_messages(found: Iterable[Diagnostic]) -> str:
    """What is wrong with some diagnostics: not printable, too long, pointing nowhere, no JSON."""
    for diagnostic in found:
        shown = render(diagnostic)
        if not shown.replace("\n", "").isprintable():
            return f"not printable: {shown!r}"
        if len(shown) > LONGEST_ANSWER or any(len(line) > LONGEST_LINE for line in shown.split("\n")):
            return f"a message of {len(shown)} characters: {shown[:300]!r}"
        if diagnostic.source is not None:
            end = len(diagnostic.source.text) + 1
            if any(not 0 <= label.span.start <= label.span.end <= end for label in diagnostic.labels):
                return f"it points outside of the text: {diagnostic.labels}"
        json.dumps(diagnostic.as_json()).encode()
    return ""


def _about_network(network: Network) -> str:
    """What is wrong with an accepted network: a size out of bounds, a figure below zero."""
    str(network).encode()
    for layer in network.layers:
        if not all(1 <= size <= LARGEST for size in layer.output.sizes):
            return f"`{layer.name}` gives {layer.output}"
    return "" if network.params >= 0 <= network.macs else "a total below zero"


_PARTICULAR = re.compile(r"`[^`]*`|[0-9]+")


def _summary(found: Iterable[Diagnostic], network: Network | None) -> str:
    """What kind of answer it was: codes and titles without names and numbers, or the kinds of the layers."""
    said = sorted({f"{one.code} {_PARTICULAR.sub('_', one.title)}" for one in found})
    if network is not None:
        said.append(" ".join(sorted({layer.kind for layer in network.layers})))
    return "; ".join(said)[:500]

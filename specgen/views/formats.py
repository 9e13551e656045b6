"""Diagnostics for other programs: lines for editors, annotations for GitHub, SARIF for code scanning."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import specgen
from specgen.diagnostics import Diagnostic, Label
from specgen.source import Source, printable
from specgen.views import codes


def short(spec: str, diagnostic: Diagnostic) -> str:
    """`path:line:column: error[code]: title`; `spec` is what was asked for, if nothing was read."""
    name = diagnostic.source.name if diagnostic.source else spec
    place = "".join(f":{number}" for number in diagnostic.place or ())
    return (
        f"{printable(name)}{place}: {diagnostic.severity}[{diagnostic.code}]: {printable(diagnostic.title)}"
    )


def github(diagnostic: Diagnostic) -> str:
    """A workflow command that makes an annotation at the place at fault."""
    properties: dict[str, Any] = {}
    source = diagnostic.source
    if source is not None and source.stem:
        properties["file"] = source.name
    if source is not None and diagnostic.labels:
        (line, column), (end_line, end_column) = map(source.position, diagnostic.labels[0].span)
        properties |= {"line": line, "endLine": end_line}
        if line == end_line:  # columns of several lines are not understood
            properties |= {"col": column, "endColumn": end_column}
    properties["title"] = f"{diagnostic.code}: {diagnostic.title}"
    shown = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{diagnostic.severity} {shown}::{_data(message(diagnostic))}"


def message(diagnostic: Diagnostic) -> str:
    """A diagnostic without its excerpt: the title, what is wrong at the place, help and notes."""
    label = diagnostic.labels[0].text if diagnostic.labels else ""
    title = f"{diagnostic.title}: {label}" if label else diagnostic.title
    remarks = [f"help: {text}" for text in diagnostic.help] + [f"note: {text}" for text in diagnostic.notes]
    return "\n".join(map(printable, (title, *remarks)))


def _data(text: str) -> str:
    """Text behind the `::` of a workflow command: a line end would begin another one."""
    text = "".join(char if char in "\r\n" else printable(char) for char in text)
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """A SARIF 2.1.0 log with one run; its rules are the kinds of error, in the order of `codes()`."""
    known = codes.codes()
    driver = {
        "name": "specgen",
        "version": specgen.__version__,
        "rules": [_rule(codes.page(code)) for code in known],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "results": [_result(diagnostic, known) for diagnostic in diagnostics],
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }


def _rule(page: codes.Page) -> dict[str, Any]:
    return {
        "id": page.code,
        "shortDescription": {"text": page.title},
        "help": {"text": codes.shown(page), "markdown": page.text},
        "defaultConfiguration": {"level": page.severity},
    }


def _result(diagnostic: Diagnostic, known: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        **({"ruleIndex": known.index(diagnostic.code)} if diagnostic.code in known else {}),
        "level": diagnostic.severity,
        "message": {"text": message(diagnostic)},
    }
    source = diagnostic.source
    if source is None:
        return result
    if not diagnostic.labels:
        return {**result, "locations": [{"physicalLocation": {"artifactLocation": _artifact(source)}}]}
    first, *others = (_location(source, label) for label in diagnostic.labels)
    result["locations"] = [{"physicalLocation": first["physicalLocation"]}]
    return {**result, "relatedLocations": others} if others else result


def _location(source: Source, label: Label) -> dict[str, Any]:
    place = {"artifactLocation": _artifact(source), "region": _region(source, label)}
    said = {"message": {"text": printable(label.text)}} if label.text else {}
    return {"physicalLocation": place, **said}


def _artifact(source: Source) -> dict[str, str]:
    """Where a spec is, as a URI: relative as it was given, or from the root; every odd character encoded."""
    name = source.name.replace(os.sep, "/")
    path = quote(name, safe="/~", errors="surrogateescape")
    return {"uri": f"file://{path}" if name.startswith("/") else path}


def _region(source: Source, label: Label) -> dict[str, int]:
    """Lines and columns from 1, in UTF-16 units; the end is not in it."""
    (line, column), (end_line, end_column) = map(source.position, label.span)
    return {
        "startLine": line,
        "startColumn": _units(source.line(line), column),
        "endLine": end_line,
        "endColumn": _units(source.line(end_line), end_column),
    }


def _units(line: str, column: int) -> int:
    """A column that counts characters as one that counts UTF-16 code units."""
    return column + sum(ord(char) > 0xFFFF for char in line[: column - 1])

"""What is said about wrong specs, beside each one as a file; and odd specs that are right.

A wrong spec's first lines may say what it is compiled with: `# variant: NAME`, `# set: NAME=VALUE`,
`# input: SHAPE`. `pytest --update-golden` writes the messages anew, to be read aloud before they are kept.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import specgen
from specgen.compiler import as_value

HERE = Path(__file__).parent
WRONG = sorted((HERE / "wrong").glob("*.spec"))

_ASKED = re.compile(r"^# (variant|input|set): (.+)$", re.MULTILINE)


def _asked(path: Path) -> dict[str, Any]:
    """What the spec's first lines ask to be compiled with."""
    asked: dict[str, Any] = {}
    for what, value in _ASKED.findall(path.read_text(encoding="utf-8", errors="replace")):
        if what == "set":
            name, _, written = value.partition("=")
            asked[name] = as_value(written)
        else:
            asked[what] = value
    return asked


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_wrong(path: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(path.name, **_asked(path))
    shown = str(caught.value) + "\n"
    golden = path.with_suffix(".err")
    if update_golden:
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")

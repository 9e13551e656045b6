"""Bytes again, guided by coverage: `python -m tests.fuzz.guided -runs=100000 -seed=1 [FOLDER]`.

For the `bytes` kind with atheris (`pip install atheris`), which keeps what reaches a new branch of specgen.
What follows on the command line is libFuzzer's. Without a folder, the corpus is the specs that are here.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["specgen"]):
    from .texts import SHORT, Bytes, texts


class Wrong(Exception):  # noqa: N818 (libFuzzer stops at it, and keeps the input)
    """An input that was not answered well, with the complaint."""


def main() -> None:
    kind = Bytes()

    def one(data: bytes) -> None:
        complaint = kind.ask(data).complaint
        if complaint:
            raise Wrong(complaint)

    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(text for text in texts() if len(text) <= SHORT):
            Path(folder, f"{number}.spec").write_text(text, encoding="utf-8", newline="")
        given = any(not argument.startswith("-") for argument in sys.argv[1:])
        atheris.Setup([*sys.argv, *([] if given else [folder])], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

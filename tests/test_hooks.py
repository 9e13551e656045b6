"""The hooks for pre-commit: what each runs does what it says, on files as pre-commit names them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
}


def run(hook: str, folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Run a hook's command on files."""
    program, *arguments = shlex.split(HOOKS[hook]["entry"])
    assert program == "specgen"
    command = [sys.executable, "-m", "specgen", *arguments, *files]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_they_have_what_pre_commit_needs() -> None:
    assert set(HOOKS) == {"specgen-fmt", "specgen-check"}
    for hook in HOOKS.values():
        assert {"id", "name", "entry", "language", "files"} <= hook.keys()
        assert re.search(hook["files"], "networks/small.spec")
        assert not re.search(hook["files"], "small.spec.golden")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fine.spec").write_text("input 3x8x8\nconv 4\n")
    (tmp_path / "careless.spec").write_text("input   3x8x8\nconv 4\n")
    (tmp_path / "wrong.spec").write_text("input 3x8x8\nconv 4 nosuch\n")
    return tmp_path


def test_fmt_changes_files(folder: Path) -> None:
    assert run("specgen-fmt", folder, "fine.spec", "careless.spec").returncode == 0
    assert (folder / "careless.spec").read_text() == (folder / "fine.spec").read_text()


def test_check_fails_for_a_wrong_spec(folder: Path) -> None:
    assert run("specgen-check", folder, "fine.spec", "careless.spec").returncode == 0
    done = run("specgen-check", folder, "fine.spec", "wrong.spec")
    assert done.returncode == 1 and "wrong.spec:2:8" in done.stderr

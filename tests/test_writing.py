"""What is written is the old file or the new one, whole, whatever stops it; and nothing else is touched."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rights import as_nobody

from specgen.cli import main
from specgen.source import write_bytes

OLD, NEW = b"old\n" * 100, b"new, and longer\n" * 100_000


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python program with this specgen, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.write_bytes(OLD)
    return path


# --- what stops it -----------------------------------------------------------------------------------

#: Writes a file and dies at a point of doing so, without a last word.
DYING = """
import builtins, os, signal, sys
from specgen import source

point, path, size = sys.argv[1], sys.argv[2], int(sys.argv[3])

def die(*arguments, **keywords):
    os.kill(os.getpid(), signal.SIGKILL)

class Half:
    def __init__(self, handle, mode):
        self.file = open(handle, mode)
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.file.close()
    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        die()

replace = os.replace
if point == "half":
    source.open = Half
elif point == "replaced":
    os.replace = lambda *names: (replace(*names), die())
else:
    setattr(os, point, die)
source.write_bytes(path, b"new, and longer\\n" * size)
"""


@pytest.mark.parametrize("point", ["half", "fsync", "chmod", "replace", "replaced"])
def test_a_kill_leaves_the_old_file_or_the_new_one(point: str, target: Path) -> None:
    done = run(DYING, point, str(target), "100000")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert target.read_bytes() == (NEW if point == "replaced" else OLD)
    others = [path.name for path in target.parent.iterdir() if path != target]
    assert len(others) == (point != "replaced") and all(name.startswith(".specgen-") for name in others)
    write_bytes(target, NEW)  # what is left is in nobody's way
    assert target.read_bytes() == NEW


def test_a_limit_on_the_size_of_files_leaves_the_old_one(target: Path) -> None:
    program = """
import resource, sys
from specgen.cli import main

resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
out = sys.argv[1]
sys.exit([main(["emit", "vgg11", "--out", out]), main(["build", "tiny28", "--save", out])] != [2, 2])
"""
    done = run(program, str(target))
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"error: cannot write `{target}`: file too large\n" * 2
    assert target.read_bytes() == OLD and list(target.parent.iterdir()) == [target]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root may mount a file system")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_disk_that_fills_up_leaves_the_old_file(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = small_disk / "net.py"
    out.write_bytes(OLD)
    with pytest.raises(OSError) as caught:
        write_bytes(out, NEW)
    assert caught.value.errno == errno.ENOSPC
    (small_disk / "filler").write_bytes(bytes(56 * 1024))
    assert main(["emit", "densenet121", "--out", str(out)]) == 2
    assert capsys.readouterr().err == f"error: cannot write `{out}`: no space left on device\n"
    assert out.read_bytes() == OLD
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "net.py"]


def test_a_folder_that_may_not_be_written_to() -> None:
    folder = Path(tempfile.mkdtemp())  # of which nobody may see the files, unlike those of `tmp_path`
    try:
        (folder / "mine").write_bytes(OLD)
        (folder / "mine").chmod(0o666)
        folder.chmod(0o555)
        with as_nobody():
            for name in ("mine", "another"):
                with pytest.raises(PermissionError):
                    write_bytes(folder / name, NEW)
        assert (folder / "mine").read_bytes() == OLD
        assert [path.name for path in folder.iterdir()] == ["mine"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_that_takes_no_file_is_known_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "Read Only"
    folder.mkdir()
    monkeypatch.setattr("specgen.source.os.access", lambda path, mode: path != str(folder))
    monkeypatch.setattr("specgen.compiler.analyse", lambda *asked, **settings: pytest.fail("it was compiled"))
    assert main(["build", "tiny28", "--save", str(folder / "x.st")]) == 2
    said = f"error: cannot write `{folder}/x.st`: no file may be made in the folder `{folder}`\n"
    assert capsys.readouterr().err == said


# --- where it is meant -------------------------------------------------------------------------------


def test_a_hard_link_is_broken_and_a_symbolic_one_followed(target: Path) -> None:
    hard, first, second = (target.with_name(name) for name in ("hard", "first", "second"))
    hard.hardlink_to(target)
    second.symlink_to("target")
    first.symlink_to(second)
    write_bytes(first, NEW)
    assert first.is_symlink() and second.is_symlink()
    assert target.read_bytes() == NEW and hard.read_bytes() == OLD


@pytest.mark.parametrize("leads_to", ["itself", "no/such/folder/file", "."])
def test_a_symbolic_link_that_leads_to_no_file(
    leads_to: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "itself"
    link.symlink_to(leads_to)
    assert main(["emit", "tiny28", "--out", str(link)]) == 2
    assert capsys.readouterr().err.startswith(f"error: cannot write `{link}`: ")
    assert list(tmp_path.iterdir()) == [link] and os.readlink(link) == leads_to


@pytest.mark.parametrize("name", ["", ".", "no/", "no/.", "no/..", "a\0b", "\ud800"])
def test_a_name_that_is_no_files(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"it is a directory|no file has such a name"):
        write_bytes(f"{tmp_path}/{name}", NEW)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "the name of the file is empty"),
        (".", "it is a directory"),
        ("nowhere/file", "there is no folder `{}/nowhere`"),
        ("fifo", "not a regular file"),
        ("pipe", "not a regular file"),
    ],
)
@pytest.mark.parametrize("command", [["emit", "tiny28", "--out"], ["build", "tiny28", "--save"]])
def test_where_nothing_can_be_written_is_known_before_the_work(
    command: list[str], name: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    reading, writing = os.pipe()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "pipe").symlink_to(f"/dev/fd/{writing}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("specgen.compiler.analyse", lambda *asked, **settings: pytest.fail("it was compiled"))
    try:
        assert main([*command, name]) == 2
    finally:
        os.close(reading)
        os.close(writing)
    assert capsys.readouterr().err == f"error: cannot write `{name}`: {why.format(tmp_path)}\n"


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_what_is_read_is_not_written_over_by_another_name(
    link: object, target: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = target.with_name("other")
    link(target, other)  # type: ignore[operator]
    monkeypatch.chdir(target.parent)
    for one, another in (
        ("target", "other"),
        (str(other), "./target"),
        ("target", f"../{Path.cwd().name}/target"),
    ):
        assert main(["build", "tiny28", "--weights", one, "--save", another]) == 2
        assert "--save would overwrite the weights that it reads" in capsys.readouterr().err
    assert target.read_bytes() == OLD


def test_a_spec_that_is_formatted_keeps_its_links_and_mode(tmp_path: Path) -> None:
    spec, link = tmp_path / "a.spec", tmp_path / "b.spec"
    spec.write_text("input 3x8x8\nconv   4\n")
    spec.chmod(0o640)
    link.symlink_to("a.spec")
    assert main(["fmt", str(link)]) == 0
    assert link.is_symlink() and spec.read_text() == "input 3x8x8\nconv 4\n"
    assert spec.stat().st_mode & 0o777 == 0o640

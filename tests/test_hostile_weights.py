"""Files of weights that were made to do harm: one clear `WeightsError`, soon, and without much memory."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import threading
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from rights import as_nobody
from safetensors.torch import save

import specgen
from specgen.cli import main
from specgen.source import open_regular

GOOD = specgen.load("tiny28").state_dict()
ENTRY = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'

#: How much the process that loads may allocate, and what a bomb unpacks to.
ROOM, BOMB = 200 << 20, 300 << 20


def checkpoint(state: object = GOOD, **options: Any) -> bytes:
    out = io.BytesIO()
    torch.save(state, out, **options)
    return out.getvalue()


def repacked(name: str = "", data: bytes | None = None, method: int = zipfile.ZIP_STORED) -> bytes:
    """A checkpoint as another program packs it, with another part for the one whose name ends so."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(checkpoint())) as old, zipfile.ZipFile(out, "w", method) as new:
        for part in old.namelist():
            new.writestr(part, data if data is not None and part.endswith(name) else old.read(part))
    return out.getvalue()


def claiming(archive: bytes, name: str, size: int, packed: int | None = None) -> bytes:
    """The archive with other sizes in its directory for one of its parts."""
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        part = next(one for one in found.infolist() if one.filename.endswith(name))
    at = archive.rfind(part.filename.encode()) - 46
    assert archive[at : at + 4] == b"PK\1\2"
    sizes = struct.pack("<II", part.compress_size if packed is None else packed, size)
    return archive[: at + 20] + sizes + archive[at + 28 :]


@cache
def deflated_bomb(name: str) -> bytes:
    """A checkpoint with a part that is short as it is stored, and in truth `BOMB` bytes of zeros."""
    packer = zlib.compressobj(1, wbits=-15)
    block = bytes(1 << 20)
    data = b"".join([*(packer.compress(block) for _ in range(BOMB >> 20)), packer.flush()])
    archive = bytearray(repacked(name, data))
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        part = next(one for one in found.infolist() if one.filename.endswith(name))
    deflated = struct.pack("<H", zipfile.ZIP_DEFLATED)
    archive[part.header_offset + 8 : part.header_offset + 10] = deflated
    at = archive.rfind(part.filename.encode()) - 46
    archive[at + 10 : at + 12] = deflated
    return claiming(bytes(archive), name, BOMB)


def directory_of(archive: bytes) -> tuple[int, bytes, int]:
    """Where an archive's directory begins, the directory, and how many parts it has."""
    end = archive.rfind(b"PK\5\6")
    count, length, start = struct.unpack("<HII", archive[end + 10 : end + 20])
    return start, archive[start : start + length], count


def two_directories() -> bytes:
    """An archive whose end says where the bomb's directory is, behind one that has nothing wrong in it."""
    bomb = deflated_bomb("data.pkl")
    start, directory, count = directory_of(bomb)
    other = directory_of(repacked())[1]
    assert len(other) == len(directory)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), start, 0)
    return bomb[: start + len(directory)] + other + end


def old_tar() -> bytes:
    """As PyTorch wrote checkpoints before it had a format of its own."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as tar:
        for name in ("storages", "tensors", "pickle"):
            part = tarfile.TarInfo(name)
            part.size = 4
            tar.addfile(part, io.BytesIO(b"abcd"))
    return out.getvalue()


def older_that_claims() -> bytes:
    """A checkpoint of the older kind whose first tensor is said to have 2³¹ − 1 values."""
    old = checkpoint(_use_new_zipfile_serialization=False)
    assert old.count(b"cpuq\x07K}") == 1
    return old.replace(b"cpuq\x07K}", b"cpuq\x07J\xff\xff\xff\x7f")


def header(text: str, data: bytes = b"", length: int | None = None) -> bytes:
    return (len(text) if length is None else length).to_bytes(8, "little") + text.encode() + data


def placed(first: tuple[int, int], other: tuple[int, int]) -> bytes:
    """Safetensors of 16 bytes with two tensors of two values, from and to these offsets."""
    entries = [
        f'"{key}":{{"dtype":"F32","shape":[2],"data_offsets":{list(offsets)}}}'
        for key, offsets in (("a", first), ("b", other))
    ]
    return header(f"{{{','.join(entries)}}}", bytes(16))


NEITHER = "is neither safetensors nor a checkpoint of plain tensors"

#: Each file, and what is said of it.
FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a part that unpacks to much": (lambda: deflated_bomb("data/0"), "a compressed archive"),
    "a pickle that unpacks to much": (lambda: deflated_bomb("data.pkl"), "a compressed archive"),
    "one that says that it does not": (
        lambda: claiming(deflated_bomb("data.pkl"), "data.pkl", 300),
        "a compressed archive",
    ),
    "a part that claims gigabytes": (
        lambda: claiming(repacked(), "data/0", 2**32 - 2, 2**32 - 2),
        "parts are longer than itself",
    ),
    "a pickle that claims gigabytes": (
        lambda: claiming(repacked(), "data.pkl", 2**31, 2**31),
        "parts are longer than itself",
    ),
    "an archive with two directories": (two_directories, "does not end as `torch.save` ends one"),
    "an archive with a comment": (
        lambda: checkpoint()[:-2] + b"\4\0abcd",
        "does not end as `torch.save` ends one",
    ),
    "compressed by another program": (
        lambda: repacked(method=zipfile.ZIP_DEFLATED),
        "a compressed archive, which `torch.save` does not write",
    ),
    "a tar": (old_tar, "it begins like neither"),
    "an older one that claims gigabytes": (older_that_claims, NEITHER),
    "an older one that ends early": (
        lambda: checkpoint(_use_new_zipfile_serialization=False)[:-40],
        "unexpected EOF",
    ),
    "an archive that ends early": (lambda: checkpoint()[:-40], "File is not a zip file"),
    "half an archive": (lambda: checkpoint()[:700], "File is not a zip file"),
    "numbers for keys": (lambda: checkpoint({1: GOOD["0.bias"], **GOOD}), "one of its keys is of the type `"),
    "only numbers for keys": (lambda: checkpoint({1: GOOD["0.bias"]}), "one of its keys is of the type `"),
    "tuples for keys": (lambda: checkpoint({(1, 2): GOOD["0.bias"]}), "one of its keys is of the type `"),
    "safetensors that end early": (lambda: save(GOOD)[:-4], NEITHER),
    "safetensors that go on": (lambda: save(GOOD) + b"more", NEITHER),
    "a key that stands there twice": (
        lambda: header(f'{{"0.bias":{ENTRY},"\\u0030.bias":{ENTRY}}}', bytes(4)),
        "it has the key `0.bias` twice",
    ),
    "offsets that overlap": (lambda: placed((0, 8), (4, 12)), NEITHER),
    "offsets with a hole": (lambda: placed((0, 4), (8, 16)), NEITHER),
    "offsets out of range": (lambda: placed((0, 8), (8, 2**40)), NEITHER),
    "offsets that go back": (lambda: placed((8, 0), (8, 16)), NEITHER),
    "a header that claims much": (lambda: header("{", length=90_000_000), NEITHER),
    "a header that claims gigabytes": (lambda: header("{", length=2**33), NEITHER),
    "a header that is deep": (lambda: header('{"a":' + "[" * 100_000), NEITHER),
    "a shape that overflows": (
        lambda: header(f'{{"a":{ENTRY.replace("[1]", "[4294967296,4294967296]")}}}', bytes(4)),
        NEITHER,
    ),
    "a shape with nothing in it": (
        lambda: header('{"a":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}}'),
        "the weights have other keys than the network",
    ),
}  # fmt: skip

#: Loads each file that it is given, with a bound on what it may allocate, and on the seconds it may take.
CHILD = f"""
import json, os, resource, signal, sys
import safetensors.torch, specgen, torch

specgen.load("tiny28")
said = open("/proc/self/status").read()
bound = int(said.split("VmSize:")[1].split()[0]) * 1024 + {ROOM}
resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
try:
    bytes({BOMB})
except MemoryError:
    print(json.dumps(["bounded", ""]))
for path in sys.argv[1:]:
    signal.alarm(30)
    try:
        specgen.load("tiny28", weights=path)
    except specgen.WeightsError as error:
        said = str(error)
    except BaseException as error:
        said = f"{{type(error).__name__}}: {{error}}"
    else:
        said = "taken"
    print(json.dumps([path, said]), flush=True)
"""


def load_all(*paths: str) -> dict[str, str]:
    """What is said of each of some files, loaded one after the other in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-c", CHILD, *paths]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_files_made_to_do_harm_are_refused_within_a_bound(tmp_path: Path) -> None:
    for name, (make, _) in FILES.items():
        (tmp_path / name).write_bytes(make())
    os.mkfifo(tmp_path / "a fifo")
    special = {
        str(tmp_path / "a fifo"): "`: not a regular file",
        str(tmp_path): "`: not a regular file",
        "/dev/zero": "`: not a regular file",
        "/proc/self/mem": "cannot read `/proc/self/mem`: ",
        "/proc/self/environ": NEITHER,
        "/proc/self/status": "it begins like neither",
        str(tmp_path / "no file"): "`: no such file or directory",
    }
    wanted = {str(tmp_path / name): said for name, (_, said) in FILES.items()} | special
    found = load_all(*wanted)
    assert found.pop("bounded") == ""
    wrong = {path: said for path, said in found.items() if wanted[path] not in said}
    assert not wrong and found.keys() == wanted.keys()
    assert all(said.replace("\n", "").isprintable() and len(said) < 600 for said in found.values())


@pytest.mark.parametrize("kind", ["safetensors", "checkpoint", "older checkpoint"])
@pytest.mark.parametrize("change", ["cut", "empty", "gone", "a folder", "a fifo"])
def test_a_file_that_changes_once_it_is_open(
    kind: str, change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was opened is what is read: whatever takes its name is not looked at, and keeps nobody waiting."""
    from specgen.backends import weights

    file = tmp_path / "weights"
    older = checkpoint(_use_new_zipfile_serialization=False)
    file.write_bytes({"safetensors": save(GOOD), "checkpoint": checkpoint()}.get(kind, older))

    def open_and_change(path: Path) -> BinaryIO:
        found = open_regular(path)
        if change in ("cut", "empty"):
            os.truncate(path, path.stat().st_size // 2 if change == "cut" else 0)
        else:
            path.unlink()
            {"gone": str, "a folder": os.mkdir, "a fifo": os.mkfifo}[change](path)
        return found

    monkeypatch.setattr(weights, "open_regular", open_and_change)
    loaded: list[Any] = []

    def load() -> None:
        try:
            loaded.append(specgen.load("tiny28", weights=file).state_dict())
        except specgen.WeightsError as error:
            loaded.append(error.diagnostics[0].code)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(60)
    (found,) = loaded
    if change in ("cut", "empty"):
        assert found == "not-weights"
    else:
        assert all(torch.equal(tensor, GOOD[key]) for key, tensor in found.items())


def test_weights_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(save(GOOD))
    network = specgen.compile("tiny28")
    network.build(weights=file)  # from here on nothing else is read: nobody may not enter every checkout
    file.chmod(0)
    with as_nobody(), pytest.raises(specgen.WeightsError, match="permission denied"):
        network.build(weights=file)


def test_a_table_with_keys_that_are_no_strings() -> None:
    for keys in ({1: GOOD["0.bias"]}, {(1, "a\x1b"): GOOD["0.bias"]}, {None: GOOD["0.bias"], **GOOD}):
        with pytest.raises(specgen.WeightsError, match="not in the network: ") as caught:
            specgen.load("tiny28", weights=keys)  # type: ignore[arg-type]
        assert str(caught.value).replace("\n", "").isprintable()


def test_an_archive_as_other_versions_wrote_it_is_read(tmp_path: Path) -> None:
    """Without the record of large archives, which not every version writes."""
    (tmp_path / "weights.pt").write_bytes(repacked())
    found = specgen.load("tiny28", weights=tmp_path / "weights.pt").state_dict()
    assert all(torch.equal(found[key], tensor) for key, tensor in GOOD.items())


@pytest.mark.parametrize("protocol", [3, 4])
def test_another_pickle_protocol_is_read_or_refused_without_a_warning(
    protocol: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(checkpoint(pickle_protocol=protocol))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        status = main(["build", "tiny28", "--weights", str(file)])
    error = capsys.readouterr().err
    assert status == (0 if protocol == 3 else 2)
    if status:
        assert "= note: its pickle protocol is not the one that PyTorch reads" in error
        assert "without `pickle_protocol`" in error
    else:
        assert not error

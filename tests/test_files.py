"""Files that are read and written: whole or not at all, and nothing that keeps a reader waiting."""

from __future__ import annotations

import ast
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rights import as_nobody

import specgen
from specgen.backends.guard import EmissionError, check_source
from specgen.cli import main
from specgen.source import write_bytes

TINY = "input 1x28x28\nconv 5 k=5 p=0\nM\n"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "net.spec"
    path.write_text(TINY)
    return path


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A shell command in which `specgen` is this one."""
    path = {"PYTHONPATH": str(Path(__file__).parent.parent)}
    command = command.replace("specgen", f"{sys.executable} -m specgen")
    return subprocess.run(
        command, shell=True, capture_output=True, env={**os.environ, **path, **environment}, timeout=60
    )


@pytest.mark.parametrize(
    "path", ["/dev/zero", "/dev/null", "/dev", "", "a\nb", "/proc/self/mem", "\udcff.spec"]
)
def test_what_is_no_spec_is_refused_in_one_line(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", path]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) <= 3 and err.replace("\n", "").isprintable()


def test_standard_input_is_read_as_far_as_the_limit() -> None:
    for command in ("specgen check - < /dev/zero", "specgen check < /dev/zero"):
        assert shell(command).returncode == 1
    result = shell("specgen check - <&-")
    assert result.returncode == 2 and b"internal" not in result.stderr


def test_a_full_disk_leaves_the_old_file(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tiny.with_name("net.py")
    out.write_text("mine\n")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("specgen.source.os.fsync", full)
    assert main(["emit", str(tiny), "--out", str(out)]) == 2
    assert out.read_text() == "mine\n"
    assert sorted(path.name for path in tiny.parent.iterdir()) == ["net.py", "net.spec"]


def test_output_that_cannot_be_written_is_one_line() -> None:
    result = shell("specgen emit vgg11 > /dev/full")
    assert result.returncode == 2
    assert result.stderr == b"error: cannot write the output: no space left on device\n"


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_the_spec_is_not_written_over_by_another_name(tiny: Path, link: object) -> None:
    other = tiny.with_name("other.py")
    link(tiny, other)  # type: ignore[operator]
    assert main(["emit", str(tiny), "--out", str(other)]) == 2
    assert main(["build", str(tiny), "--save", str(other)]) == 2
    assert tiny.read_text() == TINY


def test_links_are_followed_and_what_is_no_file_is_refused(tiny: Path) -> None:
    target, link = tiny.with_name("target.py"), tiny.with_name("link.py")
    link.symlink_to(target)
    assert main(["emit", str(tiny), "--out", str(link)]) == 0
    assert link.is_symlink() and target.exists()
    for place in ("/dev/null", "/dev/full", str(tiny.parent)):
        assert main(["emit", str(tiny), "--out", place]) == 2
        assert main(["build", str(tiny), "--save", place]) == 2


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "new", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_file_is_refused(tiny: Path) -> None:
    out = tiny.with_name("net.py")
    out.write_text("mine\n")
    out.chmod(0o444)
    assert main(["emit", str(tiny), "--out", str(out)]) == 2
    assert out.read_text() == "mine\n"


# --- what is emitted ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tampered",
    [
        "# coding: utf-7\n",
        '"""Net: 3 to 3.\n# coding: utf-7\n"""\n',
        "import os\n",
        '"""Net: 3 to 3.\n\n"""\nimport os\n',
        '"""Net: 3 to 3.\n\n"""\nfrom os import system\n',
        '"""Net: 3 to 3.\n\n"""\neval("1")\n',
        '"""Net: 3 to 3.\n\n"""\nx = ().__class__\n',
        '"""Net: 3 to 3.\n\n"""\nimport torch\ntorch.load("x")\n',
        '"""Net: 3 to 3.\n\n"""\nx = lambda: 1\n',
        '"""Net: 3 to 3.\n\n"""\nclass A(\n',
    ],
)
def test_emitted_text_that_was_tampered_with_is_not_written(
    tampered: str, tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EmissionError):
        check_source(tampered)

    class Template:
        def render(self, **values: object) -> str:
            return tampered if "title" in values else ""

    monkeypatch.setattr("specgen.backends.python._template", lambda name: Template())
    out = tiny.with_name("net.py")
    assert main(["emit", str(tiny), "--out", str(out)]) == 70
    assert "internal error: EmissionError: it " in capsys.readouterr().err
    assert not out.exists()


#: What is asked in each place. What `-OO` leaves out, as pages of layers are made of it, is not among it.
ASKED = (
    ["emit", "resnet18"],
    ["emit", "tiny28", "--optimize", "inference"],
    ["check", "WRONG"],
    ["check", "WRONG", "--format", "sarif"],
    ["check", "vgg11_BN", "--json"],
    ["summary", "resnet18", "--depth", "1"],
    ["explain", "tiny28"],
    ["explain", "unknown-word"],
    ["diff", "vgg11", "vgg11_bn"],
    ["fmt", "WRONG", "--diff"],
    ["sweep", "tiny28", "--input", "1x28x28,1x32x32"],
    ["schema", "tiny28"],
)
ASKING = """
import json, sys
from specgen.cli import main
for arguments in json.loads(sys.argv[1]):
    print(main(arguments), flush=True)
    print(file=sys.stderr, flush=True)
"""


def _installed(name: str) -> bool:
    found = subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout.lower()
    return name.lower().replace("-", "") in found.replace("-", "").split()


def _answers(folder: Path, wrong: Path, environment: dict[str, str]) -> tuple[bytes, bytes]:
    asked = [[str(wrong) if one == "WRONG" else one for one in arguments] for arguments in ASKED]
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "LANG"))
    }
    own = {"PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", ASKING, json.dumps(asked)]
    result = subprocess.run(
        command, cwd=folder, env={**kept, **own, **environment}, capture_output=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return result.stdout, result.stderr


def test_the_same_bytes_come_out_everywhere(tmp_path: Path) -> None:
    """Python's own rules for letters, unlike those of C, ask no locale: a Turkish one is as good as any."""
    wrong = tmp_path / "wrong.spec"
    wrong.write_text("input 3x8x8\nconv   4 kernal=3 NOBİAS\nCONVI 4 RELU\nfc clases\n", encoding="utf-8")
    alone = _answers(tmp_path, wrong, {})
    assert alone[0].startswith(specgen.compile("resnet18").emit().encode() + b"0\n")
    assert alone[0].count(b"\n0\n") > 8 and b"internal" not in alone[1]
    elsewhere: list[tuple[str, dict[str, str]]] = [
        ("/", {"PYTHONHASHSEED": "1", "PYTHONOPTIMIZE": "2", "TZ": "Asia/Tokyo"}),
        (
            str(tmp_path),
            {"PYTHONHASHSEED": "2", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        ),
        ("/", {"PYTHONHASHSEED": "3", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "TZ": "America/St_Johns"}),
    ]
    elsewhere += [
        ("/", {"PYTHONHASHSEED": "4", "LC_ALL": name, "LANG": name, "PYTHONUTF8": "0"})
        for name in ("tr_TR.UTF-8", "de_DE.ISO-8859-1")
        if _installed(name)
    ]
    for folder, environment in elsewhere:
        assert _answers(Path(folder), wrong, environment) == alone, environment


@pytest.mark.parametrize("change", ["gone", "a fifo", "a folder", "a link to itself"])
def test_a_spec_that_changes_between_two_looks(
    change: str, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_and_change(path: str) -> os.stat_result:
        found = os.stat(path)
        if Path(path) == tiny and tiny.is_file():
            tiny.unlink()
            make = {
                "a fifo": os.mkfifo,
                "a folder": os.mkdir,
                "a link to itself": lambda path: os.symlink(path, path),
            }
            make.get(change, str)(tiny)
        return found

    monkeypatch.setattr("specgen.source.os", SimpleNamespace(**{**vars(os), "stat": look_and_change}))
    with pytest.raises(specgen.SpecError) as caught:
        specgen.compile(tiny)
    assert [one.code for one in caught.value.diagnostics] == ["unreadable"]


def test_a_spec_that_may_not_be_read(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.parent)
    tiny.parent.chmod(0o755)
    # What reading an error takes is imported now: nobody may not enter every checkout.
    with pytest.raises(specgen.SpecError):
        specgen.compile(text="conw")
    tiny.chmod(0)
    with as_nobody(), pytest.raises(specgen.SpecError, match="permission denied"):
        specgen.compile(tiny.name)


def test_a_spec_in_a_folder_that_may_not_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "net.spec").write_text("input 3x8x8\n")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(specgen.SpecError, match="cannot read `loop`: too many levels of symbolic links"):
        specgen.compile("loop")
    (tmp_path / "closed").chmod(0)
    try:
        with as_nobody(), pytest.raises(specgen.SpecError, match="permission denied"):
            specgen.compile("closed/net.spec")
    finally:
        (tmp_path / "closed").chmod(0o755)


def test_a_spec_that_shrinks_or_grows_is_read_as_it_is(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def grow(handle: int) -> os.stat_result:
        found = os.fstat(handle)
        with tiny.open("a") as file:
            file.write("#" * 300_000)
        return found

    def shrink(handle: int) -> os.stat_result:
        found = os.fstat(handle)
        os.truncate(tiny, len("input 1x28"))
        return found

    monkeypatch.setattr("specgen.source.os", SimpleNamespace(**{**vars(os), "fstat": grow}))
    with pytest.raises(specgen.SpecError, match="larger than 256 KiB"):
        specgen.compile(tiny)
    monkeypatch.setattr("specgen.source.os", SimpleNamespace(**{**vars(os), "fstat": shrink}))
    assert specgen.compile(tiny).input_shape.sizes == (1, 28)


# --- weights -----------------------------------------------------------------------------------------


def _header(text: str, data: bytes = b"", length: int | None = None) -> bytes:
    return (len(text) if length is None else length).to_bytes(8, "little") + text.encode() + data


@pytest.mark.parametrize(
    "content",
    [
        _header("{}", length=2**62),
        _header('{"0.weight":{"dtype":"F32","shape":[5],"data_offsets":[0,999]}}', b"\0" * 20),
        _header('{"0.weight":{"dtype":"F99","shape":[5],"data_offsets":[0,20]}}', b"\0" * 20),
        _header('{"0.weight":{"dtype":"F32","shape":[-5],"data_offsets":[0,20]}}', b"\0" * 20),
        _header(
            '{"0.weight":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,20]}}', b"\0" * 20
        ),
        _header('{"0.weight":', length=400),
        _header("{}"),
        b"PK\x03\x04" + b"\0" * 40,
    ],
)
def test_malformed_weights_are_one_kind_of_error(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(content)
    with pytest.raises(specgen.WeightsError):
        specgen.load("tiny28", weights=file)


def test_weights_of_odd_kinds_are_refused(tmp_path: Path) -> None:
    import torch

    good = specgen.load("tiny28").state_dict()
    for odd in (
        good["0.weight"].to("meta"),
        good["0.weight"].to_sparse(),
        good["0.weight"].to(torch.cfloat),
        3,
    ):
        with pytest.raises(specgen.WeightsError, match=r"`0\.weight` is "):
            specgen.load("tiny28", weights={**good, "0.weight": odd})
    for odd_file in ([1, 2], {"a": {"b": 3}}, {"a": [good["0.bias"]]}, good["0.bias"]):
        torch.save(odd_file, tmp_path / "odd.pt")
        with pytest.raises(specgen.WeightsError, match="no table of tensors"):
            specgen.load("tiny28", weights=tmp_path / "odd.pt")
    for place in ("/dev/zero", str(tmp_path), "a\0b"):
        with pytest.raises(specgen.WeightsError, match="cannot read"):
            specgen.load("tiny28", weights=place)


def test_what_does_not_fit_is_told_by_kind_and_in_part() -> None:
    good = specgen.load("resnet18").state_dict()
    wrong = {key: tensor[:1] if tensor.dim() else tensor for key, tensor in good.items()}
    wrong["extra"] = wrong.pop("fc.bias")
    with pytest.raises(specgen.WeightsError) as caught:
        specgen.load("resnet18", weights=wrong)
    keys, shapes = caught.value.diagnostics
    assert (keys.code, keys.notes) == ("keys-differ", ("missing: `fc.bias`", "not in the network: `extra`"))
    assert shapes.code == "shapes-differ" and len(shapes.notes) == 9
    assert shapes.notes[0] == "`conv1.weight`: 1 × 3 × 7 × 7 in the weights, 64 × 3 × 7 × 7 in the network"
    assert shapes.notes[6] == "… 93 more …" and "`fc.weight`" in shapes.notes[-1]


def test_build_prints_what_is_wrong_with_weights_as_json(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", str(tiny), "--weights", str(tiny), "--json"]) == 2
    out, err = capsys.readouterr()
    printed = json.loads(out)
    assert [one["code"] for one in printed["diagnostics"]] == ["not-weights"]
    assert not printed["ok"] and not err


def test_foreign_keys_are_printed_safely_and_in_part() -> None:
    good = specgen.load("tiny28").state_dict()
    foreign = {"\x1b[31m\u202e" + "k" * 9999: good["0.bias"]}
    with pytest.raises(specgen.WeightsError) as caught:
        specgen.load("tiny28", weights={**good, **foreign})
    assert str(caught.value).replace("\n", "").isprintable() and len(str(caught.value)) < 300


def test_a_folder_that_may_not_be_read_keeps_no_other_from_being_formatted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    for name in ("a.spec", "z.spec"):
        (tmp_path / name).write_text("input   3x8x8\nconv 4\n")
    (tmp_path / "closed").mkdir(mode=0)
    with as_nobody():
        status = main(["fmt", "--check", "a.spec", "closed", "z.spec"])
    said = capsys.readouterr()
    assert status == 2 and "cannot read" in said.err and "2 would change" in said.out + said.err


def test_a_file_of_any_name_comes_back_from_json(tmp_path: Path) -> None:
    for name in (b"\xff.spec", b"a" * 240 + b".spec", "né\u202e.spec".encode()):
        path = os.path.join(os.fsencode(tmp_path), name)
        with open(path, "wb") as file:
            file.write(b"input 3x8x8; conv 4")
        network = specgen.compile(os.fsdecode(path))
        assert specgen.Network.model_validate_json(network.model_dump_json()) == network
        ast.parse(network.emit())


def test_a_program_may_put_a_text_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("input 3x8x8; conv 4"))
    assert specgen.compile("-").params == 112

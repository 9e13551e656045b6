"""The formatter: what it makes of careless specs, that it keeps their meaning, and the command."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzz.programs import program
from noise import comments, noisy

import specgen
from specgen.cli import main
from specgen.formatting.phrases import number

ROOT = Path(__file__).parent.parent
CARELESS = sorted((ROOT / "tests" / "formatted").glob("*.spec"))
RIGHT = sorted((ROOT / "tests" / "right").glob("*.spec"))
SHIPPED = sorted([*(ROOT / "specs").glob("*.spec"), *(ROOT / "examples").glob("*.spec")])


# --- what it makes of a spec -----------------------------------------------------------------------


@pytest.mark.parametrize("path", CARELESS, ids=lambda path: path.stem)
def test_careless_specs_come_out_as_the_files_beside_them(path: Path, update_golden: bool) -> None:
    formatted = specgen.format_text(path.read_text())
    golden = path.with_suffix(".golden")
    if update_golden:
        golden.write_text(formatted)
    assert formatted == golden.read_text()
    assert specgen.format_text(formatted) == formatted
    assert comments(formatted) == comments(path.read_text())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_shipped_is_formatted(path: Path) -> None:
    assert specgen.format_text(path.read_text()) == path.read_text()


def test_lines_keep_to_the_limit_where_they_can() -> None:
    line = "cat { " + " | ".join(f"conv {64 + n} k=3; conv {32 + n} k=1" for n in range(6)) + " }"
    formatted = specgen.format_text(line)
    assert len(formatted.splitlines()) == 8
    assert max(map(len, formatted.splitlines())) <= 110


def test_a_comment_keeps_its_line_together() -> None:
    line = "; ".join(["conv 64 k=3 s=1 p=1 bn nobias"] * 5) + "  # ok: channels-last"
    assert specgen.format_text(line + "\n") == line + "\n"


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("64", "64"),
        ("064", "64"),
        ("0", "0"),
        (".5", "0.5"),
        ("0.", "0.0"),
        ("1.50", "1.50"),
        ("1E-05", "1e-5"),
        ("2e+10", "2e10"),
        ("3e0", "3e0"),
        ("00.0e00", "0.0e0"),
        ("." + "1" * 39, "." + "1" * 39),  # one character more would be too long
    ],
)
def test_numbers(written: str, wanted: str) -> None:
    assert number(written) == wanted
    assert float(written) == float(wanted)


def test_line_ends_and_the_byte_order_mark() -> None:
    assert specgen.format_text("\ufeffconv 4\r\n\r\nconv 5") == "conv 4\n\nconv 5\n"


def test_nothing_stays_nothing() -> None:
    assert specgen.format_text("") == ""
    assert specgen.format_text(" \n;\n\t\n") == ""


def test_a_syntax_error_is_the_one_of_check() -> None:
    text = "input 3x8x8\nfeatures: {\n    conv 4\n"
    with pytest.raises(specgen.SpecError) as formatted:
        specgen.format_text(text)
    with pytest.raises(specgen.SpecError) as compiled:
        specgen.compile(text=text)
    assert formatted.value.diagnostics == compiled.value.diagnostics


def test_a_result_beyond_the_limits_is_refused() -> None:
    deep = "a: { " * 30 + "\n" + "M\n" * 2500 + "}" * 30
    with pytest.raises(specgen.SpecError, match="too large to be formatted"):
        specgen.format_text(deep)


# --- what it keeps ---------------------------------------------------------------------------------


def without_lines(value: Any) -> Any:
    """The JSON of a network without the lines of the spec."""
    if isinstance(value, dict):
        return {key: without_lines(one) for key, one in value.items() if key != "line"}
    if isinstance(value, list):
        return [without_lines(one) for one in value]
    return value


def meaning(text: str) -> Any:
    """The network of a text, or the kinds of errors in it."""
    shape = None if "input" in text else "3x32x32"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", specgen.SpecWarning)
            network = specgen.compile(text=text, input=shape)
    except specgen.SpecError as error:
        return sorted(one.code for one in error.diagnostics)
    return without_lines(json.loads(network.model_dump_json()))


def holds(text: str) -> None:
    """Formatting keeps the meaning and the comments, and once is enough."""
    formatted = specgen.format_text(text)
    assert specgen.format_text(formatted) == formatted, text
    assert comments(formatted) == comments(text), text
    assert formatted == text or meaning(formatted) == meaning(text), text


@pytest.mark.parametrize("path", [*RIGHT, *SHIPPED], ids=lambda path: path.stem)
def test_specs_keep_their_meaning(path: Path) -> None:
    text = path.read_text(encoding="utf-8-sig")
    holds(text)
    holds(noisy(text, 7))


@pytest.mark.parametrize("seeds", [range(0, 12), pytest.param(range(1000, 1500), marks=pytest.mark.slow)])
def test_drawn_programs_keep_their_meaning(seeds: range) -> None:
    for seed in seeds:
        holds(noisy(program(seed), seed))


def test_the_noise_is_noise() -> None:
    text = program(3)
    careless = noisy(text, 3)
    assert careless != text and len(comments(careless)) > len(comments(text))
    assert specgen.format_text(careless) != careless


@pytest.mark.parametrize("seeds", [range(0, 30), pytest.param(range(1000, 1600), marks=pytest.mark.slow)])
def test_what_is_left_of_a_damaged_spec_is_kept(seeds: range) -> None:
    """Most damage is a syntax error or an unknown name; whatever can be parsed is formatted."""
    import random

    formatted = 0
    for seed in seeds:
        source = random.Random(seed)
        path = source.choice([*RIGHT, *SHIPPED, *CARELESS])
        text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
        for _ in range(source.choice((1, 2, 3))):
            at = source.randrange(len(text))
            cut = source.randrange(3)
            text = (
                text[:at]
                + source.choice((" ", "\n", ";", "#", "-", "x", "(", "1", "=", ""))
                + text[at + cut :]
            )
        try:
            holds(text)
            formatted += 1
        except specgen.SpecError:
            continue
    assert formatted > len(seeds) / 10


# --- the command -----------------------------------------------------------------------------------

CARELESS_TEXT = "input 3x8x8\nconv 4 kernel_size=5 norm=bn\n"
FORMATTED_TEXT = "input 3x8x8\nconv 4 k=5 bn\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a careless spec, a wrong one, and a formatted one deeper down; we are in it."""
    (tmp_path / "careless.spec").write_text(CARELESS_TEXT)
    (tmp_path / "wrong.spec").write_text("conv 4 {")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "fine.spec").write_text(FORMATTED_TEXT)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "not.spec").write_text(CARELESS_TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.chmod("careless.spec", 0o640)
    assert main(["fmt", "careless.spec", "./careless.spec"]) == 0
    assert Path("careless.spec").read_text() == FORMATTED_TEXT
    assert os.stat("careless.spec").st_mode & 0o777 == 0o640
    assert capsys.readouterr().out == "formatted: careless.spec\n"


def test_what_could_not_be_written_is_not_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("specgen.source.os.access", lambda path, mode: False)
    assert main(["fmt", "careless.spec"]) == 2
    assert capsys.readouterr() == ("", "error: cannot write `careless.spec`: the file is read-only\n")


def test_a_folder_that_cannot_be_listed_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def scandir(path: str) -> Iterator[object]:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr("os.scandir", scandir)
    assert main(["fmt", "."]) == 2
    assert capsys.readouterr() == ("", "error: cannot read `.`: permission denied\n")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "no such file or directory"),
        ("a\0b", "no file has such a name"),
        ("\ud800", "no file has such a name"),
        ("loop", "too many levels of symbolic links"),
    ],
)
def test_a_name_that_is_no_files(
    name: str, why: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "loop").symlink_to("loop")
    assert main(["fmt", name]) == 2
    shown = ascii(name)[1:-1]
    assert capsys.readouterr() == ("", f"error: cannot read `{shown}`: {why}\n")


def test_a_formatted_file_is_not_touched(folder: Path) -> None:
    before = os.stat("deeper/fine.spec")
    assert main(["fmt", "deeper"]) == 0
    after = os.stat("deeper/fine.spec")
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_folder_is_all_the_specs_in_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "."]) == 1
    captured = capsys.readouterr()
    assert captured.out == "formatted: ./careless.spec\n"
    assert "./wrong.spec:1:1" in captured.err and "1 formatted, 1 fine as it is" in captured.err
    assert Path("wrong.spec").read_text() == "conv 4 {"
    assert Path(".hidden/not.spec").read_text() == CARELESS_TEXT


def test_check_lists_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", "careless.spec", "deeper/fine.spec"]) == 1
    assert capsys.readouterr().out == "would change: careless.spec\n"
    assert Path("careless.spec").read_text() == CARELESS_TEXT
    assert main(["fmt", "--check", "deeper"]) == 0


def test_diff_prints_what_would_change(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--diff", "careless.spec"]) == 0
    out = capsys.readouterr().out
    assert "-conv 4 kernel_size=5 norm=bn\n+conv 4 k=5 bn\n" in out
    assert Path("careless.spec").read_text() == CARELESS_TEXT
    assert main(["fmt", "--diff", "--check", "careless.spec"]) == 1


def test_diff_shows_line_ends_and_escapes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("crlf\x1b.spec").write_bytes(b"conv 4\r\nconv 5")
    assert main(["fmt", "--diff", "crlf\x1b.spec"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "--- crlf\\x1b.spec" in out
    assert "-conv 4\\r\n" in out and "-conv 5\n\\ No newline at end of file\n+conv 4\n" in out


def test_every_file_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "nowhere.spec", "wrong.spec", "careless.spec"]) == 2
    captured = capsys.readouterr()
    assert "cannot read `nowhere.spec`: no such file" in captured.err and "error[syntax]" in captured.err
    assert Path("careless.spec").read_text() == FORMATTED_TEXT


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    def piped(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    for arguments, text, code, out in (
        (["fmt"], CARELESS_TEXT, 0, FORMATTED_TEXT),
        (["fmt", "-"], FORMATTED_TEXT, 0, FORMATTED_TEXT),
        (["fmt", "--check"], CARELESS_TEXT, 1, "would change: <stdin>\n"),
        (["fmt", "--check", "-"], FORMATTED_TEXT, 0, ""),
        (["fmt"], "conv {", 1, ""),
        (["fmt"], "", 0, ""),
    ):
        piped(text)
        assert main(arguments) == code
        assert capsysbinary.readouterr().out.decode() == out
    assert main(["fmt", "-", "careless.spec"]) == 2


def test_formatting_imports_neither_torch_nor_more_than_it_needs() -> None:
    program = (
        "import sys, specgen; specgen.format_text('conv 4 norm=bn');"
        "print([name for name in ('torch', 'jinja2', 'specgen.elaborate') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"

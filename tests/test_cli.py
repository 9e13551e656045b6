"""The command line, as a user meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import specgen
from specgen.cli import main

TINY = "input 1x28x28\nconv 5 k=5 p=0\nM\n"


def run(
    *arguments: str, stdin: str | bytes | None = None, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "specgen", *arguments],
        input=stdin,
        capture_output=True,
        text=not isinstance(stdin, bytes),
        errors=None if isinstance(stdin, bytes) else "replace",
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **environment},
        timeout=120,
    )


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "my net.spec"
    path.write_text(TINY)
    return path


def test_check_says_what_the_network_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "vgg11"]) == 0
    assert capsys.readouterr().out == (
        "vgg11: VGG11, 3 × 224 × 224 → 1000, 132,863,336 parameters, 7.609 G multiply-adds\n"
        "    accepts any H, W ≥ 32\n"
    )


def test_a_shipped_name_may_have_its_ending(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "vgg11.spec", "VGG11_BN"]) == 0
    out = capsys.readouterr().out
    assert "132,863,336" in out and "132,868,840" in out


@pytest.mark.parametrize(
    ("asked", "help_"),
    [
        ("bird.spec", "there is `birds.spec`"),
        ("birds.spc", "there is `birds.spec`"),
        ("below/bird", "there is `below/birds2.spec`"),
        ("below/vgg61", "`specgen list` shows what is shipped"),
        ("missing/birds.spec", "`specgen list` shows what is shipped"),
        ("vgg61", "shipped with similar names: `vgg19`, `vgg16` and `vgg13`"),
    ],
)
def test_a_file_that_is_missing_is_answered_with_one_like_it(
    asked: str,
    help_: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    for name in ("birds.spec", "bird.txt", "below/birds2.spec"):
        (tmp_path / name).touch()
    assert main(["check", asked]) == 2
    title = f"error[not-found]: there is no file and no shipped spec `{asked}`"
    assert capsys.readouterr().err == f"{title}\n  = help: {help_}\n"


def test_a_file_that_exists_wins_over_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vgg11").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    assert specgen.compile("vgg11").params == 130


def test_check_goes_on_after_a_wrong_spec(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tiny.with_name("wrong.spec")
    wrong.write_text("input 3x8x8\nconvv 3\n")
    assert main(["check", str(wrong), str(tiny)]) == 1
    captured = capsys.readouterr()
    assert "unknown-layer" in captured.err and "MyNet" in captured.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "no/such/file.spec"], 2),
        (["check", "vgg11", "--set", "norm"], 2),
        (["check", "vgg11", "--set", "depth=3"], 1),
        (["check", "vgg11", "--input", "3x2x2"], 1),
        (["check", "vgg11", "--input", "many"], 1),
        (["check", "vgg11", "--nonsense"], 2),
        (["nonsense"], 2),
        (["layers", "convv"], 2),
        (["emit", "vgg11", "--check"], 2),
        (["build", "tiny28", "--device", "nowhere"], 2),
        (["build", "tiny28", "--dtype", "int8"], 2),
        (["build", "tiny28", "--weights", "no-such-file"], 2),
    ],
)
def test_exit_codes_without_a_traceback(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.err and "Traceback" not in captured.err and not captured.out


def test_settings_variants_and_input(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["check", "vgg11", "--set", "num_classes=10", "--input", "3x64x64", "--variant", "vgg11_bn"]
    assert main([*arguments, "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    network = result["network"]
    assert (network["name"], network["input"], network["output"]) == ("VGG11_BN", [3, 64, 64], [10])
    assert network["settings"] == {"num_classes": 10, "norm": "bn"}


def test_json_of_a_wrong_spec_is_the_diagnostics(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.write_text("input 3x8x8\nconv 3 kernal=3\n")
    assert main(["check", str(tiny), "--json"]) == 1
    (result,) = json.loads(capsys.readouterr().out)
    (diagnostic,) = result["diagnostics"]
    assert diagnostic["code"] == "unknown-option"
    assert (diagnostic["labels"][0]["line"], diagnostic["labels"][0]["column"]) == (2, 8)


@pytest.mark.parametrize("command", ["build", "emit"])
def test_errors_are_json_too(command: str, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.write_text("input 3x8x8\nconv 0\n")
    assert main([command, str(tiny), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert not result["ok"] and result["diagnostics"][0]["code"] == "wrong-value"


def test_build_prints_the_layers_and_what_it_verified(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "tiny28", "--seed", "1"]) == 0
    out = capsys.readouterr().out
    assert "Conv2d(1, 5, kernel_size=5)" in out and "5 × 12 × 12" in out
    assert "all 3 output shapes are as inferred" in out


def test_build_on_meta_and_in_another_dtype(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "vgg16", "--device", "meta"]) == 0
    assert "built on meta" in capsys.readouterr().out
    assert main(["build", "tiny28", "--dtype", "bfloat16"]) == 0


def test_weights_are_saved_and_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    file = tmp_path / "weights.safetensors"
    assert main(["build", "birds_planes", "--seed", "3", "--save", str(file)]) == 0
    assert main(["build", "birds_planes", "--weights", str(file)]) == 0
    torch.manual_seed(3)
    wanted = specgen.load("birds_planes").state_dict()
    found = specgen.load("birds_planes", weights=file).state_dict()
    assert all(torch.equal(wanted[key], found[key]) for key in wanted)
    checkpoint = tmp_path / "weights.pt"
    torch.save(wanted, checkpoint)
    again = specgen.load("birds_planes", weights=checkpoint).state_dict()
    assert all(torch.equal(wanted[key], again[key]) for key in wanted)


def test_weights_that_do_not_fit_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "weights.safetensors"
    assert main(["build", "tiny28", "--save", str(file)]) == 0
    capsys.readouterr()
    assert main(["build", "birds_planes", "--weights", str(file)]) == 2
    err = capsys.readouterr().err
    assert "missing: `3.weight`" in err
    assert "`0.weight`: 5 × 1 × 5 × 5 in the weights, 16 × 3 × 3 × 3" in err


@pytest.mark.parametrize("content", [b"", b"junk", b"\x08\0\0\0\0\0\0\0{", b"\xff" * 64])
def test_weights_that_are_none_are_two_lines(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "weights"
    file.write_bytes(content)
    assert main(["build", "tiny28", "--weights", str(file)]) == 2
    title, note = capsys.readouterr().err.splitlines()
    assert title.startswith("error[not-weights]: ") and note.startswith("  = note: ")


def test_a_checkpoint_cannot_run_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pickle

    class Bait:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path(tmp_path / "ran").touch, ())

    file = tmp_path / "bait.pt"
    file.write_bytes(pickle.dumps({"0.weight": Bait()}))
    assert main(["build", "tiny28", "--weights", str(file)]) == 2
    assert not (tmp_path / "ran").exists()


def test_emit_writes_a_file_and_check_compares_it(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tiny.with_name("net.py")
    assert main(["emit", str(tiny), "--out", str(out), "--check"]) == 1
    assert main(["emit", str(tiny), "--out", str(out)]) == 0
    assert "class MyNet(nn.Sequential):" in out.read_text()
    assert main(["emit", str(tiny), "--out", str(out), "--check"]) == 0
    capsys.readouterr()
    out.write_text(out.read_text().replace("5, kernel_size=5", "6, kernel_size=5"))
    assert main(["emit", str(tiny), "--out", str(out), "--check"]) == 1
    captured = capsys.readouterr()
    assert "-            nn.Conv2d(1, 6, kernel_size=5)" in captured.out
    assert "+            nn.Conv2d(1, 5, kernel_size=5)" in captured.out


def test_emit_does_not_overwrite_what_is_not_its_own(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emit", str(tiny), "--out", str(tiny)]) == 2
    assert tiny.read_text() == TINY
    assert main(["emit", str(tiny), "--out", str(tiny.parent)]) == 2
    assert main(["emit", str(tiny), "--out", str(tiny.parent / "no" / "where.py")]) == 2
    assert len(list(tiny.parent.iterdir())) == 1


def test_emit_refuses_a_fifo(tiny: Path) -> None:
    fifo = tiny.with_name("fifo")
    os.mkfifo(fifo)
    assert main(["emit", str(tiny), "--out", str(fifo)]) == 2
    assert main(["check", str(fifo)]) == 2


def test_emit_follows_a_link_and_keeps_the_mode(tiny: Path) -> None:
    target, link = tiny.with_name("target.py"), tiny.with_name("link.py")
    target.write_text("")
    target.chmod(0o640)
    link.symlink_to(target)
    assert main(["emit", str(tiny), "--out", str(link)]) == 0
    assert link.is_symlink() and "MyNet" in target.read_text()
    assert target.stat().st_mode & 0o777 == 0o640


def test_emit_writes_the_file_and_prints_json_too(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tiny.with_suffix(".py")
    assert main(["emit", str(tiny), "--json", "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["source"] == out.read_text()


def test_weights_are_not_passed_through_pipes(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny.parent)
    for option in ("--save", "--weights"):
        assert main(["build", str(tiny), option, "-"]) == 2
        assert capsys.readouterr().err.startswith(f"error: {option} needs a file")
    assert not Path("-").exists()


def test_a_wrong_spec_leaves_the_old_file(tiny: Path) -> None:
    out = tiny.with_name("net.py")
    out.write_text("mine\n")
    tiny.write_text("conv")
    assert main(["emit", str(tiny), "--out", str(out)]) == 1
    assert out.read_text() == "mine\n"


def test_standard_input_is_read_when_no_spec_is_named() -> None:
    assert "class Network(nn.Sequential)" in run("emit", stdin=TINY).stdout
    assert "130 parameters" in run("check", stdin=TINY).stdout
    assert run("check", "-", stdin=TINY).stdout.startswith("<stdin>: Network, ")
    assert run("check", stdin=b"\xff\xfe\x00").returncode == 2


def test_the_spec_on_standard_input_is_not_written_over(tmp_path: Path) -> None:
    spec = tmp_path / "net.spec"
    spec.write_text(TINY)
    for command in (["emit", "-", "--out"], ["emit", "--out"], ["build", "-", "--save"]):
        with spec.open("rb") as file:
            done = subprocess.run(
                [sys.executable, "-m", "specgen", *command, str(spec)],
                stdin=file, capture_output=True, cwd=Path(__file__).parent.parent, timeout=60,
            )  # fmt: skip
        assert done.returncode == 2 and b"would overwrite the spec" in done.stderr
        assert spec.read_text() == TINY


def test_commands_work_from_another_folder(tmp_path: Path) -> None:
    result = run("check", "vgg16.spec", cwd=tmp_path)
    assert result.returncode == 0 and "138,357,544" in result.stdout


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m specgen emit vgg19 | head -1"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    result = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment, timeout=60)
    assert result.stdout.startswith('"""VGG19') and result.stderr == ""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["list"], 0),
        (["--help"], 0),
        (["emit", "--help"], 0),
        (["check", "tiny28"], 0),
        (["check", "wrong.spec"], 1),
        (["check", "--format", "short", "wrong.spec", "tiny28"], 1),
        (["check", "--format", "json", "tiny28", "wrong.spec"], 1),
        (["emit", "wrong.spec"], 1),
        (["check", "nowhere.spec"], 2),
        (["nonsense"], 2),
        (["emit", "wrong.spec", "--json"], 1),
        (["emit", "tiny28", "--out", "wrong.spec", "--check"], 1),
        (["summary", "wrong.spec", "--json"], 1),
        (["explain", "wrong.spec", "--json"], 1),
        (["diff", "tiny28", "vgg11", "--exit-code"], 1),
        (["sweep", "vgg11", "--set", "num_classes=0,-1"], 1),
        (["sweep", "vgg11", "--set", "num_classes=0,1,2"], 0),
        (["sweep", "vgg11", "--set", "num_classes=0,-1", "--jsonl"], 1),
    ],
)
def test_the_exit_code_is_the_same_when_nobody_reads(
    command: list[str], code: int, unbuffered: str, tmp_path: Path
) -> None:
    (tmp_path / "wrong.spec").write_text("input 3x8x8\nconv x\n")
    environment = {
        **os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONUNBUFFERED": unbuffered,
    }  # fmt: skip
    reading, writing = os.pipe()
    os.close(reading)
    try:
        program = [sys.executable, "-m", "specgen", *command]
        done = subprocess.run(
            program, stdout=writing, stderr=writing, env=environment, cwd=tmp_path, timeout=60
        )
    finally:
        os.close(writing)
    assert done.returncode == code


def test_all_files_are_formatted_when_nobody_reads(tmp_path: Path) -> None:
    for name in ("a.spec", "b.spec"):
        (tmp_path / name).write_text("input   3x8x8\nconv 4\n")
    environment = {
        **os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    reading, writing = os.pipe()
    os.close(reading)
    try:
        program = [sys.executable, "-m", "specgen", "fmt", "a.spec", "b.spec"]
        done = subprocess.run(program, stdout=writing, env=environment, cwd=tmp_path, timeout=60)
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert {path.read_text() for path in tmp_path.iterdir()} == {"input 3x8x8\nconv 4\n"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_the_exit_code_is_the_same_when_standard_error_is_full() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with open("/dev/full", "wb") as full:
        program = [sys.executable, "-m", "specgen", "check", "nowhere.spec"]
        done = subprocess.run(program, stderr=full, env=environment, timeout=60)
    assert done.returncode == 2


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    program = f"cd {gone} && rmdir {gone} && echo 'conv   4' | {sys.executable} -m specgen fmt"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(program, shell=True, capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "conv 4\n", "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_terminal_encoding_will_do(encoding: str) -> None:
    result = run("check", "vgg11", PYTHONIOENCODING=encoding)
    assert result.returncode == 0 and "132,863,336" in result.stdout
    emitted = subprocess.run(
        [sys.executable, "-m", "specgen", "emit", "tiny28"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "PYTHONIOENCODING": encoding},
    )
    assert "5 × 12 × 12" in emitted.stdout.decode("utf-8")


def test_odd_names_are_printed_safely(tmp_path: Path) -> None:
    path = tmp_path / "evil\n\x1b[31m\u202e.spec"
    path.write_text("conv")
    result = run("check", str(path))
    assert result.returncode == 1
    assert "\x1b" not in result.stderr and "\u202e" not in result.stderr
    assert "evil\\n\\x1b[31m\\u202e.spec" in result.stderr
    bad_option = run("check", "--\x1b[31mred")
    assert bad_option.returncode == 2 and "\x1b" not in bad_option.stderr


def test_the_emitted_file_does_not_quote_odd_names(tmp_path: Path) -> None:
    path = tmp_path / 'a"""\nimport os\n.spec'
    path.write_text(TINY)
    text = specgen.compile(path).emit()
    compile(text, "emitted", "exec")
    assert "\nimport os" not in text


def test_list_shows_every_spec_and_variant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    found = {spec["name"]: spec for spec in json.loads(capsys.readouterr().out)}
    assert found["vgg16"]["params"] == 138_357_544
    assert found["vgg16_bn"]["input"] == [3, 224, 224]


def test_layers_explains_one_and_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["layers", "conv"]) == 0
    page = capsys.readouterr().out
    assert "padding       p      half" in page and "floor((in + 2·p − d·(k − 1) − 1) / s) + 1" in page
    assert main(["layers"]) == 0
    assert "maxpool, M" in capsys.readouterr().out
    assert main(["layers", "M", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["words"] == ["maxpool", "M"]


def test_the_help_says_whole_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "...\n" not in out.partition("Commands:")[2] and "real output with the inferred one." in " ".join(
        out.split()
    )


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"specgen {specgen.__version__}\n"
    for command in ("build", "emit", "check", "list", "layers"):
        assert main([command, "--help"]) == 0
    assert main([]) == 2
    shown = capsys.readouterr()
    assert "\n  sweep " in shown.err and "error" not in shown.err.partition("Options:")[0].partition("\n")[0]


def test_standard_input_is_read_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-", "-"]) == 2
    assert capsys.readouterr().err.startswith("error: `-` is standard input, which can be read once\n")


def test_what_is_given_empty_is_not_left_out(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tiny), "--variant", ""]) == 1
    assert capsys.readouterr().err.startswith("error[unknown-variant]: the spec has no variant ``\n")
    assert main(["emit", str(tiny), "--out", ""]) == 2
    assert capsys.readouterr().err == "error: cannot write ``: the name of the file is empty\n"
    with pytest.raises(specgen.SpecError, match="has no variant ``"):
        specgen.load("vgg11", variant="")


def test_a_value_that_has_none_is_pointed_at(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tiny), "--set", "classes=2*in"]) == 1
    assert "1 | 2*in\n  |   ^^ nothing arrives yet\n" in capsys.readouterr().err
    assert main(["check", str(tiny), "--set", "classes=not 1"]) == 1
    assert "help: compare it with something: `== 1`, `!= none`\n" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(tiny), "--device", "cuda"]) == 2
    assert capsys.readouterr().err.startswith("error: PyTorch cannot use the device 'cuda' here: ")


@pytest.mark.parametrize(
    "code",
    [
        "main(['check', 'vgg16', 'resnet50'])",
        "main(['emit', 'vgg16'])",
        "main(['list'])",
        "main(['layers', 'conv'])",
        "main(['summary', 'vgg11', '--fits', '24GiB'])",
        "main(['summary', 'vgg11', '--markdown'])",
        "specgen.compile('resnet50')._repr_html_()",
        "print(specgen.compile('vit_b_16').summary())",
        "specgen.Network.model_validate_json(specgen.compile('vgg11').model_dump_json())",
    ],
)
def test_torch_stays_unimported(code: str) -> None:
    program = f"import sys, specgen\nfrom specgen.cli import main\n{code}\nassert 'torch' not in sys.modules"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "command",
    ["check vgg16", "summary vgg16", "explain vgg16", "fmt --check specs/vgg16.spec", "diff vgg11 vgg16"],
)
def test_what_is_asked_often_imports_little(command: str) -> None:
    """Neither Pydantic nor Lark nor Jinja is asked for what has no JSON, no grammar and no file."""
    program = (
        f"import sys\nfrom specgen.cli import main\ncode = main({command.split()})\n"
        "print(code, {'pydantic', 'lark', 'jinja2', 'torch', 'numpy'} & {*sys.modules}, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stderr.splitlines()[-1] in ("0 set()", "1 set()")


def test_an_interrupt_has_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **keywords: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("specgen.compiler.check", interrupted)
    assert main(["check", "vgg11"]) == 130


def test_a_defect_is_one_line_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object, **keywords: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("specgen.compiler.check", broken)
    assert main(["check", "vgg11"]) == 70
    assert "internal error: ZeroDivisionError: by zero" in capsys.readouterr().err


def test_strict_makes_warnings_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "odd.spec"
    spec.write_text("input 3x7x7\nM\n")
    assert main(["check", str(spec)]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("warning[edge-dropped]") and "Odd" in captured.out
    assert main(["check", "--strict", str(spec), "vgg11_bn"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error[edge-dropped]") and "Odd" not in captured.out
    assert "VGG11_BN" in captured.out
    assert main(["check", "--strict", "--json", str(spec)]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert not found["ok"] and found["diagnostics"][0]["severity"] == "error"
    spec.write_text("input 3x7x7\nM  # ok: edge-dropped\n")
    assert main(["check", "--strict", str(spec)]) == 0


@pytest.mark.skipif(os.name != "posix", reason="closes a descriptor as a shell does")
def test_closed_standard_output_is_said(tiny: Path) -> None:
    program = f'exec {sys.executable} -m specgen check "{tiny}" >&-'
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(["sh", "-c", program], stderr=subprocess.PIPE, text=True, env=environment)
    assert done.returncode == 2
    assert done.stderr == "error: cannot write the output: standard output is closed\n"


def test_weights_without_values_are_not_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "w.safetensors"
    assert main(["build", "tiny28", "--device", "meta", "--save", str(saved)]) == 2
    assert capsys.readouterr().err == f"error: cannot write `{saved}`: weights on meta have no values\n"
    assert not saved.exists()


def test_a_folder_is_all_specs_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right, wrong = tmp_path / "right.spec", tmp_path / "below" / "wrong.spec"
    wrong.parent.mkdir()
    right.write_text("input 3x8x8; conv 4")
    wrong.write_text("input 3x8x8; convv 4")
    (tmp_path / "README.md").write_text("# Networks")
    assert main(["check", str(tmp_path), str(right), "--format", "short"]) == 1
    assert capsys.readouterr().out.startswith(
        f"{wrong}:1:14: error[unknown-layer]: there is no layer `convv`"
    )
    assert main(["check", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith(f"{right}: Right, 3 × 8 × 8")
    (tmp_path / "empty").mkdir()
    assert main(["check", str(tmp_path / "empty")]) == 2
    assert capsys.readouterr().err == f"no spec in {tmp_path / 'empty'}\n"


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.bin"])
def test_safetensors_are_not_called_like_what_torch_saves(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "tiny28", "--save", str(tmp_path / name)]) == 2
    assert "--save writes safetensors" in capsys.readouterr().err and not list(tmp_path.iterdir())

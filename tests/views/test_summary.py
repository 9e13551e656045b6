"""The summary as text, Markdown, CSV, JSON and HTML, in a pipe and on terminals of any width."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from html.parser import HTMLParser
from pathlib import Path

import pytest
from torch.utils.flop_counter import FlopCounterMode

import specgen
from specgen.cli import main
from specgen.views import markup
from specgen.views.memory import memory
from specgen.views.summary import Options, Summary, options
from specgen.views.table import COLUMNS
from specgen.views.terminal import draw
from specgen.views.text import amount, as_bytes

GOLDEN = Path(__file__).parent.parent / "golden"

SPEC = """network Tiny
input 3x32x32
block wide(c) { residual { conv c bn; conv c k=1 bn linear }; relu }
block stage(c, n) { wide c; repeat n - 1 { wide c } }
conv 8
body: stage 8 4
M
gap
fc 10
"""


def tiny(**asked: object) -> Summary:
    return Summary(specgen.compile(text=SPEC), options(**asked))  # type: ignore[arg-type]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["summary", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("form", ["plain", "markdown", "csv", "narrow", "html"])
def test_it_looks_like_this(form: str, update_golden: bool) -> None:
    summary = tiny(fits="8GiB", batch=16)
    text = {
        "plain": lambda: specgen.compile(text=SPEC).summary(fits="8GiB", batch=16),
        "markdown": lambda: markup.markdown(summary),
        "csv": lambda: markup.comma_separated(summary),
        "narrow": lambda: draw(summary, 60).text,
        "html": lambda: markup.html(tiny(depth=1)).replace("><", ">\n<"),
    }[form]()
    path = GOLDEN / f"summary_{form}.golden"
    if update_golden:
        path.write_text(f"{text}\n", encoding="utf-8")
    assert f"{text}\n" == path.read_text(encoding="utf-8")


# --- the tree ------------------------------------------------------------------------------------


def test_equal_modules_are_one_row() -> None:
    paths = [(row.path, row.count, depth) for depth, row in tiny(depth=2).folded]
    assert paths[:4] == [("conv1", 1, 0), ("relu1", 1, 0), ("body", 1, 0), ("body.0–3", 4, 1)]
    unlike = specgen.compile(text="input 8x8x8\nconv 8 k=1; conv 8 k=1 nobias; conv 8 k=1 nobias\n")
    counts = [row.count for _, row in Summary(unlike, Options()).folded]
    assert counts == [1] * 6, "a convolution and its ReLU take turns"


def test_depth() -> None:
    for depth in (1, 2, 3):
        assert max(row_depth for row_depth, _ in tiny(depth=depth).folded) == depth - 1
    assert tiny(depth=9).folded == tiny().folded


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "vit_b_32", "unet", "mobilenet_v3_small"])
def test_figures_add_up(name: str) -> None:
    """A group's figures are those of what is in it; what a product keeps is the block's own."""
    network = specgen.compile(name)
    summary = Summary(network, Options())
    assert sum(row.params for row in summary.rows) == network.params
    assert sum(row.macs for row in summary.rows) == network.macs
    assert sum(row.outputs.values for row in summary.rows) == memory(network).outputs[""].values
    for row in summary.rows:
        if row.rows:
            assert sum(inner.outputs.values for inner in row.rows) == row.outputs.values
            assert sum(inner.saved.values for inner in row.rows) <= row.saved.values


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1", "alexnet"])
def test_against_torchinfo(name: str) -> None:
    torchinfo = pytest.importorskip("torchinfo")
    network = specgen.compile(name)
    shape = (1, *map(int, network.input_shape.sizes))
    theirs = torchinfo.summary(network.build(device="meta"), shape, device="meta", verbose=0)
    assert theirs.total_params == network.params
    leaves = [info for info in theirs.summary_list if info.is_leaf_layer]
    assert [tuple(info.output_size[1:]) for info in leaves] == [row.output.sizes for row in network.layers]
    assert [info.num_params for info in leaves] == [row.params for row in network.layers]


def counted_macs(network: specgen.Network) -> int:
    """Half the floating-point operations that PyTorch counts."""
    import torch

    model = network.build(device="meta")
    x = torch.empty((1, *map(int, network.input_shape.sizes)), device="meta")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(x)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(
    "name", ["vgg11", "resnet18", "squeezenet1_1", "mobilenet_v3_small", "vit_b_32", "unet"]
)
def test_multiply_adds_are_pytorchs(name: str) -> None:
    network = specgen.compile(name)
    assert network.macs == counted_macs(network)


@pytest.mark.slow
@pytest.mark.parametrize("name", [listed.name for listed in specgen.list_specs()])
def test_multiply_adds_are_pytorchs_for_all(name: str) -> None:
    network = specgen.compile(name)
    assert network.macs == counted_macs(network)


# --- widths --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 140, 200])
@pytest.mark.parametrize("name", ["vgg11", "resnet50", "densenet121", "vit_b_32", "unet", "tiny28"])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    drawn = draw(Summary(specgen.compile(name), options(fits="24GiB")), width)
    assert max(map(len, drawn.text.split("\n"))) <= width
    assert len(drawn.rows) == len(drawn.groups)


def test_a_wide_terminal_shows_everything() -> None:
    summary = tiny()
    assert draw(summary, 400).text == specgen.compile(text=SPEC).summary()


def test_what_is_left_out_is_said() -> None:
    text = draw(Summary(specgen.compile("vgg11"), Options()), 60).text
    assert "left out for want of room: jump, field, activations, macs" in text


def test_a_shortened_name_keeps_how_many_are_alike() -> None:
    text = "input 3x8x8\nblock inverted_bottleneck() { conv 3; relu }\nstem: conv 3\n"
    text += "repeat 12 { inverted_bottleneck }"
    row = draw(Summary(specgen.compile(text=text), Options()), 40).rows[2]
    assert re.fullmatch(r"inverted_.*… × 12  3 × 8 × 8 +84", row)


def test_what_does_not_fit_at_all_is_said() -> None:
    totals = "\n".join(tiny(fits="1KiB").totals())
    assert "largest batch in 1.0 KiB: none for training with adam, none for inference" in totals


def test_small_networks_are_summed_up_in_plain_words() -> None:
    totals = Summary(specgen.compile(text="input 3x8x8\ncat { id | id }\nM"), options()).totals()
    assert totals[2].startswith("multiply-adds: 0 (multiply-adds of convolutions")
    assert totals[5].endswith(" + 3.4 KiB activations at once")


def test_a_number_and_its_unit_stay_on_one_line() -> None:
    for width in range(24, 90):
        lines = draw(tiny(fits="8GiB"), width).totals
        assert not [line for line in lines if re.match(r"\s+([KMG]i)?B\b", line)], width


def test_what_was_built_is_shown_as_wide_as_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    path, terminal = tmp_path / "tiny.spec", Terminal()
    path.write_text(SPEC)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stdout", terminal)
    assert main(["build", str(path), "--device", "meta"]) == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert max(map(len, lines)) <= 60 and lines[-1].startswith("built on meta")


@pytest.mark.parametrize("rich", ["rich", "no rich"])
@pytest.mark.parametrize("width", [60, 100])
def test_on_a_real_terminal(rich: str, width: int) -> None:
    """No line is broken or too wide, and rich is not needed."""
    if rich == "rich":
        pytest.importorskip("rich")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    hidden = "" if rich == "rich" else "sys.modules['rich'] = None; "
    code = f"import sys; {hidden}from specgen.cli import main; sys.exit(main(['summary', 'resnet18']))"
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=theirs,
        stdout=theirs,
        env={**environment, "TERM": "xterm-256color", "PYTHONPATH": str(GOLDEN.parent.parent)},
    )
    os.close(theirs)
    got = b""
    with contextlib.suppress(OSError):  # Linux says so when the other end closes
        while some := os.read(ours, 65536):
            got += some
    assert child.wait() == 0
    os.close(ours)
    text = got.decode()
    assert ("\x1b[1m" in text) is (rich == "rich")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).split("\r\n")
    assert lines[:-1] == draw(Summary(specgen.compile("resnet18"), Options()), width).text.split("\n")


# --- other forms ---------------------------------------------------------------------------------


def test_csv_holds_every_module(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "resnet18", "--csv", "--columns", "name,input,output,params,saved,field,jump,line")
    rows = list(csv.DictReader(io.StringIO(out)))
    network = specgen.compile("resnet18")
    by_name = {row["name"]: row for row in rows}
    assert {layer.name for layer in network.layers} <= by_name.keys()
    assert by_name["layer1.0.conv1"] == {
        "name": "layer1.0.conv1", "input": "64x56x56", "output": "64x56x56", "params": "36864",
        "saved": str(64 * 56 * 56 * 4), "field": "19x19", "jump": "4x4",
        "line": by_name["layer1.0.conv1"]["line"],
    }  # fmt: skip
    assert (by_name["fc"]["field"], by_name["fc"]["jump"]) == ("all", "")


def test_json_has_all_figures(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, "vgg11", "--json", "--depth", "1", "--fits", "24GiB", "--batch", "4"))
    assert (found["params"], found["macs"]) == (132_863_336, 7_609_090_048)
    assert [row["name"] for row in found["rows"]] == ["features", "avgpool", "flatten1", "classifier"]
    assert found["rows"][0]["field"] == [150, 150]
    parts = found["memory"]
    assert parts["training"] == sum(parts[k] for k in ("weights", "gradients", "optimizer_state", "saved"))
    assert parts["inference"] == parts["weights"] + parts["live"]
    assert found["fits"]["training"] > 100


def test_markdown_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "resnet18", "--markdown").split("\n")
    table = lines[: lines.index("")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        assert {name for name, _ in attrs} <= {"style"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", ["tiny28", "vgg11", "densenet201", "vit_b_16", "inception_v3"])
def test_a_notebook_shows_it_small_and_safe(name: str) -> None:
    network = specgen.compile(name)
    shown = network._repr_html_()
    reader = Reader()
    reader.feed(shown)
    assert not reader.open
    assert set(reader.tags) == {"div", "table", "thead", "tbody", "tr", "th", "td"}
    assert reader.tags.count("tr") <= 61 or name == "inception_v3"
    assert len(shown) < 100_000
    assert f"{network.params:,}" in reader.text
    assert "://" not in shown


def test_html_is_escaped() -> None:
    summary = tiny()
    row = summary.rows[0]
    object.__setattr__(row, "layer", "<script>alert('&')</script>")
    assert "<script" not in markup.html(summary)
    assert "&lt;script&gt;" in markup.html(summary)


# --- what is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--columns", "name,parms"], "did you mean `params`?"),
        (["--columns", ","], "no column is asked for"),
        (["--columns", "name,name"], "is asked for twice"),
        (["--dtype", "float23"], "did you mean `float32`?"),
        (["--optimizer", "adan"], "did you mean `adam`?"),
        (["--batch", "0"], "the batch is a whole number from 1"),
        (["--fits", "24"], "is no amount of memory: write it as 24GiB"),
        (["--fits", "24 potatoes"], "is no amount of memory"),
        (["--depth", "0"], "0 is not in the range"),
        (["--json", "--csv"], "give either --json or --csv"),
    ],
)
def test_wrong_options(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", "vgg11", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_in_python_what_cannot_be_is_a_value_error() -> None:
    network = specgen.compile("tiny28")
    for wrong in ({"depth": 0}, {"columns": "nmae"}, {"batch": -1}, {"dtype": "int8"}, {"fits": "much"}):
        with pytest.raises(ValueError):
            network.summary(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_alone(column: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "vgg11", "--columns", column).lstrip().startswith(COLUMNS[column].heading)


@pytest.mark.parametrize(
    ("text", "size"),
    [("24GiB", 24 * 2**30), ("80 GB", 80 * 10**9), ("512mib", 2**29), ("1.5KiB", 1536), ("7B", 7)],
)
def test_amounts_of_memory(text: str, size: int) -> None:
    assert as_bytes(text) == size


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (2**20 - 1, "1.0 MiB"), (2**34, "16.0 GiB")],
)
def test_amounts_are_shown(count: int, text: str) -> None:
    assert amount(count) == text


def test_an_empty_network(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "empty.spec"
    path.write_text("input 3x8x8\n")
    for form in ("--json", "--csv", "--markdown", "--fits=1GiB"):
        assert printed(capsys, str(path), form)
    assert specgen.compile(path)._repr_html_()


def test_the_remark_explains_the_word_that_is_shown() -> None:
    small = specgen.compile(text="input 3x8x8\nconv 4\nfc 3")
    assert "at once: the most that are needed at a time" in str(small.summary())
    assert "saved: what PyTorch keeps" in str(small.summary(columns="name,saved"))
    large = str(specgen.compile("vgg11").summary())
    assert " saved\n" in large and "saved: what PyTorch keeps" in large

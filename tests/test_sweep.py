"""Sweeps: grids, conditions, wrong corners, executors, and the command."""

from __future__ import annotations

import csv
import io
import json
import pickle
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import specgen
from specgen.cli import main

SPEC = """input 3x16x16
param width = 4
param depth = 1
param norm = none
default conv norm=norm
repeat depth { conv width g=1; conv width g=2 }
gap
fc 10
variant Wide width=32
"""
GRID = {"width": [2, 3, 4, 8], "depth": range(1, 4)}


def swept(**asked: Any) -> list[specgen.SweepResult]:
    return list(specgen.sweep(None, asked.pop("grid", GRID), text=SPEC, **asked))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert main(["sweep", *arguments]) == code
    return capsys.readouterr()


def test_one_form_at_a_time(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = printed(capsys, spec, "--set", "width=2,3", "--jsonl", "--csv", code=2)
    assert "--csv and --jsonl exclude each other" in said


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "net.spec"
    path.write_text(SPEC)
    return str(path)


def test_every_corner_is_what_compiling_gives() -> None:
    results = swept()
    assert [tuple(one.settings.values()) for one in results] == [
        (w, d) for w in GRID["width"] for d in (1, 2, 3)
    ]
    for result in results:
        if result.settings["width"] == 3:
            assert result.error is not None and result.error.code == "groups-do-not-divide"
            assert (result.error.line, result.params) == (6, 0)
            continue
        network = specgen.compile(text=SPEC, **result.settings)
        assert (result.params, result.macs, result.output) == (network.params, network.macs, (10,))


def test_memory_is_the_summarys() -> None:
    from specgen.views.memory import memory

    (result,) = swept(grid={"width": [8]}, batch=5, dtype="bfloat16", optimizer="sgd")
    found = memory(specgen.compile(text=SPEC, width=8))
    assert result.training == found.training(5, "bfloat16", "sgd")
    assert result.inference == found.inference(5, "bfloat16")


def test_variants_and_inputs() -> None:
    results = swept(grid={"variant": ["wide"], "input": ["3x8x8", (3, 32, 32)]})
    assert [one.macs for one in results] == [
        specgen.compile(text=SPEC, width=32, input=size).macs for size in ("3x8x8", "3x32x32")
    ]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("params < 300 and width >= 4", 1),
        ("depth == 2", 3),
        ("training / 2 > 1e9", 0),
        ("norm == none", 9),
        ("norm == bn", 0),
        ("min(width, depth) == 3 or macs < 40e3", 4),
    ],
)
def test_a_condition_chooses(where: str, kept: int) -> None:
    assert sum(result.error is None for result in swept(where=where)) == kept


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("wdth > 3", "unknown-name"),
        ("params <", "syntax"),
        ("params", "not-a-condition"),
        ("params / 0 > 1", "division-by-zero"),
        ("__import__ == 3", "unknown-name"),
    ],
)
def test_a_wrong_condition(where: str, code: str) -> None:
    with pytest.raises(specgen.SpecError) as caught:
        swept(where=where)
    assert caught.value.diagnostics[0].code == code


def test_what_no_sweep_can_begin_with() -> None:
    with pytest.raises(specgen.SpecError, match="did you mean `width`"):
        swept(grid={"widht": [1]})
    with pytest.raises(ValueError, match="1,000,000,000,000 corners, and at most 1,000,000"):
        swept(grid={"width": range(10**6), "depth": range(10**6)})
    with pytest.raises(ValueError, match="did you mean `adam`"):
        swept(optimizer="adan")
    with pytest.raises(specgen.SpecError, match="has no variant `Wid`"):
        swept(grid={"variant": [None, "Wid"]})
    assert swept(grid={"width": []}) == []


def test_a_param_that_is_called_like_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "net.spec"
    spec.write_text("param params = 3\ninput 3x8x8\nconv params k=1 linear nobias")
    (result,) = specgen.sweep(spec, {"params": [5]})
    assert (result.settings["params"], result.params) == (5, 15)
    with pytest.raises(specgen.SpecError, match=r"name-taken.*is a figure of the network, and a param"):
        list(specgen.sweep(spec, {"params": [5]}, where="params > 5"))
    _, err = printed(capsys, str(spec), "--set", "params=5", "--csv", code=2)
    assert err.startswith("error: `params` is a column of CSV: --jsonl tells it from a param\n")
    assert printed(capsys, str(spec), "--set", "params=5", "--jsonl")[0].startswith(
        '{"settings": {"params": 5}'
    )


# --- executors -----------------------------------------------------------------------------------


def test_a_thread_pool() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert swept(executor=pool) == swept()


def test_a_process_pool() -> None:
    with ProcessPoolExecutor(2) as pool:
        assert swept(executor=pool, where="depth > 1") == swept(where="depth > 1")


@pytest.mark.filterwarnings("ignore")
def test_dask() -> None:
    distributed = pytest.importorskip("dask.distributed")
    with (
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert swept(executor=client.get_executor()) == swept()


class Counting(Executor):
    """Runs a task when its result is asked for, and counts those that wait."""

    def __init__(self) -> None:
        self.waiting = self.most = self.tasks = 0

    def submit(self, fn: Any, /, *arguments: Any, **keywords: Any) -> Future[Any]:
        self.tasks += 1
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        counting = self

        class Late(Future):  # type: ignore[type-arg]
            def result(self, timeout: float | None = None) -> Any:
                counting.waiting -= 1
                return fn(*pickle.loads(pickle.dumps(arguments)), **keywords)

        return Late()


def test_tasks_in_flight_are_bounded_and_lazy() -> None:
    executor = Counting()
    results = specgen.sweep(None, {"width": range(1, 100_001)}, text=SPEC, executor=executor)
    assert executor.tasks == 0
    assert [next(results).settings["width"] for _ in range(3)] == [1, 2, 3]
    assert executor.most == executor.tasks == 64
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("threads", [0, 2])
def test_progress_counts_what_the_condition_leaves_out(threads: int) -> None:
    seen: list[int] = []
    with ThreadPoolExecutor(threads) if threads else nullcontext() as executor:
        results = specgen.sweep(
            None, {"width": range(2, 82, 2)}, text=SPEC, where="params < 1", executor=executor,
            progress=seen.append,
        )  # fmt: skip
        assert list(results) == []
    assert seen == ([32, 40] if threads else [*range(1, 41)])


def test_a_result_travels() -> None:
    results = swept()
    assert pickle.loads(pickle.dumps(results)) == results


# --- the command ---------------------------------------------------------------------------------


def test_the_table(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = printed(capsys, spec, "--set", "width=2,3,4", "--set", "depth=1..2")
    lines = out.splitlines()
    assert lines[0].split() == [
        "width",
        "depth",
        "output",
        "parameters",
        "multiply-adds",
        "inference",
        "training",
    ]
    assert [line.split()[:2] for line in lines[1:]] == [["2", "1"], ["2", "2"], ["4", "1"], ["4", "2"]]
    assert len({len(line) for line in lines}) == 1
    assert "skipped width=3 depth=1: error[groups-do-not-divide]:" in err and "net.spec:6:" in err
    assert "\x1b" not in err and "\r" not in err, "no progress in a pipe"


def test_csv_and_json_lines(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = printed(capsys, spec, "--set", "width=16..64..16", "--set", "norm=none,bn", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["width"] for row in rows] == ["16", "16", "32", "32", "48", "48", "64", "64"]
    network = specgen.compile(text=SPEC, width=16, norm="bn")
    assert int(rows[1]["params"]) == network.params
    (result,) = swept(grid={"width": [16], "norm": ["bn"]})
    assert [int(rows[1][name]) for name in ("saved", "training")] == [result.saved, result.training]
    out, _ = printed(capsys, spec, "--set", "width=2,3", "--jsonl")
    fine, wrong = map(json.loads, out.splitlines())
    assert fine["output"] == [10] and wrong["error"]["code"] == "groups-do-not-divide"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("table", [True, False])
def test_a_terminal_shows_how_far_it_is(
    table: bool, spec: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("specgen.cli.sweep._Progress._PAUSE", 0)
    monkeypatch.setattr("sys.stderr", Terminal())
    if table:
        monkeypatch.setattr("sys.stdout", Terminal())
    arguments = ["--set", "width=2,4", "--where", "params > 1" if table else "params < 1"]
    assert main(["sweep", spec, *arguments]) == 0
    out, err = sys.stdout.getvalue() if table else capsys.readouterr().out, sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "1 of 2" in err and "2 of 2" in err
    assert "\x1b" not in out and max(map(len, out.splitlines())) <= (60 if table else 88)
    said = err.rpartition("\x1b[K")[2].strip()
    assert said == (
        "left out for want of room: inference, training" if table else "the condition holds nowhere"
    )


def test_exit_codes(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, spec, "--set", "width=3", code=1)
    printed(capsys, spec, "--set", "width=2,3")
    printed(capsys, spec, "--set", "width=2", "--where", "params < 1")
    printed(capsys, spec, "--set", "wdith=2", code=1)
    printed(capsys, "no_such_spec", "--set", "width=2", code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name something to sweep"),
        (["--set", "width"], "is not NAME=VALUES"),
        (["--set", "width=1..x"], "is no range: write 1..4"),
        (["--set", "width=4..1"], "has no values"),
        (["--set", "width=1..4..0"], "has no values"),
        (["--set", "width=0..99999999999"], "has too many values"),
        (["--set", "width=1..2000", "--set", "depth=1..2000"], "allow more with --most"),
        (["--set", "width=1", "--set", "width=2"], "is set twice"),
    ],
)
def test_wrong_usage(
    spec: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, err = printed(capsys, spec, *arguments, code=2)
    assert message in err


def test_an_interrupt_leaves_whole_lines(
    spec: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = specgen.grid.evaluate, []

    def interrupted(*arguments: Any) -> Any:
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr("specgen.grid.evaluate", interrupted)
    out, _ = printed(capsys, spec, "--set", "width=2,4,8,16", "--csv", code=130)
    assert out.endswith("\n") and len(out.splitlines()) == 3

"""Random specs: what is inferred, what is built and what is emitted are one network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from fuzz.agreement import assert_one_network
from fuzz.programs import program

import specgen
from specgen import shipped

torch.set_num_threads(1)

#: So many in a hundred may be refused: the generator does not know all that the compiler does.
MOST_REFUSED = 0.05


# --- helpers -----------------------------------------------------------------------------------------


def compiled(seed: int) -> specgen.Network | None:
    """The network of a seed, or nothing where its spec is refused."""
    try:
        return specgen.compile(text=program(seed))
    except specgen.SpecError:
        return None


def check_seeds(seeds: range) -> None:
    """All of some seeds; the failures together, so that one does not hide another."""
    refused, wrong = 0, []
    for seed in seeds:
        network = compiled(seed)
        if network is None:
            refused += 1
            continue
        try:
            assert_one_network(network)
        except Exception as error:
            wrong.append(f"{seed}: {type(error).__name__}: {str(error)[:300]}")
    assert not wrong, f"{len(wrong)} of {len(seeds)}:\n" + "\n".join(wrong[:20])
    assert refused <= 1 + len(seeds) * MOST_REFUSED, f"{refused} of {len(seeds)} refused"


def assert_tools_accept(folder: Path, cache: Path) -> None:
    """`ruff check`, `ruff format --check` and `mypy --strict` pass on a folder, at their own defaults."""
    run = [sys.executable, "-m"]
    commands = [
        [*run, "ruff", "check", "--isolated", "--no-cache", "."],
        [*run, "ruff", "format", "--isolated", "--no-cache", "--check", "--diff", "."],
        [*run, "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", "."],
    ]
    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def write_all(folder: Path, texts: Iterable[tuple[str, str]]) -> int:
    count = 0
    for name, text in texts:
        (folder / f"{name}.py").write_text(text, encoding="utf-8", newline="\n")
        count += 1
    return count


def drawn_texts(seeds: range) -> Iterable[tuple[str, str]]:
    for seed in seeds:
        network = compiled(seed)
        if network is not None:
            yield f"drawn_{seed}", network.emit()


#: Networks whose rows repeat in runs of several; the last two do not often enough, or say their shapes.
RUNS = {
    "mixer": (
        "param h = 8\nparam depth = 12\ninput 3x32x32\nconv h k=4 s=4 gelu bn\n"
        "repeat depth { residual { dwconv k=9 gelu; bn }; conv h k=1 gelu; bn }\ngap; fc 10"
    ),
    "deep": "input 32\nrepeat 6 { fc 64 bn drop }\nfc 10",
    "pre_norm": "input 64\nrepeat 9 { bn; linear 64 }\nfc 10",
    "long_rows": (
        "input 4x8x8\nfirst: { repeat 9 { conv 4 k=5 bn; conv 4 padding_mode=reflect bn; conv 4 k=7 d=2 } }\n"
        "body: { repeat 8 { conv 4; id } }"
    ),
    "few": "input 64\nrepeat 3 { fc 64 bn drop }\nfc 10",
    "shapes": "input 4x8x8\nrepeat 9 { upsample 2; M }",
}


@pytest.mark.parametrize("name", RUNS)
def test_runs_of_rows_are_folded(name: str) -> None:
    network = specgen.compile(text=RUNS[name])
    text = network.emit()
    assert ("for layer in (" in text) is (name not in ("few", "shapes"))
    assert len(text.splitlines()) < 70
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(text, "<emitted>", "exec"), names)
    torch.manual_seed(0)
    built = network.build()
    torch.manual_seed(0)
    emitted = names["Network"]()
    assert list(emitted.state_dict()) == list(built.state_dict())
    assert all(map(torch.equal, emitted.state_dict().values(), built.state_dict().values()))


def test_a_run_begins_with_a_layer_and_not_with_a_trim() -> None:
    text = specgen.compile(text=RUNS["deep"]).emit()
    assert "for layer in (\n                    nn.Linear(64, 64),\n" in text
    assert (
        "for layer in (nn.BatchNorm1d(64), nn.Linear(64, 64))"
        in specgen.compile(text=RUNS["pre_norm"]).emit()
    )


def shipped_texts(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        yield f"shipped_{name}", specgen.compile(name).emit()


# --- tests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, 150, 5))
def test_drawn_programs(first: int) -> None:
    check_seeds(range(first, first + 5))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 6000, 250))
def test_many_drawn_programs(first: int) -> None:
    check_seeds(range(first, first + 250))


def test_a_seed_always_gives_one_program() -> None:
    assert program(7) == program(7)
    assert len({program(seed) for seed in range(100)}) == 100


def test_drawn_programs_have_everything() -> None:
    words = set(" ".join(program(seed) for seed in range(400)).replace("{", " ").split())
    from specgen.layers import registry

    missing = {layer.word for layer in registry.layers() if not words & {layer.word, *layer.other_words}}
    assert not missing
    assert {
        "residual",
        "add",
        "mul",
        "cat",
        "split",
        "repeat",
        "if",
        "else",
        "when",
        "let",
        "block",
        "init",
    } <= words


@pytest.fixture(scope="module")
def mypy_cache(pytestconfig: pytest.Config) -> Path:
    """Kept between runs: to read torch takes mypy longer than all that is tested here."""
    return Path(pytestconfig.cache.mkdir("mypy"))  # type: ignore[union-attr]


def test_tools_accept_what_is_emitted(tmp_path: Path, mypy_cache: Path) -> None:
    assert write_all(tmp_path, drawn_texts(range(200, 242))) >= 38
    assert write_all(tmp_path, shipped_texts(specgen.resources.names("specs", ".spec"))) >= 20
    write_all(tmp_path, ((name, specgen.compile(text=text).emit()) for name, text in RUNS.items()))
    assert_tools_accept(tmp_path, mypy_cache)


@pytest.mark.slow
def test_tools_accept_much_of_what_is_emitted(tmp_path: Path, mypy_cache: Path) -> None:
    assert write_all(tmp_path, drawn_texts(range(6000, 6400))) >= 380
    write_all(tmp_path, shipped_texts(shipped.names()))
    assert_tools_accept(tmp_path, mypy_cache)

"""What a layer costs in networks of ten to a hundred thousand, and in ones nested 4 to 32 deep.

`python -m benchmarks.layers LAYERS DEPTH [STAGE]` measures one of them, in a process without garbage
collection, as specgen's commands run: CPU seconds, and the peak of the memory on top of the imports.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.harness import CHECKOUT, Pair, Row, memory, written
from specgen import compiler
from specgen.limits import Limits
from specgen.parser import parse
from specgen.source import Source

#: Layers, and how deep in groups: by size, then by depth.
SIZES = [(size, 1) for size in (10, 100, 1_000, 10_000, 100_000)]
DEPTHS = [(1_000, depth) for depth in (4, 8, 16, 32)]

#: The largest network takes a minute.
_ROUNDS = {100_000: 3}

LIMITS = Limits(source=1 << 30, tokens=10_000_000, depth=32, layers=1_000_000)


def rows() -> list[Row]:
    """The row of this subject that has a goal."""
    return [
        Row("`check`, a layer of 100,000", "a layer of 1,000", _checking, 1.5, (1, 5), unit="µs"),
    ]


def _checking() -> Pair:
    def each(layers: int) -> float:
        return cost(layers, 1, "check")["check"][0] / layers * 1e6

    return partial(each, 100_000), partial(each, 1_000)


def growth(rounds: int) -> tuple[str, list[dict[str, Any]]]:
    """A table in Markdown of what each stage costs a layer, and its figures: medians of the rounds.

    Each stage's memory is the peak until its end.
    """
    lines = [
        "| layers | depth | parse | elaborate | summary | emit | rounds |",
        "| --: | --: | --: | --: | --: | --: | --: |",
    ]
    figures = []
    for layers, depth in SIZES + DEPTHS:
        turns = min(rounds, _ROUNDS.get(layers, rounds))
        found = [cost(layers, depth) for _ in range(turns)]
        stages = {
            stage: [statistics.median(one[stage][index] for one in found) / layers for index in (0, 1)]
            for stage in found[0]
        }
        cells = [f"{written(time * 1e6, 'µs')}, {written(peak, 'KB')}" for time, peak in stages.values()]
        lines.append(f"| {layers:,} | {depth} | {' | '.join(cells)} | {turns} |")
        figures.append({"layers": layers, "depth": depth, "rounds": turns, "stages": stages})
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines), figures


def cost(layers: int, depth: int, *stage: str) -> dict[str, list[float]]:
    """What one network costs by stage, in a process of its own: CPU seconds and KB."""
    command = [sys.executable, "-m", "benchmarks.layers", str(layers), str(depth), *stage]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=CHECKOUT)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def spec(layers: int, depth: int) -> str:
    """A spec of about so many layers, every three of them so many groups deep."""
    opening, closing = "a: { " * (depth - 1), " }" * (depth - 1)
    three = [f"g{index}: {{ {opening}conv 4 bn{closing} }}\n" for index in range(max(1, layers // 3))]
    return "input 4x16x16\n" + "".join(three)


def stages(text: str) -> dict[str, Callable[[], Any]]:
    """The stages in order; each of the later ones needs the first two."""
    kept: dict[str, Any] = {}
    source = Source(text)

    def parsed() -> None:
        kept["spec"] = parse(source, LIMITS)

    def elaborated() -> None:
        request = compiler.Request(name="Net")
        kept["network"] = compiler.elaborate(source, kept["spec"], request, LIMITS).network

    return {
        "parse": parsed,
        "elaborate": elaborated,
        "summary": lambda: kept["network"].summary(),
        "emit": lambda: kept["network"].emit(),
    }


def main(layers: int, depth: int, *stage: str) -> None:
    text = spec(layers, depth)
    gc.disable()
    network, _ = compiler.check(text=spec(3, 1))  # with whatever is only made once
    network.emit()
    network.summary()
    before = memory()
    found = {}
    todo = stages(text) if not stage else {"check": lambda: compiler.check(text=text, limits=LIMITS)}
    for name, run in todo.items():
        start = time.process_time()
        run()
        took = time.process_time() - start
        found[name] = [took, (memory(peak=True) - before) * 1e3]
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])

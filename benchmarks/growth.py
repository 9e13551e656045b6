"""What checking a spec costs as it grows to its limit: `python -m benchmarks.growth [NAME…]`.

For each bait of `tests/baits.py`, at half of its largest size and at that: CPU seconds, and the memory on
top of what the imports take, each in a process of its own without garbage collection, as `specgen check`
runs, with all it says. With `--emit`, what emitting costs on top of checking.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
import warnings
from math import inf
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from baits import BAITS

import specgen
from specgen import compiler

ROUNDS = 4


def cost(text: str, *, emitting: bool) -> tuple[float, float, str]:
    """CPU seconds, MB, and the code of what is said about the text, in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        code = ""
        try:
            network, _ = compiler.check(text=text)
            str(network.accepts)
            if emitting:
                began = time.process_time()
                network.emit()
        except specgen.SpecError as error:
            code = error.diagnostics[0].code
            str(error)
        took = time.process_time() - began
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        os.write(writer, json.dumps([took, more, code]).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answer:
        took, more, code = json.loads(answer.read())
    os.waitpid(child, 0)
    return took, more, code


def main(arguments: list[str]) -> None:
    emitting = "--emit" in arguments
    asked = [name for name in arguments if not name.startswith("-")]
    warnings.simplefilter("ignore")
    gc.disable()
    compiler.check("resnet50")[0].emit()
    print("| bait | size | KiB | s at half | s | ratio | MB |\n| --- | --: | --: | --: | --: | --: | --: |")
    for name, bait in BAITS.items():
        if asked and name not in asked:
            continue
        text = bait.spec(bait.most)
        # In turn, and the best of each: other programs slow a run, and never quicken one.
        half = took = (inf, 0.0, "")
        for _ in range(ROUNDS):
            half = min(half, cost(bait.spec(max(1, bait.most // 2)), emitting=emitting))
            took = min(took, cost(text, emitting=emitting))
        (before, *_), (seconds, more, _) = half, took
        row = f"| {name} | {bait.most:,} | {len(text) // 1024} | {before:.2f} | {seconds:.2f} |"
        print(f"{row} {seconds / max(before, 1e-3):.1f} | {more:.0f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

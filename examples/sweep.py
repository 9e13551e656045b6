"""Compare sizes over a network's params: shapes and counts are inferred, so nothing is built."""

from __future__ import annotations

import sys
from pathlib import Path

import specgen

SPEC = Path(__file__).with_name("resnet_cifar.spec")

#: The budget: what a small device affords for one picture.
MOST_MACS = 60_000_000


def main() -> None:
    """Print parameters and multiply-adds for some depths and widths."""
    print(f"{'layers':>6}  {'width':>5}  {'parameters':>10}  {'multiply-adds':>13}")
    for n in (3, 5, 9):
        for width in (8, 16, 32):
            network = specgen.compile(SPEC, n=n, width=width)
            fits = "fits" if network.macs <= MOST_MACS else ""
            print(f"{6 * n + 2:>6}  {width:>5}  {network.params:>10,}  {network.macs:>13,}  {fits}".rstrip())
    print(f"torch was {'imported' if 'torch' in sys.modules else 'not imported'}")


if __name__ == "__main__":
    main()

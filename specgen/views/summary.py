"""Tables for people: the layers of a network, and rows of anything, in plain text."""

from __future__ import annotations

from collections.abc import Sequence

from specgen.arithmetic import decimal, plain
from specgen.ir import Network, walk
from specgen.layers.base import Call

#: What the multiply-adds count, said wherever they are shown.
MACS = "multiply-adds of convolutions and matrix products, for one sample"


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows in aligned columns, as wide as they need to be; the columns in `right` are flush right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            c.rjust(w) if i in right else c.ljust(w)
            for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), *map(line, rows)])


def table(network: Network) -> str:
    """The layers with their calls, output shapes, parameters and multiply-adds, and the totals."""
    rows = [
        (
            row.name,
            shown(step.call),
            str(row.output),
            f"{row.params:,}" if row.params else "",
            f"{row.macs:,}" if row.macs else "",
        )
        for row, (_, step) in zip(network.layers, walk(network.root), strict=True)
    ]
    header = ("name", "layer", "output", "parameters", "multiply-adds")
    return f"{columns(header, rows, right=(3, 4))}\n\n{totals(network)}"


def totals(network: Network) -> str:
    """The network in a few lines: shapes, parameters, multiply-adds and what they count."""
    return (
        f"{network.name}: {network.input_shape} → {network.output_shape}\n"
        f"parameters: {network.params:,}\n"
        f"multiply-adds: {network.macs:,} ({short(network.macs)}; {MACS})"
    )


def shown(call: Call) -> str:
    """A constructor call on one line, its numbers worked out."""
    arguments = [_shown(value) for value in call.arguments]
    arguments += [f"{name}={_shown(value)}" for name, value in call.keywords.items()]
    return f"{call.name}({', '.join(arguments)})"


def _shown(value: object) -> str:
    value = plain(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))})"
    return decimal(value) if isinstance(value, float) else str(value)


def short(count: int) -> str:
    """A large count in thousands, millions or billions: `7.609 G`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3f} {unit}"
    return str(count)

"""The function of an emitted file that folds batch norms into the weights of the layers in front of them."""

from __future__ import annotations

from collections.abc import Iterable

from specgen import arithmetic
from specgen.backends.layout import INDENT, WIDTH, Tree, flat, lines
from specgen.folding import Folded, Origin
from specgen.ir import Step, walk


def fold_function(folded: Folded) -> list[str]:
    """The lines of `fold_weights` and its tables; none where the plain network's keys are the same."""
    steps = dict(walk(folded.network.root))
    joined = {path: origin for path, origin in folded.origins.items() if origin.norm}
    kept = {
        path: one.layer for path, one in folded.origins.items() if not one.norm and _has_state(steps[path])
    }
    if not joined and all(path == layer for path, layer in kept.items()):
        return []
    transposed = any(origin.axis for origin in joined.values())
    text = []
    if joined:
        columns = ["its eps,", "#: and the weight's axis of outputs."] if transposed else ["and its eps."]
        text += [
            "",
            "",
            "#: The layers above that a batch norm is folded into: of each its name, in the network",
            f"#: with batch norms its name and that of its batch norm, {columns[0]}",
            *columns[1:],
            *_table("FOLDED", (_row(path, origin, transposed) for path, origin in joined.items())),
        ]
    if kept:
        text += [
            "",
            "",
            "#: The other layers above with weights, and their names in that network.",
        ]
        text += _table("KEPT", ((f'"{path}"', f'"{layer}"') for path, layer in kept.items()))
    body = [*(_KEEP if kept else []), *(_folding(transposed) if joined else [])]
    return [*text, "", "", *_HEAD, *body, f"{INDENT}return folded", ""]


def _has_state(step: Step) -> bool:
    """Whether a layer has tensors in the state dict; one of somebody else's may have any."""
    return step.layer.is_foreign or step.layer.family == "norm" or bool(step.layer.parameters(step.input))


def _table(name: str, rows: Iterable[tuple[str, ...]]) -> list[str]:
    """A constant with one row a line; a single one that is short stands behind the name."""
    rows = list(rows)
    single = f"{name} = ({flat(Tree('', rows[0]))},)"
    if len(rows) == 1 and len(single) <= WIDTH:
        return [single]
    inner = [line for row in rows for line in lines(Tree("", row), INDENT, after=",")]
    return [f"{name} = (", *inner, ")"]


def _row(path: str, origin: Origin, transposed: bool) -> tuple[str, ...]:
    names = (f'"{path}"', f'"{origin.layer}"', f'"{origin.norm}"', arithmetic.decimal(origin.eps))
    return (*names, str(origin.axis)) if transposed else names


_HEAD = (
    "def fold_weights(state: OrderedDict[str, Tensor]) -> OrderedDict[str, Tensor]:",
    '''    """The state dict of the network with batch norms, as the network above takes it.''',
    "",
    "    In eval mode, a batch norm multiplies and shifts each channel by constants: the",
    "    layer in front of it does that by its weights. Raises `ValueError` where a tensor",
    "    is missing that it takes.",
    '''    """''',
    "    folded: OrderedDict[str, Tensor] = OrderedDict()",
)

_KEEP = (
    "    for name, layer in KEPT:",
    "        for key, tensor in state.items():",
    """            if key.startswith(f"{layer}."):""",
    "                folded[name + key[len(layer) :]] = tensor",
)


def _folding(transposed: bool) -> list[str]:
    axis = "axis" if transposed else "0"
    return [
        f"    for name, layer, norm, eps{', axis' if transposed else ''} in FOLDED:",
        '''        needed = f"{layer}.weight", f"{norm}.running_mean", f"{norm}.running_var"''',
        """        missing = ", ".join(key for key in needed if key not in state)""",
        "        if missing:",
        """            raise ValueError(f"the state dict has no {missing}")""",
        "        weight, mean, var = (state[key] for key in needed)",
        """        gain = state.get(f"{norm}.weight", torch.ones_like(mean))""",
        """        shift = state.get(f"{norm}.bias", torch.zeros_like(mean))""",
        """        bias = state.get(f"{layer}.bias", torch.zeros_like(mean))""",
        "        scale = gain / torch.sqrt(var + eps)",
        f"""        scaled = weight.movedim({axis}, -1) * scale""",
        f"""        folded[f"{{name}}.weight"] = scaled.movedim(-1, {axis}).contiguous()""",
        """        folded[f"{name}.bias"] = (bias - mean) * scale + shift""",
    ]

"""Network to `nn.Sequential`: every call of the network made, in order, under its name."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from specgen import arithmetic, initialisation
from specgen.backends import modules
from specgen.backends.fills import Deferred, Fill, fill_exactly, fill_fast
from specgen.backends.folded import fold_weights
from specgen.backends.weights import has_keys, read_weights
from specgen.diagnostics import Diagnostic, SpecError
from specgen.folding import for_inference
from specgen.given import need
from specgen.ir import Block, Child, Member, Network, Parallel, Sequence, Step, walk
from specgen.layers.foreign import no_class
from specgen.source import printable


def build(
    network: Network,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    weights: str | os.PathLike[str] | Mapping[str, Tensor] | None = None,
    init: str = "torch",
) -> nn.Sequential:
    """The network in memory. See `specgen.load`.

    Raises `ValueError` for a device, a dtype or an `init` that is not known, and `WeightsError` for
    weights that do not fit.
    """
    place = torch.device("cpu") if device is None else as_device(device)
    kind = None if dtype is None else as_dtype(dtype)
    need("init", init, str, "the name of a way to draw the weights")
    if init not in INITS:
        raise ValueError(f"{init!r} is no way to draw the weights: use one of {', '.join(INITS)}")
    maker = Maker(place if weights is None else torch.device("meta"), place)
    model = _sequential(network.root, maker.make)
    if weights is None:
        initialise(network, model, maker.deferred)
        INITS[init](maker.deferred.fills)
    if kind is not None:
        model = model.to(kind)
    if weights is not None:
        read_weights(model, weights, network.name, None if place.type == "meta" else place)
    return model


def build_for_inference(
    network: Network,
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    weights: str | os.PathLike[str] | Mapping[str, Tensor] | None = None,
    init: str = "torch",
) -> nn.Sequential:
    """The network in eval mode, its batch norms folded, with channels last for convolutions.

    Takes what `build` takes: `weights` are those of the plain network, or of one that is folded already.
    No parameter asks for a gradient.
    """
    folded = for_inference(network)
    if weights is not None and has_keys(weights, build(folded.network, device="meta").state_dict()):
        model = build(folded.network, device=device, dtype=dtype, weights=weights, init=init)
    else:
        plain = build(network, device=device, dtype=dtype, weights=weights, init=init)
        maker = Maker(torch.device("meta"), torch.device("cpu") if device is None else as_device(device))
        model = _sequential(folded.network.root, maker.make)
        if dtype is not None:
            model = model.to(as_dtype(dtype))
        model.load_state_dict(fold_weights(folded, plain.state_dict()), assign=True)
    if any(isinstance(module, nn.Conv2d) for module in model.modules()):
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval().requires_grad_(False)


#: How weights are drawn that no file gives: as PyTorch does, or in parallel from the same distributions.
INITS: Mapping[str, Callable[[Iterable[Fill]], None]] = {"torch": fill_exactly, "fast": fill_fast}


def as_device(device: str | torch.device) -> torch.device:
    """A device by its name: `cpu`, `cuda:0`, `meta`."""
    need("device", device, (str, torch.device), "the name of a device")
    try:
        place = torch.device(device)
    except RuntimeError:
        raise ValueError(f"PyTorch knows no device {str(device)!r}") from None
    try:
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError, ImportError) as error:  # the last two: built without it
        why = printable(str(error).strip().partition("\n")[0].partition(". ")[0])
        raise ValueError(f"PyTorch cannot use the device {str(device)!r} here: {why}") from None
    return place


def as_dtype(dtype: str | torch.dtype) -> torch.dtype:
    """A floating-point type by its name: `float32`, `bfloat16`."""
    need("dtype", dtype, (str, torch.dtype), "the name of a type")
    known = {
        str(kind).removeprefix("torch."): kind
        for kind in (torch.float32, torch.float64, torch.float16, torch.bfloat16)
    }
    name = str(dtype).removeprefix("torch.")
    if name not in known:
        raise ValueError(f"{name!r} is no floating-point type: use one of {', '.join(known)}")
    return known[name]


#: What makes the module of a layer.
Make: TypeAlias = "Callable[[Step], nn.Module]"


def _sequential(sequence: Sequence, make: Make) -> nn.Sequential:
    return nn.Sequential(OrderedDict((child.name, _child(child, make)) for child in sequence.steps))


def _child(child: Child, make: Make) -> nn.Module:
    match child:
        case Step():
            return make(child)
        case Sequence():
            return _sequential(child, make)
        case Block():
            return SpecBlock(child, make)


def make(step: Step) -> nn.Module:
    """The module of one layer."""
    call = step.call
    arguments = [arithmetic.plain(value) for value in call.arguments]
    keywords = {name: arithmetic.plain(value) for name, value in call.keywords.items()}
    module: nn.Module = _class(step)(*arguments, **keywords)
    return module


class Maker:
    """Makes modules whose values come later, if their class is known to fill all that it has.

    Those are on `empty`, and `deferred` notes what fills them. Any other, as a layer of one's own may have,
    is made on `place` as it always is.
    """

    def __init__(self, empty: torch.device, place: torch.device) -> None:
        self.deferred = Deferred(empty)
        self.place = place

    def make(self, step: Step) -> nn.Module:
        """The module of one layer; raises `SpecError` where the class of somebody's own cannot be made."""
        try:
            return self._made(step)
        except (SpecError, MemoryError, torch.cuda.OutOfMemoryError):
            raise
        except Exception as error:
            if not step.layer.is_foreign:
                raise
            title = f"`{step.call.name}`, which `{step.layer.word}` stands for, cannot be made"
            said = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
            raise SpecError([Diagnostic("layer-fails", title, notes=(said,))]) from error

    def _made(self, step: Step) -> nn.Module:
        module = _class(step).__module__
        if module == modules.__name__ or module.startswith("torch.nn.modules."):
            with self.deferred:
                return make(step)
        # It may draw at once, and what came before it has to have drawn by then.
        fill_exactly(self.deferred.fills)
        self.deferred.fills.clear()
        with self.place:
            return make(step)


def _class(step: Step) -> Any:
    found = _constructor(step.call.name, (type(step.layer).modules,))
    if found is None:
        raise no_class(type(step.layer), step.call.name)
    return found


def _constructor(name: str, modules: Iterable[str]) -> Any:
    """The class that a call names: the layer's own or torch's, if there is one. No name comes from a spec."""
    for module in modules:
        own = vars(import_module(module)).get(name)
        if own is not None and own.__module__ == module:
            return own
    return getattr(nn, name, None)


class SpecBlock(nn.Module):
    """A block of a spec: its layers are its children, and `plan` says in which order they run.

    A plan is a tuple of steps: a child's name, or a join with its axis and the plans of its branches.
    """

    def __init__(self, block: Block, make: Make) -> None:
        super().__init__()
        self.block = block.block
        self.arguments = ", ".join(f"{k}={arithmetic.plain(v)}" for k, v in block.arguments.items())
        self.plan = self._adopt(block.steps, make)

    def _adopt(self, steps: Iterable[Member], make: Make) -> tuple[Any, ...]:
        plan: list[Any] = []
        for step in steps:
            if isinstance(step, Parallel):
                branches = tuple(self._adopt(branch.steps, make) for branch in step.branches)
                plan.append((step.join, step.output.channel_axis, branches))
            else:
                self.add_module(step.name, _child(step, make))
                plan.append(step.name)
        return tuple(plan)

    def forward(self, x: Tensor) -> Tensor:
        return _run(self.plan, self._modules, x)

    def extra_repr(self) -> str:
        return f"{self.block}({self.arguments})"


def _run(plan: tuple[Any, ...], modules: Mapping[str, Any], x: Tensor) -> Tensor:
    """What the steps of a plan make of `x`, among the children of a block."""
    for step in plan:
        x = modules[step](x) if isinstance(step, str) else _joined(step, modules, x)
    return x


def _joined(step: tuple[str, int, tuple[Any, ...]], modules: Mapping[str, Any], x: Tensor) -> Tensor:
    """What branches make of `x`, joined. No value is kept for longer than the next one needs it."""
    kind, axis, branches = step
    if kind == "split":
        parts = x.chunk(len(branches), axis)  # by number: where `torch.fx` traces, it cannot be iterated
        return torch.cat([_run(branch, modules, parts[i]) for i, branch in enumerate(branches)], axis)
    if kind == "cat":
        return torch.cat([_run(branch, modules, x) for branch in branches], axis)
    result = _run(branches[0], modules, x)
    for branch in branches[1:]:
        part = _run(branch, modules, x)
        result = result + part if kind == "add" else result * part
    return result


def initialise(network: Network, model: nn.Module, deferred: Deferred) -> None:
    """Note what the network's `init` rules fill, in the order of the modules."""
    sources = {type(step.layer).modules for _, step in walk(network.root)}

    def classes_of(names: Iterable[str]) -> tuple[Any, ...]:
        return tuple(_constructor(name, sources) for name in names)

    plan = [
        (reach, classes_of(reach.classes), classes_of(reach.biased)) for reach in initialisation.plan(network)
    ]
    for module in model.modules():
        for reach, classes, biased in plan:
            if isinstance(module, classes) and (not reach.depthwise or module.groups == module.in_channels):
                weight, bias = module._parameters.get("weight"), module._parameters.get("bias")
                if weight is not None:
                    function = getattr(nn.init, f"{reach.rule.function}_")
                    deferred.fills.append(Fill(function, weight, keywords=reach.rule.options))
                if bias is not None and reach.rule.bias is not None and isinstance(module, biased):
                    deferred.fills.append(Fill(nn.init.constant_, bias, (reach.rule.bias,)))
                break


def observed_shapes(network: Network, model: nn.Module, x: Tensor) -> dict[str, tuple[int, ...]]:
    """Run the model once and note the real output shape of every layer, by path, batch left out."""
    found: dict[str, tuple[int, ...]] = {}
    by_path = dict(model.named_modules())

    def note(path: str) -> Any:
        return lambda module, inputs, output: found.__setitem__(path, tuple(output.shape[1:]))

    handles = [by_path[path].register_forward_hook(note(path)) for path, _ in walk(network.root)]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return found

"""Drawn programs: what is inferred, what is built and what is emitted are one network."""

from __future__ import annotations

import copy
import inspect
import json
import random
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import specgen
from specgen import syntax
from specgen.backends.guard import check_source
from specgen.backends.torch import observed_shapes
from specgen.compiler import analyse
from specgen.diagnostics import SpecError
from specgen.parser import parse
from specgen.source import Source

from .chains import draw_chain
from .kind import Kind
from .programs import OTHER_VALUES, program


def emitted_class(network: specgen.Network, text: str) -> type[nn.Module]:
    """The class that an emitted file defines."""
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(text, "<emitted>", "exec", dont_inherit=True), names)
    found: type[nn.Module] = names[network.name]
    return found


def seeded(make: Any, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return make()


def assert_same_tensors(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    """The same keys in the same order, and under each the same values, bit for bit."""
    assert list(ours) == list(theirs)
    for key, tensor in ours.items():
        assert tensor.shape == theirs[key].shape, key
        assert torch.equal(tensor.nan_to_num(), theirs[key].nan_to_num()), key


def answers(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What a model gives in eval and in train mode under one seed, and all its gradients."""
    model = copy.deepcopy(model)
    found = {}
    model.eval()
    with torch.no_grad():
        found["eval"] = seeded(lambda: model(x.clone()))
    model.train()
    leaf = x.clone().requires_grad_()
    out = seeded(lambda: model(leaf * 1.0))
    found["train"] = out.detach()
    out.square().sum().backward()
    found["input"] = leaf.grad if leaf.grad is not None else torch.zeros(1)
    for name, parameter in model.named_parameters():
        found[name] = torch.zeros(1) if parameter.grad is None else parameter.grad
    return {**found, **{f"after {key}": value for key, value in model.state_dict().items()}}


def assert_one_network(network: specgen.Network) -> str:
    """Inferred, built and emitted agree; what was emitted."""
    text = network.emit()
    check_source(text)
    assert specgen.Network.model_validate_json(network.model_dump_json()).emit() == text

    built = seeded(network.build)
    x = torch.randn(2, *network.input_shape.sizes)
    shapes = observed_shapes(network, copy.deepcopy(built).eval(), x.clone())
    assert shapes == {layer.name: layer.output.sizes for layer in network.layers}
    assert sum(parameter.numel() for parameter in built.parameters()) == network.params

    emitted = seeded(emitted_class(network, text))
    assert_same_tensors(built.state_dict(), emitted.state_dict())
    assert list(dict(built.named_parameters())) == list(dict(emitted.named_parameters()))
    assert_same_tensors(answers(built, x), answers(emitted, x))
    return text


# --- the kind ----------------------------------------------------------------------------------------


@dataclass
class Program:
    """A spec, and what a caller asks of it; `legal` if there is no reason to refuse it."""

    text: str
    legal: bool = False
    variant: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


class Programs(Kind[Program]):
    """Programs from the generator, and chains of all layers, with variants and settings."""

    name = "programs"
    ending = ".json"

    def __init__(self) -> None:
        self.tally: Counter[str] = Counter()
        torch.set_num_threads(1)

    def draw(self, chance: random.Random) -> Program:
        if chance.randrange(3) == 0:
            return Program(draw_chain(chance), legal=True)
        case = Program(program(chance.randrange(2**60)))
        if chance.randrange(2) == 0:
            return case
        variants, params = declared(case.text)
        if variants and chance.randrange(2):
            case.variant = chance.choice(list(variants))
        for name in params:
            if chance.randrange(2) and name in OTHER_VALUES:
                case.settings[name] = chance.choice(OTHER_VALUES[name])
        return case

    def complaint(self, case: Program) -> str | None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, of legal but slow choices; ours
            try:
                network, _ = analyse(text=case.text, variant=case.variant, **case.settings)
            except SpecError as error:
                self.tally["refused"] += 1
                return f"legal lines are refused: {error}" if case.legal else None
            # oneDNN writes out of bounds in the gradient of a 1 × 1 convolution with stride 2 over 4 channels
            # that lie last in memory (PyTorch 2.13).
            torch._C._set_mkldnn_enabled(False)  # as torch.backends.mkldnn.flags does, without a warning
            try:
                assert_one_network(network)
                self._reuse(case, network)
            except Exception as error:
                return f"{type(error).__name__}: {str(error)[:2000]}"
            finally:
                torch._C._set_mkldnn_enabled(True)
        self.tally["agreed"] += 1
        return None

    def _reuse(self, case: Program, network: specgen.Network) -> None:
        """The emitted class takes other values for its arguments, and is then the network of those."""
        kind = emitted_class(network, network.emit())
        arguments = [name for name in inspect.signature(kind).parameters if name in OTHER_VALUES]
        for name in arguments[:1]:
            for value in OTHER_VALUES[name]:
                try:
                    given = {**case.settings, name: value}
                    other, _ = analyse(text=case.text, variant=case.variant, **given)
                except SpecError:
                    continue
                if [row[:2] for row in other.layers] != [row[:2] for row in network.layers]:
                    self.tally["other shortcuts"] += 1  # where `residual … else` finds other shapes
                    continue
                built, emitted = seeded(other.build), seeded(partial(kind, **{name: value}))
                assert_same_tensors(built.state_dict(), emitted.state_dict())
                self.tally["reused"] += 1

    def dump(self, case: Program) -> bytes:
        return (json.dumps(asdict(case), indent=1) + "\n").encode()

    def load(self, data: bytes) -> Program:
        return Program(**json.loads(data))


def declared(text: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The variants and the params that a spec declares."""
    statements = parse(Source(text)).body.statements
    variants: dict[str, dict[str, Any]] = {
        one.name.text: {} for one in statements if isinstance(one, syntax.Variant)
    }
    return variants, [one.name.text for one in statements if isinstance(one, syntax.Param)]

"""`specgen build`: make the network and run it once."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from specgen.cli.arguments import (
    debug,
    network_of,
    or_stdin,
    refuse_overwriting,
    refuse_unwritable,
    refused,
    spec_argument,
    spec_options,
)
from specgen.cli.console import USAGE, WRONG, Stop, cannot, figures, print_json
from specgen.source import printable, reason

if TYPE_CHECKING:
    from torch.nn import Module

    from specgen.diagnostics import SpecError
    from specgen.ir import Network


def _defect(network: Network, said: str) -> SpecError | None:
    """What is said where a layer that a program added may be at fault; nothing if there is none."""
    from specgen.diagnostics import Diagnostic, SpecError, listed
    from specgen.ir import walk

    foreign = dict.fromkeys(step.layer.word for _, step in walk(network.root) if step.layer.is_foreign)
    if not foreign:
        return None
    title = f"the network does not run with {listed(foreign)} in it"
    return SpecError([Diagnostic("layer-fails", title, notes=(said.strip().partition("\n")[0][:200],))])


def _difference(network: Network, observed: Mapping[str, tuple[int, ...]], model: Module) -> str:
    """The first thing that is otherwise than inferred: an output's shape, or a tensor of a layer."""
    from specgen.ir import walk
    from specgen.state import tensors

    for path, step in walk(network.root):
        if observed[path] != step.output.sizes:
            return f"{path} gives {observed[path]}, not {step.output.sizes}"
        said = tensors(step)
        found = {name: tuple(one.shape) for name, one in model.get_submodule(path).state_dict().items()}
        for name in {**said, **found}:
            if said.get(name) != found.get(name):
                is_there = f"is {found[name]}" if name in found else "is not there"
                rule = (
                    f"a rule of `{step.layer.word}` says {said[name]}" if name in said else "no rule says so"
                )
                return f"{path}.{name} {is_there}, and {rule}"
    return ""


#: Names that would make a reader take a file for one of `torch.save`.
_OTHERS = (".pt", ".pth", ".ckpt", ".bin")


@click.command()
@spec_argument
@spec_options
@click.option(
    "--weights", metavar="FILE", help="Load weights: safetensors, or a checkpoint of plain tensors."
)
@click.option("--save", metavar="FILE", help="Write the weights as safetensors.")
@click.option("--device", metavar="NAME", help="cpu, cuda:0, meta, …")
@click.option("--dtype", metavar="NAME", help="float32, bfloat16, …")
@click.option(
    "--optimize",
    type=click.Choice(("inference",)),
    help="Fold batch norms and leave out dropout: faster, and not for training.",
)
@click.option("--seed", type=click.IntRange(-(2**63), 2**64 - 1), help="Seed of the initial weights.")
@click.option(
    "--init",
    type=click.Choice(("torch", "fast")),
    default="torch",
    help="How they are drawn: bit for bit as PyTorch does, or from the same distributions on all threads.",
)
def build(
    spec: str | None, pairs: Sequence[str], shape: str | None, variant: str | None, as_json: bool,
    weights: str | None, save: str | None, device: str | None, dtype: str | None, seed: int | None, init: str,
    optimize: str | None,
) -> None:  # fmt: skip
    """Build the network, run it once, and compare every layer's real output with the inferred one."""
    spec = or_stdin(spec)
    for option, path in (("--weights", weights), ("--save", save)):
        if path == "-":
            raise click.UsageError(f"{option} needs a file: weights are not passed through pipes")
    if save is not None:
        if save.endswith(_OTHERS):
            raise click.UsageError(
                "--save writes safetensors, which `torch.load` does not read: name it *.safetensors"
            )
        refuse_overwriting("--save", save, "the spec", spec)
        refuse_overwriting("--save", save, "the weights that it reads", weights)
        refuse_unwritable(save)
    network = network_of(spec, pairs, shape, variant, as_json)
    gc.enable()
    import warnings

    import torch

    from specgen.backends.torch import observed_shapes
    from specgen.backends.weights import save_weights
    from specgen.cli.summary import print_summary
    from specgen.diagnostics import SpecError, WeightsError
    from specgen.views.summary import Options, Summary

    if seed is not None:
        torch.manual_seed(seed)
    try:
        with warnings.catch_warnings():
            # PyTorch warns of any pickle protocol but its own, and asks to be told if it cannot be read. Then
            # our error says why; where it is read, there is nothing for anybody to do.
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            model = network.build(device=device, dtype=dtype, weights=weights, init=init, optimize=optimize)
        network = network if optimize is None else network.for_inference()
        like = next(model.parameters(), torch.empty(0, device=device or "cpu"))
        x = torch.zeros((2, *map(int, network.input_shape.sizes)), device=like.device, dtype=like.dtype)
        observed = observed_shapes(network, model.eval(), x)
        model.train(optimize is None)
    except WeightsError as error:
        raise refused(error, as_json, USAGE) from None
    except ValueError as error:
        raise Stop(USAGE, f"error: {error}") from None
    except (RuntimeError, MemoryError) as error:
        first = printable(str(error).strip().split("\n")[0])
        raise Stop(USAGE, f"error: PyTorch could not build or run it here: {first}") from None
    except SpecError as error:
        raise refused(error, as_json, WRONG) from None
    except Exception as error:
        debug(error)
        if (defect := _defect(network, f"{type(error).__name__}: {error}")) is None:
            raise
        raise refused(defect, as_json, WRONG) from None
    if said := _difference(network, observed, model):
        if (defect := _defect(network, said)) is None:
            raise AssertionError(said)
        raise refused(defect, as_json, WRONG)
    if save is not None:
        if any(tensor.is_meta for tensor in model.state_dict().values()):
            raise cannot("write", save, "weights on meta have no values")
        try:
            save_weights(model, save)
        except OSError as error:
            raise cannot("write", save, reason(error)) from None
    if as_json:
        print_json({**figures(network), "verified": True})
        return
    print_summary(Summary(network, Options()))
    print(f"built on {like.device} and run: all {len(observed)} output shapes are as inferred")

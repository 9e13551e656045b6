"""`torch.compile` and `torch.fx` take whole networks: nothing in them makes them give up a graph."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import nn

import specgen


def emitted(name: str) -> nn.Module:
    network = specgen.compile(name)
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(network.emit(), "<emitted>", "exec"), names)
    model: nn.Module = names[network.name]()
    return model


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "googlenet", "convnext_tiny", "vit_b_16", "unet"])
@pytest.mark.parametrize("make", [specgen.load, emitted], ids=["built", "emitted"])
def test_fx_traces_it(name: str, make: Any) -> None:
    """Convolutions and linear maps are calls under their paths, and the graph gives the same shape."""
    network = specgen.compile(name)
    with torch.device("meta"):
        model = make(name).to("meta").eval()
        graph = torch.fx.symbolic_trace(model)
        x = torch.empty(2, *network.input_shape.sizes)
    called = {node.target for node in graph.graph.nodes if node.op == "call_module"}
    assert {row.name for row in network.layers if row.kind in ("conv", "dwconv", "linear", "fc")} <= called
    assert graph(x).shape == (2, *network.output_shape.sizes)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg11", "resnet18", "mobilenet_v3_small"])
@pytest.mark.parametrize("make", [specgen.load, emitted], ids=["built", "emitted"])
def test_a_network_is_one_graph(name: str, make: Any) -> None:
    """With `fullgraph`, a break in the graph is an error."""
    torch.manual_seed(0)
    model, x = make(name).eval(), torch.randn(2, 3, 224, 224)
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
        graphs.append(graph)
        return graph.forward

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # PyTorch's own, of its compiler
        compiled = torch.compile(model, fullgraph=True, backend=backend)
        torch.testing.assert_close(compiled(x), model(x), rtol=0, atol=0)
    assert len(graphs) == 1

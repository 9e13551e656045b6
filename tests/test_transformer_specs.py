"""The layers of transformers, and the specs that use them: ConvNeXt, ViT, and U-Net beside them."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision_reference import models

import specgen
from specgen import Network, SpecError

torch.set_num_threads(1)

# --- layers ------------------------------------------------------------------------------------------

Parameters = dict[str, Tensor]


def with_class_token(x: Tensor, p: Parameters) -> Tensor:
    return torch.cat([p["weight"].repeat(len(x), 1, 1), x], dim=1)


def attention(heads: int) -> Callable[[Tensor, Parameters], Tensor]:
    """Attention as the paper's formula has it, one head after the other."""

    def attend(x: Tensor, p: Parameters) -> Tensor:
        c = x.shape[-1]
        bias, out_bias = p.get("in_proj_bias", torch.zeros(3 * c)), p.get("out_proj.bias", 0.0)
        q, k, v = (x @ p["in_proj_weight"].T + bias).split(c, dim=-1)
        outs = []
        for head in range(heads):
            part = slice(head * c // heads, (head + 1) * c // heads)
            scores = q[..., part] @ k[..., part].transpose(1, 2) / (c // heads) ** 0.5
            outs.append(scores.softmax(-1) @ v[..., part])
        return torch.cat(outs, dim=-1) @ p["out_proj.weight"].T + out_bias

    return attend


#: A layer's line, what arrives, whatever stands in front of it, and what it computes.
LAYERS: dict[str, tuple[str, str, str, Callable[[Tensor, Parameters], Tensor]]] = {
    "channels_last 1d": ("channels_last", "6x5", "", lambda x, p: x.permute(0, 2, 1)),
    "channels_last 2d": ("channels_last", "6x4x5", "", lambda x, p: x.permute(0, 2, 3, 1)),
    "channels_last 3d": ("channels_last", "6x2x4x5", "", lambda x, p: x.permute(0, 2, 3, 4, 1)),
    "channels_first 1d": ("channels_first", "6x5", "channels_last", lambda x, p: x.permute(0, 2, 1)),
    "channels_first 2d": ("channels_first", "6x4x5", "channels_last", lambda x, p: x.permute(0, 3, 1, 2)),
    "tokens 1d": ("tokens", "6x5", "", lambda x, p: x.permute(0, 2, 1)),
    "tokens 2d": ("tokens", "6x4x5", "", lambda x, p: x.reshape(-1, 6, 20).permute(0, 2, 1)),
    "tokens, channels last": ("tokens", "6x4x5", "channels_last", lambda x, p: x.reshape(-1, 20, 6)),
    "cls_token": ("cls_token", "6x4x5", "tokens", with_class_token),
    "pos_embed": ("pos_embed", "6x4x5", "tokens", lambda x, p: x + p["weight"]),
    "take, first": ("take 0", "6x4x5", "tokens", lambda x, p: x[:, 0, :]),
    "take, last": ("take -1", "6x4x5", "tokens", lambda x, p: x[:, 19, :]),
    "scale of a map": ("scale", "6x4x5", "", lambda x, p: x * p["weight"].reshape(6, 1, 1)),
    "scale, channels last": ("scale 0.1", "6x4x5", "channels_last", lambda x, p: x * p["weight"]),
    "scale of tokens": ("scale init=0.1", "6x5", "tokens", lambda x, p: x * p["weight"]),
    "scale of a vector": ("scale 2", "6", "", lambda x, p: x * p["weight"]),
    "attn": ("attn 3", "6x4x5", "tokens", attention(3)),
    "attn without bias": ("attn heads=2 bias=false", "6x4x5", "tokens", attention(2)),
    "attn with dropout": ("attn num_heads=1 drop=0.0", "6x5", "tokens", attention(1)),
}


def layer_of(line: str, shape: str, before: str) -> tuple[Network, nn.Sequential]:
    """The network of one layer, and the one in front of it, with every parameter drawn."""
    network = specgen.compile(text=f"input {shape}\n{before}\n{line}")
    model = network.build()
    draw_parameters(model)
    return network, model


def draw_parameters(model: nn.Module, seed: int = 0) -> None:
    """Give every parameter values that show whether it is used, and where."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim in (2, 4):  # the weight of a matrix product or a convolution
                bound = (3.0 / parameter[0].numel()) ** 0.5
                parameter.uniform_(-bound, bound, generator=generator)
            elif name.endswith(("weight", "layer_scale")):
                parameter.uniform_(0.5, 1.5, generator=generator)
            else:
                parameter.uniform_(-0.5, 0.5, generator=generator)


def batch(network: Network, size: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(size, *network.input_shape.sizes, generator=generator)


@pytest.mark.parametrize("case", LAYERS)
def test_layer_computes_what_it_says(case: str) -> None:
    line, shape, before, expected = LAYERS[case]
    network, model = layer_of(line, shape, before)
    x = batch(network)
    arrives = model[:-1](x)
    for mode in (True, False):
        model.train(mode)
        out = model(x)
        assert out.shape[1:] == network.output_shape.sizes
        torch.testing.assert_close(out, expected(arrives, dict(model[-1].named_parameters())))


@pytest.mark.parametrize("case", LAYERS)
def test_layer_counts_what_pytorch_counts(case: str) -> None:
    network, model = layer_of(*LAYERS[case][:3])
    row = network.layers[-1]
    assert row.params == sum(parameter.numel() for parameter in model[-1].parameters())
    with FlopCounterMode(display=False) as counter:
        model.to("meta")(batch(network, 1).to("meta"))
    assert 2 * row.macs == counter.get_total_flops()


@pytest.mark.parametrize("case", LAYERS)
def test_layer_works_with_pytorchs_tools(case: str) -> None:
    network, model = layer_of(*LAYERS[case][:3])
    x = batch(network)
    wanted = model(x)
    assert torch.equal(copy.deepcopy(model)(x), wanted)
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), wanted)
    traced = torch.fx.symbolic_trace(model)
    assert torch.equal(traced(x), wanted)
    assert torch.equal(traced(x[:1]), model(x[:1])), "traced for any batch"
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x), wanted)
    exported = torch.export.export(model.eval(), (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    three = batch(network, 3)
    torch.testing.assert_close(exported.module()(three), model(three))


@pytest.mark.parametrize("case", LAYERS)
def test_layer_survives_json(case: str) -> None:
    network, model = layer_of(*LAYERS[case][:3])
    again = Network.model_validate_json(network.model_dump_json())
    assert again == network
    assert str(again.build()) == str(model)


def emitted(network: Network) -> nn.Module:
    """The network as its emitted source makes it."""
    namespace: dict[str, Any] = {}
    exec(compile(network.emit(), "<emitted>", "exec"), namespace)
    module: nn.Module = namespace[network.name]()
    return module


@pytest.mark.parametrize("case", LAYERS)
def test_layer_is_emitted(case: str) -> None:
    network, model = layer_of(*LAYERS[case][:3])
    other = emitted(network)
    assert list(other.state_dict()) == list(model.state_dict())
    other.load_state_dict(model.state_dict())
    x = batch(network)
    assert torch.equal(other(x), model(x))


@pytest.mark.parametrize("options", ["", "bias=false", "drop=0.3"])
def test_attention_is_multihead_attention(options: str) -> None:
    """The same start under one seed, the same keys, and the same outputs and gradients in training."""
    network = specgen.compile(text=f"input 12x3x3\ntokens\nattn 4 {options}")
    torch.manual_seed(0)
    ours = network.build()[-1]
    torch.manual_seed(0)
    dropout = 0.3 if "drop" in options else 0.0
    theirs = nn.MultiheadAttention(12, 4, dropout, "bias" not in options, batch_first=True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], tensor), key
    draw_parameters(theirs)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 9, 12)
    torch.manual_seed(1)
    out = ours(x)
    torch.manual_seed(1)
    wanted, _ = theirs(x, x, x, need_weights=False)
    torch.testing.assert_close(out, wanted)
    out.square().sum().backward()
    wanted.square().sum().backward()
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, msg=name)
    out, wanted = ours.eval()(x), theirs.eval()(x, x, x, need_weights=False)[0]
    torch.testing.assert_close(out, wanted)


def test_attention_drops_in_training_only() -> None:
    model = specgen.compile(text="input 8x4\ntokens\nattn 2 drop=0.5").build()
    x = torch.randn(2, 8, 4)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


def test_initial_values() -> None:
    text = "input 40x16x16\nscale 1e-6\nscale\ntokens\ncls_token\npos_embed"
    torch.manual_seed(0)
    small, one, _, token, positions = specgen.compile(text=text).build()
    assert torch.equal(small.weight, torch.full((40, 1, 1), 1e-6))
    assert torch.equal(one.weight, torch.ones(40, 1, 1))
    assert torch.equal(token.weight, torch.zeros(1, 1, 40))
    assert positions.weight.shape == (1, 257, 40)
    assert positions.weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert abs(positions.weight.mean().item()) < 0.001


def test_init_reaches_positions_and_scales() -> None:
    text = "input 4x3\ninit pos_embed constant val=3\ninit scale constant val=5\ntokens\npos_embed\nscale"
    _, positions, scale = specgen.compile(text=text).build()
    assert positions.weight.unique().tolist() == [3]
    assert scale.weight.unique().tolist() == [5]


def test_channel_layers_follow_the_channels() -> None:
    """`in`, `ln`, `linear` and `scale` mean the channel axis on both sides of `channels_last`."""
    text = "input 6x4x5\nln\nscale\nchannels_last\nln\nlinear 2*in\nscale\nchannels_first\nconv in k=1"
    network = specgen.compile(text=text)
    shapes = {name: tuple(p.shape) for name, p in network.build(device="meta").named_parameters()}
    assert shapes["0.weight"] == (6,) and shapes["1.weight"] == (6, 1, 1)
    assert shapes["3.weight"] == (6,) and shapes["4.weight"] == (12, 6) and shapes["5.weight"] == (12,)
    assert network.output_shape.sizes == (12, 4, 5)
    x = batch(network)
    first, second = specgen.compile(text="input 6x4x5\nln\nchannels_last"), "input 6x4x5\nchannels_last\nln"
    assert torch.equal(first.build()(x), specgen.compile(text=second).build()(x))


@pytest.mark.parametrize(
    ("text", "code", "help_"),
    [
        ("input 6x4x5\nattn 2", "needs-tokens", "put `tokens` in front of it"),
        ("input 6x4x5\nchannels_last\npos_embed", "needs-tokens", "put `tokens` in front of it"),
        ("input 6\ncls_token", "needs-tokens", None),
        ("input 6\ntake 0", "needs-tokens", None),
        ("input 6x4x5\ntokens\nattn 4", "groups-do-not-divide", "with `attn 3` it fits"),
        ("input 6x4x5\ntokens\nattn 0", "wrong-value", None),
        ("input 6x4x5\ntokens\nattn 2 drop=1.5", "wrong-value", None),
        ("input 6x4x5\ntokens\nattn", "value-missing", "for example: `attn 12`"),
        ("input 6x4x5\ntokens\ntake 20", "no-such-token", "with `take 19` it fits"),
        ("input 6x4x5\ntokens\ntake -21", "no-such-token", None),
        ("input 6x4x5\ntokens\ntokens", "needs-map", None),
        ("input 6\ntokens", "needs-map", None),
        ("input 6x4x5\nchannels_last\nchannels_last", "needs-map", None),
        ("input 6\nchannels_last", "needs-map", None),
        ("input 6x4x5\nchannels_first", "needs-channels-last", None),
        ("input 6\nchannels_first", "needs-channels-last", None),
    ],
)
def test_refusals(text: str, code: str, help_: str | None) -> None:
    with pytest.raises(SpecError) as caught:
        specgen.compile(text=text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    assert list(diagnostic.help[:1]) == ([help_] if help_ else [])


# --- networks ----------------------------------------------------------------------------------------

#: Parameters at 224 × 224, and the multiply-adds that torchvision publishes, in 10⁹, at their input.
PUBLISHED = {
    "convnext_tiny": (28_589_128, 4.456, "3x224x224"),
    "convnext_small": (50_223_688, 8.684, "3x224x224"),
    "convnext_base": (88_591_464, 15.355, "3x224x224"),
    "convnext_large": (197_767_336, 34.361, "3x224x224"),
    "vit_b_16": (86_567_656, 17.564, "3x224x224"),
    "vit_b_32": (88_224_232, 4.409, "3x224x224"),
    "vit_l_16": (304_326_632, 61.555, "3x224x224"),
    "vit_l_32": (306_535_400, 15.378, "3x224x224"),
    "vit_h_14": (632_045_800, 1016.717, "3x518x518"),  # published for weights that were tuned at 518
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_has_the_published_size(name: str) -> None:
    params, gmacs, shape = PUBLISHED[name]
    assert specgen.compile(name).params == params
    assert round(specgen.compile(name, input=shape).macs / 1e9, 3) == gmacs


@pytest.mark.parametrize("name", ["convnext_tiny", "vit_b_32"])
def test_multiply_adds_to_the_last_one(name: str) -> None:
    network = specgen.compile(name)
    x = torch.empty(1, *network.input_shape.sizes, device="meta")
    with torch.device("meta"):
        both = network.build(device="meta"), models().get_model(name)
    for model in both:
        with FlopCounterMode(display=False) as counter:
            model(x)
        assert counter.get_total_flops() == 2 * network.macs


def test_file_names_mean_the_smallest_member() -> None:
    for family, member in (("convnext", "convnext_tiny"), ("vit", "vit_b_16")):
        one, other = specgen.compile(family), specgen.compile(member)
        assert one.root == other.root


def small_convnext() -> tuple[Network, nn.Module]:
    family = models().convnext
    widths, depths = (8, 16, 32, 64, None), (3, 3, 4, 3)
    stages = [family.CNBlockConfig(*row) for row in zip(widths, widths[1:], depths, strict=False)]
    model = family.ConvNeXt(stages, stochastic_depth_prob=0.5, num_classes=10)
    options = {"width": 8, "depth": 4, "drop_path": 0.5, "num_classes": 10}
    return specgen.compile("convnext", input="3x64x64", **options), model


def small_vit(rate: float = 0.0) -> tuple[Network, nn.Module]:
    family = models().vision_transformer
    model = family.VisionTransformer(32, 8, 3, 4, 64, 256, dropout=rate, num_classes=10)
    options = {"patch": 8, "width": 64, "depth": 3, "num_heads": 4, "num_classes": 10, "rate": rate}
    return specgen.compile("vit", input="3x32x32", **options), model


def in_order(network: Network, reference: nn.Module) -> dict[str, Tensor]:
    """The reference's weights under the network's keys: each takes the first of its shape that is left."""
    left = list(reference.state_dict().values())
    found: dict[str, Tensor] = {}
    for key, wanted in network.build(device="meta").state_dict().items():
        index = next(i for i, tensor in enumerate(left) if tensor.shape == wanted.shape)
        found[key] = left.pop(index)
    assert not left, "the reference has more"
    return found


def close(ours: Tensor, theirs: Tensor) -> bool:
    return (ours - theirs).abs().max().item() <= 1e-5 * theirs.abs().max().item()


def same_logits(network: Network, reference: nn.Module) -> None:
    """In eval mode, with all parameters drawn."""
    draw_parameters(reference)
    model = network.build(device="meta", weights=in_order(network, reference)).eval()
    x = batch(network)
    with torch.inference_mode():
        ours, theirs = model(x), reference.eval()(x)
    assert (theirs[0] - theirs[1]).abs().max() > 0.01 * theirs.std(), "the logits hardly depend on the input"
    assert close(ours, theirs)


@pytest.mark.parametrize("small", [small_convnext, small_vit])
def test_small_member_is_torchvisions(small: Any) -> None:
    same_logits(*small())


@pytest.mark.parametrize("small", [small_convnext, small_vit])
def test_small_member_trains_as_torchvisions(small: Any) -> None:
    """The same samples are dropped under one seed, and the same gradients come back."""
    network, reference = small()
    draw_parameters(reference)
    model = network.build(weights=in_order(network, reference))
    found = []
    for one in (model, reference):
        x = batch(network, 4).requires_grad_()
        torch.manual_seed(2)
        out = one.train()(x)
        out.square().sum().backward()
        found.append((out.detach(), x.grad))
    (ours, our_gradient), (theirs, their_gradient) = found
    assert close(ours, theirs)
    assert close(our_gradient, their_gradient)


def test_vit_drops_where_torchvision_does() -> None:
    """Each dropout, by its turn, multiplies in place of dropping."""
    network, reference = small_vit(rate=0.2)
    draw_parameters(reference)
    model = network.build(weights=in_order(network, reference))
    for one in (model, reference):
        turns = itertools.count(2)
        for dropout in (module for module in one.eval().modules() if isinstance(module, nn.Dropout)):
            assert dropout.p == 0.2
            dropout.register_forward_hook(lambda module, args, out, turns=turns: out * next(turns))
    x = batch(network)
    assert close(model(x), reference(x))


@pytest.mark.parametrize("name", ["convnext", "vit", "unet", "unet_bn"])
def test_emitted_member_is_the_built_one(name: str) -> None:
    """One seed gives both the same weights, samples dropped in training, and gradients."""
    small = {
        "convnext": {"input": "3x32x32", "width": 8, "depth": 2, "drop_path": 0.5},
        "vit": {"input": "3x32x32", "patch": 8, "width": 32, "depth": 2, "num_heads": 4, "rate": 0.2},
    }.get(name, {"input": "1x32x32", "width": 4})
    network = specgen.compile(name, **small)
    found = []
    for make in (network.build, lambda: emitted(network)):
        torch.manual_seed(0)
        model = make()
        x = batch(network).requires_grad_()
        out = model(x)
        out.square().sum().backward()
        found.append({**model.state_dict(), "out": out, "gradient": x.grad, "eval": model.eval()(x)})
    ours, theirs = found
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_member_is_torchvisions(name: str) -> None:
    with torch.device("meta"):
        reference = models().get_model(name)
    same_logits(specgen.compile(name), reference.to_empty(device="cpu"))


class PlainUNet(nn.Module):
    """U-Net written down once more, level by level."""

    def __init__(self, channels: int, classes: int, widths: list[int]) -> None:
        super().__init__()
        ins = [channels, *widths[:-1]]
        self.down = nn.ModuleList(self.double(a, b) for a, b in zip(ins, widths, strict=True))
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairs)
        self.merge = nn.ModuleList(self.double(a, b) for a, b in pairs)
        self.last = nn.Conv2d(widths[0], classes, 1)

    @staticmethod
    def double(a: int, b: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(a, b, 3, 1, 1), nn.ReLU(), nn.Conv2d(b, b, 3, 1, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for level, down in enumerate(self.down):
            x = down(nn.functional.max_pool2d(x, 2) if level else x)
            maps.append(x)
        for up, merge, beside in zip(self.up, self.merge, maps[-2::-1], strict=True):
            x = merge(torch.cat([beside, up(x)], 1))
        return self.last(x)

    def in_order_of_use(self) -> list[Tensor]:
        """The parameters as `forward` comes to them."""
        modules = [*self.down]
        for up, merge in zip(self.up, self.merge, strict=True):
            modules += [up, merge]
        return [parameter for module in (*modules, self.last) for parameter in module.parameters()]


def test_unet_is_the_papers() -> None:
    reference = PlainUNet(3, 5, [8, 16, 32, 64, 128])
    draw_parameters(reference)
    network = specgen.compile("unet", input="3x48x32", width=8, num_classes=5)
    model = network.build()
    parameters = reference.in_order_of_use()
    with torch.no_grad():
        for ours, theirs in zip(model.parameters(), parameters, strict=True):
            assert ours.shape == theirs.shape
            ours.copy_(theirs)
    x = batch(network)
    assert network.output_shape.sizes == (5, 48, 32)
    assert torch.equal(model(x), reference(x))


def test_unet_at_its_own_size() -> None:
    with torch.device("meta"):
        reference = PlainUNet(1, 2, [64, 128, 256, 512, 1024])
        x = torch.empty(1, 1, 512, 512)
        with FlopCounterMode(display=False) as counter:
            reference(x)
    network = specgen.compile("unet")
    assert network.params == sum(parameter.numel() for parameter in reference.parameters())
    assert 2 * network.macs == counter.get_total_flops()
    normalised = 4 * (64 + 128 + 256 + 512) + 2 * 1024  # all convolutions but the last, transposed ones apart
    assert specgen.compile("unet_bn").params == network.params + 2 * normalised
    assert specgen.compile("unet", image_channels=3, num_classes=1).input_shape.channels == 3


def test_unet_needs_sides_that_halve_four_times() -> None:
    with pytest.raises(SpecError) as caught:
        specgen.compile("unet", input="1x500x500")
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == ["branches-differ"]

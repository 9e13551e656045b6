"""Normalisation: `bn`, `ln`, `rmsnorm`, `gn`, `instancenorm`, `lrn`."""

from typing import Annotated

from specgen.layers.base import Call, Layer, Refusal, Saved, need_division, need_map
from specgen.layers.fields import Absent, Either, Flag, Real, Whole
from specgen.layers.registry import register_layer
from specgen.shape import Shape

Eps = Annotated[float, Real(0, open_low=True)]


class Norm(Layer):
    """What the norms share: the shape stays, and there may be a weight and a bias per channel."""

    family = "norm"
    trim = "norm"

    def affine_parameters(self, x: Shape, weight: bool, bias: bool) -> dict[str, tuple[int, ...]]:
        """A weight and a bias of one value per channel, where they are there."""
        present = {"weight": weight, "bias": bias}
        return {name: (x.channels,) for name, there in present.items() if there}


def running_statistics(x: Shape, tracked: bool) -> dict[str, tuple[int, ...]]:
    """What a norm that tracks its statistics keeps: a mean and a variance per channel, and a count."""
    if not tracked:
        return {}
    return {"running_mean": (x.channels,), "running_var": (x.channels,), "num_batches_tracked": ()}


@register_layer
class BatchNorm(Norm):
    """Batch normalisation over each channel (`nn.BatchNorm1d`, `2d`, `3d`)."""

    word = "bn"
    example = "bn eps=0.001"

    eps: Eps = 1e-5
    momentum: Annotated[float | None, Either(Real(0, 1), Absent())] = 0.1
    affine: Annotated[bool, Flag()] = True
    track_running_stats: Annotated[bool, Flag()] = True

    def infer(self, x: Shape) -> Shape:
        if x.channels_last:
            need_map(x, self.word)
        return x

    def call(self, x: Shape) -> Call:
        options = self.changed("eps", "momentum", "affine", "track_running_stats")
        return Call(f"BatchNorm{max(x.rank, 1)}d", (x.channels,), options)

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return self.affine_parameters(x, self.affine, self.affine)

    def buffers(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return running_statistics(x, self.track_running_stats)

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(input=True, once=2 * int(x.channels))  # the mean and the inverse deviation


@register_layer
class LayerNorm(Norm):
    """Layer normalisation over the channel axis, wherever it stands (`nn.LayerNorm`)."""

    word = "ln"
    example = "ln eps=1e-6"
    gives_contiguous = True

    eps: Eps = 1e-5
    elementwise_affine: Annotated[bool, Flag()] = True
    bias: Annotated[bool, Flag()] = True

    def call(self, x: Shape) -> Call:
        options = self.changed("eps", "elementwise_affine", "bias")
        return Call("ChannelLayerNorm" if x.is_map else "LayerNorm", (x.channels,), options)

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return self.affine_parameters(x, self.elementwise_affine, self.elementwise_affine and self.bias)

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(input=True, values=2 * x.positions)


@register_layer
class RMSNorm(Norm):
    """Root-mean-square normalisation over the channel axis, wherever it stands (`nn.RMSNorm`)."""

    word = "rmsnorm"
    example = "rmsnorm eps=1e-6"

    eps: Annotated[float | None, Either(Real(0, open_low=True), Absent())] = None
    elementwise_affine: Annotated[bool, Flag()] = True

    def call(self, x: Shape) -> Call:
        options = self.changed("eps", "elementwise_affine")
        return Call("ChannelRMSNorm" if x.is_map else "RMSNorm", (x.channels,), options)

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return self.affine_parameters(x, self.elementwise_affine, False)

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        normalised = x.elements if self.elementwise_affine else 0  # the weight's factor
        return Saved(input=True, values=x.positions + normalised)


@register_layer
class GroupNorm(Norm):
    """Normalisation over groups of channels (`nn.GroupNorm`)."""

    word = "gn"
    positional = ("num_groups",)
    example = "gn 32"

    num_groups: Annotated[int, Whole(1)]
    eps: Eps = 1e-5
    affine: Annotated[bool, Flag()] = True

    def infer(self, x: Shape) -> Shape:
        if x.channels_last:
            need_map(x, self.word)
        need_division(x.channels, self.num_groups, "groups", at="num_groups")
        if x.elements == self.num_groups:
            raise Refusal(
                "one-value-to-normalise",
                "group norm needs more than one value per group",
                f"{self.num_groups} group{'s' * (self.num_groups != 1)} for {x.describe()}",
                at="num_groups",
                remedies=({"num_groups": 1},),
            )
        return x

    def call(self, x: Shape) -> Call:
        return Call("GroupNorm", (self.num_groups, x.channels), self.changed("eps", "affine"))

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return self.affine_parameters(x, self.affine, self.affine)

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        return Saved(input=True, values=2 * int(self.num_groups))


@register_layer
class InstanceNorm(Norm):
    """Normalisation of each channel of each sample (`nn.InstanceNorm1d`, `2d`, `3d`)."""

    word = "instancenorm"
    example = "instancenorm affine=true"

    eps: Eps = 1e-5
    momentum: Annotated[float, Real(0, 1)] = 0.1
    affine: Annotated[bool, Flag()] = False
    track_running_stats: Annotated[bool, Flag()] = False

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word)
        if x.positions == 1:
            raise Refusal(
                "one-value-to-normalise",
                "instance norm needs more than one position per channel",
                f"what arrives is {x.describe()}",
            )
        return x

    def call(self, x: Shape) -> Call:
        options = self.changed("eps", "momentum", "affine", "track_running_stats")
        return Call(f"InstanceNorm{x.rank}d", (x.channels,), options)

    def parameters(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return self.affine_parameters(x, self.affine, self.affine)

    def buffers(self, x: Shape) -> dict[str, tuple[int, ...]]:
        return running_statistics(x, self.track_running_stats)

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        # Each channel of each sample has a mean, an inverse deviation, and a copy of its weight.
        return Saved(input=True, values=(2 + self.affine) * int(x.channels))


@register_layer
class LocalResponseNorm(Norm):
    """Normalisation over neighbouring channels, as in AlexNet (`nn.LocalResponseNorm`)."""

    word = "lrn"
    positional = ("size",)
    example = "lrn 5 k=2"

    size: Annotated[int, Whole(1)]
    alpha: Annotated[float, Real()] = 1e-4
    beta: Annotated[float, Real()] = 0.75
    k: Annotated[float, Real(0, open_low=True)] = 1.0

    def infer(self, x: Shape) -> Shape:
        need_map(x, self.word)
        return x

    def call(self, x: Shape) -> Call:
        return Call("LocalResponseNorm", (self.size,), self.changed("alpha", "beta", "k"))

    def saved(self, x: Shape, contiguous: bool) -> Saved:
        # The squares with their neighbours' room, what is raised to `beta`, and what that divides by.
        channels = int(x.channels)
        return Saved(input=True, values=(3 * channels + self.size - 1) * x.positions)

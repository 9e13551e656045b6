"""Every layer, by family. A layer is one class in one place; this package imports them all."""

from specgen.layers import activation, conv, dropout, linear, norm, pool, reshape, transformer
from specgen.layers.base import Call, Layer, Refusal
from specgen.layers.fields import Absent, Axes, Choice, Either, Flag, Real, Sizes, Whole
from specgen.layers.registry import register_layer

__all__ = [
    "Absent",
    "Axes",
    "Call",
    "Choice",
    "Either",
    "Flag",
    "Layer",
    "Real",
    "Refusal",
    "Sizes",
    "Whole",
    "activation",
    "conv",
    "dropout",
    "linear",
    "norm",
    "pool",
    "register_layer",
    "reshape",
    "transformer",
]

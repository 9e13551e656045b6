"""The modules that PyTorch lacks: built networks use them, and emitted files carry a copy of what they need.

Each class stands alone: its source text is copied as it is, so it uses nothing but `torch`, `Tensor` and
`nn`.
"""

import torch
from torch import Tensor, nn


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of a feature map, N × C × …"""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class ChannelRMSNorm(nn.RMSNorm):
    """Root-mean-square normalisation over the channels of a feature map, N × C × …"""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class StochasticDepth(nn.Module):
    """In training, zero each sample with probability p and scale up the rest (Huang et al., 2016)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        if self.p == 1.0:
            return x * 0.0
        keep = 1.0 - self.p
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * (mask / keep)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class ChannelsLast(nn.Module):
    """N × C × H × W to N × H × W × C, with any number of spatial axes."""

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(1, -1)


class ChannelsFirst(nn.Module):
    """N × H × W × C to N × C × H × W, with any number of spatial axes."""

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(-1, 1)


class Tokens(nn.Module):
    """A feature map N × C × H × W as tokens N × H·W × C."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)


class ClassToken(nn.Module):
    """A learned token in front of the others (Dosovitskiy et al., 2021)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.weight.expand(x.shape[0], -1, -1), x], 1)


class PositionEmbedding(nn.Module):
    """A learned vector for each position, added to the tokens (Dosovitskiy et al., 2021)."""

    def __init__(self, tokens: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, tokens, channels))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight


class SelfAttention(nn.Module):
    """Multi-head self-attention, with the parameters of `nn.MultiheadAttention` (Vaswani et al., 2017)."""

    def __init__(
        self, channels: int, num_heads: int, dropout: float = 0.0, bias: bool = True
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.out_proj = nn.Linear(channels, channels, bias)
        self.in_proj_weight = nn.Parameter(torch.empty(3 * channels, channels))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * channels)) if bias else None
        nn.init.xavier_uniform_(self.in_proj_weight)
        if bias:
            nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        qkv = nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        qkv = qkv.reshape(x.shape[0], x.shape[1], 3, self.num_heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # batch × heads × tokens × …
        dropout = self.dropout if self.training else 0.0
        x = nn.functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        out: Tensor = self.out_proj(x.transpose(1, 2).flatten(2))
        return out

    def extra_repr(self) -> str:
        return f"num_heads={self.num_heads}, dropout={self.dropout}"


class TakeToken(nn.Module):
    """One of the tokens N × L × C, as N × C."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.index]

    def extra_repr(self) -> str:
        return f"index={self.index}"


class Scale(nn.Module):
    """A learned factor for each channel, with so many spatial axes behind the channels."""

    def __init__(self, channels: int, axes: int = 0, init: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,) + (1,) * axes, float(init)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight

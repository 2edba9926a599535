"""What the residual networks are made of.

N = batch, W = channels of a map, S = its side in pixels. First weights are Glorot's, as in the authors' code, with a
gain of √2 for the 3×3 convolutions of a block, and biases are 0.
"""

from math import sqrt
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


class UpBlock(nn.Module):
    """A residual block that doubles the side of a map. Gulrajani et al. (2017), arXiv:1704.00028.

    The shortcut's 1×1 convolution comes before the doubling, which gives the same map for a quarter of the work.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        double = nn.Upsample(scale_factor=2, mode="nearest")
        first, second = convolution(before, after), convolution(after, after)
        self.residual = nn.Sequential(
            nn.BatchNorm2d(before), nn.ReLU(), double, first, nn.BatchNorm2d(after), nn.ReLU(), second
        )
        self.shortcut = nn.Sequential(start(nn.Conv2d(before, after, 1)), double)

    def forward(self, maps: Tensor) -> Tensor:
        """[N, before, S, S] to [N, after, 2S, 2S]."""
        return self.residual(maps) + self.shortcut(maps)


class DownBlock(nn.Module):
    """A residual block without batch norm, which halves the side or keeps it. Miyato et al. (2018), appendix B.4.

    The first of a network sees pixels, so it does not begin with a ReLU.
    """

    def __init__(self, before: int, after: int, *, halve: bool, first: bool = False) -> None:
        super().__init__()
        inner = after if first else before
        ahead = [] if first else [nn.ReLU()]
        pool = [nn.AvgPool2d(2)] if halve else []
        self.residual = nn.Sequential(*ahead, convolution(before, inner), nn.ReLU(), convolution(inner, after), *pool)
        across = [start(nn.Conv2d(before, after, 1))] if halve or before != after else []
        self.shortcut = nn.Sequential(*pool, *across)

    def forward(self, maps: Tensor) -> Tensor:
        """[N, before, S, S] to [N, after, S / 2, S / 2], or to the same side."""
        return self.residual(maps) + self.shortcut(maps)


class SelfAttention(nn.Module):
    """Every place of a map looks at all others. Zhang et al. (2018), arXiv:1805.08318, section 3.

    As in the authors' code, queries and keys have an eighth of the channels, values a half, and keys and values are
    the largest of each 2×2 places. The share γ of what is seen starts at 0, where the map stays as it is.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow, half = max(1, width // 8), max(1, width // 2)
        self.query, self.key = (start(nn.Conv2d(width, narrow, 1, bias=False)) for _ in range(2))
        self.value = start(nn.Conv2d(width, half, 1, bias=False))
        self.out = start(nn.Conv2d(half, width, 1, bias=False))
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Float[Tensor, "batch width side side"]) -> Float[Tensor, "batch width side side"]:
        queries = self.query(maps).flatten(2)  # [N, W/8, S²]
        keys, values = (pooled(layer(maps)) for layer in (self.key, self.value))  # [N, W/8, S²/4], [N, W/2, S²/4]
        shares = (queries.transpose(1, 2) @ keys).softmax(2)  # [N, S², S²/4]
        seen = (values @ shares.transpose(1, 2)).unflatten(2, maps.shape[2:])  # [N, W/2, S, S]
        return maps + self.gamma * self.out(seen)


def pooled(maps: Float[Tensor, "batch width side side"]) -> Float[Tensor, "batch width places"]:
    """The largest of each 2×2 places, and of what is left at the edges of an odd side."""
    return max_pool2d(maps, 2, ceil_mode=True).flatten(2)


def convolution(before: int, after: int) -> nn.Conv2d:
    """3×3, which keeps the side."""
    return start(nn.Conv2d(before, after, 3, padding=1), sqrt(2))


def start(layer: Layer, gain: float = 1.0) -> Layer:
    """The layer with its first weights."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer

"""Layers that both networks share. Karras et al. (2018), arXiv:1710.10196, section 4.1; (2020), arXiv:1912.04958.

N = batch, I and O = channels before and after, H and W = height and width of a map in pixels.
"""

from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation

from ganzoo.layers import LEAK

TAPS = (1.0, 3.0, 3.0, 1.0)  # of the filter before and after a change of size, down and across: bilinear


def active(x: Tensor) -> Tensor:
    """Leaky ReLU times √2, which keeps the size of what goes through about the same."""
    return F.leaky_relu(x, LEAK) * sqrt(2)


class EqualLinear(nn.Linear):
    """A linear layer with an equalised learning rate: weights are N(0, 1) / rate, and scaled by rate / √I when used.

    So Adam, whose steps do not depend on the gradient's scale, changes all layers at the same relative speed; `rate`
    makes one slower. Progressive GAN, section 4.1; StyleGAN, arXiv:1812.04948, appendix C.
    """

    def __init__(self, before: int, after: int, rate: float = 1.0, first_bias: float = 0.0) -> None:
        super().__init__(before, after)
        self.rate = rate
        self.gain = rate / sqrt(before)
        nn.init.normal_(self.weight, std=1 / rate)
        nn.init.constant_(self.bias, first_bias / rate)

    def forward(self, input: Float[Tensor, "batch before"]) -> Float[Tensor, "batch after"]:
        return F.linear(input, self.weight * self.gain, self.bias * self.rate)


class EqualConv(nn.Conv2d):
    """A convolution with an equalised learning rate. With `down`, the map is blurred, and halved."""

    def __init__(self, before: int, after: int, kernel: int, *, down: bool = False, bias: bool = True) -> None:
        super().__init__(before, after, kernel, 2 if down else 1, 0 if down else kernel // 2, bias=bias)
        self.gain = 1 / sqrt(before * kernel**2)
        self.blur = Blur(padding=kernel // 2 + 1) if down else nn.Identity()
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, input: Float[Tensor, "batch before height width"]) -> Tensor:
        """[N, I, H, W] to [N, O, H, W], or to half the height and width."""
        return F.conv2d(self.blur(input), self.weight * self.gain, self.bias, self.stride, self.padding)


class ModulatedConv(nn.Module):
    """A convolution whose weights are scaled for each sample: w'_oik = s_i w_oik. StyleGAN2, section 2.2.

    With `demodulate`, each output channel's weights are then brought to norm 1: w'' = w' / √(Σ_ik w'² + ε), equation 3.
    Activations are scaled before, and divided after the convolution, which is the same and needs one convolution for
    the whole batch. With `up`, the map's side is doubled: a transposed convolution, then a blur.
    """

    def __init__(self, before: int, after: int, kernel: int, *, demodulate: bool = True, up: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.demodulate, self.padding = demodulate, kernel // 2
        self.gain = 1 / sqrt(before * kernel**2)
        self.blur = Blur(padding=1, gain=4.0) if up else None  # 3 of 4 pixels that come to it are between others

    def forward(
        self,
        x: Float[Tensor, "batch before height width"],
        scales: Float[Tensor, "batch before"],
    ) -> Tensor:
        """Maps [N, I, H, W] and s [N, I] to [N, O, H, W], or to twice the height and width."""
        weight, x = self.weight * self.gain, x * scales[:, :, None, None]
        if self.blur is None:
            x = F.conv2d(x, weight, padding=self.padding)
        else:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        if not self.demodulate:
            return x
        norms = F.linear(scales.square(), weight.square().sum((2, 3))) + 1e-8  # [N, O], squared
        return x * norms.rsqrt()[:, :, None, None]


class Blur(nn.Module):
    """Each channel filtered with 1, 3, 3, 1 down and across, by zeros continued; sums to `gain`."""

    kernel: Tensor  # [1, 1, 4, 4]

    def __init__(self, padding: int, gain: float = 1.0) -> None:
        super().__init__()
        self.padding = padding
        taps = torch.tensor(TAPS) / sum(TAPS)
        self.register_buffer("kernel", gain * torch.outer(taps, taps)[None, None], persistent=False)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """[N, C, H, W] to [N, C, H + 2 padding - 3, W + 2 padding - 3]."""
        channels = x.shape[1]
        return F.conv2d(x, self.kernel.expand(channels, -1, -1, -1), padding=self.padding, groups=channels)

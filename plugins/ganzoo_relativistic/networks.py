"""The networks of R3GAN: residual blocks without norms. Huang et al. (2024), arXiv:2501.05441, section 4.

N = batch, Z = latent size, C = channels, S = side of a picture in pixels, B = side of the smallest map, W = channels
of a map, L = residual blocks of a network.
"""

from itertools import pairwise
from math import sqrt
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from ganzoo.api import BadSetting, SampleSpec
from ganzoo.contracts import Verdict
from ganzoo.layers import LEAK, base_of, widths_of
from ganzoo_relativistic.options import R3ganOptions

GAIN = sqrt(2 / (1 + LEAK**2))  # makes up for what the leaky ReLU takes from a standard deviation
FILTER = (1.0, 3.0, 3.0, 1.0)  # bilinear interpolation by 2, along one side

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


class R3ganGenerator(nn.Module):
    """A learnt map that the latent scales channel by channel; then residual blocks, and twice the side, and so on."""

    def __init__(self, sample: SampleSpec, latent_size: int, options: R3ganOptions) -> None:
        """Raises BadData for points and for sides that cannot be halved down to 4…7 pixels, BadSetting for groups."""
        super().__init__()
        base, doublings = base_of(sample, "R3GAN")
        widths = widths_of(options.width, options.widest, doublings + 1)[::-1]  # from the smallest map to the largest
        self.basis = nn.Parameter(torch.randn(widths[0], base, base))
        self.scale = started(nn.Linear(latent_size, widths[0], bias=False))
        stages = [stage(widths[0], options, doublings + 1)]
        for before, after in pairwise(widths):
            stages += [nn.Sequential(project(before, after), Upsample()), stage(after, options, doublings + 1)]
        self.stages = nn.Sequential(*stages)
        self.to_picture = started(nn.Conv2d(widths[-1], sample.shape[0], 1, bias=False))

    def forward(
        self,
        latents: Float[Tensor, "batch latent"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Float[Tensor, "batch channels side side"]:
        """Latents [N, Z] to pictures [N, C, S, S] in [-1, 1]; labels are ignored."""
        x = self.scale(latents)[:, :, None, None] * self.basis  # [N, W, B, B]
        return self.to_picture(self.stages(x)).tanh()  # [N, C, S, S]


class R3ganDiscriminator(nn.Module):
    """Residual blocks, and half the side, and so on; each channel of the smallest map becomes one feature."""

    def __init__(self, sample: SampleSpec, options: R3ganOptions) -> None:
        """Raises BadData for points and for sides that cannot be halved down to 4…7 pixels, BadSetting for groups."""
        super().__init__()
        base, halvings = base_of(sample, "R3GAN")
        widths = widths_of(options.width, options.widest, halvings + 1)  # from the largest map to the smallest
        self.from_picture = started(nn.Conv2d(sample.shape[0], widths[0], 1, bias=False))
        stages = [stage(widths[0], options, halvings + 1)]
        for before, after in pairwise(widths):
            stages += [nn.Sequential(Downsample(), project(before, after)), stage(after, options, halvings + 1)]
        self.stages = nn.Sequential(*stages)
        self.basis = started(nn.Conv2d(widths[-1], widths[-1], base, groups=widths[-1], bias=False))
        self.to_logit = started(nn.Linear(widths[-1], 1, bias=False))

    def forward(
        self,
        samples: Float[Tensor, "batch channels side side"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Pictures [N, C, S, S] to logits [N] and features [N, W]; labels are ignored."""
        x = self.stages(self.from_picture(samples))  # [N, W, B, B]
        features = self.basis(x).flatten(1)  # [N, W]
        return Verdict(self.to_logit(features)[:, 0], features)


class ResidualBlock(nn.Module):
    """x + a 1×1, a grouped 3×3 and a 1×1 convolution of x, wider within than without; at first it is x alone.

    The last convolution starts at 0, and the others are smaller by the fourth root of L, so that a step moves a deep
    network no further than a shallow one: Fixup, Zhang, Dauphin and Ma (2019), arXiv:1901.09321.
    """

    def __init__(self, width: int, options: R3ganOptions, blocks: int) -> None:
        """`blocks` is L. Raises BadSetting where channels cannot be shared out among the groups."""
        super().__init__()
        hidden, gain = width * options.expansion, GAIN * blocks**-0.25
        self.layers = nn.Sequential(
            started(nn.Conv2d(width, hidden, 1), gain),
            nn.LeakyReLU(LEAK),
            started(nn.Conv2d(hidden, hidden, 3, padding=1, groups=groups_of(hidden, options.group)), gain),
            nn.LeakyReLU(LEAK),
            started(nn.Conv2d(hidden, width, 1, bias=False), 0.0),
        )

    def forward(self, x: Float[Tensor, "batch width side side"]) -> Float[Tensor, "batch width side side"]:
        return x + self.layers(x)


class Resample(nn.Module):
    """Holds the bilinear filter, which is not learnt; beyond the edge a map is 0, as in the authors' code."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor(FILTER) / sum(FILTER)
        self.register_buffer("filter", line.outer(line)[None, None], persistent=False)  # [1, 1, 4, 4], of sum 1

    def filters(self, x: Float[Tensor, "batch width side side"]) -> Float[Tensor, "width 1 4 4"]:
        """One for each channel."""
        return self.filter.to(x.dtype).expand(x.shape[1], 1, -1, -1)


class Upsample(Resample):
    """Twice the side: each new pixel is a mean of four old ones, with weights of 9, 3, 3 and 1 sixteenths."""

    def forward(self, x: Float[Tensor, "batch width side side"]) -> Float[Tensor, "batch width twice twice"]:
        return conv_transpose2d(x, 4 * self.filters(x), stride=2, padding=1, groups=x.shape[1])


class Downsample(Resample):
    """Half the side: each new pixel is a mean of sixteen old ones."""

    def forward(self, x: Float[Tensor, "batch width side side"]) -> Float[Tensor, "batch width half half"]:
        return conv2d(x, self.filters(x), stride=2, padding=1, groups=x.shape[1])


def stage(width: int, options: R3ganOptions, stages: int) -> nn.Sequential:
    """The blocks of one side, in a network of that many stages."""
    return nn.Sequential(*(ResidualBlock(width, options, stages * options.blocks) for _ in range(options.blocks)))


def project(before: int, after: int) -> nn.Module:
    """To another number of channels, pixel by pixel; nothing where the number is the same."""
    return nn.Identity() if before == after else started(nn.Conv2d(before, after, 1, bias=False))


@torch.no_grad()
def started(layer: Layer, gain: float = 1.0) -> Layer:
    """The layer with weights from N(0, gain² / inputs of one output) and biases of 0."""
    layer.weight.normal_(0, gain / sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        layer.bias.zero_()
    return layer


def groups_of(channels: int, group: int) -> int:
    """How many groups there are; one of all channels where they are fewer than a group has.

    Raises BadSetting where they cannot be shared out.
    """
    size = min(group, channels)
    if channels % size:
        raise BadSetting(
            f"{channels} channels are no groups of {size}; set `width`, `widest` and `expansion` so that each map's "
            f"width times the expansion is a multiple of {size}, or another `group`."
        )
    return channels // size

"""The discriminator of StyleGAN2. Karras et al. (2020), arXiv:1912.04958, figure 7c (residual).

N = batch, C = channels of a picture, S = side of a picture in pixels, B = side of the smallest map, W = channels of a
map.
"""

from itertools import pairwise
from math import sqrt

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ganzoo.api import SampleSpec
from ganzoo.contracts import Verdict
from ganzoo.layers import base_of, widths_of
from ganzoo_stylegan.layers import EqualConv, EqualLinear, active
from ganzoo_stylegan.options import StyleDiscriminatorOptions


class StyleDiscriminator(nn.Module):
    """Residual blocks halve a picture's side; how much the samples of a group differ is one more channel of the end.

    So a logit depends on the batch, in which generated samples that are all alike give themselves away.
    """

    mixes_samples = True

    def __init__(self, sample: SampleSpec, options: StyleDiscriminatorOptions) -> None:
        """Raises BadData for points, and for sides that cannot be halved down to 4…7 pixels."""
        super().__init__()
        base, halvings = base_of(sample, "StyleGAN2")
        widths = widths_of(options.width, options.widest, halvings + 1)
        self.group = options.group
        self.from_picture = EqualConv(sample.shape[0], widths[0], 1)
        self.blocks = nn.Sequential(*(Residual(a, b) for a, b in pairwise(widths)))
        self.conv = EqualConv(widths[-1] + 1, widths[-1], 3)
        self.hidden = EqualLinear(widths[-1] * base**2, widths[-1])
        self.to_logit = EqualLinear(widths[-1], 1)

    def forward(
        self,
        samples: Float[Tensor, "batch channels side side"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Pictures [N, C, S, S] to logits [N] and features [N, W]; labels are ignored."""
        x = self.blocks(active(self.from_picture(samples)))  # [N, W, B, B]
        x = torch.cat([x, deviation(x, self.group)], 1)
        features = active(self.hidden(active(self.conv(x)).flatten(1)))  # [N, W]
        return Verdict(self.to_logit(features)[:, 0], features)


class Residual(nn.Module):
    """Two convolutions, the second of which halves the side, beside a third that only does so."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = EqualConv(before, before, 3)
        self.halve = EqualConv(before, after, 3, down=True)
        self.skip = EqualConv(before, after, 1, down=True, bias=False)

    def forward(self, x: Float[Tensor, "batch before side side"]) -> Tensor:
        """[N, W, S, S] to [N, W', S/2, S/2]; the sum is divided by √2, so that its variance does not grow."""
        return (active(self.halve(active(self.conv(x)))) + self.skip(x)) / sqrt(2)


def deviation(x: Float[Tensor, "batch channels height width"], group: int) -> Float[Tensor, "batch 1 height width"]:
    """The standard deviation within groups of samples, mean over channels and pixels, the same for a whole group.

    Progressive GAN, arXiv:1710.10196, section 3. Groups are as large as the batch's size allows: its greatest divisor
    up to `group`. With M groups, sample i is in group i mod M.
    """
    count = len(x)
    size = max(number for number in range(1, min(group, count) + 1) if count % number == 0)
    variance = x.unflatten(0, (size, count // size)).var(0, correction=0)  # [M, W, H, W']
    spread = (variance + 1e-8).sqrt().mean((1, 2, 3), keepdim=True)  # [M, 1, 1, 1]
    return spread.repeat(size, 1, *x.shape[2:])

"""Residual networks for square pictures. Miyato et al. (2018), arXiv:1802.05957, appendix B.4.

N = batch, Z = latent size, C = channels, S = side of a picture in pixels, B = side of the smallest map, W = channels
of it.
"""

from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor, nn

from ganzoo.api import BadSetting, SampleSpec
from ganzoo.contracts import Verdict
from ganzoo.layers import base_of, widths_of
from ganzoo_sngan.blocks import DownBlock, SelfAttention, UpBlock, start
from ganzoo_sngan.options import ResnetDiscriminatorOptions, ResnetGeneratorOptions
from ganzoo_sngan.spectral import add_spectral_norm


class ResnetGenerator(nn.Module):
    """Project a latent to a small map, then double the map's side with residual blocks until it is the picture's."""

    def __init__(self, sample: SampleSpec, latent_size: int, options: ResnetGeneratorOptions) -> None:
        """Raises BadData for points and for sides that cannot be halved down to 4…7 pixels, BadSetting for attention
        at a side that no map has.
        """
        super().__init__()
        base, doublings = base_of(sample, "The residual network")
        widths = widths_of(options.width, options.widest, doublings + 1)[::-1]  # 64 px: 1024, 512 … 64
        blocks = [UpBlock(before, after) for before, after in pairwise(widths)]
        sides = [base << n for n in range(1, doublings + 1)]

        self.smallest = (widths[0], base, base)
        self.project = start(nn.Linear(latent_size, widths[0] * base**2))
        self.upsample = with_attention(blocks, widths[1:], sides, options.attention)
        self.activate = nn.Sequential(nn.BatchNorm2d(widths[-1]), nn.ReLU())
        self.to_picture = start(nn.Conv2d(widths[-1], sample.shape[0], 3, padding=1))
        if options.spectral_norm:
            add_spectral_norm(self)

    def forward(
        self,
        latents: Float[Tensor, "batch latent"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Float[Tensor, "batch channels side side"]:
        """Latents [N, Z] to pictures [N, C, S, S] in [-1, 1]; labels are ignored."""
        x = self.project(latents).unflatten(1, self.smallest)  # [N, W, B, B]
        x = self.activate(self.upsample(x))  # [N, width, S, S]
        return self.to_picture(x).tanh()  # [N, C, S, S]


class ResnetDiscriminator(nn.Module):
    """Halve a picture's side with residual blocks, then say one logit of the sum over the last map's places.

    It has no batch norm, so each logit is of one sample alone; the power iteration of spectral norm depends on the
    weights only, and on how often they were used.
    """

    def __init__(self, sample: SampleSpec, options: ResnetDiscriminatorOptions) -> None:
        """Raises BadData for points and for sides that cannot be halved down to 4…7 pixels, BadSetting for more
        halvings than the side allows, and for attention at a side that no map has.
        """
        super().__init__()
        halvings = options.halvings or base_of(sample, "The residual network")[1]
        check_halvings(sample, halvings)
        widths = widths_of(options.width, options.widest, halvings)  # 64 px: 64, 128, 256, 512
        first = DownBlock(sample.shape[0], widths[0], halve=True, first=True)
        blocks = [first, *(DownBlock(before, after, halve=True) for before, after in pairwise(widths))]
        sides = [sample.shape[1] >> n for n in range(1, halvings + 1)]

        self.downsample = with_attention(blocks, widths, sides, options.attention)
        self.flat = nn.Sequential(*(DownBlock(widths[-1], widths[-1], halve=False) for _ in range(options.flat)))
        self.to_logit = start(nn.Linear(widths[-1], 1))
        if options.norm == "spectral":
            add_spectral_norm(self)

    def forward(
        self,
        samples: Float[Tensor, "batch channels side side"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Pictures [N, C, S, S] to logits [N] and features [N, W]; labels are ignored."""
        maps = self.flat(self.downsample(samples))  # [N, W, B, B]
        features = maps.relu().sum((2, 3))  # [N, W]
        return Verdict(self.to_logit(features)[:, 0], features)


def check_halvings(sample: SampleSpec, halvings: int) -> None:
    """Raise BadData for what is no square picture, BadSetting where a side cannot be halved so often."""
    base_of(sample, "The residual network")
    side = sample.shape[1]
    most = (side & -side).bit_length() - 1  # how often 2 divides the side
    if halvings > most:
        raise BadSetting(f"A side of {side} pixels can be halved {most} times, not {halvings}; set halvings to {most}.")


def with_attention(blocks: Sequence[nn.Module], widths: list[int], sides: list[int], side: int) -> nn.Sequential:
    """The blocks in a row, with self-attention after the one whose map has that side; 0 = none.

    Raises BadSetting where no block's map has it.
    """
    if side and side not in sides:
        known = " or ".join(map(str, sides))
        raise BadSetting(f"No map has a side of {side} pixels for self-attention; set attention to {known}, or to 0.")
    layers: list[nn.Module] = []
    for block, width, own in zip(blocks, widths, sides, strict=True):
        layers += [block, SelfAttention(width)] if own == side else [block]
    return nn.Sequential(*layers)

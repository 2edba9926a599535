"""Convolutional networks for square pictures. Radford, Metz and Chintala (2016), arXiv:1511.06434, figure 1.

N = batch, Z = latent size, C = channels, S = side of a picture in pixels, B = side of the smallest map, W = channels
of a map. A layer has a bias only where no norm is asked for, as in the authors' code.
"""

from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor, nn

from ganzoo.api import SampleSpec
from ganzoo.contracts import Verdict
from ganzoo.layers import LEAK, base_of, norm_of, start_normal, widths_of
from ganzoo_dcgan.options import DcganDiscriminatorOptions, DcganGeneratorOptions


class DcganGenerator(nn.Module):
    """Project a latent to a small map, then double the map's side until it is the picture's."""

    def __init__(self, sample: SampleSpec, latent_size: int, options: DcganGeneratorOptions) -> None:
        """Raises BadData for points, and for sides that cannot be halved down to 4…7 pixels."""
        super().__init__()
        base, doublings = base_of(sample, "DCGAN")
        widths = widths_of(options.width, options.widest, doublings)[::-1]  # 64 px, width 64: 512, 256, 128, 64
        bias = options.norm == "none"

        def up(before: int, after: int) -> nn.ConvTranspose2d:
            padding, extra = (options.kernel - 1) // 2, options.kernel % 2
            return nn.ConvTranspose2d(before, after, options.kernel, 2, padding, extra, bias=bias)

        def active(width: int) -> nn.Module:
            return nn.Sequential(norm_of(options.norm, width), nn.ReLU())

        self.smallest = (widths[0], base, base)
        self.project = nn.Linear(latent_size, widths[0] * base**2, bias=bias)
        self.activate = active(widths[0])
        self.upsample = nn.Sequential(*(nn.Sequential(up(a, b), active(b)) for a, b in pairwise(widths)))
        self.to_picture = up(widths[-1], sample.shape[0])
        start_normal(self, options.weight_std)

    def forward(
        self,
        latents: Float[Tensor, "batch latent"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Float[Tensor, "batch channels side side"]:
        """Latents [N, Z] to pictures [N, C, S, S] in [-1, 1]; labels are ignored."""
        x = self.project(latents).unflatten(1, self.smallest)  # [N, W, B, B]
        x = self.upsample(self.activate(x))  # [N, width, S/2, S/2]
        return self.to_picture(x).tanh()  # [N, C, S, S]


class DcganDiscriminator(nn.Module):
    """Halve a picture's side until it is small, then say one logit of the flattened map.

    With `norm = "batch"` a logit depends on the whole batch, so what takes gradients with respect to single samples,
    such as a gradient penalty, needs another norm.
    """

    def __init__(self, sample: SampleSpec, options: DcganDiscriminatorOptions) -> None:
        """Raises BadData for points, and for sides that cannot be halved down to 4…7 pixels."""
        super().__init__()
        base, halvings = base_of(sample, "DCGAN")
        widths = widths_of(options.width, options.widest, halvings)  # 64 px, width 64: 64, 128, 256, 512
        bias = options.norm == "none"

        def down(before: int, after: int) -> nn.Conv2d:
            return nn.Conv2d(before, after, options.kernel, 2, (options.kernel - 1) // 2, bias=bias)

        first = nn.Sequential(down(sample.shape[0], widths[0]), nn.LeakyReLU(LEAK))
        rest = (nn.Sequential(down(a, b), norm_of(options.norm, b), nn.LeakyReLU(LEAK)) for a, b in pairwise(widths))
        self.downsample = nn.Sequential(first, *rest)
        self.to_logit = nn.Linear(widths[-1] * base**2, 1, bias=bias)
        start_normal(self, options.weight_std)

    def forward(
        self,
        samples: Float[Tensor, "batch channels side side"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Pictures [N, C, S, S] to logits [N] and features [N, W·B·B]; labels are ignored."""
        features = self.downsample(samples).flatten(1)  # [N, W·B·B]
        return Verdict(self.to_logit(features)[:, 0], features)

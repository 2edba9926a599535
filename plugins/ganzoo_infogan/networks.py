"""A discriminator with a second head that reads codes. Chen et al. (2016), arXiv:1606.03657, section 5.

N = batch, C = channels, S = side of a picture, B = side of the smallest map, W = its channels, D = numbers of a point,
F = features, Q = numbers that are said of the codes.
"""

from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor, nn

from ganzoo.api import BadSetting, SampleSpec
from ganzoo.contracts import Verdict
from ganzoo.layers import base_of, norm_of, start_normal, widths_of
from ganzoo_infogan.options import InfoganOptions

LEAK = 0.1  # slope of the leaky ReLU below 0; the paper's


class InfoganDiscriminator(nn.Module):
    """D and Q on one trunk: strided convolutions for pictures, two hidden layers for points.

    `code` is the layout of what Q reads: the logits of each categorical in order, then the mean of each continuous
    code, then, with `spread = "learnt"`, the logarithm of each one's standard deviation.
    """

    def __init__(self, sample: SampleSpec, options: InfoganOptions) -> None:
        """Raises BadSetting for latents without codes, BadData for pictures that cannot be halved to 4…7 pixels."""
        super().__init__()
        self.code = sample.code
        if self.code.size == 0:
            raise BadSetting(
                "The discriminator `infogan` reads codes, and the latents have none; set latents.name=structured."
            )
        self.trunk, size = trunk_of(sample, options)
        said = self.code.size + (self.code.continuous if options.spread == "learnt" else 0)  # Q
        bias = options.norm == "none"
        self.to_logit = nn.Linear(size, 1, bias=bias)
        self.to_code = nn.Sequential(
            nn.Linear(size, options.head_width, bias=bias),
            norm_of(options.norm, options.head_width, maps=False),
            nn.LeakyReLU(LEAK),
            nn.Linear(options.head_width, said),
        )
        start_normal(self, options.weight_std)

    def forward(
        self,
        samples: Float[Tensor, "batch *sample"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Samples [N, S...] to logits [N], features [N, F] and code [N, Q]; labels are ignored."""
        features = self.trunk(samples).flatten(1)  # [N, F]
        return Verdict(self.to_logit(features)[:, 0], features, code=self.to_code(features))


def trunk_of(sample: SampleSpec, options: InfoganOptions) -> tuple[nn.Module, int]:
    """The layers before the heads, and F. Raises BadData for pictures that cannot be halved to 4…7 pixels."""
    if not sample.is_picture:
        sizes = [sample.size, options.width, options.width]
        return nn.Sequential(*(layer(nn.Linear(a, b), nn.Identity()) for a, b in pairwise(sizes))), options.width
    base, halvings = base_of(sample, "InfoGAN")
    widths = widths_of(options.width, options.widest, halvings)
    bias = options.norm == "none"

    def down(before: int, after: int) -> nn.Conv2d:
        return nn.Conv2d(before, after, options.kernel, 2, (options.kernel - 1) // 2, bias=bias)

    first = layer(down(sample.shape[0], widths[0]), nn.Identity())
    rest = (layer(down(a, b), norm_of(options.norm, b)) for a, b in pairwise(widths))
    return nn.Sequential(first, *rest), widths[-1] * base**2


def layer(weights: nn.Module, norm: nn.Module) -> nn.Module:
    return nn.Sequential(weights, norm, nn.LeakyReLU(LEAK))

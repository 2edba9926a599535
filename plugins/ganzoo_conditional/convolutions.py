"""What the convolutional networks have in common. Radford, Metz and Chintala (2016), arXiv:1511.06434, figure 1.

N = batch, C = channels of the input, S = side of a picture in pixels, B = side of the smallest map, W = its channels.
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from ganzoo.api import SampleSpec
from ganzoo.layers import LEAK, base_of, norm_of, widths_of
from ganzoo_conditional.options import DcganGeneratorOptions, TrunkOptions


class Trunk(nn.Module):
    """Strided convolutions that halve the side until it is small: the discriminator without its heads."""

    def __init__(self, sample: SampleSpec, channels: int, options: TrunkOptions) -> None:
        """For pictures of `channels` maps in all. Raises BadData for points, and sides that cannot be halved."""
        super().__init__()
        base, halvings = base_of(sample, "This network", "conditional-mlp")
        widths = widths_of(options.width, options.widest, halvings)  # 64 px, width 64: 64, 128, 256, 512
        bias = has_bias(options)

        def down(before: int, after: int) -> nn.Conv2d:
            return nn.Conv2d(before, after, options.kernel, 2, (options.kernel - 1) // 2, bias=bias)

        first = nn.Sequential(down(channels, widths[0]), nn.LeakyReLU(LEAK))
        rest = (nn.Sequential(down(a, b), norm_of(options.norm, b), nn.LeakyReLU(LEAK)) for a, b in pairwise(widths))
        self.downsample = nn.Sequential(first, *rest)
        self.size = widths[-1] * base**2  # of the features

    def forward(self, samples: Float[Tensor, "batch channels side side"]) -> Float[Tensor, "batch features"]:
        """Pictures [N, C, S, S] to features [N, W·B·B]."""
        return self.downsample(samples).flatten(1)


def has_bias(options: DcganGeneratorOptions | TrunkOptions) -> bool:
    """Whether layers have biases: only where no norm would take them off again, as in the authors' code."""
    return options.norm == "none"

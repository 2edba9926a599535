"""What the convolutional networks have in common. Radford, Metz and Chintala (2016), arXiv:1511.06434, figure 1.

N = batch, C = channels of the input, S = side of a picture in pixels, B = side of the smallest map, W = its channels.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganzoo.api import BadData, SampleSpec
from ganzoo_conditional.options import DcganGeneratorOptions, TrunkOptions

LEAK = 0.2  # slope of the leaky ReLU below 0
LARGEST_BASE = 7  # pixels; a map of an even side above it is halved again


class Trunk(nn.Module):
    """Strided convolutions that halve the side until it is small: the discriminator without its heads."""

    def __init__(self, sample: SampleSpec, channels: int, options: TrunkOptions) -> None:
        """For pictures of `channels` maps in all. Raises BadData for points, and sides that cannot be halved."""
        super().__init__()
        base, halvings = base_of(sample)
        widths = widths_of(options, halvings)  # 64 px, width 64: 64, 128, 256, 512
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


def base_of(sample: SampleSpec) -> tuple[int, int]:
    """The side of the smallest map in pixels, 4 to 7, and how often it is doubled to the picture's.

    Raises BadData where there is no such side.
    """
    if not sample.is_picture:
        raise BadData("This network is for pictures, and these samples are points; use the networks `conditional-mlp`.")
    _, height, width = sample.shape
    base, doublings = height, 0
    while base > LARGEST_BASE and base % 2 == 0:
        base, doublings = base // 2, doublings + 1
    if height != width or base > LARGEST_BASE or doublings == 0:
        raise BadData(
            f"This network doubles a square of 4 to {LARGEST_BASE} pixels, which never gives {height}×{width}; "
            "resize the pictures, to 28, 32, 48, 64 or 128 pixels for example."
        )
    return base, doublings


def widths_of(options: DcganGeneratorOptions | TrunkOptions, count: int) -> list[int]:
    """Channels of each map, from the largest map to the smallest."""
    return [min(options.width << n, options.widest) for n in range(count)]


def has_bias(options: DcganGeneratorOptions | TrunkOptions) -> bool:
    """Whether layers have biases: only where no norm would take them off again, as in the authors' code."""
    return options.norm == "none"


def norm_of(norm: str, width: int) -> nn.Module:
    """The norm of a map with that many channels; `layer` is over channels and pixels of one sample."""
    if norm == "batch":
        return nn.BatchNorm2d(width)
    return nn.GroupNorm(1, width) if norm == "layer" else nn.Identity()


@torch.no_grad()
def start_normal(network: nn.Module, std: float) -> None:
    """Draw weights from N(0, std²), those of batch norm from N(1, std²), and set biases to 0; 0 keeps torch's own."""
    if std == 0:
        return
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d) and layer.weight is not None:
            layer.weight.normal_(float(isinstance(layer, nn.BatchNorm2d)), std)
            if layer.bias is not None:
                layer.bias.zero_()

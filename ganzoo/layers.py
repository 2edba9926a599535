"""What the networks of several families share. Public; imports torch."""

import torch
from torch import nn

from ganzoo.core.errors import BadData
from ganzoo.core.specs import SampleSpec

LARGEST_BASE = 7  # pixels; a map of an even side above it is halved again
LEAK = 0.2  # slope of the leaky ReLU below 0, as in most discriminators since DCGAN
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, *BATCH_NORMS)


def base_of(sample: SampleSpec, who: str, instead: str = "mlp") -> tuple[int, int]:
    """The side of the smallest map in pixels, 4 to 7, and how often it is doubled to the picture's.

    Raises BadData, in the name of `who`, where there is no such side, and for points, which networks `instead` take.
    """
    if not sample.is_picture:
        raise BadData(f"{who} is for pictures, and these samples are points; use the networks `{instead}`.")
    _, height, width = sample.shape
    base, doublings = height, 0
    while base > LARGEST_BASE and base % 2 == 0:
        base, doublings = base // 2, doublings + 1
    if height != width or base > LARGEST_BASE or doublings == 0:
        raise BadData(
            f"{who} doubles a square of 4 to {LARGEST_BASE} pixels, which never gives {height}×{width}; "
            "resize the pictures, to 28, 32, 48, 64 or 128 pixels for example."
        )
    return base, doublings


def widths_of(width: int, widest: int, count: int) -> list[int]:
    """Channels of each of `count` maps, from the largest map to the smallest: doubled, up to the widest."""
    return [min(width << n, widest) for n in range(count)]


def norm_of(norm: str, width: int, *, maps: bool = True) -> nn.Module:
    """The norm of that many channels, of maps or of plain numbers: "batch", "layer" (all of one sample), or none."""
    if norm == "batch":
        return nn.BatchNorm2d(width) if maps else nn.BatchNorm1d(width)
    return nn.GroupNorm(1, width) if norm == "layer" else nn.Identity()


@torch.no_grad()
def start_normal(network: nn.Module, std: float) -> None:
    """Draw weights from N(0, std²), those of batch norm from N(1, std²), and set biases to 0.

    With a `std` of 0, keep torch's initialisation. Radford et al. (2016), arXiv:1511.06434, section 4.
    """
    if std == 0:
        return
    for layer in network.modules():
        if isinstance(layer, WEIGHTED) and layer.weight is not None:
            layer.weight.normal_(float(isinstance(layer, BATCH_NORMS)), std)
            if layer.bias is not None:
                layer.bias.zero_()

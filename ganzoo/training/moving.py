"""Real pictures mirrored and shifted, on the device where they are."""

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from ganzoo.contracts import Noise
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadSetting
from ganzoo.core.specs import SampleSpec


def check_moves(config: RunConfig, sample: SampleSpec) -> None:
    """Raise BadSetting for `mirror` and `shift` where samples are no pictures, or too small for the shift."""
    if not config.mirror and not config.shift:
        return
    if not sample.is_picture:
        raise BadSetting("The settings mirror and shift move pictures, and this data set holds points; leave them out.")
    least = min(sample.shape[1:])
    if config.shift >= least:
        raise BadSetting(
            f"A shift of {config.shift} needs pictures larger than that; set shift to {least - 1} or less."
        )


def moved(
    pictures: UInt8[Tensor, "batch channels height width"], noise: Noise, *, mirror: bool, shift: int
) -> UInt8[Tensor, "batch channels height width"]:
    """Each picture mirrored left to right with probability 1/2, and moved by -shift…shift pixels both down and across.

    What comes in at an edge is the picture reflected at the outermost pixel's centre: a generator learns whatever real
    pictures look like, and would draw black borders, or streaks of repeated pixels. The discriminator augmentation of
    Karras et al. (2020), arXiv:2006.06676, pads in the same way.
    """
    _, _, height, width = pictures.shape
    down, across = torch.arange(height, device=pictures.device)[None], torch.arange(width, device=pictures.device)[None]
    if shift:
        steps = (noise.uniform(2) * (2 * shift + 1)).long().clamp_(max=2 * shift) - shift  # [N, 2]
        down, across = reflected(down + steps[:, :1], height), reflected(across + steps[:, 1:], width)
    if mirror:
        across = torch.where(noise.uniform(1) < 0.5, width - 1 - across, across)
    places = (down[:, :, None] * width + across[:, None, :]).flatten(1)  # [N, H·W]
    return pictures.flatten(2).gather(2, places[:, None].expand(-1, pictures.shape[1], -1)).view(pictures.shape)


def reflected(places: Int[Tensor, "batch side"], side: int) -> Int[Tensor, "batch side"]:
    """Places in -side + 1…2·side - 2, on a line of `side` pixels with a mirror at the centre of each end's pixel."""
    return (side - 1) - ((side - 1) - places.abs()).abs()

"""Differentiable augmentation. Zhao et al. (2020), arXiv:2006.10738, section 3.3 and the authors' code.

N = batch, C = channels, H and W = height and width in pixels.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ganzoo.contracts import Noise
from ganzoo_augment.options import DiffAugmentOptions
from ganzoo_augment.pictures import Pictures, check_pictures, contrasted, cut_out, resampled, saturated, whole


class DiffAugment:
    """Every picture that the discriminator sees is changed, real or generated, so that none is there to be learnt by
    heart; and the generator is taught through the change, so that it does not learn to draw changed ones."""

    def __init__(self, options: DiffAugmentOptions) -> None:
        changes = {coloured: options.color, translated: options.translation, with_a_hole: options.cutout}
        self.changes = [change for change, wanted in changes.items() if wanted]

    def __call__(self, samples: Float[Tensor, "batch *sample"], noise: Noise) -> Float[Tensor, "batch *sample"]:
        """Pictures [N, C, H, W] in [-1, 1] to such pictures, in [-4.5, 4.5]. Raises BadData for points."""
        check_pictures(samples, "diffaugment")
        for change in self.changes:
            samples = change(samples, noise)
        return samples


def coloured(pictures: Pictures, noise: Noise) -> Pictures:
    """Brightness plus -0.5…0.5, saturation times 0…2, contrast times 0.5…1.5."""
    pictures = pictures + (noise.uniform(1, 1, 1) - 0.5)
    pictures = saturated(pictures, 2 * noise.uniform(1, 1, 1))
    return contrasted(pictures, 0.5 + noise.uniform(1, 1, 1))


def translated(pictures: Pictures, noise: Noise) -> Pictures:
    """Moved by -1/8…1/8 of the side, whole pixels, down and across; grey comes in."""
    places = []
    for axis, uniform in enumerate(noise.uniform(2).unbind(1)):
        side = pictures.shape[2 + axis]
        shift = whole(uniform, 2 * (side // 8) + 1) - side // 8  # [N]
        places.append(torch.arange(side, device=shift.device) - shift[:, None])
    return resampled(pictures, *places)


def with_a_hole(pictures: Pictures, noise: Noise) -> Pictures:
    """Grey in a square of half the side; its middle is anywhere in the picture, so that a part may lie outside."""
    sides = pictures.shape[2:]
    size = (sides[0] // 2, sides[1] // 2)
    middles = [
        whole(uniform, sides[axis] + 1 - size[axis] % 2)  # an even square's middle lies between pixels
        for axis, uniform in enumerate(noise.uniform(2).unbind(1))
    ]
    first = torch.stack([middle - size[axis] // 2 for axis, middle in enumerate(middles)], 1)  # [N, 2]
    return cut_out(pictures, first, size)

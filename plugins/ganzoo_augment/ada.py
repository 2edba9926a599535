"""Adaptive discriminator augmentation. Karras et al. (2020), arXiv:2006.06676, section 3 and appendix B.

N = batch, C = channels, H and W = height and width in pixels.
"""

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from ganzoo.api import BadData
from ganzoo.contracts import Noise, Play
from ganzoo_augment.options import AdaOptions
from ganzoo_augment.pictures import Pictures, check_pictures, reflected, resampled, saturated, whole

LARGEST_SHIFT = 0.125  # of the side
SCALE_STD, CONTRAST_STD, SATURATION_STD = 0.2, 0.5, 1.0  # of the logarithms to base 2
BRIGHTNESS_STD = 0.2


class Ada:
    """Each change is made to each picture with probability p, which grows while the discriminator is too sure.

    r_t = E sign D(x) of real x says how sure: 0 where D guesses, 1 where it knows all real pictures. p goes up where
    r_t is above the target, and down where it is below. Changes of p < 0.8 or so do not leak into what is generated.
    """

    def __init__(self, options: AdaOptions) -> None:
        self.options = options
        self.step = -1  # in which p was last looked at
        self.p = torch.zeros(())
        self.signs = torch.zeros(())  # sum of the means of `updates` batches
        self.updates = 0  # of the discriminator since p was changed

    def __call__(self, samples: Float[Tensor, "batch *sample"], noise: Noise) -> Float[Tensor, "batch *sample"]:
        """Pictures [N, C, H, W] to such pictures. Raises BadData for points, and where others than squares turn."""
        check_pictures(samples, "ada")
        if self.options.rotate and samples.shape[2] != samples.shape[3]:
            raise BadData(
                f"Pictures of {samples.shape[2]}×{samples.shape[3]} pixels cannot be turned by 90 degrees; "
                "--set augmentations.ada.rotate=false."
            )
        return self.coloured(self.moved(samples, noise), noise)

    def moved(self, pictures: Pictures, noise: Noise) -> Pictures:
        """Mirrored, turned, shifted and scaled, in this order; what comes in at an edge is the picture reflected."""
        mirrored = self.chosen(noise, self.options.flip) & (noise.uniform() < 0.5)
        turns = whole(noise.uniform(), 4) * self.chosen(noise, self.options.rotate)
        pictures, down, across = turned(pictures, turns, mirrored)
        shifts = (2 * noise.uniform(2) - 1) * LARGEST_SHIFT * self.chosen(noise, self.options.translate)[:, None]
        scale = self.factor(noise, self.options.scale, SCALE_STD)  # [N]
        places = []
        for axis, flipped in enumerate((down, across)):
            side = pictures.shape[2 + axis]
            centre = (side - 1) / 2
            place = (torch.arange(side, device=scale.device) - centre) / scale[:, None]  # from the centre
            place = place - (shifts[:, axis, None] * side).round()
            places.append(reflected(centre + place * torch.where(flipped, -1, 1)[:, None], side))
        return resampled(pictures, *places)

    def coloured(self, pictures: Pictures, noise: Noise) -> Pictures:
        """Brightness, contrast, luma and saturation, in this order."""
        added = BRIGHTNESS_STD * noise.normal() * self.chosen(noise, self.options.brightness)
        pictures = pictures + each(added)
        pictures = pictures * each(self.factor(noise, self.options.contrast, CONTRAST_STD))
        inverted = self.chosen(noise, self.options.luma_flip) & (noise.uniform() < 0.5)
        pictures = pictures - 2 * each(inverted.float()) * pictures.mean(1, keepdim=True)
        return saturated(pictures, each(self.factor(noise, self.options.saturation, SATURATION_STD)))

    def chosen(self, noise: Noise, wanted: bool) -> Bool[Tensor, "batch"]:
        """Which samples are changed: each with probability p, and none where the change is not wanted."""
        return noise.uniform() < self.p * wanted

    def factor(self, noise: Noise, wanted: bool, std: float) -> Float[Tensor, "batch"]:
        """2^s, s ~ N(0, std²), of the samples that are changed, and 1 of the others."""
        return (std * noise.normal() * self.chosen(noise, wanted)).exp2()

    @torch.no_grad()
    def adapt(self, play: Play) -> None:
        """Remember a batch's signs; before that, change p by what the last `interval` batches said.

        That is done in a later step, so that several processes have shared their sums, and decide alike.
        """
        assert play.on_real is not None, "the discriminator's update sees real samples"
        signs = play.on_real.logits.sign()
        self.p, self.signs = self.p.to(signs.device), self.signs.to(signs.device)
        if play.step != self.step and self.updates >= self.options.interval:
            too_sure = self.signs / self.updates - self.options.target
            self.p = (self.p + too_sure.sign() * self.updates / self.options.ramp).clamp(0, 1)
            self.signs, self.updates = torch.zeros_like(self.signs), 0
        self.signs = self.signs + signs.mean()
        self.updates += 1
        self.step = play.step

    def state_dict(self) -> dict[str, Tensor]:
        return {"p": self.p, "signs": self.signs, "updates": torch.tensor(self.updates)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.p, self.signs, self.updates = state["p"], state["signs"], int(state["updates"])


def turned(
    pictures: Pictures, turns: Int[Tensor, "batch"], mirrored: Bool[Tensor, "batch"]
) -> tuple[Pictures, Bool[Tensor, "batch"], Bool[Tensor, "batch"]]:
    """Pictures mirrored left to right, then turned by that many right angles, anticlockwise.

    They are returned transposed where that is a part of it, with whether they are still to be flipped down and across.
    """
    odd = turns % 2 == 1
    if pictures.shape[2] == pictures.shape[3]:
        pictures = torch.where(each(odd), pictures.transpose(2, 3), pictures)
    down = ((turns == 1) | (turns == 2)) ^ (odd & mirrored)  # a transposed mirror image is one upside down
    across = (turns >= 2) ^ (~odd & mirrored)
    return pictures, down, across


def each(numbers: Shaped[Tensor, "batch"]) -> Shaped[Tensor, "batch 1 1 1"]:
    return numbers[:, None, None, None]

"""What a recipe can set of the augmentations."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from ganzoo.api import Count


@dataclass(frozen=True, slots=True)
class DiffAugmentOptions:
    color: bool = True  # brightness by up to 0.5 either way, saturation 0…2 times, contrast 0.5…1.5 times
    translation: bool = True  # by up to an eighth of the side, down and across
    cutout: bool = True  # a square of half the side is grey


@dataclass(frozen=True, slots=True)
class AdaOptions:
    target: Annotated[float, Meta(gt=-1, lt=1)] = 0.6  # r_t: E sign D(x) of real x that p shall keep
    ramp: Count = 7800  # discriminator updates in which p can go from 0 to 1
    interval: Count = 4  # discriminator updates from one change of p to the next
    flip: bool = True  # left and right swapped, in half of the cases
    rotate: bool = True  # by 0, 90, 180 or 270 degrees; for squares
    translate: bool = True  # by whole pixels, up to an eighth of the side, down and across
    scale: bool = True  # by 2^s, s ~ N(0, 0.2²)
    brightness: bool = True  # plus b ~ N(0, 0.2²)
    contrast: bool = True  # times 2^c, c ~ N(0, 0.5²)
    luma_flip: bool = True  # light and dark swapped, colours kept, in half of the cases
    saturation: bool = True  # times 2^s, s ~ N(0, 1)

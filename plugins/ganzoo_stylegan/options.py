"""What a recipe can set of the networks, and of the path length's penalty."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from ganzoo.api import Count, Natural, NotNegative, Positive

Fraction = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class StyleGeneratorOptions:
    width: Count = 64  # channels of the largest map; doubled with each halving of the side
    widest: Count = 512  # channels that no map exceeds
    style_size: Count = 512  # numbers in w
    mapping_layers: Count = 8  # from z to w
    mapping_rate: Positive = 0.01  # factor of the learning rate within the mapping
    mixing: Fraction = 0.9  # share of the samples in training that have styles of two w; takes one latent, unless 0
    noise_size: Natural = 8  # last latents, which make the noise of all layers; 0 = no noise


@dataclass(frozen=True, slots=True)
class StyleDiscriminatorOptions:
    width: Count = 64  # channels of the largest map; doubled with each halving of the side
    widest: Count = 512  # channels that no map exceeds
    group: Count = 4  # most samples among which the standard deviation is taken; 1 = it is always 0


@dataclass(frozen=True, slots=True)
class PathLengthOptions:
    weight: NotNegative = 2.0  # γ_pl
    decay: Annotated[float, Meta(gt=0, le=1)] = 0.01  # share of the newest length in the mean of lengths
    shrink: Count = 2  # the penalty looks at this part of the batch: 2 = half of it
    interval: Count = 4  # generator updates from one penalty to the next

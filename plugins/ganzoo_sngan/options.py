"""What a recipe can set of the residual networks."""

from dataclasses import dataclass
from typing import Literal

from ganzoo.api import Count, Natural


@dataclass(frozen=True, slots=True)
class ResnetGeneratorOptions:
    width: Count = 64  # channels of the map before the picture; doubled with each halving of the side
    widest: Count = 1024  # channels that no map exceeds
    attention: Natural = 0  # pixels, side of the map that gets self-attention; 0 = none
    spectral_norm: bool = False  # whether every layer is divided by its spectral norm, beside batch norm


@dataclass(frozen=True, slots=True)
class ResnetDiscriminatorOptions:
    width: Count = 64  # channels of the first map; doubled with each halving of the side
    widest: Count = 1024  # channels that no map exceeds
    halvings: Natural = 0  # blocks that halve the side; 0 = as many as lead to 4 to 7 pixels
    flat: Natural = 1  # blocks after those, which keep the side
    norm: Literal["spectral", "none"] = "spectral"  # of every layer
    attention: Natural = 0  # pixels, side of the map that gets self-attention; 0 = none

"""What a recipe can set of the convolutional networks."""

from dataclasses import dataclass
from typing import Literal

from ganzoo.api import Count, NotNegative


@dataclass(frozen=True, slots=True)
class DcganGeneratorOptions:
    width: Count = 64  # channels of the map before the picture; doubled with each halving of the side
    widest: Count = 1024  # channels that no map exceeds
    kernel: Literal[4, 5] = 4  # pixels; the authors' code has 5
    norm: Literal["batch", "none"] = "batch"  # of every layer but the last
    weight_std: NotNegative = 0.02  # weights from N(0, s²), batch norm's from N(1, s²); 0 = torch's own initialisation


@dataclass(frozen=True, slots=True)
class DcganDiscriminatorOptions:
    width: Count = 64  # channels of the first map; doubled with each halving of the side
    widest: Count = 1024  # channels that no map exceeds
    kernel: Literal[4, 5] = 4  # pixels; the authors' code has 5
    norm: Literal["batch", "layer", "none"] = "batch"  # of every layer but the first and the last
    weight_std: NotNegative = 0.02  # weights from N(0, s²), batch norm's from N(1, s²); 0 = torch's own initialisation

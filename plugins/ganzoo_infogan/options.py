"""What a recipe can set of the structured prior, of the discriminator that reads codes, and of their bond."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from ganzoo.api import Count, Natural, NotNegative


@dataclass(frozen=True, slots=True)
class StructuredOptions:
    categories: tuple[Annotated[int, Meta(ge=2, le=4096)], ...] = (10,)  # values of each categorical code
    continuous: Natural = 2  # codes from U(-1, 1)
    noise: Natural = 62  # numbers that nobody reads back
    distribution: Literal["uniform", "normal"] = "uniform"  # of the noise: U(-1, 1) or N(0, 1)


@dataclass(frozen=True, slots=True)
class InfoganOptions:
    width: Count = 64  # pictures: channels of the first map, doubled with each halving; points: units of a layer
    widest: Count = 1024  # channels that no map exceeds
    kernel: Literal[4, 5] = 4  # pixels
    norm: Literal["batch", "layer", "none"] = "batch"  # of every layer but the first and the last
    weight_std: NotNegative = 0.02  # weights from N(0, s²), batch norm's from N(1, s²); 0 = torch's own initialisation
    head_width: Count = 128  # units of the hidden layer of Q
    spread: Literal["unit", "learnt"] = "unit"  # standard deviation of Q for continuous codes: 1, or said by Q


@dataclass(frozen=True, slots=True)
class MutualInformationOptions:
    categorical_weight: NotNegative = 1.0  # λ, for the information on categorical codes
    continuous_weight: NotNegative = 1.0  # λ, for that on continuous ones; less where Q says its spread

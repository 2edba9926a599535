"""What a recipe can set of conditional networks and of the auxiliary classifier."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from ganzoo.api import Count, Natural, NotNegative

Probability = Annotated[float, Meta(ge=0, lt=1)]


@dataclass(frozen=True, slots=True)
class MlpGeneratorOptions:
    width: Count = 256  # units of each hidden layer
    depth: Count = 2  # hidden layers
    label_width: Natural = 0  # numbers that are learnt for each label; 0 = one-hot


@dataclass(frozen=True, slots=True)
class MlpDiscriminatorOptions:
    width: Count = 256  # units of each hidden layer
    depth: Count = 2  # hidden layers
    dropout: Probability = 0.0  # share of each hidden layer's units that is dropped
    label_width: Natural = 0  # numbers that are learnt for each label; 0 = one-hot


@dataclass(frozen=True, slots=True)
class DcganGeneratorOptions:
    width: Count = 64  # channels of the map before the picture; doubled with each halving of the side
    widest: Count = 1024  # channels that no map exceeds
    kernel: Literal[4, 5] = 4  # pixels
    norm: Literal["batch", "conditional", "none"] = "batch"  # conditional = labels scale and shift the maps, no more
    weight_std: NotNegative = 0.02  # weights from N(0, s²), batch norm's from N(1, s²); 0 = torch's own initialisation
    label_width: Natural = 0  # numbers that are learnt for each label and joined with the latent; 0 = one-hot


@dataclass(frozen=True, slots=True)
class TrunkOptions:
    width: Count = 64  # channels of the first map; doubled with each halving of the side
    widest: Count = 1024  # channels that no map exceeds
    kernel: Literal[4, 5] = 4  # pixels
    norm: Literal["batch", "layer", "none"] = "batch"  # of every layer but the first and the last
    weight_std: NotNegative = 0.02  # weights from N(0, s²), batch norm's from N(1, s²); 0 = torch's own initialisation


@dataclass(frozen=True, slots=True)
class DcganDiscriminatorOptions(TrunkOptions):
    label_width: Natural = 0  # maps that are learnt for each label and joined with the picture; 0 = one-hot


@dataclass(frozen=True, slots=True)
class ProjectionOptions(TrunkOptions):
    norm: Literal["layer", "none"] = "none"  # of every layer but the first and the last; goes with spectral norm
    weight_std: NotNegative = 0.0  # weights from N(0, s²); 0 = torch's own initialisation


@dataclass(frozen=True, slots=True)
class AuxiliaryClassifierOptions:
    discriminator_weight: NotNegative = 1.0  # of the classes of real and of fake samples, each
    generator_weight: NotNegative = 1.0  # of the classes of fake samples

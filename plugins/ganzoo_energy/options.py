"""What a recipe can set of auto-encoders and of the losses on their energy."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from ganzoo.api import Count, NotNegative, Positive

Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class AutoEncoderOptions:
    form: Literal["auto", "convolutional", "mlp"] = "auto"  # auto = convolutional for pictures, mlp for points
    code: Count = 32  # numbers between encoder and decoder
    width: Count = (
        16  # convolutional: channels of the largest map, of which a map of 1/2ⁿ of the side has n times as many
    )
    units: Count = 256  # mlp: units of the hidden layer on either side
    error: Literal["squared", "absolute"] = "squared"  # of a number of the sample; the energy is the mean over all


@dataclass(frozen=True, slots=True)
class EbganOptions:
    margin: Positive = 0.2  # m, energy above which generated samples are let alone; in the unit of the energy


@dataclass(frozen=True, slots=True)
class BeganOptions:
    gamma: Share = 0.5  # γ, energy of generated samples by that of real ones; a smaller one gives less variety
    rate: NotNegative = 0.001  # λ_k, of k's steps
    k: Share = 0.0  # at the start: weight of the generated samples in the discriminator's loss


@dataclass(frozen=True, slots=True)
class PullingAwayOptions:
    weight: NotNegative = 0.1

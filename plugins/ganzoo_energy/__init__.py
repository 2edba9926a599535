"""Discriminators that are auto-encoders, and the losses on their energy: EBGAN and BEGAN.

Zhao, Mathieu and LeCun (2017), arXiv:1609.03126; Berthelot, Schumm and Metz (2017), arXiv:1703.10717.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import DiscriminatorSpec, LossSpec, RegularizerSpec, SampleSpec, hookimpl
from ganzoo_energy.options import AutoEncoderOptions, BeganOptions, EbganOptions, PullingAwayOptions

if TYPE_CHECKING:
    from torch import nn

    from ganzoo.contracts import Loss, Regularizer

EBGAN = "arXiv:1609.03126"
BEGAN = "arXiv:1703.10717"


@hookimpl
def ganzoo_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="auto-encoder",
            summary="Repeats a sample; how far off it is, is the energy that ebgan and began want. Pictures or points",
            source=EBGAN,
            options=AutoEncoderOptions,
            build=build_auto_encoder,
            row_wise=True,
        )
    ]


@hookimpl
def ganzoo_losses() -> list[LossSpec]:
    return [
        LossSpec(
            name="ebgan",
            summary="Low energy of real samples, and energy up to a margin of fake ones",
            source=EBGAN,
            options=EbganOptions,
            build=build_ebgan,
        ),
        LossSpec(
            name="began",
            summary="Low energy of real samples, and a balance that keeps that of fake ones in proportion",
            source=BEGAN,
            options=BeganOptions,
            build=build_began,
        ),
    ]


@hookimpl
def ganzoo_regularizers() -> list[RegularizerSpec]:
    return [
        RegularizerSpec(
            name="pulling-away",
            summary="Keeps the features of generated samples at right angles to each other",
            source=EBGAN,
            options=PullingAwayOptions,
            build=build_pulling_away,
        )
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_auto_encoder(sample: SampleSpec, options: AutoEncoderOptions) -> "nn.Module":
    from ganzoo_energy.networks import AutoEncoder

    return AutoEncoder(sample, options)


def build_ebgan(options: EbganOptions) -> "Loss":
    from ganzoo_energy.losses import Ebgan

    return Ebgan(options)


def build_began(options: BeganOptions) -> "Loss":
    from ganzoo_energy.losses import Began

    return Began(options)


def build_pulling_away(options: PullingAwayOptions) -> "Regularizer":
    from ganzoo_energy.regularizers import PullingAway

    return PullingAway(options)

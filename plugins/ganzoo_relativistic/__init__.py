"""Relativistic losses, the penalties R1 and R2, and R3GAN, which is made of both.

Jolicoeur-Martineau (2018), arXiv:1807.00734; Mescheder, Geiger and Nowozin (2018), arXiv:1801.04406; Huang, Gokaslan,
Kuleshov and Tompkin (2024), arXiv:2501.05441.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import DiscriminatorSpec, GeneratorSpec, LossSpec, NoOptions, RegularizerSpec, SampleSpec, hookimpl
from ganzoo_relativistic.options import PenaltyOptions, R3ganOptions

if TYPE_CHECKING:
    from torch import nn

    from ganzoo.contracts import Loss, Regularizer

RELATIVISTIC = "arXiv:1807.00734"
CONVERGENCE = "arXiv:1801.04406"
R3GAN = "arXiv:2501.05441"


@hookimpl
def ganzoo_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="r3gan",
            summary="Residual blocks of grouped convolutions without norm; square pictures of 8 pixels or more",
            source=R3GAN,
            options=R3ganOptions,
            build=build_generator,
        )
    ]


@hookimpl
def ganzoo_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="r3gan",
            summary="The same blocks the other way round, without norm; also a critic",
            source=R3GAN,
            options=R3ganOptions,
            build=build_discriminator,
            row_wise=True,
        )
    ]


@hookimpl
def ganzoo_losses() -> list[LossSpec]:
    return [
        LossSpec(
            name="relativistic-pairing",
            summary="Logistic loss on the difference between a real and a fake logit, pair by pair",
            source=RELATIVISTIC,
            build=build_pairing,
        ),
        LossSpec(
            name="relativistic-average",
            summary="Logistic loss on the difference between a logit and the mean of the other kind",
            source=RELATIVISTIC,
            build=build_average,
        ),
    ]


@hookimpl
def ganzoo_regularizers() -> list[RegularizerSpec]:
    return [
        RegularizerSpec(
            name="r1",
            summary="Penalises the discriminator's slope at real samples; for any loss",
            source=CONVERGENCE,
            options=PenaltyOptions,
            build=build_r1,
        ),
        RegularizerSpec(
            name="r2",
            summary="Penalises the discriminator's slope at fake samples; for any loss",
            source=CONVERGENCE,
            options=PenaltyOptions,
            build=build_r2,
        ),
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_generator(sample: SampleSpec, latent_size: int, options: R3ganOptions) -> "nn.Module":
    from ganzoo_relativistic.networks import R3ganGenerator

    return R3ganGenerator(sample, latent_size, options)


def build_discriminator(sample: SampleSpec, options: R3ganOptions) -> "nn.Module":
    from ganzoo_relativistic.networks import R3ganDiscriminator

    return R3ganDiscriminator(sample, options)


def build_pairing(_options: NoOptions) -> "Loss":
    from ganzoo_relativistic.losses import RelativisticPairing

    return RelativisticPairing()


def build_average(_options: NoOptions) -> "Loss":
    from ganzoo_relativistic.losses import RelativisticAverage

    return RelativisticAverage()


def build_r1(options: PenaltyOptions) -> "Regularizer":
    from ganzoo_relativistic.regularizers import R1

    return R1(options)


def build_r2(options: PenaltyOptions) -> "Regularizer":
    from ganzoo_relativistic.regularizers import R2

    return R2(options)

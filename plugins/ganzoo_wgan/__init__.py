"""The Wasserstein loss and penalties on a critic's slope. Arjovsky et al. (2017), arXiv:1701.07875, and after it."""

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import LossSpec, NoOptions, RegularizerSpec, hookimpl
from ganzoo_wgan.options import ClippingOptions, DraganOptions, GradientPenaltyOptions

if TYPE_CHECKING:
    from ganzoo.contracts import Loss, Regularizer

WGAN = "arXiv:1701.07875"
WGAN_GP = "arXiv:1704.00028"
DRAGAN = "arXiv:1705.07215"


@hookimpl
def ganzoo_losses() -> list[LossSpec]:
    return [
        LossSpec(
            name="wasserstein",
            summary="Means of a critic's scores, which need a penalty or clipping beside them",
            source=WGAN,
            build=build_wasserstein,
        )
    ]


@hookimpl
def ganzoo_regularizers() -> list[RegularizerSpec]:
    return [
        RegularizerSpec(
            name="weight-clipping",
            summary="Cuts the critic's weights to a small range after each of its steps",
            source=WGAN,
            options=ClippingOptions,
            build=build_clipping,
        ),
        RegularizerSpec(
            name="gradient-penalty",
            summary="Pulls the critic's slope towards 1 between real and fake samples, as in WGAN-GP",
            source=WGAN_GP,
            options=GradientPenaltyOptions,
            build=build_gradient_penalty,
        ),
        RegularizerSpec(
            name="dragan",
            summary="Pulls the discriminator's slope towards 1 around real samples; for any loss",
            source=DRAGAN,
            options=DraganOptions,
            build=build_dragan,
        ),
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_wasserstein(_options: NoOptions) -> "Loss":
    from ganzoo_wgan.losses import Wasserstein

    return Wasserstein()


def build_clipping(options: ClippingOptions) -> "Regularizer":
    from ganzoo_wgan.regularizers import WeightClipping

    return WeightClipping(options)


def build_gradient_penalty(options: GradientPenaltyOptions) -> "Regularizer":
    from ganzoo_wgan.regularizers import GradientPenalty

    return GradientPenalty(options)


def build_dragan(options: DraganOptions) -> "Regularizer":
    from ganzoo_wgan.regularizers import Dragan

    return Dragan(options)

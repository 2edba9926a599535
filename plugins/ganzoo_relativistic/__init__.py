"""Relativistic losses and the penalties R1 and R2.

Jolicoeur-Martineau (2018), arXiv:1807.00734; Mescheder, Geiger and Nowozin (2018), arXiv:1801.04406.
"""

from typing import TYPE_CHECKING

from ganzoo.api import LossSpec, NoOptions, RegularizerSpec, hookimpl
from ganzoo_relativistic.options import PenaltyOptions

if TYPE_CHECKING:
    from ganzoo.contracts import Loss, Regularizer

RELATIVISTIC = "arXiv:1807.00734"
CONVERGENCE = "arXiv:1801.04406"


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

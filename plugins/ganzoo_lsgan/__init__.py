"""Least squares in the place of the logistic loss. Mao et al. (2017), arXiv:1611.04076."""

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import LossSpec, hookimpl
from ganzoo_lsgan.options import LeastSquaresOptions

if TYPE_CHECKING:
    from ganzoo.contracts import Loss

LSGAN = "arXiv:1611.04076"


@hookimpl
def ganzoo_losses() -> list[LossSpec]:
    return [
        LossSpec(
            name="least-squares",
            summary="Squared distances of scores from targets, whose gradient does not fade far from them",
            source=LSGAN,
            options=LeastSquaresOptions,
            build=build_least_squares,
        )
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_least_squares(options: LeastSquaresOptions) -> "Loss":
    from ganzoo_lsgan.losses import LeastSquares

    return LeastSquares(options)

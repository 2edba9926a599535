"""f-GANs: any f-divergence as a game. Nowozin, Cseke and Tomioka (2016), arXiv:1606.00709."""

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import LossSpec, hookimpl
from ganzoo_fgan.options import FDivergenceOptions

if TYPE_CHECKING:
    from ganzoo.contracts import Loss

FGAN = "arXiv:1606.00709"


@hookimpl
def ganzoo_losses() -> list[LossSpec]:
    return [
        LossSpec(
            name="f-divergence",
            summary="A lower bound of an f-divergence: KL, reverse KL, Pearson, Hellinger, Jensen-Shannon, or GAN's",
            source=FGAN,
            options=FDivergenceOptions,
            build=build_f_divergence,
        )
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_f_divergence(options: FDivergenceOptions) -> "Loss":
    from ganzoo_fgan.losses import FDivergence

    return FDivergence(options)

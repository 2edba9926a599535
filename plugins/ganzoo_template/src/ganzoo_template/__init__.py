"""One loss, and a recipe that uses it. This file imports no torch, so that `ganzoo list` is quick."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import LossSpec, hookimpl

if TYPE_CHECKING:
    from ganzoo_template.loss import OneSidedSmoothing


@dataclass(frozen=True, slots=True)
class SmoothingOptions:
    target: float = 0.9  # what the discriminator shall say of real samples; 1 = no smoothing


def build_loss(options: SmoothingOptions) -> "OneSidedSmoothing":
    from ganzoo_template.loss import OneSidedSmoothing

    return OneSidedSmoothing(options.target)


@hookimpl
def ganzoo_losses() -> list[LossSpec]:
    return [
        LossSpec(
            name="one-sided-smoothing",
            summary="The logistic loss with a target below 1 for real samples",
            source="arXiv:1606.03498",
            options=SmoothingOptions,
            build=build_loss,
        )
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))

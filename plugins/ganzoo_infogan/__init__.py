"""GANs whose latents have parts that mean something. Chen et al. (2016), arXiv:1606.03657."""

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import DiscriminatorSpec, LatentsSpec, RegularizerSpec, SampleSpec, hookimpl
from ganzoo_infogan.options import InfoganOptions, MutualInformationOptions, StructuredOptions

if TYPE_CHECKING:
    from torch import nn

    from ganzoo.contracts import Regularizer
    from ganzoo.latents import Latents

INFOGAN = "arXiv:1606.03657"


@hookimpl
def ganzoo_latents() -> list[LatentsSpec]:
    return [
        LatentsSpec(
            name="structured",
            summary="One-hot categories and uniform codes that a discriminator may read back, then noise",
            source=INFOGAN,
            options=StructuredOptions,
            build=build_structured,
        )
    ]


@hookimpl
def ganzoo_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="infogan",
            summary="Strided convolutions, or linear layers for points, with a second head that reads codes",
            source=INFOGAN,
            options=InfoganOptions,
            build=build_discriminator,
            says=("code",),
        )
    ]


@hookimpl
def ganzoo_regularizers() -> list[RegularizerSpec]:
    return [
        RegularizerSpec(
            name="mutual-information",
            summary="Both players make codes readable from samples; needs latents structured, discriminator infogan",
            source=INFOGAN,
            options=MutualInformationOptions,
            build=build_mutual_information,
            teaches=("code",),
        )
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_structured(options: StructuredOptions) -> "Latents":
    from ganzoo_infogan.priors import Structured

    return Structured(options)


def build_discriminator(sample: SampleSpec, options: InfoganOptions) -> "nn.Module":
    from ganzoo_infogan.networks import InfoganDiscriminator

    return InfoganDiscriminator(sample, options)


def build_mutual_information(options: MutualInformationOptions) -> "Regularizer":
    from ganzoo_infogan.regularizers import MutualInformation

    return MutualInformation(options)

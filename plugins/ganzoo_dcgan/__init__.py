"""Convolutional generators and discriminators. Radford, Metz and Chintala (2016), arXiv:1511.06434."""

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import DiscriminatorSpec, GeneratorSpec, SampleSpec, hookimpl
from ganzoo_dcgan.options import DcganDiscriminatorOptions, DcganGeneratorOptions

if TYPE_CHECKING:
    from torch import nn

DCGAN = "arXiv:1511.06434"


@hookimpl
def ganzoo_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="dcgan",
            summary="Transposed convolutions with batch norm and ReLU; square pictures of 8 pixels or more",
            source=DCGAN,
            options=DcganGeneratorOptions,
            build=build_generator,
        )
    ]


@hookimpl
def ganzoo_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="dcgan",
            summary="Strided convolutions with leaky ReLU, with or without batch norm; also a critic",
            source=DCGAN,
            options=DcganDiscriminatorOptions,
            build=build_discriminator,
        )
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_generator(sample: SampleSpec, latent_size: int, options: DcganGeneratorOptions) -> "nn.Module":
    from ganzoo_dcgan.networks import DcganGenerator

    return DcganGenerator(sample, latent_size, options)


def build_discriminator(sample: SampleSpec, options: DcganDiscriminatorOptions) -> "nn.Module":
    from ganzoo_dcgan.networks import DcganDiscriminator

    return DcganDiscriminator(sample, options)

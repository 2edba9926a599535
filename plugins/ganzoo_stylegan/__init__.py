"""Generators with styles, and what trains them. Karras et al. (2020), arXiv:1912.04958."""

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import DiscriminatorSpec, GeneratorSpec, RegularizerSpec, SampleSpec, hookimpl
from ganzoo_stylegan.options import PathLengthOptions, StyleDiscriminatorOptions, StyleGeneratorOptions

if TYPE_CHECKING:
    from torch import nn

    from ganzoo.contracts import Regularizer

STYLEGAN2 = "arXiv:1912.04958"


@hookimpl
def ganzoo_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="stylegan2",
            summary="Styles scale the weights of convolutions; square pictures of 8 pixels or more",
            source=STYLEGAN2,
            options=StyleGeneratorOptions,
            build=build_generator,
            truncates=True,
        )
    ]


@hookimpl
def ganzoo_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="stylegan2",
            summary="Residual convolutions that also see how much the samples of a batch differ",
            source=STYLEGAN2,
            options=StyleDiscriminatorOptions,
            build=build_discriminator,
        )
    ]


@hookimpl
def ganzoo_regularizers() -> list[RegularizerSpec]:
    return [
        RegularizerSpec(
            name="path-length",
            summary="Lets equal steps between styles change pictures equally; for the generator",
            source=STYLEGAN2,
            options=PathLengthOptions,
            build=build_path_length,
        )
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_generator(sample: SampleSpec, latent_size: int, options: StyleGeneratorOptions) -> "nn.Module":
    from ganzoo_stylegan.generator import StyleGenerator

    return StyleGenerator(sample, latent_size, options)


def build_discriminator(sample: SampleSpec, options: StyleDiscriminatorOptions) -> "nn.Module":
    from ganzoo_stylegan.discriminator import StyleDiscriminator

    return StyleDiscriminator(sample, options)


def build_path_length(options: PathLengthOptions) -> "Regularizer":
    from ganzoo_stylegan.regularizers import PathLength

    return PathLength(options)

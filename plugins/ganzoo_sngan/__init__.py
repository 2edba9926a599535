"""Spectral norm, residual networks, self-attention and the hinge loss. Miyato et al. (2018), arXiv:1802.05957."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import (
    DiscriminatorSpec,
    GeneratorSpec,
    LossSpec,
    NoOptions,
    SampleSpec,
    WrapperSpec,
    hookimpl,
)
from ganzoo_sngan.options import ResnetDiscriminatorOptions, ResnetGeneratorOptions

if TYPE_CHECKING:
    from torch import nn

    from ganzoo.contracts import Loss

SNGAN = "arXiv:1802.05957"
GEOMETRIC = "arXiv:1705.02894"


@hookimpl
def ganzoo_losses() -> list[LossSpec]:
    return [
        LossSpec(
            name="hinge",
            summary="Margins of 1 for real and fake samples, beyond which the discriminator learns no more",
            source=GEOMETRIC,
            build=build_hinge,
        )
    ]


@hookimpl
def ganzoo_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="resnet",
            summary="Residual blocks with batch norm; spectral norm and self-attention where asked for",
            source=SNGAN,
            options=ResnetGeneratorOptions,
            build=build_generator,
        )
    ]


@hookimpl
def ganzoo_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="resnet",
            summary="Residual blocks with spectral norm, and self-attention where asked for; also a critic",
            source=SNGAN,
            options=ResnetDiscriminatorOptions,
            build=build_discriminator,
            row_wise=True,
        )
    ]


@hookimpl
def ganzoo_wrappers() -> list[WrapperSpec]:
    return [
        WrapperSpec(
            name="spectral-norm",
            summary="Spectral norm on every linear layer and convolution of any discriminator",
            source=SNGAN,
            build=build_spectral_norm,
            row_wise=True,
        )
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_hinge(_options: NoOptions) -> "Loss":
    from ganzoo_sngan.losses import Hinge

    return Hinge()


def build_generator(sample: SampleSpec, latent_size: int, options: ResnetGeneratorOptions) -> "nn.Module":
    from ganzoo_sngan.networks import ResnetGenerator

    return ResnetGenerator(sample, latent_size, options)


def build_discriminator(sample: SampleSpec, options: ResnetDiscriminatorOptions) -> "nn.Module":
    from ganzoo_sngan.networks import ResnetDiscriminator

    return ResnetDiscriminator(sample, options)


def build_spectral_norm(
    inner: "Callable[[SampleSpec], nn.Module]", sample: SampleSpec, _options: NoOptions
) -> "nn.Module":
    from ganzoo_sngan.spectral import add_spectral_norm

    return add_spectral_norm(inner(sample))

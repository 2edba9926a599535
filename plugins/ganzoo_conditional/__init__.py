"""GANs that are told what to draw: labels in, projected or classified. Mirza and Osindero (2014), and after them."""

from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.api import DiscriminatorSpec, GeneratorSpec, RegularizerSpec, SampleSpec, hookimpl
from ganzoo_conditional.options import (
    AuxiliaryClassifierOptions,
    DcganDiscriminatorOptions,
    DcganGeneratorOptions,
    MlpDiscriminatorOptions,
    MlpGeneratorOptions,
    ProjectionOptions,
    TrunkOptions,
)

if TYPE_CHECKING:
    from torch import nn

    from ganzoo.contracts import Regularizer

CGAN = "arXiv:1411.1784"
ACGAN = "arXiv:1610.09585"
PROJECTION = "arXiv:1802.05637"


@hookimpl
def ganzoo_generators() -> list[GeneratorSpec]:
    return [
        GeneratorSpec(
            name="conditional-mlp",
            summary="Linear layers on latent and label side by side; any kind of samples with classes",
            source=CGAN,
            options=MlpGeneratorOptions,
            build=build_mlp_generator,
            conditional=True,
        ),
        GeneratorSpec(
            name="conditional-dcgan",
            summary="Transposed convolutions told the label with the latent or in batch norm; pictures with classes",
            source=CGAN,
            options=DcganGeneratorOptions,
            build=build_dcgan_generator,
            conditional=True,
        ),
    ]


@hookimpl
def ganzoo_discriminators() -> list[DiscriminatorSpec]:
    return [
        DiscriminatorSpec(
            name="conditional-mlp",
            summary="Linear layers on sample and label side by side; any kind of samples with classes",
            source=CGAN,
            options=MlpDiscriminatorOptions,
            build=build_mlp_discriminator,
            row_wise=True,
            conditional=True,
        ),
        DiscriminatorSpec(
            name="conditional-dcgan",
            summary="Strided convolutions that see the label as maps beside the picture",
            source=CGAN,
            options=DcganDiscriminatorOptions,
            build=build_dcgan_discriminator,
            conditional=True,
        ),
        DiscriminatorSpec(
            name="projection",
            summary="Strided convolutions whose features are projected on a vector of the label's own",
            source=PROJECTION,
            options=ProjectionOptions,
            build=build_projection,
            row_wise=True,
            conditional=True,
        ),
        DiscriminatorSpec(
            name="classifying",
            summary="Strided convolutions that also say the class, for the regularizer auxiliary-classifier",
            source=ACGAN,
            options=TrunkOptions,
            build=build_classifying,
            conditional=True,
            says=("class_logits",),
        ),
    ]


@hookimpl
def ganzoo_regularizers() -> list[RegularizerSpec]:
    return [
        RegularizerSpec(
            name="auxiliary-classifier",
            summary="The discriminator learns to say classes, the generator to draw what is classified rightly",
            source=ACGAN,
            options=AuxiliaryClassifierOptions,
            build=build_auxiliary_classifier,
            teaches=("class_logits",),
        )
    ]


@hookimpl
def ganzoo_recipes() -> list[Path]:
    return sorted((Path(__file__).parent / "recipes").glob("*.toml"))


def build_mlp_generator(sample: SampleSpec, latent_size: int, options: MlpGeneratorOptions) -> "nn.Module":
    from ganzoo_conditional.perceptrons import ConditionalMlpGenerator

    return ConditionalMlpGenerator(sample, latent_size, options)


def build_mlp_discriminator(sample: SampleSpec, options: MlpDiscriminatorOptions) -> "nn.Module":
    from ganzoo_conditional.perceptrons import ConditionalMlpDiscriminator

    return ConditionalMlpDiscriminator(sample, options)


def build_dcgan_generator(sample: SampleSpec, latent_size: int, options: DcganGeneratorOptions) -> "nn.Module":
    from ganzoo_conditional.networks import ConditionalDcganGenerator

    return ConditionalDcganGenerator(sample, latent_size, options)


def build_dcgan_discriminator(sample: SampleSpec, options: DcganDiscriminatorOptions) -> "nn.Module":
    from ganzoo_conditional.networks import ConditionalDcganDiscriminator

    return ConditionalDcganDiscriminator(sample, options)


def build_projection(sample: SampleSpec, options: ProjectionOptions) -> "nn.Module":
    from ganzoo_conditional.networks import ProjectionDiscriminator

    return ProjectionDiscriminator(sample, options)


def build_classifying(sample: SampleSpec, options: TrunkOptions) -> "nn.Module":
    from ganzoo_conditional.networks import ClassifyingDiscriminator

    return ClassifyingDiscriminator(sample, options)


def build_auxiliary_classifier(options: AuxiliaryClassifierOptions) -> "Regularizer":
    from ganzoo_conditional.regularizers import AuxiliaryClassifier

    return AuxiliaryClassifier(options)

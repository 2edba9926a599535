"""How good generated samples are: the usual metrics, in numpy. What computes them is imported when they are built."""

from typing import TYPE_CHECKING

from ganzoo.api import MetricSpec, NoOptions, hookimpl
from ganzoo_metrics.options import (
    DensityCoverageOptions,
    InceptionScoreOptions,
    KernelOptions,
    ModesOptions,
    NearestOptions,
    ParzenOptions,
    PathLengthOptions,
    PrecisionRecallOptions,
)

if TYPE_CHECKING:
    from ganzoo.api import Metric


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    return [
        FRECHET,
        KERNEL,
        PRECISION_RECALL,
        DENSITY_COVERAGE,
        CLASSIFIER,
        INCEPTION,
        PARZEN,
        MODES,
        NEAREST,
        DIVERSITY,
        PATH_LENGTH,
    ]


def build_frechet(_options: NoOptions) -> "Metric":
    from ganzoo_metrics.distances import frechet_distance

    return frechet_distance


def build_kernel(options: KernelOptions) -> "Metric":
    from ganzoo_metrics.distances import KernelDistance

    return KernelDistance(options)


def build_precision_recall(options: PrecisionRecallOptions) -> "Metric":
    from ganzoo_metrics.neighbours import PrecisionRecall

    return PrecisionRecall(options)


def build_density_coverage(options: DensityCoverageOptions) -> "Metric":
    from ganzoo_metrics.neighbours import DensityCoverage

    return DensityCoverage(options)


def build_classifier(_options: NoOptions) -> "Metric":
    from ganzoo_metrics.classes import classified

    return classified


def build_inception(options: InceptionScoreOptions) -> "Metric":
    from ganzoo_metrics.inception import InceptionScore

    return InceptionScore(options)


def build_parzen(options: ParzenOptions) -> "Metric":
    from ganzoo_metrics.parzen import Parzen

    return Parzen(options)


def build_modes(options: ModesOptions) -> "Metric":
    from ganzoo_metrics.classes import ModesFound

    return ModesFound(options)


def build_nearest(options: NearestOptions) -> "Metric":
    from ganzoo_metrics.samples import Nearest

    return Nearest(options)


def build_diversity(_options: NoOptions) -> "Metric":
    from ganzoo_metrics.samples import diversity

    return diversity


def build_path_length(options: PathLengthOptions) -> "Metric":
    from ganzoo_metrics.path_length import PathLength

    return PathLength(options)


FRECHET = MetricSpec(
    name="frechet-distance",
    summary="Distance of two normal distributions with the features' means and covariances; 0 where they agree",
    source="arXiv:1706.08500",
    build=build_frechet,
    sees="features",
    better={"FD": "lower"},
)

KERNEL = MetricSpec(
    name="kernel-distance",
    summary="Squared maximum mean discrepancy of features, unbiased, so that it may be below 0",
    source="arXiv:1801.01401",
    options=KernelOptions,
    build=build_kernel,
    sees="features",
    better={"KD": "lower"},
)

PRECISION_RECALL = MetricSpec(
    name="precision-recall",
    summary="Shares of generated samples among the real ones, and of real ones among the generated",
    source="arXiv:1904.06991",
    options=PrecisionRecallOptions,
    build=build_precision_recall,
    sees="features",
    better={"precision": "higher", "recall": "higher"},
)

DENSITY_COVERAGE = MetricSpec(
    name="density-coverage",
    summary="How densely generated samples lie among real ones, and how many of these have one near",
    source="arXiv:2002.09797",
    options=DensityCoverageOptions,
    build=build_density_coverage,
    sees="features",
    better={"coverage": "higher"},
)

CLASSIFIER = MetricSpec(
    name="classifier",
    summary="What a classifier sees: which classes, how evenly, how surely, and whether those that were asked for",
    source="arXiv:1606.03498",
    build=build_classifier,
    sees="probabilities",
    better={"classes": "higher", "classifier score": "higher", "label agreement": "higher"},
)

INCEPTION = MetricSpec(
    name="inception-score",
    summary="How surely Inception tells classes in generated samples, and how many; of its logits",
    source="arXiv:1606.03498",
    options=InceptionScoreOptions,
    build=build_inception,
    sees="logits",
    better={"IS": "higher"},
)

PARZEN = MetricSpec(
    name="parzen",
    summary="Log-likelihood of real samples by Gaussian windows on generated ones, in nats; of high variance",
    source="arXiv:1406.2661",
    options=ParzenOptions,
    build=build_parzen,
    sees="samples",
)

MODES = MetricSpec(
    name="modes",
    summary="Which modes were found, where the data's are known: of a mixture, or of stacked pictures",
    source="arXiv:1705.07761",
    options=ModesOptions,
    build=build_modes,
    sees="modes",
    better={
        "reverse kl": "lower",  # first, since counts of modes are the same at many checkpoints
        "well covered": "higher",
        "covered": "higher",
        "high quality": "higher",
        "reverse kl to data": "lower",
    },
)

NEAREST = MetricSpec(
    name="nearest",
    summary="Distance to the nearest training sample, and the share of samples that are copies of one",
    source="arXiv:2505.16959",
    options=NearestOptions,
    build=build_nearest,
    sees="samples",
)

DIVERSITY = MetricSpec(
    name="diversity",
    summary="Mean distance between two generated samples; 0 where all are the same",
    source="arXiv:1609.03126",
    build=build_diversity,
    sees="samples",
)

PATH_LENGTH = MetricSpec(
    name="path-length",
    summary="How far samples move in features for a small step of the latent; of runs, and on request",
    source="arXiv:1812.04948",
    options=PathLengthOptions,
    build=build_path_length,
    sees="paths",
)

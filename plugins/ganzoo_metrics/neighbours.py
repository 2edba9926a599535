"""What lies within the neighbourhoods of other samples' features, in blocks so that memory stays bounded.

N = generated samples, M = real ones, F = features.
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

from ganzoo.api import BadData, Evidence
from ganzoo_metrics.distances import features_of
from ganzoo_metrics.options import DensityCoverageOptions, PrecisionRecallOptions

BLOCK = 500  # rows of distances that are held at a time: 40 MB beside 10,000 samples


class PrecisionRecall:
    """Shares of generated samples within a real one's neighbourhood, and the other way round.

    A neighbourhood reaches to the k-th nearest of the same kind. Kynkäänniemi et al. (2019), arXiv:1904.06991,
    equations 1 and 2. Of two samples of the same distribution both are below 1.
    """

    def __init__(self, options: PrecisionRecallOptions) -> None:
        self.neighbours = options.neighbours

    def __call__(self, evidence: Evidence) -> dict[str, float]:
        """In 0…1 each. Raises BadData for too few samples."""
        generated, real = features_of(evidence)
        return {
            "precision": float(reached(generated, real, radii(real, self.neighbours)).mean()),
            "recall": float(reached(real, generated, radii(generated, self.neighbours)).mean()),
        }


class DensityCoverage:
    """How many real neighbourhoods a generated sample lies in, over k; and the share of these that have one.

    Naeem et al. (2020), arXiv:2002.09797, equations 3 and 4. Of one distribution, density is 1 and coverage
    1 - 2⁻ᵏ in the mean, for equal numbers of both kinds.
    """

    def __init__(self, options: DensityCoverageOptions) -> None:
        self.neighbours = options.neighbours

    def __call__(self, evidence: Evidence) -> dict[str, float]:
        """Density is 0 or more and may exceed 1, coverage lies in 0…1. Raises BadData for too few samples."""
        generated, real = features_of(evidence)
        radius = radii(real, self.neighbours)
        within = nearest = 0
        for rows, distances in blocks(real, generated):
            within += int((distances < radius[rows, None]).sum())
            nearest += int((distances.min(1) < radius[rows]).sum())
        return {"density": within / (self.neighbours * len(generated)), "coverage": nearest / len(real)}


def radii(features: Float[np.ndarray, "M F"], neighbours: int) -> Float[np.ndarray, "M"]:
    """The distance of each sample to its k-th nearest other one. Raises BadData where there are too few."""
    if len(features) <= neighbours:
        raise BadData(
            f"{len(features)} samples have no {neighbours} neighbours each; use more --samples, or fewer neighbours."
        )
    found = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(features.astype(np.float64))
    return found.kneighbors()[0][:, -1]


def reached(
    samples: Float[np.ndarray, "N F"], centres: Float[np.ndarray, "M F"], radius: Float[np.ndarray, "M"]
) -> Bool[np.ndarray, "N"]:
    """Whether each sample lies within any centre's radius, the edge included."""
    found = np.zeros(len(samples), bool)
    for rows, distances in blocks(samples, centres):
        found[rows] = (distances <= radius).any(1)
    return found


def blocks(
    one: Float[np.ndarray, "N F"],
    other: Float[np.ndarray, "M F"],
    measure: Callable[..., np.ndarray] = euclidean_distances,
) -> Iterator[tuple[slice, np.ndarray]]:
    """The distances of all pairs, float64 [N, M], so many rows at a time."""
    wide = other.astype(np.float64, copy=False)
    for start in range(0, len(one), BLOCK):
        rows = slice(start, start + BLOCK)
        yield rows, measure(one[rows].astype(np.float64, copy=False), wide)

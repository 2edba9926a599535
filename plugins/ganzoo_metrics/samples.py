"""Metrics of the samples themselves, pictures' values in 0…1. N, M = samples, D = numbers in one."""

import numpy as np
from jaxtyping import Float
from sklearn.neighbors import NearestNeighbors

from ganzoo.api import BadData, Evidence
from ganzoo_metrics.neighbours import blocks
from ganzoo_metrics.options import NearestOptions

COPY = 1 / 3  # of the distance to the second nearest training sample
PART = 5000  # training samples that are searched at a time


def flat(samples: np.ndarray) -> Float[np.ndarray, "N D"]:
    """Pictures uint8 [N, H, W, C] as values in 0…1, points as they are: float64."""
    scale = 255.0 if samples.dtype == np.uint8 else 1.0
    return samples.reshape(len(samples), -1) / np.float64(scale)


class Nearest:
    """How far samples are from the nearest training sample, and which share of them are copies of one.

    A sample is a copy where the nearest training sample is less than a third as far as the second nearest. Favero,
    Sclocchi and Wyart (2025), arXiv:2505.16959. In few dimensions that also happens by chance, as the floor says.
    """

    def __init__(self, options: NearestOptions) -> None:
        self.samples = options.samples

    def __call__(self, evidence: Evidence) -> dict[str, float]:
        """Of the first samples. Raises BadData for fewer than 2 training samples."""
        if len(evidence.training) < 2:
            raise BadData("A copy is told by the two nearest training samples, and there is only one; use more data.")
        first, second = two_nearest(flat(evidence.generated.samples[: self.samples]), evidence.training).T
        return {"nearest distance": float(first.mean()), "copies": float((first < COPY * second).mean())}


def two_nearest(samples: Float[np.ndarray, "N D"], training: np.ndarray) -> Float[np.ndarray, "N 2"]:
    """The distances of each sample to the nearest and the second nearest of the training samples, of either kind."""
    found = np.full((len(samples), 2), np.inf)
    for start in range(0, len(training), PART):
        part = flat(training[start : start + PART])
        search = NearestNeighbors(n_neighbors=min(2, len(part)), algorithm="brute").fit(part)
        found = np.sort(np.hstack([found, search.kneighbors(samples)[0]]), 1)[:, :2]
    return found


def diversity(evidence: Evidence) -> dict[str, float]:
    """The mean distance between two different generated samples. Raises BadData for a single one."""
    samples = flat(evidence.generated.samples)
    if len(samples) < 2:
        raise BadData("A distance between samples needs two of them; use more --samples.")
    total = sum(float(distances.sum()) for _, distances in blocks(samples, samples))
    return {"mean distance": total / (len(samples) * (len(samples) - 1))}

"""Distances between the features of generated and of real samples. N, M = samples, F = features."""

import numpy as np
from jaxtyping import Float

from ganzoo.api import BadData, Evidence
from ganzoo_metrics.options import KernelOptions

USUAL_SUBSET = 1000  # samples


def frechet_distance(evidence: Evidence) -> dict[str, float]:
    """FD: `frechet` of the features; biased by the number of samples, so that only equal numbers compare.

    Heusel et al. (2017), arXiv:1706.08500, equation 6. Raises BadData for a single sample.
    """
    generated, real = features_of(evidence)
    return {"FD": frechet(generated, real)}


def frechet(one: Float[np.ndarray, "N F"], other: Float[np.ndarray, "M F"]) -> float:
    """|μ - ν|² + tr(A + B - 2 √(A B)), of normal distributions with the means and covariances of the rows.

    Dowson and Landau (1982). With A = R R, the trace of √(A B) is the sum of the singular values of R √B: no root of
    a matrix that is not symmetric, and none that is complex. Raises BadData for fewer than 2 rows.
    """
    if min(len(one), len(other)) < 2:
        raise BadData("A covariance needs at least 2 samples of each kind; use more --samples.")
    first, second = covariance(one), covariance(other)
    shared = np.linalg.svd(root(first) @ root(second), compute_uv=False).sum()
    apart = ((one.mean(0, dtype=np.float64) - other.mean(0, dtype=np.float64)) ** 2).sum()
    return float(max(0.0, apart + np.trace(first) + np.trace(second) - 2 * shared))


def covariance(rows: Float[np.ndarray, "N F"]) -> Float[np.ndarray, "F F"]:
    """Unbiased, float64."""
    return np.cov(rows, rowvar=False, dtype=np.float64).reshape(rows.shape[1], rows.shape[1])


def root(matrix: Float[np.ndarray, "F F"]) -> Float[np.ndarray, "F F"]:
    """The symmetric root of a symmetric matrix without negative eigenvalues but by rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


class KernelDistance:
    """KD: MMD² with the kernel (x·y / F + 1)³, the mean over subsets; as it is unbiased, it may be below 0.

    Bińkowski et al. (2018), arXiv:1801.01401, section 4: KID, where the features are Inception's.
    """

    def __init__(self, options: KernelOptions) -> None:
        self.options = options

    def __call__(self, evidence: Evidence) -> dict[str, float]:
        """The mean, and its spread over subsets. Raises BadData where a subset is larger than the samples."""
        generated, real = features_of(evidence)
        count = min(len(generated), len(real))
        size = self.options.subset_size or max(2, min(USUAL_SUBSET, count // 2))
        if size > count or size < 2:
            raise BadData(
                f"Subsets of {size} cannot be drawn from {count} samples; use more --samples, or "
                f"--set kernel-distance.subset_size={max(2, count // 2)}."
            )
        random = np.random.default_rng(evidence.seed)
        found = [
            discrepancy(generated[some(random, len(generated), size)], real[some(random, len(real), size)])
            for _ in range(self.options.subsets)
        ]
        return {"KD": float(np.mean(found)), "KD spread": float(np.std(found))}


def some(random: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Different numbers below `count`."""
    return random.choice(count, size, replace=False)


def discrepancy(one: Float[np.ndarray, "N F"], other: Float[np.ndarray, "M F"]) -> float:
    """The unbiased estimate of MMD². Gretton et al. (2012), JMLR 13, equation 3; no sample is compared with itself."""
    n, m = len(one), len(other)
    within = kernel(one, one), kernel(other, other)
    own = (within[0].sum() - np.trace(within[0])) / (n * (n - 1)) + (within[1].sum() - np.trace(within[1])) / (
        m * (m - 1)
    )
    return float(own - 2 * kernel(one, other).mean())


def kernel(one: Float[np.ndarray, "N F"], other: Float[np.ndarray, "M F"]) -> Float[np.ndarray, "N M"]:
    """(x·y / F + 1)³ for every pair."""
    base = one.astype(np.float64) @ other.astype(np.float64).T / one.shape[1] + 1
    return base * base * base  # many times faster than numpy's power


def features_of(evidence: Evidence) -> tuple[Float[np.ndarray, "N F"], Float[np.ndarray, "M F"]]:
    """Of generated and of real samples; the host sees to it that a metric which asks for features is given them."""
    generated, real = evidence.generated.features, evidence.real.features
    assert generated is not None
    assert real is not None
    return generated, real

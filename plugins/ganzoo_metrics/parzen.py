"""Log-likelihood by Parzen windows, the protocol of Goodfellow et al. (2014), arXiv:1406.2661, section 5.

Breuleux, Bengio and Vincent (2011) proposed it. Theis et al. (2016), arXiv:1511.01844, show what it is not: models
may score above real samples.
"""

from math import log, pi, sqrt

import numpy as np
from jaxtyping import Float
from sklearn.metrics.pairwise import euclidean_distances

from ganzoo.api import BadData, Evidence
from ganzoo_metrics.neighbours import blocks
from ganzoo_metrics.options import ParzenOptions
from ganzoo_metrics.samples import flat

WIDTHS = np.logspace(-1, 0, 10)  # standard deviations that are tried, in the unit of the samples: the authors' grid
SMALLEST, STEP = 1e-4, 10 ** (1 / 9)  # the grid goes on below and above for data of another scale


class Parzen:
    """The mean log-likelihood of real samples under equal Gaussian windows on all generated ones, in nats.

    The width is the best one for validation samples, which are not scored.
    """

    def __init__(self, options: ParzenOptions) -> None:
        self.validation = options.validation

    def __call__(self, evidence: Evidence) -> dict[str, float]:
        """The mean over real samples, its standard error, and the width. Raises BadData for too few real samples."""
        centres, real = flat(evidence.generated.samples), flat(evidence.real.samples)
        if len(real) < 4:
            raise BadData(f"{len(real)} real samples cannot both choose a width and be scored; use more --samples.")
        count = min(self.validation, len(real) // 2)
        width = best_width(real[:count], centres)
        found = log_likelihood(real[count:], centres, width)
        error = float(found.std(ddof=1)) / sqrt(len(found))
        return {"log-likelihood": float(found.mean()), "standard error": error, "width": width}


def best_width(validation: Float[np.ndarray, "M D"], centres: Float[np.ndarray, "N D"]) -> float:
    """The width of the grid with the largest mean log-likelihood; past an end of it, as long as that grows."""
    squared, size = squares(validation, centres), validation.shape[1]
    scores = {width: float(likelihood(squared, size, width).mean()) for width in WIDTHS.tolist()}
    for end, factor in ((min(scores), 1 / STEP), (max(scores), STEP)):
        width = end
        while max(scores, key=scores.__getitem__) == width and SMALLEST < width < 1 / SMALLEST:
            width *= factor
            scores[width] = float(likelihood(squared, size, width).mean())
    return max(scores, key=scores.__getitem__)


def log_likelihood(
    samples: Float[np.ndarray, "M D"], centres: Float[np.ndarray, "N D"], width: float
) -> Float[np.ndarray, "M"]:
    """log mean_j N(x; s_j, width² I) for each sample x, in nats."""
    parts = [likelihood(squared, samples.shape[1], width) for _, squared in blocks(samples, centres, squares)]
    return np.concatenate(parts)


def likelihood(squared: Float[np.ndarray, "M N"], size: int, width: float) -> Float[np.ndarray, "M"]:
    """The same of squared distances between samples and centres of `size` numbers."""
    exponents = squared / (-2 * width**2)
    largest = exponents.max(1, keepdims=True)
    terms = np.exp(np.subtract(exponents, largest, out=exponents), out=exponents)
    return largest[:, 0] + np.log(terms.mean(1)) - size * log(width * sqrt(2 * pi))


def squares(one: Float[np.ndarray, "M D"], other: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "M N"]:
    """Squared distances of all pairs."""
    return euclidean_distances(one, other, squared=True)

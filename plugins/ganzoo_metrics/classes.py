"""Metrics of what kinds of samples there are: classes that a classifier sees, modes whose places are known."""

import numpy as np
from jaxtyping import Float

from ganzoo.api import BadData, Evidence
from ganzoo_metrics.options import ModesOptions

BEYOND_DOUBT = 0.9  # probability of the likeliest class
POINTS, PICTURES = 2500, 26_000  # samples whose modes are counted: the published protocol's


def classified(evidence: Evidence) -> dict[str, float | list[float]]:
    """Which classes a classifier sees in generated samples, by the likeliest class of each.

    `entropy` is that of the classes' shares, in nats; the score is `classifier_score`; `beyond doubt` is the share of
    samples whose class has a probability above 0.9; `label agreement`, of samples with labels, the share whose class
    is the label.
    """
    probabilities = evidence.generated.probabilities
    assert probabilities is not None, "the host sees to it"
    seen = probabilities.argmax(1)
    shares = np.bincount(seen, minlength=probabilities.shape[1]) / len(seen)
    found: dict[str, float | list[float]] = {
        "classes": float((shares > 0).sum()),
        "entropy": entropy(shares),
        "classifier score": classifier_score(probabilities),
        "beyond doubt": float((probabilities.max(1) > BEYOND_DOUBT).mean()),
        "shares": shares.tolist(),
    }
    if evidence.generated.labels is not None:
        found["label agreement"] = float((seen == evidence.generated.labels).mean())
    return found


def entropy(shares: Float[np.ndarray, "K"]) -> float:
    """-Σ p log p in nats, where 0 log 0 is 0."""
    occurring = shares[shares > 0].astype(np.float64)
    return float(occurring @ np.log(1 / occurring))


def classifier_score(probabilities: Float[np.ndarray, "N K"]) -> float:
    """exp E KL(p(class | sample) || p(class)), in 1…K: the inception score, were the classifier Inception.

    Salimans et al. (2016), arXiv:1606.03498, section 4; of all samples at once, not of ten parts.
    """
    each = probabilities.astype(np.float64)
    return float(np.exp(entropy(each.mean(0)) - np.mean([entropy(row) for row in each])))


class ModesFound:
    """The host's count of the modes that samples have found, as `ganzoo compare` has it."""

    def __init__(self, options: ModesOptions) -> None:
        self.samples = options.samples

    def __call__(self, evidence: Evidence) -> dict[str, float]:
        """Raises BadData for data whose modes are not known, and what the count raises."""
        if evidence.count_modes is None:
            raise BadData("The modes of these data are not known, so they cannot be counted; use ring or grid.")
        samples = evidence.generated.samples
        counted = samples[: self.samples or (PICTURES if samples.ndim == 4 else POINTS)]
        return dict(evidence.count_modes(counted)) | {"samples counted": float(len(counted))}

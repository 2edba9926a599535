"""The inception score: how surely Inception tells classes in samples, and how many. N = samples, K = its classes."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from ganzoo.api import BadData, Evidence
from ganzoo_metrics.options import InceptionScoreOptions


class InceptionScore:
    """IS, in 1…K: exp E KL(p(class | sample) || p(class)), the mean over parts of the samples in their order.

    Salimans et al. (2016), arXiv:1606.03498, section 4, who take 10 parts of 50,000 samples; fewer have a lower score.
    """

    def __init__(self, options: InceptionScoreOptions) -> None:
        self.parts = options.parts

    def __call__(self, evidence: Evidence) -> dict[str, float]:
        """The mean, and its spread over parts. Raises BadData for fewer samples than parts."""
        logits = evidence.generated.logits
        assert logits is not None, "the host sees to it"
        if len(logits) < self.parts:
            raise BadData(f"{len(logits)} samples have no {self.parts} parts; use more --samples.")
        edges = np.arange(self.parts + 1) * len(logits) // self.parts
        found = [score(logits[start:end]) for start, end in pairwise(edges)]
        return {"IS": float(np.mean(found)), "IS spread": float(np.std(found))}


def score(logits: Float[np.ndarray, "N K"]) -> float:
    """Of one part; by logarithms, as a probability among 1008 may be too small for a number."""
    wide = logits.astype(np.float64)
    each = wide - np.logaddexp.reduce(wide, axis=1, keepdims=True)
    mean = np.logaddexp.reduce(each, axis=0) - np.log(len(each))
    return float(np.exp((np.exp(each) * (each - mean)).sum(1).mean()))

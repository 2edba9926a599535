"""How far a generator's samples move, in features, for a small step of the latent. N = pairs, Z = size of a latent."""

import numpy as np
from jaxtyping import Float

from ganzoo.api import Evidence
from ganzoo_metrics.options import PathLengthOptions

PART = 250  # pairs that are held at a time
SAME = 1e-4  # share by which the norms of latents on one sphere may differ, by rounding


class PathLength:
    """E |f(G(z(t))) - f(G(z(t + ε)))|² / ε² on paths z between two latents, at t uniform in 0…1.

    Karras et al. (2019), arXiv:1812.04948, section 4.1, equation 2, in the space of the prior; with the features f that
    all metrics compare, and so not their unit: their distance is that of a VGG network that was taught by people.
    """

    def __init__(self, options: PathLengthOptions) -> None:
        self.options = options

    def __call__(self, evidence: Evidence) -> dict[str, float]:
        """The mean, and its standard error; nothing of real samples, which have no latents."""
        walk, pairs = evidence.walk, self.options.pairs
        if walk is None:
            return {}
        ends = walk.latents(2 * pairs, evidence.seed * 2 * pairs).astype(np.float64)
        curved = walk.normal or on_a_sphere(ends)
        places = np.random.default_rng(evidence.seed).random((pairs, 1))
        each = np.empty(pairs)
        for first in range(0, pairs, PART):
            rows = slice(first, min(first + PART, pairs))
            start, end, t = ends[:pairs][rows], ends[pairs:][rows], places[rows]
            here, there = (
                walk.features(between(start, end, at, curved).astype(np.float32))
                for at in (t, t + self.options.epsilon)
            )
            each[rows] = ((there - here) ** 2).sum(1) / self.options.epsilon**2
        return {"path length": float(each.mean()), "path length error": float(each.std(ddof=1) / np.sqrt(pairs))}


def on_a_sphere(latents: Float[np.ndarray, "N Z"]) -> bool:
    """Whether all have one norm, so that a straight path leaves them."""
    norms = np.linalg.norm(latents, axis=1)
    return latents.shape[1] > 1 and bool(np.ptp(norms) <= SAME * norms.max())


def between(
    start: Float[np.ndarray, "N Z"], end: Float[np.ndarray, "N Z"], t: Float[np.ndarray, "N 1"], curved: bool
) -> Float[np.ndarray, "N Z"]:
    """The latents at `t` of each path: straight, or along a great circle of the sphere of radius √Z.

    On that sphere each coordinate has variance 1, and nearly all normal latents of many coordinates lie close to it.
    """
    if not curved or start.shape[1] == 1:
        return start + t * (end - start)
    first = unit(start)
    cosine = (first * unit(end)).sum(1, keepdims=True).clip(-1, 1)
    across = unit(unit(end) - cosine * first)  # of the circle's plane, at a right angle to the start
    angle = t * np.arccos(cosine)
    return np.sqrt(start.shape[1]) * (np.cos(angle) * first + np.sin(angle) * across)


def unit(vectors: Float[np.ndarray, "N Z"]) -> Float[np.ndarray, "N Z"]:
    """Of norm 1; zeros stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)

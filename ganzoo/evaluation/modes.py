"""Which modes a generator has found, where the data's modes are known: places of points, or classes of pictures.

The protocols are those of Srivastava et al. (2017), VEEGAN, arXiv:1705.07761, and Lin et al. (2018), PacGAN,
arXiv:1712.04086, section 4. Points: 2,500 samples; one is of high quality where it lies within 3 standard deviations of
the nearest mean, and a mode is covered where it is nearest to at least one such sample. As one sample in 2,500 is
easily had by chance, a stricter count stands beside: a mode is well covered where it has at least 20 % of its fair
share of them.

Stacked pictures, whose modes are all combinations of what their channels show: a classifier tells what each channel of
26,000 samples shows. Each of its errors may find a mode that is not there.

N = samples, K = modes, D = coordinates.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from math import erf, exp, gamma, sqrt

import numpy as np
from jaxtyping import Float, Int

from ganzoo.core.errors import BadData
from ganzoo.core.specs import Data, Modes

SAMPLES = 2500
NEAR = 3.0  # standard deviations
FAIR = 0.2  # of 1/K of the samples
SAME = 1e-9  # of the largest distance between two means; what is closer is the same


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a set of points shows of the modes."""

    covered: int  # modes with a sample of high quality, in 0…K
    well_covered: int  # modes with 20 % of their fair share of those
    high_quality: float  # share of the samples, in 0…1
    reverse_kl: float  # nats: KL(samples' shares of the modes || 1/K each), in 0…log K


def coverage(samples: Float[np.ndarray, "samples coordinates"], modes: Modes) -> Coverage:
    """How samples [N, D] are spread over the modes; a sample that is not finite belongs to none.

    The divergence is that of all finite samples, each counted for the mode that is nearest, of high quality or not.
    Raises BadData like `check_modes`, and where no sample is finite or D is another than the modes'.
    """
    check_modes(modes)
    if samples.ndim != 2 or samples.shape[1] != modes.means.shape[1]:
        raise BadData(f"Samples of shape {list(samples.shape)} are not those of modes {list(modes.means.shape)}.")
    finite = samples[np.isfinite(samples).all(1)].astype(np.float64)
    if not len(finite):
        raise BadData("No sample is finite: the generator has diverged; take a lower learning rate.")
    nearest, distance = assign(finite, modes)
    count = len(modes.means)
    good = np.bincount(nearest[distance < NEAR], minlength=count)  # [K]
    return Coverage(
        covered=int((good > 0).sum()),
        well_covered=int((good >= FAIR * len(samples) / count).sum()),
        high_quality=float(good.sum() / len(samples)),
        reverse_kl=divergence_from_even(np.bincount(nearest, minlength=count)),
    )


@dataclass(frozen=True, slots=True)
class ClassCoverage:
    """What a set of pictures shows of classes."""

    covered: int  # classes with a sample, in 0…K
    well_covered: int  # classes with 20 % of their fair share
    reverse_kl: float  # nats: KL(samples' shares of the classes || 1/K each), in 0…log K
    reverse_kl_to_data: float  # nats: KL(samples' shares || the data's), 0 or more


def class_coverage(labels: Int[np.ndarray, "samples"], shares: Float[np.ndarray, "classes"]) -> ClassCoverage:
    """How the classes of samples are spread, where the data's shares of the K classes are these, none of them 0."""
    counts = np.bincount(labels, minlength=len(shares))
    return ClassCoverage(
        covered=int((counts > 0).sum()),
        well_covered=int((counts >= FAIR * len(labels) / len(shares)).sum()),
        reverse_kl=divergence_from_even(counts),
        reverse_kl_to_data=divergence(counts, shares),
    )


def shares_of(data: Data) -> Float[np.ndarray, "classes"]:
    """How often each class of stacked pictures is drawn, by the classes of what its channels are drawn from.

    Raises BadData where there is a class of these without any sample, which no generator could learn to draw.
    """
    assert data.parts is not None and data.parts.labels is not None, "what is stacked has labels"
    counts = np.bincount(data.parts.labels, minlength=len(data.parts.classes))
    if not counts.all():
        missing = data.parts.classes[int(counts.argmin())]
        raise BadData(f"The data hold no picture of class {missing}, so modes cannot be counted; use whole data.")
    shares = np.ones(1)
    for _ in range(data.spec.shape[0]):
        shares = np.outer(shares, counts / counts.sum()).ravel()
    return shares


def counter(
    data: Data, tell: Callable[[np.ndarray], np.ndarray] | None
) -> Callable[[np.ndarray], Mapping[str, float]] | None:
    """Counts the modes of the data in samples, by name, where they are known; `tell` says the classes of pictures."""
    if data.modes is not None:
        return partial(points_counted, data.modes)
    return None if tell is None else partial(pictures_counted, tell, shares_of(data))


def points_counted(modes: Modes, samples: np.ndarray) -> dict[str, float]:
    return by_name(coverage(samples, modes))


def pictures_counted(
    tell: Callable[[np.ndarray], np.ndarray], shares: np.ndarray, samples: np.ndarray
) -> dict[str, float]:
    return by_name(class_coverage(tell(samples), shares))


def by_name(found: Coverage | ClassCoverage) -> dict[str, float]:
    return {name.replace("_", " "): float(value) for name, value in asdict(found).items()}


def check_modes(modes: Modes) -> None:
    """Raise BadData where two modes are the same, or have no width: then they cannot be told apart, or not be hit.

    Eight angles from 0 to 2π, both included, are seven: a slip that more than one published ring has.
    """
    gaps = np.linalg.norm(modes.means[:, None] - modes.means[None], axis=2)  # [K, K]
    same = gaps <= SAME * gaps.max(initial=0)
    distinct = len(modes.means) - int((np.triu(same, 1).any(0)).sum())
    if distinct < len(modes.means):
        raise BadData(f"Of {len(modes.means)} modes only {distinct} are distinct; give each a mean of its own.")
    if not modes.std > 0:
        raise BadData("Modes without width cannot be hit; use --set dataset.std=0.05 or another above 0.")


def assign(
    samples: Float[np.ndarray, "samples coordinates"], modes: Modes
) -> tuple[Int[np.ndarray, "samples"], Float[np.ndarray, "samples"]]:
    """For each sample the number of the nearest mode, and its distance in standard deviations."""
    distances = np.linalg.norm(samples[:, None] - modes.means[None], axis=2)  # [N, K]
    nearest = distances.argmin(1)
    return nearest, distances[np.arange(len(samples)), nearest] / modes.std


def divergence_from_even(counts: Int[np.ndarray, "modes"]) -> float:
    """KL(shares || 1/K each) in nats of how many samples each mode has: log K less the shares' entropy."""
    return divergence(counts, np.full(len(counts), 1 / len(counts)))


def divergence(counts: Int[np.ndarray, "modes"], expected: Float[np.ndarray, "modes"]) -> float:
    """KL(shares || expected ones) in nats of how many samples each mode has; none that has any is expected never."""
    there = counts > 0
    shares = counts[there] / counts.sum()
    return max(0.0, float((shares * np.log(shares / expected[there])).sum()))


def perfect(modes: Modes, samples: int = SAMPLES) -> Coverage:
    """What to expect of so many samples that are drawn as the data is, where the modes lie apart.

    The divergence is not 0, since shares of finitely many samples are uneven: about (K - 1) / 2N.
    """
    count, size = modes.means.shape
    return Coverage(count, count, chi_square_below(NEAR**2, size), (count - 1) / (2 * samples))


def chi_square_below(value: float, freedom: int) -> float:
    """The probability that a sum of so many squared standard normals is less than `value`: P(freedom / 2, value / 2).

    By the recurrence of the incomplete gamma function, P(a + 1, x) = P(a, x) - xᵃ e⁻ˣ / Γ(a + 1); 0.9889 for 9 and 2.
    """
    x = value / 2
    a, probability = (0.5, erf(sqrt(x))) if freedom % 2 else (1.0, 1 - exp(-x))
    while a < freedom / 2:
        probability -= x**a * exp(-x) / gamma(a + 1)
        a += 1
    return probability

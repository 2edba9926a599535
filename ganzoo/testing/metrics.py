"""Promises of metrics. N = samples."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ganzoo.core.errors import BadData, GanzooError, first_line
from ganzoo.core.specs import Data, Evidence, Exhibit, MetricSpec, Modes
from ganzoo.core.walk import Walk
from ganzoo.evaluation.modes import counter
from ganzoo.testing.report import Inapplicable, Violation, ensure

SAMPLES = 60  # of each kind
PLACES = Modes(np.array(list(product((-1.0, 1.0), repeat=2))), 0.05)
BITS = Data(np.zeros((2, 1, 8, 8), np.uint8), np.arange(2), ("0", "1"))
STACKED = Data(np.zeros((4, 2, 8, 8), np.uint8), np.arange(4), ("00", "01", "10", "11"), parts=BITS)
WALK = Walk(  # along latents that are their own features
    latents=lambda count, first: np.random.default_rng(first).standard_normal((count, 4), np.float32),
    features=lambda latents: latents,
    normal=True,
)
Numbers = Mapping[str, float | list[float]]


def gives_numbers_of_what_it_sees(spec: MetricSpec) -> None:
    """Finite floats or lists of them by name, of samples with labels and without, and of the real samples themselves.

    It is given no more than it says that it sees. Those that it calls better when lower or higher are among them.
    """
    names: set[str] = set()
    for evidence in toys(spec):
        own = replace(evidence, generated=evidence.real)
        nameless = replace(evidence, generated=replace(evidence.generated, labels=None))
        for each in (evidence, own, nameless):
            names |= numbers(spec, each).keys()
    unknown = sorted(spec.better.keys() - names)
    ensure(not unknown, f"it says what is better of {', '.join(unknown)}, which it does not give")


def says_the_same_twice(spec: MetricSpec) -> None:
    """Of one seed, whatever it was asked before."""
    for evidence in toys(spec):
        metric = built(spec)
        first, again, anew = (asked(each, evidence) for each in (metric, metric, built(spec)))
        ensure(same(first, again) and same(first, anew), "one seed gives two different numbers")


def leaves_its_evidence_alone(spec: MetricSpec) -> None:
    """Other metrics are shown the same arrays."""
    for evidence in toys(spec):
        before = deepcopy(evidence)
        asked(built(spec), evidence)
        for name in ("generated", "real"):
            for part in ("samples", "features", "probabilities", "logits", "labels"):
                one, other = (getattr(getattr(each, name), part) for each in (before, evidence))
                ensure(np.array_equal(one, other), f"it writes into the {part} of {name} samples")
        ensure(np.array_equal(before.training, evidence.training), "it writes into the training samples")


def refuses_too_few_samples(spec: MetricSpec) -> None:
    """One or two of each kind: finite numbers, or a sentence."""
    for evidence in toys(spec):
        for count in (1, 2):
            few = replace(
                evidence,
                generated=first_of(evidence.generated, count),
                real=first_of(evidence.real, count),
                training=evidence.training[:count],
            )
            try:
                numbers(spec, few)
            except BadData:
                continue


def toys(spec: MetricSpec) -> Iterator[Evidence]:
    """What the metric can be asked about: pictures, points or both. Raises Inapplicable where it refuses all of it."""
    reasons, fits = [], False
    for evidence in kinds_of_evidence(spec):
        try:
            asked(built(spec), deepcopy(evidence))
        except BadData as error:
            reasons.append(str(error))
            continue
        fits = True
        yield evidence
    if not fits:
        raise Inapplicable(f"it needs other samples than those of the check: {reasons[0]}")


def kinds_of_evidence(spec: MetricSpec) -> list[Evidence]:
    """All that the metric says it can judge."""
    random = np.random.default_rng(0)
    pictures = [picture_exhibit(spec.sees, random) for _ in range(3)]
    points = [point_exhibit(random) for _ in range(3)]
    of_pictures = Evidence(pictures[0], pictures[1], pictures[2].samples, 5)
    of_points = Evidence(points[0], points[1], points[2].samples, 5)
    if spec.sees == "modes":
        count = counter(Data(points[0].samples, modes=PLACES), None), counter(STACKED, tell)
        return [replace(of_points, count_modes=count[0]), replace(of_pictures, count_modes=count[1])]
    if spec.sees == "paths":
        return [replace(of_pictures, walk=WALK)]
    return [of_pictures, of_points] if spec.sees == "samples" else [of_pictures]


def picture_exhibit(sees: str, random: np.random.Generator) -> Exhibit:
    """Noise, with what a metric is shown that asks for it."""
    surely = random.exponential(size=(SAMPLES, 10)).astype(np.float32)
    return Exhibit(
        random.integers(0, 256, (SAMPLES, 8, 8, 1), np.uint8),
        features=random.standard_normal((SAMPLES, 16), np.float32) if sees in ("features", "logits") else None,
        probabilities=surely / surely.sum(1, keepdims=True) if sees == "probabilities" else None,
        logits=random.standard_normal((SAMPLES, 1008), np.float32) if sees == "logits" else None,
        labels=random.integers(0, 10, SAMPLES),
    )


def tell(pictures: np.ndarray) -> np.ndarray:
    """Which of the four classes of STACKED pictures are: their first pixel says."""
    return (pictures[:, 0, 0, 0] // 64).astype(np.int64)


def point_exhibit(random: np.random.Generator) -> Exhibit:
    """Of four modes."""
    places = PLACES.means[random.integers(0, len(PLACES.means), SAMPLES)]
    return Exhibit((places + PLACES.std * random.standard_normal((SAMPLES, 2))).astype(np.float32))


def first_of(samples: Exhibit, count: int) -> Exhibit:
    parts = (samples.samples, samples.features, samples.probabilities, samples.logits, samples.labels)
    first, features, probabilities, logits, labels = (None if part is None else part[:count] for part in parts)
    assert first is not None
    return Exhibit(first, features=features, probabilities=probabilities, logits=logits, labels=labels)


def built(spec: MetricSpec) -> Any:
    """With the defaults of its options."""
    metric = spec.build(spec.options())
    ensure(callable(metric), "what it builds is no function of evidence")
    return metric


def asked(metric: Any, evidence: Evidence) -> Numbers:
    """What it says. Raises Violation for any error that is no sentence of ganzoo's."""
    try:
        found: Numbers = metric(evidence)
    except GanzooError:
        raise
    except Exception as error:
        what = f"{len(evidence.generated.samples)} samples of shape {list(evidence.generated.samples.shape[1:])}"
        raise Violation(f"It fails on {what}: {type(error).__name__}: {first_line(error)}.") from error
    return found


def numbers(spec: MetricSpec, evidence: Evidence) -> Numbers:
    """What a metric says, checked."""
    found = asked(built(spec), evidence)
    ensure(isinstance(found, Mapping) and found, "it gives no numbers by name")
    for name, value in found.items():
        ensure(isinstance(name, str) and name.strip(), "a number has no name")
        ensure("[" not in name, f"the name {name!r} holds a bracket, which begins the extractor's")
        ensure("FID" not in name.split(), "a number is called FID, which the host alone says, of Inception's features")
        each = value if isinstance(value, list) else [value]
        ensure(all(isinstance(one, float) for one in each), f"{name} is no float, and no list of them; write float(…)")
        ensure(np.isfinite(each).all(), f"{name} is not finite")
    return found


def same(one: Numbers, other: Numbers) -> bool:
    """Whether all numbers are; NaN, which is another promise's, is the same as NaN."""
    try:
        np.testing.assert_equal(one, other)
    except AssertionError:
        return False
    return True


OF_METRICS: dict[str, Callable[[Any], None]] = {
    "gives numbers of what it sees": gives_numbers_of_what_it_sees,
    "says the same twice": says_the_same_twice,
    "leaves its evidence alone": leaves_its_evidence_alone,
    "refuses too few samples": refuses_too_few_samples,
}

"""What observers are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StepDone:
    """One line of a run's log. A number that is infinite or NaN is so here, and `null` in the log."""

    run: Path  # the run's folder
    step: int  # generator updates done
    total: int  # generator updates that the run will do; 0 = as many as its time allows
    terms: Mapping[str, float]  # e.g. {"discriminator/real": 0.6, "generator/fake": 0.7}, means since the last event
    probability_real: float  # D(x): mean probability that the discriminator gives to real samples being real
    probability_fake: float  # D(G(z))
    value: float  # V(D, G) = E log D(x) + E log(1 - D(G(z))), in nats; -log 4 where D = 1/2
    gradient_norms: Mapping[str, float]  # by player: L2 norm over all its weights, in its last update
    learning_rates: Mapping[str, float]  # by player, in its last update
    largest_logit: float  # the largest |logit| in the last update
    spread: float  # standard deviation over the last generated samples, as a mean over the numbers of a sample
    memory: int  # bytes: the most that torch has had on the GPU, or that the process has on a CPU
    samples_per_second: float  # real samples seen by the discriminator, since the last event
    seconds: float  # spent on training since the run was started or resumed

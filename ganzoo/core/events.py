"""What observers are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StepDone:
    """One line of a run's log."""

    run: Path  # the run's folder
    step: int  # generator updates done
    total: int  # generator updates that the run will do; 0 = as many as its time allows
    terms: Mapping[str, float]  # e.g. {"discriminator/real": 0.6, "generator/fake": 0.7}, means since the last event
    probability_real: float  # D(x): mean probability that the discriminator gives to real samples being real
    probability_fake: float  # D(G(z))
    value: float  # V(D, G) = E log D(x) + E log(1 - D(G(z))), in nats; -log 4 where D = 1/2
    samples_per_second: float  # real samples seen by the discriminator, since the last event
    seconds: float  # spent on training since the run was started or resumed

"""A number that changes over the run, as a function of the step alone."""

from dataclasses import dataclass
from math import cos, pi
from typing import Annotated, Literal

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """From `start` to `end` within `steps` steps after step `begin`; constant before and after."""

    start: float
    end: float
    steps: Annotated[int, Meta(ge=1)]  # generator updates
    begin: Annotated[int, Meta(ge=0)] = 0  # generator updates
    shape: Literal["linear", "cosine", "exponential"] = "linear"

    def __post_init__(self) -> None:
        """Raises ValueError for an exponential that would have to pass 0."""
        if self.shape == "exponential" and self.start * self.end <= 0:
            raise ValueError(f"an exponential schedule cannot go from {self.start} to {self.end}; use a linear one")

    def at(self, step: int) -> float:
        """The value after `step` generator updates."""
        progress = min(max((step - self.begin) / self.steps, 0.0), 1.0)
        if self.shape == "exponential":
            return self.start * (self.end / self.start) ** progress
        if self.shape == "cosine":
            progress = (1 - cos(pi * progress)) / 2
        return self.start + (self.end - self.start) * progress


Scheduled = float | Schedule


def value_at(value: Scheduled, step: int) -> float:
    """A setting's value after `step` generator updates, whether it changes or not."""
    return value.at(step) if isinstance(value, Schedule) else value

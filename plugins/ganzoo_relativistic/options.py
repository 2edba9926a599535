"""What a recipe can set of R1 and R2."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True)
class PenaltyOptions:
    gamma: Annotated[float, Meta(ge=0)] = 10.0  # γ; depends on the pictures' size, so try others
    interval: Annotated[int, Meta(ge=1)] = 1  # discriminator updates from one penalty to the next

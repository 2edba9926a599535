"""What a recipe can set of the penalties and of the networks."""

from dataclasses import dataclass

from ganzoo.api import Count, NotNegative, Schedule


@dataclass(frozen=True, slots=True)
class PenaltyOptions:
    """Of R1 and of R2."""

    gamma: NotNegative | Schedule = 10.0  # γ; depends on the pictures' size, so try others
    interval: Count = 1  # discriminator updates from one penalty to the next

    def __post_init__(self) -> None:
        """Raises ValueError for a schedule below 0, which would reward steep discriminators."""
        if isinstance(self.gamma, Schedule) and min(self.gamma.start, self.gamma.end) < 0:
            raise ValueError("gamma cannot go below 0; give its schedule a start and an end of 0 or more")


@dataclass(frozen=True, slots=True)
class R3ganOptions:
    """Of either network; they may differ."""

    width: Count = 64  # channels of the largest map; doubled with each halving of the side
    widest: Count = 768  # channels that no map exceeds
    blocks: Count = 2  # residual blocks for each side
    group: Count = 16  # channels of a block's 3×3 convolution that are mixed with each other
    expansion: Count = 2  # how many times as many channels a block has within

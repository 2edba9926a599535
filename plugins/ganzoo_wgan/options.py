"""What a recipe can set of clipping and of the penalties."""

from dataclasses import dataclass

from ganzoo.api import NotNegative, Positive


@dataclass(frozen=True, slots=True)
class ClippingOptions:
    bound: Positive = 0.01  # largest absolute value of a weight


@dataclass(frozen=True, slots=True)
class GradientPenaltyOptions:
    weight: NotNegative = 10.0  # λ
    target: NotNegative = 1.0  # slope that costs nothing


@dataclass(frozen=True, slots=True)
class DraganOptions:
    weight: NotNegative = 10.0  # λ
    target: NotNegative = 1.0  # k, slope that costs nothing
    spread: NotNegative = 0.5  # largest step away from a real sample, in standard deviations of the real samples

"""A generator's way from latents to features, for metrics of how features change along a path."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Walk:
    """With no rounding between latents and features. N = latents, Z = size of one, F = features."""

    latents: "Callable[[int, int], Array]"  # (N, first seed) → float32 [N, Z], from the prior
    normal: bool  # whether the prior is N(0, 1) in all coordinates, so that a straight path leaves it
    features: "Callable[[Array], Array]"  # float32 [N, Z] → float64 [N, F]; a label is the row's number, modulo classes

"""What a recipe can set of f-divergences."""

from dataclasses import dataclass
from typing import Literal

Divergence = Literal["kl", "reverse-kl", "pearson", "squared-hellinger", "jensen-shannon", "gan"]


@dataclass(frozen=True, slots=True)
class FDivergenceOptions:
    divergence: Divergence = "jensen-shannon"  # of the data from the generator's samples
    generator: Literal["non-saturating", "minimax"] = "non-saturating"  # what the generator does: raise g(V), or D_f

"""Divergences of densities on a line, and of probabilities of atoms, as sums in float64.

N = points of the line, or atoms. Densities come as logarithms, so that no ratio over- or underflows.
"""

from dataclasses import dataclass
from math import log, pi

import torch
from jaxtyping import Float
from torch import Tensor

Rows = Float[Tensor, "*#batch points"]
Points = Float[Tensor, "points"]

REACH = 12.0  # standard deviations; what a normal has beyond is less than 1e-32


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal density."""

    mean: float = 0.0
    std: float = 1.0

    def log_density(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return -(((x - self.mean) / self.std) ** 2) / 2 - log(self.std) - log(2 * pi) / 2

    def __str__(self) -> str:
        return f"N({self.mean:g}, {self.std:g}²)"


def line(*normals: Normal, count: int = 8001) -> tuple[Points, Points]:
    """Equidistant points [N] that reach all that the normals have, and their weights [N] in the trapezoid rule.

    For smooth densities that end in nothing the rule's error falls faster than any power of the distance.
    """
    low = min(each.mean - REACH * each.std for each in normals)
    high = max(each.mean + REACH * each.std for each in normals)
    x = torch.linspace(low, high, count, dtype=torch.float64)
    weights = torch.full_like(x, (high - low) / (count - 1))
    weights[[0, -1]] /= 2
    return x, weights


def kl(log_p: Rows, log_q: Rows, weights: Points) -> Float[Tensor, "..."]:
    """KL(p‖q) = Σ weights p log(p/q) in nats, at least 0; infinite where q = 0 < p. Weights of atoms are 1."""
    p = log_p.exp()
    ratio = torch.where(p > 0, log_p - log_q, 0.0)  # 0 log 0 = 0
    return (weights * p * ratio).sum(-1)


def jsd(log_p: Rows, log_q: Rows, weights: Points) -> Float[Tensor, "..."]:
    """The Jensen-Shannon divergence in nats, in 0…log 2: both densities' mean KL from the middle of the two."""
    log_middle = torch.logaddexp(log_p, log_q) - log(2)
    return (kl(log_p, log_middle, weights) + kl(log_q, log_middle, weights)) / 2

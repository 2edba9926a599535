"""The f-divergences of the paper, each by the two functions of a score by which it is estimated.

Nowozin, Cseke and Tomioka (2016), arXiv:1606.00709, tables 1, 2 and 6.

D_f(P‖Q) = E_Q f(p/q) is the largest value of E_P g(V) - E_Q f*(g(V)), reached at g(V) = f'(p/q): V is any function of a
sample, g (the paper's g_f) maps a score to the numbers that f*, the convex conjugate of f, takes. f*(g(v)) is written
out as one function of v, which is exact where its parts would overflow or cancel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from ganzoo_fgan.options import Divergence

STEEPEST = 20.0  # exponent above which exp goes on as a straight line; e^20 is a density ratio that no batch shows

Scores = Float[Tensor, "*batch"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What estimates one divergence, as functions of a score v of any size."""

    activation: Callable[[Scores], Scores]  # g(v), rising in v
    conjugate: Callable[[Scores], Scores]  # f*(g(v))
    is_log_odds: bool = False  # whether the best score is log(p/q), as a logit is


def steep(x: Scores) -> Scores:
    """exp(x), and above x = STEEPEST its tangent: finite for all scores, with a gradient that does not vanish."""
    return torch.exp(x.clamp(max=STEEPEST)) * (1 + (x - STEEPEST).relu())


def steep_minus_1(x: Scores) -> Scores:
    """exp(x) - 1, exact near x = 0, and above x = STEEPEST a straight line as in `steep`."""
    return torch.where(x < 1, torch.expm1(x.clamp(max=1.0)), steep(x) - 1)


ESTIMATES: dict[Divergence, Estimate] = {
    # f(u) = u log u; V* = 1 + log(p/q)
    "kl": Estimate(lambda v: v, lambda v: steep(v - 1)),
    # f(u) = -log u; V* = log(p/q)
    "reverse-kl": Estimate(lambda v: -steep(-v), lambda v: v - 1, is_log_odds=True),
    # f(u) = (u - 1)²; V* = 2 (p/q - 1)
    "pearson": Estimate(lambda v: v, lambda v: v.square() / 4 + v),
    # f(u) = (√u - 1)²; V* = ½ log(p/q)
    "squared-hellinger": Estimate(lambda v: -steep_minus_1(-v), steep_minus_1),
    # f(u) = u log u - (u + 1) log((u + 1)/2): twice the usual Jensen-Shannon divergence; V* = log(p/q)
    "jensen-shannon": Estimate(lambda v: logsigmoid(v) + log(2), lambda v: softplus(v) - log(2), is_log_odds=True),
    # f(u) = u log u - (u + 1) log(u + 1): the same less log 4, the game of Goodfellow et al. (2014); V* = log(p/q)
    "gan": Estimate(logsigmoid, softplus, is_log_odds=True),
}

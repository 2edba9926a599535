"""R1 and R2: γ/2 E‖∇D(x)‖² at real and at fake samples.

Mescheder, Geiger and Nowozin (2018), arXiv:1801.04406, section 4.1. N = batch, `S...` = shape of one sample.

They reuse the discriminator's pass over the samples, augmentation included. The gradient is that of one sample's
logit, so the discriminator may not look at the whole batch: no batch norm.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ganzoo.api import value_at
from ganzoo.contracts import Play, Players, Regularizer, Terms, Verdict
from ganzoo_relativistic.options import PenaltyOptions


class SlopePenalty(Regularizer):
    """What both have in common: γ, which may follow a schedule over the generator's updates.

    With an interval the penalty acts in every `interval`-th update and is multiplied by it, so that its mean over
    updates stays the same: lazy regularization, Karras et al. (2020), arXiv:1912.04958, section 3.1.
    """

    needs_sample_gradients = True
    needs_row_wise = True

    def __init__(self, options: PenaltyOptions) -> None:
        self.gamma = options.gamma
        self.interval = options.interval

    def factor(self, step: int) -> float:
        """What E‖∇D‖² is multiplied by after that many updates of the generator."""
        return value_at(self.gamma, step) / 2 * self.interval


class R1(SlopePenalty):
    """γ/2 E‖∇D(x)‖², x real."""

    def terms(self, play: Play, players: Players) -> Terms:
        assert play.on_real is not None
        return {"penalty": self.factor(play.step) * squared_slope(play.on_real, play.batch.real)}


class R2(SlopePenalty):
    """γ/2 E‖∇D(G(z))‖²."""

    def terms(self, play: Play, players: Players) -> Terms:
        return {"penalty": self.factor(play.step) * squared_slope(play.on_fake, play.fake)}


def squared_slope(verdict: Verdict, samples: Float[Tensor, "batch *sample"]) -> Float[Tensor, ""]:
    """E‖∇D(x)‖² over `samples`, which `verdict` is about; differentiable with respect to D's weights."""
    (gradient,) = torch.autograd.grad(verdict.logits.float().sum(), samples, create_graph=True)  # [N, S...]
    return gradient.float().square().flatten(1).sum(1).mean()

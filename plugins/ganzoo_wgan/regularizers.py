"""What bounds a critic's slope: clipped weights, or a penalty on the gradient with respect to samples.

N = batch, `S...` = shape of one sample. The penalties run the critic on samples of their own, in float32 and without
augmentation. A slope is that of one sample, so the critic may not look at the whole batch: no batch norm.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ganzoo.contracts import Play, Players, Regularizer, Terms
from ganzoo_wgan.options import ClippingOptions, DraganOptions, GradientPenaltyOptions


class WeightClipping(Regularizer):
    """Cut the critic's weights to [-bound, bound] after each step. Arjovsky et al. (2017), algorithm 1."""

    def __init__(self, options: ClippingOptions) -> None:
        self.bound = options.bound

    @torch.no_grad()
    def after_step(self, players: Players) -> None:
        for weight in players.discriminator.parameters():
            weight.clamp_(-self.bound, self.bound)


class GradientPenalty(Regularizer):
    """λ E (‖∇f(x̂)‖₂ - 1)², x̂ anywhere between a fake and a real sample. Gulrajani et al. (2017), equation 3."""

    needs_row_wise = True

    def __init__(self, options: GradientPenaltyOptions) -> None:
        self.weight = options.weight
        self.target = options.target

    def terms(self, play: Play, players: Players) -> Terms:
        real, fake = play.batch.real.detach().float(), play.fake.detach().float()
        t = play.batch.noise.uniform(*[1] * (real.dim() - 1))  # [N, 1...]: one place on the way for each sample
        penalty = slope_penalty(players.discriminator, fake.lerp(real, t), play.batch.labels, self.target)
        return {"penalty": self.weight * penalty}


class Dragan(Regularizer):
    """λ E (‖∇D(x + δ)‖₂ - k)² around real samples. Kodali et al. (2017), arXiv:1705.07215.

    δ is as in the authors' code: each number from U(0, spread · the batch's standard deviation), and the whole of it
    shortened by one number from U(0, 1) for each sample.
    """

    needs_row_wise = True
    mixes_samples = True  # by their standard deviation

    def __init__(self, options: DraganOptions) -> None:
        self.weight = options.weight
        self.target = options.target
        self.spread = options.spread

    def terms(self, play: Play, players: Players) -> Terms:
        real, noise = play.batch.real.detach().float(), play.batch.noise
        far = self.spread * real.std(correction=0) * noise.uniform(*real.shape[1:])  # [N, S...]
        t = noise.uniform(*[1] * (real.dim() - 1))  # [N, 1...]
        penalty = slope_penalty(players.discriminator, real + t * far, play.batch.labels, self.target)
        return {"penalty": self.weight * penalty}


def slope_penalty(
    critic: nn.Module,
    samples: Float[Tensor, "batch *sample"],
    labels: Int[Tensor, "batch"] | None,
    target: float,
) -> Float[Tensor, ""]:
    """E (‖∇critic(x)‖₂ - target)² over `samples`, differentiable with respect to the critic's weights.

    The norm is that of one sample's gradient: a norm over the whole batch would grow with √N.
    """
    samples = samples.requires_grad_()
    with torch.autocast(samples.device.type, enabled=False):  # squared differences of slopes are too fine for 16 bits
        logits = critic(samples, labels).logits  # [N]
        (gradient,) = torch.autograd.grad(logits.sum(), samples, create_graph=True)  # [N, S...]
    slopes = torch.linalg.vector_norm(gradient.flatten(1), dim=1)  # [N]
    return (slopes - target).square().mean()

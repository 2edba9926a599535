"""Players out of step. Goodfellow et al. (2014), section 6: D must be synchronized well with G.

Data are p = N(0, 1), or a single point at 0; samples are θ + s z, z from N(0, 1), or a single point.
"""

from math import hypot

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganzoo.catalog import load_catalog
from ganzoo.contracts import Loss, Players, Regularizer, Verdict
from ganzoo.core.config import Choice
from ganzoo.studies.theory import verdicts
from ganzoo.studies.theory.divergences import Normal, line
from ganzoo.studies.theory.optimum import DATA
from ganzoo.studies.theory.statement import CONVERGE, GAN, Statement
from ganzoo.studies.theory.verdicts import each, play_of, zoo_loss
from ganzoo.training.build import options_of

START = Normal(1.0, 2.0)  # where the generator of two numbers begins
RATE = 0.5
UPDATES = 100
DIRAC_RATE = 0.1
DIRAC_UPDATES = 200


def of_synchrony() -> list[Statement]:
    """What becomes of a generator whose discriminator stands still, and of one whose discriminator keeps up."""
    stale, kept = trained(keeps_up=False), trained(keeps_up=True)
    orbit, calmed = dirac_radius(), dirac_radius(r1=load_r1())
    begin = hypot(1, 1)
    return [
        Statement("G alone against a D that stands still: width", f"{GAN}, section 6", stale.std, 0.0, 1e-3),
        Statement("G against D* in each step: mean", f"{GAN}, section 4.2", kept.mean, 0.0, 1e-3),
        Statement("G against D* in each step: width", f"{GAN}, section 4.2", kept.std, 1.0, 1e-3),
        Statement(
            "Dirac-GAN, both at once: never nearer than at first", f"{CONVERGE}, section 2", orbit, begin, 0.0, "≥"
        ),
        Statement("Dirac-GAN, both at once, with R1: comes to rest", f"{CONVERGE}, section 4.1", calmed, 0.0, 1e-2),
    ]


def trained(*, keeps_up: bool) -> Normal:
    """θ and s after gradient descent on log(1 - D(G(z))), D being the best against the first G, or against each."""
    loss = zoo_loss("minimax")
    z, weights = line(Normal(), count=201)
    at = torch.tensor([START.mean, START.std], dtype=torch.float64)
    for _ in range(UPDATES):
        at.requires_grad_()
        known = Normal(at[0].item(), at[1].item()) if keeps_up else START
        x = at[0] + at[1] * z
        logits = verdicts.best_logits(DATA.log_density(x), known.log_density(x))
        cost = (weights * Normal().log_density(z).exp() * each(loss, "generator", logits)["fake"]).sum()
        (slope,) = torch.autograd.grad(cost, at)
        at = (at - RATE * slope).detach()
    return Normal(at[0].item(), at[1].item())


def load_r1() -> Regularizer:
    shelf = load_catalog().regularizers
    found: Regularizer = shelf["r1"].build(options_of(Choice(name="r1", options={"gamma": 1.0}), shelf))
    return found


def dirac_radius(r1: Regularizer | None = None) -> float:
    """The distance from the equilibrium (0, 0) of Dirac-GAN's two parameters, which begin at (1, 1).

    Data are all at 0, G draws θ, D's logit is ψx; both step at once on the minimax losses. Without a penalty it is the
    least distance of all steps, with one the last.
    """
    loss, at = zoo_loss("minimax"), torch.ones(2, dtype=torch.float64)  # θ, ψ
    distances = []
    for _ in range(DIRAC_UPDATES):
        at = (at - DIRAC_RATE * dirac_slopes(loss, r1, at)).detach()
        distances.append(at.norm().item())
    return distances[-1] if r1 else min(distances)


def dirac_slopes(loss: Loss, r1: Regularizer | None, at: Float[Tensor, "2"]) -> Float[Tensor, "2"]:
    """Of each player's terms in its own parameter: θ, ψ."""
    theta, psi = (each_.clone().requires_grad_() for each_ in at)
    real, fake = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True), theta.view(1, 1)
    on_real, on_fake = (Verdict((psi * points)[:, 0]) for points in (real, fake))
    nobody = Players(nn.Identity(), nn.Identity())
    d_play = play_of("discriminator", real, fake, on_real, on_fake)
    d_terms = [*loss.discriminator(d_play).values(), *(r1.terms(d_play, nobody).values() if r1 else ())]
    g_terms = loss.generator(play_of("generator", real, fake, on_real, on_fake)).values()
    (of_theta,) = torch.autograd.grad(torch.stack([*g_terms]).sum(), theta, retain_graph=True)
    (of_psi,) = torch.autograd.grad(torch.stack([each_.double() for each_ in d_terms]).sum(), psi)
    return torch.stack([of_theta, of_psi])

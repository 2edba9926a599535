"""Trained discriminators beside the best there can be: the zoo's perceptron, between two densities that stand still."""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from ganzoo.catalog import load_catalog
from ganzoo.contracts import Loss
from ganzoo.core.config import Choice
from ganzoo.core.specs import SampleSpec
from ganzoo.studies.theory import verdicts
from ganzoo.studies.theory.divergences import Normal, Points, jsd, line
from ganzoo.studies.theory.optimum import DATA, LOWEST
from ganzoo.studies.theory.statement import GAN, Statement
from ganzoo.studies.theory.verdicts import each, play_of, value, zoo_loss
from ganzoo.training.build import options_of

STEPS = 1500
BATCH = 512
RATE = 2e-3  # of Adam; falls to 0 along a cosine
NEAR = 0.01  # mean |D - D*| that is near
WORTH = 0.003  # nats

Tell = Callable[[float], None]  # is told how much is done, in 0…1


def of_trained(other: Normal, tell: Tell) -> list[Statement]:
    """How near a trained D comes to D*, in itself and in V, of which it can have no more; by quadrature."""
    loss = zoo_loss("minimax")
    x, weights = line(DATA, other)
    log_p, log_q = DATA.log_density(x), other.log_density(x)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = perceptron()
        before = logits_of(network, x)
        teach(network, loss, other, tell)
    after = logits_of(network, x)
    best = verdicts.best_logits(log_p, log_q)
    middle = weights * (log_p.exp() + log_q.exp()) / 2
    off = (middle * (after.sigmoid() - best.sigmoid()).abs()).sum().item()
    found = value(loss, after, log_p, log_q, weights).item()
    highest = LOWEST + 2 * jsd(log_p, log_q, weights).item()
    of_q = weights * log_q.exp()
    left = saturating_slope(loss, after, of_q) / saturating_slope(loss, before, of_q)
    lead = saturating_slope(loss, best, of_q) / saturating_slope(loss, before, of_q)
    which = f"trained D against {other}"
    return [
        Statement(f"{which}: mean |D - D*|", f"{GAN}, Proposition 1", off, 0.0, NEAR),
        Statement(f"{which}: V is that of D*", f"{GAN}, Theorem 1", found, highest, WORTH),
        Statement(f"{which}: V is no more than that", f"{GAN}, equation 4", found, highest, 1e-9, "≤"),
        Statement(f"{which}: what it leaves of the saturating slope", f"{GAN}, section 3", left, lead, 0.05),
    ]


def perceptron() -> nn.Module:
    """The zoo's discriminator of numbers, with fresh weights."""
    shelf = load_catalog().discriminators
    options = options_of(Choice(name="mlp", options={"width": 64}), shelf)
    found: nn.Module = shelf["mlp"].build(SampleSpec((1,)), options)
    return found


def teach(network: nn.Module, loss: Loss, other: Normal, tell: Tell) -> None:
    """Train D on fresh samples of both densities in every step."""
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    rate = CosineAnnealingLR(optimizer, STEPS)
    for step in range(STEPS):
        noise = torch.randn(2, BATCH, 1)
        real, fake = DATA.mean + DATA.std * noise[0], other.mean + other.std * noise[1]
        play = play_of("discriminator", real, fake, network(real, None), network(fake, None))
        optimizer.zero_grad()
        torch.stack([*loss.discriminator(play).values()]).sum().backward()
        optimizer.step()
        rate.step()
        tell((step + 1) / STEPS)


@torch.no_grad()
def logits_of(network: nn.Module, x: Points) -> Points:
    """D's logits at points [N], in float64."""
    logits: Points = network(x.float()[:, None], None).logits.double()
    return logits


def saturating_slope(loss: Loss, logits: Points, weights: Points) -> float:
    """The mean slope of log(1 - D(G(z))) in a logit: how much a generator is told."""
    at = logits.clone().requires_grad_()
    (slopes,) = torch.autograd.grad((weights * each(loss, "generator", at)["fake"]).sum(), at)
    return slopes.sum().item()

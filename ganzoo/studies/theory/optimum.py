"""Goodfellow et al. (2014), section 4: divergences, the best discriminator, the game's optimum, and the way there.

N = points of a line, or atoms. p is the data's density, q the generator's.
"""

from itertools import pairwise, starmap
from math import log

import torch
from jaxtyping import Float
from torch import Tensor

from ganzoo.contracts import Loss
from ganzoo.studies.theory import verdicts
from ganzoo.studies.theory.divergences import Normal, Points, jsd, kl, line
from ganzoo.studies.theory.statement import GAN, Statement
from ganzoo.studies.theory.verdicts import each, value, zoo_loss

DATA = Normal()
PAIRS = (Normal(1.0), Normal(3.0), Normal(5.0), Normal(0.0, 2.0), Normal(0.0, 0.5))  # generators beside the data
EXACT = 1e-9
LOWEST = -log(4)  # nats; V where D = 1/2 everywhere
ATOMS = 20
UPDATES = 60  # of p_g


def of_divergences() -> list[Statement]:
    """What equations 5 and 6 are made of."""
    found = [*starmap(of_kl, ((DATA, Normal(1.0)), (DATA, Normal(0.0, 2.0)), (Normal(0.0, 2.0), DATA)))]
    for other, text, expected in (
        (DATA, "JSD(p, p) is 0", 0.0),
        (Normal(40.0), "JSD is log 2 at most: nothing in common", log(2)),
    ):
        x, weights = line(DATA, other)
        distance = jsd(DATA.log_density(x), other.log_density(x), weights).item()
        found.append(Statement(text, f"{GAN}, equation 6", distance, expected, EXACT))
    return found


def of_kl(p: Normal, q: Normal) -> Statement:
    x, weights = line(p, q)
    closed = log(q.std / p.std) + (p.std**2 + (p.mean - q.mean) ** 2) / (2 * q.std**2) - 1 / 2
    found = kl(p.log_density(x), q.log_density(x), weights).item()
    return Statement(f"KL({p}, {q}), closed form", f"{GAN}, equation 5", found, closed, EXACT)


def of_the_discriminator() -> list[Statement]:
    """Proposition 1: pointwise, and against whatever else D could be."""
    loss = zoo_loss("minimax")
    shares = torch.logspace(-4, 4, 33, dtype=torch.float64)  # a/b
    a, b = shares / (1 + shares), 1 / (1 + shares)
    off = (best_answer(loss, a, b) - verdicts.best_logits(a.log(), b.log()).sigmoid()).abs().max().item()
    gains = [of_changes(loss, other) for other in (Normal(1.0), Normal(0.0, 2.0))]
    return [
        Statement("argmax of a log y + b log(1 - y) is a/(a + b)", f"{GAN}, Proposition 1", off, 0.0, 1e-6),
        Statement("no change of D* raises V", f"{GAN}, Proposition 1", max(gains), 0.0, EXACT, "≤"),
    ]


def best_answer(loss: Loss, a: Points, b: Points) -> Points:
    """The D at which a·(cost of a real) + b·(cost of a fake) is least, by bisection of its slope, which rises."""
    low, high = torch.full_like(a, -40.0), torch.full_like(a, 40.0)
    for _ in range(60):
        logits = ((low + high) / 2).requires_grad_()
        terms = each(loss, "discriminator", logits)
        (slope,) = torch.autograd.grad((a * terms["real"] + b * terms["fake"]).sum(), logits)
        middle = logits.detach()
        low, high = torch.where(slope < 0, middle, low), torch.where(slope < 0, high, middle)
    return ((low + high) / 2).sigmoid()


def of_changes(loss: Loss, other: Normal) -> float:
    """The most by which V rises when waves of several lengths and heights are added to the logits of D*."""
    x, weights = line(DATA, other)
    log_p, log_q = DATA.log_density(x), other.log_density(x)
    best = verdicts.best_logits(log_p, log_q)
    heights = torch.tensor([-1.0, -0.1, -0.01, 0.01, 0.1, 1.0], dtype=torch.float64)[:, None, None, None]
    lengths = torch.tensor([0.0, 0.5, 1.0, 2.0, 4.0], dtype=torch.float64)[:, None, None]
    phases = torch.tensor([0.0, 0.8, 1.6], dtype=torch.float64)[:, None]
    changed = best + heights * torch.cos(lengths * x + phases)  # [6, 5, 3, N]
    return (value(loss, changed, log_p, log_q, weights).max() - value(loss, best, log_p, log_q, weights)).item()


def of_the_criterion() -> list[Statement]:
    """Theorem 1: C(G) = V(D*, G), and where it is least."""
    loss = zoo_loss("minimax")
    found = [of_pair(loss, other) for other in PAIRS]
    means = torch.linspace(-1, 1, 21, dtype=torch.float64)
    stds = torch.linspace(0.5, 1.5, 21, dtype=torch.float64)
    x, weights = line(Normal(-1.0, 1.5), Normal(1.0, 1.5), count=1001)
    standard = (x - means[:, None, None]) / stds[:, None]
    log_q = DATA.log_density(standard) - stds[:, None].log()  # [21, 21, N]
    log_p = DATA.log_density(x)
    criterion = value(loss, verdicts.best_logits(log_p.expand_as(log_q), log_q), log_p, log_q, weights)
    row, column = divmod(int(criterion.argmin()), 21)
    away = torch.hypot(means[row], stds[column] - 1).item()
    reached = (criterion < LOWEST + 1e-6).sum().item()
    theorem = f"{GAN}, Theorem 1"
    return [
        *found,
        Statement("C is -log 4 at its least, of 441 normals", theorem, criterion.min().item(), LOWEST, EXACT),
        Statement("C is least where p_g is p_data: off by", theorem, away, 0.0, EXACT),
        Statement("C is -log 4 there alone: of 441 normals", theorem, float(reached), 1.0, 0.0),
    ]


def of_pair(loss: Loss, other: Normal) -> Statement:
    x, weights = line(DATA, other)
    log_p, log_q = DATA.log_density(x), other.log_density(x)
    found = value(loss, verdicts.best_logits(log_p, log_q), log_p, log_q, weights).item()
    expected = LOWEST + 2 * jsd(log_p, log_q, weights).item()
    return Statement(f"V(D*, G) = -log 4 + 2 JSD for {other}", f"{GAN}, equation 6", found, expected, EXACT)


def of_convergence() -> list[Statement]:
    """Proposition 2, in the space of densities, where it is about: nothing is said of a network's weights.

    p_g is a distribution over 20 atoms, and moves by exponentiated gradients (mirror descent), D being at its best in
    each step. The slope of V in p_g is what the generator's loss says of each atom.
    """
    loss, weights = zoo_loss("minimax"), torch.ones(ATOMS, dtype=torch.float64)
    random = torch.Generator().manual_seed(0)
    log_p, log_q, *others = (2 * torch.randn(52, ATOMS, generator=random, dtype=torch.float64)).log_softmax(1)

    def criterion(log_g: Points) -> float:
        return value(loss, verdicts.best_logits(log_p, log_g), log_p, log_g, weights).item()

    above = max(tangent(loss, log_p, log_q, each_) + criterion(log_q) - criterion(each_) for each_ in others)
    course = [criterion(log_q)]
    for _ in range(UPDATES):
        log_q = moved(loss, log_p, log_q)
        course.append(criterion(log_q))
    rises = max(after - before for before, after in pairwise(course))
    proposition = f"{GAN}, Proposition 2"
    distance = jsd(log_p, log_q, weights).item()
    return [
        Statement("C lies above its tangents in p_g: it is convex", proposition, above, 0.0, EXACT, "≤"),
        Statement("C falls in each of 60 steps on p_g", proposition, rises, 0.0, EXACT, "≤"),
        Statement("p_g comes to p_data in these steps: JSD", proposition, distance, 0.0, EXACT),
    ]


def slope_at(loss: Loss, log_p: Points, log_q: Points) -> Float[Tensor, "points"]:
    """The slope of V(D*, ·) at p_g = q: log(1 - D*) at each atom."""
    return each(loss, "generator", verdicts.best_logits(log_p, log_q))["fake"]


def tangent(loss: Loss, log_p: Points, log_q: Points, log_r: Points) -> float:
    """How far the tangent at q rises on the way to r."""
    return (slope_at(loss, log_p, log_q) * (log_r.exp() - log_q.exp())).sum().item()


def moved(loss: Loss, log_p: Points, log_q: Points) -> Points:
    """p_g after one step."""
    return (log_q - 0.5 * slope_at(loss, log_p, log_q)).log_softmax(0)

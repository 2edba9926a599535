"""What a generator learns from: gradients of the losses, and maximum likelihood.

Data are p = N(0, 1); samples are G(z) = θ + z, z from N(0, 1). Slopes are with respect to θ.
"""

from math import e, log, pi, sqrt

import torch
from torch import Tensor

from ganzoo.contracts import Loss
from ganzoo.studies.theory import verdicts
from ganzoo.studies.theory.divergences import Normal, jsd, kl, line
from ganzoo.studies.theory.optimum import DATA
from ganzoo.studies.theory.statement import GAN, PRINCIPLED, TUTORIAL, WASSERSTEIN, Statement
from ganzoo.studies.theory.verdicts import each, zoo_loss

STEP = 1e-3  # of finite differences, whose error is a multiple of its square
CLOSE = 1e-5
LIKELIHOOD = f"{TUTORIAL}, section 2.1"


def of_saturation() -> list[Statement]:
    """Section 3: log(1 - D(G(z))) saturates; what each of three losses says as the two normals move apart."""
    found = [
        Statement("saturating slope in a logit where D = 0.01", f"{GAN}, section 3", in_logit("minimax"), -0.01, CLOSE),
        Statement(
            "non-saturating slope in a logit where D = 0.01",
            f"{GAN}, section 3",
            in_logit("non-saturating"),
            -0.99,
            CLOSE,
        ),
    ]
    for theta in (1.0, 3.0, 5.0):
        descent = (twice_jsd(theta + STEP) - twice_jsd(theta - STEP)) / (2 * STEP)
        found += [
            Statement(
                f"saturating slope at distance {theta:g} = slope of 2 JSD",
                f"{GAN}, equation 6",
                slope(zoo_loss("minimax"), theta),
                descent,
                CLOSE,
            ),
            Statement(
                f"non-saturating slope at distance {theta:g} = slope of KL(p_g, p) - 2 JSD",
                f"{PRINCIPLED}, theorem 2.5",
                slope(zoo_loss("non-saturating"), theta),
                theta - descent,
                CLOSE,
            ),
            Statement(
                f"Wasserstein slope at distance {theta:g}",
                f"{WASSERSTEIN}, example 1",
                slope(zoo_loss("wasserstein"), theta, critic=True),
                1.0,
                CLOSE,
            ),
        ]
    times = slope(zoo_loss("non-saturating"), 8.0) / slope(zoo_loss("minimax"), 8.0)
    text = "non-saturating slope at distance 8, times the saturating"
    return [*found, Statement(text, f"{GAN}, section 3", times, 1e4, 0.0, "≥")]


def in_logit(name: str) -> float:
    """The slope of a generator's loss in a logit where D = 0.01."""
    logit = torch.tensor([log(0.01 / 0.99)], dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(each(zoo_loss(name), "generator", logit)["fake"].sum(), logit)
    return found.item()


def twice_jsd(theta: float) -> float:
    other = Normal(theta)
    x, weights = line(DATA, other)
    return 2 * jsd(DATA.log_density(x), other.log_density(x), weights).item()


def slope(loss: Loss, theta: float, *, critic: bool = False, offset: float = 0.0) -> float:
    """That of the generator's loss at θ > 0, D* being held as it is; a critic is the best of slope 1, f(x) = -x.

    `offset` is added to the logits.
    """
    z, weights = line(Normal(), count=4001)
    shift = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    x = z + shift
    logits = -x if critic else verdicts.best_logits(DATA.log_density(x), Normal(theta).log_density(x))
    cost = (weights * DATA.log_density(z).exp() * each(loss, "generator", logits + offset)["fake"]).sum()
    (found,) = torch.autograd.grad(cost, shift)
    return found.item()


def of_likelihood() -> list[Statement]:
    """Maximum likelihood as the least KL(p_data, p_g), with a density and without one."""
    model = Normal(1.0, 2.0)
    x, weights = line(DATA, model)
    log_p, log_q = DATA.log_density(x), model.log_density(x)
    entropy = log(2 * pi * e) / 2
    surprise = -(weights * log_p.exp() * log_q).sum().item() - entropy
    mean, std = likeliest()
    game = zoo_loss("f-divergence", divergence="kl", generator="minimax")  # its best score is 1 + log(p/q)
    text = "slope of the game with exp(logit) = slope of KL(p, p_g), at"
    return [
        Statement(
            "E[-log p_g] less p's entropy = KL(p, p_g)", LIKELIHOOD, surprise, kl(log_p, log_q, weights).item(), CLOSE
        ),
        Statement("likeliest normal for a mixture: its mean", LIKELIHOOD, mean, 0.25, CLOSE),
        Statement("likeliest normal for a mixture: its width", LIKELIHOOD, std, sqrt(2.0075), CLOSE),
        *(
            Statement(f"{text} {theta:g}", f"{TUTORIAL}, section 3.2.4", slope(game, theta, offset=1.0), theta, CLOSE)
            for theta in (0.5, 1.0, 2.0)
        ),
    ]


def likeliest() -> tuple[float, float]:
    """Mean and width of the normal of least E_p[-log q], p being half N(-1, 0.5²) and half N(1.5, 0.8²).

    The moments of p are the answer: 0.25, and √2.0075.
    """
    left, right = Normal(-1.0, 0.5), Normal(1.5, 0.8)
    x, weights = line(left, right, count=1001)
    p = (left.log_density(x).exp() + right.log_density(x).exp()) / 2
    at = torch.zeros(2, dtype=torch.float64, requires_grad=True)  # mean, logarithm of the width
    descent = torch.optim.LBFGS(
        [at], max_iter=50, tolerance_grad=1e-12, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def surprise() -> Tensor:
        descent.zero_grad()
        cost = -(weights * p * (Normal().log_density((x - at[0]) / at[1].exp()) - at[1])).sum()
        cost.backward()
        return cost

    descent.step(surprise)
    return at[0].item(), at[1].exp().item()

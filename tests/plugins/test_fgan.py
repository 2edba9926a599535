"""f-divergences of discrete distributions and Gaussians: bounds that are met where the paper says, and nowhere else."""

from collections.abc import Callable
from math import log
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Noise, Play, Verdict
from ganzoo.core.errors import BadSetting
from ganzoo.core.options import parse_options
from ganzoo.recipes import find_recipe, resolve
from ganzoo_fgan.divergences import ESTIMATES, STEEPEST
from ganzoo_fgan.losses import FDivergence
from ganzoo_fgan.options import Divergence, FDivergenceOptions

CATALOG = load_catalog()
NAMES: tuple[Divergence, ...] = get_args(Divergence)
Function = Callable[[Tensor], Tensor]

# f of table 1 and what its derivative at p/q makes of the best score, both written from the definitions
F: dict[Divergence, Function] = {
    "kl": lambda u: u * u.log(),
    "reverse-kl": lambda u: -u.log(),
    "pearson": lambda u: (u - 1) ** 2,
    "squared-hellinger": lambda u: (u.sqrt() - 1) ** 2,
    "jensen-shannon": lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log(),
    "gan": lambda u: u * u.log() - (u + 1) * (u + 1).log(),
}
BEST_SCORE: dict[Divergence, Function] = {
    "kl": lambda u: 1 + u.log(),
    "reverse-kl": lambda u: u.log(),
    "pearson": lambda u: 2 * (u - 1),
    "squared-hellinger": lambda u: u.log() / 2,
    "jensen-shannon": lambda u: u.log(),
    "gan": lambda u: u.log(),
}
# what the paper calls f*, as a function of t, to compare with what is written out for a score
CONJUGATE: dict[Divergence, Function] = {
    "kl": lambda t: (t - 1).exp(),
    "reverse-kl": lambda t: -1 - (-t).log(),
    "pearson": lambda t: t**2 / 4 + t,
    "squared-hellinger": lambda t: t / (1 - t),
    "jensen-shannon": lambda t: -(2 - t.exp()).log(),
    "gan": lambda t: -(1 - t.exp()).log(),
}

each_name = pytest.mark.parametrize("name", NAMES)
weights = st.lists(st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)), min_size=2, max_size=6)


class NoNoise:
    """The loss does not draw."""

    def uniform(self, *shape: int) -> Tensor:
        raise AssertionError("nothing is drawn here")

    normal = uniform


NOISE: Noise = NoNoise()


def play_of(real: Tensor | None, fake: Tensor) -> Play:
    """A play of which a loss can read the scores alone."""
    nothing = torch.empty(len(fake), 1)
    return Play(Batch(nothing, None, nothing, NOISE), nothing, None if real is None else Verdict(real), Verdict(fake))


def loss_of(name: Divergence, generator: str = "non-saturating") -> FDivergence:
    return FDivergence(FDivergenceOptions(divergence=name, generator=generator))  # type: ignore[arg-type]


def distributions(drawn: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    p, q = torch.tensor(drawn, dtype=torch.float64).T
    return p / p.sum(), q / q.sum()


def bound(name: Divergence, p: Tensor, q: Tensor, scores: Tensor) -> Tensor:
    """E_P g(V) - E_Q f*(g(V)), for a table of scores."""
    estimate = ESTIMATES[name]
    return (p * estimate.activation(scores)).sum() - (q * estimate.conjugate(scores)).sum()


# What is estimated


@each_name
@given(drawn=weights)
def test_the_bound_is_the_divergence_at_the_best_score(name: Divergence, drawn: list[tuple[float, float]]) -> None:
    """Where g(V) = f'(p/q), the bound is E_Q f(p/q), and no score has a gradient."""
    p, q = distributions(drawn)
    best = BEST_SCORE[name](p / q).requires_grad_()

    value = bound(name, p, q, best)
    (gradient,) = torch.autograd.grad(value, best)

    assert float(value.detach()) == pytest.approx(float((q * F[name](p / q)).sum()), rel=1e-9, abs=1e-9)
    assert gradient.abs().max() < 1e-9


@each_name
@given(drawn=weights, shift=st.floats(0.01, 3), seed=st.integers(0, 1000))
def test_every_other_score_gives_less(
    name: Divergence, drawn: list[tuple[float, float]], shift: float, seed: int
) -> None:
    p, q = distributions(drawn)
    off = torch.randn(len(p), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))

    elsewhere = BEST_SCORE[name](p / q) + shift * off

    assert bound(name, p, q, elsewhere) < (q * F[name](p / q)).sum()


@each_name
@given(drawn=weights)
def test_the_best_score_is_where_the_activation_is_f_s_slope(
    name: Divergence, drawn: list[tuple[float, float]]
) -> None:
    """g(V*) = f'(p/q), the slope found by differentiation."""
    p, q = distributions(drawn)
    ratio = (p / q).requires_grad_()

    (slope,) = torch.autograd.grad(F[name](ratio).sum(), ratio)

    torch.testing.assert_close(ESTIMATES[name].activation(BEST_SCORE[name](ratio.detach())), slope)


@each_name
@given(score=st.floats(-3, 3))
def test_the_conjugate_is_the_largest_of_ut_minus_f(name: Divergence, score: float) -> None:
    """f*(t) = sup over u > 0 of ut - f(u), on a fine grid of u; and as the paper writes it."""
    v = torch.tensor(score, dtype=torch.float64)
    if name == "pearson":
        v = v.clamp(min=-2)  # below, the paper's f* is the largest over all u, negative ones too
    t = ESTIMATES[name].activation(v)
    u = torch.logspace(-9, 9, 20_001, base=np.e, dtype=torch.float64)

    on_grid = float((u * t - F[name](u)).max())

    assert float(ESTIMATES[name].conjugate(v)) == pytest.approx(on_grid, rel=1e-6, abs=2e-4)
    torch.testing.assert_close(ESTIMATES[name].conjugate(v), CONJUGATE[name](t))


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.0, 1.0), (0.5, 0.8)])
@each_name
def test_gaussians_by_quadrature(name: Divergence, mean: float, std: float) -> None:
    """P = N(0, 1), Q = N(mean, std²), on a grid; KL's and Pearson's closed forms say that the grid is right."""
    x = torch.linspace(-12, 12, 4801, dtype=torch.float64)
    step = float(x[1] - x[0])
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(x)
    log_q = torch.distributions.Normal(mean, std).log_prob(x)
    near = (log_p > -40) & (log_q > -40)
    p, q = (density[near].exp() * step for density in (log_p, log_q))

    estimate = float(bound(name, p, q, BEST_SCORE[name](p / q)))

    assert estimate == pytest.approx(float((q * F[name](p / q)).sum()), abs=1e-9)
    if name == "kl":
        assert estimate == pytest.approx(log(std) + (1 + mean**2) / (2 * std**2) - 0.5, abs=1e-6)
    if name == "pearson" and std == 1:
        assert estimate == pytest.approx(np.exp(mean**2) - 1, abs=1e-6)
    if name == "squared-hellinger":
        overlap = np.sqrt(2 * std / (1 + std**2)) * np.exp(-(mean**2) / (4 * (1 + std**2)))
        assert estimate == pytest.approx(2 - 2 * overlap, abs=1e-6)


@given(drawn=weights)
def test_the_game_of_2014_is_twice_the_jensen_shannon_divergence_less_log_4(drawn: list[tuple[float, float]]) -> None:
    p, q = distributions(drawn)
    m = (p + q) / 2
    jensen_shannon = float(((p * (p / m).log()).sum() + (q * (q / m).log()).sum()) / 2)

    values = {name: float(bound(name, p, q, (p / q).log())) for name in ("jensen-shannon", "gan")}  # type: ignore[arg-type]

    assert values["jensen-shannon"] == pytest.approx(2 * jensen_shannon, abs=1e-9)
    assert values["gan"] == pytest.approx(2 * jensen_shannon - log(4), abs=1e-9)


# The loss


@each_name
@given(scores=st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=5))
def test_the_discriminator_raises_the_bound_and_the_generator_its_own_part(
    name: Divergence, scores: list[tuple[float, float]]
) -> None:
    real, fake = torch.tensor(scores, dtype=torch.float64).T
    estimate = ESTIMATES[name]

    judge = loss_of(name).discriminator(play_of(real, fake))
    minimax = loss_of(name, "minimax").generator(play_of(None, fake))
    raising = loss_of(name).generator(play_of(None, fake))

    whole = estimate.activation(real).mean() - estimate.conjugate(fake).mean()
    torch.testing.assert_close(judge["real"] + judge["fake"], -whole)
    torch.testing.assert_close(minimax["fake"], judge["fake"].neg())
    torch.testing.assert_close(raising["fake"], -estimate.activation(fake).mean())


@each_name
def test_the_two_generators_agree_where_it_is_won(name: Divergence) -> None:
    """At p = q both want the same: the slope of f*(g(v)) there is that of g(v)."""
    best = BEST_SCORE[name](torch.ones(3, dtype=torch.float64)).requires_grad_()

    gradients = [
        torch.autograd.grad(loss_of(name, generator).generator(play_of(None, best))["fake"], best)[0]
        for generator in ("minimax", "non-saturating")
    ]

    torch.testing.assert_close(*gradients)
    assert (gradients[0] < 0).all()


@pytest.mark.parametrize("divergence", ["gan", "jensen-shannon"])
def test_that_of_the_first_gan_is_the_logistic_loss(divergence: Divergence) -> None:
    """By another implementation of the same; the constants of Jensen-Shannon aside."""
    real, fake = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    constant = log(2) if divergence == "jensen-shannon" else 0.0
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits

    judge = loss_of(divergence).discriminator(play_of(real, fake))
    maker = loss_of(divergence).generator(play_of(None, fake))

    torch.testing.assert_close(judge["real"], cross_entropy(real, torch.ones(6)) - constant)
    torch.testing.assert_close(judge["fake"], cross_entropy(fake, torch.zeros(6)) - constant)
    torch.testing.assert_close(maker["fake"], cross_entropy(fake, torch.ones(6)) - constant)


# Numbers


@each_name
@pytest.mark.parametrize("generator", ["non-saturating", "minimax"])
@pytest.mark.parametrize("size", [30.0, 1e3, 1e6])
def test_no_score_is_so_large_that_a_term_or_a_gradient_is_not_finite(
    name: Divergence, generator: str, size: float
) -> None:
    real, fake = (torch.tensor([-size, size], requires_grad=True) for _ in range(2))
    loss = loss_of(name, generator)

    for terms in (loss.discriminator(play_of(real, fake)), loss.generator(play_of(None, fake))):
        total = sum(terms.values(), torch.zeros(()))
        gradients = torch.autograd.grad(total, (real, fake), allow_unused=True)
        assert total.isfinite()
        assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


@each_name
def test_a_higher_score_always_says_more_real(name: Divergence) -> None:
    """g rises without end to its gradient, even where exp would overflow: only log-odds may fade, as they round."""
    v = torch.tensor([-1e3, -90.0, -STEEPEST - 1, -STEEPEST, -5.0, 0.0, 5.0], requires_grad=True)

    (slope,) = torch.autograd.grad(ESTIMATES[name].activation(v).sum(), v)

    assert (slope > 0).all()


def test_exp_goes_on_as_its_tangent() -> None:
    """Of KL's conjugate, exp(v - 1): exact up to the limit, without a step in value or slope there, a line above."""
    limit = 1 + STEEPEST
    v = torch.tensor([0.0, limit - 1, limit, limit + 2], dtype=torch.float64, requires_grad=True)

    value = ESTIMATES["kl"].conjugate(v)
    (slope,) = torch.autograd.grad(value.sum(), v)

    top = np.exp(STEEPEST)
    np.testing.assert_allclose(value.detach(), [np.exp(-1), np.exp(STEEPEST - 1), top, 3 * top])
    np.testing.assert_allclose(slope, [np.exp(-1), np.exp(STEEPEST - 1), top, top])


def test_hellinger_is_exact_where_players_are_even() -> None:
    """Near v = 0 float32 has exp(v) - 1 with all its digits."""
    v = torch.tensor([1e-6, -1e-6])

    torch.testing.assert_close(ESTIMATES["squared-hellinger"].conjugate(v), torch.expm1(v), rtol=1e-6, atol=0)
    torch.testing.assert_close(ESTIMATES["squared-hellinger"].activation(v), -torch.expm1(-v), rtol=1e-6, atol=0)


# Settings


def test_every_divergence_can_be_chosen() -> None:
    assert set(ESTIMATES) == set(NAMES) == set(F)
    for name in NAMES:
        options = parse_options(FDivergenceOptions, {"divergence": name}, "loss")
        assert CATALOG.losses["f-divergence"].build(options).needs_real_for_generator is False


def test_an_unknown_divergence_is_answered_by_those_that_there_are() -> None:
    with pytest.raises(BadSetting, match=r"loss.divergence.*Known are: kl, reverse-kl, pearson.*gan"):
        parse_options(FDivergenceOptions, {"divergence": "hellinger"}, "loss")


@each_name
def test_only_log_odds_are_watched_as_logits(name: Divergence) -> None:
    assert loss_of(name).logits_are_scores is (name not in ("reverse-kl", "jensen-shannon", "gan"))


def test_the_recipe_names_its_divergence() -> None:
    config = resolve(find_recipe("fgan", CATALOG), CATALOG)

    assert config.loss.name == "f-divergence"
    assert set(config.loss.options) == {"divergence", "generator"}

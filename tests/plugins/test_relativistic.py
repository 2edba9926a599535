"""Relativistic losses and R1, R2: closed forms, and the game of two points in which R1 makes the players meet."""

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Loss, Noise, Play, Players, Verdict
from ganzoo.core.errors import BadSetting
from ganzoo.core.options import parse_options
from ganzoo.core.schedule import Schedule, value_at
from ganzoo.recipes import find_recipe, resolve
from ganzoo_relativistic.losses import RelativisticAverage, RelativisticPairing
from ganzoo_relativistic.options import PenaltyOptions
from ganzoo_relativistic.regularizers import R1, R2

CATALOG = load_catalog()
SHAPES = [(1, 2, 2), (3, 4, 4), (2,)]
Penalty = type[R1] | type[R2]

each_loss = pytest.mark.parametrize(
    "loss", [RelativisticPairing(), RelativisticAverage()], ids=lambda loss: type(loss).__name__
)
each_penalty = pytest.mark.parametrize("penalty", [R1, R2])
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
pairs = st.lists(st.tuples(st.floats(-12, 12), st.floats(-12, 12)), min_size=1, max_size=5)


class NoNoise:
    """Neither losses nor these penalties draw."""

    def uniform(self, *shape: int) -> Tensor:
        raise AssertionError("nothing is drawn here")

    normal = uniform


NOISE: Noise = NoNoise()


def play_of(real: Tensor, fake: Tensor) -> Play:
    """A play of which a loss can read the logits alone."""
    nothing = torch.empty(len(fake), 1)
    return Play(Batch(nothing, None, nothing, NOISE), nothing, Verdict(real), Verdict(fake))


def meeting(discriminator: nn.Module, real: Tensor, fake: Tensor) -> Play:
    """As the trainer makes it for a regularizer that needs gradients with respect to samples."""
    real, fake = real.detach().requires_grad_(), fake.detach().requires_grad_()
    batch = Batch(real, None, torch.empty(len(fake), 1), NOISE)
    return Play(batch, fake, discriminator(real), discriminator(fake))


def d_value(loss: Loss, real: Tensor, fake: Tensor) -> Tensor:
    return sum(loss.discriminator(play_of(real, fake)).values(), torch.zeros(()))


def g_value(loss: Loss, real: Tensor, fake: Tensor) -> Tensor:
    return sum(loss.generator(play_of(real, fake)).values(), torch.zeros(()))


def tensors(logits: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    real, fake = torch.tensor(logits, dtype=torch.float64).T
    return real, fake


def log_sigmoid(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.log(1 / (1 + np.exp(-x)))


# Losses


@given(logits=pairs)
def test_pairing_compares_each_real_sample_with_one_fake_sample(logits: list[tuple[float, float]]) -> None:
    real, fake = tensors(logits)
    difference = (real - fake).numpy()

    critic, generator = d_value(RelativisticPairing(), real, fake), g_value(RelativisticPairing(), real, fake)

    assert float(critic) == pytest.approx(-log_sigmoid(difference).mean(), rel=1e-7)
    assert float(generator) == pytest.approx(-log_sigmoid(-difference).mean(), rel=1e-7)


@given(logits=pairs)
def test_average_compares_each_sample_with_the_mean_of_the_others(logits: list[tuple[float, float]]) -> None:
    """With D̃(x) = sigmoid(C(x) - E C of the other kind): -log D̃(real) - log(1 - D̃(fake)), and the reverse."""
    real, fake = tensors(logits)
    above, below = (real - fake.mean()).numpy(), (fake - real.mean()).numpy()

    critic, generator = d_value(RelativisticAverage(), real, fake), g_value(RelativisticAverage(), real, fake)

    expected = -log_sigmoid(above).mean() - log_sigmoid(-below).mean()
    assert float(critic) == pytest.approx(expected, rel=1e-7)
    expected = -log_sigmoid(-above).mean() - log_sigmoid(below).mean()
    assert float(generator) == pytest.approx(expected, rel=1e-7)


@each_loss
@given(logits=pairs, shift=st.floats(-10, 10))
def test_only_differences_of_logits_count(loss: Loss, logits: list[tuple[float, float]], shift: float) -> None:
    real, fake = tensors(logits)

    torch.testing.assert_close(d_value(loss, real + shift, fake + shift), d_value(loss, real, fake))
    torch.testing.assert_close(g_value(loss, real + shift, fake + shift), g_value(loss, real, fake))


@each_loss
@given(logits=pairs)
def test_the_generator_plays_the_discriminator_s_part_with_the_kinds_exchanged(
    loss: Loss, logits: list[tuple[float, float]]
) -> None:
    real, fake = tensors(logits)

    assert loss.needs_real_for_generator
    torch.testing.assert_close(g_value(loss, real, fake), d_value(loss, fake, real))


def test_players_that_cannot_be_told_apart_have_log_2_for_each_term() -> None:
    same = torch.full((7,), 3.0, dtype=torch.float64)

    assert float(d_value(RelativisticPairing(), same, same)) == pytest.approx(log(2))
    assert float(d_value(RelativisticAverage(), same, same)) == pytest.approx(2 * log(2))


@each_loss
@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_no_logit_is_too_large(loss: Loss, logit: float) -> None:
    """At ±200, where sigmoid rounds to 0 or 1 in float32, values and gradients stay finite."""
    real, fake = torch.full((3,), logit, requires_grad=True), torch.zeros(3, requires_grad=True)

    values = [d_value(loss, real, fake), g_value(loss, real, fake)]
    gradients = torch.autograd.grad(sum(values), [real, fake])

    terms = 1 if isinstance(loss, RelativisticPairing) else 2
    assert sorted(round(float(value.detach()), 3) for value in values) == [0, 200 * terms]
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@each_loss
def test_a_loss_moves_the_player_that_it_is_for(loss: Loss) -> None:
    """The discriminator from both kinds of samples, the generator through the fake ones."""
    generator, discriminator = nn.Linear(3, 4), nn.Linear(4, 1)
    real, fake = torch.randn(8, 4), generator(torch.randn(8, 3))

    d_value(loss, discriminator(real)[:, 0], discriminator(fake.detach())[:, 0]).backward()
    assert discriminator.weight.grad is not None and discriminator.weight.grad.abs().sum() > 0
    assert generator.weight.grad is None

    discriminator.requires_grad_(False)
    g_value(loss, discriminator(real)[:, 0], discriminator(fake)[:, 0]).backward()
    assert generator.weight.grad is not None and generator.weight.grad.abs().sum() > 0


# Penalties


class Linear(nn.Module):
    """w·x, whose slope is ‖w‖ everywhere."""

    def __init__(self, shape: tuple[int, ...], slope: float) -> None:
        super().__init__()
        w = torch.randn(shape)
        self.w = nn.Parameter(slope * w / w.norm())

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict((samples * self.w).flatten(1).sum(1))


class Quadratic(nn.Module):
    """‖x‖²/2, whose gradient at x is x."""

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict(samples.square().flatten(1).sum(1) / 2)


def penalty_of(regularizer: R1 | R2, discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    terms = regularizer.terms(meeting(discriminator, real, fake), Players(nn.Identity(), discriminator))
    assert set(terms) == {"penalty"} and terms["penalty"].shape == ()
    return terms["penalty"]


@each_penalty
@each_shape
@pytest.mark.parametrize("batch", [1, 2, 7])
@given(slope=st.floats(0, 10), gamma=st.floats(0, 100))
def test_the_penalty_of_a_linear_discriminator_depends_on_its_slope_alone(
    penalty: Penalty, shape: tuple[int, ...], batch: int, slope: float, gamma: float
) -> None:
    """γ/2 slope² at any batch size and of any shape: the norm is one sample's, over all its pixels."""
    real, fake = torch.randn(2, batch, *shape)

    found = penalty_of(penalty(PenaltyOptions(gamma=gamma)), Linear(shape, slope), real, fake)

    assert float(found.detach()) == pytest.approx(gamma / 2 * slope**2, rel=1e-4, abs=1e-9)


@each_shape
def test_r1_looks_at_real_and_r2_at_fake_samples(shape: tuple[int, ...]) -> None:
    """The gradient of ‖x‖²/2 is x, so the penalties are γ/2 E‖x‖² of the two kinds."""
    real, fake = torch.randn(4, *shape), 5 * torch.randn(4, *shape)

    for penalty, samples in ((R1, real), (R2, fake)):
        found = penalty_of(penalty(PenaltyOptions(gamma=3.0)), Quadratic(), real, fake)
        expected = 1.5 * (samples.numpy().reshape(4, -1) ** 2).sum(1).mean()
        assert float(found.detach()) == pytest.approx(expected, rel=1e-5)


@each_penalty
def test_a_penalty_teaches_the_discriminator(penalty: Penalty) -> None:
    """γ/2 ‖w‖² has the gradient γ w."""
    discriminator = Linear((1, 2, 2), 3.0)

    penalty_of(penalty(PenaltyOptions(gamma=0.7)), discriminator, *torch.randn(2, 5, 1, 2, 2)).backward()

    torch.testing.assert_close(discriminator.w.grad, 0.7 * discriminator.w.detach())


@each_penalty
@given(gamma=st.floats(0.1, 10), interval=st.integers(1, 16))
def test_a_lazy_penalty_is_as_strong_on_average(penalty: Penalty, gamma: float, interval: int) -> None:
    """In one of `interval` updates, and multiplied by it."""
    lazy, eager = penalty(PenaltyOptions(gamma=gamma, interval=interval)), penalty(PenaltyOptions(gamma=gamma))
    real, fake, discriminator = torch.randn(3, 2), torch.randn(3, 2), Linear((2,), 2.0)

    updates = [update % lazy.interval == 0 for update in range(3 * interval)]
    summed = sum(updates) * float(penalty_of(lazy, discriminator, real, fake).detach())

    assert (lazy.interval, eager.interval) == (interval, 1)
    every = float(penalty_of(eager, discriminator, real, fake).detach())
    assert summed == pytest.approx(3 * interval * every, rel=1e-5)


@each_penalty
def test_a_penalty_asks_for_the_pass_that_is_there(penalty: Penalty) -> None:
    """It runs no network: its gradient is with respect to the samples before augmentation, here a factor of 2."""
    regularizer = penalty(PenaltyOptions(gamma=1.0))
    real, fake = torch.randn(4, 2, requires_grad=True), torch.randn(4, 2, requires_grad=True)
    discriminator = Linear((2,), 3.0)
    batch = Batch(real, None, torch.empty(4, 1), NOISE)
    play = Play(batch, fake, discriminator(2 * real), discriminator(2 * fake))

    def refuse(*_: object) -> Verdict:
        raise AssertionError("one pass is enough")

    discriminator.forward = refuse  # type: ignore[method-assign]
    terms = regularizer.terms(play, Players(nn.Identity(), discriminator))

    assert (regularizer.needs_sample_gradients, regularizer.player) == (True, "discriminator")
    assert float(terms["penalty"].detach()) == pytest.approx((2 * 3) ** 2 / 2, rel=1e-5)


@each_penalty
@pytest.mark.parametrize(("step", "gamma"), [(0, 4.0), (5, 4.0), (10, 2.5), (15, 1.0), (99, 1.0)])
def test_gamma_follows_its_schedule_over_the_generator_s_steps(penalty: Penalty, step: int, gamma: float) -> None:
    """From 4 after 5 steps to 1 after 15, of a discriminator of slope 2; lazy or not."""
    schedule = {"start": 4.0, "end": 1.0, "begin": 5, "steps": 10, "shape": "cosine"}
    options = parse_options(PenaltyOptions, {"gamma": schedule, "interval": 3}, "r1")
    discriminator = Linear((2,), 2.0)
    play = replace(meeting(discriminator, *torch.randn(2, 5, 2)), step=step)

    terms = penalty(options).terms(play, Players(nn.Identity(), discriminator))

    assert float(terms["penalty"].detach()) == pytest.approx(3 * gamma / 2 * 2**2, rel=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"gamma": -1.0},
        {"gamma": {"start": 1.0, "end": -0.1, "steps": 10}},
        {"gamma": {"start": 1.0, "end": 0.1}},
        {"gamma": "strong"},
        {"interval": 0},
        {"weight": 1.0},
    ],
)
def test_options_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        parse_options(PenaltyOptions, change, "r1")


def test_a_schedule_that_ends_below_0_is_answered_by_what_would_be_right() -> None:
    with pytest.raises(BadSetting, match="gamma cannot go below 0; give its schedule a start and an end of 0 or more"):
        parse_options(PenaltyOptions, {"gamma": {"start": 1.0, "end": -0.1, "steps": 10}}, "r1")


# The game of two points: data at 0, one fake sample at θ, D(x) = ψx, the discriminator minimises ψθ, the generator -ψθ


def played(gamma: float, steps: int, rate: float) -> list[float]:
    """θ and ψ after that many simultaneous steps of gradient descent from (1, 0)."""
    theta, discriminator = torch.ones(1, 1), Linear((1,), 0.0)
    regularizer = R1(PenaltyOptions(gamma=gamma))
    for _ in range(steps):
        play = meeting(discriminator, torch.zeros(1, 1), theta)
        penalty = regularizer.terms(play, Players(nn.Identity(), discriminator))["penalty"]
        score = play.on_fake.logits.mean()
        (d_step,) = torch.autograd.grad(score + penalty, discriminator.w, retain_graph=True)
        (g_step,) = torch.autograd.grad(-score, play.fake)
        discriminator.w.data -= rate * d_step
        theta = theta - rate * g_step
    return [float(theta), float(discriminator.w.detach())]


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_players_of_two_points_meet_with_r1_and_not_without(gamma: float) -> None:
    """A step is linear in (θ, ψ): they circle ever further apart, and R1 draws them to (0, 0).

    Mescheder et al. (2018), section 2 and theorem 4.1.
    """
    rate, steps = 0.05, 400
    step = np.array([[1, rate], [-rate, 1 - rate * gamma]])

    found = played(gamma, steps, rate)

    np.testing.assert_allclose(found, np.linalg.matrix_power(step, steps) @ [1, 0], atol=1e-4)
    assert np.hypot(*found) > 1.5 if gamma == 0 else np.hypot(*found) < 0.02


def stepped(position: np.ndarray[Any, Any], loss: Loss, penalties: list[R1 | R2], rate: float) -> list[float]:
    """(θ, ψ) after one simultaneous step of gradient descent, in float64."""
    discriminator = Linear((1,), 0.0).double()
    discriminator.w.data.fill_(position[1])
    theta = torch.full((1, 1), position[0], dtype=torch.float64)
    play = meeting(discriminator, torch.zeros(1, 1, dtype=torch.float64), theta)
    players = Players(nn.Identity(), discriminator)
    d_terms = [*loss.discriminator(play).values(), *(penalty.terms(play, players)["penalty"] for penalty in penalties)]

    (d_step,) = torch.autograd.grad(sum(d_terms), discriminator.w, retain_graph=True)
    (g_step,) = torch.autograd.grad(sum(loss.generator(play).values()), play.fake)

    return [float(theta - rate * g_step), float((discriminator.w - rate * d_step).detach())]


@pytest.mark.parametrize(("loss", "slope"), [(RelativisticPairing(), 0.5), (RelativisticAverage(), 1.0)])
@pytest.mark.parametrize("kinds", [[], [R1], [R2], [R1, R2]], ids=["none", "r1", "r2", "both"])
@pytest.mark.parametrize("gamma", [0.3, 4.0])
def test_near_the_solution_a_step_shrinks_the_orbit_with_penalties_alone(
    loss: Loss, slope: float, kinds: list[Penalty], gamma: float
) -> None:
    """At (0, 0) a step of size h multiplies by 1 + hλ, λ = -g/2 ± √(g²/4 - f'²), g the sum of all γ.

    f'(0) is the slope at 0 of what the players minimise: 1/2 for each term. Mescheder et al. (2018), section 3.
    """
    rate, penalties = 0.05, [kind(PenaltyOptions(gamma=gamma)) for kind in kinds]

    columns = []
    for move in 1e-5 * np.eye(2):
        ahead, behind = (np.array(stepped(sign * move, loss, penalties, rate)) for sign in (1, -1))
        columns.append((ahead - behind) / 2e-5)
    found = np.linalg.eigvals(np.stack(columns, axis=1))

    pull = gamma * len(kinds)
    root = np.emath.sqrt(pull**2 / 4 - slope**2)
    expected = 1 + rate * (-pull / 2 + np.array([root, -root]))
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(expected), atol=1e-6)
    assert np.all(np.abs(found) < 1) if kinds else np.all(np.abs(found) > 1)


# Recipes


def test_the_relativistic_average_recipe_has_the_paper_s_stable_settings() -> None:
    """Adam of 2e-4 and (0.5, 0.999), batches of 32, one update each, spectral norm alone in the discriminator."""
    config = resolve(find_recipe("ragan", CATALOG), CATALOG)

    assert (config.loss.name, config.batch_size, config.d_steps) == ("relativistic-average", 32, 1)
    assert (config.discriminator.options["norm"], set(config.wrappers)) == ("none", {"spectral-norm"})
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.name, optimizer.learning_rate, optimizer.betas) == ("adam", 2e-4, (0.5, 0.999))


def test_the_r3gan_recipe_has_the_authors_settings_for_cifar_10() -> None:
    """github.com/brownvc/R3GAN, train.py: cosines over the first 20 million of 250 million pictures, in batches of 512.

    The average of the generator forgets half in 5 million pictures.
    """
    config = resolve(find_recipe("r3gan", CATALOG), CATALOG)
    middle, end = 10_000_000 // 512, 20_000_000 // 512 + 1

    assert (config.loss.name, config.batch_size, config.d_steps) == ("relativistic-pairing", 512, 1)
    assert config.total_steps(50_000) * 512 == pytest.approx(250e6, rel=1e-5)
    assert (config.latents.name, config.latents.options["size"], config.dataset.name) == ("normal", 64, "cifar10")
    for player in (config.generator, config.discriminator):
        assert (player.name, player.options["width"], player.options["widest"]) == ("r3gan", 768, 768)
        assert [player.options[key] for key in ("blocks", "group", "expansion")] == [2, 16, 2]
    for name in ("r1", "r2"):
        options = parse_options(PenaltyOptions, config.regularizers[name], name)
        found = [value_at(options.gamma, step) for step in (0, middle, end)]
        assert (found, options.interval) == (pytest.approx([0.05, 0.0275, 0.005], rel=1e-4), 1)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        rates = [value_at(optimizer.learning_rate, step) for step in (0, middle, end)]
        assert rates == pytest.approx([2e-4, 1.25e-4, 5e-5], rel=1e-4)
        betas = [[value_at(beta, step) for beta in optimizer.betas] for step in (0, middle, end)]
        np.testing.assert_allclose(betas, [[0, 0.9], [0, 0.945], [0, 0.99]], atol=1e-5)
    assert not isinstance(config.ema_decay, Schedule)
    assert config.ema_decay ** (5_000_000 / 512) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("name", ["r3gan", "r3gan-small", "rpgan-points"])
def test_both_penalties_act_in_every_update_and_are_equally_strong(name: str) -> None:
    config = resolve(find_recipe(name, CATALOG), CATALOG)

    assert config.loss.name == "relativistic-pairing"
    assert config.regularizers["r1"] == config.regularizers["r2"]
    assert config.regularizers["r1"]["interval"] == 1


# The catalog


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("losses", {"relativistic-pairing", "relativistic-average"}),
        ("regularizers", {"r1", "r2"}),
    ],
)
def test_the_catalog_builds_the_whole_family(kind: str, names: set[str]) -> None:
    shelf = CATALOG.shelves()[kind]

    assert {name for name, plugin in shelf.provider.items() if plugin == "relativistic"} == names
    for name in names:
        assert shelf[name].build(shelf[name].options()) is not None


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_penalties_say_that_each_logit_must_be_of_one_sample(name: str) -> None:
    spec = load_catalog().regularizers[name]
    assert spec.build(spec.options()).needs_row_wise

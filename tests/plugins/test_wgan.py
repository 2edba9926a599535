"""WGAN and its penalties: critics whose slopes are known, so that every term can be written out by hand."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Play, Players, Regularizer, Terms, Verdict
from ganzoo.core.errors import BadSetting
from ganzoo.core.options import parse_options
from ganzoo.recipes import find_recipe, resolve
from ganzoo_wgan.losses import Wasserstein
from ganzoo_wgan.options import ClippingOptions, DraganOptions, GradientPenaltyOptions
from ganzoo_wgan.regularizers import Dragan, GradientPenalty, WeightClipping

CATALOG = load_catalog()
SHAPES = [(1, 2, 2), (3, 4, 4), (2,)]

each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
each_penalty = pytest.mark.parametrize(
    "penalty",
    [GradientPenalty(GradientPenaltyOptions()), Dragan(DraganOptions())],
    ids=lambda each: type(each).__name__,
)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


@dataclass
class DrawnNoise:
    """Random rows, or the same `row` for every sample; remembers what was asked for."""

    count: int
    rows: list[Tensor] = field(default_factory=list)
    asked: list[tuple[int, ...]] = field(default_factory=list)

    def uniform(self, *shape: int) -> Tensor:
        self.asked.append(shape)
        return self.rows[len(self.asked) - 1] if self.rows else torch.rand(self.count, *shape)

    def normal(self, *shape: int) -> Tensor:
        self.asked.append(shape)
        return torch.randn(self.count, *shape)


class Linear(nn.Module):
    """w·x, whose slope is ‖w‖ everywhere."""

    def __init__(self, shape: tuple[int, ...], slope: float) -> None:
        super().__init__()
        w = torch.randn(shape)
        self.w = nn.Parameter(slope * w / w.norm())

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict((samples * self.w).flatten(1).sum(1))


class Quadratic(nn.Module):
    """‖x‖²/2, whose gradient at x is x; remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen: list[Tensor] = []
        self.labels: Tensor | None = None

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        self.seen.append(samples.detach())
        self.labels = labels
        return Verdict(self.scale * samples.square().flatten(1).sum(1) / 2)


def play_of(real: Tensor, fake: Tensor, noise: DrawnNoise | None = None, labels: Tensor | None = None) -> Play:
    """As a regularizer sees it; the verdicts are not for penalties to read."""
    batch = Batch(real, labels, torch.zeros(len(real), 1), noise or DrawnNoise(len(real)))
    return Play(batch, fake, None, Verdict(torch.zeros(len(fake))))


def players_of(critic: nn.Module) -> Players:
    return Players(nn.Identity(), critic)


def value(terms: Terms) -> float:
    assert set(terms) == {"penalty"} and terms["penalty"].shape == ()
    return float(terms["penalty"].detach())


def norms(samples: Tensor) -> np.ndarray[Any, Any]:
    """‖x‖ of each sample."""
    return np.sqrt((samples.numpy().reshape(len(samples), -1) ** 2).sum(1))


# The loss


@given(
    real=st.lists(st.floats(-50, 50), min_size=1, max_size=5), fake=st.lists(st.floats(-50, 50), min_size=1, max_size=5)
)
def test_the_terms_are_the_means_of_the_scores(real: list[float], fake: list[float]) -> None:
    """The critic raises real and lowers fake scores, the generator raises fake ones."""
    nothing = torch.empty(len(fake), 1)
    batch = Batch(nothing, None, nothing, DrawnNoise(len(fake)))
    play = Play(batch, nothing, Verdict(torch.tensor(real)), Verdict(torch.tensor(fake)))

    critic, generator = Wasserstein().discriminator(play), Wasserstein().generator(play)

    assert float(critic["real"]) == pytest.approx(-np.mean(real), abs=1e-4)
    assert float(critic["fake"]) == pytest.approx(np.mean(fake), abs=1e-4)
    assert float(generator["fake"]) == pytest.approx(-np.mean(fake), abs=1e-4)
    assert (len(critic), len(generator), Wasserstein.needs_real_for_generator) == (2, 1, False)


def test_no_score_is_so_large_that_its_gradient_fades() -> None:
    """Each of N scores has the gradient 1/N, whatever it is."""
    real, fake = (torch.tensor([-1e4, 0.0, 3.0, 1e6], requires_grad=True) for _ in range(2))
    play = Play(play_of(torch.zeros(4, 1), torch.zeros(4, 1)).batch, torch.zeros(4, 1), Verdict(real), Verdict(fake))

    raised, lowered = torch.autograd.grad(sum(Wasserstein().discriminator(play).values()), (real, fake))
    (wanted,) = torch.autograd.grad(Wasserstein().generator(play)["fake"], fake)

    assert raised.tolist() == wanted.tolist() == [-0.25] * 4
    assert lowered.tolist() == [0.25] * 4


def test_the_best_critic_of_two_points_has_the_slope_that_the_penalty_allows() -> None:
    """Real at d, fake at 0, f(x) = wx: -wd + λ(w - 1)² is least at w = 1 + d / 2λ, here 1.1."""
    real, fake, critic = torch.full((3, 1), 2.0), torch.zeros(3, 1), Linear((1,), 1.0)
    critic.w.data.fill_(1.1)
    play = play_of(real, fake)
    play = Play(play.batch, fake, critic(real), critic(fake))

    terms = Wasserstein().discriminator(play) | GradientPenalty(GradientPenaltyOptions()).terms(
        play, players_of(critic)
    )
    (at_the_best,) = torch.autograd.grad(sum(terms.values()), critic.w)

    assert float(at_the_best) == pytest.approx(0, abs=1e-5)
    assert -float((terms["real"] + terms["fake"]).detach()) == pytest.approx(1.1 * 2)


# Penalties


@each_shape
@each_penalty
@pytest.mark.parametrize(("slope", "expected"), [(1.0, 0.0), (3.0, 40.0), (0.5, 2.5)])
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_penalty_of_a_linear_critic_depends_on_its_slope_alone(
    penalty: Regularizer, shape: tuple[int, ...], slope: float, expected: float, batch: int
) -> None:
    """10 (slope - 1)² at any batch size: a norm over the whole batch, or over channels alone, would be another."""
    real, fake = torch.randn(2, batch, *shape)

    terms = penalty.terms(play_of(real, fake), players_of(Linear(shape, slope)))

    assert value(terms) == pytest.approx(expected, rel=1e-4, abs=1e-9)


@given(slope=st.floats(0, 10), weight=st.floats(0, 100), target=st.floats(0, 10))
def test_weight_and_target_are_options(slope: float, weight: float, target: float) -> None:
    options = {"weight": weight, "target": target}
    real, fake = torch.randn(2, 3, 1, 2, 2)
    for penalty in (GradientPenalty(GradientPenaltyOptions(**options)), Dragan(DraganOptions(**options))):
        terms = penalty.terms(play_of(real, fake), players_of(Linear((1, 2, 2), slope)))
        assert value(terms) == pytest.approx(weight * (slope - target) ** 2, rel=1e-3, abs=1e-3)


@each_shape
def test_the_gradient_penalty_looks_between_a_fake_and_a_real_sample(shape: tuple[int, ...]) -> None:
    """The gradient of ‖x‖²/2 at x̂ is x̂ itself; each sample has its own place t on the way, one for all its pixels."""
    real, fake = torch.randn(2, 4, *shape)
    t = torch.tensor([0.0, 0.25, 0.5, 1.0]).reshape(4, *[1] * len(shape))
    noise, critic = DrawnNoise(4, rows=[t]), Quadratic()

    terms = GradientPenalty(GradientPenaltyOptions()).terms(play_of(real, fake, noise), players_of(critic))

    between = (1 - t) * fake + t * real
    torch.testing.assert_close(critic.seen[0], between)
    assert noise.asked == [(1,) * len(shape)]
    assert value(terms) == pytest.approx(10 * np.mean((norms(between) - 1) ** 2), rel=1e-5)


@each_penalty
def test_a_batch_that_is_repeated_has_the_same_penalty(penalty: Regularizer) -> None:
    """Of a critic whose slope differs from sample to sample."""
    real, fake = torch.randn(2, 3, 1, 2, 2)
    rows = [torch.rand(3, 1, 2, 2), torch.rand(3, 1, 1, 1)] if isinstance(penalty, Dragan) else [torch.rand(3, 1, 1, 1)]

    def repeated(times: int) -> float:
        noise = DrawnNoise(3 * times, rows=[row.repeat(times, 1, 1, 1) for row in rows])
        play = play_of(real.repeat(times, 1, 1, 1), fake.repeat(times, 1, 1, 1), noise)
        return value(penalty.terms(play, players_of(Quadratic())))

    assert repeated(5) == pytest.approx(repeated(1), rel=1e-5)
    assert repeated(1) > 0.1


@each_shape
def test_dragan_looks_around_real_samples_alone(shape: tuple[int, ...]) -> None:
    """At x + t · spread · std · u, u for each pixel and t for each sample; the standard deviation is of all numbers."""
    real, fake = 3 * torch.randn(4, *shape), torch.full((4, *shape), 1e6)
    u, t = torch.rand(4, *shape), torch.rand(4, *[1] * len(shape))
    critic, noise = Quadratic(), DrawnNoise(4, rows=[u, t])

    terms = Dragan(DraganOptions(spread=0.7)).terms(play_of(real, fake, noise), players_of(critic))

    around = real + t * u * 0.7 * float(np.std(real.numpy()))
    torch.testing.assert_close(critic.seen[0], around)
    assert noise.asked == [shape, (1,) * len(shape)]
    assert value(terms) == pytest.approx(10 * np.mean((norms(around) - 1) ** 2), rel=1e-5)


@each_penalty
def test_a_penalty_teaches_the_critic_and_nobody_else(penalty: Regularizer) -> None:
    """λ (s w - 1)² for a slope w: the gradient is 2λ (w - 1), and none reaches the samples or their generator."""
    critic = Linear((2,), 3.0)
    real, fake = (torch.randn(5, 2, requires_grad=True) for _ in range(2))
    made = 2 * fake  # as by a generator that is updated at the same time

    penalty.terms(play_of(real, made), players_of(critic))["penalty"].backward()
    penalty.terms(play_of(real, made), players_of(Quadratic()))["penalty"].backward()  # a slope that depends on x

    assert critic.w.grad is not None
    assert float(critic.w.grad.norm()) == pytest.approx(2 * 10 * 2, rel=1e-4)
    assert real.grad is None and fake.grad is None


@each_penalty
def test_a_critic_that_is_flat_has_a_finite_gradient(penalty: Regularizer) -> None:
    """The norm has no derivative at 0, where every critic with weights of 0 starts."""
    critic = Linear((1, 2, 2), 0.0)

    penalty.terms(play_of(*torch.randn(2, 3, 1, 2, 2)), players_of(critic))["penalty"].backward()

    assert critic.w.grad is not None and bool(critic.w.grad.isfinite().all())


@each_penalty
def test_a_penalty_is_computed_in_float32_where_networks_are_not(penalty: Regularizer) -> None:
    """Under autocast, and from samples that a generator made in 16 bits."""
    critic = nn.Linear(4, 1)
    seen: list[torch.dtype] = []

    class Head(nn.Module):
        def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
            logits = critic(samples)[:, 0]
            seen.append(logits.dtype)
            return Verdict(logits)

    real, fake = torch.randn(2, 3, 4)
    with torch.autocast("cpu", torch.bfloat16):
        terms = penalty.terms(play_of(real.bfloat16(), fake.bfloat16()), players_of(Head()))

    assert (seen, terms["penalty"].dtype) == ([torch.float32], torch.float32)


@each_penalty
def test_the_critic_is_shown_the_labels(penalty: Regularizer) -> None:
    critic, labels = Quadratic(), torch.arange(3)

    penalty.terms(play_of(*torch.randn(2, 3, 2), labels=labels), players_of(critic))

    assert critic.labels is not None and torch.equal(critic.labels, labels)


@each_penalty
def test_a_penalty_draws_from_its_noise_alone(penalty: Regularizer) -> None:
    """Torch's random state stays, so that a run does not depend on who else draws from it."""
    real, fake = torch.randn(2, 3, 2)
    rows = [torch.rand(3, 2), torch.rand(3, 1)] if isinstance(penalty, Dragan) else [torch.rand(3, 1)]
    state = torch.get_rng_state()

    penalty.terms(play_of(real, fake, DrawnNoise(3, rows=rows)), players_of(Quadratic()))

    assert torch.equal(torch.get_rng_state(), state)


def test_the_players_samples_stay_as_they_were() -> None:
    """A penalty asks for gradients with respect to samples of its own."""
    real, fake = torch.randn(2, 3, 2)
    for penalty in (GradientPenalty(GradientPenaltyOptions()), Dragan(DraganOptions(spread=0.0))):
        penalty.terms(play_of(real, fake), players_of(Quadratic()))
        assert not real.requires_grad and not fake.requires_grad


# Clipping


@torch.no_grad()
def test_clipping_cuts_every_weight_of_the_critic_and_no_other() -> None:
    """Biases and norms too, as the authors do; what is within the bound stays as it is."""
    critic = nn.Sequential(nn.Linear(3, 50), nn.LayerNorm(50), nn.Linear(50, 1))
    generator = nn.Linear(3, 3)
    before = {name: weight.clone() for name, weight in critic.named_parameters()}
    untouched = [weight.clone() for weight in generator.parameters()]

    WeightClipping(ClippingOptions(bound=0.05)).after_step(Players(generator, critic))

    for name, weight in critic.named_parameters():
        np.testing.assert_array_equal(weight.numpy(), np.clip(before[name].numpy(), -0.05, 0.05).astype(np.float32))
    assert all(torch.equal(a, b) for a, b in zip(generator.parameters(), untouched, strict=True))
    assert all(weight.requires_grad for weight in critic.parameters())


def test_clipping_adds_no_term_and_acts_after_every_step_of_the_critic() -> None:
    clipping = WeightClipping(ClippingOptions())

    assert clipping.terms(play_of(*torch.randn(2, 3, 2)), players_of(Quadratic())) == {}
    assert (clipping.player, clipping.interval, clipping.bound) == ("discriminator", 1, 0.01)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("weight-clipping", {"bound": 0.0}),
        ("gradient-penalty", {"weight": -1.0}),
        ("gradient-penalty", {"lambda": 10.0}),
        ("dragan", {"spread": -0.5}),
    ],
)
def test_options_that_make_no_sense_are_refused(name: str, change: dict[str, float]) -> None:
    with pytest.raises(BadSetting):
        parse_options(CATALOG.regularizers[name].options, change, name)


@pytest.mark.parametrize(("name", "wanted"), [("gradient-penalty", True), ("dragan", True), ("weight-clipping", False)])
def test_penalties_say_that_each_score_must_be_of_one_sample(name: str, wanted: bool) -> None:
    spec = CATALOG.regularizers[name]
    assert getattr(spec.build(spec.options()), "needs_row_wise", False) == wanted


# Recipes


@pytest.mark.parametrize("name", ["wgan", "wgan-gp"])
def test_a_critic_has_five_steps_and_no_batch_norm(name: str) -> None:
    config = resolve(find_recipe(name, CATALOG), CATALOG)

    assert (config.d_steps, config.loss.name) == (5, "wasserstein")
    assert config.discriminator.options["norm"] != "batch"


def test_the_clipped_recipe_has_the_authors_settings() -> None:
    """github.com/martinarjovsky/WassersteinGAN, main.py."""
    config = resolve(find_recipe("wgan", CATALOG), CATALOG)

    assert config.regularizers == {"weight-clipping": {"bound": 0.01}}
    assert (config.batch_size, config.latents.name, config.latents.options["size"]) == (64, "normal", 100)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        settings = (optimizer.name, optimizer.learning_rate, optimizer.smoothing, optimizer.momentum)
        assert settings == ("rmsprop", 5e-5, 0.99, 0)


def test_the_penalised_recipe_has_the_authors_settings() -> None:
    """github.com/igul222/improved_wgan_training, gan_mnist.py."""
    config = resolve(find_recipe("wgan-gp", CATALOG), CATALOG)

    assert config.regularizers == {"gradient-penalty": {"weight": 10.0, "target": 1.0}}
    assert (config.batch_size, config.latents.options["size"], config.steps) == (50, 128, 200_000)
    assert config.generator.options["norm"] == config.discriminator.options["norm"] == "none"
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.name, optimizer.learning_rate, optimizer.betas) == ("adam", 1e-4, (0.5, 0.9))

"""EBGAN and BEGAN: energies that are set by hand, balances in closed form, and auto-encoders of pictures and points."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor, nn

import ganzoo
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Noise, Play, Players, Stateful, Verdict
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.core.options import parse_options
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import SampleSpec
from ganzoo.recipes import find_recipe, resolve
from ganzoo_energy.losses import Began, Ebgan
from ganzoo_energy.networks import AutoEncoder
from ganzoo_energy.options import AutoEncoderOptions, BeganOptions, EbganOptions, PullingAwayOptions
from ganzoo_energy.regularizers import PullingAway

CATALOG = load_catalog()
SAMPLES = [SampleSpec((1, 8, 8)), SampleSpec((1, 28, 28)), SampleSpec((3, 32, 48)), SampleSpec((2,)), SampleSpec((5,))]
NOBODY = Players(nn.Identity(), nn.Identity())

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample.shape))
each_error = pytest.mark.parametrize("error", ["squared", "absolute"])
energies = st.lists(st.floats(0, 50), min_size=1, max_size=6)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


class NoNoise:
    """Nothing here draws."""

    def uniform(self, *shape: int) -> Tensor:
        raise AssertionError("nothing is drawn here")

    normal = uniform


NOISE: Noise = NoNoise()


def play_of(real: list[float] | Tensor | None, fake: list[float] | Tensor, step: int = 0) -> Play:
    """A play of which a loss can read the energies alone."""
    nothing = torch.empty(len(fake), 1)
    verdict = None if real is None else Verdict(-torch.as_tensor(real))
    return Play(Batch(nothing, None, nothing, NOISE), nothing, verdict, Verdict(-torch.as_tensor(fake)), step=step)


# Auto-encoders


@each_sample
@each_error
def test_the_logit_is_the_mean_error_with_its_sign_changed(sample: SampleSpec, error: str) -> None:
    network = AutoEncoder(sample, AutoEncoderOptions(code=7, error=error))  # type: ignore[arg-type]
    samples = 2 * torch.rand(4, *sample.shape) - 1

    verdict = network(samples)

    assert verdict.reconstruction.shape == samples.shape
    assert verdict.features.shape == (4, 7)
    off = (verdict.reconstruction - samples).detach().numpy().reshape(4, -1)
    energy = (off**2 if error == "squared" else np.abs(off)).mean(1)
    np.testing.assert_allclose(-verdict.logits.detach(), energy, rtol=1e-5)
    torch.testing.assert_close(network.decoder(verdict.features), verdict.reconstruction)


@each_sample
def test_an_auto_encoder_learns_to_repeat_what_it_is_shown(sample: SampleSpec) -> None:
    """Energy on its samples falls to a fraction, and energy elsewhere does not: it is no identity."""
    network = AutoEncoder(sample, AutoEncoderOptions(code=2, width=8))
    samples = torch.tensor([0.8, -0.6]).reshape(2, *[1] * len(sample.shape)).expand(2, *sample.shape)
    elsewhere = 2 * torch.rand(8, *sample.shape) - 1
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    before = -network(samples).logits.mean().detach()

    for _ in range(40):
        optimizer.zero_grad()
        energy = -network(samples).logits.mean()
        energy.backward()
        optimizer.step()

    assert energy < before / 10
    if sample.size > 2:  # two numbers fit into a code of two
        assert -network(elsewhere).logits.mean() > 5 * energy


def test_points_take_perceptrons_and_pictures_take_convolutions() -> None:
    def has_convolutions(shape: tuple[int, ...], form: str) -> bool:
        network = AutoEncoder(SampleSpec(shape), AutoEncoderOptions(form=form))  # type: ignore[arg-type]
        return any(isinstance(layer, nn.Conv2d) for layer in network.modules())

    assert not has_convolutions((2,), "auto")
    assert has_convolutions((1, 28, 28), "auto")
    assert has_convolutions((1, 28, 28), "convolutional")
    assert not has_convolutions((1, 28, 28), "mlp")
    assert not has_convolutions((1, 35, 35), "mlp")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2,), r'these samples are points; use form = "mlp"'),
        ((1, 35, 35), r'35×35 does not allow; resize the pictures, to 28, .* or use form = "mlp"'),
        ((3, 4, 4), "4×4 does not allow"),
        ((3, 32, 30), "32×30 does not allow"),
    ],
    ids=str,
)
def test_samples_that_convolutions_cannot_halve_are_refused(shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(BadData, match=words):
        AutoEncoder(SampleSpec(shape), AutoEncoderOptions(form="convolutional"))


@pytest.mark.parametrize(("side", "base"), [(8, 4), (14, 7), (28, 7), (48, 6), (64, 4), (128, 4)])
def test_the_smallest_map_has_7_pixels_at_most(side: int, base: int) -> None:
    network = AutoEncoder(SampleSpec((1, side, side)), AutoEncoderOptions(width=2))
    maps = network.encoder[:-2](torch.zeros(1, 1, side, side))

    assert maps.shape[2:] == (base, base)


def test_the_energy_is_exact_where_networks_compute_in_16_bits() -> None:
    """The difference is taken in the samples' own float32."""
    network = AutoEncoder(SampleSpec((5,)), AutoEncoderOptions())
    samples = torch.rand(3, 5)

    with torch.autocast("cpu", torch.bfloat16):
        verdict = network(samples)

    assert verdict.reconstruction.dtype == torch.bfloat16
    expected = (verdict.reconstruction.float() - samples).square().mean(1)
    assert verdict.logits.dtype == torch.float32
    torch.testing.assert_close(-verdict.logits, expected, rtol=1e-6, atol=0)


# EBGAN


@pytest.mark.parametrize(
    ("real", "fake", "margin", "expected"),
    [
        ([1.0, 3.0], [0.5, 2.0], 1.0, (2.0, 0.25, 1.25)),  # of the fakes one is 0.5 short of the margin, one beyond it
        ([0.0], [0.0], 10.0, (0.0, 10.0, 0.0)),
        ([4.0], [7.0], 5.0, (4.0, 0.0, 7.0)),
    ],
)
def test_ebgan_by_hand(
    real: list[float], fake: list[float], margin: float, expected: tuple[float, float, float]
) -> None:
    loss = Ebgan(EbganOptions(margin=margin))

    judge, maker = loss.discriminator(play_of(real, fake)), loss.generator(play_of(None, fake))

    assert (float(judge["real"]), float(judge["fake"]), float(maker["fake"])) == expected
    assert (len(judge), len(maker), loss.needs_real_for_generator, loss.logits_are_scores) == (2, 1, False, True)


@given(real=energies, fake=energies, times=st.integers(2, 70))
def test_the_margin_is_the_same_at_every_batch_size(real: list[float], fake: list[float], times: int) -> None:
    """A batch that is repeated has the same terms."""
    loss = Ebgan(EbganOptions(margin=5.0))

    once, often = (loss.discriminator(play_of(real * n, fake * n)) for n in (1, times))

    for name in ("real", "fake"):
        assert float(often[name]) == pytest.approx(float(once[name]), rel=1e-4, abs=1e-4)


def test_the_margin_is_that_of_each_sample() -> None:
    """A sample beyond it does not speak for one below: the mean is above the margin, yet there is a loss."""
    fake = torch.tensor([1.0, 9.0], requires_grad=True)

    term = Ebgan(EbganOptions(margin=4.0)).discriminator(play_of([0.0], fake))["fake"]
    (gradient,) = torch.autograd.grad(term, fake)

    assert float(term.detach()) == 1.5
    assert gradient.tolist() == [-0.5, 0.0]


# BEGAN


def play_step(loss: Began, real: float, fake: float, step: int) -> dict[str, Any]:
    """One step of the game with energies that stay as they are; the discriminator's terms."""
    terms = loss.discriminator(play_of([real], [fake], step))
    loss.generator(play_of(None, [fake], step))
    return terms


def test_began_by_hand() -> None:
    """k = 0.25, L(x) = 2, L(G(z)) = 1, γ = 0.75, λ = 0.1: k grows by 0.1 (0.75 · 2 - 1) = 0.05; M = 2 + 0.5."""
    loss = Began(BeganOptions(gamma=0.75, rate=0.1, k=0.25))

    judge = loss.discriminator(play_of([1.0, 3.0], [0.5, 1.5]))
    maker = loss.generator(play_of(None, [0.5, 1.5]))

    assert (float(judge["real"]), float(judge["fake"]), float(maker["fake"])) == (2.0, -0.25, 1.0)
    assert float(loss.state_dict()["k"]) == pytest.approx(0.3)
    assert float(loss.state_dict()["measure"]) == 2.5
    assert (len(judge), len(maker), loss.needs_real_for_generator, loss.logits_are_scores) == (2, 1, False, True)


@given(real=st.floats(0.1, 5), fake=st.floats(0.1, 5), gamma=st.floats(0, 1), rate=st.floats(0, 0.5), k=st.floats(0, 1))
def test_k_goes_in_a_straight_line_to_a_limit(real: float, fake: float, gamma: float, rate: float, k: float) -> None:
    """Of energies that stay, k after n steps is k + n λ (γ L(x) - L(G(z))), cut to [0, 1]."""
    loss = Began(BeganOptions(gamma=gamma, rate=rate, k=k))

    for step in range(12):
        terms = play_step(loss, real, fake, step)
        expected = np.clip(k + step * rate * (gamma * real - fake), 0, 1)
        assert float(terms["fake"]) == pytest.approx(-expected * fake, abs=1e-4)
        assert 0 <= float(loss.k) <= 1
    assert float(loss.measure) == pytest.approx(real + abs(gamma * real - fake), abs=1e-4)


def test_k_rests_where_energies_are_in_proportion() -> None:
    loss = Began(BeganOptions(gamma=0.5, rate=0.1, k=0.4))

    for step in range(5):
        play_step(loss, 2.0, 1.0, step)

    assert float(loss.k) == pytest.approx(0.4)
    assert float(loss.measure) == 2.0


def test_k_moves_once_in_a_step_however_many_passes_there_are() -> None:
    """By the means over passes; the discriminator sees the new k in the next step, and not in this one."""
    whole, parts = (Began(BeganOptions(gamma=0.5, rate=0.1, k=0.5)) for _ in range(2))
    whole.discriminator(play_of([4.0, 2.0], [1.0, 1.0]))
    whole.generator(play_of(None, [0.25, 0.75]))

    first = parts.discriminator(play_of([4.0], [1.0]))
    second = parts.discriminator(play_of([2.0], [1.0]))
    parts.generator(play_of(None, [0.25]))
    parts.generator(play_of(None, [0.75]))

    assert float(first["fake"]) == float(second["fake"]) == -0.5
    assert float(parts.k) == float(whole.k) == pytest.approx(0.5 + 0.1 * (0.5 * 3 - 0.5))
    assert float(parts.measure) == float(whole.measure) == 4.0
    assert float(parts.discriminator(play_of([4.0], [1.0], step=1))["fake"]) == -float(parts.k)


def test_processes_that_share_their_state_have_the_k_of_the_whole_batch() -> None:
    """Each has half of every batch, and after each step both go on with the mean of their k."""
    whole, *halves = (Began(BeganOptions(gamma=0.5, rate=0.1, k=0.5)) for _ in range(3))
    for step in range(5):
        real, fake = torch.rand(2, 4)
        pairs = [(whole, real, fake), *zip(halves, real.split(2), fake.split(2), strict=True)]
        for loss, own, other in pairs:
            loss.discriminator(play_of(own, other, step))
            loss.generator(play_of(None, other, step))
        mean = {"k": torch.stack([loss.k for loss in halves]).mean(), "measure": torch.zeros(())}
        for loss in halves:
            loss.load_state_dict(mean)
        torch.testing.assert_close(halves[0].k, whole.k)
    assert 0 < float(whole.k) < 1
    assert float(whole.k) != 0.5


def test_players_that_move_at_once_use_one_k_in_all_passes() -> None:
    loss = Began(BeganOptions(gamma=0.5, rate=0.1, k=0.5))

    fakes = []
    for _ in range(3):
        fakes.append(float(loss.discriminator(play_of([4.0], [1.0], step=7))["fake"]))
        loss.generator(play_of([4.0], [1.0], step=7))

    assert fakes == [-0.5] * 3
    assert float(loss.k) == pytest.approx(0.6)


def test_k_stays_where_the_discriminator_has_had_no_update() -> None:
    loss = Began(BeganOptions(k=0.5, rate=0.1))
    loss.discriminator(play_of([4.0], [1.0], step=0))

    loss.generator(play_of(None, [1.0], step=3))

    assert float(loss.k) == 0.5


def test_neither_k_nor_the_measure_carries_a_gradient() -> None:
    real, fake = (torch.tensor([2.0, 3.0], requires_grad=True) for _ in range(2))
    loss = Began(BeganOptions(k=0.25, rate=0.1))

    terms = loss.discriminator(play_of(real, fake))
    loss.generator(play_of(None, fake))
    later = loss.discriminator(play_of(real, fake, step=1))

    gradients = torch.autograd.grad(sum(terms.values(), torch.zeros(())), (real, fake))
    assert [gradient.tolist() for gradient in gradients] == [[0.5, 0.5], [-0.125, -0.125]]
    (slope,) = torch.autograd.grad(later["fake"], fake)
    torch.testing.assert_close(slope, -loss.k * torch.tensor([0.5, 0.5]))
    assert not any(value.requires_grad for value in loss.state_dict().values())


def test_the_measure_is_no_term() -> None:
    """It would be minimised otherwise."""
    loss = Began(BeganOptions())
    assert set(loss.discriminator(play_of([1.0], [1.0]))) == {"real", "fake"}
    assert set(loss.generator(play_of(None, [1.0]))) == {"fake"}
    assert isinstance(loss, Stateful) and set(loss.state_dict()) == {"k", "measure"}


def test_a_loss_that_takes_over_another_s_state_goes_on_as_it_would() -> None:
    one, other = Began(BeganOptions(rate=0.1, k=0.3)), Began(BeganOptions(rate=0.1))
    play_step(one, 3.0, 1.0, 0)

    other.load_state_dict({name: value.clone() for name, value in one.state_dict().items()})
    for loss in (one, other):
        play_step(loss, 2.0, 0.5, 1)

    assert one.state_dict() == other.state_dict()
    assert float(one.k) == pytest.approx(0.3 + 0.1 * 0.5 + 0.1 * 0.5)


def test_k_survives_a_checkpoint(tmp_path: Path) -> None:
    """A run of six steps ends with the weights and the balance of one of three that goes on for three more."""
    settings = {
        "loss.rate": 0.5,
        "dataset.name": "ring",
        "generator.name": "mlp",
        "generator.width": 8,
        "discriminator.units": 8,
        "batch_size": 8,
    }

    def states(run: RunFolder) -> dict[str, Tensor]:
        return load_file(run.newest_checkpoint())

    whole, half = (
        ganzoo.train("began", steps=steps, settings=settings, out=tmp_path / str(steps), device="cpu", quiet=True)
        for steps in (6, 3)
    )
    at_half = states(half)
    resumed = ganzoo.resume(half, steps=6, device="cpu", quiet=True)

    one, other = states(whole), states(resumed)
    assert one.keys() == other.keys() >= {"loss/k", "loss/measure"}
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert float(one["loss/k"]) != float(at_half["loss/k"])


# Pulling away


def pulling(features: Tensor | None, weight: float = 1.0) -> float:
    play = play_of(None, [0.0] if features is None else [0.0] * len(features))
    play = replace(play, on_fake=replace(play.on_fake, features=features))
    terms = PullingAway(PullingAwayOptions(weight=weight)).terms(play, NOBODY)
    assert set(terms) == {"cosines"}
    return float(terms["cosines"])


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_features_at_right_angles_cost_nothing_and_equal_ones_all(count: int, scale: float) -> None:
    """Whatever their length; opposite ones as much as equal ones, since the cosine is squared."""
    assert pulling(scale * torch.eye(5)[:count]) == pytest.approx(0, abs=1e-7)
    assert pulling(scale * torch.randn(1, 5).repeat(count, 1)) == pytest.approx(1, abs=1e-5)
    assert pulling(scale * torch.tensor([[1.0, 2.0], [-1.0, -2.0]])) == pytest.approx(1, abs=1e-5)


def test_the_mean_is_over_pairs_of_different_samples() -> None:
    """Three at angles of 60, 60 and 120 degrees: each cosine squared is 1/4; the weight multiplies it."""
    angles = torch.tensor([0.0, np.pi / 3, 2 * np.pi / 3])
    features = torch.stack([angles.cos(), angles.sin()], 1) * torch.tensor([[1.0], [2.0], [7.0]])

    assert pulling(features) == pytest.approx(0.25, abs=1e-6)
    assert pulling(features, weight=0.1) == pytest.approx(0.025, abs=1e-6)


@given(st.integers(2, 6), st.integers(1, 5), st.integers(0, 100))
def test_it_is_the_sum_of_equation_4(count: int, size: int, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)
    total = 0.0
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            if i != j:
                total += float(one @ other / np.linalg.norm(one) / np.linalg.norm(other)) ** 2

    assert pulling(torch.from_numpy(rows)) == pytest.approx(total / (count * (count - 1)), rel=1e-3, abs=1e-5)


def test_a_single_sample_and_features_of_zero_are_no_trouble() -> None:
    assert pulling(torch.ones(1, 3)) == 0
    assert pulling(torch.zeros(3, 3)) == 0


def test_the_generator_is_taught_to_spread_its_samples() -> None:
    """A step down the gradient lowers the cosines; only the generator's update has the term."""
    features = torch.tensor([[1.0, 0.2], [1.0, -0.1], [0.9, 0.3]], requires_grad=True)
    play = play_of(None, [0.0] * 3)
    regularizer = PullingAway(PullingAwayOptions(weight=1.0))

    term = regularizer.terms(replace(play, on_fake=replace(play.on_fake, features=features)), NOBODY)["cosines"]
    (gradient,) = torch.autograd.grad(term, features)

    assert pulling((features - 0.1 * gradient).detach()) < float(term.detach())
    assert regularizer.player == "generator"


def test_a_discriminator_without_features_is_named_as_the_trouble() -> None:
    with pytest.raises(BadSetting, match=r"tells none; use another, such as discriminator.name=auto-encoder"):
        pulling(None)


# Settings


@pytest.mark.parametrize(
    ("shelf", "name", "change"),
    [
        ("losses", "ebgan", {"margin": 0.0}),
        ("losses", "ebgan", {"m": 1.0}),
        ("losses", "began", {"gamma": 1.5}),
        ("losses", "began", {"rate": -0.1}),
        ("losses", "began", {"k": 2.0}),
        ("regularizers", "pulling-away", {"weight": -1.0}),
        ("discriminators", "auto-encoder", {"error": "huber"}),
        ("discriminators", "auto-encoder", {"code": 0}),
    ],
)
def test_options_that_make_no_sense_are_refused(shelf: str, name: str, change: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        parse_options(getattr(CATALOG, shelf)[name].options, change, name)


@pytest.mark.parametrize("name", ["ebgan", "began"])
def test_a_recipe_s_discriminator_is_an_auto_encoder(name: str) -> None:
    config = resolve(find_recipe(name, CATALOG), CATALOG)

    assert (config.loss.name, config.discriminator.name) == (name, "auto-encoder")
    assert set(config.regularizers) == ({"pulling-away"} if name == "ebgan" else set())


def test_what_is_foreseen_does_not_move_k() -> None:
    """A look ahead at updates that are never made leaves L(x) of the step as it was."""
    plain, ahead = (Began(BeganOptions()) for _ in range(2))
    for loss in (plain, ahead):
        loss.discriminator(play_of([1.0, 3.0], [0.5, 0.5]))
    ahead.discriminator(replace(play_of([9.0, 9.0], [0.5, 0.5]), foreseen=True))
    for loss in (plain, ahead):
        loss.generator(play_of(None, [0.1, 0.1]))
    assert float(plain.k) > 0
    assert torch.equal(plain.k, ahead.k) and torch.equal(plain.measure, ahead.measure)

"""Least squares: scores of discrete distributions, for which the best discriminator and Pearson's χ² are known."""

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
from ganzoo_lsgan.losses import LeastSquares
from ganzoo_lsgan.options import LeastSquaresOptions

CATALOG = load_catalog()
BINARY = LeastSquaresOptions(a=0.0, b=1.0, c=1.0)
PEARSON = LeastSquaresOptions(a=-1.0, b=1.0, c=0.0)

each_choice = pytest.mark.parametrize("options", [BINARY, PEARSON, LeastSquaresOptions(2.0, -3.0, -0.5)], ids=str)
scores = st.lists(st.floats(-50, 50), min_size=1, max_size=5)
counts = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=6)


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


def populations(drawn: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """A batch of real and one of fake outcomes that occur exactly as often as their probabilities say."""
    real, fake = (torch.tensor(column) for column in zip(*drawn, strict=True))
    outcomes = torch.arange(len(drawn))
    return (outcomes.repeat_interleave(real) for real in (real * fake.sum(), fake * real.sum()))  # type: ignore[return-value]


def shares(outcomes: Tensor, kinds: int) -> Tensor:
    return torch.bincount(outcomes, minlength=kinds).double() / len(outcomes)


@given(
    real=scores,
    fake=scores,
    targets=st.tuples(*[st.floats(-2, 2)] * 3).filter(lambda t: (t[1] - t[0]) * (t[2] - t[0]) > 0),
)
def test_the_terms_are_half_the_mean_squared_distances(
    real: list[float], fake: list[float], targets: tuple[float, float, float]
) -> None:
    a, b, c = targets
    loss, play = LeastSquares(LeastSquaresOptions(a, b, c)), play_of(torch.tensor(real), torch.tensor(fake))

    judge, maker = loss.discriminator(play), loss.generator(play_of(None, torch.tensor(fake)))

    assert float(judge["real"]) == pytest.approx(np.mean((np.array(real) - b) ** 2) / 2, rel=1e-4, abs=1e-4)
    assert float(judge["fake"]) == pytest.approx(np.mean((np.array(fake) - a) ** 2) / 2, rel=1e-4, abs=1e-4)
    assert float(maker["fake"]) == pytest.approx(np.mean((np.array(fake) - c) ** 2) / 2, rel=1e-4, abs=1e-4)
    assert (len(judge), len(maker)) == (2, 1)


@each_choice
@given(drawn=counts.filter(lambda rows: all(sum(column) for column in zip(*rows, strict=True))))
def test_the_best_discriminator_is_the_targets_mean_weighted_by_the_densities(
    options: LeastSquaresOptions, drawn: list[tuple[int, int]]
) -> None:
    """D* = (b p + a q) / (p + q), equation 5: there the gradient is 0, and elsewhere the loss larger."""
    real, fake = populations(drawn)
    p, q = shares(real, len(drawn)), shares(fake, len(drawn))
    best = ((options.b * p + options.a * q) / (p + q)).nan_to_num()  # an outcome that nobody draws has any score
    best.requires_grad_()
    loss = LeastSquares(options)

    def value(table: Tensor) -> Tensor:
        return sum(loss.discriminator(play_of(table[real], table[fake])).values(), torch.zeros(()))

    (gradient,) = torch.autograd.grad(value(best), best)
    elsewhere = best.detach() + torch.where(p + q > 0, torch.linspace(-1, 1.5, len(best)), 0.0)

    assert gradient.abs().max() < 1e-9
    assert value(elsewhere) > value(best)


@given(drawn=counts.filter(lambda rows: all(sum(column) for column in zip(*rows, strict=True))))
def test_against_the_best_discriminator_the_generator_faces_pearson_s_chi_squared(drawn: list[tuple[int, int]]) -> None:
    """b - c = 1, b - a = 2: twice ½ E_p (D* - c)² + ½ E_q (D* - c)² is χ²(p + q ‖ 2q), equation 7."""
    real, fake = populations(drawn)
    p, q = shares(real, len(drawn)), shares(fake, len(drawn))
    best = ((PEARSON.b * p + PEARSON.a * q) / (p + q)).nan_to_num()
    loss = LeastSquares(PEARSON)

    on_fake = loss.generator(play_of(None, best[fake]))["fake"]
    on_real = loss.generator(play_of(None, best[real]))["fake"]  # the part that the generator cannot change

    some = p + q > 0
    chi_squared = ((2 * q - (p + q)) ** 2)[some] / (p + q)[some]
    assert float(2 * (on_fake + on_real)) == pytest.approx(float(chi_squared.sum()), abs=1e-9)


def test_a_generator_that_is_far_behind_learns_the_more() -> None:
    """The gradient is the distance itself, where the logistic loss of a sure discriminator fades."""
    fake = torch.tensor([0.9, -1.0, -100.0], requires_grad=True)

    (gradient,) = torch.autograd.grad(LeastSquares(BINARY).generator(play_of(None, fake))["fake"], fake)

    torch.testing.assert_close(gradient, torch.tensor([-0.1, -2.0, -101.0]) / 3)


def test_samples_beyond_the_target_are_drawn_back() -> None:
    """As the paper's figure 1 has it: right, but too far away from the boundary."""
    real = torch.tensor([5.0], requires_grad=True)

    (gradient,) = torch.autograd.grad(LeastSquares(BINARY).discriminator(play_of(real, torch.zeros(1)))["real"], real)

    assert float(gradient) == 4


def test_the_default_targets_are_0_1_1_and_scores_are_no_log_odds() -> None:
    loss = CATALOG.losses["least-squares"].build(CATALOG.losses["least-squares"].options())

    assert (loss.a, loss.b, loss.c) == (0, 1, 1)  # type: ignore[attr-defined]
    assert (loss.needs_real_for_generator, loss.logits_are_scores) == (False, True)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "targets",
    [{"a": 1.0}, {"a": 0.5, "b": 1.0, "c": 0.5}, {"a": 0.0, "b": 1.0, "c": -1.0}],
    ids=["real = fake", "nothing to gain", "away from real"],
)
def test_targets_that_teach_the_generator_nothing_are_refused(targets: dict[str, float]) -> None:
    with pytest.raises(BadSetting, match="does not move towards real samples; c must lie"):
        parse_options(LeastSquaresOptions, targets, "loss")


def test_an_option_that_does_not_exist_is_answered_by_one_that_does() -> None:
    with pytest.raises(BadSetting, match=r"no setting 'loss.d'; did you mean 'loss\.[abc]'"):
        parse_options(LeastSquaresOptions, {"d": 1.0}, "loss")


def test_the_recipe_says_which_targets_it_has() -> None:
    config = resolve(find_recipe("lsgan", CATALOG), CATALOG)

    assert (config.loss.name, config.loss.options) == ("least-squares", {"a": 0.0, "b": 1.0, "c": 1.0})

"""The theory's checks: right against other arithmetic, and wrong where a loss or D* is broken on purpose."""

from collections.abc import Callable
from math import inf, isnan, log, nan
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.spatial.distance import jensenshannon
from torch.nn.functional import softplus

import ganzoo_fgan.losses
import ganzoo_vanilla.losses
import ganzoo_wgan.losses
from ganzoo.contracts import Play, Terms
from ganzoo.studies.theory import balance, gradients, one_dimension, optimum, trained, verdicts
from ganzoo.studies.theory.course import by_quadrature
from ganzoo.studies.theory.divergences import Normal, jsd, kl, line
from ganzoo.studies.theory.figure import MADE, draw_looks
from ganzoo.studies.theory.one_dimension import Look, of_the_game, play_out, shares_of
from ganzoo.studies.theory.statement import Statement
from ganzoo.training.display import Display
from ganzoo_relativistic.regularizers import R1

Group = Callable[[], list[Statement]]
NORMALS = st.builds(Normal, st.floats(-3, 3), st.floats(0.3, 3))
SHARES = st.lists(st.floats(0.01, 1), min_size=4, max_size=4)


def failing(group: Group) -> set[str]:
    return {each.text for each in group() if not each.holds}


# A statement


@pytest.mark.parametrize(
    ("relation", "found", "holds"),
    [
        ("=", 1.1, True),
        ("=", 0.9, True),
        ("=", 1.2, False),
        ("=", 0.8, False),
        ("≤", 1.1, True),
        ("≤", -9.0, True),
        ("≤", 1.2, False),
        ("≥", 0.9, True),
        ("≥", 9.0, True),
        ("≥", 0.8, False),
        *((relation, nan, False) for relation in "=≤≥"),
        ("=", inf, False),
    ],
)
def test_a_statement_holds_within_its_tolerance_and_never_for_nan(relation: str, found: float, holds: bool) -> None:
    assert Statement("", "", found, 1.0, 0.15, relation).holds is holds  # type: ignore[arg-type]


# Divergences


@given(NORMALS, NORMALS)
def test_kl_of_normals_is_that_of_torch(p: Normal, q: Normal) -> None:
    """torch.distributions has the closed form."""
    x, weights = line(p, q)
    pair = (torch.distributions.Normal(*torch.tensor([n.mean, n.std], dtype=torch.float64)) for n in (p, q))
    closed = torch.distributions.kl_divergence(*pair)

    torch.testing.assert_close(kl(p.log_density(x), q.log_density(x), weights), closed, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("other", [Normal(0.3), Normal(1.0), Normal(5.0), Normal(0.0, 2.0), Normal(0.0, 0.5)])
def test_jsd_is_that_of_another_quadrature(other: Normal) -> None:
    """Adaptive, by scipy, and with densities instead of their logarithms."""
    p, q = stats.norm(), stats.norm(other.mean, other.std)

    def half(a: stats.rv_continuous, x: float) -> float:
        return float(a.pdf(x) * np.log(2 * a.pdf(x) / (p.pdf(x) + q.pdf(x))))

    expected = integrate.quad(lambda x: (half(p, x) + half(q, x)) / 2, -16, 16, epsabs=1e-11, limit=200)[0]
    x, weights = line(Normal(), other)
    assert jsd(Normal().log_density(x), other.log_density(x), weights).item() == pytest.approx(expected, abs=1e-9)


@given(SHARES, SHARES)
def test_divergences_of_atoms_are_those_of_scipy_and_within_their_bounds(a: list[float], b: list[float]) -> None:
    p, q = (torch.tensor(each, dtype=torch.float64) / sum(each) for each in (a, b))
    ones = torch.ones(4, dtype=torch.float64)
    there, back = jsd(p.log(), q.log(), ones).item(), jsd(q.log(), p.log(), ones).item()

    assert there == pytest.approx(jensenshannon(p.numpy(), q.numpy()) ** 2, abs=1e-9)
    assert there == pytest.approx(back, abs=1e-12)
    assert -1e-12 <= there <= log(2)
    assert kl(p.log(), q.log(), ones).item() == pytest.approx(stats.entropy(p.numpy(), q.numpy()), abs=1e-9)


def test_what_only_one_of_two_has_makes_kl_infinite_or_counts_for_nothing() -> None:
    p, q = torch.tensor([0.5, 0.5], dtype=torch.float64).log(), torch.tensor([1.0, 0.0], dtype=torch.float64).log()
    ones = torch.ones(2, dtype=torch.float64)

    assert kl(p, q, ones).item() == inf
    assert kl(q, p, ones).item() == pytest.approx(log(2))
    assert jsd(torch.tensor([0.0, -inf]), torch.tensor([-inf, 0.0]), ones).item() == pytest.approx(log(2))


# Losses


def test_a_term_for_each_logit_is_the_formula_s_and_their_mean_the_loss_s() -> None:
    loss, logits = verdicts.zoo_loss("minimax"), torch.linspace(-9, 9, 7, dtype=torch.float64)
    terms = verdicts.each(loss, "discriminator", logits)
    whole = loss.discriminator(
        verdicts.play_of("discriminator", *(torch.zeros(7, 1),) * 2, *(verdicts.Verdict(logits),) * 2)
    )

    torch.testing.assert_close(terms["real"], -logits.sigmoid().log())
    torch.testing.assert_close(terms["fake"].mean(), whole["fake"])


def test_v_is_that_of_a_monte_carlo_estimate() -> None:
    """Of D = sigmoid(1 - x) against N(0, 1) and N(2, 1), 4 standard errors."""
    x, weights = line(Normal(), Normal(2.0))
    found = verdicts.value(
        verdicts.zoo_loss("minimax"), 1 - x, Normal().log_density(x), Normal(2.0).log_density(x), weights
    )
    random = np.random.default_rng(0)
    real, fake = random.standard_normal(400_000), 2 + random.standard_normal(400_000)
    each = -np.log1p(np.exp(real - 1)) - np.log1p(np.exp(1 - fake))

    assert found.item() == pytest.approx(each.mean(), abs=4 * each.std() / 400_000**0.5)


# All that needs no training


def test_every_statement_holds() -> None:
    found = list(by_quadrature())

    assert [each for each in found if not each.holds] == []
    assert len({each.text for each in found}) == len(found)
    assert not any(isnan(each.found) for each in found)


@pytest.mark.parametrize(
    ("theta", "saturating", "other"), [(1.0, 0.3978, 0.6022), (3.0, 0.2953, 2.705), (5.0, 0.0473, 4.953)]
)
def test_slopes_are_those_of_a_monte_carlo_estimate(theta: float, saturating: float, other: float) -> None:
    """θ E[D*] and θ (1 - E[D*]) from two million samples, to three digits."""
    assert gradients.slope(verdicts.zoo_loss("minimax"), theta) == pytest.approx(saturating, rel=3e-3)
    assert gradients.slope(verdicts.zoo_loss("non-saturating"), theta) == pytest.approx(other, rel=3e-3)


def test_the_best_answer_is_that_of_a_search_over_a_grid() -> None:
    a, b = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64), torch.tensor([0.8, 0.5, 0.3], dtype=torch.float64)
    y = torch.linspace(1e-4, 1 - 1e-4, 100_001, dtype=torch.float64)[:, None]
    best = y[(a * y.log() + b * (1 - y).log()).argmax(0), 0]

    torch.testing.assert_close(optimum.best_answer(verdicts.zoo_loss("minimax"), a, b), best, rtol=0, atol=2e-5)


# Seen to fail: what is broken, and what then no longer holds


def doubled(_self: object, play: Play) -> Terms:
    """A discriminator's loss that weighs real samples twice."""
    assert play.on_real is not None
    return {"real": 2 * softplus(-play.on_real.logits).mean(), "fake": softplus(play.on_fake.logits).mean()}


def smoothed(_self: object, play: Play) -> Terms:
    """One whose real samples are labelled 0.9."""
    assert play.on_real is not None
    real = 0.9 * softplus(-play.on_real.logits) + 0.1 * softplus(play.on_real.logits)
    return {"real": real.mean(), "fake": softplus(play.on_fake.logits).mean()}


def flipped(_self: object, play: Play) -> Terms:
    return {"fake": softplus(play.on_fake.logits).mean()}


def non_saturating(_self: object, play: Play) -> Terms:
    return {"fake": softplus(-play.on_fake.logits).mean()}


def minimax(_self: object, play: Play) -> Terms:
    return {"fake": -softplus(play.on_fake.logits).mean()}


VALUES = {f"V(D*, G) = -log 4 + 2 JSD for {other}" for other in optimum.PAIRS}
ARGMAX, LOWEST = "argmax of a log y + b log(1 - y) is a/(a + b)", "C is -log 4 at its least, of 441 normals"
UNRAISED, CONVEX = "no change of D* raises V", "C lies above its tangents in p_g: it is convex"
ALONE = "G alone against a D that stands still: width"


@pytest.mark.parametrize(("broken", "lowest"), [(doubled, {LOWEST}), (smoothed, set())])
def test_another_game_of_the_discriminator_is_noticed(
    broken: Callable[[object, Play], Terms], lowest: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With labels of 0.9 the best answer where p_g is p_data is still 1/2, and V the same there."""
    monkeypatch.setattr(ganzoo_vanilla.losses.Minimax, "discriminator", broken)

    assert failing(optimum.of_the_discriminator) == {ARGMAX, UNRAISED}
    assert failing(optimum.of_the_criterion) >= VALUES | lowest


@pytest.mark.parametrize("factor", [-1.0, 0.5, 2.0])
def test_another_discriminator_than_the_best_is_noticed(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "best_logits", lambda log_p, log_q: factor * (log_p - log_q))

    assert failing(optimum.of_the_discriminator) == {ARGMAX, UNRAISED}
    assert failing(optimum.of_the_criterion) >= VALUES
    assert any("= slope of 2 JSD" in text for text in failing(gradients.of_saturation))


def test_a_discriminator_of_the_wrong_sign_has_its_optimum_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "best_logits", lambda log_p, log_q: log_q - log_p)

    assert {LOWEST, "C is least where p_g is p_data: off by"} <= failing(optimum.of_the_criterion)
    assert failing(optimum.of_convergence) == {CONVEX, "p_g comes to p_data in these steps: JSD"}
    assert {"G against D* in each step: mean", "G against D* in each step: width"} & failing(balance.of_synchrony)


def test_a_criterion_that_is_lowest_in_many_places_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "best_logits", lambda log_p, log_q: 0 * (log_p + log_q))

    assert "C is -log 4 there alone: of 441 normals" in failing(optimum.of_the_criterion)


@pytest.mark.parametrize("broken", [flipped, non_saturating])
def test_another_game_of_the_generator_is_noticed(
    broken: Callable[[object, Play], Terms], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ganzoo_vanilla.losses.Minimax, "generator", broken)

    assert CONVEX in failing(optimum.of_convergence)
    found = failing(gradients.of_saturation)
    assert {f"saturating slope at distance {theta} = slope of 2 JSD" for theta in (1, 3, 5)} <= found
    assert "saturating slope in a logit where D = 0.01" in found
    assert "non-saturating slope at distance 8, times the saturating" in found


def test_an_update_that_goes_up_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ganzoo_vanilla.losses.Minimax, "generator", flipped)

    assert failing(optimum.of_convergence) == {
        CONVEX,
        "C falls in each of 60 steps on p_g",
        "p_g comes to p_data in these steps: JSD",
    }
    assert failing(balance.of_synchrony) >= {
        "G against D* in each step: mean",
        "Dirac-GAN, both at once, with R1: comes to rest",
    }


def test_a_saturating_remedy_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ganzoo_vanilla.losses.NonSaturating, "generator", minimax)

    assert failing(gradients.of_saturation) == {
        "non-saturating slope in a logit where D = 0.01",
        *(f"non-saturating slope at distance {theta} = slope of KL(p_g, p) - 2 JSD" for theta in (1, 3, 5)),
        "non-saturating slope at distance 8, times the saturating",
    }


def test_a_critic_s_loss_that_saturates_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ganzoo_wgan.losses.Wasserstein, "generator", non_saturating)

    assert failing(gradients.of_saturation) == {f"Wasserstein slope at distance {theta}" for theta in (1, 3, 5)}


def test_another_game_than_that_of_likelihood_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ganzoo_fgan.losses.FDivergence, "generator", minimax)

    assert len(failing(gradients.of_likelihood)) == 3


def test_a_wrong_divergence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (optimum, gradients):
        monkeypatch.setattr(module, "kl", lambda p, q, w: kl(q, p, w))
        monkeypatch.setattr(module, "jsd", lambda p, q, w: jsd(p, q, w) + 0.1)

    assert len(failing(optimum.of_divergences)) == 4  # KL of N(0, 1) and N(1, 1) is the same either way
    assert failing(optimum.of_the_criterion) == VALUES
    assert "E[-log p_g] less p's entropy = KL(p, p_g)" in failing(gradients.of_likelihood)


def test_a_wrong_density_has_another_likeliest_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Normal.log_density
    monkeypatch.setattr(Normal, "log_density", lambda self, x: right(self, x - 0.1))

    assert "likeliest normal for a mixture: its mean" in failing(gradients.of_likelihood)


def test_a_penalty_that_does_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(R1, "factor", lambda self, step: 0.0)

    assert failing(balance.of_synchrony) == {"Dirac-GAN, both at once, with R1: comes to rest"}


def test_without_a_penalty_dirac_gan_follows_its_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both slopes are σ(ψθ) times the other's parameter. Mescheder et al. (2018), section 2."""
    at, loss = np.array([1.0, 0.5]), verdicts.zoo_loss("minimax")
    pull = 1 / (1 + np.exp(-at[0] * at[1]))

    found = balance.dirac_slopes(loss, None, torch.from_numpy(at))

    np.testing.assert_allclose(found.numpy(), [-pull * at[1], pull * at[0]])


def test_a_frozen_discriminator_that_is_told_of_each_step_collapses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = balance.trained(keeps_up=True)
    monkeypatch.setattr(balance, "trained", lambda keeps_up: kept)

    assert failing(balance.of_synchrony) == {ALONE}


# Trained networks


def silent(_share: float) -> None:
    """Nothing is shown."""


def test_a_trained_discriminator_comes_near_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    monkeypatch.setattr(trained, "STEPS", 300)

    found = trained.of_trained(Normal(3.0), told.append)

    assert [each for each in found if not each.holds] == []
    assert told[-1] == 1.0 and len(told) == 300


def test_one_that_has_hardly_begun_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "STEPS", 1)

    found = trained.of_trained(Normal(3.0), silent)

    assert [each.holds for each in found] == [False, False, True, False]


def test_one_that_learns_another_game_does_not_and_none_has_more_than_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "STEPS", 300)
    monkeypatch.setattr(ganzoo_vanilla.losses.Minimax, "discriminator", smoothed)
    assert not trained.of_trained(Normal(1.0), silent)[0].holds

    monkeypatch.setattr(ganzoo_vanilla.losses.Minimax, "discriminator", lambda *args: half(doubled(*args)))
    assert not trained.of_trained(Normal(1.0), silent)[2].holds


def half(terms: Terms) -> Terms:
    return {name: term / 2 for name, term in terms.items()}


def test_teaching_leaves_torch_s_random_numbers_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "STEPS", 1)
    before = torch.get_rng_state()

    trained.of_trained(Normal(1.0), silent)

    assert torch.equal(torch.get_rng_state(), before)


# The game on the line


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> list[Look]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_dimension, "LOOKS", (0, 25, 100))
        patch.setattr(one_dimension, "CHANGES", (*one_dimension.CHANGES, (["steps"], 100)))
        return play_out(tmp_path_factory.mktemp("game"), Display(quiet=True))


def test_looks_are_at_the_fixed_steps_and_show_densities(short: list[Look]) -> None:
    assert [each.step for each in short] == [0, 25, 100]
    for each in short:
        width = each.x[1] - each.x[0]
        assert each.made.sum() * width == pytest.approx(1.0)
        assert each.data.sum() * width == pytest.approx(1.0)
        assert (each.made * each.x).sum() * width == pytest.approx(each.mean, abs=0.06)
        assert ((each.discriminator > 0) & (each.discriminator < 1)).all()
    assert len({each.value for each in short}) == 3


def test_the_samples_are_those_that_d_has_met_rather_than_their_average_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(one_dimension, "load_average", lambda path, network, part: read.append(part))
    monkeypatch.setattr(one_dimension, "LOOKS", (0, 25))
    monkeypatch.setattr(one_dimension, "CHANGES", (*one_dimension.CHANGES, (["steps"], 25)))

    play_out(tmp_path, Display(quiet=True))

    assert read == ["generator", "discriminator"]


def test_the_game_brings_the_samples_to_the_data(short: list[Look]) -> None:
    assert short[0].distance > 0.3
    assert short[-1].distance < 0.1


def test_a_game_that_has_not_begun_is_where_v_says_much_and_means_nothing(short: list[Look]) -> None:
    """D is near 1/2 before it has learnt anything; JSD, mean and width tell."""
    assert [each.holds for each in of_the_game(short[0])][2:] == [False, False, False]


@pytest.mark.parametrize("field", ["value", "away", "distance", "mean", "std"])
def test_each_number_of_the_game_can_fail(field: str) -> None:
    empty = np.zeros(1)
    fine = {"value": -log(4), "away": 0.0, "distance": 0.0, "mean": 1.0, "std": 1.0}

    def holding(numbers: dict[str, float]) -> list[bool]:
        return [each.holds for each in of_the_game(Look(9, *(empty,) * 6, **numbers))]

    assert all(holding(fine))
    assert holding({**fine, field: fine[field] + 0.3}).count(False) == 1


def test_shares_count_what_is_beyond_the_last_bins() -> None:
    edges = torch.tensor([-1.0, 0.0, 1.0])
    numbers = torch.tensor([-7.0, -0.5, 0.5, 9.0, 0.1])

    torch.testing.assert_close(shares_of(numbers, edges), torch.tensor([0.4, 0.6], dtype=torch.float64))


def test_the_figure_shows_each_look_and_says_what_it_cuts_off(short: list[Look]) -> None:
    picture = draw_looks(short, 1.0, 1.0)
    pixels = np.asarray(picture)
    panels = np.split(pixels, 3, axis=1)

    assert picture.height == 560
    for panel in panels:
        assert (panel[93:420] == MADE).all(-1).any()
    low = (panels[2][93:200] == MADE).all(-1).any()
    assert not low, "data and samples alike stay below two fifths of the box"
    assert (panels[0][93:110] == MADE).all(-1).any(), "a peak reaches the top"


@pytest.mark.slow
def test_the_whole_game_ends_where_the_paper_says(tmp_path: Path) -> None:
    looks = play_out(tmp_path, Display(quiet=True))

    assert [each for each in of_the_game(looks[-1]) if not each.holds] == []

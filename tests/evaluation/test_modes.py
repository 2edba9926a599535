"""Modes covered: by hand, against scipy, and against samplers that are known to be perfect, narrow or collapsed."""

from dataclasses import replace
from itertools import product
from math import log, pi

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2, entropy

from ganzoo.catalog import load_catalog
from ganzoo.core.config import OptimizerConfig, RunConfig
from ganzoo.core.errors import BadData
from ganzoo.core.specs import Data, Modes, Source
from ganzoo.evaluation.modes import (
    SAMPLES,
    Coverage,
    check_modes,
    chi_square_below,
    class_coverage,
    counter,
    coverage,
    divergence_from_even,
    perfect,
    shares_of,
)
from ganzoo.recipes import Change, find_recipe, resolve
from ganzoo.studies.compare import load_points
from ganzoo.training.build import build
from ganzoo.training.state import TrainState
from ganzoo.training.trainer import alternate

GRID = Modes(np.array([(x, y) for x in (-4.0, -2, 0, 2, 4) for y in (-4.0, -2, 0, 2, 4)]), 0.05)

SMALL_GAME = {
    "seed": 2,
    "dataset.std": 0.1,
    "batch_size": 64,
    "latents.size": 8,
    "generator.width": 64,
    "generator.depth": 2,
    "discriminator.width": 64,
    "discriminator.depth": 2,
    "regularizers.r1.gamma": 0.1,
}


def ring(count: int = 8, *, end_point: bool = False) -> Modes:
    angles = np.linspace(0, 2 * pi, count, endpoint=end_point)
    return Modes(np.stack([np.cos(angles), np.sin(angles)], 1), 0.01)


def drawn(modes: Modes, count: int = SAMPLES, seed: int = 0, width: float = 1.0) -> np.ndarray:
    """Independent samples of the mixture, float32 as generators give them."""
    random = np.random.default_rng(seed)
    which = random.integers(0, len(modes.means), count)
    noise = random.standard_normal((count, modes.means.shape[1]))
    return (modes.means[which] + width * modes.std * noise).astype(np.float32)


@pytest.mark.parametrize("modes", [ring(), GRID], ids=["ring", "grid"])
def test_a_perfect_sampler_shows_what_is_promised_of_one(modes: Modes) -> None:
    """98.89 % within 3 standard deviations; the divergence is (K - 1) / 2N on average, and no 0."""
    found = [coverage(drawn(modes, seed=seed), modes) for seed in range(100)]
    promised = perfect(modes)

    assert {each.covered for each in found} == {each.well_covered for each in found} == {len(modes.means)}
    assert (promised.covered, promised.well_covered) == (len(modes.means), len(modes.means))
    assert promised.high_quality == pytest.approx(0.98889, abs=1e-5)
    assert np.mean([each.high_quality for each in found]) == pytest.approx(promised.high_quality, abs=0.001)
    divergences = [each.reverse_kl for each in found]
    error = np.std(divergences) / len(found) ** 0.5
    assert abs(np.mean(divergences) - promised.reverse_kl) < 4 * error + 0.03 * promised.reverse_kl
    assert min(divergences) > 0


def test_the_calibration_of_the_protocol() -> None:
    assert perfect(ring()).reverse_kl == pytest.approx(0.0014)
    assert perfect(GRID).reverse_kl == pytest.approx(0.0048)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 10])
@pytest.mark.parametrize("value", [0.1, 1.0, 9.0, 30.0])
def test_the_share_within_three_deviations_is_chi_square_s(value: float, size: int) -> None:
    assert chi_square_below(value, size) == pytest.approx(chi2.cdf(value, size), rel=1e-10, abs=1e-12)


def test_a_narrow_sampler_is_too_good() -> None:
    """Half as wide as the data: nothing is beyond 6 of its own deviations."""
    assert coverage(drawn(GRID, width=0.5), GRID).high_quality == 1 > perfect(GRID).high_quality


def test_a_collapsed_sampler_covers_one_mode() -> None:
    one = Modes(GRID.means[:1], GRID.std)

    found = coverage(drawn(one), GRID)

    assert (found.covered, found.well_covered) == (1, 1)
    assert found.reverse_kl == pytest.approx(log(25))


def test_by_hand() -> None:
    """Four modes on a line, two samples in the first, one between, one lost beyond the fourth."""
    modes = Modes(np.array([[0.0], [10.0], [20.0], [30.0]]), 1.0)
    samples = np.array([[0.5], [-2.9], [14.0], [33.5]], np.float32)

    found = coverage(samples, modes)

    assert found.covered == 1  # of the modes, only the first has samples within 3
    assert found.high_quality == 2 / 4
    assert found.reverse_kl == pytest.approx(log(4) - 1.5 * log(2))  # shares 1/2, 1/4, 0, 1/4


def test_one_sample_covers_a_mode_and_a_fifth_of_its_share_covers_it_well() -> None:
    """Of 100 samples for two modes the fair share is 50, and a fifth of that 10."""
    modes = Modes(np.array([[0.0, 0.0], [9.0, 0.0]]), 1.0)

    def found(second: int) -> tuple[float, float]:
        which = np.array([0] * (100 - second) + [1] * second)
        each = coverage(modes.means[which].astype(np.float32), modes)
        return each.covered, each.well_covered

    assert [found(count) for count in (0, 1, 9, 10)] == [(1, 1), (2, 1), (2, 1), (2, 2)]


def test_samples_that_are_far_from_all_modes_cover_none() -> None:
    found = coverage(np.full((50, 2), 100, np.float32), GRID)

    assert (found.covered, found.well_covered, found.high_quality) == (0, 0, 0)


def test_what_is_not_finite_belongs_to_no_mode() -> None:
    samples = np.array([[0, 0], [np.nan, 0], [np.inf, 0], [0, -np.inf]], np.float32)

    found = coverage(samples, GRID)

    assert (found.covered, found.high_quality) == (1, 1 / 4)
    with pytest.raises(BadData, match="diverged"):
        coverage(samples[1:], GRID)


@given(counts=arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 1000)).filter(lambda each: each.sum() > 0))
def test_the_divergence_is_scipy_s(counts: np.ndarray) -> None:
    even = np.full(len(counts), 1 / len(counts))

    assert divergence_from_even(counts) == pytest.approx(entropy(counts / counts.sum(), even), abs=1e-9)


def test_seven_modes_are_not_taken_for_eight() -> None:
    """Eight angles from 0 to 2π with both ends: the first is the last."""
    with pytest.raises(BadData, match="Of 8 modes only 7 are distinct"):
        check_modes(ring(end_point=True))
    check_modes(ring())
    check_modes(ring(7))


def test_modes_without_width_and_points_of_another_size_are_refused() -> None:
    with pytest.raises(BadData, match="width"):
        check_modes(Modes(GRID.means, 0.0))
    with pytest.raises(BadData, match=r"\[5, 3\]"):
        coverage(np.zeros((5, 3), np.float32), GRID)


@pytest.mark.parametrize(("name", "count"), [("ring", 8), ("grid", 25), ("normal-1d", 1)])
def test_data_sets_say_which_modes_their_points_have(name: str, count: int) -> None:
    """And their labels, which nobody told the metric, agree."""
    spec = load_catalog().datasets[name]
    data = spec.open(Source(), spec.options(samples=1000, std=0.02))
    assert data.modes is not None
    check_modes(data.modes)

    points = np.asarray(data.samples)
    nearest = np.linalg.norm(points[:, None] - data.modes.means, axis=2).argmin(1)

    assert (len(data.modes.means), data.modes.std) == (count, 0.02)
    np.testing.assert_array_equal(nearest, np.zeros(1000) if data.labels is None else data.labels)
    assert coverage(points, data.modes).covered == count


def test_normal_1d_is_what_its_options_say() -> None:
    spec = load_catalog().datasets["normal-1d"]

    data = spec.open(Source(), spec.options(mean=-2.0, std=3.0))

    points = np.asarray(data.samples)
    assert (points.shape, points.dtype, data.labels, data.classes) == ((100_000, 1), np.float32, None, ())
    assert float(points.mean()) == pytest.approx(-2, abs=0.05)
    assert float(points.std()) == pytest.approx(3, abs=0.05)


def test_a_generator_that_trains_alone_loses_its_modes() -> None:
    """Why the players take turns: against a discriminator that no longer learns, the generator gathers where that one's
    logit is largest. It trains until it draws all eight modes evenly; then the discriminator's rate is set to 0."""
    changes: list[Change] = [(key.split("."), value) for key, value in SMALL_GAME.items()]
    catalog = load_catalog()
    config = resolve(find_recipe("mlp-ring", catalog), catalog, changes)
    data = load_points(config, catalog)
    parts = build(config, data, catalog, torch.device("cpu"))
    state = TrainState.start(parts.players, config)
    latents = torch.randn(SAMPLES, 8, generator=torch.Generator().manual_seed(0))

    def found() -> Coverage:
        assert data.modes is not None
        with torch.no_grad():
            return coverage(parts.players.generator(latents).numpy(), data.modes)

    def train(config: RunConfig, steps: int) -> None:
        for _ in range(steps):
            state.follow_schedules(config)
            alternate(state, parts, config)
            state.step += 1

    train(config, 400)
    while (found().well_covered < 8 or found().reverse_kl > 0.05) and state.step < 4000:
        train(config, 50)
    together = found()
    train(replace(config, discriminator_optimizer=OptimizerConfig(learning_rate=0.0)), 750)
    alone = found()

    assert (together.covered, together.well_covered) == (8, 8)
    assert together.reverse_kl < 0.05
    assert alone.well_covered <= 4
    assert alone.reverse_kl > 0.6


# Classes of stacked pictures


def stack(labels: list[int], channels: int, classes: str = "01") -> Data:
    """Whose channels are drawn from pictures with these labels."""
    names = tuple("".join(each) for each in product(classes, repeat=channels))
    parts = Data(np.zeros((len(labels), 1, 4, 4), np.uint8), np.array(labels), tuple(classes))
    return Data(np.zeros((2, channels, 4, 4), np.uint8), np.zeros(2, np.int64), names, parts=parts)


def test_classes_that_are_drawn_evenly_are_all_covered_and_diverge_by_nothing() -> None:
    found = class_coverage(np.repeat(np.arange(1000), 26), np.full(1000, 1e-3))

    assert (found.covered, found.well_covered) == (1000, 1000)
    assert (found.reverse_kl, found.reverse_kl_to_data) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize("there", [1, 78, 999])
def test_missing_classes_cost_the_logarithm_of_how_many_there_are(there: int) -> None:
    """KL of an even distribution on m of K classes from the even one on all: log K / m."""
    found = class_coverage(np.repeat(np.arange(there), 30), np.full(1000, 1e-3))

    assert (found.covered, found.well_covered) == (there, there)
    assert found.reverse_kl == pytest.approx(log(1000 / there), rel=1e-9)


def test_a_class_that_is_seen_once_is_covered_and_not_well() -> None:
    """Of 1,000 samples, 50 a class is fair, and 10 are 20 % of that."""
    labels = np.repeat(np.arange(20), [1, 9, 10, 980, *[0] * 16])

    found = class_coverage(labels, np.full(20, 0.05))

    assert (found.covered, found.well_covered) == (4, 2)


def test_divergences_agree_with_scipy() -> None:
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.ones(30))
    labels = random.choice(30, 500, p=shares)
    counts = np.bincount(labels, minlength=30)

    found = class_coverage(labels, shares)

    assert found.reverse_kl == pytest.approx(entropy(counts, np.ones(30)), rel=1e-9)
    assert found.reverse_kl_to_data == pytest.approx(entropy(counts, shares), rel=1e-9)


def test_the_divergence_of_independent_draws_is_known() -> None:
    """About (K - 1) / 2N in the mean: for 100 classes and 2,600 draws 0.0190."""
    random = np.random.default_rng(0)
    found = [class_coverage(random.integers(0, 100, 2600), np.full(100, 0.01)).reverse_kl for _ in range(200)]

    assert np.mean(found) == pytest.approx(99 / 5200, rel=0.03)


def test_a_stacked_class_is_as_frequent_as_its_channels_make_it() -> None:
    """Three pictures of 0 and one of 1: 00, 01, 10 and 11 have 9, 3, 3 and 1 of 16."""
    np.testing.assert_allclose(shares_of(stack([0, 0, 1, 0], 2)), np.array([9, 3, 3, 1]) / 16)
    assert shares_of(stack([0, 1, 2], 3, "012")).shape == (27,)
    assert shares_of(stack([0, 1, 2], 3, "012")).sum() == pytest.approx(1)


def test_parts_that_lack_a_class_are_named() -> None:
    with pytest.raises(BadData, match="no picture of class 1"):
        shares_of(stack([0, 2], 2, "012"))


def test_modes_are_counted_where_they_are_known_and_only_there() -> None:
    pictures = np.array([0, 3, 3, 3], np.uint8).reshape(4, 1, 1, 1)
    count = counter(stack([0, 1], 2), lambda shown: shown.ravel().astype(int))

    assert count is not None
    assert count(pictures)["covered"] == 2
    assert counter(Data(np.zeros((2, 1, 4, 4), np.uint8)), None) is None

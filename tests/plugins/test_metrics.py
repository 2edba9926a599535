"""Metrics against closed forms, cases solved by hand, and other implementations."""

from itertools import product
from math import exp, log, pi, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist, pdist
from scipy.stats import multivariate_normal
from sklearn.neighbors import KernelDensity

from ganzoo.api import BadData, Evidence, Exhibit
from ganzoo.catalog import load_catalog
from ganzoo.core.options import parse_options
from ganzoo_metrics import classes, distances, neighbours, parzen, samples
from ganzoo_metrics.neighbours import blocks

RANDOM = np.random.default_rng(5)


def score(name: str, generated: Any, real: Any, training: Any = None, seed: int = 0, **options: Any) -> dict[str, Any]:
    """What the metric of that name says of points, which are their own features."""
    one, other = (np.asarray(rows, np.float32) for rows in (generated, real))
    if one.ndim == 1:
        one, other = one[:, None], other[:, None]
    seen = [Exhibit(rows, features=rows) for rows in (one, other)]
    learnt = other if training is None else np.asarray(training, np.float32)
    spec = load_catalog().metrics[name]
    metric = spec.build(parse_options(spec.options, options, name))
    return dict(metric(Evidence(seen[0], seen[1], learnt, seed)))


# Fréchet's distance


def test_the_frechet_distance_of_known_gaussians_is_the_analytic_one() -> None:
    """Rows whose mean and covariance are exact: for diagonal ones, |μ - ν|² + Σ (√a - √b)²."""
    one, other = (exactly(200, mean, scale) for mean, scale in (([0, 0, 0], [1, 2, 3]), ([1, -2, 0.5], [3, 1, 3])))

    assert distances.frechet(one, other) == pytest.approx(1 + 4 + 0.25 + 4 + 1 + 0, rel=1e-6)


def exactly(count: int, mean: Any, scale: Any) -> np.ndarray:
    """Rows with this mean and, in all coordinates apart, these standard deviations; to rounding."""
    rows = RANDOM.standard_normal((count, len(mean)))
    rows -= rows.mean(0)
    rows @= np.linalg.inv(np.linalg.cholesky(np.cov(rows, rowvar=False))).T
    return rows * scale + mean


def test_the_frechet_distance_agrees_with_the_root_of_a_matrix() -> None:
    """scipy's sqrtm of A B, which is how the metric was first computed."""
    mixing = RANDOM.standard_normal((2, 6, 6))
    one, other = (RANDOM.standard_normal((500, 6)) @ each + i for i, each in enumerate(mixing))
    a, b = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    expected = ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)

    assert distances.frechet(one, other) == pytest.approx(expected, rel=1e-6)


def test_features_that_never_vary_are_no_obstacle() -> None:
    """Dead features make covariances singular; fewer samples than features do too."""
    one, other = (np.hstack([RANDOM.standard_normal((5, 8)), np.zeros((5, 3))]) for _ in range(2))

    assert distances.frechet(one, one) == pytest.approx(0, abs=1e-9)
    assert distances.frechet(one, other) > 0


def test_a_single_sample_has_no_covariance() -> None:
    with pytest.raises(BadData, match="at least 2 samples"):
        score("frechet-distance", [1.0], [1.0, 2.0])


# Kernel distance


def test_the_kernel_distance_of_two_pairs_is_that_found_by_hand() -> None:
    """F = 1, k(x, y) = (x y + 1)³. Of {0, 1} and {1, 2}: 1 within, 27 within, and (1 + 1 + 8 + 27) / 4 between."""
    found = score("kernel-distance", [0.0, 1.0], [1.0, 2.0], subsets=1, subset_size=2)

    assert found["KD"] == pytest.approx(1 + 27 - 2 * 37 / 4)


def test_the_kernel_distance_is_unbiased() -> None:
    """Over many small draws of one distribution the mean is 0; with samples compared with themselves it is far off."""
    found = [distances.discrepancy(*RANDOM.standard_normal((2, 5, 3))) for _ in range(20_000)]
    error = np.std(found) / sqrt(len(found))

    assert abs(np.mean(found)) < 4 * error
    assert min(found) < 0
    assert error < 0.1


def test_the_kernel_distance_is_the_mean_over_subsets_and_repeats() -> None:
    rows = RANDOM.standard_normal((2, 300, 4))

    found = [score("kernel-distance", *rows, seed=seed, subsets=20, subset_size=50) for seed in (1, 1, 2)]
    whole = distances.discrepancy(*rows)

    assert found[0] == found[1] != found[2]
    assert found[0]["KD"] == pytest.approx(whole, abs=5 * found[0]["KD spread"] / sqrt(20))


def test_subsets_that_are_too_large_are_refused_and_the_usual_ones_fit_what_there_is() -> None:
    rows = RANDOM.standard_normal((2, 30, 4))

    with pytest.raises(BadData, match="Subsets of 31 cannot be drawn from 30"):
        score("kernel-distance", *rows, subset_size=31)
    with pytest.raises(BadData, match="Subsets of 1 "):
        score("kernel-distance", *rows, subset_size=1)
    assert np.isfinite(score("kernel-distance", *rows)["KD"])


# Precision, recall, density, coverage


def test_precision_and_recall_of_points_on_a_line_are_those_found_by_hand() -> None:
    """k = 1. Real 0, 1, 10 reach 1, 1 and 9. Of generated 2, 18.5, 30 only 2 (by 10 ± 9) and 18.5 lie in one.

    Generated 2, 18.5, 30 reach 16.5, 11.5 and 11.5: 0, 1 and 10 all lie within 2 ± 16.5.
    """
    assert score("precision-recall", [2, 18.5, 30], [0, 1, 10], neighbours=1) == {"precision": 2 / 3, "recall": 1}


def test_a_sample_on_the_edge_counts_for_precision_and_not_for_density() -> None:
    """The first paper says ≤, and the second's reference implementation <. Real 0, 1 reach 1; 2 is as far from 1."""
    assert score("precision-recall", [2, 2], [0, 1], neighbours=1)["precision"] == 1
    assert score("density-coverage", [2, 2], [0, 1], neighbours=1) == {"density": 0, "coverage": 0}


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(6, 12), st.integers(6, 12))
def test_all_four_agree_with_their_formulas_pair_by_pair(seed: int, k: int, n: int, m: int) -> None:
    """Written down as in the papers, a sample at a time."""
    random = np.random.default_rng(seed)
    fake, real = random.standard_normal((n, 2)) * 1.2, random.standard_normal((m, 2))
    far = cdist(*(rows.astype(np.float32).astype(float) for rows in (real, fake)))
    reach, reach_of_fake = (
        [sorted(cdist(rows, rows)[i])[k] for i in range(len(rows))]
        for rows in (each.astype(np.float32).astype(float) for each in (real, fake))
    )
    inside = [[far[i, j] < reach[i] for j in range(n)] for i in range(m)]

    found = score("density-coverage", fake, real, neighbours=k) | score("precision-recall", fake, real, neighbours=k)

    assert found["density"] == pytest.approx(sum(map(sum, inside)) / (k * n))
    assert found["coverage"] == pytest.approx(sum(map(any, inside)) / m)
    assert found["precision"] == pytest.approx(sum(any(inside[i][j] for i in range(m)) for j in range(n)) / n)
    recalled = [any(far[i, j] < reach_of_fake[j] for j in range(n)) for i in range(m)]
    assert found["recall"] == pytest.approx(sum(recalled) / m)


def test_the_same_samples_have_density_1_and_are_covered() -> None:
    """In a real sample's neighbourhood lie its own copy and k - 1 others."""
    rows = RANDOM.standard_normal((50, 3))

    assert score("density-coverage", rows, rows) == {"density": 1, "coverage": 1}


def test_the_same_distribution_has_density_1_and_coverage_1_less_2_to_the_minus_k_in_the_mean() -> None:
    """Which of N real and N generated samples is the nearest is a matter of chance, alone of ranks: exact for N = M.

    The first k of 2N - 1 others are all real with probability (N-1)…(N-k) / (2N-1)…(2N-k), near to 2^-k.
    """
    n, k = 400, 3
    found = [score("density-coverage", *RANDOM.standard_normal((2, n, 5)), neighbours=k) for _ in range(40)]
    expected = 1 - np.prod([(n - 1 - i) / (2 * n - 1 - i) for i in range(k)])

    assert expected == pytest.approx(1 - 2**-k, abs=1e-3)
    for name, value in (("density", 1.0), ("coverage", expected)):
        each = [one[name] for one in found]
        assert np.mean(each) == pytest.approx(value, abs=4 * np.std(each) / sqrt(len(each)))
    assert np.std([one["coverage"] for one in found]) < 0.03


@pytest.mark.parametrize("name", ["precision-recall", "density-coverage"])
def test_neighbours_that_there_are_not_are_refused(name: str) -> None:
    with pytest.raises(BadData, match="4 samples have no 4 neighbours each"):
        score(name, [1, 2, 3, 4, 5], [1, 2, 3, 4], neighbours=4)


def test_distances_come_in_blocks_that_leave_no_pair_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 3)
    one, other = RANDOM.standard_normal((8, 2)), RANDOM.standard_normal((5, 2))

    parts = list(blocks(one, other))

    assert [part.shape for _, part in parts] == [(3, 5), (3, 5), (2, 5)]
    np.testing.assert_allclose(np.vstack([part for _, part in parts]), cdist(one, other))


# Classes


def judged(probabilities: Any, labels: Any = None) -> dict[str, Any]:
    rows = np.asarray(probabilities, np.float32)
    told = None if labels is None else np.asarray(labels)
    shown = Exhibit(np.zeros((len(rows), 1), np.float32), probabilities=rows, labels=told)
    return dict(classes.classified(Evidence(shown, shown, shown.samples, 0)))


def test_sure_and_even_samples_have_the_largest_score_and_samples_of_one_class_the_smallest() -> None:
    """One class each: score K, entropy log K. All of one class, or never sure: score 1."""
    even = judged(np.eye(4), labels=[0, 1, 2, 0])

    assert even["classifier score"] == pytest.approx(4)
    assert even["entropy"] == pytest.approx(log(4))
    assert (even["classes"], even["beyond doubt"], even["label agreement"]) == (4, 1, 0.75)
    assert even["shares"] == [0.25] * 4
    assert judged([[1, 0, 0, 0]] * 3)["classifier score"] == pytest.approx(1)
    assert judged([[1, 0, 0, 0]] * 3)["entropy"] == 0
    assert judged([[0.25] * 4] * 3)["classifier score"] == pytest.approx(1)


def test_the_classifier_score_of_two_unsure_samples_is_that_found_by_hand() -> None:
    """p = (0.95, 0.05) and (0.2, 0.8): exp of the mean of KL from (0.575, 0.425)."""
    p = [[0.95, 0.05], [0.2, 0.8]]
    mean = [0.575, 0.425]
    divergence = sum(each * log(each / mean[k]) for row in p for k, each in enumerate(row)) / 2

    found = judged(p)

    assert found["classifier score"] == pytest.approx(exp(divergence), rel=1e-6)
    assert found["beyond doubt"] == 0.5
    assert "label agreement" not in found


# Parzen windows


def test_the_likelihood_by_windows_is_that_of_a_mixture_of_gaussians() -> None:
    """scipy's densities, and scikit-learn's estimate of them."""
    points, centres = RANDOM.standard_normal((7, 3)), RANDOM.standard_normal((5, 3))
    densities = [np.mean([multivariate_normal(c, 0.3**2).pdf(x) for c in centres]) for x in points]

    found = parzen.log_likelihood(points, centres, 0.3)

    np.testing.assert_allclose(found, np.log(densities))
    np.testing.assert_allclose(found, KernelDensity(bandwidth=0.3).fit(centres).score_samples(points))


def test_windows_on_the_means_of_a_mixture_find_its_width_and_its_entropy() -> None:
    """Four far Gaussians of width 0.5 in the plane: E log p = -log 4 - log(2π 0.25) - 1."""
    centres = np.array(list(product((-20.0, 20.0), repeat=2)))
    real = centres[np.arange(8000) % 4] + 0.5 * RANDOM.standard_normal((8000, 2))

    found = score("parzen", centres, RANDOM.permutation(real))

    assert found["width"] == pytest.approx(10 ** (-3 / 9))  # 0.464, the grid's nearest
    expected = -log(4) - log(2 * pi * found["width"] ** 2) - 0.25 / found["width"] ** 2
    assert found["log-likelihood"] == pytest.approx(expected, abs=4 * found["standard error"])


def test_the_width_is_chosen_on_samples_that_are_not_scored() -> None:
    """Validation wants a wide window, and the rest would want a narrow one."""
    real = np.concatenate([np.full(5, 0.9), np.full(5, 0.01)])

    found = score("parzen", [0.0], real, validation=5)

    assert found["width"] == 1.0 or found["width"] == pytest.approx(10 ** (-1 / 9))
    assert found["log-likelihood"] == pytest.approx(
        -log(found["width"] * sqrt(2 * pi)) - 0.01**2 / (2 * found["width"] ** 2)
    )


def test_data_of_another_scale_have_windows_of_theirs() -> None:
    """The authors' grid, 0.1 to 1, goes on at both ends."""
    for scale in (0.003, 40.0):
        rows = scale * RANDOM.standard_normal((400, 1))
        assert score("parzen", [0.0], rows)["width"] == pytest.approx(scale, rel=0.25)


def test_pictures_are_judged_by_values_in_0_to_1() -> None:
    """Of 4 black pixels against a white picture's window: 4 apart, squared."""
    white, black = np.full((1, 2, 2, 1), 255, np.uint8), np.zeros((4, 2, 2, 1), np.uint8)

    found = parzen.Parzen(parzen.ParzenOptions())(Evidence(Exhibit(white), Exhibit(black), black, 0))

    assert found["width"] == pytest.approx(1.0)
    assert found["log-likelihood"] == pytest.approx(-4 / 2 - 4 * log(sqrt(2 * pi)))


def test_too_few_real_samples_for_a_width_are_refused() -> None:
    with pytest.raises(BadData, match="cannot both choose a width and be scored"):
        score("parzen", [0.0], [1.0, 2.0, 3.0])


# Modes, copies, diversity


def test_modes_are_those_that_the_host_counts() -> None:
    asked = []

    def count(points: np.ndarray) -> dict[str, float]:
        asked.append(len(points))
        return {"covered": 7.0}

    shown = Exhibit(np.zeros((30, 2), np.float32))
    found = classes.ModesFound(classes.ModesOptions(samples=20))(Evidence(shown, shown, shown.samples, 0, count))

    assert (found, asked) == ({"covered": 7.0, "samples counted": 20.0}, [20])
    with pytest.raises(BadData, match="not known"):
        score("modes", [1.0], [1.0])


def test_a_sample_nearer_than_a_third_to_one_training_sample_is_a_copy() -> None:
    """To 0, 4 and 100: 0.9 is 0.9 and 3.1 away, a copy; 1.1 is not; 101 is 1 and 97 away, a copy; 4 is one."""
    found = score("nearest", [0.9, 1.1, 101, 4], [0.0], training=[[0.0], [4], [100]])

    assert found["copies"] == 0.75
    assert found["nearest distance"] == pytest.approx((0.9 + 1.1 + 1 + 0) / 4, rel=1e-5)


def test_copies_are_looked_for_among_the_first_samples() -> None:
    assert score("nearest", [5.0, 9.0, 9.0], [0.0], training=[[5.0], [6.0]], samples=1)["nearest distance"] == 0


def test_the_search_for_copies_goes_through_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "PART", 3)
    rows, training = RANDOM.standard_normal((6, 2)), RANDOM.standard_normal((10, 2))

    found = samples.two_nearest(rows, training)

    np.testing.assert_allclose(found, np.sort(cdist(rows, training), 1)[:, :2])


def test_a_single_training_sample_tells_no_copies() -> None:
    with pytest.raises(BadData, match="two nearest training samples"):
        score("nearest", [1.0], [1.0], training=[[1.0]])


def test_diversity_is_the_mean_distance_between_two() -> None:
    rows = RANDOM.standard_normal((40, 3)).astype(np.float32)

    assert score("diversity", rows, rows)["mean distance"] == pytest.approx(pdist(rows).mean(), rel=1e-6)
    assert score("diversity", [2.0] * 5, [1.0])["mean distance"] == 0
    with pytest.raises(BadData, match="two of them"):
        score("diversity", [1.0], [1.0])


def test_ten_thousand_against_ten_thousand_need_less_than_a_gigabyte() -> None:
    """All distances at once would be 800 MB for each of the copies that are made on the way; so blocks are counted."""
    rows = np.broadcast_to(np.float32(1), (10_000, 128))

    _, first = next(blocks(rows, rows))

    assert first.nbytes <= 100e6

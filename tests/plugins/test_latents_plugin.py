"""The priors that come with ganzoo."""

import hashlib
from math import isqrt, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ganzoo.catalog import load_catalog
from ganzoo.core.errors import BadSetting
from ganzoo.core.options import parse_options
from ganzoo.latents import Latents, normals, seed_words
from ganzoo_latents.priors import GaussianMixture, projected, square_root

NAMES = ["gaussian-mixture", "normal", "spherical", "uniform"]


def build(name: str, **options: Any) -> Latents:
    spec = load_catalog().latents[name]
    return spec.build(parse_options(spec.options, options, "latents"))


def draw(prior: Latents, count: int, seed: int = 0) -> np.ndarray:
    return prior.from_words(seed_words(seed + np.arange(count), prior.words))


def test_the_catalog_has_these_priors_and_no_plugin_is_broken() -> None:
    found = [name for name, _ in load_catalog().latents if load_catalog().latents.provider[name] == "latents"]

    assert found == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 2, 3, 64])
def test_latents_are_finite_float32_of_the_size_that_was_set(name: str, size: int) -> None:
    prior = build(name, size=size)
    z = draw(prior, 50, seed=-25)

    assert isinstance(prior, Latents)
    assert (z.dtype, z.shape, prior.size) == (np.float32, (50, size), size)
    assert np.isfinite(z).all()


@pytest.mark.parametrize("name", [name for name, _ in load_catalog().latents])
def test_a_prior_says_whether_its_numbers_are_independent_and_normal(name: str) -> None:
    """By the test of Kolmogorov and Smirnov of each number, and of sums of two over √2; with small sizes."""
    prior = build(name) if name == "structured" else build(name, size=3)
    z = draw(prior, 20_000)[:, :3].astype(np.float64)

    columns = [*z.T, *((z + z[:, [1, 2, 0]]) / sqrt(2)).T]
    fits = all(stats.kstest(column, "norm").pvalue > 1e-4 for column in columns)

    assert load_catalog().latents[name].normal is fits


@pytest.mark.parametrize("name", NAMES)
def test_numpy_and_torch_agree_bit_for_bit(name: str) -> None:
    prior = build(name)
    words = seed_words(np.array([-(2**63), -1, *range(100), 2**63 - 1]), prior.words)

    found = prior.from_words(torch.from_numpy(words))

    assert isinstance(found, torch.Tensor)
    np.testing.assert_array_equal(prior.from_words(words), found.numpy(), strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_latent_does_not_depend_on_its_batch(name: str) -> None:
    prior = build(name, size=5)
    together = draw(prior, 8, seed=40)

    for row in range(8):
        np.testing.assert_array_equal(together[row : row + 1], draw(prior, 1, seed=40 + row))


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("gaussian-mixture", "e13cc944d12cd622"),
        ("normal", "c31fd4bacaf89f62"),
        ("spherical", "8fc1bf62ebe3a6ad"),
        ("uniform", "bc527f0bbfabc52b"),
    ],
)
def test_the_latents_of_a_seed_never_change(name: str, digest: str) -> None:
    """Frozen: the self-test of exported bundles rests on these bits."""
    z = draw(build(name), 64)

    assert hashlib.sha256(z.astype("<f4").tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", ["normal", "spherical", "uniform"])
def test_coordinates_have_mean_0_and_variance_1(name: str) -> None:
    z = draw(build(name, size=50), 4000).astype(np.float64)

    assert abs(z.mean()) < 4 * z.size**-0.5
    np.testing.assert_allclose(z.var(), 1, atol=4 * (2 / z.size) ** 0.5)
    np.testing.assert_allclose(np.cov(z, rowvar=False), np.eye(50), atol=6 * len(z) ** -0.5)


def test_normal_latents_are_normals_of_the_words() -> None:
    words = seed_words(np.arange(3), 64)

    np.testing.assert_array_equal(build("normal").from_words(words), normals(words))


@pytest.mark.parametrize("bound", [0.25, 1.0, sqrt(3)])
def test_uniform_latents_fill_the_interval_to_its_bound(bound: float) -> None:
    z = draw(build("uniform", size=20, bound=bound), 3000).astype(np.float64).ravel()

    assert np.abs(z).max() <= bound
    assert stats.kstest(z, "uniform", args=(-bound, 2 * bound)).pvalue > 1e-3


@pytest.mark.parametrize("size", [1, 2, 3, 64, 4096])
def test_spherical_latents_have_radius_root_z_to_the_last_digits_of_float32(size: int) -> None:
    z = draw(build("spherical", size=size), 200).astype(np.float64)

    np.testing.assert_allclose((z**2).sum(1) ** 0.5, sqrt(size), rtol=2**-23)


def test_spherical_latents_point_where_the_normals_do() -> None:
    words = seed_words(np.arange(100), 64)
    x = normals(words).astype(np.float64)

    expected = x * 8 / (x**2).sum(1, keepdims=True) ** 0.5

    np.testing.assert_allclose(build("spherical").from_words(words), expected, atol=1e-6)


def test_spherical_latents_of_one_dimension_are_the_two_signs() -> None:
    z = draw(build("spherical", size=1), 4000)

    assert set(z.ravel().tolist()) == {-1.0, 1.0}
    assert abs(z.mean()) < 4 * 4000**-0.5


def test_spherical_latents_of_two_dimensions_are_uniform_on_the_circle() -> None:
    x, y = draw(build("spherical", size=2), 5000).T

    assert stats.kstest(np.arctan2(y, x) / np.pi, "uniform", args=(-1, 2)).pvalue > 1e-3


def test_even_the_words_of_the_smallest_normals_give_a_point_on_the_sphere() -> None:
    """The two words next to p = 1/2 make normals of exactly 0, which have no direction of their own."""
    words = np.array([[2**32 - 1, 2**32 - 2, 2**32 - 1, 2**32 - 2]])
    assert not normals(words).any()

    z = build("spherical", size=4).from_words(words)

    np.testing.assert_array_equal(z, [[-1, 1, -1, 1]])


@pytest.mark.parametrize("largest", [1, 3, 2**25 - 7])
@pytest.mark.parametrize("size", [1, 2, 4096])
def test_projection_is_exact_from_the_shortest_rows_to_the_longest(largest: int, size: int) -> None:
    """Rows of equal coordinates land on ±1 each, to one unit of 2^-24; nothing overflows at the extremes."""
    if largest**2 * size >= 2**62:
        largest = 26_600_001  # the largest that normals reach
    x = np.full((1, size), largest, np.int64)

    assert np.abs(projected(x, size) - 2**24).max() <= 1
    assert np.abs(projected(-x, size) + 2**24).max() <= 1


@given(st.integers(2**60, 2**62 - 1))
def test_the_integer_root_is_right_to_one_unit(total: int) -> None:
    assert abs(int(square_root(np.array([total]))[0]) - isqrt(total)) <= 1


def test_a_mixture_has_its_components_in_equal_shares() -> None:
    prior = build("gaussian-mixture", size=4, components=7)
    assert isinstance(prior, GaussianMixture)
    component = prior.component(seed_words(np.arange(7000), prior.words))

    assert (component.min(), component.max()) == (0, 6)
    assert stats.chisquare(np.bincount(component)).pvalue > 1e-3


def test_the_first_and_the_last_word_choose_the_first_and_the_last_component() -> None:
    prior = build("gaussian-mixture", size=1, components=65536)
    assert isinstance(prior, GaussianMixture)

    assert prior.component(np.array([[0, 0], [0, 2**32 - 1]])).tolist() == [0, 65535]


def test_a_mixture_s_components_are_normals_around_scaled_spherical_latents() -> None:
    prior = build("gaussian-mixture", size=16, components=3, distance=3.0, std=0.25)
    assert isinstance(prior, GaussianMixture)
    words = seed_words(np.arange(6000), prior.words)
    z, component = prior.from_words(words).astype(np.float64), prior.component(words)
    means = 3 * draw(build("spherical", size=16), 3)

    for k in range(3):
        group = z[component == k]
        np.testing.assert_allclose(group.mean(0), means[k], atol=5 * 0.25 / len(group) ** 0.5)
        np.testing.assert_allclose(group.std(0), 0.25, rtol=5 / (2 * len(group)) ** 0.5)
        assert stats.kstest(((group - means[k]) / 0.25).ravel(), "norm").pvalue > 1e-3


def test_a_mixture_s_component_is_independent_of_its_normals() -> None:
    prior = build("gaussian-mixture", size=3, components=1, distance=0.0, std=1.0)
    words = seed_words(np.arange(10), 4)

    np.testing.assert_array_equal(prior.from_words(words), normals(words[:, :3]))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("normal", {"size": 0}),
        ("normal", {"size": 1.5}),
        ("normal", {"bound": 1.0}),
        ("uniform", {"bound": 0.0}),
        ("uniform", {"bound": float("inf")}),
        ("uniform", {"bound": float("nan")}),
        ("spherical", {"size": 4097}),
        ("gaussian-mixture", {"components": 0}),
        ("gaussian-mixture", {"std": 0.0}),
        ("gaussian-mixture", {"distance": -1.0}),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=next(iter(options))):
        build(name, **options)

"""Metrics of neighbourhoods agree with the package `prdc`, of the authors of density and coverage."""

from typing import Any

import numpy as np
import pytest
from prdc import compute_prdc

from ganzoo.api import Evidence, Exhibit
from ganzoo.catalog import load_catalog
from ganzoo.core.options import parse_options

AGREE = 1e-3


def ours(name: str, generated: np.ndarray, real: np.ndarray, neighbours: int) -> dict[str, Any]:
    one, other = (Exhibit(rows, features=rows) for rows in (generated, real))
    spec = load_catalog().metrics[name]
    metric = spec.build(parse_options(spec.options, {"neighbours": neighbours}, name))
    return dict(metric(Evidence(one, other, real, 0)))


def clouds(n: int, m: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unlike ones that overlap: the generated cloud is wider, shifted, and skewed; float32 [N, F] and [M, F]."""
    random = np.random.default_rng(n * m + size)
    skew = np.eye(size) + 0.3 * random.standard_normal((size, size)) / np.sqrt(size)
    generated = 1.1 * random.standard_normal((n, size)) @ skew + 3 / np.sqrt(size)
    return generated.astype(np.float32), random.standard_normal((m, size)).astype(np.float32)


@pytest.mark.parametrize(("n", "m", "size", "k"), [(400, 400, 2, 3), (300, 700, 16, 5), (600, 250, 64, 10)])
def test_all_four_agree_with_the_authors_code(n: int, m: int, size: int, k: int) -> None:
    """For as many samples of both kinds, for more and for fewer; none of the four is near 0 or 1."""
    generated, real = clouds(n, m, size)
    expected = compute_prdc(real, generated, nearest_k=k)
    found = ours("precision-recall", generated, real, k) | ours("density-coverage", generated, real, k)

    assert all(0.1 < value < 0.96 for value in expected.values())
    assert found == pytest.approx(expected, abs=AGREE)


@pytest.mark.parametrize("k", [1, 4])
def test_density_and_coverage_agree_where_distances_tie(k: int) -> None:
    """On a grid, most distances to the k-th neighbour are shared, and many a sample lies on an edge or on another."""
    random = np.random.default_rng(k)
    generated, real = (random.integers(0, side, (300, 3)).astype(np.float32) for side in (9, 7))
    expected = compute_prdc(real, generated, nearest_k=k)

    assert 0.05 < expected["coverage"] < 0.95
    found = ours("density-coverage", generated, real, k)
    assert found == pytest.approx({name: expected[name] for name in found}, abs=AGREE)

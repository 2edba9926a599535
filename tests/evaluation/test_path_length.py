"""The path length of generators that are linear is known; a run's is measured before its pictures are rounded."""

from collections.abc import Callable
from dataclasses import replace
from math import pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from ganzoo.api import Evidence, Exhibit
from ganzoo.catalog import load_catalog
from ganzoo.cli import main
from ganzoo.core.options import parse_options
from ganzoo.core.specs import SampleSpec
from ganzoo.core.walk import Walk
from ganzoo.evaluation.features import Pixels
from ganzoo.evaluation.judges import Judges
from ganzoo.evaluation.scores import read_scores
from ganzoo.evaluation.targets import Network
from ganzoo_metrics.path_length import between

Latents = Callable[[int, int], np.ndarray]


def normal(size: int) -> Latents:
    return lambda count, first: np.random.default_rng(first).standard_normal((count, size)).astype(np.float32)


def score(walk: Walk | None, seed: int = 0, **options: Any) -> dict[str, Any]:
    shown = Exhibit(np.zeros((2, 1), np.float32))
    spec = load_catalog().metrics["path-length"]
    metric = spec.build(parse_options(spec.options, options, spec.name))
    return dict(metric(Evidence(shown, shown, shown.samples, seed, walk=walk)))


def linear(matrix: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda latents: latents.astype(np.float64) @ matrix.T


# Closed forms


def test_on_straight_paths_of_a_linear_generator_it_is_twice_the_matrix_s_squared_norm() -> None:
    """E |A (b - a)|² = 2 |A|² for coordinates of variance 1, whatever ε is; here uniform in ±√3."""
    matrix = np.random.default_rng(1).standard_normal((5, 3))

    def uniform(count: int, first: int) -> np.ndarray:
        return np.random.default_rng(first).uniform(-sqrt(3), sqrt(3), (count, 3)).astype(np.float32)

    for epsilon in (1e-4, 0.1):
        found = score(Walk(uniform, False, linear(matrix)), pairs=20_000, epsilon=epsilon)
        assert found["path length"] == pytest.approx(2 * (matrix**2).sum(), abs=4 * found["path length error"])
        assert found["path length error"] < 0.01 * found["path length"]


@pytest.mark.parametrize(
    ("size", "mean_square"),
    [(2, pi**2 / 3), (3, (pi**2 - 4) / 2), (4, pi**2 / 3 - 0.5), (100, None)],
)
def test_on_great_circles_it_is_the_matrix_s_squared_norm_times_the_mean_squared_angle(
    size: int, mean_square: float | None
) -> None:
    """A path at an angle of ω has the speed ω √Z in a direction that is uniform, so E |A z'|² = |A|² E ω².

    ω has a density of sin^(Z - 2): that of a circle, a sphere, and so on; of many coordinates, by quadrature.
    """
    angles = np.linspace(0, pi, 100_001)
    weights = np.sin(angles) ** (size - 2)
    by_quadrature = float((angles**2 * weights).sum() / weights.sum())
    expected = by_quadrature if mean_square is None else mean_square
    assert by_quadrature == pytest.approx(expected, rel=1e-3)
    matrix = np.random.default_rng(2).standard_normal((6, size))

    found = score(Walk(normal(size), True, linear(matrix)), pairs=20_000)

    assert found["path length"] == pytest.approx(expected * (matrix**2).sum(), abs=4 * found["path length error"])
    assert found["path length error"] < 0.03 * found["path length"]


def test_it_grows_with_the_square_of_the_scale_and_is_0_for_a_constant() -> None:
    matrix = np.random.default_rng(3).standard_normal((4, 8))
    once, thrice = (score(Walk(normal(8), True, linear(scale * matrix)), pairs=50) for scale in (1, 3))

    assert thrice["path length"] == pytest.approx(9 * once["path length"])
    assert score(Walk(normal(8), True, linear(0 * matrix)), pairs=50) == {"path length": 0, "path length error": 0}


def test_another_seed_walks_elsewhere_and_the_same_repeats() -> None:
    walk = Walk(normal(8), True, linear(np.random.default_rng(4).standard_normal((4, 8))))

    assert score(walk, 3, pairs=50) == score(walk, 3, pairs=50)
    assert score(walk, 3, pairs=50) != score(walk, 4, pairs=50)


def test_real_samples_have_no_paths() -> None:
    assert score(None) == {}


# Paths


def test_a_great_circle_begins_and_ends_at_the_latents_directions_and_keeps_its_norm() -> None:
    start, end = np.random.default_rng(5).standard_normal((2, 20, 5))
    found = [between(start, end, np.full((20, 1), t), True) for t in (0.0, 0.3, 0.5, 1.0)]

    for path in found:
        np.testing.assert_allclose(np.linalg.norm(path, axis=1), sqrt(5))
    np.testing.assert_allclose(found[0], sqrt(5) * start / np.linalg.norm(start, axis=1, keepdims=True))
    np.testing.assert_allclose(found[3], sqrt(5) * end / np.linalg.norm(end, axis=1, keepdims=True))
    middle = found[0] + found[3]
    np.testing.assert_allclose(found[2], sqrt(5) * middle / np.linalg.norm(middle, axis=1, keepdims=True))


def test_equal_latents_have_a_path_that_stays() -> None:
    same = np.random.default_rng(6).standard_normal((3, 5))

    found = between(same, same, np.full((3, 1), 0.5), True)
    np.testing.assert_allclose(found, sqrt(5) * same / np.linalg.norm(same, axis=1, keepdims=True), rtol=1e-6)


def test_latents_on_a_sphere_stay_there_and_single_numbers_have_straight_paths() -> None:
    seen: list[np.ndarray] = []

    def look(latents: np.ndarray) -> np.ndarray:
        seen.append(latents)
        return latents.astype(np.float64)

    def sphere(count: int, first: int) -> np.ndarray:
        latents = normal(4)(count, first)
        return 2 * latents / np.linalg.norm(latents, axis=1, keepdims=True)

    score(Walk(sphere, False, look), pairs=50)
    np.testing.assert_allclose(np.linalg.norm(np.concatenate(seen), axis=1), 2, rtol=1e-5)
    single = score(Walk(normal(1), True, look), pairs=20_000, epsilon=0.01)
    assert single["path length"] == pytest.approx(2, rel=0.05)


# A run's


class Prior:
    size, words = 3, 3

    def from_words(self, words: Any) -> Any:
        return ((words.astype(np.float64) + 0.5) / 2**32 * 2 - 1).astype(np.float32) * np.float32(sqrt(3))


class Linear(torch.nn.Module):
    """Grey pictures of 2×2 pixels, linear in the latents and in [-1, 1]; with a label they are of another scale."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.matrix = scale * torch.tensor([[1.0, 2, 3], [0, 1, 0], [-1, 1, 1], [2, 0, 1]]) / 12

    def forward(self, latents: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        factor = 1 if labels is None else labels[:, None]
        return (factor * latents @ self.matrix.T).reshape(-1, 1, 2, 2)


def network(scale: float = 1.0, classes: int = 0) -> Network:
    sample = SampleSpec((1, 2, 2), classes)
    return Network(Linear(scale).eval(), Prior(), sample, classes > 0, False, torch.device("cpu"))


def test_pictures_are_not_rounded_on_the_way() -> None:
    """Of values in 0…1: half of the matrix, so E |A (b - a) / 2|² = |A|² / 2; a step of 1e-4 moves no byte."""
    made = network()
    found = score(made.walk(Judges(Pixels(), None).unrounded), pairs=20_000)

    expected = float((made.generator.matrix**2).sum() / 2)
    assert found["path length"] == pytest.approx(expected, abs=4 * found["path length error"])
    assert found["path length error"] < 0.01 * expected
    rounded = replace(made).draw(10, 0).samples
    assert rounded.dtype == np.uint8


def test_what_lies_beyond_black_and_white_does_not_move() -> None:
    """The pictures of a generator a million times as strong are black or white nearly everywhere."""
    assert score(network(1e6).walk(Judges(Pixels(), None).unrounded), pairs=500)["path length"] == 0


def test_both_ends_of_a_step_have_the_same_label() -> None:
    """With labels 0 and 1, half of the steps stay at grey, and the others are those of the matrix."""
    made = network(classes=2)
    found = score(made.walk(Judges(Pixels(), None).unrounded), pairs=20_000)

    expected = float((made.generator.matrix**2).sum() / 4)
    assert found["path length"] == pytest.approx(expected, abs=4 * found["path length error"])


# The command


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 20 steps."""
    folder = tmp_path_factory.mktemp("made")
    done = CliRunner().invoke(main, ["train", "vanilla-mlp", "--steps", "20", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    return folder / "vanilla-mlp-001"


def evaluate(*words: str) -> Result:
    options = ["--samples", "50", "--metrics", "path-length", "--set", "path-length.pairs=300"]
    return CliRunner().invoke(main, ["evaluate", *words, *options], catch_exceptions=False)


def test_a_run_s_path_length_depends_little_on_the_step(made: Path, tmp_path: Path) -> None:
    """Of networks that are smooth; were pictures rounded, it would be thousands of times as large, or 0."""
    found = {}
    for epsilon in ("1e-4", "1e-3"):
        step = ("--features", "pixels", "--set", f"path-length.epsilon={epsilon}")
        done = evaluate(str(made), *step, "--json", str(tmp_path / "scores.json"))
        assert done.exit_code == 0, done.output
        score, error = read_scores(tmp_path / "scores.json")
        assert (score.name, score.floor) == ("path length[pixels]", None)
        assert score.provenance.options == {"pairs": 300, "epsilon": float(epsilon)}
        found[epsilon] = score.value
        assert 0 < error.value < score.value

    assert found["1e-4"] == pytest.approx(found["1e-3"], rel=0.01)


@pytest.mark.parametrize(
    ("target", "features", "problem"),
    [
        ("digits", "pixels", "follows a generator before its pictures are rounded; score the run"),
        ("run", "onnx:x.onnx", "needs features of unrounded pictures; use --features classifier or"),
        ("run", "inception", "needs features of unrounded pictures; use --features classifier or"),
    ],
)
def test_what_has_no_paths_is_said(made: Path, target: str, features: str, problem: str) -> None:
    done = evaluate(str(made) if target == "run" else target, "--features", features)

    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: path-length {problem}")
    assert done.stderr.count("\n") == 1

"""What the report draws with a run's own generator is what that generator draws, beside the data that it had."""

import json
from collections.abc import Iterator
from math import pi
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pages import picture_of, report
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

import ganzoo
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Data, Exhibit
from ganzoo.evaluation.targets import model_of_run
from ganzoo.latents import seed_words
from ganzoo.report import generated
from ganzoo.report.generated import COLUMNS, NEAREST, ROWS, SEEDS, is_round, nearest, searched, way
from ganzoo.training.trained import load_trained

BETWEEN, NEAR = "Between seeds", "Nearest real samples"
SMALL: dict[str, Any] = {"steps": 4, "batch_size": 8, "log_every": 2, "quiet": True, "dataset": "digits"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Runs of a few steps on digits, and on points; not to be written to."""
    out = tmp_path_factory.mktemp("runs")
    ganzoo.train("vanilla-mlp", out=out, **SMALL)
    ganzoo.train("cgan", out=out, **SMALL)
    ganzoo.train("infogan", out=out, settings={"generator.width": 4, "discriminator.width": 4}, **SMALL)
    ganzoo.train("mlp-ring", out=out, **SMALL | {"dataset": "ring"})
    return out


def a_copy(made: Path, name: str, folder: Path) -> RunFolder:
    return RunFolder(copytree(made / name, folder / name))


def pictures(run: RunFolder, section: str) -> np.ndarray:
    """uint8 [N, H, W, C] of the report that training has written or that is written now."""
    return np.stack([picture_of(uri) for uri in report(run).sections[section].pictures])


def drawn(run: RunFolder, count: int) -> Exhibit:
    """Samples of the seeds 0, 1, 2… as the evaluation draws them."""
    return model_of_run(run, "cpu").draw(count, 0)


# The way between seeds

vectors = st.lists(st.floats(-3, 3, width=32), min_size=3, max_size=3).map(lambda each: np.array(each, np.float32))


def test_halfway_along_a_great_circle() -> None:
    """Between orthogonal vectors of length 1 lies (a + b) / √2; a straight line has (a + b) / 2 there."""
    one, other = np.eye(3, dtype=np.float32)[:2]
    np.testing.assert_allclose(way(one, other, True, 0)[4], (one + other) / np.sqrt(2), rtol=1e-6)
    np.testing.assert_allclose(way(one, other, False, 0)[4], (one + other) / 2, rtol=1e-6)


def test_steps_on_a_great_circle_are_equal_angles() -> None:
    one, other = np.array([[2, 0], [0, 2]], np.float32)
    found = way(one, other, True, 0)
    np.testing.assert_allclose(np.arctan2(found[:, 1], found[:, 0]), np.linspace(0, pi / 2, COLUMNS), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 2, rtol=1e-6)


@given(vectors, vectors, st.booleans())
def test_every_way_goes_from_the_one_to_the_other(one: np.ndarray, other: np.ndarray, spherical: bool) -> None:
    """Also where there is no great circle: through 0, from 0, or on the spot."""
    for end in (other, -one, 2 * one, np.zeros_like(one)):
        found = way(one, end, spherical, 0)
        np.testing.assert_allclose(found[[0, -1]], [one, end], atol=1e-4)
        assert np.isfinite(found).all()


def test_what_is_fixed_stays() -> None:
    one, other = np.array([[1, 0, 0, 4], [0, 1, 0, 8]], np.float32)
    found = way(one, other, False, 3)
    assert (found[:, :3] == one[:3]).all()
    np.testing.assert_allclose(found[:, 3], np.linspace(4, 8, COLUMNS))


@pytest.mark.parametrize(
    ("latents", "expected"),
    [([[3, 4], [0, 5], [-5, 0]], True), ([[3, 4], [0, 5.1]], False), ([[1.0], [-1.0]], False)],
)
def test_latents_on_a_sphere_are_seen_to_be(latents: list[list[float]], expected: bool) -> None:
    assert is_round(np.array(latents, np.float32)) == expected


def test_each_row_leads_from_one_seeds_picture_to_the_next_ones(made: Path, tmp_path: Path) -> None:
    run = a_copy(made, "vanilla-mlp-001", tmp_path)
    found = pictures(run, BETWEEN).reshape(ROWS, COLUMNS, 8, 8, 1)
    samples = drawn(run, ROWS + 1).samples.astype(int)
    assert np.abs(found[:, 0] - samples[:-1]).max() <= 1  # a grey level
    assert np.abs(found[:, -1] - samples[1:]).max() <= 1
    assert "spherical" in report(run).sections[BETWEEN].text


def test_a_conditional_row_keeps_its_class(made: Path, tmp_path: Path) -> None:
    """Row n is drawn as class n from its first to its last picture, and says so."""
    run = a_copy(made, "cgan-001", tmp_path)
    found = pictures(run, BETWEEN).reshape(ROWS, COLUMNS, 8, 8, 1)
    trained = load_trained(run)
    latents = trained.prior.from_words(seed_words(np.arange(ROWS + 1), trained.prior.words))
    for column, seeds in ((0, slice(None, -1)), (-1, slice(1, None))):
        with torch.no_grad():
            samples = trained.generator(torch.from_numpy(latents[seeds]), torch.arange(ROWS))
        expected = (127.5 * samples + 127.5).numpy().transpose(0, 2, 3, 1)
        assert np.abs(found[:, column] - expected).max() <= 1.01
    text = report(run).sections[BETWEEN].text
    assert "seed 3 to 4, class 3" in text
    assert "class" not in report(a_copy(made, "vanilla-mlp-001", tmp_path)).sections[BETWEEN].text


def test_categories_stay_and_the_rest_goes_straight(made: Path, tmp_path: Path) -> None:
    """So a row begins at its seed's picture, and ends at that of the next seed with the first one's category."""
    run = a_copy(made, "infogan-001", tmp_path)
    found = pictures(run, BETWEEN).reshape(ROWS, COLUMNS, 8, 8, 1)
    trained = load_trained(run)
    latents = trained.prior.from_words(seed_words(np.arange(ROWS + 1), trained.prior.words))
    ends = latents[1:].copy()
    ends[:, :10] = latents[:-1, :10]
    with torch.no_grad():
        expected = (127.5 * trained.generator(torch.from_numpy(ends)) + 127.5).numpy().transpose(0, 2, 3, 1)
    assert np.abs(found[:, 0] - drawn(run, ROWS).samples.astype(int)).max() <= 1
    assert np.abs(found[:, -1] - expected).max() <= 1.01
    text = report(run).sections[BETWEEN].text
    assert "linear" in text
    assert "Categories stay" in text


# Nearest neighbours


def test_each_sample_stands_beside_the_nearest_real_ones(made: Path, tmp_path: Path) -> None:
    """As scikit-learn finds them in its own copy of the digits, with their distances."""
    run = a_copy(made, "vanilla-mlp-001", tmp_path)
    found = pictures(run, NEAR).reshape(SEEDS, 1 + NEAREST, 64) / 255
    samples = drawn(run, SEEDS).samples.reshape(SEEDS, 64) / 255
    assert np.abs(found[:, 0] - samples).max() <= 1.01 / 255
    real = np.floor(load_digits().data * (255 / 16) + 0.5) / 255
    distances, rows = NearestNeighbors(n_neighbors=NEAREST).fit(real).kneighbors(found[:, 0])
    np.testing.assert_allclose(np.linalg.norm(found[:, 1:] - found[:, :1], axis=2), distances, atol=1e-6)
    np.testing.assert_allclose(found[:, 1:], real[rows], atol=1.01 / 255)
    text = report(run).sections[NEAR].text
    assert all(f"{distance:.2f}" in text for distance in distances.reshape(-1))
    assert "all 1,797 real ones" in text


@given(st.integers(0, 2**32 - 1), st.integers(NEAREST, 40))
def test_copies_are_found_among_any_number_of_rows(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    data = Data(rng.integers(0, 256, (count, 3, 4, 4), np.uint8))
    rows = np.sort(rng.permutation(count)[: rng.integers(1, count + 1)])
    samples = data.samples[rows[::-1]].transpose(0, 2, 3, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generated, "PART", 7)
        found = nearest(samples, data, rows)
    away = ((data.samples[rows[found[:, 0]]] - data.samples[rows[::-1]].astype(float)) ** 2).sum()
    assert away == 0
    assert found.shape == (len(rows), min(NEAREST, len(rows)))


def test_of_more_data_than_fit_every_so_many_are_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """100 pictures of 16 bytes: all of 1,600 bytes, every second of 800, and of files that are read, every fourth."""
    held = Data(np.zeros((100, 1, 4, 4), np.uint8))
    np.save(tmp_path / "pictures.npy", held.samples)
    read = Data(np.load(tmp_path / "pictures.npy", mmap_mode="r"))
    monkeypatch.setattr(generated, "MOST", 1600)
    monkeypatch.setattr(generated, "MOST_READ", 400)
    assert searched(held).tolist() == list(range(100))
    assert searched(read).tolist() == list(range(0, 100, 4))
    monkeypatch.setattr(generated, "MOST", 1599)
    assert searched(held).tolist() == list(range(0, 100, 2))


def test_what_is_thinned_out_is_said(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "MOST", 64 * 1000)
    found = report(a_copy(made, "vanilla-mlp-001", tmp_path)).sections[NEAR].text
    assert "899 of the 1,797 real ones" in found


# What may be missing


def test_points_have_scatter_plots_alone(made: Path, tmp_path: Path) -> None:
    run = a_copy(made, "mlp-ring-001", tmp_path)
    found = report(run)
    assert not {BETWEEN, NEAR} & set(found.sections)
    assert "real ones in grey" in found.sections["Samples over time"].text
    assert len(found.sections["Samples over time"].pictures) == 1
    assert "100,000 points of 2, 8 classes" in found.sections["What was run"].text


def test_training_writes_the_same_page(made: Path, tmp_path: Path) -> None:
    by_training = (made / "cgan-001" / "report.html").read_text(encoding="utf-8")
    run = a_copy(made, "cgan-001", tmp_path)
    report(run)
    assert run.report_file.read_text(encoding="utf-8") == by_training


def test_pictures_need_no_gpu_though_there_be_one(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be out of memory, or not to be used; here it fails as soon as it is asked for anything."""
    run = a_copy(made, "vanilla-mlp-001", tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    found = report(run)
    assert len(found.sections[BETWEEN].pictures) == ROWS * COLUMNS
    assert len(found.sections[NEAR].pictures) == SEEDS * (1 + NEAREST)


def test_the_best_checkpoint_is_taken_where_one_is_marked(made: Path, tmp_path: Path) -> None:
    run = a_copy(made, "vanilla-mlp-001", tmp_path)
    assert "step 4, the newest checkpoint." in report(run).sections[BETWEEN].text
    best = run.checkpoint_file(4).read_bytes()
    run.mark_best(4, "FD", 3.5)
    longer = ganzoo.resume(run, steps=6, quiet=True)
    assert run.checkpoint_file(4).read_bytes() == best
    assert "step 4, the best by FD." in report(longer).sections[BETWEEN].text


def test_without_a_checkpoint_the_page_says_so(made: Path, tmp_path: Path) -> None:
    run = a_copy(made, "vanilla-mlp-001", tmp_path)
    run.newest_checkpoint().unlink()
    found = report(run)
    assert all("has no checkpoint yet" in found.sections[each].text for each in (BETWEEN, NEAR))
    assert found.titles()


def test_a_damaged_checkpoint_is_said(made: Path, tmp_path: Path) -> None:
    run = a_copy(made, "vanilla-mlp-001", tmp_path)
    run.newest_checkpoint().write_bytes(b"damaged")
    found = report(run)
    assert all("is damaged" in found.sections[each].text for each in (BETWEEN, NEAR))


def test_data_that_were_moved_or_changed_cost_the_neighbours_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", rng.integers(0, 256, (40, 8, 8, 3), np.uint8))
    settings = SMALL | {"dataset": "npz", "data": tmp_path / "own.npz"}
    run = ganzoo.train("vanilla-mlp", out=tmp_path, **settings)
    assert len(report(run).sections[NEAR].pictures) == SEEDS * (1 + NEAREST)
    np.savez(tmp_path / "own.npz", rng.integers(0, 256, (40, 8, 8, 3), np.uint8))
    assert "no longer the one that this run was trained on" in report(run).sections[NEAR].text
    (tmp_path / "own.npz").unlink()
    found = report(run, None)
    assert "There is nothing at" in found.sections[NEAR].text
    assert "for want of real ones: There is nothing at" in found.sections["Health"].text
    assert len(found.sections[BETWEEN].pictures) == ROWS * COLUMNS


def test_a_plugin_that_is_missing_is_said(made: Path, tmp_path: Path) -> None:
    run = a_copy(made, "vanilla-mlp-001", tmp_path)
    facts = json.loads(run.config_file.read_text())
    facts["config"]["generator"]["name"] = "of-a-stranger"
    run.config_file.write_text(json.dumps(facts))
    assert "a plugin that is missing" in report(run).sections[BETWEEN].text


def test_a_generator_that_draws_nothing_finite_is_said(made: Path, tmp_path: Path) -> None:
    run = a_copy(made, "vanilla-mlp-001", tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generated, "seed_words", lambda seeds, count: np.zeros((len(seeds), count), np.int64))
        patch.setattr(
            "ganzoo_latents.priors.Normal.from_words", lambda self, words: np.full((len(words), self.size), np.nan, "f")
        )
        assert "the generator has diverged" in report(run).sections[BETWEEN].text

"""What is compared in the benchmark of sampling draws the same samples, and the figures are what their names say."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ganzoo
from benchmarks import sampling
from benchmarks.drawers import Contest
from benchmarks.generators import Generator, exported
from benchmarks.readme import of_sampling
from benchmarks.startup import NETWORK_IN_TORCH, in_card
from ganzoo.catalog import load_catalog

PERCEPTRON = Generator("perceptron", "vanilla-mlp", (1, 8, 8), {"generator.width": 16})
SMALL = {
    "labels": Generator("labels", "cgan", (1, 8, 8), {"generator.width": 16}),
    "truncation": Generator("truncation", "stylegan-small", (3, 8, 8), {"generator.widest": 16}),
    "points": Generator("points", "mlp-ring", (2,), {"generator.width": 16}),
    "spectral norm": Generator(
        "norm", "sagan", (3, 8, 8), {"generator.width": 8, "generator.widest": 8, "generator.attention": 8}
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_all_contenders_draw_the_same_samples(name: str, tmp_path: Path) -> None:
    bundle, generator = exported(SMALL[name], tmp_path / "bundle", load_catalog())
    contest = Contest(bundle, generator, 1)
    with contest.settled():
        found: dict[str, Any] = {who: np.asarray(draw()) for who, draw in contest.contenders(5).items()}
    ours, torchs = found["onnxruntime"], found["torch"]
    assert np.array_equal(found["seeds"], ours)
    assert np.array_equal(ours, ganzoo.Sampler(bundle, "cpu").sample(5))
    assert (torchs.shape, torchs.dtype) == (ours.shape, ours.dtype)
    allowed = 1e-5 if name == "points" else 1
    assert np.abs(torchs.astype(float) - ours).max() <= allowed < 10 * ours.astype(float).std()
    assert len(np.unique(ours.reshape(5, -1), axis=0)) == 5


def test_both_sides_have_as_many_threads_as_was_asked_for_and_torch_has_its_own_back(tmp_path: Path) -> None:
    bundle, generator = exported(PERCEPTRON, tmp_path / "bundle", load_catalog())
    before = torch.get_num_threads()
    for threads in (1, 3):
        contest = Contest(bundle, generator, threads)
        with contest.settled():
            assert torch.get_num_threads() == threads
            assert torch.is_inference_mode_enabled()
        for session in (contest.sampler.session, contest.sampler.seeder):
            assert session.get_session_options().intra_op_num_threads == threads
    assert torch.get_num_threads() == before


def test_a_row_has_the_ratio_of_speeds_and_what_seeds_cost_beyond_latents() -> None:
    seconds = {"torch": [2.0, 3.0, 2.0], "onnxruntime": [1.0, 2.0, 1.0], "seeds": [1.25, 2.08, 1.02]}
    row = sampling.row("a", 16, 2, seconds | {"compiled": [0.5, 0.5, 0.5]})
    assert (row["value"], row["baseline"], row["ratio"]) == (16, 8, 2)
    assert row["overhead"] == pytest.approx(0.04)  # of 0.25, 0.04 and 0.02
    assert row["overhead_met"]
    assert row["compiled_ratio"] == 0.5
    assert not sampling.row("a", 16, 2, seconds | {"seeds": [1.06, 2.12, 1.06]})["overhead_met"]
    assert "overhead_met" not in sampling.row("a", 1, 2, seconds)


def test_means_are_geometric_and_of_equal_batches_and_threads() -> None:
    def rows(batch: int, threads: int, *ratios: float) -> list[dict[str, Any]]:
        return [{"case": "a", "ratio": ratio, "batch": batch, "threads": threads} for ratio in ratios]

    found = sampling.means([*rows(1, 1, 4.0, 1.0, 2.0), *rows(1, 2, 1.0, 1.96), *rows(16, 1, 0.94), *rows(64, 1, 1.21)])
    told = {(row["batch"], row["threads"]): row for row in found}
    assert {key: row["ratio"] for key, row in told.items()} == {(1, 1): 2, (1, 2): 1.4, (16, 1): 0.94, (64, 1): 1.21}
    assert (told[1, 1]["lowest"], told[1, 1]["case"]) == (1, "geometric mean of 3")
    assert [told[key].get("met") for key in ((1, 1), (1, 2), (16, 1), (64, 1))] == [True, False, None, True]
    assert [key for key, row in told.items() if not row["lowest_met"]] == [(16, 1)]


@pytest.mark.parametrize(("guess", "calls"), [(10.0, 1), (0.05, 4), (1e-9, 2001)])
def test_a_measurement_takes_a_moment_and_a_slow_batch_is_drawn_once(guess: float, calls: int) -> None:
    drawn = []
    assert sampling.pace(lambda: drawn.append(1), guess) < 0.1
    assert len(drawn) == calls


def test_what_cannot_be_exported_is_named_and_the_others_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sampling, "GENERATORS", (Generator("lost", "no-such-recipe", (2,)), PERCEPTRON))
    monkeypatch.setattr(sampling, "LEAST", 0.01)
    asked = ["benchmarks.sampling", "--quick", "--threads", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", asked)
    sampling.main()
    assert "lost: No recipe is called 'no-such-recipe'" in capsys.readouterr().err
    rows = json.loads((tmp_path / "sampling.json").read_text())["rows"]
    told = [(row["case"], row["batch"]) for row in rows]
    assert told == [("perceptron", 1), ("perceptron", 16), ("geometric mean of 1", 1), ("geometric mean of 1", 16)]

    monkeypatch.setattr(sampling, "LONGEST", 0.0)
    sampling.main()
    rows = json.loads((tmp_path / "sampling.json").read_text())["rows"]
    assert [(row["case"], row["batch"]) for row in rows] == [("perceptron", 1), ("geometric mean of 1", 1)]


def test_rows_of_other_generators_stay_in_the_order_of_the_generators(tmp_path: Path) -> None:
    first, second, third = (wanted.name for wanted in sampling.GENERATORS[:3])
    before = [{"case": name, "ratio": 1.0} for name in (third, first, "geometric mean of 2")]
    (tmp_path / "sampling.json").write_text(json.dumps({"rows": before}))
    new = [{"case": second, "ratio": 2.0}, {"case": third, "ratio": 2.0}]
    found = sampling.with_others(new, tmp_path / "sampling.json")
    assert [(row["case"], row["ratio"]) for row in found] == [(first, 1.0), (second, 2.0), (third, 2.0)]


def test_a_line_of_the_readme_has_speeds_of_one_batch_and_ratios_of_all() -> None:
    def row(case: str, batch: int, ratio: float, threads: int = 2) -> dict[str, Any]:
        speeds = {} if case.startswith("geometric") else {"value": 1234.5 * ratio, "baseline": 1234.5}
        return {"case": case, "batch": batch, "threads": threads, "ratio": ratio} | speeds

    rows = [row("a", 1, 3.0), row("a", 1, 9.0, threads=1), row("a", 16, 2.0), row("a", 64, 1.5)]
    rows += [row("geometric mean of 2", 1, 4.0), row("geometric mean of 1", 256, 1.0)]
    assert of_sampling(rows) == [
        "| a | 2,469 | 1,234 | 3.00 | 2.00 | 1.50 |  |",
        "| geometric mean |  |  | 4.00 |  |  | 1.00 |",
    ]


def test_the_first_pictures_of_all_scripts_are_pictures_of_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, generator = exported(PERCEPTRON, tmp_path / "bundle", load_catalog())
    torch.save(generator, bundle / "generator.pt")
    monkeypatch.chdir(bundle)
    expected = ganzoo.Sampler(bundle, "cpu").sample(16)
    monkeypatch.setattr(sys, "argv", ["-c", str(bundle), "64"])
    by_card: dict[str, Any] = {}
    exec(in_card(bundle), by_card)
    assert np.array_equal(by_card["images"], expected)
    by_torch: dict[str, Any] = {}
    exec(NETWORK_IN_TORCH, by_torch)
    assert (by_torch["images"].shape, by_torch["images"].dtype) == (expected.shape, expected.dtype)
    assert by_torch["images"].std() > 0

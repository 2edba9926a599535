"""Comparisons: what is written down is what the runs' generators draw, and nothing is lost."""

import json
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo import session
from ganzoo.catalog import load_catalog
from ganzoo.core.errors import BadData, Interrupted, Sick, UnknownName, UsageError
from ganzoo.core.run_folder import RunFolder
from ganzoo.evaluation.modes import coverage
from ganzoo.recipes import Change
from ganzoo.sampling.sampler import Sampler
from ganzoo.studies import compare as module
from ganzoo.studies.compare import Comparison, Plan, carry_out, draw, mean_and_error, prepare
from ganzoo.studies.side_by_side import draw_side_by_side
from ganzoo.training.display import Display

SMALL: tuple[Change, ...] = (
    (["dataset"], "ring"),
    (["dataset", "samples"], 3000),
    (["steps"], 3),
    (["batch_size"], 20),
    (["generator", "width"], 8),
    (["discriminator", "width"], 8),
)


def plan_of(*recipes: str, seeds: int = 2, changes: tuple[Change, ...] = SMALL) -> Plan:
    return Plan(recipes, seeds, changes, "ganzoo compare", "cpu")


def silent(_number: int, _title: str) -> Display:
    return Display(quiet=True)


def done(plan: Plan, out: Path) -> Comparison:
    found = prepare(plan, out)
    carry_out(found, silent)
    return found


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return done(plan_of("mlp-ring", "packing-points"), tmp_path_factory.mktemp("compared"))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


def read(found: Comparison) -> dict[str, dict[str, dict[str, dict[str, list[dict[str, object]]]]]]:
    return json.loads((found.folder / "comparison.json").read_text("utf-8"))


def test_each_recipe_is_trained_with_each_seed_and_an_equal_budget(compared: Comparison) -> None:
    """The configurations that the runs wrote down, not those that were asked for."""
    for entry in compared.entries:
        configs = [RunFolder(compared.folder / run["run"]).config() for run in entry.runs]
        assert [config.seed for config in configs] == [0, 1]
        assert {(config.recipe, config.steps, config.batch_size) for config in configs} == {
            (entry.config.recipe, 3, 20)
        }
        assert {config.dataset.name for config in configs} == {"ring"}


def test_what_is_judged_is_what_an_export_would_draw(compared: Comparison, tmp_path: Path) -> None:
    """By way of onnxruntime, from the seeds 0 to 2,499; an average, in eval mode."""
    run = compared.entries[0].runs[1]
    bundle = ganzoo.export(compared.folder / run["run"], out=tmp_path)

    samples = Sampler(bundle, device="cpu").sample(2500, seed=0)

    np.testing.assert_allclose(
        draw(RunFolder(compared.folder / run["run"]), compared.data.spec, 2500), samples, rtol=1e-4, atol=1e-5
    )
    found = coverage(samples, compared.modes)
    assert run["covered"] == pytest.approx(found.covered, abs=1)
    assert run["reverse_kl"] == pytest.approx(found.reverse_kl, abs=0.01)


def test_the_numbers_are_in_the_file_with_all_that_it_takes_to_get_them_again(compared: Comparison) -> None:
    content = read(compared)

    assert content["command"] == "ganzoo compare"
    assert content["equal"] == {"steps": 3, "batch_size": 20, "seeds": [0, 1]}
    assert content["dataset"] == {"name": "ring", "options": {"samples": 3000, "std": 0.01, "seed": 0}}
    assert content["versions"]["torch"] == torch.__version__
    assert content["machine"]["device"] == "cpu"
    assert content["perfect"]["reverse_kl"] == pytest.approx(7 / 5000)
    for entry in compared.entries:
        facts = content["recipes"][entry.config.recipe]
        values = [run["reverse_kl"] for run in facts["runs"]]
        assert facts["mean"]["reverse_kl"] == pytest.approx(np.mean(values))
        assert facts["standard_error"]["reverse_kl"] == pytest.approx(np.std(values, ddof=1) / sqrt(2))
        assert facts["config"]["generator"]["options"]["width"] == 8


def test_there_is_one_picture_for_each_recipe_of_the_first_seed(compared: Comparison, tmp_path: Path) -> None:
    names = {path.name for path in compared.folder.glob("*.png")}
    assert names == {"mlp-ring.png", "packing-points.png"}
    run = RunFolder(compared.folder / compared.entries[1].runs[0]["run"])
    assert run.config().seed == 0

    real = np.asarray(compared.data.samples)[:2500]
    draw_side_by_side(real, draw(run, compared.data.spec, 2500), tmp_path / "again.png")

    np.testing.assert_array_equal(pixels(compared.folder / "packing-points.png"), pixels(tmp_path / "again.png"))


def test_points_lie_side_by_side_to_one_scale(tmp_path: Path) -> None:
    """The left half does not change with what is generated within the same bounds, and the right one does."""
    real = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
    pictures = []
    for number, made in enumerate((real, real[:1], np.array([[0.5, 0.5]], np.float32))):
        draw_side_by_side(real, np.repeat(made, 4, 0)[:4], tmp_path / f"{number}.png")
        pictures.append(pixels(tmp_path / f"{number}.png"))
    half = pictures[0].shape[1] // 2

    assert all(np.array_equal(picture[:, :half], pictures[0][:, :half]) for picture in pictures)
    assert not np.array_equal(pictures[1][:, half:], pictures[2][:, half:])


def test_numbers_are_drawn_as_distributions(tmp_path: Path) -> None:
    draw_side_by_side(np.zeros((5, 1), np.float32), np.ones((7, 1), np.float32), tmp_path / "numbers.png")

    with Image.open(tmp_path / "numbers.png") as picture:
        assert picture.width > 1000


def test_a_comparison_on_the_line_works(tmp_path: Path) -> None:
    changes: tuple[Change, ...] = ((["dataset"], "normal-1d"), (["steps"], 2), (["batch_size"], 20))

    found = done(plan_of("mlp-1d", seeds=1, changes=changes), tmp_path)

    assert found.perfect.high_quality == pytest.approx(0.9973, abs=1e-4)
    assert read(found)["recipes"]["mlp-1d"]["standard_error"]["covered"] is None


def test_what_is_stopped_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, start, seen = prepare(plan_of("mlp-ring", "packing-points"), tmp_path), session.start, []

    def stopped(*arguments: object) -> RunFolder:
        seen.append(arguments)
        if len(seen) > 3:
            raise Interrupted("Stopped")
        return start(*arguments)

    monkeypatch.setattr(module.session, "start", stopped)
    with pytest.raises(Interrupted):
        carry_out(found, silent)

    assert [len(entry.runs) for entry in found.entries] == [2, 1]  # seed by seed
    recipes = read(found)["recipes"]
    assert [len(recipes[name]["runs"]) for name in ("mlp-ring", "packing-points")] == [2, 1]


def test_a_run_that_diverges_is_written_down_and_the_others_go_on(tmp_path: Path) -> None:
    """Plain gradient steps with a rate of 1e30."""
    rate: Change = (["discriminator_optimizer"], {"name": "sgd", "learning_rate": 1e30})
    found = done(plan_of("mlp-ring", seeds=2, changes=(*SMALL, rate)), tmp_path)

    runs = read(found)["recipes"]["mlp-ring"]["runs"]
    assert [run["seed"] for run in runs] == [0, 1]
    assert all("no longer finite" in str(run["failed"]) for run in runs)
    assert read(found)["recipes"]["mlp-ring"]["mean"] == {}


@pytest.mark.parametrize("dataset", ["digits", "mnist", "picture-folder"])
def test_data_without_known_modes_is_refused_at_once(dataset: str, tmp_path: Path) -> None:
    """Also such as would be downloaded first."""
    with pytest.raises(BadData, match=f"modes of {dataset} are not known"):
        prepare(plan_of("mlp-ring", changes=((["dataset"], dataset),)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_made_for_recipes_that_do_not_fit(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UnknownName, match="'mlp-ring'"):
        prepare(plan_of("mlp-rign"), out)
    with pytest.raises(UsageError, match="same name"):
        prepare(plan_of("mlp-ring", "mlp-ring"), out)
    with pytest.raises(BadData):
        prepare(plan_of("dcgan-small", changes=SMALL[:3]), out)
    assert not out.exists()


def test_recipes_may_not_bring_data_of_their_own(tmp_path: Path) -> None:
    """Otherwise one would be trained on easier points; with the option set for all, they can be compared."""
    recipe = Path(load_catalog().recipes["mlp-ring"]).read_text("utf-8")
    other = tmp_path / "wide.toml"
    other.write_text(recipe.replace('name = "ring"', 'name = "ring"\nstd = 0.2'), "utf-8")
    changes = tuple(change for change in SMALL if change[0] != ["dataset", "samples"])

    with pytest.raises(UsageError, match="wide sets options of the data set that mlp-ring does not"):
        prepare(plan_of("mlp-ring", str(other), changes=changes), tmp_path / "out")
    prepare(plan_of("mlp-ring", str(other), changes=(*changes, (["dataset", "std"], 0.2))), tmp_path / "out")


def test_the_standard_error_is_that_of_the_mean() -> None:
    """Of 1, 2 and 6: mean 3, variance ((4 + 1 + 9) / 2) = 7, error √(7/3)."""
    assert mean_and_error([1.0, 2.0, 6.0]) == pytest.approx((3, sqrt(7 / 3)))
    assert mean_and_error([5.0]) == (5, None)


def test_a_run_that_is_sick_or_draws_nothing_finite_is_written_down_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = prepare(plan_of("mlp-ring", "packing-points", seeds=2), tmp_path)
    start, ends = module.session.start, iter([Sick("it is sick"), None, None, None])

    def sometimes(*parts: object) -> object:
        end = next(ends)
        if end:
            raise end
        return start(*parts)

    monkeypatch.setattr(module.session, "start", sometimes)
    carry_out(found, silent)
    assert [run.get("failed") for entry in found.entries for run in entry.runs] == ["it is sick", None, None, None]


def test_recipes_that_are_told_the_mode_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cgan is told the mode as a label"):
        prepare(plan_of("mlp-ring", "cgan"), tmp_path / "out")
    assert not (tmp_path / "out").exists()

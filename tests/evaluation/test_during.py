"""A run that is judged while it goes on: the same run, with its best checkpoint kept."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from crowd import crowd
from toys import final_digest

import ganzoo
from ganzoo.catalog import load_catalog
from ganzoo.core.errors import BadData, BadRun, BadSetting, GanzooError, Interrupted, UnknownName
from ganzoo.core.run_folder import Best, RunFolder, step_of
from ganzoo.core.specs import Better, Data, Evidence, MetricSpec, Modes
from ganzoo.evaluation import classifier
from ganzoo.evaluation.during import usual
from ganzoo.evaluation.evaluate import Wish, evaluate
from ganzoo.evaluation.real import Real
from ganzoo.evaluation.scores import Provenance, Score, append_scores, scores_over_time
from ganzoo.training.display import Display

SMALL: dict[str, Any] = {"steps": 8, "batch_size": 8, "log_every": 4, "checkpoint_every": 100, "quiet": True}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classifiers that have learnt for a moment."""
    monkeypatch.setitem(classifier.SETTINGS, "updates", 20)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes a metric called `scripted`, whose number `quality` is 0 of real samples, and then these or what they do."""

    def make(*values: float | Callable[[], float], better: Better = "higher") -> None:
        said: Iterator[Any] = iter([0.0, *values])

        def metric(evidence: Evidence) -> dict[str, float]:
            value = next(said)
            return {"quality": value() if callable(value) else value}

        spec = MetricSpec(
            name="scripted",
            summary="",
            source="",
            build=lambda options: metric,
            sees="samples",
            better={"quality": better},
        )
        monkeypatch.setitem(load_catalog().metrics.items, "scripted", spec)

    return make


def judged(out: Path, *metrics: str, **changes: Any) -> RunFolder:
    return ganzoo.train("vanilla-mlp", out=out, **{**SMALL, "evaluate_every": 2, "metrics": metrics, **changes})


def steps_of(run: RunFolder) -> list[int]:
    return [step_of(path) for path in run.checkpoints()]


# What judging may not do


@pytest.mark.parametrize("recipe", ["vanilla-mlp", "dcgan-small"])
def test_judging_never_changes_a_run(tmp_path: Path, recipe: str) -> None:
    """Weights, averages and optimizers end equal bit for bit, whatever judges; so do the numbers that torch draws."""
    metrics = ("frechet-distance", "precision-recall", "density-coverage", "classifier", "diversity")
    found = []
    for name, changes in {"blind": {}, "judged": {"evaluate_every": 1, "metrics": metrics}}.items():
        ganzoo.train(recipe, dataset="digits", out=tmp_path / name, **{**SMALL, "steps": 3}, **changes)
        found.append((final_digest(tmp_path / name / f"{recipe}-001"), torch.get_rng_state().tolist()))

    assert found[0] == found[1]
    run = RunFolder(tmp_path / "judged" / f"{recipe}-001")
    assert [each.step for each in scores_over_time(run)] == [1, 2, 3]
    assert len(run.checkpoints()) == 3


def test_a_metric_that_fails_is_named_once_and_ends_nothing(
    tmp_path: Path, scripted: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Those beside it go on judging."""

    def fail() -> float:
        raise ZeroDivisionError("nothing to divide by")

    scripted(fail, fail, fail, 3.0)
    run = judged(tmp_path / "judged", "scripted", "diversity", quiet=False)
    blind = ganzoo.train("vanilla-mlp", out=tmp_path / "blind", **SMALL)

    said = capsys.readouterr().out
    assert said.count("nothing to divide by") == 1
    assert "Note: the metric scripted failed at step 2, and is left out there: ZeroDivisionError" in said
    names = [[score.name for score in each.scores] for each in scores_over_time(run)]
    assert names == [["mean distance"]] * 3 + [["quality", "mean distance"]]
    assert run.best() == Best(format=1, step=8, metric="quality", value=3.0)
    assert final_digest(run.path) == final_digest(blind.path)


def test_a_run_that_cannot_be_judged_goes_on(
    tmp_path: Path, scripted: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Here since a folder lies where its scores belong; which is said once, and by `evaluate` as well."""
    scripted(lambda: float(bool(RunFolder(tmp_path / "vanilla-mlp-001").scores_file.mkdir())), 1.0, 1.0, 1.0)
    run = judged(tmp_path, "scripted", quiet=False)

    assert capsys.readouterr().out.count("Note: it could not be judged at step 2: ") == 1
    assert step_of(run.newest_checkpoint()) == 8
    scripted(1.0)
    found = evaluate(Wish(target=str(run.path), metrics=("diversity",), samples=20), Display(quiet=True))
    assert [score.name for score in found.scores] == ["mean distance"]
    assert "the run does not keep these scores" in found.notes[0]


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_in_the_midst_of_judging_loses_nothing(
    tmp_path: Path, scripted: Callable[..., None], times: int
) -> None:
    """Once lets the judgement end, twice does not; either way the run goes on to the end of an undisturbed one."""

    def interrupt() -> float:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        return 5.0

    scripted(1.0, interrupt)
    with pytest.raises(Interrupted if times == 1 else KeyboardInterrupt):
        judged(tmp_path, "scripted")
    run = RunFolder(tmp_path / "vanilla-mlp-001")
    assert (run.best() or pytest.fail()).step == (4 if times == 1 else 2)
    assert steps_of(run)[-1] == (5 if times == 1 else 4)

    scripted(2.0, 2.0)
    ganzoo.resume(run, quiet=True)
    blind = ganzoo.train("vanilla-mlp", out=tmp_path / "blind", **SMALL)
    assert final_digest(run.path) == final_digest(blind.path)
    assert [each.step for each in scores_over_time(run)] == ([2, 4, 6, 8] if times == 1 else [2, 6, 8])


def test_of_several_processes_one_judges(tmp_path: Path) -> None:
    """The run ends as the same two processes end it without a judge."""

    def work(rank: int) -> str:
        judged(tmp_path / "judged", "diversity", "frechet-distance", steps=4)
        return "done"

    def alone(rank: int) -> str:
        ganzoo.train("vanilla-mlp", out=tmp_path / "blind", **{**SMALL, "steps": 4})
        return "done"

    assert crowd(2, work, seconds=300) == crowd(2, alone, seconds=300) == ["done", "done"]
    run = RunFolder(tmp_path / "judged" / "vanilla-mlp-001")
    assert [each.step for each in scores_over_time(run)] == [2, 4]
    assert final_digest(run.path) == final_digest(tmp_path / "blind" / "vanilla-mlp-001")


# The best


@pytest.mark.parametrize(("better", "step", "value"), [("higher", 4, 7.0), ("lower", 6, 2.0)])
def test_the_best_checkpoint_is_kept_whatever_else_is_deleted(
    tmp_path: Path, scripted: Callable[..., None], better: Better, step: int, value: float
) -> None:
    scripted(5.0, 7.0, 2.0, 6.0, better=better)
    run = judged(tmp_path, "scripted", keep_checkpoints=1)

    assert run.best() == Best(format=1, step=step, metric="quality", value=value)
    assert steps_of(run) == [step, 8]
    assert step_of(Path(ganzoo_checkpoint(run))) == step


def ganzoo_checkpoint(run: RunFolder) -> Path:
    """What `--checkpoint best` takes."""
    from ganzoo.training.trained import checkpoint_of

    return checkpoint_of(run, "best")


def test_what_is_no_number_is_never_the_best_and_of_equals_the_later_is(
    tmp_path: Path, scripted: Callable[..., None]
) -> None:
    scripted(nan, 3.0, 3.0, inf)
    assert judged(tmp_path, "scripted").best() == Best(format=1, step=6, metric="quality", value=3.0)


def test_a_resumed_run_remembers_its_best(tmp_path: Path, scripted: Callable[..., None]) -> None:
    """By the same number; by another one it begins anew, as it does where the best one was deleted."""
    scripted(9.0, 4.0, better="lower")
    run = judged(tmp_path, "scripted", steps=4, keep_checkpoints=1)
    scripted(5.0, 6.0, better="lower")
    ganzoo.resume(run, steps=8, quiet=True)
    assert (run.best() or pytest.fail()).step == 4
    assert steps_of(run) == [4, 8]

    scripted(3.0, better="lower")
    ganzoo.resume(run, steps=10, quiet=True)
    assert (run.best() or pytest.fail()).step == 10

    run.checkpoint_file(10).rename(tmp_path / "gone")
    scripted(8.0, better="lower")
    ganzoo.resume(run, quiet=True)  # from step 4, the newest that is left
    assert (run.best() or pytest.fail()).step == 6

    ganzoo.resume(run, steps=12, metrics=["frechet-distance"], quiet=True)
    assert (run.best() or pytest.fail()).metric.startswith("FD[digits-cnn@")


def test_judging_can_begin_and_end_when_a_run_is_resumed(tmp_path: Path, scripted: Callable[..., None]) -> None:
    run = ganzoo.train("vanilla-mlp", out=tmp_path, **{**SMALL, "steps": 2})
    scripted(1.0, 2.0)
    ganzoo.resume(run, steps=6, evaluate_every=2, metrics=["scripted"], best_by="quality", quiet=True)
    ganzoo.resume(run, steps=8, evaluate_every=0, quiet=True)

    assert [each.step for each in scores_over_time(run)] == [4, 6]
    assert (run.config().evaluate_every, run.config().metrics, run.config().best_by) == (0, ("scripted",), "quality")


def test_another_of_the_numbers_may_decide(tmp_path: Path) -> None:
    run = judged(tmp_path, "density-coverage", "precision-recall", best_by="recall")
    found = {score.name: score.value for each in scores_over_time(run) for score in each.scores}
    assert (run.best() or pytest.fail()).metric in found
    assert (run.best() or pytest.fail()).metric.startswith("recall[")


# Scores


def test_scores_during_training_are_those_of_evaluate(tmp_path: Path) -> None:
    """Of the same checkpoint, with as many samples and the same seed; all digits of them, and all provenance."""
    names = ("frechet-distance", "classifier", "nearest")
    run = judged(tmp_path, *names)
    evaluate(Wish(target=str(run.path), metrics=names, samples=2000, device="cpu"), Display(quiet=True))

    *_, during, after = scores_over_time(run)
    assert during.step == after.step == 8
    assert {"FD", "entropy", "copies"} <= {score.name.partition("[")[0] for score in during.scores}
    assert during.scores == after.scores


def score(value: float) -> Score:
    provenance = Provenance(
        metric="toy",
        options={},
        extractor="",
        extractor_hash="",
        extractor_accuracy=None,
        generated=1,
        real=1,
        floor=1,
        training=0,
        dataset="toy",
        dataset_options={},
        dataset_digest="0",
        target="run",
        target_hash="0",
        seed=0,
        versions={},
    )
    return Score(name="quality", value=value, floor=None, provenance=provenance)


def test_scores_are_read_as_they_were_written_and_a_line_that_was_cut_short_costs_no_other(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert scores_over_time(run) == []
    append_scores(run, 2, [score(1.5), score(-inf)])
    append_scores(run, 4, [])
    run.scores_file.write_text(run.scores_file.read_text() + '{"step": 6, "scores": [{"na')
    append_scores(run, 6, [score(2.0)])

    found = scores_over_time(run)
    assert [(each.step, [one.value for one in each.scores]) for each in found] == [
        (2, [1.5, -inf]),
        (4, []),
        (6, [2.0]),
    ]
    assert found[0].scores[0] == score(1.5)


def test_scores_of_another_version_are_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.scores_file.write_text(json.dumps({"step": 2, "scores": [{"name": "FD"}]}) + "\n")
    with pytest.raises(BadRun, match=r"scores\.jsonl was written by another version of ganzoo .* delete it"):
        scores_over_time(run)


# What judges, and what cannot


def real(samples: np.ndarray, classes: int = 0, modes: Modes | None = None) -> Real:
    labels = np.arange(len(samples), dtype=np.int64) % classes if classes else None
    return Real("toy", {}, Data(samples, labels, tuple(map(str, range(classes))), modes=modes), "0" * 64)


def test_unless_told_otherwise_what_is_cheap_and_fits_judges() -> None:
    pictures, points = np.zeros((20, 1, 8, 8), np.uint8), np.zeros((20, 2), np.float32)
    assert usual(real(pictures, 2)) == ("frechet-distance",)
    assert usual(real(pictures)) == usual(real(pictures, 1)) == ("density-coverage",)
    assert usual(real(points, modes=Modes(np.zeros((1, 2)), 1.0))) == ("modes",)
    assert usual(real(points)) == ("parzen",)


def test_of_modes_the_divergence_decides_unless_told_otherwise(tmp_path: Path) -> None:
    """It goes on falling where the number of modes has come to its end, or is still 0."""
    run = judged(tmp_path, dataset="ring", steps=2)
    assert (run.best() or pytest.fail()).metric == "reverse kl"


def test_points_without_modes_are_judged_and_none_is_the_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Since a higher likelihood by Parzen windows may mean samples that are too good to be real ones."""
    points = np.random.default_rng(0).standard_normal((60, 2), dtype=np.float32)
    np.save(tmp_path / "points.npy", points)
    run = judged(tmp_path, dataset="npz", data=tmp_path / "points.npy", quiet=False)

    said = capsys.readouterr().out
    assert "Note: no checkpoint will be the best, since parzen cannot say which; add another metric." in said
    assert "step 2: log-likelihood " in said
    assert run.best() is None


def fail(error: Exception, options: Any) -> Any:
    raise error


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"metrics": ["frechet"]}, UnknownName, "No metric is called 'frechet'; did you mean 'frechet-distance'"),
        ({"metrics": ["modes"]}, BadData, "counts modes that are known, and those of digits are not"),
        ({"dataset": "ring", "metrics": ["classifier"]}, BadData, "judges pictures, and ring holds points"),
        (
            {"metrics": ["scripted"], "best_by": "FD"},
            BadSetting,
            "'FD' of scripted cannot decide .* known are: quality",
        ),
        (
            {"metrics": ["parzen"], "best_by": "width"},
            BadSetting,
            "parzen has no number that can decide .* add a metric",
        ),
        ({"metrics": ["classifier"], "best_by": "entropy"}, BadSetting, "'entropy' of classifier cannot decide"),
        (
            {"dataset": "ring", "best_by": "reverse kl to data"},
            BadSetting,
            "'reverse kl to data' is not found in ring, .* did you mean 'reverse kl'",
        ),
        (
            {"metrics": ["short"]},
            BadData,
            r"\(few samples\); name others with --metrics, or leave out --evaluate-every",
        ),
        ({"metrics": ["broken"]}, BadData, r"broken cannot judge a run on digits, .* \(KeyError: 'me'\); name others"),
        ({"evaluate_every": -1}, BadSetting, "Setting evaluate_every: "),
        ({"metrics": "modes"}, BadSetting, "Setting metrics: expected `array`"),
    ],
)
def test_what_cannot_judge_is_told_before_there_is_a_run(
    tmp_path: Path,
    scripted: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    kind: type[GanzooError],
    words: str,
) -> None:
    """And where a run is resumed, before anything of it is changed."""
    scripted(1.0)
    errors = {"broken": KeyError("me"), "short": BadData("few samples; use more --samples.")}
    for name, error in errors.items():
        spec = MetricSpec(name=name, summary="", source="", build=partial(fail, error), sees="samples")
        monkeypatch.setitem(load_catalog().metrics.items, name, spec)
    with pytest.raises(kind, match=words):
        ganzoo.train("vanilla-mlp", out=tmp_path / "runs", **{**SMALL, "evaluate_every": 2, **changes})
    assert not (tmp_path / "runs").exists()

    if "dataset" not in changes:
        run = ganzoo.train("vanilla-mlp", out=tmp_path / "runs", **{**SMALL, "steps": 1})
        before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
        with pytest.raises(kind, match=words):
            ganzoo.resume(run, quiet=True, **{"evaluate_every": 2, "steps": 4, **changes})
        assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_a_number_that_never_comes_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """This generator draws without labels, so there is none that they agree with."""
    run = judged(tmp_path, "classifier", best_by="label agreement", quiet=False)
    assert capsys.readouterr().out.count("Note: there is no 'label agreement' at step") == 1
    assert run.best() is None


def test_metrics_without_judging_are_told_to_be_of_no_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged(tmp_path, "modes", evaluate_every=0, steps=1, quiet=False)
    assert "Note: metrics and best_by are for runs that are judged; add --evaluate-every" in capsys.readouterr().out

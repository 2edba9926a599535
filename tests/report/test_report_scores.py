"""Scores over time: the last ones in a table, the course of those that compare, and all that they depend on."""

from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any

import pytest
from pages import report, run_with

from ganzoo.core.run_folder import RunFolder
from ganzoo.evaluation.scores import Provenance, Score, append_scores

OF = Provenance(
    metric="frechet-distance",
    options={},
    extractor="cnn",
    extractor_hash="a" * 64,
    extractor_accuracy=0.9,
    generated=5000,
    real=5000,
    floor=4000,
    training=0,
    dataset="mnist",
    dataset_options={"split": "train"},
    dataset_digest="b" * 64,
    target="runs/<i>",
    target_hash="c" * 64,
    seed=0,
    versions={"torch": "2"},
)


def score(value: float | list[float], name: str = "FD[cnn@aa]", floor: float | None = 1.25, **changes: Any) -> Score:
    return Score(name=name, value=value, floor=floor, provenance=replace(OF, **changes))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return run_with(tmp_path / "run-1", [])


def test_the_last_scores_are_in_the_table_with_floor_samples_and_step(run: RunFolder) -> None:
    append_scores(run, 1000, [score(20.0), score(0.5, "odd", None)])
    append_scores(run, 2000, [score(10.125)])
    text = report(run).sections["Scores"].text
    assert "FD[cnn@aa] ↓10.121.255,0002,000" in text  # lower is better, as its metric says
    assert "odd0.55,0001,000" in text


def test_the_course_of_a_score_is_exact_and_in_the_order_of_steps(run: RunFolder) -> None:
    for step, value in ((2000, 1 / 3), (1000, 20.0), (3000, 0.1)):
        append_scores(run, step, [score(value, seed=step, target_hash=str(step))])
    found = report(run).curves("FD[cnn@aa]", "Scores")
    assert found == {"score": ([1000, 2000, 3000], [20.0, 1 / 3, 0.1]), "floor": ([1000, 3000], [1.25, 1.25])}


def test_of_a_step_that_was_judged_twice_the_later_counts(run: RunFolder) -> None:
    for step, value in ((1000, 3.0), (2000, 2.0), (1000, 1.0)):
        append_scores(run, step, [score(value)])
    found = report(run)
    assert found.curves("FD[cnn@aa]", "Scores")["score"] == ([1000, 2000], [1.0, 2.0])
    assert "do not compare" not in found.sections["Scores"].text


def test_scores_of_unlike_provenance_are_not_drawn_as_one_course(run: RunFolder) -> None:
    """The first was of fewer samples, which makes a Fréchet distance larger."""
    append_scores(run, 1000, [score(99.0, generated=100)])
    append_scores(run, 2000, [score(20.0)])
    append_scores(run, 3000, [score(10.0)])
    found = report(run)
    assert found.curves("FD[cnn@aa]", "Scores")["score"] == ([2000, 3000], [20.0, 10.0])
    assert "without 1 of other samples or data" in found.sections["Scores"].text


def test_a_score_of_more_samples_at_the_end_leaves_the_course_of_training(run: RunFolder) -> None:
    """Its floor is that of the same number of samples; the table has the last score."""
    append_scores(run, 1000, [score(20.0, floor=2.5, generated=2000)])
    append_scores(run, 2000, [score(10.0, floor=2.25, generated=2000)])
    append_scores(run, 2000, [score(9.0, floor=1.25)])
    found = report(run)
    curves = found.curves("FD[cnn@aa]", "Scores")
    assert curves == {"score": ([1000, 2000], [20.0, 10.0]), "floor": ([1000, 2000], [2.25, 2.25])}
    text = found.sections["Scores"].text
    assert "without 1 of other samples or data" in text
    assert "FD[cnn@aa] ↓91.255,0002,000" in text


def test_of_two_courses_of_one_length_the_one_that_was_judged_last_is_drawn(run: RunFolder) -> None:
    for step, samples in ((1000, 5000), (1000, 2000), (2000, 2000), (2000, 5000)):
        append_scores(run, step, [score(float(samples + step), generated=samples)])
    assert report(run).curves("FD[cnn@aa]", "Scores")["score"] == ([1000, 2000], [6000.0, 7000.0])


def test_a_line_of_scores_that_is_damaged_is_left_out(run: RunFolder) -> None:
    append_scores(run, 1000, [score(20.0)])
    run.scores_file.write_bytes(run.scores_file.read_bytes() + b'{"step": 1500, "sc\xff\xfe\n')
    append_scores(run, 2000, [score(10.0)])
    assert report(run).curves("FD[cnn@aa]", "Scores")["score"] == ([1000, 2000], [20.0, 10.0])


def test_a_single_score_has_no_chart(run: RunFolder) -> None:
    append_scores(run, 1000, [score(1.0)])
    assert report(run).titles("Scores") == []


def test_a_score_that_is_not_finite_is_a_gap(run: RunFolder) -> None:
    for step, value in ((1000, 3.0), (2000, nan), (3000, 1.0)):
        append_scores(run, step, [score(value)])
    assert report(run).curves("FD[cnn@aa]", "Scores")["score"] == ([1000, 2000, 3000], [3.0, None, 1.0])


def test_lists_are_for_files(run: RunFolder) -> None:
    append_scores(run, 1000, [score([0.5, 0.5], "shares")])
    assert "Scores" not in report(run).sections


def test_all_that_a_score_depends_on_is_there_once_for_each_metric(run: RunFolder) -> None:
    scores = [score(1.0, "precision", metric="pr"), score(1.0, "recall", metric="pr"), score(1.0)]
    append_scores(run, 1000, scores)
    text = report(run).sections["Scores"].text
    assert "precision, recall" in text
    assert text.count('"dataset_digest": "' + "b" * 64) == 2
    assert '"target": "runs/<i>"' in text


def test_scores_of_another_version_are_said(run: RunFolder) -> None:
    run.scores_file.write_text('{"step": 1, "scores": [{"old": true}]}\n')
    assert "was written by another version of ganzoo" in report(run).sections["Scores"].text

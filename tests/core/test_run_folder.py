"""Runs are numbered, found again, and described in full."""

import json
import os
from pathlib import Path

import pytest

from ganzoo.core.config import Choice, RunConfig
from ganzoo.core.errors import BadRun
from ganzoo.core.run_folder import Best, RunFolder, new_run, newest_run, step_of

CONFIG = RunConfig(
    recipe="mine",
    dataset=Choice(name="ring"),
    latents=Choice(name="normal", options={"size": 2}),
    generator=Choice(name="mlp"),
    discriminator=Choice(name="mlp"),
    loss=Choice(name="minimax"),
    batch_size=32,
    steps=5,
)


def test_each_run_gets_the_next_number(tmp_path: Path) -> None:
    names = [new_run(tmp_path, "dcgan").path.name for _ in range(2)]
    (tmp_path / "dcgan-041").mkdir()
    (tmp_path / "dcgan-small-007").mkdir()
    assert [*names, new_run(tmp_path, "dcgan").path.name] == ["dcgan-001", "dcgan-002", "dcgan-042"]


def test_folders_of_the_user_s_own_making_are_no_obstacle(tmp_path: Path) -> None:
    for name in ("mlp-001-backup", "mlp-002", "mlp-0x3", "other-009"):
        (tmp_path / name).mkdir()
    assert new_run(tmp_path, "mlp").path.name == "mlp-003"
    assert [new_run(tmp_path, "my[1]*").path.name for _ in range(2)] == ["my[1]*-001", "my[1]*-002"]


def test_the_newest_checkpoint_has_the_highest_step_however_many_digits(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for step in (99_999_999, 100_000_000, 5):
        run.checkpoint_file(step).parent.mkdir(exist_ok=True)
        run.checkpoint_file(step).touch()
    assert [step_of(path) for path in run.checkpoints()] == [5, 99_999_999, 100_000_000]


def test_a_config_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.describe(CONFIG, {"versions": {"torch": "2"}})
    assert run.config() == CONFIG
    assert run.facts()["versions"] == {"torch": "2"}


def test_the_newest_run_is_the_one_started_last(tmp_path: Path) -> None:
    for age, name in enumerate(["b-001", "a-001", "c-001"]):
        RunFolder(tmp_path / name).describe(CONFIG, {})
        os.utime(tmp_path / name / "config.json", (1000 - age, 1000 - age))
    assert newest_run(tmp_path).path.name == "b-001"


def test_without_runs_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="start one with `ganzoo train"):
        newest_run(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no run: it has no config.json"),
        ("{half", "Cannot read"),
        (json.dumps({"format": 99}), "another version of ganzoo"),
        (json.dumps([1, 2]), "another version of ganzoo"),
        (json.dumps({"format": 1}), "is damaged"),
        (json.dumps({"format": 1, "config": {"recipe": 3}}), "is damaged"),
    ],
)
def test_a_folder_that_is_no_run_or_a_damaged_one_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(BadRun, match=message):
        RunFolder(tmp_path).config()


def test_a_run_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="has no checkpoint yet"):
        RunFolder(tmp_path).newest_checkpoint()


def test_a_line_of_the_log_that_a_crash_cut_short_is_left_out(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.log_file.write_text('{"step": 1}\n{"step": 2}\n{"step": 3, "terms": {}')
    assert run.log() == [{"step": 1}, {"step": 2}]


def with_checkpoints(folder: Path, *steps: int) -> RunFolder:
    run = RunFolder(folder)
    for step in steps:
        run.checkpoint_file(step).parent.mkdir(exist_ok=True)
        run.checkpoint_file(step).write_text(str(step))
    return run


def steps(run: RunFolder) -> list[int]:
    return [step_of(path) for path in run.checkpoints()]


def test_files_of_the_user_s_own_making_are_no_checkpoints(tmp_path: Path) -> None:
    run = with_checkpoints(tmp_path, 1)
    for name in ("step-00000002 (copy).safetensors", "step-best.safetensors", "step-2.safetensors"):
        (tmp_path / "checkpoints" / name).touch()
    assert steps(run) == [1]


@pytest.mark.parametrize(
    ("best", "keep", "left"),
    [
        (None, 1, [5]),
        (None, 2, [4, 5]),
        (None, 9, [1, 2, 3, 4, 5]),
        (2, 1, [2, 5]),
        (2, 2, [2, 4, 5]),
        (5, 1, [5]),
        (4, 2, [4, 5]),
    ],
)
def test_the_newest_and_the_best_are_kept(tmp_path: Path, best: int | None, keep: int, left: list[int]) -> None:
    run = with_checkpoints(tmp_path, 1, 2, 3, 4, 5)
    if best:
        run.mark_best(best, "FID", 12.5)
    run.prune(keep)
    assert steps(run) == left


def test_the_best_of_before_may_go_when_a_better_one_is_marked(tmp_path: Path) -> None:
    run = with_checkpoints(tmp_path, 1, 2, 3)
    assert run.best() is None
    run.mark_best(1, "FID", 12.5)
    run.mark_best(2, "FID", 11.0)
    run.prune(1)
    assert steps(run) == [2, 3]
    assert run.best() == Best(format=1, step=2, metric="FID", value=11.0)
    assert run.best_checkpoint() == run.checkpoint_file(2)
    assert [path.name for path in run.best_file.parent.glob(".*")] == []


def test_where_none_is_marked_the_newest_is_proposed(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match=r"No checkpoint of .* is marked as its best; use the newest"):
        with_checkpoints(tmp_path, 1).best_checkpoint()


def test_a_marked_checkpoint_that_is_missing_is_named(tmp_path: Path) -> None:
    run = with_checkpoints(tmp_path, 1, 2)
    run.mark_best(1, "FID", 12.5)
    run.checkpoint_file(1).unlink()
    with pytest.raises(BadRun, match=r"step-00000001\.safetensors, marked as the best by FID, is missing"):
        run.best_checkpoint()
    run.prune(1)
    assert steps(run) == [2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is damaged"),
        ("{half", "is damaged"),
        ("[1]", "is damaged"),
        ('{"format": 1, "step": "two", "metric": "FID", "value": 1}', "is damaged"),
        ('{"format": 1, "metric": "FID", "value": 1}', "is damaged"),
        ('{"format": 9}', "another version of ganzoo"),
    ],
)
def test_a_damaged_mark_is_named_and_nothing_is_deleted(tmp_path: Path, content: str, message: str) -> None:
    """Else the best one might be."""
    run = with_checkpoints(tmp_path, 1, 2)
    run.best_file.write_text(content)
    with pytest.raises(BadRun, match=rf"best\.json (was written by )?{message}.*delete it"):
        run.prune(1)
    assert steps(run) == [1, 2]


def test_a_checkpoint_that_is_set_aside_is_none_any_more(tmp_path: Path) -> None:
    run = with_checkpoints(tmp_path, 1, 2)
    place = run.set_aside(run.checkpoint_file(2))
    assert (place.name, place.read_text()) == ("step-00000002.safetensors.damaged", "2")
    assert steps(run) == [1]


def test_unfinished_files_are_removed_and_nothing_else(tmp_path: Path) -> None:
    run = with_checkpoints(tmp_path, 1)
    run.samples_file(1).parent.mkdir()
    for name in (
        ".log.jsonl.7.tmp",
        "checkpoints/.step-00000002.safetensors.7.tmp",
        "samples/.step-00000002.png.8.tmp",
    ):
        (tmp_path / name).touch()
    kept = [tmp_path / ".notes.tmp", run.samples_file(1), run.checkpoint_file(1)]
    kept[0].touch()
    kept[1].touch()
    run.remove_leftovers()
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)

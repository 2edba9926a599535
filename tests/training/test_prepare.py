"""What may change when a run goes on, what may not, and what a run can begin with."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from toys import final_digest

import ganzoo
from ganzoo.catalog import load_catalog
from ganzoo.core.config import BOOKKEEPING, Settings
from ganzoo.core.errors import BadData, BadRun, BadSetting, GanzooError, Sick, UsageError
from ganzoo.core.run_folder import RunFolder
from ganzoo.recipes import find_recipe, resolve
from ganzoo.training.checkpoint import read_checkpoint
from ganzoo.training.device import pick_device
from ganzoo.training.prepare import interrupted_run, launch, without_purpose

SMALL: dict[str, Any] = {"steps": 6, "batch_size": 8, "log_every": 2, "checkpoint_every": 3, "quiet": True}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Twelve steps without a break."""
    return ganzoo.train("vanilla-mlp", out=tmp_path_factory.mktemp("whole"), **SMALL | {"steps": 12})


def test_bookkeeping_may_change_when_a_run_goes_on_and_its_weights_stay_the_same(
    tmp_path: Path, whole: RunFolder
) -> None:
    assert set(BOOKKEEPING) <= {field.name for field in fields(Settings)}
    run = ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)
    ganzoo.resume(run, steps=12, keep_checkpoints=1, log_every=1, samples_every=5, stream="always", quiet=True)
    assert final_digest(run.path) == final_digest(whole.path)
    assert [path.stem for path in run.checkpoints()] == ["step-00000012"]
    assert run.config().keep_checkpoints == 1


def test_data_that_were_moved_are_named_when_a_run_goes_on(tmp_path: Path) -> None:
    """As text or as a path, from wherever one is; only the same data will do."""
    for folder, grey in (("here", 0), ("others", 1)):
        (tmp_path / folder).mkdir()
        for number in range(8):
            Image.new("L", (4, 4), number + grey).save(tmp_path / folder / f"{number}.png")
    run = ganzoo.train("vanilla-mlp", out=tmp_path, dataset="picture-folder", data=tmp_path / "here", **SMALL)
    there = (tmp_path / "here").rename(tmp_path / "there")
    with pytest.raises(BadData, match=r"There is nothing at .*here; give --data"):
        ganzoo.resume(run, steps=7, quiet=True)
    with pytest.raises(BadData, match=r"is not the one that .* was trained on"):
        ganzoo.resume(run, steps=7, data=tmp_path / "others", quiet=True)
    assert run.config().data == str(tmp_path / "here")
    ganzoo.resume(run, steps=7, data=str(there), quiet=True)
    assert run.config().data == str(there)
    ganzoo.resume(run, steps=8, quiet=True)
    assert run.newest_checkpoint().stem == "step-00000008"


def test_what_would_change_the_algorithm_is_listed_and_refused(tmp_path: Path) -> None:
    run = ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)
    before = run.config_file.read_bytes()
    with pytest.raises(BadSetting, match=r"keeps its batch_size and precision; what may change is .*steps.*--from"):
        ganzoo.resume(run, batch_size=16, precision="bf16", steps=12, quiet=True)
    assert run.config_file.read_bytes() == before


def test_accumulate_may_change_only_where_no_batch_norm_would_notice(tmp_path: Path) -> None:
    run = ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)
    ganzoo.resume(run, steps=8, accumulate=4, quiet=True)
    normed = ganzoo.train("dcgan-small", dataset="digits", out=tmp_path, **SMALL | {"steps": 2})
    with pytest.raises(
        BadSetting, match=r"batch norm sees 8 samples at a time, and now would see 2.*--accumulate 1 and 1"
    ):
        ganzoo.resume(normed, steps=4, accumulate=4, quiet=True)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"loss": "relativistic-average"}, "loss"), ({"regularizers.dragan.weight": 1.0}, "dragan")],
)
def test_accumulate_may_not_change_what_mixes_samples(tmp_path: Path, settings: dict[str, Any], name: str) -> None:
    run = ganzoo.train("vanilla-mlp", out=tmp_path, settings=settings, **SMALL)
    ganzoo.resume(run, steps=8, quiet=True)
    with pytest.raises(BadSetting, match=rf"run's {name} sees 8 samples at a time, and now would see 2"):
        ganzoo.resume(run, steps=12, accumulate=4, quiet=True)


def test_a_run_that_begins_with_another_s_weights_says_so_and_resumes_without_it(
    tmp_path: Path, whole: RunFolder
) -> None:
    run = ganzoo.train("vanilla-mlp", out=tmp_path, start_from=whole.path, **SMALL | {"steps": 1})
    first, last = (read_checkpoint(run.checkpoint_file(step))[1] for step in (0, 1))
    theirs = read_checkpoint(whole.newest_checkpoint())[1]
    for key, value in theirs.items():
        if key.startswith(("generator/", "discriminator/")):
            assert torch.equal(first[key], value), key
    assert any(not torch.equal(last[key], first[key]) for key in first)
    assert not any("exp_avg" in key for key in first), "optimizers start anew"
    assert run.facts()["from"] == str(whole.path)
    ganzoo.resume(run, steps=2, quiet=True)


def test_weights_of_a_run_whose_codes_lie_elsewhere_are_refused(tmp_path: Path) -> None:
    """Tensors fit where one category of ten values becomes two of five; the same layout is welcome."""
    small = {"generator.width": 4, "discriminator.width": 4, "discriminator.head_width": 4, "latents.noise": 5}
    common: dict[str, Any] = SMALL | {"steps": 1, "dataset": "digits"}
    old = ganzoo.train("infogan", out=tmp_path / "old", settings=small, **common)
    for origin in (old.path, old.newest_checkpoint()):
        with pytest.raises(BadRun, match=r"codes are .*\[10\] values and 2 numbers, and here .*\[5, 5\].*config\.json"):
            ganzoo.train(
                "infogan",
                out=tmp_path / "new",
                start_from=origin,
                settings=small | {"latents.categories": [5, 5]},
                **common,
            )
    assert not (tmp_path / "new").exists()
    more_noise = small | {"regularizers.mutual-information.categorical_weight": 2.0}
    ganzoo.train("infogan", out=tmp_path / "new", start_from=old.path, settings=more_noise, **common)


LABELLED = {"generator": "conditional-mlp", "dataset": "digits"}
POINTLESS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "labels in, none judged": (
        LABELLED,
        ["conditional-mlp is told labels, and the discriminator mlp, .*; use .*--set discriminator=projection"],
    ),
    "labels in and judged": (LABELLED | {"discriminator": "conditional-mlp"}, []),
    "classes that nobody teaches": (
        LABELLED | {"discriminator": "classifying", "dataset": "digits"},
        [
            "nothing teaches the discriminator classifying to say classes; "
            "use --set regularizers.auxiliary-classifier={}"
        ],
    ),
    "classes that are taught": (
        LABELLED | {"discriminator": "classifying", "regularizers.auxiliary-classifier.generator_weight": 1.0},
        [],
    ),
    "codes that nobody teaches": (
        {"discriminator": "infogan", "latents": "structured"},
        ["nothing teaches the discriminator infogan to say codes; use --set regularizers.mutual-information={}"],
    ),
    "codes that are taught": (
        {"discriminator": "infogan", "latents": "structured", "regularizers": {"mutual-information": {}}},
        [],
    ),
}


@pytest.mark.parametrize("case", POINTLESS)
def test_what_nobody_learns_from_is_noted_with_what_to_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    settings, expected = POINTLESS[case]
    ganzoo.train("vanilla-mlp", out=tmp_path, settings=settings, **SMALL | {"steps": 1, "quiet": False})
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Note: ")]
    assert len(notes) == len(expected)
    for note, words in zip(notes, expected, strict=True):
        assert re.search(words.replace("{}", r"\{\}"), note)


def test_every_recipe_of_the_zoo_learns_from_all_that_it_computes() -> None:
    catalog = load_catalog()
    for name, _ in catalog.recipes:
        assert without_purpose(resolve(find_recipe(name, catalog), catalog), catalog) == [], name


def test_a_batch_that_is_kept_must_be_divided(tmp_path: Path) -> None:
    run = ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)
    with pytest.raises(BadSetting, match=r"batch of 8 cannot be shared out evenly among 1 processes with 3 passes"):
        ganzoo.resume(run, steps=9, accumulate=3, quiet=True)


def test_a_run_that_was_begun_in_tf32_goes_on_where_there_is_none(tmp_path: Path) -> None:
    run = ganzoo.train("vanilla-mlp", out=tmp_path, precision="fp32", **SMALL)
    text = run.config_file.read_text()
    run.config_file.write_text(text.replace('"precision": "fp32"', '"precision": "tf32"'))
    with pytest.raises(GanzooError, match="does not compute in tf32; use --precision fp32"):
        ganzoo.resume(run, steps=7, quiet=True)
    ganzoo.resume(run, steps=7, precision="fp32", quiet=True)


def test_weights_that_do_not_fit_are_named_before_anything_is_written(tmp_path: Path, whole: RunFolder) -> None:
    with pytest.raises(BadRun, match=r"to_sample"):
        ganzoo.train("vanilla-mlp", out=tmp_path / "runs", start_from=whole.path, dataset="ring", **SMALL)
    assert not (tmp_path / "runs").exists()


def test_a_sick_run_stops_where_that_was_asked_for_and_has_saved_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganzoo.training.health.PATIENCE", 4)
    monkeypatch.setattr("ganzoo.training.health.NO_GRADIENT", 1e9)
    stop = SMALL | {"steps": 40, "when_sick": "stop", "checkpoint_every": 100}
    with pytest.raises(Sick, match=r"Stopped at step 6; all is saved\. Since step 2 .*gradient.*--set"):
        ganzoo.train("vanilla-mlp", out=tmp_path, **stop)
    run = RunFolder(tmp_path / "vanilla-mlp-001")
    assert run.newest_checkpoint().stem == "step-00000006"
    assert "learns nothing" in run.report_file.read_text()
    warned = ganzoo.train("vanilla-mlp", out=tmp_path, **stop | {"when_sick": "warn"})
    assert warned.newest_checkpoint().stem == "step-00000040"


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "cuda:", ""])
def test_what_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="There is no device"):
        pick_device(name)


def test_each_process_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert pick_device("auto") == pick_device("cuda") == torch.device("cuda", 1)
    assert pick_device("cuda:0") == torch.device("cuda", 0)
    assert taken == [1, 1, 0]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(GanzooError, match=r"no cuda:2 among this machine's 2 GPUs"):
        pick_device("auto")


def test_a_run_is_found_again_only_by_the_job_that_began_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "my-job")
    run = ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)
    config = run.config()
    assert interrupted_run(tmp_path, config) is None, "torchrun has not started anything anew"
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    found = interrupted_run(tmp_path, config)
    assert found is not None
    assert found.path == run.path
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "another")
    assert interrupted_run(tmp_path, config) is None
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert launch() not in (None, "none")

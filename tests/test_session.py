"""A run from settings to files, and what may not disturb it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
import pytest
import torch
from PIL import Image
from toys import final_digest

import ganzoo
from ganzoo import session
from ganzoo.catalog import load_catalog
from ganzoo.core.errors import BadData, BadRun, BadSetting, Diverged, GanzooError, Interrupted, UsageError
from ganzoo.core.events import StepDone
from ganzoo.core.hookspecs import hookimpl
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Data, DatasetSpec
from ganzoo.training import prepare
from ganzoo.training.looking import distribution
from ganzoo_vanilla.options import MlpGeneratorOptions

SMALL: dict[str, Any] = {"steps": 6, "batch_size": 8, "log_every": 2, "quiet": True}


def add_data(monkeypatch: pytest.MonkeyPatch, samples: np.ndarray) -> None:
    """A data set called `own`, for one test."""
    spec = DatasetSpec(
        name="own", summary="", source="nowhere", licence="mine", open=lambda source, options: Data(samples)
    )
    monkeypatch.setitem(load_catalog().datasets.items, "own", spec)


class Watcher:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    @hookimpl
    def ganzoo_step_done(self, event: StepDone) -> None:
        self.steps.append(event.step)


class Clumsy(Watcher):
    """Draws random numbers, and fails the second time."""

    @hookimpl
    def ganzoo_step_done(self, event: StepDone) -> None:
        torch.rand(3)
        super().ganzoo_step_done(event)
        if len(self.steps) == 2:
            raise OSError("the disk of the logs is full")


@pytest.fixture
def register() -> Any:
    """Registers plugins that observe, until the test ends."""
    manager: pluggy.PluginManager = load_catalog().manager
    added: list[object] = []

    def add(name: str, plugin: object) -> None:
        manager.register(plugin, name=name)
        added.append(plugin)

    yield add
    for plugin in added:
        manager.unregister(plugin)


def test_the_python_interface_is_as_its_docstring_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example runs, twice, and every call may name files or folders as text."""
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        run = ganzoo.train("vanilla-mlp", steps=4, quiet=True)
        bundle = ganzoo.export(run)
        pictures = ganzoo.Sampler(bundle).sample(16, seed=0)
        assert (pictures.shape, pictures.dtype) == ((16, 8, 8, 1), np.uint8)
        assert run.path == Path(f"runs/vanilla-mlp-00{number}")
        assert bundle == Path(f"exported_models/vanilla-mlp-00{number}")
    assert ganzoo.resume(str(run.path), steps=6, quiet=True) == run
    assert run.newest_checkpoint().stem == "step-00000006"
    assert ganzoo.export(str(run.path), out="elsewhere", name="x", force=True) == Path("elsewhere/x")


def test_the_config_says_everything(tmp_path: Path) -> None:
    run = ganzoo.train("vanilla-mlp", settings={"generator.width": 16}, seed=3, out=tmp_path, **SMALL)
    facts = json.loads(run.config_file.read_text())

    assert set(facts) == {"format", "config", "created", "versions", "machine", "data"}
    assert facts["config"]["generator"] == {"name": "mlp", "options": asdict(MlpGeneratorOptions(width=16))}
    assert (facts["config"]["seed"], facts["config"]["steps"], facts["config"]["recipe"]) == (3, 6, "vanilla-mlp")
    assert facts["config"]["generator_optimizer"]["weight_decay"] == 0.0
    assert facts["versions"]["torch"] == torch.__version__
    assert set(facts["versions"]) == {"python", "ganzoo", "torch", "numpy"}
    assert set(facts["machine"]) == {"platform", "processor", "threads", "processes", "device"}
    assert facts["machine"]["device"] == "cpu"
    assert facts["data"]["name"] == "digits"
    assert facts["data"]["samples"] == 1797
    assert len(facts["data"]["digest"]) == 64
    assert facts["data"]["sample"].items() >= {"shape": [1, 8, 8], "num_classes": 10}.items()


def test_the_config_is_enough_to_make_the_run_again(tmp_path: Path) -> None:
    first = ganzoo.train("vanilla-mlp", settings={"generator.width": 16}, seed=3, out=tmp_path / "a", **SMALL)
    again = RunFolder(tmp_path / "b")
    facts = first.facts()
    again.describe(first.config(), {key: facts[key] for key in prepare.SURROUNDINGS})
    ganzoo.resume(again, quiet=True)
    assert final_digest(again.path) == final_digest(first.path)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"batch_size": 1798}, BadData),
        ({"dataset": "digit"}, UsageError),
        ({"settings": {"generator.width": "wide"}}, BadSetting),
        ({"settings": {"generator_optimizer.learning_rate": -1.0}}, BadSetting),
        ({"settings": {"discriminator_optimizer.betas": [0.5, 2.0]}}, BadSetting),
        ({"device": "cuda"}, GanzooError),
        ({"data": "nowhere"}, UsageError),
    ],
    ids=str,
)
def test_nothing_is_written_before_the_settings_are_known_to_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], kind: type[GanzooError]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(kind):
        ganzoo.train("vanilla-mlp", out=tmp_path / "runs", **{**SMALL, **changes})
    assert not (tmp_path / "runs").exists()


def test_too_little_memory_is_one_sentence_wherever_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 9 GiB.")

    monkeypatch.setattr(session, "train", refuse)
    with pytest.raises(GanzooError, match="not enough memory for 8 samples in one pass, but 4 would fit") as caught:
        ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)
    assert "\n" not in str(caught.value)


def test_another_runtime_error_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*args: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(session, "train", break_down)
    with pytest.raises(RuntimeError, match="a bug"):
        ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)


def test_an_observer_that_fails_is_named_once_and_changes_nothing(
    tmp_path: Path, register: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The others go on, and the run ends as without any of them."""
    undisturbed = ganzoo.train("vanilla-mlp", out=tmp_path / "a", **SMALL)
    clumsy, careful = Clumsy(), Watcher()
    register("clumsy", clumsy)
    register("careful", careful)
    disturbed = ganzoo.train("vanilla-mlp", out=tmp_path / "b", **{**SMALL, "quiet": False})

    words = "Note: plugin clumsy failed at step 4 and is told no more: OSError: the disk of the logs is full"
    assert capsys.readouterr().out.count(words) == 1
    assert clumsy.steps == [2, 4]
    assert careful.steps == [2, 4, 6]
    assert final_digest(disturbed.path) == final_digest(undisturbed.path)


@pytest.mark.parametrize("stop", [Diverged("it diverged"), Interrupted("it was stopped"), KeyboardInterrupt("Ctrl-C")])
def test_what_stopped_a_run_is_what_the_user_hears_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    """Even where the report cannot be written either."""

    def end(*args: object) -> None:
        raise stop

    def fail(run: RunFolder, findings: object) -> None:
        raise GanzooError("the disk is full")

    monkeypatch.setattr(session, "train", end)
    monkeypatch.setattr(session, "write_report", fail)
    with pytest.raises(type(stop), match=str(stop)):
        ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)


def test_a_stopped_run_has_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*args: object) -> None:
        raise Diverged("it diverged")

    monkeypatch.setattr(session, "train", end)
    with pytest.raises(Diverged):
        ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)
    assert "nothing logged yet" in RunFolder(tmp_path / "vanilla-mlp-001").report_file.read_text()


@pytest.mark.parametrize("key", [*prepare.SURROUNDINGS, "config"])
def test_a_config_that_lacks_something_is_damaged(tmp_path: Path, key: str) -> None:
    run = ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)
    facts = run.facts()
    del facts[key]
    run.config_file.write_text(json.dumps(facts))
    with pytest.raises(BadRun, match=r"config\.json is damaged"):
        ganzoo.resume(run, quiet=True)


@pytest.mark.parametrize("coordinates", [1, 2, 3, 7])
def test_points_of_any_dimension_train_and_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coordinates: int
) -> None:
    add_data(monkeypatch, np.random.default_rng(0).standard_normal((50, coordinates), dtype=np.float32))
    run = ganzoo.train("vanilla-mlp", dataset="own", out=tmp_path, **SMALL)
    with Image.open(run.samples_file(6)) as picture:
        assert picture.size == (640, 640)
    bundle = ganzoo.export(run, out=tmp_path / "bundles")
    assert (bundle / "preview.png").exists()
    assert ganzoo.Sampler(bundle).sample(5).shape == (5, coordinates)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_of_any_channels_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int) -> None:
    add_data(monkeypatch, np.random.default_rng(0).integers(0, 256, (50, channels, 6, 5), np.uint8))
    run = ganzoo.train("vanilla-mlp", dataset="own", out=tmp_path, **SMALL)
    with Image.open(run.samples_file(6)) as picture:
        assert picture.mode == ("L" if channels == 1 else "RGB")


def test_numbers_are_shown_by_the_share_that_is_not_above_them() -> None:
    points = distribution(np.array([[3], [1], [1], [-5]], np.float32))
    np.testing.assert_array_equal(points, [[-5, 0.25], [1, 0.5], [1, 0.75], [3, 1]])

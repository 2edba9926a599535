"""A new run may begin with the weights of an old one: of its folder, of a bundle of it, or of one checkpoint."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from toys import ToyDiscriminator, ToyGenerator, toy_config, toy_parts, train_toy

from ganzoo.contracts import Players
from ganzoo.core.errors import BadBundle, BadRun
from ganzoo.core.manifest import read_manifest
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.start_from import start_from, weights_of
from ganzoo.training.state import TrainState

BUNDLE = Path(__file__).parents[2] / "exported_models" / "vanilla-mlp"
CONFIG = toy_config()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Checkpoints after 6 and 12 steps."""
    run = RunFolder(tmp_path / "runs" / "toy-001")
    train_toy(run.path, CONFIG)
    run.describe(CONFIG, {"data": {"digest": "abc"}})
    return run


@pytest.fixture
def bundle(run: RunFolder, tmp_path: Path) -> Path:
    """A manifest of the run after 6 steps; its other files play no part here."""
    return described(run, tmp_path / "exported_models" / "toy", hashlib.sha256(run.checkpoint_file(6).read_bytes()))


@pytest.fixture
def old_bundle(run: RunFolder, tmp_path: Path) -> Path:
    """The same, of a time when manifests did not say which file it was."""
    return described(run, tmp_path / "exported_models" / "old", None)


def described(run: RunFolder, folder: Path, checkpoint: Any) -> Path:
    manifest = read_manifest(BUNDLE)
    facts = replace(manifest.training, run="toy-001", step=6, seed=0)
    manifest = replace(
        manifest,
        recipe="toy",
        training=replace(facts, checkpoint=checkpoint.hexdigest() if checkpoint else None),
        dataset=replace(manifest.dataset, digest="abc"),
    )
    content = json.loads(manifest.to_json())
    if not checkpoint:
        del content["training"]["checkpoint"]
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


def fresh(players: Players | None = None) -> TrainState:
    torch.manual_seed(9)
    return TrainState.start(players or Players(ToyGenerator(), ToyDiscriminator()), CONFIG)


def test_weights_and_average_are_the_old_run_s_and_all_else_is_new(run: RunFolder) -> None:
    old, said = train_toy(run.path, CONFIG), list[str]()
    state = fresh()

    start_from(state, run.path, said.append)

    pairs = [
        (state.players.generator, old.players.generator),
        (state.players.discriminator, old.players.discriminator),
        (state.average.network, old.average.network),
    ]
    for ours, theirs in pairs:
        expected = theirs.state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in ours.state_dict().items())
    assert not torch.equal(old.average.network.layers[0].weight, old.players.generator.layers[0].weight)
    assert state.step == 0
    assert not state.generator_optimizer.state
    assert not state.discriminator_optimizer.state
    assert said == [f"Starting from the weights of {run.checkpoint_file(12)}, after 12 steps."]


def test_a_run_means_its_newest_checkpoint_and_a_checkpoint_itself(run: RunFolder) -> None:
    assert weights_of(run.path) == run.checkpoint_file(12)
    assert weights_of(run.checkpoint_file(6)) == run.checkpoint_file(6)


def test_a_bundle_means_the_checkpoint_that_it_was_exported_from(
    run: RunFolder, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder `runs` beside its own, or here."""
    assert weights_of(bundle) == run.checkpoint_file(6)
    moved = shutil.move(bundle, tmp_path / "elsewhere" / "deep" / "toy")
    monkeypatch.chdir(tmp_path)
    assert weights_of(Path(moved)).resolve() == run.checkpoint_file(6)


def test_a_bundle_whose_run_is_not_here_says_what_to_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bundle = shutil.copytree(BUNDLE, tmp_path / "exported_models" / "mine")
    with pytest.raises(BadRun, match=r"holds no weights that can be trained.*name that run's folder"):
        weights_of(bundle)


def test_a_bundle_s_run_may_be_called_otherwise_by_now(run: RunFolder, bundle: Path) -> None:
    """And another may have its name, its recipe, its seed and its data, but not its weights."""
    renamed = RunFolder(run.path.rename(run.path.with_name("my-best")))
    assert weights_of(bundle) == renamed.checkpoint_file(6)
    train_toy(run.path, replace(CONFIG, batch_size=8))
    run.describe(replace(CONFIG, batch_size=8), {"data": {"digest": "abc"}})
    assert weights_of(bundle) == renamed.checkpoint_file(6)
    shutil.rmtree(renamed.path)
    with pytest.raises(BadRun, match=r"of step 6 of toy-001, is in no run in .*name that run's folder"):
        weights_of(bundle)


def test_a_bundle_of_a_time_when_none_named_its_file_means_the_run_of_its_name(
    run: RunFolder, old_bundle: Path
) -> None:
    assert weights_of(old_bundle) == run.checkpoint_file(6)
    run.path.rename(run.path.with_name("my-best"))
    with pytest.raises(BadRun, match="name that run's folder"):
        weights_of(old_bundle)


@pytest.mark.parametrize("change", [{"recipe": "other"}, {"seed": 5}, {"digest": "def"}])
def test_another_run_of_the_same_name_is_not_taken_for_that_of_an_older_bundle(
    run: RunFolder, old_bundle: Path, change: dict[str, object]
) -> None:
    run.describe(
        replace(CONFIG, **{k: v for k, v in change.items() if k != "digest"}), {"data": {"digest": "abc"} | change}
    )
    with pytest.raises(BadRun, match="name that run's folder"):
        weights_of(old_bundle)


def test_a_bundle_whose_checkpoint_was_deleted_says_so(run: RunFolder, bundle: Path) -> None:
    run.checkpoint_file(6).unlink()
    with pytest.raises(
        BadRun, match=r"step-00000006\.safetensors, which was deleted since; name .*toy-001 for its newest"
    ):
        weights_of(bundle)


def test_a_damaged_manifest_is_named(bundle: Path) -> None:
    (bundle / "manifest.json").write_text("{half")
    with pytest.raises(BadBundle, match="Cannot read"):
        weights_of(bundle)


def test_what_is_none_of_the_three_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="is neither a run, a bundle nor a checkpoint; name a folder"):
        weights_of(tmp_path)
    with pytest.raises(BadRun, match="is not there; name a folder"):
        weights_of(tmp_path / "missing")


def test_a_run_that_has_no_checkpoint_yet_is_refused(run: RunFolder) -> None:
    shutil.rmtree(run.path / "checkpoints")
    with pytest.raises(BadRun, match="has no checkpoint yet"):
        weights_of(run.path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_checkpoint_is_refused_and_left_alone(run: RunFolder, content: bytes) -> None:
    """The old run is not ours to change, and older weights are not what was asked for."""
    run.checkpoint_file(12).write_bytes(content)
    with pytest.raises(BadRun, match=r"step-00000012\.safetensors is damaged"):
        start_from(fresh(), run.path, print)
    assert run.checkpoint_file(12).read_bytes() == content


def test_tensors_that_do_not_fit_are_named_and_nothing_is_filled(run: RunFolder) -> None:
    wider = ToyGenerator()
    wider.layers[3] = nn.Linear(8, 3)
    state = fresh(Players(wider, ToyDiscriminator()))
    before = {key: value.clone() for key, value in state.players.discriminator.state_dict().items()}

    with pytest.raises(BadRun) as caught:
        start_from(state, run.path, print)

    named = [f"{part}/layers.3.{name}" for part in ("generator", "average") for name in ("weight", "bias")]
    assert all(name in str(caught.value) for name in named)
    assert "generator/layers.3.weight is [2, 8] there and [3, 8] here" in str(caught.value)
    assert "layers.0" not in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in state.players.discriminator.state_dict().items())


def test_of_many_that_do_not_fit_the_first_are_named_and_all_are_counted(run: RunFolder) -> None:
    """generator and average lack 9 tensors each and have 2 of their own, the discriminator 4 and 2: 28 in all."""
    with pytest.raises(
        BadRun, match=r"generator/weight is absent there and \[2, 2\] here; .*, and 20 more differ\."
    ) as caught:
        start_from(fresh(Players(nn.Linear(2, 2), nn.Linear(2, 1))), run.path, print)
    assert str(caught.value).count(" there and ") == 8
    assert len(toy_parts(CONFIG).players.generator.state_dict()) == 9

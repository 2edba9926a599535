"""A bundle is whole and true, and whatever goes wrong leaves what was there."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from toy_generators import CHANCE, PICTURE, PRIOR, TRAPS, DropsAlways, Flawed

import ganzoo
from ganzoo.catalog import load_catalog
from ganzoo.core.errors import BadRun, ExportFailed, GanzooError, UsageError
from ganzoo.core.files import sha256
from ganzoo.core.manifest import read_manifest
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Code, SampleSpec
from ganzoo.export import bundle as module
from ganzoo.export.bundle import Trained, export
from ganzoo.export.graphs import Wishes
from ganzoo.export.latents_file import latents_to_onnx
from ganzoo.sampling.pixels import to_uint8
from ganzoo.sampling.sampler import Sampler
from ganzoo.sampling.self_test import run_self_test
from ganzoo.training.build import build_generator
from ganzoo_latents.options import UniformOptions

FILES = ["README.md", "generator.onnx", "latents.onnx", "manifest.json", "preview.png"]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def copy(run: RunFolder, tmp_path: Path) -> RunFolder:
    """The run, for tests that spoil it."""
    shutil.copytree(run.path, tmp_path / "runs" / run.path.name)
    return RunFolder(tmp_path / "runs" / run.path.name)


def change_config(run: RunFolder, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(run.config_file.read_text())
    change(content)
    run.config_file.write_text(json.dumps(content))


def test_the_manifest_says_which_numbers_of_a_latent_are_codes(tmp_path: Path) -> None:
    settings = {"latents.name": "structured", "latents.categories": [3, 2], "latents.continuous": 1}
    run = ganzoo.train("vanilla-mlp", steps=1, settings=settings, out=tmp_path, quiet=True)

    manifest = read_manifest(ganzoo.export(run, out=tmp_path, name="codes"))

    assert manifest.sample.code == Code((3, 2), 1)
    assert manifest.sample.shape == (1, 8, 8)


def test_a_bundle_holds_five_files_that_agree(bundle: Path, run: RunFolder) -> None:
    assert sorted(path.name for path in bundle.iterdir()) == FILES
    manifest, facts = read_manifest(bundle), run.facts()

    assert (manifest.name, manifest.recipe) == ("digits", "vanilla-mlp")
    assert manifest.files == {name: sha256(bundle / name) for name in ("latents.onnx", "generator.onnx")}
    assert (manifest.truncation, manifest.stored_as) == ("scale", "float32")
    assert manifest.sample == SampleSpec((1, 8, 8), 10)
    assert (manifest.latents.name, manifest.latent_size) == ("normal", 64)
    assert manifest.dataset.samples == 1797
    assert manifest.dataset.digest == facts["data"]["digest"]
    assert manifest.dataset.licence == "CC BY 4.0"
    assert (manifest.training.run, manifest.training.step, manifest.training.seed) == ("vanilla-mlp-001", 30, 5)
    assert manifest.training.weights == "ema"
    assert manifest.training.checkpoint == hashlib.sha256(run.newest_checkpoint().read_bytes()).hexdigest()
    assert manifest.parity.max_difference <= manifest.parity.tolerance == 1e-4
    assert manifest.parity.max_grey_levels == 0
    assert manifest.versions["torch"] == torch.__version__


def test_the_self_test_is_passed_and_fails_for_the_latents_of_another_prior(bundle: Path, tmp_path: Path) -> None:
    assert all(check.largest <= check.allowed for check in run_self_test(bundle, "cpu")[1])
    shutil.copytree(bundle, tmp_path / "other")
    other = load_catalog().latents["uniform"].build(UniformOptions(size=64))
    path, manifest = tmp_path / "other" / "latents.onnx", tmp_path / "other" / "manifest.json"
    onnx.save(latents_to_onnx(other), path)
    manifest.write_text(manifest.read_text().replace(sha256(bundle / "latents.onnx"), sha256(path)))
    with pytest.raises(GanzooError, match="draws other latents here"):
        Sampler(tmp_path / "other")


def test_the_weights_are_the_average_of_the_newest_checkpoint(bundle: Path, run: RunFolder) -> None:
    """What the sampler draws is what those weights draw in torch, and not what the generator's own would."""
    newest = run.checkpoints()[-1]
    assert newest.stem == "step-00000030"
    generator = build_generator(run.config(), SampleSpec((1, 8, 8)), load_catalog()).eval()
    sampler = Sampler(bundle, device="cpu")
    latents = torch.from_numpy(sampler.latents(range(20)))
    drawn = {}
    for part in ("average", "generator"):
        tensors = load_file(newest)
        weights = {k.removeprefix(f"{part}/"): v for k, v in tensors.items() if k.startswith(f"{part}/")}
        generator.load_state_dict(weights)
        with torch.no_grad():
            drawn[part] = to_uint8(generator(latents).numpy()).astype(int)
    found = sampler.sample(20)
    assert np.abs(found - drawn["average"]).max() <= 1
    assert np.abs(found - drawn["generator"]).max() > 1


def test_the_preview_shows_the_first_64_seeds_in_order(bundle: Path) -> None:
    """8 × 8 pictures of 8 pixels, each enlarged to 48, with a gap of 2."""
    with Image.open(bundle / "preview.png") as picture:
        preview = np.asarray(picture)
    assert preview.shape == (8 * 50 + 2, 8 * 50 + 2)
    pictures = Sampler(bundle).sample(64)
    for index in (0, 9, 63):
        top, left = 2 + 50 * (index // 8), 2 + 50 * (index % 8)
        np.testing.assert_array_equal(preview[top : top + 48 : 6, left : left + 48 : 6], pictures[index, :, :, 0])


@pytest.mark.parametrize("file", ["latents.onnx", "generator.onnx"])
def test_each_graph_says_who_made_it_of_what(file: str, bundle: Path) -> None:
    model = onnx.load(bundle / file)
    assert (model.producer_name, model.model_version) == ("ganzoo", 30)
    said = json.loads(model.metadata_props[0].value)
    assert said["latents"] == {"name": "normal", "options": {"size": 64}}
    assert (said["recipe"], said["dataset"], said["licence"], said["step"]) == (
        "vanilla-mlp",
        "digits",
        "CC BY 4.0",
        30,
    )


def test_two_exports_of_a_run_give_the_same_bytes(bundle: Path, run: RunFolder, tmp_path: Path) -> None:
    again = export(run, tmp_path)
    assert again == tmp_path / "vanilla-mlp-001"
    for name in ("latents.onnx", "generator.onnx", "preview.png"):
        assert (again / name).read_bytes() == (bundle / name).read_bytes()


def test_nothing_in_a_bundle_tells_where_it_was_made(bundle: Path, run: RunFolder) -> None:
    for content in contents(bundle).values():
        for secret in (str(run.path.parent), str(bundle.parent), str(Path.home() / "")):
            assert secret.encode() not in content


def test_an_existing_bundle_is_kept_byte_for_byte(bundle: Path, run: RunFolder) -> None:
    before = contents(bundle.parent)
    with pytest.raises(UsageError, match=r"digits exists; choose another --name, or replace it with --force\."):
        export(run, bundle.parent, "digits")
    assert contents(bundle.parent) == before


def test_force_replaces_a_bundle_whole(bundle: Path, run: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "digits")
    (tmp_path / "digits" / "generator.onnx").write_bytes(b"old")
    (tmp_path / "digits" / "stale.txt").write_text("of the old one")
    export(run, tmp_path, "digits", force=True)
    assert sorted(contents(tmp_path)) == [f"digits/{name}" for name in FILES]
    assert Sampler(tmp_path / "digits").sample(1).shape == (1, 8, 8, 1)


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_force_never_replaces_what_is_no_bundle(make: Callable[[Path], None], run: RunFolder, tmp_path: Path) -> None:
    make(tmp_path / "precious")
    with pytest.raises(UsageError, match="precious is no bundle, so --force does not replace it"):
        export(run, tmp_path, "precious", force=True)
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/tmp", "a/", ".hidden", "a\tb", "a\0b"])
def test_a_name_is_no_path(name: str, run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder's name"):
        export(run, tmp_path / "out", name, force=True)
    assert not (tmp_path / "out").exists()


def test_of_two_exports_at_once_to_one_name_the_second_is_refused(
    bundle: Path, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one ends while this one is being written."""
    write = module.write_bundle

    def overtaken(*parts: Any) -> None:
        write(*parts)
        shutil.copytree(bundle, tmp_path / "digits")

    monkeypatch.setattr(module, "write_bundle", overtaken)
    with pytest.raises(UsageError, match="digits exists; choose another --name"):
        export(run, tmp_path, "digits")
    assert contents(tmp_path / "digits") == contents(bundle)
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


def test_a_name_that_is_too_long_is_refused_in_a_sentence(run: RunFolder, tmp_path: Path) -> None:
    for length in (251, 300):  # with what an unfinished folder is called, and by itself
        with pytest.raises(GanzooError, match=r"File name too long\. Choose another place"):
            export(run, tmp_path, "n" * length)


def test_halved_weights_are_as_far_from_torch_as_both_steps_together(run: RunFolder, tmp_path: Path) -> None:
    halved = read_manifest(export(run, tmp_path, "half", wishes=Wishes(half=True)))
    (step,) = [check for check in halved.parity.checks if check.what == "samples of float16 and float32 weights"]
    assert halved.stored_as == "float16"
    assert step.largest > 0
    assert halved.parity.tolerance >= halved.parity.max_difference >= step.largest


def break_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "model_card", fail)


def break_the_second_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name.endswith(".tmp"):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)


@pytest.mark.parametrize("breaks", [break_the_card, break_the_second_rename])
@pytest.mark.parametrize("force", [True, False])
def test_a_failure_midway_leaves_what_was_there(
    breaks: Callable[[pytest.MonkeyPatch], None],
    force: bool,
    bundle: Path,
    run: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if force:
        shutil.copytree(bundle, tmp_path / "digits")
    before = contents(tmp_path)
    breaks(monkeypatch)
    with pytest.raises(GanzooError, match=r"Cannot write .*digits: No space left on device\. Free some space"):
        export(run, tmp_path, "digits", force=force)
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["digits"] if force else [])


def test_ctrl_c_midway_leaves_what_was_there(
    bundle: Path, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bundle, tmp_path / "digits")
    before = contents(tmp_path)

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "save_view", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export(run, tmp_path, "digits", force=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_a_generator_with_a_mistake_leaves_nothing_behind(
    trap: type[Flawed], run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = module.load_trained(run).data

    def load(run: RunFolder, which: str, *, raw: bool) -> Trained:
        return Trained(run, run.config(), data, trap.sample, trap(), PRIOR, 1, "")

    monkeypatch.setattr(module, "load_trained", load)
    with pytest.raises(ExportFailed, match=TRAPS[trap]):
        export(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_mistake_under_force_leaves_the_old_bundle(
    bundle: Path, run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bundle, tmp_path / "digits")
    before, data = contents(tmp_path), module.load_trained(run).data
    trained = Trained(run, run.config(), data, PICTURE, DropsAlways(), PRIOR, 1, "")
    monkeypatch.setattr(module, "load_trained", lambda run, which, raw: trained)
    with pytest.raises(ExportFailed, match=CHANCE):
        export(run, tmp_path, "digits", force=True)
    assert contents(tmp_path) == before


SPOILT: dict[str, tuple[Callable[[RunFolder], object], str]] = {
    "no checkpoint": (lambda run: shutil.rmtree(run.path / "checkpoints"), "has no checkpoint yet"),
    "cut checkpoint": (
        lambda run: run.checkpoints()[-1].write_bytes(run.checkpoints()[-1].read_bytes()[:-100]),
        r"step-00000030\.safetensors is damaged",
    ),
    "empty checkpoint": (lambda run: run.checkpoints()[-1].write_bytes(b""), "is damaged"),
    "no config": (lambda run: run.config_file.unlink(), "is no run: it has no config.json"),
    "no folder": (lambda run: shutil.rmtree(run.path), "is no run"),
    "cut config": (lambda run: run.config_file.write_text(run.config_file.read_text()[:50]), "Cannot read"),
    "config of another version": (
        lambda run: change_config(run, lambda c: c.update(format=99)),
        r"another version of ganzoo \(format 99\)",
    ),
    "config without data": (lambda run: change_config(run, lambda c: c.pop("data")), "lacks facts of the data"),
    "config without a licence": (
        lambda run: change_config(run, lambda c: c["data"].pop("licence")),
        "lacks facts of the data .*licence",
    ),
    "config without a shape": (
        lambda run: change_config(run, lambda c: c["data"]["sample"].pop("shape")),
        "lacks facts of the data .*shape",
    ),
    "config without a prior": (lambda run: change_config(run, lambda c: c["config"].pop("latents")), "is damaged"),
    "another generator": (
        lambda run: change_config(run, lambda c: c["config"]["generator"].update(name="uninstalled")),
        "a plugin that is missing, or of another version: No generator is called 'uninstalled'",
    ),
    "another option": (
        lambda run: change_config(run, lambda c: c["config"]["generator"]["options"].update(wide=3)),
        "of another version: There is no setting 'generator.wide'",
    ),
    "another width": (
        lambda run: change_config(run, lambda c: c["config"]["generator"]["options"].update(width=3)),
        "does not fit the run's settings",
    ),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_run_that_cannot_be_read_is_refused_in_one_sentence(spoil: str, copy: RunFolder, tmp_path: Path) -> None:
    act, words = SPOILT[spoil]
    act(copy)
    with pytest.raises(BadRun, match=words) as caught:
        export(copy, tmp_path / "out")
    assert caught.value.exit_code == 1
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_to_is_named(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file in the way")
    with pytest.raises(GanzooError, match=r"Cannot write .*out/digits: (Not a directory|File exists)"):
        export(run, tmp_path / "out", "digits")
    assert (tmp_path / "out").read_text() == "a file in the way"


def test_a_run_without_an_average_says_that_its_weights_are_its_own(tmp_path: Path) -> None:
    run = ganzoo.train("vanilla-mlp", steps=1, ema_decay=0, dataset="ring", out=tmp_path / "runs", quiet=True)
    bundle = ganzoo.export(run, out=tmp_path / "bundles")
    manifest = read_manifest(bundle)
    assert manifest.training.weights == "raw"
    assert manifest.parity.max_grey_levels is None
    assert "the generator's own" in (bundle / "README.md").read_text()

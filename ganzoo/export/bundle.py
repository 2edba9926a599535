"""From a run to a bundle: `generator.onnx`, `manifest.json`, a card and a preview, whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import onnx
from torch import nn

from ganzoo.catalog import load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadRun, UsageError
from ganzoo.core.files import explained, sha256
from ganzoo.core.manifest import FORMAT, DatasetFacts, Manifest, Parity, SelfTest, TrainingFacts
from ganzoo.core.options import to_plain
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import SampleSpec
from ganzoo.export.card import model_card
from ganzoo.export.contract import check_generator
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare
from ganzoo.latents import Latents
from ganzoo.sampling.sampler import GENERATOR, Sampler, latents_sha256
from ganzoo.training.build import build_generator, build_prior, same_plugins
from ganzoo.training.checkpoint import load_average
from ganzoo.training.looking import PICTURES, POINTS, save_view

SELF_TEST_SEEDS = (0, 1, 2, 3, -1, 2**63 - 1)
PACKAGES = ("ganzoo", "torch", "onnx", "onnxscript")  # whose versions decide what is in the file


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run has to give: its averaged generator in eval mode, and all that is known about it."""

    run: RunFolder
    config: RunConfig
    data: DatasetFacts
    sample: SampleSpec
    generator: nn.Module
    prior: Latents
    step: int
    checkpoint: str  # sha256 of the file
    conditional: bool = False  # whether the generator draws by label


def export(run: RunFolder, out: Path, name: str | None = None, *, force: bool = False) -> Path:
    """Write the bundle `out/<name>` from the run's newest checkpoint; the name defaults to the run's.

    Raises UsageError where the bundle exists, unless `force` replaces it whole; ExportFailed, and leaves nothing
    behind, where onnxruntime and torch disagree; BadRun where the run cannot be read.
    """
    target = place_for(out, run.path.resolve().name if name is None else name, force)
    trained = load_trained(run)
    generator, sample, prior, by_label = trained.generator, trained.sample, trained.prior, trained.conditional
    check_generator(generator, sample, prior, conditional=by_label)
    model = to_onnx(generator, sample, prior.size, conditional=by_label)
    parity = compare(model, generator, sample, prior, conditional=by_label)
    with folder_written_whole(target) as folder:
        write_bundle(folder, target.name, model, trained, parity)
    return target


def place_for(out: Path, name: str, force: bool) -> Path:
    """`out/name`. Raises UsageError where that is taken, unless `force` is set and there is a bundle to replace."""
    target = out / name
    if name in ("", ".", "..") or Path(name).name != name:
        raise UsageError(f"{name!r} is no folder's name; --name is the name alone, and --out the place.")
    if target.exists() and not force:
        raise UsageError(f"{target} exists; choose another --name, or replace it with --force.")
    if target.exists() and not (target / "manifest.json").is_file():
        raise UsageError(f"{target} is no bundle, so --force does not replace it; choose another --name.")
    return target


def load_trained(run: RunFolder) -> Trained:
    """Raises BadRun where the run has no checkpoint, a file of it is damaged, or a plugin of it is not installed."""
    catalog, config, facts = load_catalog(), run.config(), run.facts()
    try:
        data = msgspec.convert(facts["data"], DatasetFacts)
        sample = msgspec.convert(facts["data"]["sample"], SampleSpec)
    except (KeyError, msgspec.ValidationError) as error:
        raise BadRun(f"{run.config_file} is damaged: it lacks facts of the data ({error}).") from error
    checkpoint = run.newest_checkpoint()
    with same_plugins(run):
        generator = build_generator(config, sample, catalog).eval()
        prior = build_prior(config, catalog)
        conditional = catalog.generators[config.generator.name].conditional
    step = load_average(checkpoint, generator)
    return Trained(run, config, data, sample, generator, prior, step, sha256(checkpoint), conditional)


def write_bundle(folder: Path, name: str, model: onnx.ModelProto, trained: Trained, parity: Parity) -> None:
    """All four files; the preview is drawn from the others, by the sampler that users have."""
    onnx.helper.set_model_props(model, {"ganzoo": json.dumps(to_plain(trained.config.latents))})
    model.producer_name, model.producer_version = "ganzoo", version("ganzoo")
    model.model_version = trained.step
    onnx.save(model, folder / GENERATOR)
    manifest = describe(folder, name, trained, parity)
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    (folder / "README.md").write_text(model_card(manifest), encoding="utf-8")
    count = PICTURES if trained.sample.is_picture else POINTS
    save_view(Sampler(folder, device="cpu").sample(count), folder / "preview.png")


def describe(folder: Path, name: str, trained: Trained, parity: Parity) -> Manifest:
    """The manifest of a folder that holds `generator.onnx`."""
    config = trained.config
    return Manifest(
        format=FORMAT,
        name=name,
        recipe=config.recipe,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sample=trained.sample,
        latents=config.latents,
        latent_size=trained.prior.size,
        conditional=trained.conditional,
        files={GENERATOR: sha256(folder / GENERATOR)},
        dataset=trained.data,
        training=TrainingFacts(
            run=trained.run.path.resolve().name,
            step=trained.step,
            seed=config.seed,
            weights="ema" if config.ema_decay else "raw",
            checkpoint=trained.checkpoint,
        ),
        parity=parity,
        self_test=SelfTest(seeds=SELF_TEST_SEEDS, latents_sha256=latents_sha256(trained.prior, SELF_TEST_SEEDS)),
        versions={package: version(package) for package in PACKAGES},
    )


@contextmanager
def folder_written_whole(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its place when the block ends well, and vanishes otherwise."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    replaced = target.with_name(f".{target.name}.{os.getpid()}.old")
    try:
        with explained(target):
            unfinished.mkdir(parents=True)
            yield unfinished
            flush(unfinished)
            if target.exists():
                target.rename(replaced)
            unfinished.rename(target)
    finally:
        if replaced.exists() and not target.exists():
            replaced.rename(target)
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def flush(folder: Path) -> None:
    """Wait until the folder's files are on the disk."""
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())

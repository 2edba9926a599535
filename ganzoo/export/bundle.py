"""From a run to a bundle: two graphs, a manifest, a card and a preview, whole or not at all."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ganzoo.core.errors import UsageError
from ganzoo.core.files import sha256
from ganzoo.core.folders import check_place, folder_written_whole
from ganzoo.core.manifest import FORMAT, GENERATOR, LATENTS, Manifest, Parity, SelfTest, TrainingFacts
from ganzoo.core.options import to_plain
from ganzoo.core.run_folder import RunFolder
from ganzoo.export.card import model_card
from ganzoo.export.graphs import Wishes, make_graphs
from ganzoo.sampling.integrity import output_name
from ganzoo.sampling.providers import open_session
from ganzoo.sampling.sampler import Sampler, run_once
from ganzoo.sampling.self_test import SEEDS, expected_of
from ganzoo.training.looking import PICTURES, POINTS, save_view
from ganzoo.training.trained import Trained, load_trained

AS_USUAL = Wishes()
PACKAGES = ("ganzoo", "torch", "onnx", "onnxscript")  # whose versions decide what is in the files


def export(
    run: RunFolder,
    out: Path,
    name: str | None = None,
    *,
    force: bool = False,
    checkpoint: str = "last",
    raw: bool = False,
    wishes: Wishes = AS_USUAL,
) -> Path:
    """Write the bundle `out/<name>` from a run's checkpoint; the name defaults to the run's, see also `load_trained`.

    Raises UsageError where the bundle exists, unless `force` replaces it whole; ExportFailed, and leaves nothing
    behind, where onnxruntime and torch disagree; BadRun where the run cannot be read.
    """
    target = place_for(out, run.path.resolve().name if name is None else name, force)
    trained = load_trained(run, checkpoint, raw=raw)
    graphs, parity = make_graphs(trained, wishes)
    with folder_written_whole(target, force, "--name") as folder:
        write_bundle(folder, target.name, graphs, trained, parity, wishes)
    return target


def place_for(out: Path, name: str, force: bool) -> Path:
    """`out/name`. Raises UsageError where that is taken, unless `force` is set and there is a bundle to replace."""
    target = out / name
    if not name or not name.isprintable() or name.startswith(".") or Path(name).name != name:
        raise UsageError(f"{name!r} is no folder's name; --name is the name alone, and --out the place.")
    check_place(target, force, "manifest.json", "bundle", "--name")
    return target


def write_bundle(
    folder: Path, name: str, graphs: dict[str, onnx.ModelProto], trained: Trained, parity: Parity, wishes: Wishes
) -> None:
    """All files; the preview is drawn from the others, by the sampler that users have."""
    for file, graph in graphs.items():
        onnx.helper.set_model_props(graph, {"ganzoo": json.dumps(metadata(trained))})
        graph.producer_name, graph.producer_version = "ganzoo", version("ganzoo")
        graph.model_version = trained.step
        onnx.save(graph, folder / file)
    manifest = describe(folder, name, list(graphs), trained, parity, wishes)
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    (folder / "README.md").write_text(model_card(manifest), encoding="utf-8")
    count = PICTURES if trained.sample.is_picture else POINTS
    save_view(Sampler(folder, device="cpu").sample(count), folder / "preview.png")


def metadata(trained: Trained) -> dict[str, Any]:
    """What each graph says of itself, for whoever has lost the manifest."""
    config, data = trained.config, trained.data
    return {
        "recipe": config.recipe,
        "dataset": data.name,
        "licence": data.licence,
        "step": trained.step,
        "seed": config.seed,
        "latents": to_plain(config.latents),
        "sample": list(trained.sample.shape),
        "classes": list(data.classes) if trained.conditional else [],
        "truncation": trained.truncation,
        "defaults": {"truncation": 1.0} if trained.truncation == "input" else {},
    }


def describe(folder: Path, name: str, files: list[str], trained: Trained, parity: Parity, wishes: Wishes) -> Manifest:
    """The manifest of a folder that holds these graphs."""
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
        truncation=trained.truncation,
        stored_as="float16" if wishes.half else "float32",
        opset=wishes.opset,
        files={file: sha256(folder / file) for file in files},
        dataset=replace(trained.data, options=config.dataset.options),
        training=TrainingFacts(
            run=trained.run.path.resolve().name,
            step=trained.step,
            seed=config.seed,
            weights=trained.weights,
            checkpoint=trained.checkpoint,
        ),
        parity=parity,
        self_test=self_test_of(folder, trained),
        versions={package: version(package) for package in PACKAGES},
    )


def self_test_of(folder: Path, trained: Trained) -> SelfTest:
    """What the graphs of a folder draw for the seeds of every self-test."""
    seeds, sample = np.array(SEEDS, np.int64), trained.sample
    latents = run_once(open_session(folder / LATENTS, "cpu"), "latents", {"seed": seeds}, len(seeds))
    inputs = {"latents": latents}
    if trained.conditional:
        inputs["label"] = seeds % sample.num_classes
    if trained.truncation == "input":
        inputs["truncation"] = np.array(1, np.float32)
    session = open_session(folder / GENERATOR, "cpu")
    return expected_of(sample, latents, run_once(session, output_name(sample), inputs, len(seeds)))

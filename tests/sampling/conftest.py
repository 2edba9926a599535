"""Small bundles, made here as the exporter makes them."""

import dataclasses
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tiny import PICTURE, SIZE, make_graph, weights

from ganzoo.catalog import load_catalog
from ganzoo.core.config import Choice
from ganzoo.core.files import sha256
from ganzoo.core.manifest import DatasetFacts, Manifest, Parity, SelfTest, TrainingFacts
from ganzoo.core.options import parse_options
from ganzoo.core.specs import SampleSpec
from ganzoo.export.latents_file import latents_to_onnx
from ganzoo.latents import Latents, seed_words
from ganzoo.sampling.pixels import to_uint8
from ganzoo.sampling.self_test import SEEDS, expected_of


def make_prior() -> Latents:
    spec = load_catalog().latents["normal"]
    return spec.build(parse_options(spec.options, {"size": SIZE}, "latents"))


@cache
def latents_graph() -> bytes:
    return latents_to_onnx(make_prior()).SerializeToString()


def make_manifest(folder: Path, shape: tuple[int, ...]) -> Manifest:
    """A true description of the folder's two graphs."""
    prior = make_prior()
    manifest = Manifest(
        format=2,
        name="tiny",
        recipe="tiny",
        created="2026-01-01T00:00:00Z",
        sample=SampleSpec(shape),
        latents=Choice(name="normal", options={"size": SIZE}),
        latent_size=SIZE,
        truncation="scale",
        files={name: sha256(folder / name) for name in ("latents.onnx", "generator.onnx")},
        dataset=DatasetFacts(name="none", source="none", licence="CC0", samples=1, digest="0"),
        training=TrainingFacts(run="none", step=1, seed=0, weights="raw"),
        parity=Parity(batch_sizes=(1,), max_difference=0.0, tolerance=1e-4, max_grey_levels=None),
        self_test=SelfTest(seeds=(0,), latents_sha256="", stride=1, samples="", tolerance=0.0),
        versions={},
    )
    latents = prior.from_words(seed_words(np.array(SEEDS, np.int64), prior.words))
    samples = np.tanh(latents @ weights(shape)).reshape(len(SEEDS), *shape)
    drawn = to_uint8(samples) if len(shape) == 3 else samples
    return dataclasses.replace(manifest, self_test=expected_of(manifest.sample, latents, drawn))


BundleMaker = Callable[..., Path]


@pytest.fixture
def make_bundle(tmp_path: Path) -> BundleMaker:
    """A bundle on disk. `graph`, or the bytes of a file, replace a graph; the rest is what the manifest says."""

    def make(
        shape: tuple[int, ...] = PICTURE,
        graph: onnx.ModelProto | None = None,
        generator: bytes | None = None,
        latents_file: bytes | None = None,
        **changes: Any,
    ) -> Path:
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        model = make_graph(shape) if graph is None else graph
        (folder / "generator.onnx").write_bytes(model.SerializeToString() if generator is None else generator)
        (folder / "latents.onnx").write_bytes(latents_graph() if latents_file is None else latents_file)
        manifest = dataclasses.replace(make_manifest(folder, shape), **changes)
        (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
        return folder

    return make

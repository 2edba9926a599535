"""Small bundles, made here as the exporter makes them."""

import dataclasses
from collections.abc import Callable
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

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

PICTURE = (3, 5, 4)  # C, H, W, all different so that no two can be confused
POINT = (2,)
SIZE = 6  # Z


def weights(shape: tuple[int, ...], size: int = SIZE) -> np.ndarray:
    """The generator is samples = tanh(latents @ weights)."""
    return np.random.default_rng(0).normal(size=(size, prod(shape))).astype(np.float32)


def make_graph(shape: tuple[int, ...], size: int = SIZE) -> onnx.ModelProto:
    """latents [N, Z] → samples [N, S...], and for pictures images [N, H, W, C]."""
    constants = {
        "weights": weights(shape, size),
        "shape": np.array([-1, *shape]),
        "scale": np.float32(127.5),
        "middle": np.float32(128),
        "black": np.float32(0),
        "white": np.float32(255),
    }
    nodes = [
        helper.make_node("MatMul", ["latents", "weights"], ["flat"]),
        helper.make_node("Tanh", ["flat"], ["squashed"]),
        helper.make_node("Reshape", ["squashed", "shape"], ["samples"]),
    ]
    outputs = [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["N", *shape])]
    if len(shape) == 3:
        nodes += [
            helper.make_node("Mul", ["samples", "scale"], ["scaled"]),
            helper.make_node("Add", ["scaled", "middle"], ["shifted"]),
            helper.make_node("Floor", ["shifted"], ["levels"]),
            helper.make_node("Clip", ["levels", "black", "white"], ["clipped"]),
            helper.make_node("Cast", ["clipped"], ["bytes"], to=TensorProto.UINT8),
            helper.make_node("Transpose", ["bytes"], ["images"], perm=[0, 2, 3, 1]),
        ]
        channels, height, width = shape
        images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", height, width, channels])
        outputs.insert(0, images)
    inputs = [helper.make_tensor_value_info("latents", TensorProto.FLOAT, ["N", size])]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


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
        self_test=SelfTest(seeds=(), latents_sha256="", stride=1, samples="", tolerance=0.0),
        versions={},
    )
    latents = prior.from_words(seed_words(np.array(SEEDS, np.int64), prior.words))
    samples = np.tanh(latents @ weights(shape)).reshape(len(SEEDS), *shape)
    drawn = to_uint8(samples) if len(shape) == 3 else samples
    return dataclasses.replace(manifest, self_test=expected_of(manifest, latents, drawn))


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

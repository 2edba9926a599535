"""What the tests of several clients share."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks.clients.judge import judged
from benchmarks.clients.runtimes import CLIENTS
from benchmarks.clients.tools import MissingTool
from ganzoo.core.files import sha256
from ganzoo.core.manifest import GENERATOR, read_manifest
from ganzoo.export.card import model_card
from ganzoo.sampling.sampler import Sampler


@contextmanager
def skipping() -> Iterator[None]:
    """A test ends as skipped, with the reason, where what it needs cannot be had."""
    try:
        yield
    except MissingTool as error:
        pytest.skip(str(error))


def failures(client: str, bundles: dict[str, Path]) -> list[str]:
    """The bundles whose self-test the client draws otherwise than the exporter did, each with what differs."""
    with skipping():
        reports = CLIENTS[client](list(bundles.values()))
    found = []
    for (name, bundle), report in zip(bundles.items(), reports, strict=True):
        verdict = judged(bundle, report)
        if not verdict.identical:
            found.append(f"latents of {name}")
        if not verdict.largest <= verdict.allowed:
            found.append(f"samples of {name}, by {verdict.largest}")
    return found


def nearly_what_ganzoo_draws(drawn: np.ndarray, bundle: Path) -> bool:
    """Whether these are the samples of seeds 0, 1, 2, …, to within what a self-test allows."""
    expected = Sampler(bundle, "cpu").sample(len(drawn)).astype(float)
    assert drawn.shape == expected.shape
    return float(np.abs(drawn - expected).max()) <= read_manifest(bundle).self_test.tolerance


def truncating(bundle: Path, folder: Path) -> Path:
    """The bundle with an input `truncation` more, which the latents are multiplied by."""
    shutil.copytree(bundle, folder)
    model = onnx.load(folder / GENERATOR)
    for node in model.graph.node:
        node.input[:] = ["nearer" if name == "latents" else name for name in node.input]
    model.graph.node.insert(0, helper.make_node("Mul", ["latents", "truncation"], ["nearer"]))
    model.graph.input.append(helper.make_tensor_value_info("truncation", TensorProto.FLOAT, []))
    onnx.save(model, folder / GENERATOR)
    manifest = read_manifest(bundle)
    files = {**manifest.files, GENERATOR: sha256(folder / GENERATOR)}
    manifest = replace(manifest, truncation="input", files=files)
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    (folder / "README.md").write_text(model_card(manifest), encoding="utf-8")
    return folder


def code_of(bundle: Path, language: str) -> str:
    """The card's only block of a language."""
    card = (bundle / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"```{language}\n(.*?)```", card, re.DOTALL)
    return block

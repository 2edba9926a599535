"""Runs and bundles that many tests look at, and none changes."""

from pathlib import Path

import onnx
import pytest
from torch import nn
from toy_generators import GOOD, PRIOR, good, proven

import ganzoo
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import SampleSpec
from ganzoo.export.latents_file import latents_to_onnx


@pytest.fixture(scope="session", params=GOOD)
def exported(request: pytest.FixtureRequest) -> tuple[onnx.ModelProto, nn.Module, SampleSpec]:
    """A good generator and its graph."""
    generator, sample = good(request.param)
    return proven(generator, sample), generator, sample


@pytest.fixture(scope="session")
def latents_graph() -> onnx.ModelProto:
    """Of the toys' prior."""
    return latents_to_onnx(PRIOR)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Thirty steps on the digits, with two checkpoints."""
    out = tmp_path_factory.mktemp("runs")
    return ganzoo.train("vanilla-mlp", steps=30, seed=5, checkpoint_every=20, out=out, quiet=True)


@pytest.fixture(scope="session")
def bundle(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That run as a bundle; not to be written to."""
    return ganzoo.export(run, out=tmp_path_factory.mktemp("bundles"), name="digits")

"""Bundles in C++: the self-test, and the model card's own code, compiled as it stands."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from client_tools import code_of, failures, nearly_what_ganzoo_draws, skipping
from PIL import Image

from benchmarks.clients.runtimes import compiled
from benchmarks.clients.tools import run
from ganzoo.core.manifest import read_manifest

pytestmark = pytest.mark.clients


def test_a_program_in_cpp_draws_the_self_tests(bundles: dict[str, Path]) -> None:
    assert failures("C++", bundles) == []


def test_the_card_s_code_compiles_without_a_warning_and_writes_what_is_drawn(
    bundles: dict[str, Path], tmp_path: Path
) -> None:
    for number, bundle in enumerate(bundles.values()):
        folder = tmp_path / str(number)
        shutil.copytree(bundle, folder)
        (folder / "draw.cpp").write_text(code_of(bundle, "cpp"), encoding="utf-8")
        with skipping():
            program = compiled(folder / "draw.cpp", folder)
        assert run((program,), folder) == ""
        assert nearly_what_ganzoo_draws(written(folder, read_manifest(bundle).sample.shape), bundle)


def written(folder: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The samples in the file that the program wrote: pictures one below the other, or points line by line."""
    if len(shape) != 3:
        return np.loadtxt(folder / "samples.csv", delimiter=",", ndmin=2)
    channels, height, width = shape
    with Image.open(folder / ("pictures.ppm" if channels == 3 else "pictures.pgm")) as picture:
        return np.asarray(picture).reshape(16, height, width, channels)

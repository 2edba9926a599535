"""Bundles in a browser: the self-test in WebAssembly and WebGPU, and the model card's own page."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from client_tools import code_of, failures, nearly_what_ganzoo_draws, skipping

from benchmarks.clients.browser import answers_of
from benchmarks.clients.tools import node_modules
from ganzoo.core.manifest import read_manifest
from ganzoo.sampling.sampler import Sampler

pytestmark = pytest.mark.clients


@pytest.mark.parametrize("build", ["WebAssembly", "WebGPU"])
def test_a_browser_draws_the_self_tests(build: str, bundles: dict[str, Path]) -> None:
    assert failures(f"Chromium, {build}", bundles) == []


def test_the_card_s_page_shows_what_ganzoo_draws(bundles: dict[str, Path], tmp_path: Path) -> None:
    with skipping():
        modules = node_modules()
        folders = {f"b{number}": tmp_path / f"b{number}" for number in range(len(bundles))}
        for folder, bundle in zip(folders.values(), bundles.values(), strict=True):
            shutil.copytree(bundle, folder)
            (folder / "node_modules").symlink_to(modules)
            (folder / "index.html").write_text(code_of(bundle, "html"), encoding="utf-8")
        page = f"watch.html?bundles={','.join(folders)}"
        answers = answers_of(page, {"": Path(__file__).parent} | folders, set(folders))
    for name, bundle in zip(folders, bundles.values(), strict=True):
        if read_manifest(bundle).sample.is_picture:
            assert answers[name]["said"] == "seeds 0 to 15"
            assert nearly_what_ganzoo_draws(pictures(answers[name], bundle), bundle)
        else:
            assert answers[name]["said"] == "seeds 0 to 499"
            assert all_are_inked(answers[name], bundle)


def pictures(answer: dict[str, Any], bundle: Path) -> np.ndarray:
    """The 16 pictures of a canvas, which has 4 rows of 4 of them; in colour all three channels, in grey any."""
    channels, height, width = read_manifest(bundle).sample.shape
    pixels = np.array(answer["pixels"], np.uint8).reshape(4, height, 4, width, 4)
    assert (pixels[..., 3] == 255).all()
    if channels == 1:
        assert (pixels[..., :1] == pixels[..., :3]).all()
    return pixels.swapaxes(1, 2).reshape(16, height, width, 4)[..., :channels]


def all_are_inked(answer: dict[str, Any], bundle: Path) -> bool:
    """Whether there is ink where a point is, up being positive, and nowhere else but beside one."""
    ink = np.array(answer["pixels"], np.uint8).reshape(400, 400, 4)[..., 3] > 0
    points = Sampler(bundle, "cpu").sample(500)
    right, up = (200 + 190 * points.T / np.abs(points).max()).astype(int)
    near = np.zeros_like(ink)
    for x, y in zip(right, 400 - up, strict=True):
        near[y - 4 : y + 4, x - 4 : x + 4] = True
    return bool(ink[400 - up, right].all()) and not (ink & ~near).any()

"""What the card says is true, and its code runs as it stands."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ganzoo
from ganzoo.core.config import Choice
from ganzoo.core.manifest import Manifest, read_manifest
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import SampleSpec
from ganzoo.export.card import model_card
from ganzoo.sampling.sampler import Sampler

LANGUAGES = ("python", "js", "html", "cpp")
ALONE = """
import sys
for name in ("ganzoo", "torch", "onnx"):
    sys.modules[name] = None  # as if they were not installed
exec(sys.argv[1])
np.save("drawn.npy", {output})
"""
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "pictures, uniform": ({"latents": "uniform", "latents.size": 5, "latents.bound": 0.25}, "uint8 [16, 8, 8, 1]"),
    "pictures, spherical": ({"latents": "spherical", "latents.size": 7}, "uint8 [16, 8, 8, 1]"),
    "points, mixture": ({"dataset": "grid", "latents": "gaussian-mixture"}, "float32 [16, 2]"),
}


def code_of(card: str, language: str) -> str:
    """The only block of a language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", card, re.DOTALL)
    return block


def drawn_by(card: str, folder: Path) -> np.ndarray:
    """What the card's Python draws in a bundle's folder, where nothing else is installed that could help it."""
    output = "images" if "images =" in card else "samples"
    command = [sys.executable, "-c", ALONE.format(output=output), code_of(card, "python")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    return np.load(folder / "drawn.npy")


@pytest.mark.parametrize("case", CASES)
def test_the_python_draws_what_ganzoo_draws_and_says_what_comes_out(case: str, tmp_path: Path) -> None:
    settings, result = CASES[case]
    run = ganzoo.train("vanilla-mlp", steps=1, settings=settings, out=tmp_path, quiet=True)
    bundle = ganzoo.export(run, out=tmp_path / "bundles")
    card = (bundle / "README.md").read_text(encoding="utf-8")
    drawn = drawn_by(card, bundle)
    np.testing.assert_array_equal(drawn, Sampler(bundle, "cpu").sample(16))
    for language in LANGUAGES[:2]:
        assert f"{drawn.dtype} {list(drawn.shape)}" == result in code_of(card, language)


def test_the_python_of_a_model_with_labels_gives_each_seed_its_own(tmp_path: Path) -> None:
    run = ganzoo.train("cgan", steps=1, settings={"dataset": "digits"}, out=tmp_path, quiet=True)
    bundle = ganzoo.export(run, out=tmp_path / "bundles")
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert "`label` int64 [N] in 0…9: 0, 1, 2" in card
    assert "or any others from 0 to 9" in card
    np.testing.assert_array_equal(drawn_by(card, bundle), Sampler(bundle, "cpu").sample(16))


def manifests(manifest: Manifest) -> dict[str, Manifest]:
    """One manifest of each sort that a card tells apart."""
    manifest = replace(manifest, truncation="none")
    return {
        "plain": manifest,
        "label": replace(manifest, conditional=True, sample=SampleSpec((1, 8, 8), 10)),
        "truncation": replace(manifest, truncation="input"),
        "scale": replace(manifest, truncation="scale"),
        "points": replace(manifest, sample=SampleSpec((2,))),
        "float16": replace(manifest, stored_as="float16"),
        "more files": replace(manifest, files={**manifest.files, "single.onnx": "0", "uint8-rgb.onnx": "0"}),
    }


@pytest.mark.parametrize("sort", ["plain", "label", "truncation", "scale", "points", "float16", "more files"])
def test_a_card_speaks_of_what_its_model_has_and_of_nothing_else(bundle: Path, sort: str) -> None:
    card = model_card(manifests(read_manifest(bundle))[sort])
    assert not re.search(r"^\?|\$[a-z]|\$\{[a-z]+\}", card, re.MULTILINE)  # all is filled in
    for language in LANGUAGES:
        code = code_of(card, language)
        assert ('"label"' in code or ".label" in code) == (sort == "label")
        assert ('"truncation"' in code or ".truncation" in code) == (sort == "truncation")
        assert ("samples" in code, "images" in code) == ((True, False) if sort == "points" else (False, True))
    assert ("are multiplied by a number below 1" in card) == (sort == "scale")
    assert ("to within one grey level" in card) == (sort != "points")
    assert ("stored as float16" in card) == (sort == "float16")
    assert ("| `single.onnx` |" in card, "| `uint8-rgb.onnx` |" in card) == (sort == "more files",) * 2


def test_the_card_gives_the_manifest_s_numbers(bundle: Path, run: RunFolder) -> None:
    card, manifest = (bundle / "README.md").read_text(encoding="utf-8"), read_manifest(bundle)
    assert card.startswith("# digits\n")
    for words in (
        "recipe `vanilla-mlp` on `digits`, seed 5, 30 updates",
        "| `seed` int64 [N] → `latents` float32 [N, 64], prior `normal` |",
        "→ `images` uint8 [N, 8, 8, 1]; `samples` float32 [N, 1, 8, 8] in [-1, 1] |",
        "1,797 samples; https://archive.ics.uci.edu/",
        "licence: CC BY 4.0",
        "moving average",
        f"differ by {manifest.parity.max_difference:.1e} at most; {manifest.parity.tolerance:.0e} is allowed; batches",
        "![the pictures of seeds 0 to 63](preview.png)",
        f"torch {manifest.versions['torch']}",
    ):
        assert words in card


def test_the_prior_s_options_are_named(bundle: Path) -> None:
    prior = Choice(name="uniform", options={"size": 64, "bound": 0.25})
    assert "prior `uniform`, bound 0.25 |" in model_card(replace(read_manifest(bundle), latents=prior))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((3, 16, 20), "`images` uint8 [N, 16, 20, 3]; `samples` float32 [N, 3, 16, 20]"),
        ((2,), "the points of seeds 0 to 1,999]"),
        ((5,), "the points of seeds 0 to 1,999, two of their coordinates]"),
        ((1,), "the distribution of seeds 0 to 1,999"),
    ],
)
def test_the_card_fits_what_is_drawn(bundle: Path, shape: tuple[int, ...], words: str) -> None:
    assert words in model_card(replace(read_manifest(bundle), sample=SampleSpec(shape)))


def test_a_licence_cannot_break_the_table(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    card = model_card(replace(manifest, dataset=replace(manifest.dataset, licence="MIT | own {words} for $5 ?label")))
    assert r"licence: MIT \| own {words} for $5 ?label |" in card

"""What the card says is true, and its code runs as it stands."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ganzoo
from ganzoo.core.config import Choice
from ganzoo.core.manifest import read_manifest
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import SampleSpec
from ganzoo.export.card import model_card

RUN_WITHOUT_TORCH = """
import sys
sys.modules["torch"] = sys.modules["onnx"] = None  # as if they were not installed
exec(sys.argv[1])
print(samples.dtype, list(samples.shape))
"""
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "pictures, uniform": ({"latents": "uniform", "latents.size": 5, "latents.bound": 0.25}, "uint8 [16, 8, 8, 1]"),
    "pictures, spherical": ({"latents": "spherical", "latents.size": 7}, "uint8 [16, 8, 8, 1]"),
    "points, normal": ({"dataset": "ring", "latents.size": 2}, "float32 [16, 2]"),
    "points, mixture": ({"dataset": "grid", "latents": "gaussian-mixture"}, "float32 [16, 2]"),
}


def code_of(bundle: Path) -> str:
    """The only block of Python in the card."""
    (block,) = re.findall(r"```python\n(.*?)```", (bundle / "README.md").read_text(), re.DOTALL)
    return block


def draw(bundle: Path, code: str) -> str:
    """Runs code in the bundle's folder; what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_WITHOUT_TORCH, code], cwd=bundle, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("case", CASES)
def test_the_code_runs_without_torch_and_says_what_comes_out(case: str, tmp_path: Path) -> None:
    settings, result = CASES[case]
    run = ganzoo.train("vanilla-mlp", steps=1, settings=settings, out=tmp_path, quiet=True)
    bundle = ganzoo.export(run, out=tmp_path / "bundles")
    code = code_of(bundle)
    assert result in code
    assert draw(bundle, code) == f"{result}\n"


def test_the_code_of_the_usual_case_runs_too(bundle: Path) -> None:
    assert draw(bundle, code_of(bundle)) == "uint8 [16, 8, 8, 1]\n"


@pytest.mark.parametrize(
    ("prior", "check"),
    [
        (Choice(name="uniform", options={"bound": 0.25}), "0.24 < abs(latents).max() < 0.25"),
        (Choice(name="spherical"), "abs((latents**2).sum(1) - 64).max() < 1e-9"),
        (Choice(name="normal"), "abs(latents.std() - 1) < 0.1 and abs(latents).max() > 2"),
    ],
)
def test_the_code_draws_from_the_prior_that_the_card_names(bundle: Path, prior: Choice, check: str) -> None:
    manifest = replace(read_manifest(bundle), latents=prior)
    (code,) = re.findall(r"```python\n(.*?)```", model_card(manifest), re.DOTALL)
    assert draw(bundle, f"{code}assert latents.shape == (16, 64) and {check}") == "uint8 [16, 8, 8, 1]\n"


def test_the_card_gives_the_manifest_s_numbers(bundle: Path, run: RunFolder) -> None:
    card, manifest = (bundle / "README.md").read_text(), read_manifest(bundle)
    assert card.startswith("# digits\n")
    for words in (
        "recipe `vanilla-mlp` on `digits`, seed 5, 30 updates",
        "| `latents` float32 [N, 64], prior `normal` |",
        "| `images` uint8 [N, 8, 8, 1]; `samples` float32 [N, 1, 8, 8] in [-1, 1] |",
        "1,797 samples; https://archive.ics.uci.edu/",
        "licence: CC BY 4.0",
        "moving average",
        f"differ by {manifest.parity.max_difference:.1e} at most; 1e-05 is allowed; batches of 1, 2, 3, 7",
        "![the pictures of seeds 0 to 63](preview.png)",
        f"torch {manifest.versions['torch']}",
    ):
        assert words in card


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
    card = model_card(replace(manifest, dataset=replace(manifest.dataset, licence="MIT | own {words}")))
    assert r"licence: MIT \| own {words} |" in card

"""torch-fidelity's command line scores an exported graph as it stands."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from client_tools import skipping
from PIL import Image

from benchmarks.clients.tools import fidelity, run
from ganzoo.core.manifest import RGB, read_manifest
from ganzoo.core.run_folder import RunFolder
from ganzoo.export.bundle import export
from ganzoo.export.graphs import Wishes
from ganzoo.sampling.sampler import Sampler
from ganzoo_metrics.distances import frechet

EXTRACTOR = Path(__file__).with_name("extractor.py")
COUNT = 300


@pytest.mark.clients
def test_fidelity_s_distance_is_that_of_the_pictures_which_ganzoo_draws(
    bundles: dict[str, Path], tmp_path: Path
) -> None:
    """Its latents are `RandomState(2020).randn`, its features the means of quarters, its distance Fréchet's."""
    with skipping():
        packages = fidelity()
    bundle = bundles["convolutions, batch norm"]
    manifest, sampler = read_manifest(bundle), Sampler(bundle, "cpu")
    run_of_it = RunFolder(bundle.parents[1] / "runs" / manifest.training.run)
    scored_bundle = export(run_of_it, tmp_path, wishes=Wishes(head="uint8-rgb"))
    others = 255 - sampler.sample(COUNT, seed=10**6)  # so that there is a distance
    (tmp_path / "others").mkdir()
    for number, picture in enumerate(others):
        Image.fromarray(picture).save(tmp_path / "others" / f"{number}.png")
    model = {"z-type": "normal", "z-size": manifest.latent_size, "num-classes": 0, "num-samples": COUNT}
    options = [word for key, value in model.items() for word in (f"--input1-model-{key}", str(value))]
    scored = ("--input1", scored_bundle / RGB, "--input2", "others", "--fid", "--feature-extractor", "quarters")
    quietly = ("--cpu", "--json", "--silent", "--no-cache", "--save-cpu-ram", "--rng-seed", "2020")
    said = run((sys.executable, EXTRACTOR, *scored, *options, *quietly), tmp_path, {"PYTHONPATH": str(packages)})

    latents = np.random.RandomState(2020).randn(COUNT, manifest.latent_size).astype(np.float32)
    expected = frechet(quarters(sampler.generate(latents)), quarters(others))
    assert expected > 1
    assert json.loads(said)["frechet_inception_distance"] == pytest.approx(expected, rel=1e-3)


def quarters(pictures: np.ndarray) -> np.ndarray:
    """[N, H, W, C] → [N, 4]."""
    count, height, width, _ = pictures.shape
    parts = pictures.reshape(count, 2, height // 2, 2, width // 2, -1)
    return (parts.mean((2, 4)) * (1, 2, 4)).sum(-1).reshape(count, 4)

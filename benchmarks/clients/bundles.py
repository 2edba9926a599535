"""Bundles of several architectures, trained until their pictures have contrast: what matters is who draws from them."""

from pathlib import Path
from typing import Any

import numpy as np

import ganzoo

COLOURED: dict[str, Any] = {"dataset": "npz", "batch_size": 16}
# name → recipe, what is changed of it
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "perceptron": ("vanilla-mlp", {"latents.size": 16}),
    "convolutions, batch norm": ("dcgan-small", COLOURED),
    "conditional": ("projection-gan", {"dataset": "digits"}),
    "StyleGAN2": ("stylegan-small", COLOURED),
    "points": ("mlp-ring", {}),
}
STEPS = 100
SIDE = 32  # pixels


def make_bundles(folder: Path) -> dict[str, Path]:
    """A bundle of each case, by its name."""
    return {name: make_bundle(name, folder) for name in CASES}


def make_bundle(name: str, folder: Path, steps: int = STEPS) -> Path:
    recipe, settings = CASES[name]
    data = coloured_discs(folder / "discs.npz") if settings is COLOURED else None
    run = ganzoo.train(recipe, steps=steps, settings=settings, data=data, out=folder / "runs", quiet=True)
    return ganzoo.export(run, out=folder / "bundles", name=recipe)


def coloured_discs(path: Path) -> Path:
    """A data set of 128 pictures uint8 [32, 32, 3]: a disc of one colour before another."""
    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (2, 128, 1, 1, 3))
    middle, radius = random.uniform(8, 24, (2, 128, 1, 1)), random.uniform(4, 12, (128, 1, 1))
    down, right = np.mgrid[:SIDE, :SIDE]
    inside = (down - middle[0]) ** 2 + (right - middle[1]) ** 2 < radius**2
    np.savez(path, pictures=np.where(inside[..., None], colours[0], colours[1]).astype(np.uint8))
    return path

"""Promises of recipes."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ganzoo.catalog import load_catalog
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.recipes import WORDS, find_recipe, resolve
from ganzoo.testing.report import ensure

PICTURES = 50  # in a stand-in data set
BATCH = 8
WIDTH = 8  # of networks that have one, at most
SHAPES = ((28, 28, 1), (32, 32, 3), (2,), (1,))  # height, width, channels, or numbers in a point


def says_what_it_is_for(name: str) -> None:
    catalog = load_catalog()
    recipe = find_recipe(name, catalog)
    config = resolve(recipe, catalog)
    missing = [word for word in WORDS if not getattr(recipe, word)]
    ensure(not missing, f"it does not say: {', '.join(missing)}")
    ensure(config.recipe == name, f"it resolves to {config.recipe!r}")


def trains_exports_and_can_be_sampled(name: str) -> None:
    """Two steps of narrow networks on small batches of data that fit them; then the self-test."""
    from ganzoo.export.bundle import export  # noqa: PLC0415 - what follows imports torch
    from ganzoo.sampling.self_test import run_self_test  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        run = trained(name, Path(folder))
        sampler, checks = run_self_test(export(run, Path(folder) / "models", None), "cpu")
        samples = sampler.sample(3, seed=5)
        again = sampler.sample(1, seed=7)
    shape = sampler.manifest.sample.shape
    expected = (3, *shape[1:], shape[0]) if len(shape) == 3 else (3, *shape)
    ensure(samples.shape == expected, f"samples have the shape {samples.shape}, not {expected}")
    ensure((samples[2:] == again).all(), "a sample depends on its batch")
    failed = [check.what for check in checks if not check.largest <= check.allowed]
    ensure(not failed, f"its bundle's self-test fails: {', '.join(failed)}")


def trained(name: str, folder: Path) -> Any:
    """The run of two steps, on the recipe's own data where these are no files, else on the first stand-in that fits."""
    import ganzoo  # noqa: PLC0415

    catalog, settings, reasons = load_catalog(), small(name), []
    own = catalog.datasets[resolve(find_recipe(name, catalog), catalog).dataset.name]
    if not (own.files or own.takes_path or own.argument):
        return ganzoo.train(name, settings=settings, out=folder / "runs", quiet=True)
    for number, shape in enumerate(SHAPES):
        data = folder / f"data-{number}.npz"
        write_stand_in(data, shape)
        try:
            return ganzoo.train(name, settings=settings, dataset="npz", data=data, out=folder / "runs", quiet=True)
        except (BadData, BadSetting) as error:
            reasons.append(str(error))
    raise BadData(f"It fits no data of the check: {'; '.join(reasons)}")


def small(name: str) -> dict[str, Any]:
    """Settings with which a recipe made for a GPU takes seconds; what it computes with is the same."""
    catalog = load_catalog()
    config = resolve(find_recipe(name, catalog), catalog)
    settings: dict[str, Any] = {"steps": 2, "batch_size": BATCH}
    for slot, choice in (("generator", config.generator), ("discriminator", config.discriminator)):
        if isinstance(choice.options.get("width"), int):
            settings[f"{slot}.width"] = min(WIDTH, choice.options["width"])
    return settings


def write_stand_in(path: Path, shape: tuple[int, ...]) -> None:
    """Pictures uint8 [N, H, W, C] or points float32 [N, D], of ten classes."""
    random = np.random.default_rng(0)
    if len(shape) == 3:
        samples = random.integers(0, 256, (PICTURES, *shape), np.uint8)
    else:
        samples = random.standard_normal((PICTURES, *shape), np.float32)
    np.savez(path, samples=samples, labels=np.arange(PICTURES) % 10)


OF_RECIPES: dict[str, Callable[[Any], None]] = {
    "says what it is for": says_what_it_is_for,
    "trains, exports and can be sampled": trains_exports_and_can_be_sampled,
}

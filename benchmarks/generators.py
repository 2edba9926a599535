"""Generators of the zoo, exported with fresh weights: what `benchmarks.sampling` and `benchmarks.startup` draw from.

Weights that were trained take the same time, unless they make denormal numbers.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from ganzoo.catalog import Catalog
from ganzoo.core.manifest import DatasetFacts
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import SampleSpec
from ganzoo.export.bundle import AS_USUAL, write_bundle
from ganzoo.export.graphs import make_graphs
from ganzoo.export.onnx_file import without_parametrizations
from ganzoo.recipes import find_recipe, resolve
from ganzoo.training.build import build_generator, build_prior
from ganzoo.training.randomness import seed_torch
from ganzoo.training.trained import Trained, truncation_of

MNIST, COLOUR, LARGE, POINTS = ((1, 28, 28), (3, 32, 32), (3, 64, 64), (2,))
CLASSES = 10
NO_DATA = DatasetFacts(
    name="none", source="none", licence="none", samples=0, digest="", classes=tuple(map(str, range(CLASSES)))
)


@dataclass(frozen=True, slots=True)
class Generator:
    """A recipe's generator, for samples of one shape."""

    name: str
    recipe: str
    shape: tuple[int, ...]
    changes: dict[str, Any] = field(default_factory=dict)  # of the recipe's settings, by dotted key


GENERATORS = (
    Generator("mlp-ring, points", "mlp-ring", POINTS),
    Generator("vanilla-mlp, 28x28", "vanilla-mlp", MNIST),
    Generator("cgan, 28x28", "cgan", MNIST),
    Generator("dcgan-small, 28x28", "dcgan-small", MNIST),
    Generator("cgan-conv, 28x28", "cgan-conv", MNIST),
    Generator("dcgan, 28x28", "dcgan", MNIST),
    Generator("dcgan, 64x64, paper's width 128", "dcgan", LARGE, {"generator.width": 128}),
    Generator("r3gan-small, 28x28", "r3gan-small", MNIST),
    Generator("sngan, 32x32, width 64", "sngan", COLOUR, {"generator.width": 64, "generator.widest": 64}),
    Generator("sagan, 32x32, width 64", "sagan", COLOUR, {"generator.width": 64, "generator.widest": 64}),
    Generator("sngan, 32x32", "sngan", COLOUR),
    Generator("stylegan-small, 28x28", "stylegan-small", MNIST),
    Generator("stylegan, 32x32", "stylegan", COLOUR),
    Generator("stylegan, 64x64, width 32", "stylegan", LARGE, {"generator.width": 32}),
)


def exported(wanted: Generator, folder: Path, catalog: Catalog) -> tuple[Path, nn.Module]:
    """Its bundle in `folder`, and the same generator in torch, without what only training needs.

    Raises ExportFailed where torch and onnxruntime disagree.
    """
    listed = [(key.split("."), value) for key, value in wanted.changes.items()]
    config = resolve(find_recipe(wanted.recipe, catalog), catalog, listed)
    sample = SampleSpec(wanted.shape, CLASSES)
    spec = catalog.generators[config.generator.name]
    seed_torch(config.seed, "weights", 0)
    trained = Trained(
        run=RunFolder(folder),
        config=config,
        data=NO_DATA,
        sample=sample,
        generator=build_generator(config, sample, catalog).eval(),
        prior=build_prior(config, catalog),
        step=0,
        checkpoint="",
        weights="raw",
        conditional=spec.conditional,
        truncation=truncation_of(spec.truncates, catalog.latents[config.latents.name].normal),
    )
    graphs, parity = make_graphs(trained, AS_USUAL)
    folder.mkdir()
    write_bundle(folder, folder.name, graphs, trained, parity, AS_USUAL)
    return folder, without_parametrizations(trained.generator)

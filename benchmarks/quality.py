"""Whether a recipe gives good pictures whatever the seed: runs of several seeds, judged by a classifier.

    python -m benchmarks.quality [--recipe vanilla-mlp] [--precision fp32] [--seeds 5] [--samples 2000]

The judge is trained on the same data set, and what it says of real pictures that it did not see stands beside. Both
the averaged generator (what is exported) and the raw one are judged, from the same latents.
"""

import argparse
import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.harness import Row, show, significant, write_results
from benchmarks.judge import Judge, Opinion
from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.options import parse_options
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Data
from ganzoo.data.fetch import load
from ganzoo.latents import seed_words
from ganzoo.recipes import find_recipe, resolve
from ganzoo.sampling.pixels import to_uint8
from ganzoo.training.build import build
from ganzoo.training.device import pick_device, settled
from ganzoo.training.trainer import train


def judged(config: RunConfig, data: Data, catalog: Catalog, judge: Judge, samples: int) -> list[Row]:
    """Train one run, and have both of its generators judged."""
    device = pick_device("auto")
    started = perf_counter()
    with TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        parts = build(config, data, catalog, device)
        with settled(parts, config):
            state = train(parts, config, run, lambda event: None, print)
    seconds = perf_counter() - started
    latents = torch.from_numpy(parts.prior.from_words(seed_words(np.arange(samples), parts.prior.words))).to(device)
    generators = {"average": state.average.network, "raw": state.players.generator}
    return [
        row(f"seed {config.seed}, {name}", judge.opinion(draw(generator, latents)))
        | {"steps": state.step, "precision": parts.engine.precision.name, "seconds": round(seconds, 1)}
        for name, generator in generators.items()
    ]


@torch.no_grad()
def draw(generator: nn.Module, latents: torch.Tensor) -> np.ndarray:
    """Pictures uint8 [N, H, W, C], in eval mode."""
    return to_uint8(generator.eval()(latents, None).cpu().numpy())


def row(case: str, opinion: Opinion) -> Row:
    return {
        "case": case,
        "unit": "nats",
        "value": significant(opinion.entropy),
        "classes": opinion.classes,
        "beyond_doubt": significant(opinion.beyond_doubt),
    }


def main() -> None:
    """Train, judge, print, and write `quality-<recipe>-<dataset>.json`, with a precision that was given at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="vanilla-mlp")
    parser.add_argument("--dataset", help="instead of the recipe's")
    parser.add_argument("--data", type=Path, help="the data set's folder, where it is not downloaded")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--precision", help="instead of the recipe's: fp32, tf32, bf16 or fp16")
    parser.add_argument("--seeds", type=int, default=5, help="how many runs (default: 5)")
    parser.add_argument("--samples", type=int, default=2000, help="pictures of each generator (default: 2000)")
    asked = parser.parse_args()

    catalog = load_catalog()
    given = {"dataset": asked.dataset, "steps": asked.steps, "precision": asked.precision}
    changes = [([key], value) for key, value in given.items() if value is not None]
    recipe = find_recipe(asked.recipe, catalog)
    config = resolve(recipe, catalog, changes)
    spec = catalog.datasets[config.dataset.name]
    options: Any = parse_options(spec.options, config.dataset.options, "dataset")
    data = load(spec, options, asked.data, lambda items, _title: items)
    judge = Judge(data)
    real = row(f"real, unseen by the judge (accuracy {judge.accuracy:.3f})", judge.of_real)
    rows = [real]
    show(rows)
    for seed in range(asked.seeds):
        config = resolve(recipe, catalog, [*changes, (["seed"], seed)])
        rows += judged(config, data, catalog, judge, asked.samples)
        show(rows[-2:])
    command = shlex.join(["python", "-m", "benchmarks.quality", *sys.argv[1:]])
    name = "-".join(filter(None, ["quality", config.recipe, config.dataset.name, asked.precision]))
    print(write_results(name, command, rows))


if __name__ == "__main__":
    main()

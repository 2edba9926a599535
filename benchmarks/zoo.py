"""Every recipe of the zoo, trained and judged alike: one row each.

    python -m benchmarks.zoo RECIPE... --dataset mnist [--data FOLDER] [--minutes 5] [--out FOLDER]

Each recipe trains as `ganzoo train` does, for its own number of steps unless --minutes or --steps is given, is
exported, and 5,000 samples of the bundle are judged. Of pictures a classifier, trained on the same data, says how many
classes occur, how even they are, and how far its features of them lie from those of real pictures (`distance`, not
comparable with an FID); of models that draw by label also how often it sees the label that was asked for (`agreement`).
Of points, where modes are known, it is how many are covered. Results of recipes that are not named are kept.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import ganzoo
from benchmarks.harness import RESULTS, Row, machine, show, significant, write_results
from benchmarks.judge import Judge
from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.options import parse_options
from ganzoo.core.specs import Data
from ganzoo.data.fetch import load
from ganzoo.evaluation.modes import coverage
from ganzoo.recipes import find_recipe, resolve
from ganzoo.training.checkpoint import read_checkpoint

SAMPLES = 5000


def trained(recipe: str, changes: dict[str, Any], asked: argparse.Namespace) -> Row:
    """Train and export one recipe; where it is, and what it took."""
    started = perf_counter()
    run = ganzoo.train(recipe, data=asked.data, out=asked.out / "runs", **changes)
    minutes = (perf_counter() - started) / 60
    step, _ = read_checkpoint(run.newest_checkpoint())
    bundle = ganzoo.export(run, out=asked.out / "models", name=recipe, force=True)
    return {"case": recipe, "bundle": str(bundle), "steps": step, "minutes": significant(minutes)}


def of_pictures(row: Row, judge: Judge) -> Row:
    """What the judge says of the bundle's pictures."""
    sampler = ganzoo.Sampler(row.pop("bundle"), device="cpu")
    pictures = sampler.sample(SAMPLES)
    opinion = judge.opinion(pictures)
    row |= {
        "unit": "distance",
        "value": significant(judge.distance(pictures)),
        "classes": opinion.classes,
        "entropy": significant(opinion.entropy),
        "beyond_doubt": significant(opinion.beyond_doubt),
    }
    if sampler.manifest.conditional:
        seen = judge.classified(pictures)
        wanted = sampler.labels(np.arange(SAMPLES), None)
        row["agreement"] = significant(float((seen == wanted).mean()))
    return row


def of_points(row: Row, data: Data) -> Row:
    """How much of the modes the bundle's points cover."""
    assert data.modes is not None, "take a data set of points whose modes are known, such as ring or grid"
    found = coverage(ganzoo.Sampler(row.pop("bundle"), device="cpu").sample(SAMPLES), data.modes)
    return row | {
        "unit": "modes",
        "value": found.covered,
        "high_quality": significant(found.high_quality),
        "reverse_kl": significant(found.reverse_kl),
    }


def real_row(judge: Judge) -> Row:
    """What real pictures would get, as many of them: none does better but by chance."""
    seen = judge.seen[:SAMPLES]
    return {
        "case": f"real pictures (judge's accuracy {judge.accuracy:.3f})",
        "unit": "distance",
        "value": significant(judge.distance(seen)),
        "classes": judge.of_real.classes,
        "entropy": significant(judge.of_real.entropy),
        "beyond_doubt": significant(judge.of_real.beyond_doubt),
    }


def opened(config: RunConfig, catalog: Catalog, folder: Path | None) -> Data:
    spec = catalog.datasets[config.dataset.name]
    options: Any = parse_options(spec.options, config.dataset.options, "dataset")
    return load(spec, options, folder, lambda items, _title: items)


def main() -> None:
    """Train, judge, print, and write `zoo-<dataset>.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--dataset", required=True, help="one for all, so that they can be compared")
    parser.add_argument("--data", type=Path, help="the data set's folder, where it is not downloaded")
    parser.add_argument("--minutes", type=float, help="of training for each, instead of the recipe's steps")
    parser.add_argument("--steps", type=int, help="for each, instead of the recipe's")
    parser.add_argument("--out", type=Path, default=Path("zoo"), help="folder for runs and bundles (default: zoo)")
    asked = parser.parse_args()
    changes = {key: getattr(asked, key) for key in ("dataset", "minutes", "steps") if getattr(asked, key) is not None}
    catalog = load_catalog()
    config = resolve(find_recipe(asked.recipes[0], catalog), catalog, [(["dataset"], asked.dataset)])
    data = opened(config, catalog, asked.data)
    judge = Judge(data) if data.spec.is_picture else None
    facts = {"seed": config.seed, "device": machine()["device"], "processor": machine()["processor"]}
    for recipe in asked.recipes:
        row = trained(recipe, changes, asked)
        row = (of_pictures(row, judge) if judge else of_points(row, data)) | facts
        show([row])
        command = shlex.join(["python", "-m", "benchmarks.zoo", *sys.argv[1:]])
        name = f"zoo-{asked.dataset}"
        rows = [row | {"command": command}, *([real_row(judge)] if judge else [])]
        print(write_results(name, command, with_others(rows, RESULTS / f"{name}.json")))


def with_others(rows: list[Row], path: Path) -> list[Row]:
    """The rows, and those of other recipes that were trained before, by name; real pictures come last."""
    before = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    found = {row["case"]: row for row in (*before, *rows)}
    return sorted(found.values(), key=lambda row: (row["case"].startswith("real"), row["case"]))


if __name__ == "__main__":
    main()

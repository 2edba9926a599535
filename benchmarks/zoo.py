"""Every recipe of the zoo, trained and scored alike: one row each.

    python -m benchmarks.zoo RECIPE... --dataset mnist [--data FOLDER] [--minutes 5] [--seeds 5] [--precision bf16]
    python -m benchmarks.zoo RECIPE... --dataset mnist --runs FOLDER

Each recipe trains as `ganzoo train` does, for its own number of steps unless --minutes or --steps is given, or its
newest run in `--runs FOLDER` is taken, if that is what the recipe says today. Then `ganzoo evaluate` scores 5,000
samples: of pictures what a classifier sees, and distances by its features; of points, and of 26,000 stacked digits,
the modes that are found. Of several seeds a row holds means, and the standard error of the first number. Results that
are not made anew are kept.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterable
from dataclasses import fields
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

import ganzoo
from benchmarks.harness import RESULTS, Row, machine, show, significant, write_results
from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.config import BOOKKEEPING, LENGTHS, RunConfig
from ganzoo.core.run_folder import RunFolder, step_of
from ganzoo.evaluation.evaluate import Wish, evaluate
from ganzoo.recipes import find_recipe, resolve
from ganzoo.report.material import read_log
from ganzoo.report.summary import seconds_of
from ganzoo.training.display import Display

SAMPLES = 5000
OF_STACKS = 26_000  # samples, as in arXiv:1705.07761: fewer would miss modes by chance
OF_PICTURES = ("frechet-distance", "precision-recall", "density-coverage", "classifier")
COLUMNS = {  # of a row, by the name of the score; the first that there is becomes its value
    "FD": "FD",
    "covered": "modes",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "classes": "classes",
    "entropy": "entropy",
    "beyond doubt": "beyond_doubt",
    "label agreement": "agreement",
    "high quality": "high_quality",
    "reverse kl": "reverse_kl",
}
REAL = "real samples"


def runs_of(recipe: str, asked: argparse.Namespace, catalog: Catalog) -> Iterable[RunFolder]:
    """One for each seed: those that were trained before, or as they are trained."""
    for seed in range(asked.seeds):
        given = {"dataset": asked.dataset, "minutes": asked.minutes, "steps": asked.steps, "precision": asked.precision}
        changes = {"seed": seed} | {key: value for key, value in given.items() if value is not None}
        if asked.runs is None:
            yield ganzoo.train(recipe, data=asked.data, out=asked.out, **changes)
        else:
            wanted = resolve(find_recipe(recipe, catalog), catalog, [([key], value) for key, value in changes.items()])
            yield trained_before(wanted, asked.runs)


def trained_before(wanted: RunConfig, folder: Path) -> RunFolder:
    """The newest run that computes what is wanted, however long; SystemExit where there is none."""
    runs = [RunFolder(path.parent) for path in sorted(folder.glob(f"{wanted.recipe}-*/config.json"))]
    if same := [run for run in runs if is_same(run.config(), wanted)]:
        return same[-1]
    sys.exit(f"No run in {folder} is what {wanted.recipe} with seed {wanted.seed} says today; train it anew.")


def is_same(one: RunConfig, other: RunConfig) -> bool:
    """Whether two runs compute the same, but for how long."""
    names = {each.name for each in fields(RunConfig)} - {*BOOKKEEPING, "precision", "data"}
    alike = other.precision in ("auto", one.precision)
    return alike and all(getattr(one, name) == getattr(other, name) for name in names)


def scored(run: RunFolder, data: Path | None) -> tuple[Row, Row]:
    """What the run's samples get, and what real ones get in their place; with its steps and minutes."""
    stacked = run.config().dataset.name == "stacked-mnist"
    has_modes = stacked or len(run.facts()["data"]["sample"]["shape"]) == 1
    samples = OF_STACKS if stacked else SAMPLES
    options = load_catalog().datasets[run.config().dataset.name].options()
    everything = tuple((["dataset", each.name], getattr(options, each.name)) for each in fields(options))
    wish = Wish(
        target=str(run.path),
        metrics=("modes",) if has_modes else OF_PICTURES,
        samples=samples,
        data=data,
        changes=((["modes", "samples"], samples),) if has_modes else everything,  # one judge for all recipes
    )
    scores = {score.name.partition("[")[0]: score for score in evaluate(wish, Display(quiet=True)).scores}
    named = {column: scores[name] for name, column in COLUMNS.items() if name in scores}
    row: Row = {column: score.value for column, score in named.items()}
    real: Row = {column: score.floor for column, score in named.items() if score.floor is not None}
    judge = next(iter(scores.values())).provenance
    if judge.extractor:
        row["judge"] = f"{judge.extractor}@{judge.extractor_hash[:8]}"
        real["judge"] = f"{row['judge']}, right about {100 * (judge.extractor_accuracy or 0):.1f} %"
    took = seconds_of(read_log(run).lines) / 60
    facts = {"steps": step_of(run.newest_checkpoint()), "minutes": took, "training": training(run.config())}
    return facts | row, real


def training(config: RunConfig) -> str:
    """The command that trains such a run, of seed 0."""
    length = next(name for name in LENGTHS if getattr(config, name) is not None)
    words = ["ganzoo", "train", config.recipe, "--dataset", config.dataset.name]
    return shlex.join([*words, f"--{length}", str(getattr(config, length))])


def summary(case: str, rows: list[Row]) -> Row:
    """Means over seeds, rounded; the standard error of the first score, where there are several seeds."""
    numbers = {key: [row[key] for row in rows] for key in rows[0] if isinstance(rows[0][key], int | float)}
    first = next(column for column in COLUMNS.values() if column in numbers)
    found: Row = {"case": case, "seeds": len(rows), "unit": first, "value": significant(fmean(numbers[first]))}
    if len(rows) > 1:
        found["standard_error"] = significant(stdev(numbers[first]) / sqrt(len(rows)))
    found |= {key: significant(fmean(each)) for key, each in numbers.items()}
    return found | {key: value for key, value in rows[0].items() if isinstance(value, str)}


def main() -> None:
    """Train, score, print, and write `zoo-<dataset>.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--dataset", required=True, help="one for all, so that they can be compared")
    parser.add_argument("--data", type=Path, help="the data set's folder, where it is not downloaded")
    parser.add_argument("--minutes", type=float, help="of training for each, instead of the recipe's steps")
    parser.add_argument("--steps", type=int, help="for each, instead of the recipe's")
    parser.add_argument("--precision", help="instead of the recipe's; the row's name says it")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each recipe (default: 1)")
    parser.add_argument("--runs", type=Path, help="folder of runs that were trained before")
    parser.add_argument("--out", type=Path, default=Path("zoo"), help="folder for new runs (default: zoo)")
    asked = parser.parse_args()
    catalog = load_catalog()
    command = shlex.join(["python", "-m", "benchmarks.zoo", *sys.argv[1:]])
    facts = {"device": machine()["device"], "processor": machine()["processor"], "command": command}
    for recipe in asked.recipes:
        pairs = [scored(run, asked.data) for run in runs_of(recipe, asked, catalog)]
        row = summary(", ".join(filter(None, [Path(recipe).stem, asked.precision])), [found for found, _ in pairs])
        real = summary(REAL, [floor for _, floor in pairs])
        show([row, real])
        name = f"zoo-{asked.dataset}"
        print(write_results(name, command, with_others([row | facts, real | facts], RESULTS / f"{name}.json")))


def with_others(rows: list[Row], path: Path) -> list[Row]:
    """The rows, and those of other recipes that were trained before, by name; real samples come last."""
    before = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    found = {row["case"]: row for row in (*before, *rows)}
    return sorted(found.values(), key=lambda row: (row["case"] == REAL, row["case"]))


if __name__ == "__main__":
    main()

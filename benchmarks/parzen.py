"""MNIST's log-likelihood by Parzen windows, as Goodfellow et al. (2014) estimated it: of real pictures and of runs.

    python -m benchmarks.parzen [--runs RUN...] [--every STEPS] [--data FOLDER]

The protocol of the authors' parzen_ll.py: windows on 10,000 samples, pixels in [0, 1]; a width out of ten, chosen on
the first 1,000 of the 10,000 training pictures that the authors kept apart; the mean over all 10,000 test pictures,
with its standard error. First comes what 10,000 real training pictures get in the generated ones' place; of each run
every checkpoint on a multiple of --every, and the newest.
"""

import argparse
import shlex
import sys
from math import sqrt
from pathlib import Path

import numpy as np

from benchmarks.harness import Row, show, significant, write_results
from ganzoo.catalog import load_catalog
from ganzoo.core.run_folder import RunFolder, step_of
from ganzoo.core.specs import Data
from ganzoo.data.fetch import load
from ganzoo.evaluation.targets import model_of_run
from ganzoo.report.material import read_log
from ganzoo.report.summary import seconds_of
from ganzoo_metrics.parzen import best_width, log_likelihood

CENTRES = 10_000
KEPT_APART = slice(50_000, 51_000)  # of the training pictures: those that choose the width
PAPER = {"case": "adversarial nets, as published", "value": 225, "standard_error": 2}  # arXiv:1406.2661, table 1


def estimate(case: str, centres: np.ndarray, train: np.ndarray, test: np.ndarray) -> Row:
    """Of test pictures [M, D] under windows on the centres [N, D], all in [0, 1]."""
    width = best_width(train[KEPT_APART], centres)
    found = log_likelihood(test, centres, width)
    error = float(found.std(ddof=1)) / sqrt(len(found))
    return {
        "case": case,
        "unit": "nats",
        "value": significant(float(found.mean())),
        "standard_error": significant(error),
        "width": significant(width),
    }


def of_run(run: RunFolder, every: int, train: np.ndarray, test: np.ndarray) -> list[Row]:
    """A row for each checkpoint that is asked for."""
    rows = []
    for path in run.checkpoints():
        step = step_of(path)
        if step % every and path != run.newest_checkpoint():
            continue
        drawn = model_of_run(run, "auto", str(step)).draw(CENTRES, 0).samples
        row = estimate(run.config().recipe, scaled(drawn), train, test)
        minutes = seconds_of([line for line in read_log(run).lines if line.step <= step]) / 60
        rows.append(row | {"step": step, "minutes": significant(minutes), "seed": run.config().seed})
        show(rows[-1:])
    return rows


def scaled(pictures: np.ndarray) -> np.ndarray:
    """Pictures of bytes as rows in [0, 1]."""
    return (pictures.reshape(len(pictures), -1) / 255).astype(np.float32)


def opened(split: str, folder: Path | None) -> Data:
    spec = load_catalog().datasets["mnist"]
    return load(spec, spec.options(split=split), folder, lambda items, _title: items)


def main() -> None:
    """Estimate, print, and write `parzen.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="folders of runs on MNIST")
    parser.add_argument("--every", type=int, default=1, help="steps between the checkpoints that are taken")
    parser.add_argument("--data", type=Path, help="MNIST's folder, where it is not downloaded")
    asked = parser.parse_args()
    train, test = (scaled(np.asarray(opened(split, asked.data).samples)) for split in ("train", "test"))
    rows = [estimate("real training pictures", train[:CENTRES], train, test)]
    show(rows)
    for path in asked.runs:
        rows += of_run(RunFolder(path), asked.every, train, test)
    command = shlex.join(["python", "-m", "benchmarks.parzen", *sys.argv[1:]])
    print(write_results("parzen", command, [*rows, PAPER]))


if __name__ == "__main__":
    main()

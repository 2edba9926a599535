"""How many pictures a second an exported bundle draws in onnxruntime, against torch with the same weights.

    python -m benchmarks.sampling [--rounds 5] [--cases PATTERN] [--threads 1 2] [--compile PATTERN] [--out FOLDER]

Every kind of generator in the zoo, with fresh weights, in batches of 1 to 256, on one thread and on two. Both get the
same latents in memory and give uint8 pictures, or points. The baseline is torch eager in inference mode, without the
parametrizations that only training needs. `overhead` is what seeds cost more than latents: `ganzoo.Sampler` from seeds,
latents drawn and all inputs checked, over onnxruntime alone; the median over pairs of neighbours in time. `--compile`
adds torch.compile, a graph for each batch, which takes minutes. A batch that takes either of the two too long, by what
the smaller one took, is left out. The last rows are geometric means over all generators.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median
from tempfile import TemporaryDirectory
from time import sleep

from benchmarks.drawers import Contest
from benchmarks.generators import GENERATORS, Generator, exported
from benchmarks.harness import RESULTS, Row, alternate, compare, show, significant, timed, write_results
from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.errors import GanzooError

BATCHES = (1, 16, 64, 256)
COMPILED_BATCHES = (1, 64)
LONGEST = 2.0  # seconds that a batch may take
SLOW = 0.3  # seconds from which on a batch is not repeated within a round, and has fewer rounds
LEAST = 0.15  # seconds that one measurement takes
MOST_CALLS = 2000  # in one measurement
REST = 0.02  # seconds before one, while the threads of the one before stop spinning
ROUNDS_OF_SLOW = 3
TARGETS = {1: 1.5, 64: 1.2}  # times as fast as torch, geometric mean, by batch
FLOOR = 0.95  # times as fast as torch, anywhere
OVERHEAD, OVERHEAD_FROM = 0.05, 16  # the target for seeds, as a share of drawing from latents, and from which batch on
MEAN = "geometric mean"
SHOWN = ("case", "batch", "threads", "value", "baseline", "ratio", "spread", "overhead", "compiled_ratio")


def measure(wanted: Generator, folder: Path, catalog: Catalog, asked: argparse.Namespace) -> Iterator[Row]:
    """One row for each batch and number of threads. Raises GanzooError where the generator cannot be exported."""
    bundle, generator = exported(wanted, folder, catalog)
    compiles = asked.compile is not None and fnmatch(wanted.name, asked.compile)
    for threads in asked.threads:
        slowest = 0.0  # seconds for one sample of the batch before
        contest = Contest(bundle, generator, threads)
        with contest.settled():
            for batch in BATCHES[: 2 if asked.quick else None]:
                if slowest * batch > LONGEST:
                    break
                cases = contest.contenders(batch, compiled=compiles and batch in COMPILED_BATCHES)
                seconds = {name: min(timed(work)() for _ in range(2)) for name, work in cases.items()}
                found = alternate(
                    {name: partial(pace, work, seconds[name]) for name, work in cases.items()},
                    rounds(asked, max(seconds.values())),
                    warm_up=0,
                )
                slowest = max(min(values) for values in found.values()) / batch
                yield row(wanted.name, batch, threads, found)


def rounds(asked: argparse.Namespace, seconds: float) -> int:
    """How often a batch that takes so long is measured."""
    if asked.quick:
        return 1
    return min(asked.rounds, ROUNDS_OF_SLOW) if seconds > SLOW else asked.rounds


def pace(work: Callable[[], object], guess: float) -> float:
    """Seconds of one call, the median of as many as take a moment: what else the machine does hits few of them."""
    sleep(REST)
    if guess < SLOW:
        work()
    calls = max(1, min(MOST_CALLS, round(LEAST / guess)))
    return median(timed(work)() for _ in range(calls))


def row(case: str, batch: int, threads: int, found: Mapping[str, Sequence[float]]) -> Row:
    """What was measured of one generator; `found` are seconds of a batch in each round."""
    speeds = {name: [batch / seconds for seconds in values] for name, values in found.items()}
    result = compare(case, "samples/s", speeds["onnxruntime"], speeds["torch"], more_is_better=True)
    extra = [seeds / latents - 1 for seeds, latents in zip(found["seeds"], found["onnxruntime"], strict=True)]
    result |= {
        "batch": batch,
        "threads": threads,
        "overhead": significant(median(extra)),
        "overhead_spread": [significant(min(extra)), significant(max(extra))],
    }
    if batch >= OVERHEAD_FROM:
        result |= {"overhead_met": median(extra) <= OVERHEAD}
    if "compiled" in found:
        compiled = median(speeds["compiled"])
        result |= {
            "compiled": significant(compiled),
            "compiled_ratio": significant(median(speeds["onnxruntime"]) / compiled),
        }
    return result


def means(rows: Sequence[Row]) -> list[Row]:
    """One row for each batch and number of threads: the geometric mean of the ratios, and the lowest one."""
    found = []
    for threads, batch in sorted({(row["threads"], row["batch"]) for row in rows}):
        ratios = [row["ratio"] for row in rows if (row["threads"], row["batch"]) == (threads, batch)]
        mean = {"case": f"{MEAN} of {len(ratios)}", "unit": "times", "batch": batch, "threads": threads}
        mean |= {"ratio": significant(geometric_mean(ratios)), "lowest": min(ratios)}
        if batch in TARGETS:
            mean |= {"target": TARGETS[batch], "met": geometric_mean(ratios) >= TARGETS[batch]}
        found.append(mean | {"lowest_met": min(ratios) >= FLOOR})
    return found


def with_others(rows: Sequence[Row], path: Path) -> list[Row]:
    """The rows, and those of other generators that were measured before, in the order of the generators."""
    before = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    again = {row["case"] for row in rows}
    every = [*rows, *(row for row in before if row["case"] not in again)]
    return [row for wanted in GENERATORS for row in every if row["case"] == wanted.name]


def main() -> None:
    """Measure, print, and write `sampling.json`."""
    asked = parsed()
    catalog, measured = load_catalog(), list[Row]()
    with TemporaryDirectory() as folder:
        for number, wanted in enumerate(asked.generators):
            try:
                found = list(measure(wanted, Path(folder) / str(number), catalog, asked))
                measured += found
                show([{key: row.get(key) for key in SHOWN} for row in found])
            except GanzooError as error:
                print(f"{wanted.name}: {error}", file=sys.stderr)
    command = shlex.join(["python", "-m", "benchmarks.sampling", *sys.argv[1:]])
    rows = with_others(measured, asked.out / "sampling.json")
    show(means(rows))
    print(write_results("sampling", command, [*rows, *means(rows)], asked.out))


def parsed() -> argparse.Namespace:
    """The command line, with `generators`, those that it asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case (default: 5)")
    parser.add_argument("--cases", default="*", help="measure only those again whose name matches, as 'dcgan*'")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="on so many threads (default: 1 2)")
    parser.add_argument("--compile", help="compare those with torch.compile too whose name matches; minutes for each")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument("--quick", action="store_true", help="one round of two batches, to see that everything runs")
    asked = parser.parse_args()
    asked.generators = [wanted for wanted in GENERATORS if fnmatch(wanted.name, asked.cases)]
    if not asked.generators:
        parser.error(f"no case matches {asked.cases!r}; there are: {'; '.join(each.name for each in GENERATORS)}")
    return asked


if __name__ == "__main__":
    main()

"""How many pictures a second the trainer sees, against the plain loop of tutorials and the best loop written by hand.

    python -m benchmarks.training [--rounds 5] [--cases PATTERN] [--device cpu] [--out FOLDER] [--quick]

Ours is `ganzoo.training.trainer.train` as users run it, with its moving average, log, pictures and checkpoints, and its
own choice of threads. `baseline` and `ratio` are of the plain loop (`benchmarks.loops.plain`): a DataLoader that turns
one picture after the other into a normalised tensor, with the real transforms where torchvision is installed. That is
no dependency of ganzoo; install the version that belongs to your torch. `overhead` is what our step takes beyond that
of `benchmarks.loops.by_hand`, which does the same and nothing else: the median over pairs of neighbours in time.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from statistics import median

import torch

from benchmarks.cases import CASES, Case, quick
from benchmarks.contest import Contest
from benchmarks.drawn import LOADER
from benchmarks.harness import RESULTS, Row, alternate, compare, show, significant, write_results
from benchmarks.memory import measured

OVERHEAD = 0.03  # of a step; the target
SHOWN = ("case", "value", "baseline", "ratio", "target", "overhead", "share_of_peak", "memory_mib", "memory_ratio")
MIB = 2**20


def measure(case: Case, device: torch.device, rounds: int, *, few: bool) -> Row:
    """All that is said of one case; its contenders take turns."""
    contest = Contest(quick(case) if few else case, device)
    facts = contest.facts()
    found = alternate(
        {"plain": contest.plain, "ours": contest.ours, "by_hand": contest.by_hand, "product": contest.product},
        rounds * (1 if few else case.rounds),
        warm_up=0,  # each has its own
    )
    seen = contest.config.batch_size * contest.config.d_steps  # real pictures in a step
    speeds = {name: [seen / seconds for seconds in found[name]] for name in ("plain", "ours", "by_hand")}
    row = compare(case.name, "pictures/s", speeds["ours"], speeds["plain"], more_is_better=True)
    row |= {"against": LOADER} | facts | beside_by_hand(found)
    if case.target is not None:
        row |= {"target": case.target, "met": row["ratio"] >= case.target}
    gflops = facts["gflop_per_step"] / median(found["ours"])
    row |= {
        "gflop_per_step": significant(facts["gflop_per_step"]),
        "ms_per_step": significant(1000 * median(found["ours"])),
        "gflop_per_s": significant(gflops),
        "peak_gflop_per_s": significant(median(found["product"]) / 1e9),
        "share_of_peak": significant(gflops / (median(found["product"]) / 1e9)),
    }
    return row | beside_in_memory(case, device, few=few)


def beside_by_hand(found: Mapping[str, Sequence[float]]) -> Row:
    """What our step takes more than the one written by hand, as a share of the latter; pairs are of the same round."""
    extra = [ours / theirs - 1 for ours, theirs in zip(found["ours"], found["by_hand"], strict=True)]
    return {
        "by_hand_ms_per_step": significant(1000 * median(found["by_hand"])),
        "overhead": significant(median(extra)),
        "overhead_spread": [significant(min(extra)), significant(max(extra))],
        "overhead_met": median(extra) <= OVERHEAD,
    }


def beside_in_memory(case: Case, device: torch.device, *, few: bool) -> Row:
    """What training takes beside imports, data and networks; a ratio above 1 means that ours takes less."""
    found = {name: measured(case.name, name, device.type, few=few) for name in ("ours", "by_hand")}
    ours, theirs = found["ours"], found["by_hand"]
    if ours is None or theirs is None:
        return {}
    return {
        "memory_mib": significant(ours / MIB),
        "by_hand_memory_mib": significant(theirs / MIB),
        "memory_ratio": significant(theirs / max(ours, 1)),
    }


def main() -> None:
    """Measure, print, and write `training.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case (default: 5)")
    parser.add_argument("--cases", default="*", help="measure only those again whose name matches, as 'dcgan*bf16'")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument("--quick", action="store_true", help="one round of two steps, to see that everything runs")
    asked = parser.parse_args()
    cases = [case for case in CASES if fnmatch(case.name, asked.cases)]
    if not cases:
        parser.error(f"no case matches {asked.cases!r}; there are: {'; '.join(case.name for case in CASES)}")
    rows = []
    for case in cases:
        rows.append(measure(case, torch.device(asked.device), 1 if asked.quick else asked.rounds, few=asked.quick))
        show([{key: rows[-1].get(key) for key in SHOWN}])
    command = shlex.join(["python", "-m", "benchmarks.training", *sys.argv[1:]])
    print(write_results("training", command, with_others(rows, asked.out / "training.json"), asked.out))


def with_others(rows: Sequence[Row], path: Path) -> list[Row]:
    """The rows, and those of other cases that were measured before, in the order of the cases."""
    before = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    found = {row["case"]: row for row in (*before, *rows)}
    return [found[case.name] for case in CASES if case.name in found]


if __name__ == "__main__":
    main()

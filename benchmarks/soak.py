"""Whether a long run's memory stays as it is: `python -m benchmarks.soak [--steps 20000]`, on Linux.

The run is a process of its own, `ganzoo train vanilla-mlp` on the built-in digits as users start it, with its log,
checkpoints and pictures. Its resident set is read from outside as soon as its log says that another 500 steps are done.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import linear_regression
from tempfile import TemporaryDirectory
from time import sleep

from benchmarks.harness import RESULTS, Row, show, significant, write_results

EVERY = 500  # steps, from one reading to the next
WARM_UP = 0.25  # share of the steps in which caches may still fill
FLAT = 100 * 1024  # bytes in 1,000 steps; a run of a million steps then grows by 0.1 GB at most
PAUSE = 0.02  # seconds between two looks at the log

Reading = tuple[int, int]  # step, bytes


def readings(steps: int, every: int = EVERY) -> list[Reading]:
    """Train in another process, and read its resident set at each `every`-th step. Raises where training fails."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "ganzoo", "train", "vanilla-mlp", "--steps", str(steps), "--out", folder]
        with (Path(folder) / "output").open("w") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        found: list[Reading] = []
        for step in logged(Path(folder), process):
            resident = resident_set(process.pid) if step % every == 0 else 0
            if resident:  # not of a process that has just ended
                found.append((step, resident))
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command, (Path(folder) / "output").read_text())
    return found


def logged(folder: Path, process: subprocess.Popen[bytes]) -> Iterator[int]:
    """The steps that the run's log names, each as soon as it is there, until the process has ended."""
    seen = 0
    while process.poll() is None:
        logs = list(folder.glob("*/log.jsonl"))
        lines = logs[0].read_text(encoding="utf-8").splitlines(keepends=True) if logs else []
        whole = [line for line in lines if line.endswith("\n")]
        for line in whole[seen:]:
            yield json.loads(line)["step"]
        seen = len(whole)
        sleep(PAUSE)


def resident_set(pid: int) -> int:
    """Bytes of another process in main memory; 0 where it has just ended."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def judged(found: Sequence[Reading], steps: int) -> Row:
    """What the readings say after the warm-up; at least two of them must be later than that."""
    late = [(step, size) for step, size in found if step >= WARM_UP * steps]
    per_step = linear_regression([step for step, _ in late], [size for _, size in late]).slope
    return {
        "case": f"vanilla-mlp on digits, {steps:,} steps",
        "unit": "bytes",
        "value": late[-1][1],
        "baseline": late[0][1],
        "ratio": significant(late[0][1] / late[-1][1]),
        "largest": max(size for _, size in late),
        "bytes_per_1000_steps": round(1000 * per_step),
        "readings": len(late),
        "flat": 1000 * per_step < FLAT,
        "criterion": f"flat means that after the first {WARM_UP:.0%} of the steps a straight line through the readings "
        f"rises by less than {FLAT // 1024} KiB in 1,000 steps",
    }


def main() -> None:
    """Train, read, print, and write `soak.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000, help="of the run (default: 20000)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    asked = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        parser.error("this system does not say how much memory another process has; use Linux")
    if asked.steps < 4 * EVERY:
        parser.error(f"give it {4 * EVERY} steps or more")
    found = readings(asked.steps)
    row = judged(found, asked.steps)
    show([{key: value for key, value in row.items() if key != "criterion"}])
    print("Flat." if row["flat"] else "NOT flat.", f"Here {row['criterion']}.")
    command = shlex.join(["python", "-m", "benchmarks.soak", *sys.argv[1:]])
    print(write_results("soak", command, [row | {"all": found}], asked.out))


if __name__ == "__main__":
    main()

"""How long `ganzoo evaluate` takes, and how much memory: `python -m benchmarks.evaluating`.

All offline metrics on 10,000 samples of an exported model against 10,000 of MNIST, in a process of its own, whose
largest resident set is read at the end. The classifier, which is trained once for each data set, is there before the
clock starts.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from benchmarks.harness import Row, show, significant, write_results
from ganzoo.evaluation.evaluate import Wish, evaluate
from ganzoo.training.display import Display

COMMAND = "python -m benchmarks.evaluating"
BUNDLE = Path("exported_models/vanilla-mlp-mnist")
SAMPLES = 10_000
SECONDS, MEMORY = 180, 1024  # what is promised of it on 2 cores, the latter in MiB


def main() -> None:
    """Measure, print and write the results."""
    bundle = str(BUNDLE)
    evaluate(Wish(target=bundle, metrics=("classifier",), samples=2), Display(quiet=True))
    rows = rows_of(in_child(bundle))
    show(rows)
    print(write_results("evaluating", COMMAND, rows))


def in_child(bundle: str) -> dict[str, Any]:
    """What `measure` prints in a process of its own. Raises CalledProcessError where it fails."""
    code = f"from benchmarks.evaluating import measure; measure({bundle!r})"
    done = subprocess.run((sys.executable, "-c", code), check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


class Clock(Display):
    """Says nothing, and notes how long each metric takes."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.spent: dict[str, tuple[float, float]] = {}  # seconds by the clock, and of all cores

    def track(self, items: Iterable[Any], title: str) -> Iterator[Any]:
        for item in items:
            start, work = perf_counter(), process_time()
            yield item
            if title == "Scoring":
                self.spent[item.name] = (perf_counter() - start, process_time() - work)


def measure(bundle: str) -> None:
    """Print seconds and memory as JSON."""
    clock, start, work = Clock(), perf_counter(), process_time()
    evaluate(Wish(target=bundle, samples=SAMPLES), clock)
    whole = (perf_counter() - start, process_time() - work)
    print(json.dumps({"whole": whole, "metrics": clock.spent, "memory": largest()}))


def largest() -> float | None:
    """MiB of this process's largest resident set; None where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    sizes = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return sizes[0] / 1024 if sizes else None


def rows_of(found: dict[str, Any]) -> list[Row]:
    """The whole against what is promised of it, then its parts."""
    seconds, work = found["whole"]
    metrics = sum(clock for clock, _ in found["metrics"].values())
    rows: list[Row] = [
        row("all offline metrics", "s", seconds) | {"cpu_s": significant(work), "target": SECONDS},
        row("samples and features", "s", seconds - metrics),
        *(row(name, "s", clock) | {"cpu_s": significant(cpu)} for name, (clock, cpu) in found["metrics"].items()),
    ]
    if found["memory"] is not None:
        rows.append(row("largest resident set", "MiB", found["memory"]) | {"target": MEMORY})
    return [each | {"met": each["value"] <= each["target"]} if "target" in each else each for each in rows]


def row(case: str, unit: str, value: float) -> Row:
    return {"case": case, "unit": unit, "value": significant(value), "samples": SAMPLES}


if __name__ == "__main__":
    main()

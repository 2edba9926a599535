"""What benchmarks share: rounds that alternate, the facts around a measurement, one table and one file of results."""

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from ganzoo.core.files import write_text

Row = dict[str, Any]  # case, unit, value, baseline, ratio, spread, …; what one benchmark alone has is added with `|`

RESULTS = Path(__file__).with_name("results")
PACKAGES = ("ganzoo", "torch", "torchvision", "numpy", "onnxruntime-gpu", "onnxruntime", "click", "rich")


def alternate(cases: Mapping[str, Callable[[], float]], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """What each case returns, e.g. seconds, once a round; all cases in turn, so that a busy moment hits them alike.

    The order is turned around in every other round. The first `warm_up` rounds fill caches and are not kept.
    """
    found: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(-warm_up, rounds):
        names = list(cases)
        for name in names if number % 2 == 0 else reversed(names):
            value = cases[name]()
            if number >= 0:
                found[name].append(value)
    return found


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """A case for `alternate` that says how many seconds `work` takes; on a GPU, until the device is done."""

    def measure() -> float:
        wait()
        start = perf_counter()
        work()
        wait()
        return perf_counter() - start

    return measure


def wait() -> None:
    """Until the GPU, where there is one in use, has nothing left to do."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def compare(case: str, unit: str, ours: Sequence[float], theirs: Sequence[float], *, more_is_better: bool) -> Row:
    """Our median against the baseline's; a ratio above 1 means that ours is better."""
    value, baseline = median(ours), median(theirs)
    return {
        "case": case,
        "unit": unit,
        "value": significant(value),
        "baseline": significant(baseline),
        "ratio": significant(value / baseline if more_is_better else baseline / value),
        "spread": [significant(min(ours)), significant(max(ours))],
        "baseline_spread": [significant(min(theirs)), significant(max(theirs))],
        "rounds": len(ours),
    }


def significant(value: float) -> float:
    """Four digits; timings have no more."""
    return float(f"{value:.4g}")


def machine() -> dict[str, Any]:
    """Where the numbers come from, and how busy it was."""
    cuda = torch.cuda.is_available()
    return {
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,  # runnable processes, last minute
        "threads": torch.get_num_threads(),
        "instructions": instructions(),
        "device": torch.cuda.get_device_name() if cuda else "cpu",
    }


def processor() -> str:
    """The processor's name, which Python itself does not know on Linux."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def instructions() -> list[str]:
    """What the processor has for many numbers at once, such as `avx512_bf16`, as far as torch says so."""
    found = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return [name for name, has in found.items() if has is True]


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide the numbers, as far as they are installed."""
    return {"python": platform.python_version()} | {name: found for name in PACKAGES if (found := installed(name))}


def installed(package: str) -> str:
    """Its version, or nothing."""
    try:
        return version(package)
    except ModuleNotFoundError:  # PackageNotFoundError is one
        return ""


def write_results(name: str, command: str, rows: Sequence[Row], folder: Path = RESULTS) -> Path:
    """`<folder>/<name>.json`: the command that made it, the machine, the versions and the rows."""
    path = folder / f"{name}.json"
    content = {"command": command, "machine": machine(), "versions": versions(), "rows": list(rows)}
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def show(rows: Sequence[Row]) -> None:
    """Print one line for each row, with every column that any row has, however wide that becomes."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(as_text(row.get(column)) for column in columns))
    console = Console(highlight=False)
    console.width = max(console.width, console.measure(table, options=console.options.update(max_width=1000)).maximum)
    console.print(table)


def as_text(value: object) -> str:
    """A cell: nothing for what a row lacks, `low…high` for a spread."""
    if value is None:
        return ""
    return "…".join(as_text(each) for each in value) if isinstance(value, list) else str(value)

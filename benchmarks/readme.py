"""The lines of the README's tables of the zoo and of speeds, made from the results: `python -m benchmarks.readme`."""

import json
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS, Row
from benchmarks.zoo import REAL

MODES = {"ring": 8, "grid": 25}
EMPTY_PYTHON = "python"  # a baseline that is a floor, not a rival
SAMPLING_THREADS, SAMPLING_BATCH = 2, 16  # of the speeds that are shown
BATCHES, MEAN = (1, 16, 64, 256), "geometric mean"


def lines(folder: Path = RESULTS) -> list[str]:
    """One for each row of the results that the README shows."""
    return [
        *(of_zoo(row, name) for name in ("mnist", "digits") for row in rows(folder / f"zoo-{name}.json")),
        *(of_stacks(row) for row in rows(folder / "zoo-stacked-mnist.json")),
        *(of_points(row, name) for name in MODES for row in rows(folder / f"zoo-{name}.json")),
        *(line for name in MODES for line in of_comparison(folder / f"compare-{name}.json", MODES[name])),
        *(of_parzen(row) for row in rows(folder / "parzen.json")),
        *(of_training(row) for row in rows(folder / "training.json")),
        *(of_startup(row) for row in rows(folder / "startup.json")),
        *of_sampling(rows(folder / "sampling.json")),
        *(of_client(row) for row in rows(folder / "clients.json")),
        *(of_serving(row) for row in rows(folder / "serving.json") if "median_ms" in row),
    ]


def rows(path: Path) -> list[Row]:
    """Those of one benchmark; none where it has not been run yet."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"rows": []}
    return content["rows"]


def of_zoo(row: Row, data: str) -> str:
    numbers = " | ".join(f"{row[key]:.2f}" for key in ("precision", "recall", "density", "coverage"))
    seen = f"{row['classes']:.0f} of 10 | {row['entropy']:.3f} | {100 * row['beyond_doubt']:.0f} %"
    agreement = f"{100 * row['agreement']:.0f} %" if "agreement" in row else ""
    name = titled(row) + (f", on `{data}`" if data != "mnist" else "")
    return f"| {name} | {took(row)} | {with_error(row)} | {numbers} | {seen} | {agreement} |"


def of_stacks(row: Row) -> str:
    return f"| {titled(row)} | {took(row)} | {row['value']:.0f} | {row['reverse_kl']:.4f} |"


def titled(row: Row) -> str:
    """The recipe, and how many seeds where there are several; of real samples just that."""
    seeds = f", {row['seeds']} seeds" if row.get("seeds", 1) > 1 else ""
    return row["case"] if row["case"] == REAL else f"`{row['case']}`{seeds}"


def took(row: Row) -> str:
    return " | " if row["case"] == REAL else f"{row['steps']:,.0f} | {row['minutes']:.1f}"


def with_error(row: Row) -> str:
    """Its value, with the standard error where it has one."""
    error = f" ± {row['standard_error']:.1f}" if "standard_error" in row else ""
    return f"{row['value']:.1f}{error}"


def of_parzen(row: Row) -> str:
    steps = f"{row['step']:,} | {row['minutes']:.0f}" if "step" in row else " | "
    width = f"{row['width']:.3f}" if "width" in row else ""
    name = f"`{row['case']}`" if "step" in row else row["case"]
    return f"| {name} | {steps} | {row['value']:.0f} ± {row['standard_error']:.1f} | {width} |"


def of_points(row: Row, data: str) -> str:
    judged = f"{row['value']:.0f} of {MODES[data]} | {100 * row['high_quality']:.0f} % | {row['reverse_kl']:.4f}"
    return f"| {titled(row)}, on `{data}` | {took(row)} | {judged} |"


def of_comparison(path: Path, modes: int) -> list[str]:
    """What `ganzoo compare` has written, one line for each recipe: means over seeds, with standard errors."""
    if not path.exists():
        return []
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    best = content["perfect"]
    return [
        *(
            of_compared(f"`{name}`, on {modes} Gaussians", len(facts["runs"]), facts["mean"], facts["standard_error"])
            for name, facts in content["recipes"].items()
        ),
        f"| perfect sampler, on {modes} Gaussians |  | {best['covered']} | {best['well_covered']} | "
        f"{100 * best['high_quality']:.1f} % | {best['reverse_kl']:.4f} |",
    ]


def of_compared(name: str, seeds: int, mean: dict[str, float], error: dict[str, float]) -> str:
    modes = f"{mean['covered']:.1f} ± {error['covered']:.1f} | {mean['well_covered']:.1f} ± {error['well_covered']:.1f}"
    good = f"{100 * mean['high_quality']:.1f} ± {100 * error['high_quality']:.1f} %"
    return f"| {name} | {seeds} | {modes} | {good} | {mean['reverse_kl']:.3f} ± {error['reverse_kl']:.3f} |"


def of_training(row: Row) -> str:
    speeds = f"{row['value']:,.0f} | {row['baseline']:,.0f} | {row['ratio']:.2f}"
    return f"| training, {row['case']}, pictures a second | {speeds} |"


def of_startup(row: Row) -> str:
    floor = row["against"] == EMPTY_PYTHON
    baseline = f"{row['baseline']:.2f} s{', an empty Python' * floor}"
    ratio = "" if floor else f"{row['ratio']:.2f}"
    ours = f"{row['value']:.2f} s"
    if "memory_mb" in row:
        ours, baseline = f"{ours}, {row['memory_mb']:.0f} MB", f"{baseline}, {row['baseline_memory_mb']:.0f} MB"
    return f"| `{row['case']}`, whole process | {ours} | {baseline} | {ratio} |"


def of_client(row: Row) -> str:
    if "why" in row:
        return f"| {row['case']} |  | {row['why']} |  |  |"
    points = f"{row['points']:.0e}" if row["points"] else "0"
    return f"| {row['case']} | {row['version']} | {row['latents']} | {row['value']:.0f} | {points} |"


def of_serving(row: Row) -> str:
    speeds = f"{row['value']:,.0f} | {row['baseline']:,.0f} | {row['ratio']:.2f}"
    against = f"{row['peer']:,.0f} | {row['times_the_peer']:.2f}"
    return f"| {row['case']} | {speeds} | {against} | {row['median_ms']:.0f} | {row['p99_ms']:.0f} | {row['failed']} |"


def of_sampling(measured: list[Row]) -> list[str]:
    """One line for each generator, and one of geometric means: speeds at one batch, then the ratios of all batches."""
    found: dict[str, dict[int, Row]] = {}
    for row in measured:
        if row["threads"] == SAMPLING_THREADS:
            name = MEAN if row["case"].startswith(MEAN) else row["case"]
            found.setdefault(name, {})[row["batch"]] = row
    return [of_batches(name, batches) for name, batches in found.items()]


def of_batches(name: str, batches: dict[int, Row]) -> str:
    shown = batches.get(SAMPLING_BATCH, {})
    speeds = f"{shown['value']:,.0f} | {shown['baseline']:,.0f}" if "value" in shown else " | "
    ratios = (f"{batches[batch]['ratio']:.2f}" if batch in batches else "" for batch in BATCHES)
    return f"| {name} | {speeds} | {' | '.join(ratios)} |"


if __name__ == "__main__":
    print("\n".join(lines()))

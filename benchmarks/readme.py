"""The lines of the README's tables of the zoo and of speeds, made from the results: `python -m benchmarks.readme`."""

import json
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS, Row

EMPTY_PYTHON = "python"  # a baseline that is a floor, not a rival


def lines(folder: Path = RESULTS) -> list[str]:
    """One for each row of `zoo-mnist.json`, `training.json` and `startup.json`."""
    return [
        *(of_zoo(row) for row in rows(folder / "zoo-mnist.json")),
        *(of_training(row) for row in rows(folder / "training.json")),
        *(of_startup(row) for row in rows(folder / "startup.json")),
    ]


def rows(path: Path) -> list[Row]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content["rows"]


def of_zoo(row: Row) -> str:
    trained = f"{row['steps']:,} | {row['minutes']:.1f}" if "steps" in row else " | "
    agreement = f"{100 * row['agreement']:.0f} %" if "agreement" in row else ""
    name = f"`{row['case']}`" if "steps" in row else row["case"]
    judged = f"{row['value']:.0f} | {row['classes']} of 10 | {row['entropy']:.3f} | {100 * row['beyond_doubt']:.0f} %"
    return f"| {name} | {trained} | {judged} | {agreement} |"


def of_training(row: Row) -> str:
    speeds = f"{row['value']:,.0f} | {row['baseline']:,.0f} | {row['ratio']:.2f}"
    return f"| training, {row['case']}, pictures a second | {speeds} |"


def of_startup(row: Row) -> str:
    floor = row["against"] == EMPTY_PYTHON
    baseline = f"{row['baseline']:.2f} s{', an empty Python' * floor}"
    ratio = "" if floor else f"{row['ratio']:.2f}"
    return f"| `{row['case']}`, whole process | {row['value']:.2f} s | {baseline} | {ratio} |"


if __name__ == "__main__":
    print("\n".join(lines()))

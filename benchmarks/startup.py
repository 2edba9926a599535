"""How long the command line takes from nothing to its last line: `python -m benchmarks.startup`.

Each command is a whole process, as a user starts it. Baselines are an empty Python, and for `ganzoo sample` a short
script that draws 64 pictures from the same weights with torch and saves them as one picture.
"""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import ganzoo
from benchmarks.harness import Row, alternate, compare, show, timed, write_results
from ganzoo.export.bundle import export

COMMAND = "python -m benchmarks.startup"
ROUNDS = 9
PICTURES = 64
TARGETS = {"ganzoo --help": 0.25, "ganzoo list": 0.4, "ganzoo sample": 1.5}  # seconds, on an idle machine

NOTHING = (sys.executable, "-c", "pass")
CLI = (sys.executable, "-m", "ganzoo")

WITH_TORCH = """
import sys
import torch
from PIL import Image
from safetensors.torch import load_file

weights = load_file(sys.argv[1])
x = torch.randn(int(sys.argv[2]), 64, generator=torch.Generator().manual_seed(0))
for layer in ("hidden.0.0", "hidden.1.0", "to_sample"):
    x = torch.nn.functional.linear(x, weights[f"average/{layer}.weight"], weights[f"average/{layer}.bias"])
    x = x.tanh() if layer == "to_sample" else x.relu()
pixels = ((x + 1) * 127.5).round().to(torch.uint8)  # [64, 8 · 8]
Image.fromarray(pixels.view(8, 8, 8, 8).transpose(1, 2).reshape(64, 64).numpy()).save("with_torch.png")
"""


def main() -> None:
    """Measure, print and write the results."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        run = ganzoo.train("vanilla-mlp", steps=50, out=folder / "runs", device="cpu", quiet=True)
        bundle = export(run, folder, "bundle")
        drawing = (*CLI, "sample", str(bundle), "--count", str(PICTURES), "--device", "cpu")
        with_torch = (sys.executable, "-c", WITH_TORCH, str(run.newest_checkpoint()), str(PICTURES))
        seconds = measure(
            {
                "python": NOTHING,
                "ganzoo --help": (*CLI, "--help"),
                "ganzoo list": (*CLI, "list"),
                "ganzoo sample": drawing,
                "torch": with_torch,
            },
            folder,
        )
    rows = [
        row("ganzoo --help", "python", seconds),
        row("ganzoo list", "python", seconds),
        row("ganzoo sample", "torch", seconds),
    ]
    show(rows)
    print(write_results("startup", COMMAND, rows))


def measure(commands: dict[str, Sequence[str]], folder: Path) -> dict[str, list[float]]:
    """Seconds of each command in each round, all in turn; what they write goes into `folder`."""
    cases = {name: timed(partial(finish, command, folder)) for name, command in commands.items()}
    return alternate(cases, ROUNDS)


def finish(command: Sequence[str], folder: Path) -> None:
    """Run a command to its end, unseen. Raises CalledProcessError where it fails: that is no measurement."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def row(case: str, baseline: str, seconds: dict[str, list[float]]) -> Row:
    """One command against its baseline, and against what is promised of it."""
    found = compare(case, "s", seconds[case], seconds[baseline], more_is_better=False)
    return found | {"against": baseline, "target": TARGETS[case], "met": found["value"] <= TARGETS[case]}


if __name__ == "__main__":
    main()

"""How long a process takes from nothing to its last line: `python -m benchmarks.startup`.

Each is a whole process, as a user starts it. Baselines are an empty Python, and for `ganzoo sample` a short script that
draws 64 pictures from the same weights with torch and saves them as one picture. Then a first picture in an app, by
`ganzoo.Sampler` and by the code in every model card, beside a script that loads the network in torch; with the largest
resident set of each.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import ganzoo
from benchmarks.generators import GENERATORS, exported
from benchmarks.harness import Row, alternate, compare, show, significant, timed, write_results
from ganzoo.catalog import load_catalog
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

FIRST = ("vanilla-mlp, 28x28", "dcgan-small, 28x28")  # of benchmarks.generators
FIRST_TARGET, MEMORY_TARGET = 0.5, 150  # seconds and megabytes, to the first pictures of either of these
MEGABYTE = 10**6

SAMPLER = """
import sys
import ganzoo

images = ganzoo.Sampler(sys.argv[1], "cpu").sample(16)
"""
NETWORK_IN_TORCH = """
import sys
import torch

generator = torch.load(sys.argv[1] + "/generator.pt", weights_only=False)
latents = torch.randn(16, int(sys.argv[2]), generator=torch.Generator().manual_seed(0))
with torch.inference_mode():
    levels = generator(latents) * 127.5 + 128
images = levels.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
"""
SAY_MEMORY = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
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
        *(found for name in FIRST for found in first_pictures(name)),
    ]
    show(rows)
    print(write_results("startup", COMMAND, rows))


def measure(commands: Mapping[str, Sequence[str]], folder: Path) -> dict[str, list[float]]:
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


def first_pictures(name: str) -> list[Row]:
    """Two ways to 16 pictures of an exported generator without torch, each against torch."""
    wanted = next(each for each in GENERATORS if each.name == name)
    with TemporaryDirectory() as parent:
        folder, network = exported(wanted, Path(parent) / "bundle", load_catalog())
        torch.save(network, folder / "generator.pt")
        given = (str(folder), str(ganzoo.Sampler(folder, "cpu").manifest.latent_size))
        scripts = {"ganzoo.Sampler": SAMPLER, "model card": in_card(folder), "torch": NETWORK_IN_TORCH}
        seconds = measure({who: (sys.executable, "-c", code, *given) for who, code in scripts.items()}, folder)
        memory = {who: largest(code, given, folder) for who, code in scripts.items()}
    return [first_row(who, name, seconds, memory) for who in ("ganzoo.Sampler", "model card")]


def in_card(folder: Path) -> str:
    """The bundle's own example, of plain onnxruntime: 16 samples, in the bundle's folder."""
    return (folder / "README.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]


def largest(code: str, given: Sequence[str], folder: Path) -> float | None:
    """Megabytes of a script's largest resident set; None where the system does not say."""
    if not Path("/proc/self/status").exists():
        return None
    command = (sys.executable, "-c", code + SAY_MEMORY, *given)
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1]) * 1024 / MEGABYTE


def first_row(who: str, name: str, seconds: Mapping[str, Sequence[float]], memory: Mapping[str, float | None]) -> Row:
    """One way to the first pictures against torch, and against what is promised of it."""
    found = compare(f"{who}, {name}", "s", seconds[who], seconds["torch"], more_is_better=False)
    found |= {"against": "torch", "target": FIRST_TARGET, "met": found["value"] <= FIRST_TARGET}
    ours, theirs = memory[who], memory["torch"]
    if ours is None or theirs is None:
        return found
    told = {"memory_mb": significant(ours), "baseline_memory_mb": significant(theirs)}
    return found | told | {"memory_met": ours <= MEMORY_TARGET}


if __name__ == "__main__":
    main()

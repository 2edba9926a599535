"""How much memory training takes beside Python, torch and the data, each measured in a process of its own.

    python -m benchmarks.memory "vanilla-mlp, 8x8, batch 64" ours --device cpu

Those are the same for all, and so large that they would hide any difference. What is left are networks, gradients,
Adam's state, the moving average, activations, and what saving takes. On a CPU this is the largest resident set less the
one before, on a GPU the most that torch had allocated, the data included.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.cases import CASES, quick
from benchmarks.contest import Contest

STATUS = Path("/proc/self/status")
FORGET = Path("/proc/self/clear_refs")
FORGET_PEAK = "5"  # what Linux is told to begin a new VmHWM


def measured(case: str, contender: str, device: str, *, few: bool) -> int | None:
    """Bytes, from a fresh process; None where the system does not say."""
    if device == "cpu" and not STATUS.exists():
        return None
    command = [sys.executable, "-m", "benchmarks.memory", case, contender, "--device", device]
    done = subprocess.run([*command, *["--quick"] * few], check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def taken(contest: Contest, contender: str) -> int:
    """Bytes that a contender's steps add at most to what is there."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)]).step()  # imports modules that every contender uses
    before = begin(contest.device)
    getattr(contest, contender)()
    return most(contest.device) - before


def begin(device: torch.device) -> int:
    """Bytes in use now; the peak is counted from here."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    FORGET.write_text(FORGET_PEAK)
    return status("VmRSS")


def most(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else status("VmHWM")


def status(key: str) -> int:
    """Bytes. `ru_maxrss` will not do: a process inherits it from the one that started it."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key))
    return 1024 * int(line.split()[1])


def main() -> None:
    """Print the bytes of one contender in one case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=[case.name for case in CASES])
    parser.add_argument("contender", choices=["ours", "by_hand", "plain"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="two steps only")
    asked = parser.parse_args()
    case = next(case for case in CASES if case.name == asked.case)
    contest = Contest(quick(case) if asked.quick else case, torch.device(asked.device))
    print(taken(contest, asked.contender))


if __name__ == "__main__":
    main()

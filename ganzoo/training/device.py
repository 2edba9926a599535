"""Which device trains, and how it computes, said honestly."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import torch

from ganzoo.contracts import Players
from ganzoo.core.errors import GanzooError, UsageError

SMALL_GAME = 20_000_000  # weights times samples of a batch
DENORMAL = 1e-40  # in float32


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA where it works. Raises GanzooError where CUDA is demanded and missing."""
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"There is no device {name!r}; choose auto, cpu or cuda.")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise GanzooError(f"torch {torch.__version__} finds no CUDA device here; use --device cpu.")
    return torch.device(name)


@contextmanager
def settled(players: Players, batch_size: int) -> Iterator[None]:
    """While this lasts: one thread for a small game, unless the user has chosen; no denormal numbers.

    Threads that share a small game mostly wait for each other: two are slower than one on an idle machine, and several
    times slower on a busy one. The number is always set, since left alone MKL varies it, and sums with it. Denormal
    numbers, which a discriminator that wins brings forth, are no better than 0 and a hundred times slower.
    """
    weights = sum(p.numel() for network in (players.generator, players.discriminator) for p in network.parameters())
    small = weights * batch_size < SMALL_GAME and "OMP_NUM_THREADS" not in os.environ
    threads, flushed = torch.get_num_threads(), bool(torch.tensor(DENORMAL) * 1 == 0)
    torch.set_num_threads(1 if small else threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushed)


def versions() -> dict[str, str]:
    """Of what decides a run's numbers."""
    packages = ("ganzoo", "torch", "numpy")
    return {"python": platform.python_version()} | {package: version(package) for package in packages}


def machine(device: torch.device) -> dict[str, Any]:
    """Where a run ran."""
    on_gpu = device.type == "cuda"
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
    }

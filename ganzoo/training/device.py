"""Which device trains, and how it computes, said honestly."""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import torch

from ganzoo.core.config import RunConfig
from ganzoo.core.errors import GanzooError, UsageError
from ganzoo.training.build import Components
from ganzoo.training.precision import products

SMALL_GAME = 20_000_000  # weights times samples of a batch, in networks without convolutions
DENORMAL = 1e-40  # in float32
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA where it works; each of several processes on a machine takes a GPU of its own.

    Raises GanzooError where CUDA is demanded and missing, UsageError for what is no device.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise UsageError(f"There is no device {name!r}; choose auto, cpu, cuda, or cuda:1 for a machine's second GPU.")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise GanzooError(f"torch {torch.__version__} finds no CUDA device here; use --device cpu.")
    number = int(name.partition(":")[2] or os.environ.get("LOCAL_RANK", "0"))
    if number >= torch.cuda.device_count():
        raise GanzooError(
            f"There is no cuda:{number} among this machine's {torch.cuda.device_count()} GPUs; "
            "start as many processes as there are GPUs, or use --device cpu."
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


@contextmanager
def settled(parts: Components, config: RunConfig) -> Iterator[None]:
    """While this lasts: one thread for a small game, unless the user has chosen; no denormal numbers.

    Threads that share a small game mostly wait for each other: two are slower than one on an idle machine, and several
    times slower on a busy one. The number is always set, since left alone MKL varies it, and sums with it. Denormal
    numbers, which a discriminator that wins brings forth, are no better than 0 and a hundred times slower.
    """
    threads, flushed = torch.get_num_threads(), bool(torch.tensor(DENORMAL) * 1 == 0)
    torch.set_num_threads(1 if is_small(parts, config) and "OMP_NUM_THREADS" not in os.environ else threads)
    torch.set_flush_denormal(True)
    try:
        with products(parts.engine.precision), repeatable(config.deterministic):
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushed)


def is_small(parts: Components, config: RunConfig) -> bool:
    """Whether several threads would rather wait for each other than work. A convolution uses each weight often."""
    networks = (parts.players.generator, parts.players.discriminator)
    weights = sum(parameter.numel() for network in networks for parameter in network.parameters())
    return weights * config.batch_size < SMALL_GAME and not parts.engine.convolves


@contextmanager
def repeatable(deterministic: bool) -> Iterator[None]:
    """On a GPU: either the same bits in every run, or the fastest algorithms."""
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    if deterministic:
        os.environ.setdefault(WORKSPACE, ":4096:8")  # cuBLAS gives the same sums with a workspace of fixed size
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]


def versions() -> dict[str, str]:
    """Of what decides a run's numbers."""
    packages = ("ganzoo", "torch", "numpy")
    return {"python": platform.python_version()} | {package: version(package) for package in packages}


def machine(parts: Components) -> dict[str, Any]:
    """Where a run ran, and on how many processes."""
    device = parts.engine.device
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "processes": parts.engine.processes.count,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }

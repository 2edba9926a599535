"""Which device trains, said honestly."""

import platform
from importlib.metadata import version
from typing import Any

import torch

from ganzoo.core.errors import GanzooError


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA where it works. Raises GanzooError where CUDA is demanded and missing."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise GanzooError(f"torch {torch.__version__} finds no CUDA device here; use --device cpu.")
    torch.set_num_threads(torch.get_num_threads())  # a fixed number: left alone, MKL varies it with the machine's load
    return torch.device(name)


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

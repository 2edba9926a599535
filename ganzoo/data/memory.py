"""Samples in memory, and samples that are read when they are asked for: which is which, and what fits."""

import os
from collections.abc import Callable
from dataclasses import replace
from math import inf, prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.core.errors import BadPlugin
from ganzoo.core.specs import Data, Rows
from ganzoo.data.download import Track

Samples = np.ndarray[Any, Any] | Rows

SHARE = 0.5  # of the free memory, that samples may take; the rest is for networks, and for whoever else works here
UNKNOWN = 4 * 2**30  # bytes taken to be free where the system does not say
PIECE = 2**24  # bytes read at a time
CGROUP = Path("/sys/fs/cgroup")  # on Linux, what this container may use and uses: limit, use, and what that consists of
VERSIONS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)


def what_fits(stream: Literal["auto", "always", "never"]) -> Callable[[int], bool]:
    """Whether samples of so many bytes belong into main memory, given the user's setting."""
    return {"auto": fits, "always": lambda _size: False, "never": lambda _size: True}[stream]


def fits(size: int) -> bool:
    """Whether so many bytes fit into this process's share of what main memory has free."""
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # set by torchrun; each of them holds the samples
    return size <= SHARE * free_memory() / processes


def free_memory() -> float:
    """Bytes of main memory that are free, or that the system would free at once; within this container's limit."""
    return min([available(), *(left_of(*(CGROUP / name for name in names)) for names in VERSIONS)])


def left_of(limit: Path, use: Path, parts: Path) -> float:
    """Bytes that a container may still take, by the system's files on it; infinite where there is no limit.

    What it uses includes the files that it has read, and those make room for whatever needs it.
    """
    sizes = {name: size for name, _, size in (line.partition(" ") for line in said(parts).splitlines())}
    cached = sum(whole(sizes.get(f"total_{name}", sizes.get(name, "0"))) for name in ("active_file", "inactive_file"))
    return whole(said(limit), inf) - max(0, whole(said(use)) - cached)


def said(path: Path) -> str:
    """What the system says in one of its files; nothing where there is none, or none that we may read."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def whole(text: str, otherwise: float = 0) -> float:
    """The number that the text is, if it is one."""
    return int(text) if text.isdecimal() else otherwise


def available() -> int:
    """What Linux says; elsewhere half of all memory, since what POSIX calls free leaves out what can be freed."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        (kilobytes,) = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
        return 1024 * int(kilobytes)
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):  # no POSIX
        return UNKNOWN


def is_lazy(samples: Samples) -> bool:
    """Whether the samples are read when they are asked for: Rows, or a view of a memory-mapped file."""
    part: Any = samples
    while isinstance(part, np.ndarray):
        if isinstance(part, np.memmap):
            return True
        part = part.base
    return isinstance(part, Rows)


def byte_count(samples: Samples) -> int:
    """What the samples take in memory."""
    return prod(samples.shape) * samples.dtype.itemsize


def take(samples: Samples, index: NDArray[np.int64]) -> np.ndarray[Any, Any]:
    """The samples of these numbers, [len(index), ...]. Raises BadPlugin for Rows that break their contract."""
    found = samples[index]
    expected = (len(index), *samples.shape[1:])
    if found.shape != expected or found.dtype != samples.dtype:
        raise BadPlugin(
            f"A data set's rows said that they are {samples.dtype} {list(expected)}, "
            f"but are {found.dtype} {list(found.shape)}."
        )
    return found


def in_memory(data: Data, track: Track) -> Data:
    """The same data, all of it read. Raises MemoryError where it does not fit."""
    samples = data.samples
    if not is_lazy(samples):
        return data
    held = np.empty(samples.shape, samples.dtype)
    for rows in track(pieces(samples), "Reading samples"):
        held[rows.start : rows.stop] = take(samples, np.arange(rows.start, rows.stop))
    fingerprint = samples.digest() if isinstance(samples, Rows) else data.fingerprint
    return replace(data, samples=held, fingerprint=fingerprint)


def pieces(samples: Samples) -> list[range]:
    """The samples' numbers in their order, in ranges of about PIECE bytes."""
    count = len(samples)
    step = max(1, PIECE * count // max(1, byte_count(samples)))
    return [range(start, min(start + step, count)) for start in range(0, count, step)]

"""How far what a client drew is from what the exporter drew."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clients.tools import MissingTool
from ganzoo.core.manifest import read_manifest
from ganzoo.sampling.integrity import output_of
from ganzoo.sampling.sampler import sha256_of
from ganzoo.sampling.self_test import kept_samples, off


@dataclass(frozen=True, slots=True)
class Report:
    """What a client drew for a bundle's self-test, as it lay in memory."""

    version: str  # of its onnxruntime
    latents: bytes  # float32 [seeds, Z]
    samples: bytes  # uint8 [seeds, H, W, C] or float32 [seeds, D]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of the comparison."""

    identical: bool  # the latents, to the last bit
    largest: float  # difference of samples; infinite where there are too few or too many
    allowed: float
    in_grey_levels: bool  # of pictures; else in the points' unit
    compared: int  # numbers in the samples that the self-test keeps

    @property
    def good(self) -> bool:
        return self.identical and self.largest <= self.allowed


def report_of(answer: str | dict[str, Any]) -> Report:
    """What a client printed or posted.

    Raises MissingTool with what it lacks, and RuntimeError with what it complains of, where it could not draw.
    """
    said: dict[str, Any] = json.loads(answer) if isinstance(answer, str) else answer
    if "missing" in said:
        raise MissingTool(said["missing"])
    if "error" in said:
        raise RuntimeError(said["error"])
    return Report(said["version"], bytes(said["latents"]), bytes(said["samples"]))


def judged(bundle: Path, report: Report) -> Verdict:
    """Against the self-test in the bundle's manifest."""
    manifest = read_manifest(bundle)
    test, picture, (shape, kind) = manifest.self_test, manifest.sample.is_picture, output_of(manifest)
    whole = len(report.samples) == len(test.seeds) * int(np.prod(shape)) * np.dtype(kind).itemsize
    expected, largest = kept_samples(manifest), float("inf")
    if whole:
        drawn = np.frombuffer(report.samples, kind).reshape(len(test.seeds), *shape)
        kept = drawn[:, :: test.stride, :: test.stride] if picture else drawn
        largest = off(kept, expected)
    identical = sha256_of(np.frombuffer(report.latents, np.float32)) == test.latents_sha256
    return Verdict(identical, largest, test.tolerance, picture, expected.size)

"""Is it what a data set must be? And which one is it?

N = samples, C, H, W = channels, height and width of a picture, D = coordinates of a point.
"""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np

from ganzoo.core.errors import BadData, BadPlugin
from ganzoo.core.specs import Data, Rows
from ganzoo.data.memory import Samples, is_lazy, pieces


def checked(data: Data, name: str) -> Data:
    """`data`, its arrays in memory contiguous and such that can be written to (torch warns of others), or an error.

    Raises BadPlugin where types, shapes or labels break the contract of `Data`, BadData where it holds no
    samples, or points that are infinite or no numbers; not for points that are not in memory.
    """
    if not isinstance(data, Data) or not isinstance(data.samples, np.ndarray | Rows):
        raise BadPlugin(f"Data set {name!r} did not return a Data of numpy arrays or Rows.")
    check_samples(data.samples, name)
    check_labels(data, name)
    return replace(data, samples=plain(data.samples), labels=None if data.labels is None else plain(data.labels))


def plain(samples: Samples) -> Any:
    return samples if is_lazy(samples) else np.require(samples, requirements=["C", "W"])


def check_samples(samples: Samples, name: str) -> None:
    """Raise BadPlugin or BadData, as `checked` says."""
    is_pictures = samples.dtype == np.uint8 and len(samples.shape) == 4
    is_points = samples.dtype == np.float32 and len(samples.shape) == 2
    if not is_pictures and not is_points:
        raise BadPlugin(
            f"Data set {name!r} returned samples of type {described(samples)}; "
            "it must be uint8 [N, C, H, W] for pictures or float32 [N, D] for points."
        )
    if len(samples) != samples.shape[0]:
        raise BadPlugin(f"Data set {name!r} returned {len(samples)} rows of the shape {list(samples.shape)}.")
    if 0 in samples.shape:
        raise BadData(f"Data set {name!r} is empty: its samples have the shape {list(samples.shape)}.")
    if is_points and isinstance(samples, np.ndarray) and not is_lazy(samples) and not np.isfinite(samples).all():
        raise BadData(f"Data set {name!r} holds points that are infinite or no numbers.")


def check_labels(data: Data, name: str) -> None:
    """Labels and class names go together, and agree."""
    if data.labels is None:
        if data.classes:
            raise BadPlugin(f"Data set {name!r} names {len(data.classes)} classes but returned no labels.")
        return
    if not isinstance(data.labels, np.ndarray):
        raise BadPlugin(f"Data set {name!r} returned labels as a {type(data.labels).__name__}, and not as an array.")
    if data.labels.dtype != np.int64 or data.labels.shape != tuple(data.samples.shape[:1]):
        raise BadPlugin(
            f"Data set {name!r} returned labels of type {described(data.labels)}; "
            f"it must be int64 [{len(data.samples)}], one for each sample."
        )
    low, high = int(data.labels.min()), int(data.labels.max())
    if low < 0 or high >= len(data.classes):
        raise BadPlugin(f"Data set {name!r} has labels from {low} to {high}, but {len(data.classes)} classes.")
    channels = data.samples.shape[1]
    if data.parts is not None and len(data.classes) != len(data.parts.classes) ** channels:
        raise BadPlugin(
            f"Data set {name!r} stacks {channels} channels of {len(data.parts.classes)} classes each, but names "
            f"{len(data.classes)}."
        )


def described(samples: Samples) -> str:
    return f"{samples.dtype} {list(samples.shape)}"


def digest(data: Data) -> str:
    """SHA-256 over the shapes, types and bytes of samples and labels, the same on every machine.

    Of Rows, and of samples that were read from Rows, over what these say of themselves instead: so it does not depend
    on whether they fitted into memory.
    """
    summary = hashlib.sha256()
    fingerprint = data.samples.digest() if isinstance(data.samples, Rows) else data.fingerprint
    for samples in (data.samples, data.labels):
        if samples is None:
            summary.update(b"none;")
            continue
        summary.update(f"{samples.dtype.name}{list(samples.shape)};".encode())
        if samples is data.samples and fingerprint:
            summary.update(f"{fingerprint};".encode())
            continue
        assert isinstance(samples, np.ndarray), "Rows have a digest of their own"
        for rows in pieces(samples):
            piece = samples[rows.start : rows.stop]
            summary.update(np.ascontiguousarray(piece, piece.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data)
    return summary.hexdigest()

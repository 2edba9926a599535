"""Is it what a data set must be? And which one is it?

N = samples, C, H, W = channels, height and width of a picture, D = coordinates of a point.
"""

import hashlib
from typing import Any

import numpy as np

from ganzoo.core.errors import BadData, BadPlugin
from ganzoo.core.specs import Data


def checked(data: Data, name: str) -> Data:
    """`data` in arrays that are contiguous and can be written to (torch warns of others), or an error.

    Raises BadPlugin where types, shapes or labels break the contract of `Data`, BadData where it holds no
    samples, or points that are infinite or no numbers.
    """
    if not isinstance(data, Data) or not isinstance(data.samples, np.ndarray):
        raise BadPlugin(f"Data set {name!r} did not return a Data of numpy arrays.")
    check_samples(data.samples, name)
    check_labels(data, name)
    labels = None if data.labels is None else np.require(data.labels, requirements=["C", "W"])
    return Data(np.require(data.samples, requirements=["C", "W"]), labels, data.classes)


def check_samples(samples: np.ndarray[Any, Any], name: str) -> None:
    is_pictures = samples.dtype == np.uint8 and samples.ndim == 4
    is_points = samples.dtype == np.float32 and samples.ndim == 2
    if not is_pictures and not is_points:
        raise BadPlugin(
            f"Data set {name!r} returned samples of type {described(samples)}; "
            "it must be uint8 [N, C, H, W] for pictures or float32 [N, D] for points."
        )
    if not samples.size:
        raise BadData(f"Data set {name!r} is empty: its samples have the shape {list(samples.shape)}.")
    if is_points and not np.isfinite(samples).all():
        raise BadData(f"Data set {name!r} holds points that are infinite or no numbers.")


def check_labels(data: Data, name: str) -> None:
    """Labels and class names go together, and agree."""
    if data.labels is None:
        if data.classes:
            raise BadPlugin(f"Data set {name!r} names {len(data.classes)} classes but returned no labels.")
        return
    if not isinstance(data.labels, np.ndarray):
        raise BadPlugin(f"Data set {name!r} returned labels as a {type(data.labels).__name__}, and not as an array.")
    if data.labels.dtype != np.int64 or data.labels.shape != data.samples.shape[:1]:
        raise BadPlugin(
            f"Data set {name!r} returned labels of type {described(data.labels)}; "
            f"it must be int64 [{len(data.samples)}], one for each sample."
        )
    low, high = int(data.labels.min()), int(data.labels.max())
    if low < 0 or high >= len(data.classes):
        raise BadPlugin(f"Data set {name!r} has labels from {low} to {high}, but {len(data.classes)} classes.")


def described(array: np.ndarray[Any, Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"


def digest(data: Data) -> str:
    """SHA-256 over the shapes, types and bytes of samples and labels, the same on every machine."""
    summary = hashlib.sha256()
    for array in (data.samples, data.labels):
        if array is None:
            summary.update(b"none;")
            continue
        plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        summary.update(f"{plain.dtype.name}{list(plain.shape)};".encode())
        summary.update(plain.reshape(-1).view(np.uint8).data)
    return summary.hexdigest()

"""Arrays from .npy, .npz and .mat files, and the pictures that they hold. Nothing is unpickled.

N = samples, C, H, W = channels, height and width of a picture.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat, whosmat
from scipy.io.matlab import MatReadError

from ganzoo.api import BadData
from ganzoo_datasets.decoding import DAMAGE

NPY = b"\x93NUMPY"  # how a .npy begins
PIECE = 2**24  # bytes converted at a time


def names_in(path: Path) -> list[str]:
    """The names of the arrays in a file; "" is that of a .npy's only one. Raises BadData for what is no such file."""
    kind = kind_of(path)
    if kind == "npy":
        return [""]
    with explained(path):
        if kind == "mat":
            return [name for name, _shape, _kind in whosmat(path)]
        with np.load(path, allow_pickle=False) as file:
            return list(file)


def read_array(path: Path, name: str) -> NDArray[Any]:
    """The array of this name; of a .npy it is memory-mapped. Raises BadData for one that is damaged or pickled."""
    kind = kind_of(path)
    with explained(path):
        if kind == "npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        if kind == "mat":
            return np.asarray(loadmat(path, variable_names=[name])[name])
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file[name])


def kind_of(path: Path) -> Literal["npy", "npz", "mat"]:
    """As its first bytes say, since for others numpy would advise to unpickle."""
    if path.is_dir():
        raise BadData(f"{path} is a folder; give --data the .npy or .npz file itself.")
    if starts_as_npy(path):
        return "npy"
    if zipfile.is_zipfile(path):
        return "npz"
    if path.suffix.lower() == ".mat":
        return "mat"
    raise BadData(f"{path} is no whole .npy or .npz file; write one with numpy.save or numpy.savez.")


def starts_as_npy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(NPY)) == NPY


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what numpy and scipy say about a damaged file into a sentence with a remedy."""
    try:
        yield
    except (*DAMAGE, MatReadError, TokenError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise BadData(
            f"{path} cannot be read: {said}; write it anew as plain numbers, with numpy.save or numpy.savez."
        ) from error


def as_bytes(values: NDArray[Any], limit: int, what: str) -> NDArray[np.uint8]:
    """The first `limit` pictures as uint8 in 0…255: floats in [0, 1] or [-1, 1] are scaled and rounded.

    Which of the two ranges it is, all values decide: one below zero means [-1, 1]. `what` begins the sentence of the
    BadData that is raised for other numbers.
    """
    if not values.size:
        raise BadData(f"{what} are empty: their shape is {list(values.shape)}.")
    count = limit or len(values)
    if values.dtype == np.uint8:
        return values[:count]
    if values.dtype.kind != "f":
        raise BadData(f"{what} are {values.dtype}; save them as uint8 in 0…255, or as floats in [0, 1] or [-1, 1].")
    low, high = float(values.min()), float(values.max())
    if not -1 <= low <= high <= 1:  # true also where one is no number
        raise BadData(f"{what} go from {low:g} to {high:g}; save them as uint8 in 0…255, or as floats up to 1.")
    base, scale = (0.0, 255.0) if low >= 0 else (1.0, 127.5)
    pixels = np.empty(values[:count].shape, np.uint8)
    step = max(1, PIECE // (values.dtype.itemsize * prod(values.shape[1:])))
    for start in range(0, len(pixels), step):
        rows = slice(start, min(start + step, len(pixels)))
        pixels[rows] = np.rint((values[rows].astype(np.float32) + base) * scale)
    return pixels


def numbered(values: NDArray[Any], count: int, what: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as numbers 0…K - 1, and the words for them, in the order of the values that occur.

    Raises BadData, which begins with `what`, unless there are `count` whole numbers from 0 on, or words.
    """
    flat = values.reshape(-1)
    if flat.dtype.kind not in "iubU" or flat.shape != (count,):
        raise BadData(
            f"{what} are {values.dtype} {list(values.shape)}, and must be {count} whole numbers or words, "
            "one for each sample."
        )
    if flat.dtype.kind == "i" and flat.size and flat.min() < 0:
        raise BadData(f"{what} go down to {flat.min()}, and must not be negative; leave out samples without a class.")
    found, labels = np.unique(flat, return_inverse=True)
    return labels.astype(np.int64), tuple(str(value) for value in found.tolist())

"""MNIST and Fashion-MNIST: pictures and labels in IDX files.

LeCun et al. (1998), http://yann.lecun.com/exdb/mnist/, which also describes the format; Xiao et al. (2017),
arXiv:1708.07747. What a file holds is checked, not its archive: copies are compressed differently.
"""

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.api import BadData, Data, Source
from ganzoo_datasets.options import IdxOptions

DIGITS = tuple("0123456789")
GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
STEMS = {"train": "train", "test": "t10k"}
UINT8 = b"\0\0\x08"  # how an IDX file of bytes begins; the number of its dimensions follows
SIDE = 28  # pixels


def open_idx(source: Source, options: IdxOptions, classes: tuple[str, ...]) -> Data:
    """Pictures uint8 [N, 1, size, size] in 0…255, white on black, with labels in the order of `classes`.

    Raises BadData that names the file which is damaged, or does not fit to the others.
    """
    pixels, labels = read_split(source, options.split, classes)
    count = options.limit or len(pixels)
    return Data(framed(pixels[:count], options.size), labels[:count].astype(np.int64), classes)


def read_split(
    source: Source, split: Literal["train", "test"], classes: tuple[str, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pictures [N, 28, 28], and labels [N] in 0…len(classes) - 1. Raises BadData like `open_idx`."""
    assert source.path is not None, "a data set with files is given their folder"
    images = find(source.path, f"{STEMS[split]}-images-idx3-ubyte")
    labels = find(source.path, f"{STEMS[split]}-labels-idx1-ubyte")
    pixels = read_images(images)
    names = read_labels(labels, len(classes))
    if len(pixels) != len(names):
        raise BadData(
            f"{images} holds {len(pixels)} pictures, but {labels} holds {len(names)} labels; "
            "take both files from the same place."
        )
    return pixels, names


def find(folder: Path, name: str) -> Path:
    """The file, packed as it is published, or as someone unpacked it."""
    packed = folder / f"{name}.gz"
    return packed if packed.exists() else folder / name


def framed(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Pictures [N, 28, 28] to [N, 1, size, size]: in the middle, with black around."""
    border = (size - SIDE) // 2
    samples = np.zeros((len(pixels), 1, size, size), np.uint8)
    samples[:, 0, border : border + SIDE, border : border + SIDE] = pixels
    return samples


def read_images(path: Path) -> NDArray[np.uint8]:
    """Pictures [N, 28, 28]."""
    pixels = read_idx(path, dimensions=3)
    if pixels.shape[1:] != (SIDE, SIDE):
        raise damaged(path, f"its pictures have {pixels.shape[2]}×{pixels.shape[1]} pixels, not {SIDE}×{SIDE}")
    return pixels


def read_labels(path: Path, classes: int) -> NDArray[np.uint8]:
    """Labels [N] in 0…classes - 1."""
    labels = read_idx(path, dimensions=1)
    if labels.size and labels.max() >= classes:
        raise damaged(path, f"it holds the label {labels.max()}, but there are {classes} classes")
    return labels


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array of an IDX file of bytes: a magic number, the length of each dimension, the values."""
    content = read_bytes(path)
    magic = UINT8 + bytes([dimensions])
    if content[:4] != magic:
        raise damaged(path, f"it begins with {content[:4].hex() or 'nothing'}, not with {magic.hex()}")
    start = 4 + 4 * dimensions
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    if len(content) != start + prod(shape):
        raise damaged(path, f"it has {len(content):,} bytes, but its head says {start + prod(shape):,}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_bytes(path: Path) -> bytes:
    """What is in the file, unpacked."""
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise damaged(path, f"it cannot be unpacked ({error})") from error


def damaged(path: Path, problem: str) -> BadData:
    return BadData(f"{path} is damaged: {problem}. Delete it, then have it downloaded again or copy it anew.")

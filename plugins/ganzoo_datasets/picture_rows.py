"""Pictures that are decoded when they are asked for, of folders that do not fit into memory."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.api import BadData
from ganzoo_datasets.decoding import DAMAGE, decode, strict_pillow
from ganzoo_datasets.options import PictureFolderOptions
from ganzoo_datasets.pictures import Picture

PROBES = 1000  # files of which the digest reads all bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What there is instead of a picture's pixels."""

    problem: str


@dataclass(frozen=True, slots=True)
class PictureRows:
    """Samples uint8 [N, C, H, W] in files; see `Rows` in `ganzoo.api`."""

    pictures: Sequence[Picture]
    options: PictureFolderOptions
    shape: tuple[int, ...]

    @property
    def dtype(self) -> "np.dtype[Any]":
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Pictures [M, C, H, W]. Raises BadData for one that is broken, or of another size than the first."""
        samples = np.empty((len(index), *self.shape[1:]), np.uint8)
        with strict_pillow():
            for row, number in enumerate(index.tolist()):
                samples[row] = self.pixels(self.pictures[number])
        return samples

    def pixels(self, picture: Picture) -> NDArray[np.uint8]:
        pixels = pixels_of(picture, self.options)
        if isinstance(pixels, Unreadable):
            raise refused(picture, pixels)
        if pixels.shape != self.shape[1:]:
            raise unlike(self.pictures[0], self.shape, picture, pixels.shape)
        return pixels

    def digest(self) -> str:
        """SHA-256 over options, names and lengths, and the contents of at most PROBES files, evenly spread.

        To read all would take minutes at each start where it matters most.
        """
        summary = hashlib.sha256(f"{self.options.crop};".encode())
        stride = -(-len(self.pictures) // PROBES)
        for number, picture in enumerate(self.pictures):
            try:
                summary.update(f"{picture.name}\0{picture.length()};".encode())
                if number % stride == 0:
                    summary.update(picture.read())
            except DAMAGE as error:
                raise refused(picture, Unreadable(said(error))) from error
        return summary.hexdigest()


def pixels_of(picture: Picture, options: PictureFolderOptions) -> NDArray[np.uint8] | Unreadable:
    try:
        return decode(picture.read(), options)
    except DAMAGE as error:
        return Unreadable(said(error))


def said(error: BaseException) -> str:
    """What is wrong, for people: of the system's errors the reason alone, since the file is named beside it."""
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or str(error) or type(error).__name__


def refused(picture: Picture, unreadable: Unreadable) -> BadData:
    return BadData(
        f"The picture {picture.name} cannot be read: {unreadable.problem}. "
        "Remove it, or leave out all such pictures with --set dataset.broken=skip."
    )


def unlike(first: Picture, shape: tuple[int, ...], other: Picture, other_shape: tuple[int, ...]) -> BadData:
    return BadData(
        f"The pictures differ in size: {first.name} has {shape[-1]}×{shape[-2]} pixels, "
        f"{other.name} has {other_shape[-1]}×{other_shape[-2]}. Give all one size, e.g. --set dataset.size=64."
    )

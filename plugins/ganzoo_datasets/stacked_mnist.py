"""Three handwritten digits in one picture, one in each colour: a thousand modes that can be counted. Or two: a hundred.

Metz et al. (2017), Unrolled GAN, arXiv:1611.02163; with 128,000 pictures as in PacGAN, arXiv:1712.04086.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ganzoo.api import BadData, Data, Source
from ganzoo_datasets.idx import DIGITS, framed, read_split
from ganzoo_datasets.options import StackedMnistOptions

SPLITS: dict[str, tuple[Literal["train", "test"], ...]] = {
    "train": ("train",),
    "test": ("test",),
    "all": ("train", "test"),
}


def open_stacked_mnist(source: Source, options: StackedMnistOptions) -> Data:
    """Rows of pictures uint8 [N, 3, size, size] in 0…255 with labels 0…999: 100 red + 10 green + blue.

    Of two digits [N, 2, size, size] with labels 0…99: 10 red + green. Every digit is drawn from the split with
    replacement, independently of all others. One seed gives the same pictures as long as numpy keeps its generator.
    Raises BadData for files that are damaged or empty.
    """
    parts = [read_split(source, split, DIGITS) for split in SPLITS[options.split]]
    pixels = np.concatenate([pixels for pixels, _ in parts])
    digits = np.concatenate([labels for _, labels in parts])
    if not len(pixels):
        raise BadData(f"The MNIST files in {source.path} hold no pictures; take whole ones.")
    drawn = np.random.default_rng(options.seed).integers(0, len(pixels), (options.samples, options.digits))
    places = 10 ** np.arange(options.digits)[::-1]  # what a digit of each channel counts
    numbers = tuple(f"{number:0{options.digits}}" for number in range(10**options.digits))
    alone = StackedRows(pixels, np.arange(len(pixels))[:, None], options.size)
    return Data(
        StackedRows(pixels, drawn, options.size),
        digits[drawn].astype(np.int64) @ places,
        numbers,
        parts=Data(alone, digits.astype(np.int64), DIGITS),
    )


@dataclass(frozen=True, slots=True)
class StackedRows:
    """Samples uint8 [N, C, size, size], stacked when they are asked for; see `Rows` in `ganzoo.api`."""

    pixels: NDArray[np.uint8]  # [M, 28, 28], the single digits
    drawn: NDArray[np.int64]  # [N, C], which of them is in each channel
    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.drawn), self.drawn.shape[1], self.size, self.size)

    @property
    def dtype(self) -> "np.dtype[Any]":
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.drawn)

    def __getitem__(self, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        single = framed(self.pixels[self.drawn[index].reshape(-1)], self.size)  # [C·M, 1, size, size]
        return single.reshape(-1, *self.shape[1:])

    def digest(self) -> str:
        """SHA-256 over the digits and over which are stacked."""
        summary = hashlib.sha256(np.ascontiguousarray(self.pixels).data)
        summary.update(self.drawn.astype("<i8").data)
        return summary.hexdigest()

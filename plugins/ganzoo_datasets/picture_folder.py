"""A folder or .zip of the user's own pictures, held in memory."""

import os
import warnings
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ganzoo.api import BadData, Data, Source
from ganzoo_datasets.decoding import DAMAGE, decode, strict_pillow
from ganzoo_datasets.options import PictureFolderOptions
from ganzoo_datasets.pictures import Picture, pictures_in

CHUNK = 64  # pictures that a thread takes at a time
NAMED = 3  # broken pictures that a warning names


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What there is instead of a picture's pixels."""

    problem: str


def open_picture_folder(source: Source, options: PictureFolderOptions) -> Data:
    """Pictures uint8 [N, C, H, W] in 0…255, sorted by name; labels where sub-folders make classes.

    Raises BadData where there are no pictures, for one that is broken, and where sizes differ.
    """
    assert source.path is not None, "a data set that takes a path is given one"
    with strict_pillow(), pictures_in(source.path) as pictures:
        samples, read = read_pictures(pictures, options, source)
        classes = tuple(sorted({picture.group for picture in pictures} - {""}))
    if not classes:
        return Data(samples)
    numbers = {name: number for number, name in enumerate(classes)}
    return Data(samples, np.array([numbers[picture.group] for picture in read], np.int64), classes)


def read_pictures(
    pictures: list[Picture], options: PictureFolderOptions, source: Source
) -> tuple[NDArray[np.uint8], list[Picture]]:
    """The samples [N, C, H, W], and which pictures they are: all, but for broken ones that are to be skipped."""
    samples = np.empty(0, np.uint8)
    good: list[Picture] = []
    broken: list[Picture] = []
    with closing(decoded(pictures, options)) as results:
        for picture, pixels in zip(source.track(pictures, "Reading pictures"), results, strict=True):
            if isinstance(pixels, Unreadable):
                if options.broken == "refuse":
                    raise refused(picture, pixels)
                broken.append(picture)
                continue
            if not good:  # the first one tells how much memory all of them take
                samples = np.empty((len(pictures), *pixels.shape), np.uint8)
            if pixels.shape != samples.shape[1:]:
                raise unlike(good[0], samples.shape, picture, pixels.shape)
            samples[len(good)] = pixels
            good.append(picture)
    report(broken, len(pictures))
    return samples[: len(good)], good


def decoded(
    pictures: list[Picture], options: PictureFolderOptions
) -> Generator[NDArray[np.uint8] | Unreadable, None, None]:
    """The pixels [C, H, W] of each picture, in order, decoded by threads ahead of whoever asks."""

    def decode_some(start: int) -> list[NDArray[np.uint8] | Unreadable]:
        return [pixels_of(picture, options) for picture in pictures[start : start + CHUNK]]

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield from chain.from_iterable(pool.map(decode_some, range(0, len(pictures), CHUNK)))
    finally:
        pool.shutdown(cancel_futures=True)  # nobody waits for the rest where one was refused


def pixels_of(picture: Picture, options: PictureFolderOptions) -> NDArray[np.uint8] | Unreadable:
    try:
        return decode(picture.read(), options)
    except DAMAGE as error:
        return Unreadable(str(error) or type(error).__name__)


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


def report(broken: list[Picture], total: int) -> None:
    """Warn of pictures that were skipped; raise BadData where that leaves none."""
    if not broken:
        return
    names = ", ".join(picture.name for picture in broken[:NAMED]) + (", …" if len(broken) > NAMED else "")
    if len(broken) == total:
        raise BadData(f"None of the {total} pictures can be read: {names}.")
    warnings.warn(f"Skipped {len(broken)} of {total} pictures that cannot be read: {names}.", stacklevel=2)

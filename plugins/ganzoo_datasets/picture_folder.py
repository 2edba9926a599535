"""A folder or .zip of the user's own pictures, held in memory where they fit, and else decoded when asked for."""

import os
import warnings
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from math import prod

import numpy as np
from numpy.typing import NDArray

from ganzoo.api import BadData, Data, Source
from ganzoo_datasets.decoding import strict_pillow
from ganzoo_datasets.options import PictureFolderOptions
from ganzoo_datasets.picture_rows import PictureRows, Unreadable, pixels_of, refused, unlike
from ganzoo_datasets.pictures import Picture, pictures_in

CHUNK = 64  # pictures that a thread takes at a time
NAMED = 3  # broken pictures that a warning names


def open_picture_folder(source: Source, options: PictureFolderOptions) -> Data:
    """Pictures uint8 [N, C, H, W] in 0…255, sorted by name; labels where sub-folders make classes.

    Raises BadData where there are no pictures, for one that is broken, and where sizes differ; of pictures that do not
    fit into memory, only once they are asked for.
    """
    assert source.path is not None, "a data set that takes a path is given one"
    pictures = pictures_in(source.path)
    with strict_pillow():
        shape = shape_of(pictures, options)
        if source.fits(len(pictures) * prod(shape)):
            samples, good = read_pictures(pictures, options, source, shape)
            rows = PictureRows(good, options, samples.shape)
            data = Data(samples, fingerprint=rows.digest())
        else:
            good = readable(pictures, options, source, shape) if options.broken == "skip" else pictures
            data = Data(PictureRows(good, options, (len(good), *shape)))
    classes = tuple(sorted({picture.group for picture in pictures} - {""}))
    if not classes:
        return data
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[picture.group] for picture in good], np.int64)
    return Data(data.samples, labels, classes, data.fingerprint)


def shape_of(pictures: list[Picture], options: PictureFolderOptions) -> tuple[int, ...]:
    """(C, H, W) of one sample: as the options say, or as the first picture that can be read is."""
    if options.size:
        return (options.channels, options.size, options.size)
    for picture in pictures:
        pixels = pixels_of(picture, options)
        if not isinstance(pixels, Unreadable):
            return pixels.shape
        if options.broken == "refuse":
            raise refused(picture, pixels)
    raise none_readable(pictures)


def read_pictures(
    pictures: list[Picture], options: PictureFolderOptions, source: Source, shape: tuple[int, ...]
) -> tuple[NDArray[np.uint8], list[Picture]]:
    """The samples [N, C, H, W], and which pictures they are: all, but for broken ones that are to be skipped."""
    samples = np.empty((len(pictures), *shape), np.uint8)
    good: list[Picture] = []
    for picture, pixels in whole_pictures(pictures, options, source, shape):
        samples[len(good)] = pixels
        good.append(picture)
    return samples[: len(good)], good


def readable(
    pictures: list[Picture], options: PictureFolderOptions, source: Source, shape: tuple[int, ...]
) -> list[Picture]:
    """The pictures that can be decoded, found by doing so."""
    return [picture for picture, _pixels in whole_pictures(pictures, options, source, shape)]


def whole_pictures(
    pictures: list[Picture], options: PictureFolderOptions, source: Source, shape: tuple[int, ...]
) -> Iterator[tuple[Picture, NDArray[np.uint8]]]:
    """Each picture with its pixels [C, H, W], all of one `shape`; broken ones are refused, or skipped with a word."""
    broken: list[Picture] = []
    with closing(decoded(pictures, options)) as results:
        for picture, pixels in zip(source.track(pictures, "Reading pictures"), results, strict=True):
            if isinstance(pixels, Unreadable):
                if options.broken == "refuse":
                    raise refused(picture, pixels)
                broken.append(picture)
            elif pixels.shape != shape:
                first = next(each for each in pictures if each not in broken)
                raise unlike(first, shape, picture, pixels.shape)
            else:
                yield picture, pixels
    report(broken, pictures)


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


def report(broken: list[Picture], pictures: list[Picture]) -> None:
    """Warn of pictures that were skipped; raise BadData where that leaves none."""
    if not broken:
        return
    if len(broken) == len(pictures):
        raise none_readable(pictures)
    warnings.warn(
        f"Skipped {len(broken)} of {len(pictures)} pictures that cannot be read: {some_names(broken)}.", stacklevel=2
    )


def none_readable(pictures: list[Picture]) -> BadData:
    return BadData(f"None of the {len(pictures)} pictures can be read: {some_names(pictures)}.")


def some_names(pictures: list[Picture]) -> str:
    return ", ".join(picture.name for picture in pictures[:NAMED]) + (", …" if len(pictures) > NAMED else "")

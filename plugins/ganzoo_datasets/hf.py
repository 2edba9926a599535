"""Pictures from the Hugging Face Hub or a local folder, read by the package `datasets`.

https://huggingface.co/docs/datasets
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from datasets.exceptions import DatasetsError
from numpy.typing import NDArray

from ganzoo.api import BadData, BadSetting, Data, Source
from ganzoo_datasets.arrays import numbered
from ganzoo_datasets.decoding import DAMAGE, decode, strict_pillow
from ganzoo_datasets.options import HfOptions, PictureFolderOptions
from ganzoo_datasets.picture_rows import said

PROBES = 1000  # pictures of which the digest reads all bytes
UNLABELLED = "none"


def open_hf(_source: Source, options: HfOptions) -> Data:
    """Rows of pictures uint8 [N, C, H, W] in 0…255, decoded when asked for; labels where a column holds classes.

    Raises BadSetting for columns that are not there, BadData for what cannot be had or holds no pictures.
    """
    table = loaded(options)
    images = image_column(table, options)
    labels, classes = labels_of(table, options)
    column = table.select_columns([images]).cast_column(images, datasets.Image(decode=False))
    how = PictureFolderOptions(size=options.size, channels=options.channels, crop=options.crop)
    rows = HfRows(column, images, options.repository, how, (options.channels, options.size, options.size))
    if not options.size:
        rows = HfRows(column, images, options.repository, how, rows.pixels(0).shape)
    return Data(rows, labels, classes)


def loaded(options: HfOptions) -> Any:
    """The split, of which nothing has been decoded yet."""
    if not options.repository:
        raise BadSetting("Say which data set of the Hugging Face Hub, or which folder: --dataset hf:NAME.")
    try:
        table = datasets.load_dataset(options.repository, options.config or None, split=options.split)
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        said = str(error).strip().splitlines()[0].rstrip(".")
        raise BadData(
            f"The package datasets cannot read {options.repository!r}: {said}; see dataset.repository, dataset.config "
            "and dataset.split."
        ) from error
    if not len(table):
        raise BadData(f"The split {options.split!r} of {options.repository!r} is empty.")
    return table.select(range(min(options.limit, len(table)))) if options.limit else table


def image_column(table: Any, options: HfOptions) -> str:
    """The name of the column that holds the pictures."""
    found = [name for name, kind in table.features.items() if isinstance(kind, datasets.Image)]
    wanted = [options.image_column] if options.image_column else found
    if len(wanted) == 1 and wanted[0] in found:
        return wanted[0]
    raise BadSetting(
        f"Say with --set dataset.image_column=NAME which column of {options.repository!r} holds the pictures; "
        f"those that do are: {', '.join(found) or 'none'}."
    )


def labels_of(table: Any, options: HfOptions) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Labels int64 [N], and their names: the data set's own for a column of classes, else the values that occur."""
    found = [name for name, kind in table.features.items() if isinstance(kind, datasets.ClassLabel)]
    if options.label_column == UNLABELLED or (not options.label_column and len(found) != 1):
        return None, ()
    name = options.label_column or found[0]
    if name not in table.features:
        known = ", ".join(table.features)
        raise BadSetting(f"{options.repository!r} has no column {name!r}; its columns are: {known}.")
    what = f"The labels in the column {name!r} of {options.repository!r}"
    values = np.asarray(table[name][:])
    labels, classes = numbered(values, len(table), f"{what} (--set dataset.label_column=none leaves them out)")
    return (values.astype(np.int64), tuple(table.features[name].names)) if name in found else (labels, classes)


@dataclass(frozen=True, slots=True)
class HfRows:
    """Samples uint8 [N, C, H, W] in a data set's files; see `Rows` in `ganzoo.api`."""

    table: Any  # a datasets.Dataset whose pictures come as they are stored
    column: str
    name: str  # of the data set, for people
    options: PictureFolderOptions
    sample: tuple[int, ...]  # (C, H, W)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.table), *self.sample)

    @property
    def dtype(self) -> "np.dtype[Any]":
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Pictures [M, C, H, W]. Raises BadData for one that is broken, or of another size than the first."""
        samples = np.empty((len(index), *self.sample), np.uint8)
        for row, number in enumerate(index.tolist()):
            pixels = self.pixels(number)
            if pixels.shape != self.sample:
                (_, high, wide), (_, first_high, first_wide) = pixels.shape, self.sample
                raise BadData(
                    f"The pictures of {self.name!r} differ in size: picture 0 has {first_wide}×{first_high} pixels, "
                    f"picture {number} has {wide}×{high}. Give all one size, e.g. --set dataset.size=64."
                )
            samples[row] = pixels
        return samples

    def pixels(self, number: int) -> NDArray[np.uint8]:
        """One picture [C, H, W]."""
        try:
            with strict_pillow():
                return decode(self.content(number), self.options)
        except DAMAGE as error:
            raise self.unreadable(number, error) from error

    def content(self, number: int) -> bytes:
        """The picture's file."""
        cell = self.table[number][self.column]
        if cell is None:
            raise ValueError("there is none")
        return cell["bytes"] or Path(cell["path"]).read_bytes()

    def digest(self) -> str:
        """SHA-256 over the options and the contents of at most PROBES pictures, evenly spread."""
        summary = hashlib.sha256(f"{self.options.crop};".encode())
        for number in range(0, len(self), -(-len(self) // PROBES)):
            try:
                content = self.content(number)
            except DAMAGE as error:
                raise self.unreadable(number, error) from error
            summary.update(f"{len(content)};".encode() + content)
        return summary.hexdigest()

    def unreadable(self, number: int, error: BaseException) -> BadData:
        return BadData(f"Picture {number} of {self.name!r}, counted from 0, cannot be read: {said(error)}.")

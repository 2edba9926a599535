"""Pictures or points in the user's own .npz or .npy."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganzoo.api import BadData, Data, Source
from ganzoo_datasets.arrays import as_bytes, names_in, numbered, read_array
from ganzoo_datasets.options import NpzOptions

LABELS = ("labels", "y")  # names of arrays that hold labels
CHANNELS = (1, 3)


def open_npz(source: Source, options: NpzOptions) -> Data:
    """Pictures uint8 [N, C, H, W] in 0…255, or points float32 [N, D]; labels where the file has an array of them.

    Three dimensions are grey pictures [N, H, W], four have channels, two are points. What is uint8, or float32 points,
    in a .npy stays a memory-mapped file. Raises BadData for all else.
    """
    assert source.path is not None, "a data set that takes a path is given one"
    path = source.path
    name = chosen(path, options.array)
    values = read_array(path, name)
    what = f"The samples in {path}" if not name else f"The samples in {name!r} of {path}"
    samples = points(values, options.limit, what) if values.ndim == 2 else pictures(values, options, what)
    if not (found := [name for name in LABELS if name in names_in(path)]):
        return Data(samples)
    labels, classes = numbered(read_array(path, found[0]), len(values), f"The labels in {found[0]!r} of {path}")
    return Data(samples, labels[: len(samples)], classes)


def chosen(path: Path, wanted: str) -> str:
    """The name of the array that holds the samples. Raises BadData where that is not clear."""
    names = names_in(path)
    likely = [wanted] if wanted else [name for name in names if name not in LABELS]
    if len(likely) == 1 and likely[0] in names:
        return likely[0]
    known = ", ".join(name or "one without a name" for name in names) or "none"
    raise BadData(
        f"It is not clear which array of {path} holds the samples; name one with --set dataset.array=NAME, "
        f"where there are: {known}."
    )


def points(values: NDArray[Any], limit: int, what: str) -> NDArray[np.float32]:
    """Floats [N, D]."""
    if values.dtype.kind != "f":
        raise BadData(
            f"{what} are {values.dtype} {list(values.shape)}; save pictures as [N, H, W], and points as floats."
        )
    with np.errstate(over="ignore"):  # the host refuses what is infinite
        return values[: limit or len(values)].astype(np.float32, copy=False)


def pictures(values: NDArray[Any], options: NpzOptions, what: str) -> NDArray[np.uint8]:
    """[N, C, H, W] of [N, H, W] or of one of the layouts with channels."""
    if values.ndim == 3:
        return as_bytes(values, options.limit, what)[:, None]
    if values.ndim != 4:
        raise BadData(
            f"{what} have the shape {list(values.shape)}; pictures are [N, H, W], [N, H, W, C] or [N, C, H, W], "
            "and points [N, D]."
        )
    if layout_of(values, options, what) == "NHWC":
        values = values.transpose(0, 3, 1, 2)
    return as_bytes(values, options.limit, what)


def layout_of(values: NDArray[Any], options: NpzOptions, what: str) -> str:
    """Which axis has the channels. Raises BadData where that is not clear, or where they are neither 1 nor 3."""
    fitting = [name for name, axis in (("NHWC", 3), ("NCHW", 1)) if values.shape[axis] in CHANNELS]
    if options.layout in fitting:
        return options.layout
    if options.layout != "auto" or not fitting:
        raise BadData(f"{what} have the shape {list(values.shape)}, in which no {options.layout} has 1 or 3 channels.")
    if len(fitting) == 2:
        raise BadData(
            f"{what} have the shape {list(values.shape)}; say where the channels are, with --set dataset.layout=NHWC "
            "or NCHW."
        )
    return fitting[0]

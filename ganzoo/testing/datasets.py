"""Promises of data sets."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from ganzoo.core.errors import GanzooError, UsageError
from ganzoo.core.specs import Data, DatasetSpec, Rows
from ganzoo.data.check import digest
from ganzoo.data.fetch import load
from ganzoo.testing.report import Inapplicable, ensure

CHANNELS = (1, 3, 4)  # of pictures as files hold them
DIGESTS = ("md5:", "sha256:")
FAR = 100.0  # beyond which points are hardly in a unit that networks learn from


def names_what_it_needs(spec: DatasetSpec) -> None:
    """A licence, whole digests of files, and an `argument` that is one of its options."""
    ensure(spec.licence, "it names no licence; say under which one its owner gives it, or that there is none")
    for file in spec.files:
        ensure(file.urls, f"{file.name} has no URL")
        known = file.digest.startswith(DIGESTS)
        ensure(
            known, f"the digest of {file.name} is {file.digest!r}; write md5:… or sha256:…, of the file as downloaded"
        )
    options = {field.name for field in fields(spec.options)}
    ensure(spec.argument in {"", *options}, f"its argument {spec.argument!r} is none of its options")


def holds_samples_in_their_range(spec: DatasetSpec) -> None:
    """Pictures uint8 [N, C, H, W] in 0…255, points float32 [N, D]."""
    data = opened(spec)
    if isinstance(data.samples, Rows):
        raise Inapplicable("its samples are read one by one, where they are asked for")
    if data.samples.ndim == 4:
        first, last = data.samples.shape[1], data.samples.shape[3]
        turned = last in CHANNELS and first not in CHANNELS
        ensure(
            not turned,
            f"a picture is {list(data.samples.shape[1:])}; channels come first: samples.transpose(0, 3, 1, 2)",
        )
        ensure(
            data.samples.max() > 1, "no pixel is brighter than 1; white is 255, so multiply before you make it uint8"
        )
    else:
        largest = np.abs(data.samples).max()
        ensure(largest < FAR, f"points are up to {largest:.4g} away from 0; bring them to about [-1, 1]")


def opens_the_same_twice(spec: DatasetSpec) -> None:
    """Samples and labels: a run that is resumed opens its data again."""
    same = digest(opened(spec)) == digest(opened(spec))
    ensure(same, "it is another one when it is opened again; draw at random from a seed among its options")


def opened(spec: DatasetSpec) -> Data:
    """With the defaults of its options.

    Raises Inapplicable for one that reads files, as a check downloads nothing, or that lacks a package or an argument.
    """
    if spec.files or spec.takes_path:
        raise Inapplicable("it reads files, which a check does not have; try `ganzoo train … --dataset NAME`")
    try:
        return load(spec, spec.options(), None, lambda items, _title: items)
    except GanzooError as error:
        asks = spec.argument and isinstance(error, UsageError)
        if asks or isinstance(error.__cause__, ImportError):
            raise Inapplicable(str(error)) from error
        raise


OF_DATASETS: dict[str, Callable[[Any], None]] = {
    "names what it needs": names_what_it_needs,
    "holds samples in their range": holds_samples_in_their_range,
    "opens the same twice": opens_the_same_twice,
}

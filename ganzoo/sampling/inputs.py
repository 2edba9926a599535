"""What a user may ask of a bundle: seeds, latents, labels and truncation, each checked in words.

N = batch, Z = latent size.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.core.errors import UsageError, did_you_mean, first_line
from ganzoo.core.manifest import Manifest

if TYPE_CHECKING:  # it takes 0.06 s, of the 0.4 of a first picture
    from jaxtyping import Float32, Int64

PLAIN = re.compile("[0-9]{1,18}")  # numbers as one types them; `int` reads far more
LARGEST = float(np.finfo(np.float32).max)


def seeds_from(seed: int, count: int) -> "Int64[np.ndarray, 'batch']":
    """`seed`, `seed` + 1, …. Raises UsageError where there would be none, or one that is no int64."""
    seed, count = whole_number(seed, "A seed"), whole_number(count, "A count")
    if count < 1:
        raise UsageError(f"Ask for at least 1 sample, not {count}.")
    if not -(2**63) <= seed <= 2**63 - count:
        raise UsageError(f"Seeds {seed}…{seed + count - 1} do not all lie in -2^63…2^63 - 1; choose another.")
    return seed + np.arange(count, dtype=np.int64)


def checked_seeds(seeds: Any) -> "Int64[np.ndarray, 'batch']":
    """Raises UsageError for what is no list of int64."""
    array = as_array(seeds, None, "Seeds")
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu" or array.max() > 2**63 - 1:
        raise UsageError("Seeds are a list of whole numbers in -2^63…2^63 - 1, at least one.")
    return array.astype(np.int64)


def checked_latents(latents: Any, size: int) -> "Float32[np.ndarray, 'batch latent']":
    """Latents as the graph takes them. Raises UsageError for another shape, and for numbers that are not finite."""
    array = as_array(latents, np.float32, "Latents")
    if array.ndim != 2 or array.shape[1] != size or not len(array):
        raise UsageError(f"This bundle takes latents float32 [N, {size}], N at least 1, not {list(array.shape)}.")
    if not np.isfinite(array).all():
        raise UsageError("Latents must be finite, and these hold NaN or infinity.")
    return array


def labels_of(
    seeds: "Int64[np.ndarray, 'batch']", label: int | str | None, manifest: Manifest
) -> "Int64[np.ndarray, 'batch'] | None":
    """The label of each seed's sample; None where the model draws without.

    It is `label`, a class's number or name, for all of them; without it the seed modulo the number of classes.
    """
    if not manifest.conditional:
        if label is not None:
            raise UsageError(f"{manifest.name} does not draw by label; leave the label out.")
        return None
    count = manifest.sample.num_classes
    if label is None:
        return seeds % count
    return np.full_like(seeds, label_number(label, count, manifest.dataset.classes))


def label_number(label: int | str, count: int, names: Sequence[str]) -> int:
    """A class's number, for its number or its name. Raises UsageError where there is no such class."""
    if isinstance(label, str) and label in names:
        return names.index(label)
    with suppress(ValueError, TypeError):
        number = index(label) if not isinstance(label, str) else int(label) if PLAIN.fullmatch(label) else -1
        if 0 <= number < count:
            return number
    known = f"; {did_you_mean(label, names)}" if names and isinstance(label, str) and not label.isdecimal() else "."
    raise UsageError(f"There is no label {label!r}; labels are 0 to {count - 1}{known}")


def checked_labels(labels: Any, count: int, manifest: Manifest) -> "Int64[np.ndarray, 'batch']":
    """Labels as the graph takes them. Raises UsageError where they are missing, superfluous or out of range."""
    classes = manifest.sample.num_classes
    if not manifest.conditional:
        raise UsageError(f"{manifest.name} does not draw by label; leave the labels out.")
    array = as_array([] if labels is None else labels, None, "Labels")
    if array.shape != (count,) or array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= classes:
        raise UsageError(f"{manifest.name} draws by label; give {count} whole numbers in 0…{classes - 1}.")
    return array.astype(np.int64)


def checked_truncation(truncation: float, manifest: Manifest) -> float:
    """Raises UsageError where it is not finite in float32, or the model has none and it is not 1."""
    if not abs(truncation) <= LARGEST:
        raise UsageError(f"Truncation is a number, mostly in 0…1, and 1 for none; not {truncation}.")
    if manifest.truncation == "none" and truncation != 1:
        raise UsageError(f"{manifest.name} has no truncation, as its latents cannot be scaled; leave it out.")
    return truncation


def whole_number(value: Any, what: str) -> int:
    """An int, for one of any kind. Raises UsageError for all else."""
    try:
        return index(value)
    except TypeError as error:
        raise UsageError(f"{what} is a whole number, not {value!r}.") from error


def as_array(values: Any, dtype: Any, what: str) -> np.ndarray:
    """Raises UsageError for text, and for rows of unlike length."""
    try:
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused later
            return np.ascontiguousarray(values, dtype) if dtype else np.asarray(values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} are an array of numbers, and what was given is none: {first_line(error)}.") from error

"""Real samples to compare with, and to score in the place of generated ones: which, and how many."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from ganzoo.catalog import Catalog
from ganzoo.core.errors import BadData, UsageError, did_you_mean
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.specs import Data, Exhibit
from ganzoo.data.check import digest
from ganzoo.data.fetch import load
from ganzoo.data.memory import byte_count, take
from ganzoo.evaluation.classifier import unseen
from ganzoo.training.display import Display

MOST = 2**28  # bytes of real samples that copies are looked for in; more are thinned out


@dataclass(frozen=True, slots=True)
class Real:
    """A data set as it was read."""

    name: str
    options: dict[str, Any]  # all of them, resolved
    data: Data
    digest: str

    @property
    def title(self) -> str:
        split = self.options.get("split")
        return f"{self.name}, {split} split" if split else self.name


@dataclass(frozen=True, slots=True)
class Deal:
    """Rows of a data set: to compare with, as many others to score for the floor, and all that are left."""

    real: Int64[np.ndarray, "N"]
    floor: Int64[np.ndarray, "N"]
    spare: Int64[np.ndarray, "S"]  # those of the floor first


def open_real(name: str, options: dict[str, Any], path: Path | None, catalog: Catalog, display: Display) -> Real:
    """Raises UnknownName, BadSetting and what the data set raises."""
    spec = catalog.datasets[name]
    resolved: Any = parse_options(spec.options, options, "dataset")
    data = load(spec, resolved, path, display.track)
    return Real(name, to_plain(resolved), data, digest(data))


def deal(real: Real, count: int, seed: int, learnt: bool) -> Deal:
    """At most `count` rows of each kind, and none twice; where a classifier has `learnt` from half, of the other half.

    Raises BadData where there are not two.
    """
    total = len(real.data.samples)
    order = np.random.default_rng(seed).permutation(unseen(total) if learnt else np.arange(total))
    half = min(count, len(order) // 2)
    if not half:
        raise BadData(f"{real.title} has {total} samples, too few to compare with and to find a floor; use more.")
    return Deal(order[:half], order[half : 2 * half], order[half:])


def of_classes(real: Real, rows: Int64[np.ndarray, "S"], names: tuple[str, ...], count: int) -> Int64[np.ndarray, "N"]:
    """The first `count` of the rows whose class is among `names`, or of all; BadData where there are none."""
    if names:
        if real.data.labels is None:
            raise BadData(f"{real.title} has no labels, so --classes cannot choose among its samples; leave it out.")
        wanted = [number_of(name, real.data.classes) for name in names]
        rows = rows[np.isin(real.data.labels[rows], wanted)]
    if not len(rows):
        raise BadData(f"No samples of {real.title} are left to score; name other --classes, or use more data.")
    return rows[:count]


def number_of(name: str, classes: tuple[str, ...]) -> int:
    """Of a class by its name, or by its number where no class is called so. Raises UsageError."""
    if name in classes:
        return classes.index(name)
    if name.isdecimal() and int(name) < len(classes):
        return int(name)
    raise UsageError(f"There is no class {name!r}; {did_you_mean(name, classes)}")


def exhibit(real: Real, rows: Int64[np.ndarray, "N"]) -> Exhibit:
    """The samples of these rows, with their labels."""
    return Exhibit(outside(take(real.data.samples, rows)), labels=labels_of(real, rows))


def labels_of(real: Real, rows: Int64[np.ndarray, "N"]) -> np.ndarray | None:
    return None if real.data.labels is None else real.data.labels[rows]


def training_samples(real: Real, without: Int64[np.ndarray, "N"]) -> np.ndarray:
    """All samples but those of the rows `without`; evenly thinned out where they would not fit into MOST bytes."""
    rows = np.setdiff1d(np.arange(len(real.data.samples)), without)
    every = -(-byte_count(real.data.samples) // MOST)
    return outside(take(real.data.samples, rows[::every]))


def outside(samples: np.ndarray) -> np.ndarray:
    """Pictures uint8 [N, C, H, W] as [N, H, W, C]; points as they are."""
    return np.ascontiguousarray(samples.transpose(0, 2, 3, 1)) if samples.ndim == 4 else samples

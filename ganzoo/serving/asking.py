"""What clients ask for: the bodies of requests, and what they mean for a model.

N = samples of a request, Z = latent size.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from ganzoo.core.errors import GanzooError, UsageError
from ganzoo.core.manifest import Manifest
from ganzoo.sampling.inputs import (
    checked_labels,
    checked_latents,
    checked_seeds,
    checked_truncation,
    label_number,
    labels_of,
    seeds_from,
)
from ganzoo.sampling.sampler import MOST_AT_ONCE
from ganzoo.serving.models import most_samples

Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
# Whoever asks for more is told so with a status of its own, so that this limit is described, and not parsed.
Seeds = Annotated[list[Seed], Meta(min_length=1, extra_json_schema={"maxItems": MOST_AT_ONCE})]
Count = Annotated[int, Meta(ge=1, extra_json_schema={"maximum": MOST_AT_ONCE})]
Label = Annotated[int, Meta(ge=0, le=2**31 - 1)] | Annotated[str, Meta(max_length=200)]
Labels = Annotated[list[Label], Meta(min_length=1, extra_json_schema={"maxItems": MOST_AT_ONCE})]
Latent = Annotated[list[float], Meta(min_length=1)]
Latents = Annotated[list[Latent], Meta(min_length=1, extra_json_schema={"maxItems": MOST_AT_ONCE})]
DEFAULT_COUNT = 16


class TooMuch(GanzooError):
    """More than one request may ask for."""


class LatentsWanted(msgspec.Struct, forbid_unknown_fields=True):
    """The latents of `seeds`, or of `count` seeds from `seed` on."""

    seeds: Seeds | UnsetType = UNSET
    count: Count | UnsetType = UNSET
    seed: Seed | UnsetType = UNSET
    format: Literal["json", "npy"] = "json"


class SamplesWanted(msgspec.Struct, forbid_unknown_fields=True):
    """Samples of `seeds`, of `count` seeds from `seed` on, or of `latents`."""

    seeds: Seeds | UnsetType = UNSET
    count: Count | UnsetType = UNSET
    seed: Seed | UnsetType = UNSET
    latents: Latents | UnsetType = UNSET
    labels: Label | Labels | UnsetType = UNSET
    truncation: Annotated[float, Meta(ge=-1e6, le=1e6)] = 1.0
    format: Literal["png", "npy", "json"] = "png"


NOT_TOGETHER = (("seeds", "count"), ("seeds", "seed"), ("latents", "seeds"), ("latents", "count"), ("latents", "seed"))


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What a request means: seeds or latents, and what else the model takes, all checked."""

    count: int  # N
    seeds: np.ndarray | None  # int64 [N]
    latents: np.ndarray | None  # float32 [N, Z], where there are no seeds
    labels: np.ndarray | None  # int64 [N]
    truncation: float = 1.0


def order_of(wanted: SamplesWanted, manifest: Manifest) -> Order:
    """Raises TooMuch for more samples than one request may ask for, UsageError for what the model does not take."""
    check_alone(wanted)
    truncation = checked_truncation(wanted.truncation, manifest)
    if wanted.latents is UNSET:
        seeds = seeds_of(wanted, manifest)
        return Order(len(seeds), seeds, None, labels_wanted(wanted.labels, seeds, len(seeds), manifest), truncation)
    count = len(wanted.latents)
    check_count(count, manifest)
    latents = checked_latents(wanted.latents, manifest.latent_size)
    return Order(count, None, latents, labels_wanted(wanted.labels, None, count, manifest), truncation)


def seeds_wanted(wanted: LatentsWanted, manifest: Manifest) -> np.ndarray:
    """Int64 [N]. Raises as `order_of`."""
    check_alone(wanted)
    return seeds_of(wanted, manifest)


def check_alone(wanted: SamplesWanted | LatentsWanted) -> None:
    """Raises UsageError where it says in two ways what to draw."""
    for pair in NOT_TOGETHER:
        if all(getattr(wanted, each, UNSET) is not UNSET for each in pair):
            raise UsageError(f"Give {pair[0]} or {pair[1]}, not both.")


def seeds_of(wanted: SamplesWanted | LatentsWanted, manifest: Manifest) -> np.ndarray:
    """Int64 [N]."""
    if wanted.seeds is UNSET:
        count = DEFAULT_COUNT if wanted.count is UNSET else wanted.count
        check_count(count, manifest)
        return seeds_from(0 if wanted.seed is UNSET else wanted.seed, count)
    check_count(len(wanted.seeds), manifest)
    return checked_seeds(wanted.seeds)


def check_count(count: int, manifest: Manifest) -> None:
    most = most_samples(manifest)
    if count > most:
        raise TooMuch(f"{manifest.name} draws at most {most} samples for one request, not {count}; ask several times.")


def labels_wanted(
    wanted: int | str | list[int | str] | UnsetType, seeds: np.ndarray | None, count: int, manifest: Manifest
) -> np.ndarray | None:
    """Int64 [N], of one label for all or one for each; without any, seeds take turns. Raises UsageError."""
    if isinstance(wanted, list):
        classes, names = manifest.sample.num_classes, manifest.dataset.classes
        fits = manifest.conditional and len(wanted) == count
        numbers = [label_number(label, classes, names) for label in wanted] if fits else []
        return checked_labels(numbers, count, manifest)
    label = None if wanted is UNSET else wanted
    if seeds is None and label is None and manifest.conditional:
        raise UsageError(f"{manifest.name} draws by label; give labels with the latents.")
    return labels_of(np.zeros(count, np.int64) if seeds is None else seeds, label, manifest)

"""What a run's generator draws for its report: the way from one seed to the next, and samples beside real ones.

Seeds are 0, 1, 2…, never chosen. N = samples, Z = size of a latent, D = numbers in a sample.
"""

from html import escape
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8

from ganzoo.core.specs import Data
from ganzoo.data.memory import byte_count, is_lazy, take
from ganzoo.evaluation.real import MOST, outside
from ganzoo.latents import seed_words
from ganzoo.report.material import Material
from ganzoo.report.pictures import sample_uri
from ganzoo.sampling.pixels import to_uint8
from ganzoo.training.build import code_of
from ganzoo.training.trained import Trained

ROWS, COLUMNS = 6, 9  # of the interpolation
SEEDS, NEAREST = 8, 4  # samples that are compared with real ones, and with how many
MOST_READ = 2**26  # bytes of real samples that are searched where each has to be read or decoded
PART = 5000  # real samples that are compared at a time
AT_ONCE = 32  # samples drawn


def interpolation(material: Material) -> str:
    """A row of pictures for each pair of seeds n and n + 1; nothing for points."""
    if len(material.shape) == 1:
        return ""
    trained = material.trained
    seeds = np.arange(ROWS + 1)
    latents = trained.prior.from_words(seed_words(seeds, trained.prior.words))
    fixed = sum(code_of(trained.prior).categories)
    spherical = is_round(latents) or material.catalog.latents[trained.config.latents.name].normal
    ways = [way(one, other, spherical, fixed) for one, other in pairwise(latents)]
    labels = labels_of(trained, seeds[:-1])
    pictures = draw(trained, np.concatenate(ways), None if labels is None else labels.repeat(COLUMNS))
    rows = "".join(
        f"<figure><figcaption>seed {seed} to {seed + 1}{class_of(material, labels, seed)}</figcaption>"
        f'<div class="way">{"".join(map(img, part))}</div></figure>'
        for seed, part in enumerate(pictures.reshape(ROWS, COLUMNS, *pictures.shape[1:]))
    )
    kind = "along the great circle (spherical)" if spherical else "along the straight line (linear)"
    held = " Categories stay those of the row's first seed." if fixed else ""
    words = f"From each seed's latent to the next one's, {kind}, in {COLUMNS - 1} equal steps.{held}"
    return f"<p>{words} {which(material)}</p>{rows}"


def neighbours(material: Material) -> str:
    """Samples, each beside the real samples that are nearest to it in pixels; nothing for points."""
    if len(material.shape) == 1:
        return ""
    trained = material.trained
    data, seeds = material.data, np.arange(SEEDS)
    labels = labels_of(trained, seeds)
    samples = draw(trained, trained.prior.from_words(seed_words(seeds, trained.prior.words)), labels)
    rows = searched(data)
    found = rows[nearest(samples, data, rows)]  # [SEEDS, NEAREST]
    real = outside(take(data.samples, found.reshape(-1))).reshape(*found.shape, *samples.shape[1:])
    away = np.linalg.norm((values(samples)[:, None] - values(real)).reshape(*found.shape, -1), axis=-1)
    cards = "".join(
        f"<figure><figcaption>seed {seed}{class_of(material, labels, seed)}</figcaption>"
        f'<div class="near"><div>{img(samples[seed])}<span>drawn</span></div>{beside(real[seed], away[seed])}</div>'
        "</figure>"
        for seed in range(SEEDS)
    )
    among = f"{len(rows):,} of the {len(data.samples):,}" if len(rows) < len(data.samples) else f"all {len(rows):,}"
    words = (
        f"The first {SEEDS} samples, never chosen, each beside the nearest of {among} real ones that it was trained "
        "on. Below these is their Euclidean distance in pixels of 0 to 1: a copy is much nearer to the first than to "
        "the second."
    )
    return f'<p>{words} {which(material)}</p><div class="cards">{cards}</div>'


def beside(real: UInt8[np.ndarray, "near H W C"], away: Float[np.ndarray, "near"]) -> str:
    return "".join(
        f"<div>{img(picture)}<span>{distance:.2f}</span></div>" for picture, distance in zip(real, away, strict=True)
    )


def img(picture: UInt8[np.ndarray, "H W C"]) -> str:
    return f'<img src="{sample_uri(picture)}" alt="">'


def which(material: Material) -> str:
    """Whose pictures these are."""
    best = material.run.best()
    said = f"the best by {best.metric}" if best else "the newest checkpoint"
    weights = "averaged weights" if material.trained.weights == "ema" else "weights"
    return escape(f"Drawn with the {weights} of step {material.trained.step:,}, {said}.")


def class_of(material: Material, labels: Int64[np.ndarray, "N"] | None, row: int) -> str:
    """The class that a row is drawn under, in words."""
    if labels is None:
        return ""
    number = int(labels[row])
    return escape(f", class {material.classes[number] if number < len(material.classes) else number}")


def labels_of(trained: Trained, seeds: Int64[np.ndarray, "N"]) -> Int64[np.ndarray, "N"] | None:
    """Classes take turns; None for generators without labels."""
    return seeds % trained.sample.num_classes if trained.conditional else None


@torch.no_grad()
def draw(
    trained: Trained, latents: Float32[np.ndarray, "N Z"], labels: Int64[np.ndarray, "N"] | None
) -> UInt8[np.ndarray, "N H W C"]:
    """Raises GanzooError where a picture holds NaN."""
    parts = []
    for start in range(0, len(latents), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        told = None if labels is None else torch.from_numpy(labels[rows])
        parts.append(to_uint8(trained.generator(torch.from_numpy(latents[rows]), told).numpy()))
    return np.concatenate(parts)


def way(
    one: Float32[np.ndarray, "Z"], other: Float32[np.ndarray, "Z"], spherical: bool, fixed: int
) -> Float32[np.ndarray, "columns Z"]:
    """Latents from `one` to `other`, of which the first `fixed` numbers stay.

    Spherical: White (2016), "Sampling generative networks", arXiv:1609.04468, section 2.1. Normal latents of many
    numbers all lie near a sphere, and points halfway on a straight line do not, so that no generator has learnt them.
    """
    t = np.linspace(0, 1, COLUMNS)[:, None]
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other) or 1.0)
    angle = float(np.arccos(np.clip(cosine, -1, 1)))
    if spherical and np.sin(angle) > 1e-6:  # else they lie on one line through 0
        found = (np.sin((1 - t) * angle) * one + np.sin(t * angle) * other) / np.sin(angle)
    else:
        found = (1 - t) * one + t * other
    found[:, :fixed] = one[:fixed]
    return found.astype(np.float32)


def is_round(latents: Float32[np.ndarray, "N Z"]) -> bool:
    """Whether all have one length, as those of a prior on a sphere."""
    lengths = np.linalg.norm(latents, axis=1)
    return latents.shape[1] > 1 and bool(np.ptp(lengths) < 1e-4 * lengths.max())


def searched(data: Data) -> Int64[np.ndarray, "rows"]:
    """The numbers of the real samples to search: all, or evenly thinned out where they are too many bytes."""
    most = MOST_READ if is_lazy(data.samples) else MOST
    return np.arange(0, len(data.samples), -(-byte_count(data.samples) // most))


def nearest(
    samples: UInt8[np.ndarray, "N H W C"], data: Data, rows: Int64[np.ndarray, "rows"]
) -> Int64[np.ndarray, "N near"]:
    """For each sample, which of `rows` hold the nearest real ones, the nearest first."""
    generated = values(samples).reshape(len(samples), -1)
    parts = []
    for start in range(0, len(rows), PART):
        real = values(outside(take(data.samples, rows[start : start + PART]))).reshape(-1, generated.shape[1])
        parts.append((real * real).sum(1) - 2 * generated @ real.T)  # squared distances, but for a sample's own length
    return np.argsort(np.concatenate(parts, 1), axis=1, kind="stable")[:, :NEAREST]


def values(pictures: UInt8[np.ndarray, "..."]) -> Float32[np.ndarray, "..."]:
    """In 0…1."""
    return pictures.astype(np.float32) / np.float32(255)

"""Promises of priors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ganzoo.core.specs import Code, LatentsSpec
from ganzoo.export.latents_file import latents_to_onnx
from ganzoo.latents import Latents, seed_words
from ganzoo.testing.report import ensure

SEEDS = np.array([0, 1, 7, -1, 2**63 - 1])


def draws_each_latent_by_itself(spec: LatentsSpec) -> None:
    """Float32 [N, Z], finite, each of its own words alone."""
    prior = spec.build(spec.options())
    ensure(isinstance(prior, Latents), "it lacks `size`, `words` or `from_words`")
    words = seed_words(SEEDS, prior.words)
    latents = prior.from_words(words)
    ensure(latents.shape == (len(SEEDS), prior.size), f"latents have the shape {list(latents.shape)}")
    ensure(latents.dtype == np.float32 and np.isfinite(latents).all(), "latents are not finite float32")
    ensure(len(np.unique(latents, axis=0)) == len(SEEDS), "two seeds have the same latent")
    ensure((prior.from_words(words[::-1])[::-1] == latents).all(), "a latent depends on its place in the batch")
    ensure((prior.from_words(words[2:3]) == latents[2:3]).all(), "a latent depends on its batch")


def draws_the_same_bits_in_torch(spec: LatentsSpec) -> None:
    prior = spec.build(spec.options())
    words = seed_words(np.arange(200), prior.words)
    one, other = prior.from_words(words), prior.from_words(torch.from_numpy(words))
    ensure(isinstance(other, torch.Tensor), "for torch's tensors it gives something else")
    ensure((one == other.numpy()).all(), "numpy and torch draw different bits")


def draws_the_same_bits_in_onnxruntime(spec: LatentsSpec) -> None:
    latents_to_onnx(spec.build(spec.options()))  # compares what it makes with numpy


def has_the_code_that_it_names(spec: LatentsSpec) -> None:
    """One-hot columns, then continuous ones, at the beginning."""
    prior = spec.build(spec.options())
    code = getattr(prior, "code", Code())
    latents = prior.from_words(seed_words(np.arange(200), prior.words))
    ensure(code.size <= prior.size, "its code is larger than its latents")
    start = 0
    for size in code.categories:
        columns = latents[:, start : start + size]
        ensure(((columns == 0) | (columns == 1)).all() and (columns.sum(1) == 1).all(), "a category is not one-hot")
        start += size


OF_PRIORS: dict[str, Callable[[Any], None]] = {
    "draws each latent by itself": draws_each_latent_by_itself,
    "draws the same bits in numpy and torch": draws_the_same_bits_in_torch,
    "draws the same bits in onnxruntime": draws_the_same_bits_in_onnxruntime,
    "has the code that it names": has_the_code_that_it_names,
}

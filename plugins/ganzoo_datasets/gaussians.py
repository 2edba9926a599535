"""Points from mixtures of Gaussians, whose modes can be counted. Lin et al. (2018), PacGAN, arXiv:1712.04086."""

from dataclasses import replace
from math import pi

import numpy as np
from numpy.typing import NDArray

from ganzoo.api import Data, Modes, Source
from ganzoo_datasets.options import GridOptions, NormalOptions, RingOptions


def open_ring(_source: Source, options: RingOptions) -> Data:
    """Eight modes; mode i at the angle 2πi/8 on the unit circle."""
    angles = 2 * pi * np.arange(8) / 8
    means = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # [8, 2]
    return mixture(means, options)


def open_grid(_source: Source, options: GridOptions) -> Data:
    """Twenty-five modes on {-4, -2, 0, 2, 4}²; mode 5i + j at (2i - 4, 2j - 4)."""
    steps = np.arange(-4.0, 5.0, 2.0)
    means = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)  # [25, 2]
    return mixture(means, options)


def open_normal(_source: Source, options: NormalOptions) -> Data:
    """One mode on the line, unlabelled."""
    return replace(mixture(np.full((1, 1), options.mean), options), labels=None, classes=())


def mixture(means: NDArray[np.float64], options: RingOptions | GridOptions | NormalOptions) -> Data:
    """Samples float32 [N, D] around means [M, D], each labelled with its mode.

    Sample i comes from mode i mod M: modes then differ by one sample at most, and a mode that a GAN misses was not
    rare by chance. One seed gives the same points as long as numpy keeps its generator.
    """
    labels = np.arange(options.samples, dtype=np.int64) % len(means)
    noise = np.random.default_rng(options.seed).standard_normal((options.samples, means.shape[1]))
    samples = means[labels] + options.std * noise
    classes = tuple(str(mode) for mode in range(len(means)))
    return Data(samples.astype(np.float32), labels, classes, modes=Modes(means, options.std))

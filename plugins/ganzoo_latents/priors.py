"""The priors: bit for bit the same in numpy, in torch and as ONNX graphs.

N = batch, W = words for one latent, Z = latent size, K = components.
"""

from math import isqrt

import numpy as np

from ganzoo.latents import (
    Integers,
    Values,
    Words,
    integer_normals,
    like,
    log2,
    normals,
    scaled,
    seed_words,
    uniforms,
)
from ganzoo_latents.options import MixtureOptions, NormalOptions, SphericalOptions, UniformOptions


class Normal:
    """z ~ N(0, 1) for each coordinate."""

    def __init__(self, options: NormalOptions) -> None:
        self.size = self.words = options.size

    def from_words(self, words: Words) -> Values:
        return normals(words)


class Uniform:
    """z ~ U(-bound, bound) for each coordinate, of variance bound² / 3."""

    def __init__(self, options: UniformOptions) -> None:
        self.size = self.words = options.size
        self.bound = float32(options.bound)

    def from_words(self, words: Words) -> Values:
        return uniforms(words) * self.bound


class Spherical:
    """z = √Z x / ‖x‖ of normals x: uniform on the sphere of radius √Z, so that each coordinate has variance 1."""

    def __init__(self, options: SphericalOptions) -> None:
        self.size = self.words = options.size

    def from_words(self, words: Words) -> Values:
        # Half a unit outward makes every coordinate odd, in units of 2^-22: no row is all zero.
        x = 2 * integer_normals(words) + 1 - 2 * (words & 1)
        return scaled(projected(x, self.size), 2.0**-24)


class GaussianMixture:
    """z = m_k + std x of normals x, with k uniform in 0…K - 1 and m_k on the sphere of radius distance √Z.

    Z words make x, and one more makes k.
    """

    def __init__(self, options: MixtureOptions) -> None:
        self.size = options.size
        self.words = options.size + 1
        self.std = float32(options.std)
        directions = Spherical(SphericalOptions(options.size))
        seeds = np.arange(options.components, dtype=np.int64)
        self.means = directions.from_words(seed_words(seeds, self.size)) * float32(options.distance)  # [K, Z]

    def from_words(self, words: Words) -> Values:
        component = self.component(words)
        return like(words, self.means)[component] + normals(words[:, : self.size]) * self.std

    def component(self, words: Words) -> Integers:
        """k [N] from words [N, W]; each is likely to within 2^-32."""
        return (words[:, self.size] * len(self.means)) >> 32


def projected(x: Integers, size: int) -> Integers:
    """Rows on the sphere of radius √size, in units of 2^-24; integers alone, so that no machine rounds otherwise.

    Rows are scaled by a power of two first, so that their norm has 31 bits. `x` is odd, and below 2^25 in size.
    """
    total = (x * x).sum(-1)[:, None]  # below 2^62 up to a size of 4096
    shift = (61 - log2(total)) >> 1
    norm = square_root(total << 2 * shift)  # 2^30…2^31
    return (x << shift) * isqrt(size << 48) // norm


def square_root(total: Integers) -> Integers:
    """√total of integers in 2^60…2^62, to within one unit; Newton's steps from above.

    2^31 is at most twice too large; the relative errors are then 0.25, 0.025, 3e-4, 5e-8 and 1e-15.
    """
    root: Integers = 2**31
    for _ in range(5):
        root = (root + total // root) >> 1
    return root


def float32(value: float) -> float:
    """The float32 nearest to `value`, so that numpy and torch multiply by the same number."""
    return float(np.float32(value))

"""What priors are made of. Public; imports numpy, no torch.

A prior is a pure function of uniform 32-bit words. Training feeds it words that depend on the run's seed and step,
sampling feeds it words that depend on a picture's seed, and both get the same latents from the same words.

Every function here takes numpy arrays and torch tensors alike, returns the kind that it was given, and computes in
int64: the same code therefore gives the same bits in both, on any machine. An export runs it on arrays of a third kind,
which write down what is done with them; so priors use operators, and `namespace` for the rest.

N = batch, W = words for one latent, Z = latent size.
"""

import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

from ganzoo.core.errors import GanzooError

Seeds = Any  # int64 [N], any value: a numpy array, or a torch tensor
Words = Any  # int64 [N, W], each in 0…2^32 - 1, of either kind
Integers = Any  # int64, of the same kind and shape as what they are made from
Values = Any  # float32 [N, Z], of the same kind

LOW = 0xFFFFFFFF  # the low 32 bits

# The constants of Philox4x32, from Salmon et al. (2011).
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10

UNIT = 2.0**-21  # of `integer_normals`
QUANTILES = Path(__file__).with_name("normal_quantile.npy")
QUANTILES_SHA256 = "8a995a68d887ab0846371887ff12cc27f4a17508045b89a74729e5538aef9bea"


@runtime_checkable
class Latents(Protocol):
    """The prior p_z."""

    size: int  # Z
    words: int  # W

    def from_words(self, words: Words) -> Values:
        """Latents [N, Z] from words [N, W]; row by row, so that no latent depends on its batch.

        Made of operators, the functions below and those of `namespace(words)`, it runs on arrays of every kind.
        """
        ...


def seed_words(seeds: Seeds, count: int, stream: int = 0) -> Words:
    """`count` uniform words for each seed, [N, count]; they depend on seed and stream alone, not on the batch.

    Block b of four words is Philox4x32-10 of the counter (b, stream, 0, 0) under the seed's two halves, low half
    first, as the key. `stream`, in 0…2^32 - 1, keeps independent uses of a seed apart. More words never change the
    earlier ones. Raises GanzooError for seeds that are not int64 [N], and for a count or a stream out of range.
    """
    xp = namespace(seeds)
    if seeds.dtype != xp.int64 or seeds.ndim != 1:
        raise GanzooError(f"Seeds are int64 [N], not {seeds.dtype} {list(seeds.shape)}; convert them first.")
    if count < 1 or not 0 <= stream <= LOW:
        raise GanzooError(f"Ask for at least 1 word of a stream in 0…2^32 - 1, not for {count} of stream {stream}.")
    blocks = like(seeds, np.arange((count + 3) // 4, dtype=np.int64))[None]  # [1, B]
    key = (seeds[:, None] & LOW, (seeds[:, None] >> 32) & LOW)  # 2 × [N, 1]
    words = xp.stack(philox4x32((blocks, stream, 0, 0), key), -1)  # [N, B, 4]
    return words.reshape(-1, 4 * blocks.shape[1])[:, :count]


def philox4x32(counter: tuple[Integers, ...], key: tuple[Integers, ...]) -> tuple[Integers, ...]:
    """Four uniform words for four words of counter and two of key; the arguments broadcast.

    Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
    """
    c0, c1, c2, c3 = counter
    for n in range(ROUNDS):
        k0, k1 = ((half + n * step) & LOW for half, step in zip(key, KEY_STEPS, strict=True))
        high0, low0 = product(c0, MULTIPLIERS[0])
        high1, low1 = product(c2, MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return c0, c1, c2, c3


def product(word: Integers, multiplier: int) -> tuple[Integers, Integers]:
    """The high and the low 32 bits of a product of 64 bits, with no step that overflows int64.

    `multiplier` lies in 2^31…2^32, so that word × (multiplier - 2^32) is small enough; what was taken off is
    word × 2^32, which belongs to the high half alone.
    """
    rest = word * (multiplier - 2**32)
    return word + (rest >> 32), rest & LOW


def normals(words: Words) -> Values:
    """Standard normal float32, one for each word: the inverse distribution function to within 3.5e-6, |z| < 6.4."""
    return scaled(integer_normals(words), UNIT)


def integer_normals(words: Words) -> Integers:
    """The same as int64 multiples of 2^-21; below 2^24 in size, so that float32 holds them exactly.

    The lowest bit is the sign and p = (word | 1) / 2^33, in (0, 1/2), the probability of the tail beyond |z|. The
    quantile is linear in p within each of 32 × 128 cells: the octaves of p, each cut in 128 equal parts. As float64
    holds a word exactly, its bits are the place of p among the cells: exponent, 7 bits of cell, 24 bits within it.
    """
    xp = namespace(words)
    offset, slope = (like(words, table) for table in quantile_lines())
    place = float64_bits(words | 1)
    place >>= 21
    place -= 1023 << 31  # cell × 2^24 + place within the cell
    cell = place >> 24
    place *= xp.take(slope, cell)  # from here on the size
    place += xp.take(offset, cell)
    place >>= 31
    place *= 1 - ((words & 1) << 1)
    return place


@cache
def quantile_lines() -> tuple[Int64[np.ndarray, "cells"], Int64[np.ndarray, "cells"]]:
    """Offset and slope of each cell's line, int64 [4096]; offset + slope × place is |z| × 2^52, plus a half to round.

    The frozen knots are |z| × 2^28 at p = 2^(octave - 33) × (1 + cell / 128), and at 1/2. No product passes 2^57.
    """
    data = QUANTILES.read_bytes()
    if hashlib.sha256(data).hexdigest() != QUANTILES_SHA256:
        raise GanzooError(f"{QUANTILES} is damaged, and latents would differ from everyone else's; reinstall ganzoo.")
    knots = np.load(QUANTILES).astype(np.int64)
    slope = np.diff(knots)
    start = np.arange(len(slope), dtype=np.int64) << 24
    return (knots[:-1] << 24) + (1 << 30) - slope * start, slope


def uniforms(words: Words) -> Values:
    """Uniform float32 in the open interval (-1, 1), one for each word: odd multiples of 2^-23, so never 0, and z is
    as likely as -z."""
    return scaled(((words >> 9) << 1) + (1 - 2**23), 2.0**-23)


def scaled(integers: Integers, unit: float) -> Values:
    """Float32: the integers, rounded to the nearest where they pass 2^24, times `unit`, a power of two."""
    xp = namespace(integers)
    return xp.asarray(integers, dtype=xp.float32) * unit


def log2(integers: Integers) -> Integers:
    """The logarithm of positive integers, rounded down; each loses its second bit, lest float64 round it up."""
    return (float64_bits(integers - (integers & integers >> 1)) >> 52) - 1023


def float64_bits(integers: Integers) -> Integers:
    """Sign, exponent and mantissa of the integers as float64: every octave of 2^52 bit patterns is cut evenly.

    From 2^53 on, numpy and torch round the mantissa, and a graph cuts it off.
    """
    xp = namespace(integers)
    return xp.asarray(integers, dtype=xp.float64).view(xp.int64)


def namespace(array: Any) -> Any:
    """numpy for numpy's arrays; what others name by the array API standard; torch for tensors, which name nothing."""
    if isinstance(array, np.ndarray):
        return np
    return array.__array_namespace__() if hasattr(array, "__array_namespace__") else sys.modules["torch"]


def like(array: Any, table: np.ndarray) -> Any:
    """The table, of the same kind and on the same device as `array`; not to be written to, as memory may be shared."""
    return table if isinstance(array, np.ndarray) else namespace(array).asarray(table, device=array.device)

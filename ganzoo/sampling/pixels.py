"""From the range inside ganzoo, [-1, 1], to the range outside of it, 0…255."""

import numpy as np
from jaxtyping import Float32, UInt8

from ganzoo.core.errors import GanzooError


def to_uint8(
    samples: Float32[np.ndarray, "batch channels height width"],
) -> UInt8[np.ndarray, "batch height width channels"]:
    """Pictures as programs and files want them: channels last, -1 to 0 and 1 to 255, halves rounded up.

    Every picture that ganzoo makes is rounded by this rule, or by the same one in a bundle's graph. What lies outside
    of [-1, 1] is clipped. Raises GanzooError where a value is not a number: what it would become depends on the
    machine.
    """
    levels = samples.transpose(0, 2, 3, 1) * np.float32(127.5)
    levels += np.float32(128)
    np.clip(levels, 0, 255, out=levels)
    if np.isnan(levels).any():
        raise GanzooError("A picture holds NaN: the generator has diverged. Take an earlier checkpoint.")
    return np.ascontiguousarray(np.floor(levels, out=levels).astype(np.uint8))

"""What priors are made of. Public; imports numpy, no torch.

A prior is a pure function of uniform 32-bit words. Training feeds it words that depend on the run's seed and step,
sampling feeds it words that depend on a picture's seed, and both get the same latents from the same words.

N = batch, W = words for one latent, Z = latent size.
"""

from typing import Any, Protocol, runtime_checkable

Words = Any  # int64 [N, W], each in 0…2^32 - 1: a numpy array, or a torch tensor
Values = Any  # float32 [N, Z], of the same kind


@runtime_checkable
class Latents(Protocol):
    """The prior p_z."""

    size: int  # Z
    words: int  # W

    def from_words(self, words: Words) -> Values:
        """Latents [N, Z] from words [N, W]; row by row, so that no latent depends on its batch."""
        ...

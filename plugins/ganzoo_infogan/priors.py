"""Latents with named parts: bit for bit the same in numpy, in torch and as ONNX graphs.

N = batch, W = words for one latent, Z = latent size.
"""

import numpy as np

from ganzoo.api import BadSetting, Code
from ganzoo.latents import Values, Words, like, namespace, normals, uniforms
from ganzoo_infogan.options import StructuredOptions


class Structured:
    """Codes first, then noise: each categorical one-hot, continuous ones from U(-1, 1). Chen et al. (2016), section 4.

    One word for each categorical code, and one for each other number.
    """

    def __init__(self, options: StructuredOptions) -> None:
        """Raises BadSetting where there would be no code at all."""
        self.code = Code(options.categories, options.continuous)
        if self.code.size == 0:
            raise BadSetting(
                "Structured latents have codes; set latents.categories or latents.continuous, or else "
                "latents.name=normal."
            )
        self.size = self.code.size + options.noise
        self.words = len(options.categories) + options.continuous + options.noise
        self.noise = normals if options.distribution == "normal" else uniforms

    def from_words(self, words: Words) -> Values:
        """Float32 [N, Z] from words [N, W]; each value of a categorical is likely to within 2^-32."""
        first, last = len(self.code.categories), len(self.code.categories) + self.code.continuous
        parts = [one_hot(words[:, n], values) for n, values in enumerate(self.code.categories)]
        parts += [uniforms(words[:, first:last]), self.noise(words[:, last:])]
        return namespace(words).concatenate(parts, 1)


def one_hot(words: Words, values: int) -> Values:
    """Float32 [N, values] from words [N]: a single 1 in each row, anywhere with the same probability."""
    xp = namespace(words)
    value = (words * values) >> 32  # [N]
    return xp.asarray(value[:, None] == like(words, np.arange(values))[None], dtype=xp.float32)

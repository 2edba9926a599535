"""Handwritten digits of 43 people, small enough to come with scikit-learn.

Alpaydin and Kaynak (1998), https://doi.org/10.24432/C50P49; here the 1,797 pictures of its test set.
"""

import numpy as np
from sklearn.datasets import load_digits

from ganzoo.api import Data, Source

WHITE = 16  # pixels of the scan that were on, of the 4×4 behind each of ours


def open_digits(_source: Source, _options: object) -> Data:
    """1,797 pictures, uint8 [N, 1, 8, 8] in 0…255, labels 0…9. The file's 0…16 are stretched to 0…255."""
    bunch = load_digits()
    samples = np.rint(bunch.images * (255 / WHITE)).astype(np.uint8)
    return Data(samples[:, None], bunch.target.astype(np.int64), tuple("0123456789"))

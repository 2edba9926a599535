"""Every random draw is a function of the run's seed, a stream's name and a counter, and of nothing else.

So a resumed run needs no generator's state, and looking at a run cannot change it.
"""

from hashlib import blake2b

import numpy as np
import torch
from jaxtyping import Int


def stream(seed: int, name: str, counter: int) -> np.random.Philox:
    """The bit generator of one draw: the same numbers at every call. Philox, Salmon et al. (2011)."""
    key = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
    return np.random.Philox(key=np.array([seed, key], np.uint64), counter=np.array([0, 0, counter, 0], np.uint64))


def draw_words(bits: np.random.Philox, count: int, width: int) -> Int[np.ndarray, "count width"]:
    """Uniform 32-bit words, as int64 in 0…2^32 - 1."""
    raw = np.asarray(bits.random_raw((count * width + 1) // 2))
    return raw.view(np.uint32)[: count * width].astype(np.int64).reshape(count, width)


def seed_torch(seed: int, name: str, counter: int, rank: int = 0) -> None:
    """Seed torch's global generators, which dropout draws from; each process has a sequence of its own."""
    digest = blake2b(f"{seed}/{name}/{counter}{f'/{rank}' * bool(rank)}".encode(), digest_size=8).digest()
    value = int.from_bytes(digest, "little") >> 1
    torch.default_generator.manual_seed(value)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(value)

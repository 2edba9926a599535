"""Random numbers for penalties and augmentations: row i belongs to sample i of the whole batch, whoever computes it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganzoo.training.randomness import stream


@dataclass(slots=True)
class RowNoise:
    """The rows `share` of what one update draws for a batch of `batch_size`; see `ganzoo.contracts.Noise`."""

    seed: int
    name: str  # of the stream
    update: int
    batch_size: int
    share: range
    device: torch.device
    calls: int = 0

    def uniform(self, *shape: int) -> Float[Tensor, "batch ..."]:
        return self.rows(self.generator().random((self.batch_size, *shape), np.float32))

    def normal(self, *shape: int) -> Float[Tensor, "batch ..."]:
        return self.rows(self.generator().standard_normal((self.batch_size, *shape), np.float32))

    def generator(self) -> np.random.Generator:
        """A fresh one for every call."""
        self.calls += 1
        return np.random.Generator(stream(self.seed, f"{self.name} {self.calls}", self.update))

    def rows(self, drawn: Float[np.ndarray, "batch ..."]) -> Tensor:
        return torch.from_numpy(drawn[self.share.start : self.share.stop]).to(self.device)

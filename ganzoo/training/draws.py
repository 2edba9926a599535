"""What each update is given: real samples and latents, as a function of the update's number."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ganzoo.contracts import Batch
from ganzoo.core.specs import Data
from ganzoo.latents import Latents
from ganzoo.training.randomness import draw_words, stream


class Draws:
    """The whole data set on the device, and the prior."""

    def __init__(self, data: Data, latents: Latents, batch_size: int, seed: int, device: torch.device) -> None:
        self.samples = torch.from_numpy(data.samples).to(device)  # uint8 [N, C, H, W] or float32 [N, D]
        self.labels = None if data.labels is None else torch.from_numpy(data.labels).to(device)
        self.prior = latents
        self.batch_size = batch_size
        self.seed = seed
        self.order = lru_cache(maxsize=2)(self.order_of_epoch)  # a batch may straddle two epochs

    @property
    def count(self) -> int:
        """Real samples in the data set."""
        return len(self.samples)

    def batch(self, update: int) -> Batch:
        """The real samples, labels and latents of one discriminator update."""
        index = self.index(update)
        labels = None if self.labels is None else self.labels[index]
        return Batch(to_unit_range(self.samples[index]), labels, self.latents("discriminator latents", update))

    def latents(self, name: str, counter: int) -> Float[Tensor, "batch latent"]:
        """Latents from the stream of that name."""
        words = draw_words(stream(self.seed, name, counter), self.batch_size, self.prior.words)
        # copied, since results may depend on how memory is aligned, and numpy's alignment varies
        return torch.tensor(self.prior.from_words(words), device=self.samples.device)

    def index(self, update: int) -> Int[Tensor, "batch"]:
        """Which samples an update sees: each once an epoch, in an order that each epoch draws anew."""
        start = update * self.batch_size
        epoch, position = divmod(start, self.count)
        order = self.order(epoch)[position : position + self.batch_size]
        if len(order) < self.batch_size:
            order = torch.cat([order, self.order(epoch + 1)[: self.batch_size - len(order)]])
        return order

    def order_of_epoch(self, epoch: int) -> Int[Tensor, "samples"]:
        generator = np.random.Generator(stream(self.seed, "order", epoch))
        return torch.from_numpy(generator.permutation(self.count)).to(self.samples.device)


def to_unit_range(samples: Tensor) -> Float[Tensor, "batch *sample"]:
    """Pictures from 0…255 to [-1, 1]; points as they are."""
    return samples.float().div_(127.5).sub_(1) if samples.dtype == torch.uint8 else samples

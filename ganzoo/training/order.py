"""In which order samples are seen."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from ganzoo.training.randomness import stream


class Order:
    """Each sample once an epoch, in an order that each epoch draws anew."""

    def __init__(self, count: int, batch_size: int, seed: int, device: torch.device) -> None:
        self.count = count
        self.batch_size = batch_size
        self.seed = seed
        self.device = device
        self.epoch = lru_cache(maxsize=2)(self.order_of_epoch)  # a batch may straddle two epochs

    def batch(self, update: int) -> Int[Tensor, "batch"]:
        """Which samples an update sees."""
        epoch, position = divmod(update * self.batch_size, self.count)
        order = self.epoch(epoch)[position : position + self.batch_size]
        if len(order) < self.batch_size:
            order = torch.cat([order, self.epoch(epoch + 1)[: self.batch_size - len(order)]])
        return order

    def order_of_epoch(self, epoch: int) -> Int[Tensor, "samples"]:
        generator = np.random.Generator(stream(self.seed, "order", epoch))
        return torch.from_numpy(generator.permutation(self.count)).to(self.device)

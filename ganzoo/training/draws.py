"""What each update is given: real samples, latents and noise, as a function of the update's number."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganzoo.contracts import Batch
from ganzoo.core.config import RunConfig
from ganzoo.core.specs import Data
from ganzoo.latents import Latents
from ganzoo.training.moving import check_moves, moved
from ganzoo.training.noise import RowNoise
from ganzoo.training.order import Order
from ganzoo.training.randomness import draw_words, stream
from ganzoo.training.streaming import Labelled, Streamed, wants_stream

WORDS_AT_ONCE = 2**17  # drawn together, since an update's few would find the cache cold: 1 MiB
WORDS_IN_CACHE = 2**13  # a part of those


class Draws:
    """The data set, all of it on the device or read piece by piece, and the prior.

    `shares` are the rows of each batch that this process computes, one range for each pass.
    Raises BadSetting where the settings move pictures and the samples are none.
    """

    def __init__(
        self, data: Data, latents: Latents, config: RunConfig, device: torch.device, shares: Sequence[range] = ()
    ) -> None:
        check_moves(config, data.spec)
        self.count = len(data.samples)  # real samples in the data set
        self.prior = latents
        self.batch_size = config.batch_size
        self.seed = config.seed
        self.mirror, self.shift = config.mirror, config.shift
        self.device = device
        self.ahead = max(1, WORDS_AT_ONCE // (config.batch_size * latents.words))  # updates
        self.many_latents = lru_cache(maxsize=2)(self.draw_latents)  # for each player
        self.shares = list(shares) or [range(config.batch_size)]
        kind = Streamed if wants_stream(data, config, device) else Held
        self.real: Streamed | Held = kind(data, config, device, self.shares)

    def first(self, count: int) -> Float[Tensor, "count *sample"]:
        """The first real samples of the data set, or all, neither mirrored nor shifted."""
        return to_unit_range(self.real.first(count))

    def discriminator(self, update: int) -> list[Batch]:
        """What one update of the discriminator computes here, a batch for each pass.

        Raises BadData for samples that are read only now, and cannot be.
        """
        latents = self.latents("discriminator latents", update)
        return [
            Batch(
                real=to_unit_range(self.moved(samples, update, share)),
                labels=labels,
                latents=latents[share.start : share.stop],
                noise=self.noise("discriminator noise", update, share),
            )
            for share, (samples, labels) in zip(self.shares, self.real.read(update), strict=True)
        ]

    def generator(self, step: int, batches: Sequence[Batch]) -> list[Batch]:
        """The same real samples with latents and noise of the generator's own."""
        latents = self.latents("generator latents", step)
        return [
            Batch(
                real=batch.real,
                labels=batch.labels,
                latents=latents[share.start : share.stop],
                noise=self.noise("generator noise", step, share),
            )
            for batch, share in zip(batches, self.shares, strict=True)
        ]

    def latents(self, name: str, counter: int) -> Float[Tensor, "batch latent"]:
        """Those of the whole batch, from the stream of that name."""
        many, one = divmod(counter, self.ahead)
        return self.many_latents(name, many)[one]

    def draw_latents(self, name: str, many: int) -> Float[Tensor, "updates batch latent"]:
        """Those of several updates, and in small parts: all that a part needs then stays in the processor's cache."""
        words = draw_words(stream(self.seed, name, many), self.ahead * self.batch_size, self.prior.words)
        rows = max(1, WORDS_IN_CACHE // self.prior.words)
        parts = [self.prior.from_words(words[start : start + rows]) for start in range(0, len(words), rows)]
        # copied, since results may depend on how memory is aligned, and numpy's alignment varies
        latents = torch.tensor(np.concatenate(parts), device=self.device)
        return latents.view(self.ahead, self.batch_size, -1)

    def noise(self, name: str, counter: int, share: range) -> RowNoise:
        return RowNoise(self.seed, name, counter, self.batch_size, share, self.device)

    def moved(self, samples: Tensor, update: int, share: range) -> Tensor:
        if not self.mirror and not self.shift:
            return samples
        return moved(samples, self.noise("moves", update, share), mirror=self.mirror, shift=self.shift)

    def close(self) -> None:
        """End the processes that read samples, if there are any."""
        self.real.close()


class Held:
    """The whole data set on the device."""

    def __init__(self, data: Data, config: RunConfig, device: torch.device, shares: Sequence[range]) -> None:
        assert isinstance(data.samples, np.ndarray), "what is read piece by piece is streamed"
        self.samples = torch.from_numpy(data.samples).to(device)  # uint8 [N, C, H, W] or float32 [N, D]
        self.labels = None if data.labels is None else torch.from_numpy(data.labels).to(device)
        self.order = Order(len(data.samples), config.batch_size, config.seed, device)
        self.shares = shares

    def first(self, count: int) -> Tensor:
        return self.samples[:count]

    def read(self, update: int) -> list[Labelled]:
        """The samples of one update, one part for each pass."""
        index = self.order.batch(update)
        parts = [index[share.start : share.stop] for share in self.shares]
        return [Labelled(self.samples[own], None if self.labels is None else self.labels[own]) for own in parts]

    def close(self) -> None:
        pass


def to_unit_range(samples: Tensor) -> Float[Tensor, "batch *sample"]:
    """Pictures from 0…255 to [-1, 1]; points as they are."""
    return samples.float().div_(127.5).sub_(1) if samples.dtype == torch.uint8 else samples

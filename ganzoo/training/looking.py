"""What people see of a run: always the same latents, so that pictures of two steps can be compared."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ganzoo.latents import seed_words
from ganzoo.sampling.grid import save_grid
from ganzoo.sampling.pixels import to_uint8
from ganzoo.training.build import Components

PICTURES = 64
POINTS = 2000


@torch.no_grad()
def save_samples(generator: nn.Module, parts: Components, path: Path) -> None:
    """Draw from seeds 0, 1, 2… with the averaged generator, in eval mode. Uses none of the run's random numbers."""
    count = PICTURES if parts.sample.is_picture else POINTS
    prior, device = parts.prior, parts.draws.samples.device
    latents = prior.from_words(seed_words(np.arange(count), prior.words))
    samples = generator(torch.from_numpy(latents).to(device), None).cpu().numpy()
    if parts.sample.is_picture:
        save_grid(to_uint8(samples), path)
    else:
        save_grid(samples, path, reference=parts.draws.samples[:POINTS].cpu().numpy())

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
    """Draw from seeds 0, 1, 2… with the averaged generator, in eval mode. Uses none of the run's random numbers.

    The labels of labelled data take turns. Of several processes one looks.
    """
    if not parts.engine.processes.leads:
        return
    count = PICTURES if parts.sample.is_picture else POINTS
    prior, device = parts.prior, parts.engine.device
    latents = prior.from_words(seed_words(np.arange(count), prior.words))
    classes = parts.sample.num_classes
    labels = torch.arange(count, device=device) % classes if classes else None
    samples = generator(torch.from_numpy(latents).to(device), labels).cpu().numpy()
    if parts.sample.is_picture:
        save_view(to_uint8(samples), path)
    else:
        save_view(samples, path, reference=parts.draws.first(POINTS).cpu().numpy())


def save_view(samples: np.ndarray, path: Path, reference: np.ndarray | None = None) -> None:
    """A picture of samples uint8 [N, H, W, C] or float32 [N, D], whatever C and D, so that a look never ends a run.

    Numbers, D = 1, are shown by their distribution.
    """
    if samples.ndim == 2 and samples.shape[1] == 1:
        samples, reference = distribution(samples), None if reference is None else distribution(reference)
    save_grid(samples, path, reference=reference)


def distribution(numbers: np.ndarray) -> np.ndarray:
    """Of numbers [N, 1] the points [N, 2]: each number, and the share of all that is not above it."""
    share = np.arange(1, len(numbers) + 1, dtype=np.float32) / len(numbers)
    return np.stack([np.sort(numbers[:, 0]), share], axis=1)

"""What a generator must be to be exported: its samples depend on their own latents, and on nothing else."""

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.core.errors import ExportFailed, first_line
from ganzoo.core.specs import SampleSpec
from ganzoo.latents import Latents, seed_words

BATCH_SIZES = (1, 2, 3, 7)
TOLERANCE = 1e-5  # of float32 samples in [-1, 1]; of larger points, in the unit of the largest


def check_generator(generator: nn.Module, sample: SampleSpec, prior: Latents, *, conditional: bool = False) -> None:
    """Raise ExportFailed unless torch draws finite float32 [N, S...], at every batch size the same samples."""
    count = max(BATCH_SIZES)
    latents, labels = real_latents(prior, count), labels_for(count, sample, conditional=conditional)

    def first(size: int) -> np.ndarray:
        return draw(generator, sample, latents[:size], None if labels is None else labels[:size])

    batches = {size: first(size) for size in BATCH_SIZES}
    if difference(batches[3], first(3)) > allowed(batches[3]):
        raise ExportFailed(
            "The generator gives other samples for the same latents at each call, as torch.randn in forward does, "
            "or dropout that does not depend on `self.training`; noise must come in through the latents."
        )
    rows = [slice(n, n + 1) for n in range(count)]
    alone = np.concatenate(
        [draw(generator, sample, latents[row], None if labels is None else labels[row]) for row in rows]
    )
    for size, samples in batches.items():
        worst = difference(samples, alone[:size])
        if worst > allowed(alone):
            raise ExportFailed(
                f"In a batch of {size} a sample differs by {worst:.2g} from what its latents give alone; the usual "
                "cause is a forward that takes statistics of its batch in eval mode, or looks at its size."
            )


def real_latents(prior: Latents, count: int) -> np.ndarray:
    """Those of the seeds 0, 1, 2…: float32 [count, Z]."""
    latents: np.ndarray = prior.from_words(seed_words(np.arange(count), prior.words))
    return latents


def labels_for(count: int, sample: SampleSpec, *, conditional: bool) -> np.ndarray | None:
    """The labels 0, 1, 2… in turn, int64 [count], for a generator that reads some."""
    return np.arange(count, dtype=np.int64) % sample.num_classes if conditional else None


@torch.no_grad()
def draw(generator: nn.Module, sample: SampleSpec, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """What torch draws in eval mode, float32 [N, S...]. Raises ExportFailed where it draws something else."""
    size = len(latents)
    try:
        given = None if labels is None else torch.from_numpy(labels)
        samples = generator.eval()(torch.from_numpy(latents), given)
    except Exception as error:  # a network may raise anything
        raise ExportFailed(
            f"The generator fails on a batch of {size} {'without' if labels is None else 'with'} labels: "
            f"{first_line(error)}. It must draw any number of samples, each on its own."
        ) from error
    if not isinstance(samples, Tensor):
        raise ExportFailed(f"The generator gives a {type(samples).__name__}, and must give a tensor of samples.")
    found, expected = list(samples.shape), [size, *sample.shape]
    if found != expected or samples.dtype != torch.float32:
        raise ExportFailed(
            f"For a batch of {size} the generator gives samples {name_of(samples.dtype)} {found}, not float32 "
            f"{expected}; see its last operation."
        )
    if not samples.isfinite().all():
        raise ExportFailed("The generator's samples are NaN or infinite: it has diverged, so train it anew.")
    return samples.numpy()


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest absolute difference."""
    return float(np.abs(found.astype(np.float64) - expected).max())


def allowed(samples: np.ndarray) -> float:
    """The difference that rounding may make: float32 is as fine as its numbers are small."""
    return TOLERANCE * max(1.0, float(np.abs(samples).max()))


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

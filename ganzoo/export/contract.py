"""What a generator must be to be exported: its samples depend on their own latents, and on nothing else."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.core.errors import ExportFailed, first_line
from ganzoo.core.specs import SampleSpec
from ganzoo.export.diagnosis import at_fault, of_batch, of_chance, where_raised
from ganzoo.latents import Latents, seed_words

BATCH_SIZES = (1, 2, 3, 7)
TRUNCATIONS = (1.0, 0.5)  # where a generator has one: as trained, and between that and the mean

# Of float32 samples in [-1, 1]; of larger points, in the unit of the largest. With fresh weights of every recipe's
# generator onnxruntime and torch differed by 1e-9 to 7e-6 (StyleGAN2), both as far from float64 as from each other;
# with trained ones by up to 4e-6 (R3GAN), and 1.4e-5 in a StyleGAN2 of 64 pixels. A grey level is 8e-3.
TOLERANCE = 1e-4

Inputs = Mapping[str, np.ndarray]  # seed int64 [N], latents float32 [N, Z], perhaps label int64 [N], truncation []


def check_generator(
    generator: nn.Module, sample: SampleSpec, prior: Latents, *, conditional: bool = False, truncates: bool = False
) -> None:
    """Raise ExportFailed unless torch draws finite float32 [N, S...], at every batch size the same samples."""
    for case, inputs in real_inputs(sample, prior, conditional=conditional, truncates=truncates).items():
        together = draw(generator, sample, inputs)
        check_repeats(generator, sample, inputs, together)
        check_alone(generator, sample, inputs, together, case)


def check_repeats(generator: nn.Module, sample: SampleSpec, inputs: Inputs, samples: np.ndarray) -> None:
    """Raise ExportFailed where a second call gives other samples."""
    if difference(samples, draw(generator, sample, inputs)) > allowed(samples):
        raise ExportFailed(
            "The generator gives other samples for the same latents at each call, as torch.randn in forward does, or "
            "dropout that does not depend on `self.training`; noise must come in through the latents."
            + at_fault(generator, of_chance(generator, lambda: call(generator, inputs)))
        )


def check_alone(generator: nn.Module, sample: SampleSpec, inputs: Inputs, samples: np.ndarray, case: str) -> None:
    """Raise ExportFailed where a sample depends on its batch."""
    rows = one_by_one(inputs)
    alone = np.concatenate([draw(generator, sample, row) for row in rows])
    worst = difference(samples, alone)
    if worst > allowed(alone):
        calls = [partial(call, generator, row) for row in rows]
        raise ExportFailed(
            f"At {case} a sample differs by {worst:.2g} from what its latents give alone; the usual cause is a forward "
            "that takes statistics of its batch in eval mode, or looks at its size."
            + at_fault(generator, of_batch(generator, lambda: call(generator, inputs), calls))
        )


def real_inputs(
    sample: SampleSpec, prior: Latents, *, conditional: bool = False, truncates: bool = False
) -> dict[str, Inputs]:
    """Batches of every size, at each truncation where there is one, by what to call them, e.g. "batch 7".

    The latents are those of the seeds 0, 1, 2…, no seed twice; labels take turns.
    """
    cases: dict[str, Inputs] = {}
    first = 0
    for truncation in TRUNCATIONS if truncates else (None,):
        for size in BATCH_SIZES:
            seeds = np.arange(first, first + size, dtype=np.int64)
            first += size
            inputs = {"seed": seeds, "latents": prior.from_words(seed_words(seeds, prior.words))}
            if conditional:
                inputs["label"] = seeds % sample.num_classes
            if truncation is not None:
                inputs["truncation"] = np.array(truncation, np.float32)
            cases[f"batch {size}" + ("" if truncation is None else f", truncation {truncation:g}")] = inputs
    return cases


def one_by_one(inputs: Inputs) -> list[Inputs]:
    """Each sample's inputs as a batch of one."""
    count = len(inputs["latents"])
    return [{name: value[n : n + 1] if value.ndim else value for name, value in inputs.items()} for n in range(count)]


@torch.no_grad()
def call(generator: nn.Module, inputs: Inputs) -> Any:
    """What the generator's forward gives in eval mode."""
    given = {name: torch.from_numpy(value) for name, value in inputs.items()}
    truncation = (given["truncation"],) if "truncation" in given else ()
    return generator.eval()(given["latents"], given.get("label"), *truncation)


def draw(generator: nn.Module, sample: SampleSpec, inputs: Inputs) -> np.ndarray:
    """What torch draws in eval mode, float32 [N, S...]. Raises ExportFailed where it draws something else."""
    size = len(inputs["latents"])
    try:
        samples = call(generator, inputs)
    except Exception as error:  # a network may raise anything
        raise ExportFailed(
            f"The generator fails on a batch of {size} {'with' if 'label' in inputs else 'without'} labels: "
            f"{first_line(error)}. It must draw any number of samples, each on its own."
            + at_fault(generator, where_raised(generator, error))
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

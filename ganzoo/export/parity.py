"""onnxruntime against torch, on real latents and at several batch sizes."""

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from ganzoo.core.errors import ExportFailed
from ganzoo.core.manifest import Parity
from ganzoo.core.specs import SampleSpec
from ganzoo.latents import Latents, seed_words
from ganzoo.sampling.pixels import to_uint8

BATCH_SIZES = (1, 2, 3, 7)
TOLERANCE = 1e-5  # in the unit of samples, float32
GREY_LEVELS = 1


def compare(model: onnx.ModelProto, generator: nn.Module, sample: SampleSpec, prior: Latents) -> Parity:
    """Raise ExportFailed unless the graph does what the generator does, at every batch size and row by row."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    latents = prior.from_words(seed_words(np.arange(sum(BATCH_SIZES)), prior.words))
    worst, levels, start = 0.0, 0, 0
    alone = expected_samples(generator, latents, one_by_one=True)
    for size in BATCH_SIZES:
        rows = slice(start, start + size)
        start += size
        found = dict(
            zip([o.name for o in session.get_outputs()], session.run(None, {"latents": latents[rows]}), strict=True)
        )
        expected = expected_samples(generator, latents[rows])
        check_shape(found["samples"], (size, *sample.shape), size)
        worst = max(worst, difference(expected, alone[rows], f"torch's own samples at batch {size} and one by one"))
        worst = max(worst, difference(found["samples"], expected, f"onnxruntime and torch at batch {size}"))
        if sample.is_picture:
            levels = max(levels, grey_levels(found["images"], to_uint8(expected), size))
    return Parity(
        batch_sizes=BATCH_SIZES,
        max_difference=worst,
        tolerance=TOLERANCE,
        max_grey_levels=levels if sample.is_picture else None,
    )


@torch.no_grad()
def expected_samples(generator: nn.Module, latents: np.ndarray, *, one_by_one: bool = False) -> np.ndarray:
    """What torch draws in eval mode: float32 [N, S...]."""
    batches = torch.from_numpy(latents).split(1 if one_by_one else len(latents))
    return torch.cat([generator.eval()(batch, None) for batch in batches]).numpy()


def check_shape(found: np.ndarray, expected: tuple[int, ...], size: int) -> None:
    if found.shape != expected:
        raise ExportFailed(f"At batch {size} the graph gives samples of shape {found.shape}, not {expected}.")


def difference(found: np.ndarray, expected: np.ndarray, what: str) -> float:
    """The largest absolute difference. Raises ExportFailed where it is above the tolerance, or not a number."""
    worst = float(np.abs(found.astype(np.float64) - expected).max()) if found.shape == expected.shape else np.inf
    if not worst <= TOLERANCE:
        raise ExportFailed(
            f"{what[0].upper()}{what[1:]} differ by {worst:.2g}, and {TOLERANCE:g} is allowed. The usual "
            "cause is a forward that depends on the batch: statistics of it in eval mode, or `if len(latents) > 1`."
        )
    return worst


def grey_levels(found: np.ndarray, expected: np.ndarray, size: int) -> int:
    """The largest difference of pictures. Raises ExportFailed above one grey level."""
    worst = int(np.abs(found.astype(int) - expected).max())
    if worst > GREY_LEVELS:
        raise ExportFailed(f"At batch {size} the pictures differ by {worst} grey levels, and {GREY_LEVELS} is allowed.")
    return worst

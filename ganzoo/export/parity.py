"""onnxruntime against torch, on real latents and at several batch sizes."""

import numpy as np
import onnx
import onnxruntime
from torch import nn

from ganzoo.core.errors import ExportFailed, first_line
from ganzoo.core.manifest import Parity
from ganzoo.core.specs import SampleSpec
from ganzoo.export.contract import BATCH_SIZES, allowed, difference, draw, labels_for, real_latents
from ganzoo.latents import Latents
from ganzoo.sampling.pixels import to_uint8
from ganzoo.sampling.providers import FATAL_ONLY

GREY_LEVELS = 1


def compare(
    model: onnx.ModelProto, generator: nn.Module, sample: SampleSpec, prior: Latents, *, conditional: bool = False
) -> Parity:
    """Raise ExportFailed unless the graph does what the generator does, at every batch size."""
    session = open_model(model)
    latents = np.split(real_latents(prior, sum(BATCH_SIZES)), np.cumsum(BATCH_SIZES)[:-1])
    batches = [(batch, labels_for(len(batch), sample, conditional=conditional)) for batch in latents]
    expected = [draw(generator, sample, *batch) for batch in batches]
    tolerance = allowed(np.concatenate(expected))
    worst, levels = 0.0, 0
    for batch, samples in zip(batches, expected, strict=True):
        found = run(session, *batch)
        worst = max(worst, checked_difference(found["samples"], samples, tolerance))
        if sample.is_picture:
            levels = max(levels, grey_levels(found["images"], to_uint8(samples)))
    return Parity(
        batch_sizes=BATCH_SIZES,
        max_difference=worst,
        tolerance=tolerance,
        max_grey_levels=levels if sample.is_picture else None,
    )


def open_model(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """The graph on the CPU. Raises ExportFailed where onnxruntime does not take it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base
        raise ExportFailed(f"onnxruntime cannot open the graph: {first_line(error)}.") from error


def run(
    session: onnxruntime.InferenceSession, latents: np.ndarray, labels: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Every output by its name. Raises ExportFailed where the graph stops."""
    names = [output.name for output in session.get_outputs()]
    given = {"latents": latents} if labels is None else {"latents": latents, "label": labels}
    try:
        return dict(zip(names, session.run(None, given), strict=True))
    except Exception as error:  # onnxruntime's exceptions share no base
        raise ExportFailed(f"onnxruntime fails on a batch of {len(latents)}: {first_line(error)}.") from error


def checked_difference(found: np.ndarray, expected: np.ndarray, tolerance: float) -> float:
    """The largest absolute difference. Raises ExportFailed where it is above the tolerance, or not a number."""
    check_shape(found, expected)
    worst = difference(found, expected)
    if not worst <= tolerance:
        raise ExportFailed(
            f"At batch {len(expected)} onnxruntime and torch differ by {worst:.2g}, and {tolerance:.2g} is allowed. "
            "A forward that branches on its batch, or on values, is the usual cause."
        )
    return worst


def grey_levels(found: np.ndarray, expected: np.ndarray) -> int:
    """The largest difference of pictures. Raises ExportFailed above one grey level."""
    check_shape(found, expected)
    worst = int(np.abs(found.astype(int) - expected).max())
    if worst > GREY_LEVELS:
        raise ExportFailed(
            f"At batch {len(expected)} the pictures of onnxruntime and torch differ by {worst} grey levels, and "
            f"{GREY_LEVELS} is allowed."
        )
    return worst


def check_shape(found: np.ndarray, expected: np.ndarray) -> None:
    if found.shape != expected.shape:
        raise ExportFailed(
            f"For a batch of {len(expected)} the graph gives {list(found.shape)}, not {list(expected.shape)}: "
            "the batch's size was frozen."
        )

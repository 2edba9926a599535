"""onnxruntime against torch, on real latents and at several batch sizes; and every other file against the main one.

N = batch, (C, H, W) = shape of a picture. Each comparison is a `Check`, so that a manifest can say what was compared.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter

import numpy as np
import onnx
from torch import nn

from ganzoo.core.errors import ExportFailed, first_line
from ganzoo.core.manifest import Check, Parity
from ganzoo.core.specs import SampleSpec
from ganzoo.export.contract import BATCH_SIZES, TOLERANCE, Inputs, call, difference, draw, one_by_one, real_inputs
from ganzoo.export.diagnosis import at_fault, of_graph
from ganzoo.export.onnx_file import check_graph
from ganzoo.latents import Latents
from ganzoo.sampling.pixels import to_uint8
from ganzoo.sampling.providers import FATAL_ONLY
from ganzoo.sampling.runtime import ort

GREY_LEVELS = 1
LEVELS, NUMBERS = "grey levels", "units of samples"

# What storing weights as float16 may change: pictures by one grey level, and so their samples by less than two, in
# [-1, 1]; points in the unit of the largest. Measured on every recipe's generator: 1 grey level, 8e-3, and 1e-4. It
# holds for the samples compared: of 1,000 pictures by a trained R3GAN, 11 of 784,000 pixels moved by 2 grey levels.
HALF_PICTURES = 2 / 127.5
HALF_POINTS = 2.0**-8

Outputs = Mapping[str, np.ndarray]  # of a graph, by name


def compare(
    model: onnx.ModelProto,
    generator: nn.Module,
    sample: SampleSpec,
    prior: Latents,
    *,
    conditional: bool = False,
    truncates: bool = False,
) -> Parity:
    """Raise ExportFailed unless the graph is valid and does what the generator does, at every batch size.

    Samples and pictures of onnxruntime are compared with torch's, and in onnxruntime those of a batch with those that
    their latents give alone.
    """
    session = open_checked(model)
    cases = real_inputs(sample, prior, conditional=conditional, truncates=truncates)
    drawn = {case: outputs_of(draw(generator, sample, inputs), sample) for case, inputs in cases.items()}
    tolerance = TOLERANCE * scale(drawn.values())
    checks: list[Check] = []
    for case, inputs in cases.items():
        try:
            checks += agreement(f"onnxruntime and torch, {case}", run(session, inputs), drawn[case], tolerance)
        except ExportFailed as error:
            raise ExportFailed(f"{error}{suspect(model, generator, inputs)}") from error
    for case, inputs in cases.items():
        if case.startswith(f"batch {max(BATCH_SIZES)}"):
            expected = alone(session, inputs, drawn[case])
            checks += agreement(f"onnxruntime alone and in {case}", run(session, inputs), expected, tolerance)
    return Parity(
        batch_sizes=BATCH_SIZES,
        max_difference=max(each.largest for each in checks if each.unit == NUMBERS),
        tolerance=tolerance,
        max_grey_levels=max((int(each.largest) for each in checks if each.unit == LEVELS), default=None),
        checks=tuple(checks),
    )


def compare_rgb(model: onnx.ModelProto, rgb: onnx.ModelProto, cases: Mapping[str, Inputs]) -> tuple[Check, ...]:
    """Raise ExportFailed unless the pictures of an `rgb_head`, uint8 [N, 3, H, W], are those of the main graph."""

    def expected(outputs: Outputs, _: Inputs) -> Outputs:
        pictures = outputs["images"].transpose(0, 3, 1, 2)
        return {"images": np.repeat(pictures, 3 // pictures.shape[1], axis=1)}

    return agreement_of_files("the RGB graph and the main one", rgb, model, cases, expected, TOLERANCE)


def compare_single(model: onnx.ModelProto, single: onnx.ModelProto, cases: Mapping[str, Inputs]) -> tuple[Check, ...]:
    """Raise ExportFailed unless a `single_file` makes of seeds what the main graph makes of the prior's latents.

    The latents that it gives have to be the prior's to the last bit.
    """

    def expected(outputs: Outputs, inputs: Inputs) -> Outputs:
        return {**outputs, "latents": inputs["latents"]}

    return agreement_of_files("the single file and the main graph", single, model, cases, expected, TOLERANCE)


def compare_half(model: onnx.ModelProto, half: onnx.ModelProto, cases: Mapping[str, Inputs]) -> tuple[Check, ...]:
    """Raise ExportFailed unless a graph `stored_as_half` draws the main graph's pictures to within one grey level, or
    its points to within 2^-8 of the largest coordinate."""

    def expected(outputs: Outputs, _: Inputs) -> Outputs:
        return outputs

    is_picture = any(output.name == "images" for output in model.graph.output)
    tolerance = HALF_PICTURES if is_picture else HALF_POINTS
    try:
        return agreement_of_files("float16 and float32 weights", half, model, cases, expected, tolerance)
    except ExportFailed as error:
        raise ExportFailed(f"{error} These weights do not bear float16; export them as float32.") from error


def agreement_of_files(
    what: str,
    file: onnx.ModelProto,
    main: onnx.ModelProto,
    cases: Mapping[str, Inputs],
    expected: Callable[[Outputs, Inputs], Outputs],
    tolerance: float,
) -> tuple[Check, ...]:
    """One check for each output that is expected of a file, of what the main graph gives; the worst of all cases."""
    session, main_session = open_checked(file), open_checked(main)
    given = [expected(run(main_session, inputs), inputs) for inputs in cases.values()]
    limit = tolerance * scale(given)
    rows = [
        agreement(what, run(session, inputs), values, limit)
        for inputs, values in zip(cases.values(), given, strict=True)
    ]
    return tuple(max(column, key=attrgetter("largest")) for column in zip(*rows, strict=True))


def scale(outputs: Iterable[Outputs]) -> float:
    """The size of the largest sample, and at least 1: float32 is as fine as its numbers are small."""
    return max([1.0, *(float(np.abs(each["samples"]).max()) for each in outputs if "samples" in each)])


def outputs_of(samples: np.ndarray, sample: SampleSpec) -> Outputs:
    """What a graph has to give where torch draws these samples."""
    return {"samples": samples, "images": to_uint8(samples)} if sample.is_picture else {"samples": samples}


def suspect(model: onnx.ModelProto, generator: nn.Module, inputs: Inputs) -> str:
    """A sentence that names the module whose part of the graph is wrong."""

    def run_all(graph: onnx.ModelProto) -> Outputs:
        return run(open_model(graph), inputs)

    name = of_graph(model, generator, lambda: call(generator, inputs), run_all)
    return (
        " A forward that branches on its batch or on values, or that computes in float64 or in integers, is the usual "
        f"cause.{at_fault(generator, name)}"
    )


def alone(session: ort.InferenceSession, inputs: Inputs, names: Iterable[str]) -> Outputs:
    """These outputs of the graph for each sample in a batch of one, put together."""
    rows = [run(session, row) for row in one_by_one(inputs)]
    return {name: np.concatenate([row[name] for row in rows]) for name in names}


def agreement(what: str, found: Outputs, expected: Outputs, tolerance: float) -> list[Check]:
    """One check for each output: bytes to one grey level, latents exactly, samples to the tolerance.

    Raises ExportFailed where one fails, or there is no such output.
    """
    checks = []
    for name, values in expected.items():
        bytes_, exact = values.dtype == np.uint8, name == "latents"
        limit = float(GREY_LEVELS) if bytes_ else 0.0 if exact else tolerance
        unit = LEVELS if bytes_ else f"units of {name}"
        if name not in found:
            raise ExportFailed(f"Comparing {what}: there is no output {name!r}, only {', '.join(found)}.")
        largest = checked(f"{name} of {what}", found[name], values, limit, unit)
        checks.append(Check(what=f"{name} of {what}", largest=largest, allowed=limit, unit=unit))
    return checks


def checked(what: str, found: np.ndarray, expected: np.ndarray, limit: float, unit: str) -> float:
    """The largest absolute difference. Raises ExportFailed where it is above the limit, or not a number."""
    if found.shape != expected.shape:
        raise ExportFailed(
            f"Comparing {what}: for a batch of {len(expected)} the graph gives {list(found.shape)}, not "
            f"{list(expected.shape)}; the batch's size was frozen."
        )
    worst = difference(found, expected)
    if not worst <= limit:
        raise ExportFailed(f"Comparing {what}: they differ by {worst:.2g} {unit}, and {limit:.2g} is allowed.")
    return worst


def open_checked(model: onnx.ModelProto) -> ort.InferenceSession:
    """A valid graph, on the CPU. Raises ExportFailed where it is none, or onnxruntime does not take it."""
    check_graph(model)
    return open_model(model)


def open_model(model: onnx.ModelProto) -> ort.InferenceSession:
    """The graph on the CPU. Raises ExportFailed where onnxruntime does not take it."""
    options = ort.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    try:
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base
        raise ExportFailed(f"onnxruntime cannot open the graph: {first_line(error)}.") from error


def run(session: ort.InferenceSession, inputs: Inputs) -> Outputs:
    """Every output by its name, of those inputs that the graph takes. Raises ExportFailed where it stops."""
    names = [output.name for output in session.get_outputs()]
    given = {port.name: inputs[port.name] for port in session.get_inputs() if port.name in inputs}
    try:
        return dict(zip(names, session.run(None, given), strict=True))
    except Exception as error:  # onnxruntime's exceptions share no base
        size = len(inputs["latents"])
        raise ExportFailed(f"onnxruntime fails on a batch of {size}: {first_line(error)}.") from error

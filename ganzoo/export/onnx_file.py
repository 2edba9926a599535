"""A generator as one ONNX graph: `latents` [N, Z] → `images` uint8 [N, H, W, C] and `samples` float32 [N, S...].

One that draws by label takes `label` int64 [N] too.
"""

import logging
import warnings
from collections.abc import Iterator
from copy import deepcopy

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from ganzoo.core.errors import ExportFailed, first_line
from ganzoo.core.specs import SampleSpec

OPSET = 18  # with IR 8: read by onnxruntime 1.15 and later, in Python, Node and browsers
IR_VERSION = 8
EXAMPLE_BATCH = 3  # not 1, which torch.export would take for a constant
FORBIDDEN = ("Random", "Dropout", "Multinomial", "Bernoulli")  # beginnings of operators' names
CHATTY = ("torch.onnx", "onnxscript", "onnx_ir")  # loggers; what matters is raised


class WithoutLabels(nn.Module):
    """The generator as a function of its latents alone."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor) -> Tensor:
        samples: Tensor = self.generator(latents, None)
        return samples


class WithLabels(nn.Module):
    """The generator as a function of its latents and labels."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor, label: Tensor) -> Tensor:
        samples: Tensor = self.generator(latents, label)
        return samples


def to_onnx(
    generator: nn.Module, sample: SampleSpec, latent_size: int, *, conditional: bool = False
) -> onnx.ModelProto:
    """The graph, with the pictures' head for generators of pictures. Raises ExportFailed where there can be none."""
    inputs = {"latents": torch.zeros(EXAMPLE_BATCH, latent_size)}
    if conditional:
        inputs["label"] = torch.arange(EXAMPLE_BATCH) % sample.num_classes
    plain = without_parametrizations(generator)
    model = convert((WithLabels if conditional else WithoutLabels)(plain).eval(), inputs)
    tidy(model, sample)
    if sample.is_picture:
        add_picture_head(model.graph, sample)
    refuse_chance(model)
    try:
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportFailed(f"The exported graph is invalid: {first_line(error)}.") from error
    return model


@torch.no_grad()
def without_parametrizations(generator: nn.Module) -> nn.Module:
    """A copy whose weights are what parametrizations such as spectral norm make of them in eval mode."""
    plain = deepcopy(generator).eval()
    for module in list(plain.modules()):
        if is_parametrized(module):
            values = {name: getattr(module, name) for name in module.parametrizations}  # type: ignore[union-attr]
            del module.parametrizations
            module.__class__ = type(module).__bases__[0]  # torch's own removal would change the original's class too
            for name, value in values.items():
                module.register_parameter(name, nn.Parameter(value))
    return plain


def convert(module: nn.Module, inputs: dict[str, Tensor]) -> onnx.ModelProto:
    """torch's own conversion, by way of torch.export, which refuses a batch that is frozen somewhere."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own deprecations
            batch = torch.export.Dim("N")
            dynamic = {name: {0: batch} for name in inputs}
            program = torch.export.export(module, (), inputs, dynamic_shapes=dynamic, strict=False)
            exported = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=["samples"],
                verbose=False,
            )
    except Exception as error:  # torch raises dozens of kinds here, most of them private
        raise ExportFailed(f"torch cannot export this generator: {reason(error)}") from error
    assert exported is not None, "torch.onnx.export returns a program where dynamo is on"
    return exported.model_proto


def reason(error: Exception) -> str:
    """Why, and what to do about it."""
    if "Constraints violated" in str(error):
        return (
            f"its forward takes the size of the batch, here {EXAMPLE_BATCH}, for a number that never changes, or "
            "branches on it. Write -1 or `latents.shape[0]` in shapes, without int()."
        )
    return f"{first_line(error)}. A forward must consist of torch's own operations on tensors."


def tidy(model: onnx.ModelProto, sample: SampleSpec) -> None:
    """Name the batch, say the samples' shape, and take out the paths of this machine that torch writes into nodes."""
    model.ir_version = IR_VERSION
    for graph in every_graph(model.graph):
        for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
            del part.metadata_props[:]
            part.doc_string = ""
        del graph.value_info[:]  # inferred again by whoever loads the graph
    del model.metadata_props[:]
    graph = model.graph
    graph.name = "generator"
    for port in graph.input:
        port.type.tensor_type.shape.dim[0].dim_param = "N"
    samples = helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["N", *sample.shape])
    graph.output[0].CopyFrom(samples)


def every_graph(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph, and those of its branches and loops."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else attribute.graphs
            for each in inner:
                yield from every_graph(each)


def add_picture_head(graph: onnx.GraphProto, sample: SampleSpec) -> None:
    """Append samples → images: floor(127.5 x + 128) within 0…255, channels last, as `sampling.pixels` rounds."""
    channels, height, width = sample.shape
    constants = {"grey_levels": 127.5, "half_up": 128.0, "black": 0.0, "white": 255.0}
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(torch.tensor(value).numpy(), f"head/{name}"))
    graph.node.extend(
        [
            helper.make_node("Mul", ["samples", "head/grey_levels"], ["head/scaled"]),
            helper.make_node("Add", ["head/scaled", "head/half_up"], ["head/shifted"]),
            helper.make_node("Floor", ["head/shifted"], ["head/rounded"]),
            helper.make_node("Clip", ["head/rounded", "head/black", "head/white"], ["head/clipped"]),
            helper.make_node("Cast", ["head/clipped"], ["head/bytes"], to=TensorProto.UINT8),
            helper.make_node("Transpose", ["head/bytes"], ["images"], perm=[0, 2, 3, 1]),
        ]
    )
    graph.output.insert(0, helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", height, width, channels]))


def refuse_chance(model: onnx.ModelProto) -> None:
    """Raise ExportFailed for operators that draw at random or that only training has, and for foreign ones."""
    nodes = [node for graph in every_graph(model.graph) for node in graph.node]
    found = {node.op_type for node in nodes if node.op_type.startswith(FORBIDDEN)}
    if found:
        raise ExportFailed(
            f"The graph contains {', '.join(sorted(found))}: the same latents would give other samples at each call. "
            "Noise must come in through the latents; dropout must depend on `self.training`."
        )
    foreign = {node.domain for node in nodes} - {"", "ai.onnx"}
    if foreign or model.functions:
        raise ExportFailed(f"The graph needs operators that plain onnxruntime lacks: {', '.join(sorted(foreign))}.")

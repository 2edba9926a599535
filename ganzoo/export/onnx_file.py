"""A generator as one ONNX graph: `latents` [N, Z] → `images` uint8 [N, H, W, C] and `samples` float32 [N, S...].

One that draws by label takes `label` int64 [N] too, and one that truncates `truncation` float32 [].
"""

import ast
import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from io import StringIO

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from ganzoo.core.errors import ExportFailed, UsageError, first_line
from ganzoo.core.specs import SampleSpec
from ganzoo.export.diagnosis import at_fault, made_in, module_of, of_frozen_batch, untranslated, where_raised

OPSET = 18  # with IR 8: read by onnxruntime 1.15 and later, in Python, Node and browsers
LATEST_OPSET = 23  # torch's own limit; below 18 it would have to convert what it makes
IR_VERSION = 8
EXAMPLE_BATCH = 3  # not 1, which torch.export would take for a constant
FORBIDDEN = ("Random", "Dropout", "Multinomial", "Bernoulli")  # beginnings of operators' names
CHATTY = ("torch.onnx", "torch.fx", "onnxscript", "onnx_ir")  # loggers; what matters is raised
INSIDE = "generator."  # where `ByName` has it
SCOPES = "pkg.torch.onnx.name_scopes"  # where torch says which modules a node was made in: a list, as Python writes it


class ByName(nn.Module):
    """The generator as a function of the graph's inputs, called as they are."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor, label: Tensor | None = None, truncation: Tensor | None = None) -> Tensor:
        more = () if truncation is None else (truncation,)
        samples: Tensor = self.generator(latents, label, *more)
        return samples


def to_onnx(
    generator: nn.Module,
    sample: SampleSpec,
    latent_size: int,
    *,
    conditional: bool = False,
    truncates: bool = False,
    opset: int = OPSET,
) -> onnx.ModelProto:
    """The graph, with the pictures' head for generators of pictures; its nodes are called after their modules.

    With `truncates` the generator is called `generator(latents, labels, truncation)`, truncation float32 [], and the
    graph has a required input of that name. Raises ExportFailed where there can be no graph, and UsageError for an
    opset that torch does not write by itself.
    """
    if not OPSET <= opset <= LATEST_OPSET:
        raise UsageError(f"There is no export to opset {opset}; choose one in {OPSET}…{LATEST_OPSET}.")
    inputs = {"latents": torch.zeros(EXAMPLE_BATCH, latent_size)}
    if conditional:
        inputs["label"] = torch.arange(EXAMPLE_BATCH) % sample.num_classes
    if truncates:
        inputs["truncation"] = torch.tensor(1.0)
    model = convert(without_parametrizations(generator), inputs, opset)
    tidy(model, sample)
    if sample.is_picture:
        add_picture_head(model.graph, sample)
    check_graph(model)
    return model


def check_graph(model: onnx.ModelProto) -> None:
    """Raise ExportFailed unless the graph is valid, all its shapes agree, and plain onnxruntime knows its operators."""
    refuse_chance(model)
    try:
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportFailed(f"The exported graph is invalid: {first_line(error)}.") from error


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


def convert(generator: nn.Module, inputs: dict[str, Tensor], opset: int) -> onnx.ModelProto:
    """torch's own conversion, by way of torch.export, which refuses a batch that is frozen somewhere."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
    batch = torch.export.Dim("N")
    dynamic = {name: {0: batch} if value.ndim else {} for name, value in inputs.items()}

    def traced() -> torch.export.ExportedProgram:
        return torch.export.export(ByName(generator).eval(), (), inputs, dynamic_shapes=dynamic, strict=False)

    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")  # torch's own deprecations
            exported = torch.onnx.export(
                traced(),
                dynamo=True,
                opset_version=opset,
                input_names=list(inputs),
                output_names=["samples"],
                verbose=False,
            )
    except Exception as error:  # torch raises dozens of kinds here, most of them private
        raise ExportFailed(f"torch cannot export this generator: {reason(error, generator, traced)}") from error
    assert exported is not None, "torch.onnx.export returns a program where dynamo is on"
    return exported.model_proto


def reason(error: Exception, generator: nn.Module, export: Callable[[], object]) -> str:
    """Why, and what to do about it."""
    if "Constraints violated" in str(error):
        return (
            f"its forward takes the size of the batch, here {EXAMPLE_BATCH}, for a number that never changes, or "
            "branches on it. Write -1 or `latents.shape[0]` in shapes, without int()."
            + at_fault(generator, of_frozen_batch(generator, export))
        )
    node = untranslated(error)
    if node is not None:
        return (
            f"it cannot write {node.target} as it is called here, often because a number that depends on the batch "
            "stands where ONNX wants a constant, as in a convolution's groups."
            + at_fault(generator, made_in(node, INSIDE))
        )
    why = first_line(error)
    if "data-dependent" in why:
        why = (
            "its forward asks for the value of a tensor, as `if x.sum() > 0` does; torch.where chooses within the graph"
        )
    return f"{why}. A forward must consist of torch's own operations on tensors." + at_fault(
        generator, where_raised(generator, error)
    )


def tidy(model: onnx.ModelProto, sample: SampleSpec) -> None:
    """Name nodes and batch, say the samples' shape, and take out this machine's paths, which torch writes into nodes.

    Onnx knows the least IR version of an opset: 8 for 18.
    """
    model.ir_version = helper.find_min_ir_version_for(list(model.opset_import))
    name_nodes(model.graph)
    for graph in every_graph(model.graph):
        for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
            del part.metadata_props[:]
            part.doc_string = ""
        del graph.value_info[:]  # inferred again by whoever loads the graph
    del model.metadata_props[:]
    graph = model.graph
    graph.name = "generator"
    for port in graph.input:
        for batch in port.type.tensor_type.shape.dim[:1]:
            batch.dim_param = "N"
    samples = helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["N", *sample.shape])
    graph.output[0].CopyFrom(samples)


def name_nodes(graph: onnx.GraphProto) -> None:
    """Call each node after its module and its operator, e.g. "blocks.2.norm/Mul"; the second one "…/Mul_2"."""
    taken: Counter[str] = Counter()
    for node in graph.node:
        said = {entry.key: entry.value for entry in node.metadata_props}.get(SCOPES, "['', '']")
        module = f"{ast.literal_eval(said)[-2]}.".removeprefix(INSIDE).removesuffix(".")
        name = f"{module}/{node.op_type}"
        taken[name] += 1
        node.name = f"{name}_{taken[name]}" if taken[name] > 1 else name


def every_graph(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph, and those of its branches and loops."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else attribute.graphs
            for each in inner:
                yield from every_graph(each)


def add_picture_head(graph: onnx.GraphProto, sample: SampleSpec) -> None:
    """Append samples → images: floor(127.5 x + 128) within 0…255, channels last, as `sampling.pixels` rounds.

    A Cast to integers cuts off what is behind the point, which for numbers from 0 on is the floor.
    """
    channels, height, width = sample.shape
    constants = {"grey_levels": 127.5, "half_up": 128.0, "black": 0.0, "white": 255.0}
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(torch.tensor(value).numpy(), f"head/{name}"))
    graph.node.extend(
        [
            helper.make_node("Mul", ["samples", "head/grey_levels"], ["head/scaled"]),
            helper.make_node("Add", ["head/scaled", "head/half_up"], ["head/shifted"]),
            helper.make_node("Clip", ["head/shifted", "head/black", "head/white"], ["head/clipped"]),
            helper.make_node("Cast", ["head/clipped"], ["head/bytes"], to=TensorProto.UINT8),
            helper.make_node("Transpose", ["head/bytes"], ["images"], perm=[0, 2, 3, 1]),
        ]
    )
    graph.output.insert(0, helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", height, width, channels]))


def refuse_chance(model: onnx.ModelProto) -> None:
    """Raise ExportFailed for operators that draw at random or that only training has, and for foreign ones."""
    nodes = [node for graph in every_graph(model.graph) for node in graph.node]
    found = {f"{node.op_type}{place_of(node)}" for node in nodes if node.op_type.startswith(FORBIDDEN)}
    if found:
        raise ExportFailed(
            f"The graph contains {', '.join(sorted(found))}: the same latents would give other samples at each call. "
            "Noise must come in through the latents; dropout must depend on `self.training`."
        )
    foreign = {node.domain for node in nodes} - {"", "ai.onnx"}
    if foreign or model.functions:
        raise ExportFailed(f"The graph needs operators that plain onnxruntime lacks: {', '.join(sorted(foreign))}.")


def place_of(node: onnx.NodeProto) -> str:
    """The module that a node was made in, where there is one, for the middle of a sentence."""
    return f" (in {module_of(node)})" if module_of(node) else ""

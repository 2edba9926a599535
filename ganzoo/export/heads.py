"""Other forms of a generator's graph: pictures in three colours, and one file from seeds to pictures."""

import onnx
from onnx import TensorProto, compose, helper, version_converter

from ganzoo.core.errors import ExportFailed, UsageError, first_line
from ganzoo.core.specs import SampleSpec
from ganzoo.export.onnx_file import check_graph

WITHIN = "seed_to_latents/"  # begins the names of all that lies inside of the latents' part


def rgb_head(model: onnx.ModelProto, sample: SampleSpec) -> onnx.ModelProto:
    """The same graph, but with `images` uint8 [N, 3, H, W] alone, grey repeated: what scores such as FID are made of.

    Raises UsageError for points, and for pictures of neither 1 nor 3 channels.
    """
    if not sample.is_picture or sample.shape[0] not in {1, 3}:
        what = f"pictures of {sample.shape[0]} channels" if sample.is_picture else "points"
        raise UsageError(f"Only pictures of 1 or 3 channels can be given as RGB, and this model draws {what}.")
    channels, height, width = sample.shape
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    (last,) = (node for node in graph.node if "images" in node.output)  # puts the channels last
    last.CopyFrom(helper.make_node("Concat", [last.input[0]] * (3 // channels), ["images"], axis=1))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 3, height, width]))
    return copy


def single_file(latents_model: onnx.ModelProto, generator_model: onnx.ModelProto) -> onnx.ModelProto:
    """Both graphs in a row: `seed` int64 [N] (and `label`, `truncation`) to what the generator gives, and `latents`.

    Inputs and outputs keep their names. Raises ExportFailed where the two do not fit together.
    """
    made_by = {name: getattr(generator_model, name) for name in ("producer_name", "producer_version", "model_version")}
    try:
        first = at_opset(latents_model, generator_model)
        inner = compose.add_prefix(first, WITHIN, rename_inputs=False, rename_outputs=False)
        names = [port.name for port in generator_model.graph.output]
        joined = compose.merge_models(
            inner, generator_model, [("latents", "latents")], outputs=["latents", *names], **made_by
        )
    except (ValueError, RuntimeError, onnx.checker.ValidationError) as error:
        raise ExportFailed(f"The two graphs do not become one file: {first_line(error)}. Export them apart.") from error
    del joined.opset_import[1:]
    joined.graph.name, joined.graph.doc_string = "seeds to samples", ""
    joined.graph.output.append(joined.graph.output.pop(0))  # the latents come last
    check_graph(joined)
    return joined


def at_opset(model: onnx.ModelProto, other: onnx.ModelProto) -> onnx.ModelProto:
    """A model with the opset and the IR version of another one, converted where it has another."""
    (opset,) = (entry.version for entry in other.opset_import)
    if [entry.version for entry in model.opset_import] != [opset]:
        model = version_converter.convert_version(model, opset)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = other.ir_version
    return copy

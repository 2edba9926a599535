"""A graph in half the bytes: weights lie in the file as float16, and become float32 again as it is loaded.

Nothing is computed in float16. A weight moves by 2^-11 of itself at most, or by 2^-25 where it is below 2^-14.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ganzoo.export.onnx_file import every_graph

LARGE = 256  # numbers; below that, the Cast takes as many bytes as are saved
LARGEST_HALF = float(np.finfo(np.float16).max)  # 65,504
PRECISION = 2.0**-11  # of float16, relative


def stored_as_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its large float32 weights stored as float16, each behind a Cast with the weights' name.

    What uses them, whether a node, a branch's graph or an output, stays as it is. A tensor that float16 cannot hold
    stays float32, and its `doc_string` says why.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    names = {name for graph in every_graph(copy.graph) for name in names_in(graph)}
    for graph in every_graph(copy.graph):
        inputs = {port.name for port in graph.input}  # weights that a caller may replace stay what they are
        casts = [cast for weights in graph.initializer if weights.name not in inputs for cast in halve(weights, names)]
        nodes = [*casts, *graph.node]
        del graph.node[:]
        graph.node.extend(nodes)
    return copy


def halve(weights: onnx.TensorProto, taken: set[str]) -> list[onnx.NodeProto]:
    """Turn the tensor into float16 under a new name; the node that makes the old one of it, if that was done."""
    if weights.data_type != TensorProto.FLOAT or np.prod(weights.dims) < LARGE:
        return []
    values = numpy_helper.to_array(weights)
    weights.doc_string = reason_to_keep(values)
    if weights.doc_string:
        return []
    name = weights.name
    stored = f"{name}/float16"
    while stored in taken:
        stored += "_"
    taken.add(stored)
    weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
    return [helper.make_node("Cast", [stored], [name], name=f"{stored}/Cast", to=TensorProto.FLOAT)]


def reason_to_keep(values: np.ndarray) -> str:
    """Why float16 cannot hold these numbers, as a sentence; empty where it can."""
    largest = float(np.abs(values).max())
    if not largest <= LARGEST_HALF:
        return f"Kept in float32: float16 ends at 65,504, and these weights reach {largest:.3g}."
    exact = values.astype(np.float64)
    lost = np.square(values.astype(np.float16) - exact).mean()
    if lost > PRECISION**2 * np.square(exact).mean():
        return f"Kept in float32: these weights, {largest:.1g} at most, are too small for float16's precision."
    return ""


def names_in(graph: onnx.GraphProto) -> set[str]:
    """Of all values in a graph."""
    ports = [*graph.input, *graph.initializer]
    return {port.name for port in ports} | {output for node in graph.node for output in node.output}

"""What an ONNX file holds and costs, read from the file alone: no session is opened.

N = batch, which counts as 1 in all shapes. FLOPs are 2 for each multiply-add, as torch.utils.flop_counter has them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, NodeProto, TensorProto, ValueInfoProto, helper

from ganzoo.core.errors import BadBundle, first_line

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
COUNTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
SHAPES_ONLY = ("Shape", "Size")  # what comes of these is no longer data
VALUES_KEPT = 64  # numbers of a constant that may say a shape; larger ones are weights

Shape = tuple[int | None, ...]  # None = not known


@dataclass(frozen=True, slots=True)
class Port:
    """An input or an output."""

    name: str
    type: str  # e.g. "float32"
    shape: tuple[int | str, ...]  # as the file says it, with names such as "N"


@dataclass(frozen=True, slots=True)
class Step:
    """One node on the way from inputs to outputs."""

    operator: str
    output: str  # a value's name
    sources: tuple[str, ...]  # the values that it makes its output of: other steps' outputs, or inputs of the graph
    weights: tuple[Shape, ...]  # of its constants with two axes or more
    shape: Shape | None  # of its output, for one sample
    flops: int | None  # 0 for operators that are not counted; None where a shape is not known
    depth: int = 0  # 0 on the main path, 1 on a branch of it, and so on


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one file holds."""

    path: Path
    size: int  # bytes
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: Mapping[str, str]
    opsets: Mapping[str, int]  # domain → version; "" is ONNX's own
    ir_version: int
    producer: str
    parameters: int  # numbers in floating-point constants: weights, running statistics, and a few of the head
    steps: tuple[Step, ...] = field(repr=False)
    flops: int  # of one sample, in Conv, ConvTranspose, Gemm and MatMul
    unknown: tuple[str, ...]  # nodes of those operators whose shapes, and so whose FLOPs, are not known
    uncounted: Mapping[str, int]  # the other operators, and how often they occur


def inspect_file(path: Path) -> Inspection:
    """Raises BadBundle where the file is missing, damaged, or no ONNX."""
    model = read_model(path)
    graph = Graph(model)
    steps = tuple(graph.draw())
    costs = {node.name or node.output[0]: graph.flops(node) for node in model.graph.node if is_counted(node)}
    return Inspection(
        path=path,
        size=path.stat().st_size,
        inputs=tuple(port(value) for value in model.graph.input if value.name not in graph.constants),
        outputs=tuple(map(port, model.graph.output)),
        metadata={entry.key: entry.value for entry in model.metadata_props},
        opsets={entry.domain: entry.version for entry in model.opset_import},
        ir_version=model.ir_version,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        parameters=sum(prod(each.dims) for each in model.graph.initializer if each.data_type in FLOATS),
        steps=steps,
        flops=sum(cost or 0 for cost in costs.values()),
        unknown=tuple(name for name, cost in costs.items() if cost is None),
        uncounted=Counter(node.op_type for node in model.graph.node if not is_counted(node)),
    )


def read_model(path: Path) -> onnx.ModelProto:
    """The file's model. Weights that lie in other files are not opened."""
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise BadBundle(f"Cannot read {path}: {error.strerror}.") from error
    except DecodeError as error:
        raise BadBundle(f"{path} is no ONNX file, or is damaged; export it again.") from error
    if not model.graph.node or not model.ir_version:
        raise BadBundle(f"{path} is no ONNX file: it holds no graph.")
    return model


def port(value: ValueInfoProto) -> Port:
    """What the file says of an input or an output."""
    kind = value.type.tensor_type
    known = kind.elem_type in TensorProto.DataType.values()
    name = TensorProto.DataType.Name(kind.elem_type).lower() if known else "unknown"
    dims = tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?" for dim in kind.shape.dim)
    return Port(value.name, {"float": "float32", "double": "float64"}.get(name, name), dims)


def is_counted(node: NodeProto) -> bool:
    return node.op_type in COUNTED and node.domain in ("", "ai.onnx")


class Graph:
    """A model's nodes, with the shapes of all values for one sample."""

    def __init__(self, model: onnx.ModelProto) -> None:
        """Raises BadBundle where shapes contradict each other, or names do, as in a damaged file."""
        names = [name for node in model.graph.node for name in node.output if name]
        if len(names) != len(set(names)) or not all(node.output for node in model.graph.node):
            raise BadBundle("This graph makes a value twice, or nothing; it is damaged. Export it again.")
        self.shapes = infer_shapes(model)
        self.outputs = [value.name for value in model.graph.output]
        self.constants = {each.name for each in model.graph.initializer}
        self.producer = {name: node for node in model.graph.node for name in node.output}
        self.length = {value.name: 0 for value in model.graph.input if value.name not in self.constants}
        self.main = {"latents"} if "latents" in self.length else set(self.length)  # what comes of these leads the way
        self.sources: dict[str, list[str]] = {}  # by a node's first output: its inputs that are data, if any
        for node in model.graph.node:
            self.follow(node)

    def follow(self, node: NodeProto) -> None:
        """Note how far a node's outputs are from the graph's inputs, if data at all, not constants and shapes."""
        sources = [] if node.op_type in SHAPES_ONLY else [name for name in node.input if name in self.length]
        self.sources[node.output[0]] = sources
        if sources:
            self.length.update(dict.fromkeys(node.output, 1 + max(self.length[name] for name in sources)))
        if self.main.intersection(sources):
            self.main.update(node.output)

    def draw(self) -> Iterator[Step]:
        """Every step that an output depends on, each after those that it needs."""
        seen: set[str] = set()
        for name in ("images", *self.outputs):
            if name in self.length:
                yield from self.way_to(name, seen, 0)

    def way_to(self, value: str, seen: set[str], depth: int) -> Iterator[Step]:
        """The longest way to a value from what was seen already; before each step the branches that end there."""
        chain = []
        while value not in seen and self.length[value]:
            chain.append(self.producer[value])
            sources = self.sources[chain[-1].output[0]]
            value = max(sources, key=lambda name: (name not in seen, name in self.main, self.length[name]))
        for node in reversed(chain):
            seen.update(node.output)  # at once, so that a branch does not draw this node again
            for source in self.sources[node.output[0]]:
                if source not in seen:
                    yield from self.way_to(source, seen, depth + 1)
            yield self.step(node, depth)

    def step(self, node: NodeProto, depth: int) -> Step:
        weights = [self.shapes.get(name) for name in node.input if name not in self.length]
        return Step(
            operator=node.op_type,
            output=node.output[0],
            sources=tuple(self.sources[node.output[0]]),
            weights=tuple(each for each in weights if each is not None and len(each) > 1),
            shape=self.shapes.get(node.output[0]),
            flops=self.flops(node) if is_counted(node) else 0,
            depth=depth,
        )

    def known(self, name: str) -> tuple[int, ...]:
        """A value's shape; empty where it, or a part of it, is not known."""
        shape = self.shapes.get(name, ())
        sizes = tuple(size for size in shape if size is not None)
        return sizes if len(sizes) == len(shape) else ()

    def flops(self, node: NodeProto) -> int | None:
        """2 x the multiply-adds of a Conv, ConvTranspose, Gemm or MatMul for one sample; None where not known."""
        inputs = [*node.input, "", ""]  # a damaged node may lack some
        first, second, out = (self.known(name) for name in (inputs[0], inputs[1], node.output[0]))
        if not (first and second and out):
            return None
        if node.op_type == "Conv":  # weights [out, in / groups, k...]
            return 2 * prod(out) * prod(second[1:])
        if node.op_type == "ConvTranspose":  # weights [in, out / groups, k...]
            return 2 * prod(first) * prod(second[1:])
        transposed = node.op_type == "Gemm" and attribute(node, "transA")
        return 2 * prod(out) * (first[0] if transposed else first[-1])


def attribute(node: NodeProto, name: str) -> int:
    """A whole number that belongs to a node; 0 where it has none."""
    found: list[AttributeProto] = [each for each in node.attribute if each.name == name]
    return found[0].i if found else 0


def infer_shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """Value → shape for one sample: named sizes of inputs, which are batches, are 1."""
    light = onnx.ModelProto()
    light.CopyFrom(model)
    named = {value.name for value in light.graph.input}
    del light.graph.initializer[:]
    for each in (
        model.graph.initializer
    ):  # a large one becomes an input: no shape needs its values, and 2 GB cannot be handed over
        if prod(each.dims) <= VALUES_KEPT:
            light.graph.initializer.append(each)
        elif each.name not in named:
            light.graph.input.append(helper.make_tensor_value_info(each.name, each.data_type, each.dims))
    for value in light.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = 1
    for value in light.graph.output:
        value.type.tensor_type.ClearField("shape")  # which names the batch again
    del light.graph.value_info[:]
    try:
        inferred = onnx.shape_inference.infer_shapes(light, strict_mode=True, data_prop=True)
    except Exception as error:  # the checker's kinds and protobuf's share no base
        raise BadBundle(f"This graph contradicts itself ({first_line(error)}); export it again.") from error
    values = [*inferred.graph.input, *inferred.graph.output, *inferred.graph.value_info]
    shapes: dict[str, Shape] = {each.name: tuple(each.dims) for each in model.graph.initializer}
    for value in values:
        if value.type.tensor_type.HasField("shape"):
            dims = value.type.tensor_type.shape.dim
            shapes[value.name] = tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)
    return shapes

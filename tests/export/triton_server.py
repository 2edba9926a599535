"""What Triton Inference Server does with a model repository, as far as its documentation and its code say.

Its user guide (model_configuration, ensemble_models); in triton-inference-server/core, `ValidateIOShape` and
`ValidateEnsembleConfig`; in onnxruntime_backend, `ValidateInputs`, `CompareDimsSupported` and `SetInputTensors`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from onnx import TensorProto

DTYPES = {"TYPE_INT64": np.int64, "TYPE_FP32": np.float32, "TYPE_UINT8": np.uint8}
ONNX_TYPES = {"TYPE_INT64": TensorProto.INT64, "TYPE_FP32": TensorProto.FLOAT, "TYPE_UINT8": TensorProto.UINT8}

# The part of Triton's model_config.proto that we write; * is for lists, and for maps, which the text form writes alike.
FIELDS = "name:string data_type:DataType dims*:int64 reshape:Reshape"
MESSAGES = {
    "Reshape": "shape*:int64",
    "Input": FIELDS,
    "Output": FIELDS,
    "Entry": "key:string value:string",
    "Step": "model_name:string model_version:int64 input_map*:Entry output_map*:Entry",
    "Ensemble": "step*:Step",
    "QueuePolicy": "max_queue_size:int64",
    "Batching": "max_queue_delay_microseconds:int64 default_queue_policy:QueuePolicy",
    "Instances": "count:int64 kind:Kind",
    "Config": "name:string platform:string backend:string max_batch_size:int64 input*:Input output*:Output "
    "ensemble_scheduling:Ensemble dynamic_batching:Batching instance_group*:Instances",
}
ENUMS = {"DataType": ("TYPE_INVALID", *DTYPES), "Kind": ("KIND_AUTO", "KIND_GPU", "KIND_CPU", "KIND_MODEL")}
SCALARS = {"string": 9, "int64": 3}


def schema() -> Any:
    """The class of configurations. Numbers of fields do not matter to the text form."""
    file = descriptor_pb2.FileDescriptorProto(name="part.proto", package="part", syntax="proto3")
    for name, values in ENUMS.items():
        numbered = [{"name": value, "number": number} for number, value in enumerate(values)]
        file.enum_type.add(name=name, value=[descriptor_pb2.EnumValueDescriptorProto(**each) for each in numbered])
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, word in enumerate(fields.split(), 1):
            field, kind = word.split(":")
            label = 3 if field.endswith("*") else 1
            code = SCALARS.get(kind) or (14 if kind in ENUMS else 11)
            type_name = None if kind in SCALARS else f".part.{kind}"
            message.field.add(name=field.rstrip("*"), number=number, label=label, type=code, type_name=type_name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("part.Config"))


class Triton:
    """The models of a repository, each of which has been accepted."""

    def __init__(self, repository: Path) -> None:
        self.folder, config = repository, schema()
        self.configs = {
            path.name: text_format.Parse((path / "config.pbtxt").read_text(), config())
            for path in repository.iterdir()
            if path.is_dir()
        }
        for name, given in self.configs.items():
            assert given.name == name
            assert (repository / name / "1").is_dir()
            for tensor in (*given.input, *given.output):
                check_shape(tensor, given.max_batch_size)
        self.sessions = {name: self.load(name) for name, given in self.configs.items() if given.backend}
        for given in self.configs.values():
            if not given.backend:
                self.check_ensemble(given)

    def load(self, name: str) -> ort.InferenceSession:
        """As the backend does: what the configuration says must be what the graph says."""
        config, path = self.configs[name], self.folder / name / "1" / "model.onnx"
        assert (config.backend, config.platform) == ("onnxruntime", "")
        graph = onnx.load(path).graph
        assert len(config.input) == len(graph.input)
        for given, ports, exactly in ((config.input, graph.input, False), (config.output, graph.output, True)):
            found = {port.name: port.type.tensor_type for port in ports}
            for tensor in given:
                port = found[tensor.name]
                assert ONNX_TYPES[word(tensor)] == port.elem_type
                sizes = [size.dim_value if size.HasField("dim_value") else -1 for size in port.shape.dim]
                compare(sizes, inner(tensor), config.max_batch_size, exactly)
        return ort.InferenceSession(path, providers=["CPUExecutionProvider"])

    def check_ensemble(self, config: Any) -> None:
        """Shapes and types are the same at both ends of every connection, and nothing is left over."""
        assert config.platform == "ensemble"
        assert not config.instance_group
        assert not config.HasField("dynamic_batching")
        known = {tensor.name: full(tensor, config) for tensor in (*config.input, *config.output)}
        ready, used = {tensor.name for tensor in config.input}, set()
        for step in config.ensemble_scheduling.step:
            model = self.configs[step.model_name]
            assert model.max_batch_size == 0 or model.max_batch_size >= config.max_batch_size
            inputs, outputs = mapped(step.input_map), mapped(step.output_map)
            assert inputs.keys() == {tensor.name for tensor in model.input}
            assert ready >= set(inputs.values())
            used |= set(inputs.values())
            ready |= set(outputs.values())
            for maps, tensors in ((inputs, model.input), (outputs, model.output)):
                for tensor in tensors:
                    assert known.setdefault(maps[tensor.name], full(tensor, model)) == full(tensor, model)
        assert used | {tensor.name for tensor in config.output} == ready

    def infer(self, name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A request of a client."""
        config = self.configs[name]
        assert inputs.keys() == {tensor.name for tensor in config.input}
        for tensor in config.input:
            check_request(tensor, inputs[tensor.name], config.max_batch_size)
        if config.backend:
            return self.run(name, inputs)
        tensors = dict(inputs)
        for step in config.ensemble_scheduling.step:
            given = {key: tensors[value] for key, value in mapped(step.input_map).items()}
            found = self.infer(step.model_name, given)
            tensors |= {value: found[key] for key, value in mapped(step.output_map).items()}
        return {tensor.name: tensors[tensor.name] for tensor in config.output}

    def run(self, name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The graph takes tensors in its own shape; one without any sizes gets the only number."""
        config, session, given = self.configs[name], self.sessions[name], {}
        ranks = {port.name: len(port.shape) for port in session.get_inputs()}
        for tensor in config.input:
            value, first = inputs[tensor.name], [-1] if config.max_batch_size else []
            shaped = value.reshape(first + list(tensor.reshape.shape)) if tensor.HasField("reshape") else value
            given[tensor.name] = shaped if ranks[tensor.name] else shaped.reshape(())
        names = [tensor.name for tensor in config.output]
        return dict(zip(names, session.run(names, given), strict=True))


def check_shape(tensor: Any, batch: int) -> None:
    """A tensor has sizes; an empty reshape is for what has one number beside the batch."""
    assert len(tensor.dims) > 0
    assert all(size == -1 or size > 0 for size in tensor.dims)
    if tensor.HasField("reshape"):
        assert batch > 0 or len(tensor.reshape.shape) > 0
        assert np.prod(tensor.dims) == np.prod(tensor.reshape.shape)  # of one -1 at most, as we have


def compare(sizes: list[int], inner: list[int], batch: int, exactly: bool) -> None:
    if not sizes:
        assert set(inner) <= {1}
        return
    assert batch == 0 or sizes[0] == -1
    wanted = [-1, *inner] if batch else inner
    assert len(sizes) == len(wanted)
    assert all(a == b or (a == -1 and not exactly) for a, b in zip(sizes, wanted, strict=True))


def check_request(tensor: Any, value: np.ndarray, batch: int) -> None:
    assert value.dtype == DTYPES[word(tensor)]
    assert batch == 0 or 1 <= len(value) <= batch
    sizes = value.shape[1:] if batch else value.shape
    assert len(sizes) == len(tensor.dims)
    assert all(wanted in (-1, size) for size, wanted in zip(sizes, tensor.dims, strict=True))


def inner(tensor: Any) -> list[int]:
    return list(tensor.reshape.shape if tensor.HasField("reshape") else tensor.dims)


def full(tensor: Any, config: Any) -> tuple[int, list[int]]:
    """Type and shape as clients see them, the batch's size included."""
    return tensor.data_type, ([-1] if config.max_batch_size else []) + list(tensor.dims)


def mapped(entries: Any) -> dict[str, str]:
    return {entry.key: entry.value for entry in entries}


def word(tensor: Any) -> str:
    return ENUMS["DataType"][tensor.data_type]

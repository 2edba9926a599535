"""A bundle as a model repository for NVIDIA Triton Inference Server: two graphs, and an ensemble of them.

NAME_latents/     config.pbtxt, 1/model.onnx: seed → latents
NAME_generator/   config.pbtxt, 1/model.onnx: latents, perhaps label and truncation → images, or samples of points
NAME/             config.pbtxt, 1/: an ensemble of both, and the bundle's manifest, card and preview

Triton's user guide: model_repository, model_configuration, batcher and ensemble_models.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

from ganzoo.core.errors import UsageError
from ganzoo.core.folders import check_place, folder_written_whole
from ganzoo.core.manifest import GENERATOR, LATENTS
from ganzoo.sampling.runtime import ort
from ganzoo.serving.models import PREVIEW, most_samples, open_model

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # of models, as all of Triton and its addresses take it
TYPES = {"tensor(int64)": "TYPE_INT64", "tensor(float)": "TYPE_FP32", "tensor(uint8)": "TYPE_UINT8"}
KEPT = ("manifest.json", "README.md", PREVIEW)  # of the bundle; Triton reads no file in an ensemble's version folder
CPU = "KIND_CPU"  # for integers, which a GPU gains nothing on
ANY = "KIND_AUTO"  # each GPU that there is, or else the CPU

# Requests wait for others for 2 ms at most, and are refused at once where 1024 wait already. Triton advises against
# preferred sizes of batches, but for TensorRT.
BATCHES = """\
dynamic_batching {
  max_queue_delay_microseconds: 2000
  default_queue_policy { max_queue_size: 1024 }
}
"""
NO_BATCHES = (
    "# A request's truncation holds for all of its samples, so Triton must not mix requests: no batches of its own.\n"
)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output, as clients see it."""

    name: str
    type: str  # Triton's word for it
    dims: tuple[int, ...]  # without N, where Triton makes batches; -1 for any size
    reshape: tuple[int, ...] | None = None  # the graph's own, where that differs


@dataclass(frozen=True, slots=True)
class Graph:
    """A model of the repository that is no ensemble."""

    name: str
    inputs: tuple[Tensor, ...]
    output: Tensor
    kind: str  # what it runs on


def write_repository(bundle: Path, out: Path, *, force: bool = False) -> Path:
    """Write the repository `out/NAME` of a bundle called NAME, whole or not at all; returns its folder.

    Raises UsageError where it exists, unless `force` is set and it is a repository, and for a name that Triton does
    not take; BadBundle where the bundle is damaged.
    """
    model = open_model(bundle, "cpu")
    name, sampler = model.name, model.sampler
    if not NAME.fullmatch(name):
        raise UsageError(f"Triton takes names of letters, digits, dots, - and _, not {name!r}; export under another.")
    target = out / name
    check_place(target, force, f"{name}/config.pbtxt", "model repository", "--out")
    batch = 0 if model.manifest.truncation == "input" else most_samples(model.manifest)
    seeder = graph_of(f"{name}_latents", sampler.seeder, "latents", batch, CPU)
    generator = graph_of(f"{name}_generator", sampler.session, sampler.output, batch, ANY)
    with folder_written_whole(target, force, "--out") as folder:
        write_model(folder / seeder.name, graph_config(seeder, batch), {"model.onnx": bundle / LATENTS})
        write_model(folder / generator.name, graph_config(generator, batch), {"model.onnx": bundle / GENERATOR})
        kept = {file: bundle / file for file in KEPT if (bundle / file).is_file()}
        write_model(folder / name, ensemble_config(name, seeder, generator, batch), kept)
    return target


def write_model(folder: Path, config: str, files: Mapping[str, Path]) -> None:
    """One model with its only version, 1."""
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(config, encoding="utf-8")
    for name, source in files.items():
        copyfile(source, folder / "1" / name)


# What the graphs take


def graph_of(name: str, session: ort.InferenceSession, output: str, batch: int, kind: str) -> Graph:
    """All inputs, and the output that is for people."""
    inputs = tuple(tensor(port, batch) for port in session.get_inputs())
    (given,) = (tensor(port, batch) for port in session.get_outputs() if port.name == output)
    return Graph(name, inputs, given, kind)


def tensor(port: Any, batch: int) -> Tensor:
    """With batches, N comes before `dims` and is not named. Clients cannot send [N], so they send [N, 1]."""
    sizes = tuple(size if isinstance(size, int) else -1 for size in port.shape)
    first = () if batch else sizes[:1]
    if len(sizes) == 1:
        return Tensor(port.name, TYPES[port.type], (*first, 1), first)
    return Tensor(port.name, TYPES[port.type], (*first, *sizes[1:]) or (1,))  # a scalar is sent as [1]


# config.pbtxt, the text form of Triton's ModelConfig


def graph_config(graph: Graph, batch: int) -> str:
    return (
        f'name: "{graph.name}"\nbackend: "onnxruntime"\n'
        + batches(batch)
        + tensors("input", graph.inputs)
        + tensors("output", [graph.output])
        + f"instance_group [ {{ count: 1, kind: {graph.kind} }} ]\n"
        + (BATCHES if batch else "")
    )


def ensemble_config(name: str, seeder: Graph, generator: Graph, batch: int) -> str:
    """From seeds to pictures or points in one request. Tensors are called the same in the ensemble and in its steps."""
    between = seeder.output.name
    given = [*seeder.inputs, *(each for each in generator.inputs if each.name != between)]
    steps = ",".join(step(graph) for graph in (seeder, generator))
    return (
        f'name: "{name}"\nplatform: "ensemble"\n'
        + batches(batch)
        + tensors("input", [Tensor(each.name, each.type, each.dims) for each in given])
        + tensors("output", [generator.output])
        + f"ensemble_scheduling {{\n  step [{steps}\n  ]\n}}\n"
    )


def step(graph: Graph) -> str:
    maps = [f'      input_map {{ key: "{each.name}", value: "{each.name}" }}' for each in graph.inputs]
    maps.append(f'      output_map {{ key: "{graph.output.name}", value: "{graph.output.name}" }}')
    lines = "\n".join(maps)
    return f'\n    {{\n      model_name: "{graph.name}"\n      model_version: -1\n{lines}\n    }}'


def batches(batch: int) -> str:
    return ("" if batch else NO_BATCHES) + f"max_batch_size: {batch}\n"


def tensors(role: str, each: Iterable[Tensor]) -> str:
    lines = ",\n".join(f"  {{ {fields(tensor)} }}" for tensor in each)
    return f"{role} [\n{lines}\n]\n"


def fields(tensor: Tensor) -> str:
    words = [f'name: "{tensor.name}"', f"data_type: {tensor.type}", f"dims: {list(tensor.dims)}"]
    if tensor.reshape is not None:
        words.append(f"reshape {{ shape: {list(tensor.reshape)} }}")
    return ", ".join(words)

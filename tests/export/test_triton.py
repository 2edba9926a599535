"""A model repository that Triton Inference Server takes, and whose ensemble draws what ganzoo draws."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format, text_format
from triton_server import DTYPES, Triton, schema

import ganzoo
from benchmarks.clients.tools import from_pip
from clients.client_tools import skipping, truncating
from ganzoo.core.errors import BadBundle, UsageError
from ganzoo.core.manifest import read_manifest
from ganzoo.export.triton import write_repository
from ganzoo.sampling.sampler import Sampler

MODELS = Path(__file__).parents[2] / "exported_models"
SEEDS = np.array([0, 1, 2, -1, 2**63 - 1, -(2**63), 7])
KINDS = ("pictures", "labels", "truncation", "points")


def renamed(bundle: Path, name: str) -> Path:
    manifest = replace(read_manifest(bundle), name=name)
    (bundle / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return bundle


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A bundle of each kind of inputs and outputs that there is."""
    folder = tmp_path_factory.mktemp("sources")
    points = ganzoo.train("mlp-ring", steps=1, out=folder / "runs", quiet=True)
    return {
        "pictures": MODELS / "vanilla-mlp",
        "labels": MODELS / "acgan",
        "truncation": renamed(truncating(MODELS / "projection-gan", folder / "truncating"), "truncating"),
        "points": ganzoo.export(points, out=folder, name="points"),
    }


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest, sources: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A bundle and its repository."""
    source = sources[request.param]
    return source, write_repository(source, tmp_path_factory.mktemp("repositories"))


def asked(sampler: Sampler, seeds: np.ndarray, truncation: float) -> dict[str, np.ndarray]:
    """A client's request: each seed and label is a row of one number, and truncation one number for all."""
    inputs = {"seed": seeds[:, None]}
    if sampler.manifest.conditional:
        inputs["label"] = (seeds % sampler.manifest.sample.num_classes)[:, None]
    if sampler.manifest.truncation == "input":
        inputs["truncation"] = np.array([truncation], np.float32)
    return inputs


def test_the_ensemble_draws_what_the_sampler_draws(case: tuple[Path, Path]) -> None:
    source, repository = case
    sampler = Sampler(source, "cpu")
    truncation = 0.7 if sampler.manifest.truncation == "input" else 1.0
    triton = Triton(repository)

    (drawn,) = triton.infer(repository.name, asked(sampler, SEEDS, truncation)).values()

    labels = sampler.labels(SEEDS, None)
    expected = sampler.generate(sampler.latents(SEEDS), labels, truncation)
    np.testing.assert_array_equal(drawn, expected)


def test_each_graph_can_be_asked_alone(case: tuple[Path, Path]) -> None:
    """Latents of the user's own go to the generator."""
    source, repository = case
    sampler, triton, name = Sampler(source, "cpu"), Triton(repository), repository.name
    latents = triton.infer(f"{name}_latents", {"seed": SEEDS[:, None]})["latents"]
    np.testing.assert_array_equal(latents, sampler.latents(SEEDS))

    inputs = {**asked(sampler, SEEDS, 1.0), "latents": latents[::-1].copy()}
    del inputs["seed"]
    (drawn,) = triton.infer(f"{name}_generator", inputs).values()

    expected = sampler.generate(latents[::-1], sampler.labels(SEEDS, None))
    np.testing.assert_array_equal(drawn, expected)


def test_requests_are_put_together_where_each_sample_stands_alone(case: tuple[Path, Path]) -> None:
    """Triton lays inputs of several requests one after the other; a truncation that all share must forbid that."""
    source, repository = case
    sampler, triton = Sampler(source, "cpu"), Triton(repository)
    batching = {name: config.HasField("dynamic_batching") for name, config in triton.configs.items()}
    if sampler.manifest.truncation == "input":
        assert not any(batching.values())
        assert {config.max_batch_size for config in triton.configs.values()} == {0}
        return
    name = repository.name
    assert batching == {name: False, f"{name}_latents": True, f"{name}_generator": True}
    assert {config.max_batch_size for config in triton.configs.values()} == {256}

    requests = [asked(sampler, part, 1.0) for part in (SEEDS[:2], SEEDS[2:])]
    together = {key: np.concatenate([each[key] for each in requests]) for key in requests[0]}
    (whole,) = triton.infer(name, together).values()

    np.testing.assert_array_equal(
        whole, np.concatenate([*[next(iter(triton.infer(name, r).values())) for r in requests]])
    )


def test_integers_stay_on_the_cpu_and_generators_go_to_gpus(case: tuple[Path, Path]) -> None:
    """At once where the queue is full, requests are refused; until then they wait for 2 ms."""
    _, repository = case
    configs = Triton(repository).configs
    kinds = {name: [(group.count, group.kind) for group in config.instance_group] for name, config in configs.items()}
    name = repository.name
    assert kinds == {name: [], f"{name}_latents": [(1, 2)], f"{name}_generator": [(1, 0)]}  # KIND_CPU, KIND_AUTO
    for config in configs.values():
        if config.HasField("dynamic_batching"):
            assert config.dynamic_batching.max_queue_delay_microseconds == 2000
            assert config.dynamic_batching.default_queue_policy.max_queue_size == 1024


def test_the_bundle_s_other_files_are_kept_where_triton_reads_none(case: tuple[Path, Path]) -> None:
    source, repository = case
    name = repository.name
    files = {path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()}
    kept = {f"{name}/1/{file}" for file in ("manifest.json", "README.md", "preview.png")}
    models = {f"{name}_{part}/1/model.onnx" for part in ("latents", "generator")}
    assert files == kept | models | {
        f"{model}/config.pbtxt" for model in (name, f"{name}_latents", f"{name}_generator")
    }
    for file in kept:
        assert (repository / file).read_bytes() == (source / Path(file).name).read_bytes()
    for part in ("latents", "generator"):
        copy = repository / f"{name}_{part}" / "1" / "model.onnx"
        assert copy.read_bytes() == (source / f"{part}.onnx").read_bytes()


def test_a_configuration_can_be_read(tmp_path: Path) -> None:
    """It is the example of Triton's documentation for inputs of one number, `dims: [ 1 ] reshape: { shape: [ ] }`."""
    repository = write_repository(MODELS / "vanilla-mlp", tmp_path)
    assert (repository / "vanilla-mlp_latents" / "config.pbtxt").read_text() == (
        """\
name: "vanilla-mlp_latents"
backend: "onnxruntime"
max_batch_size: 256
input [
  { name: "seed", data_type: TYPE_INT64, dims: [1], reshape { shape: [] } }
]
output [
  { name: "latents", data_type: TYPE_FP32, dims: [64] }
]
instance_group [ { count: 1, kind: KIND_CPU } ]
dynamic_batching {
  max_queue_delay_microseconds: 2000
  default_queue_policy { max_queue_size: 1024 }
}
"""
    )


def test_why_there_are_no_batches_is_said(sources: dict[str, Path], tmp_path: Path) -> None:
    repository = write_repository(sources["truncation"], tmp_path)
    for path in repository.glob("*/config.pbtxt"):
        lines = path.read_text().splitlines()
        assert lines[lines.index("max_batch_size: 0") - 1].startswith("# A request's truncation holds for all")


def test_large_pictures_come_in_smaller_batches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ganzoo.serving.models.NUMBERS_AT_ONCE", 64 * 100)
    repository = write_repository(MODELS / "vanilla-mlp", tmp_path)  # 64 numbers each
    assert {config.max_batch_size for config in Triton(repository).configs.values()} == {100}


# Where it is written


def test_a_repository_is_kept_unless_forced(tmp_path: Path) -> None:
    repository = write_repository(MODELS / "vanilla-mlp", tmp_path)
    (repository / "old").write_text("")
    with pytest.raises(UsageError, match=r"exists; choose another --out, or replace it with --force"):
        write_repository(MODELS / "vanilla-mlp", tmp_path)
    assert (repository / "old").exists()
    write_repository(MODELS / "vanilla-mlp", tmp_path, force=True)
    assert not (repository / "old").exists()


def test_what_is_no_repository_is_never_replaced(tmp_path: Path) -> None:
    """Not even a bundle, which has the same name."""
    shutil.copytree(MODELS / "vanilla-mlp", tmp_path / "vanilla-mlp")
    with pytest.raises(UsageError, match="is no model repository, so --force does not replace it"):
        write_repository(MODELS / "vanilla-mlp", tmp_path, force=True)
    Sampler(tmp_path / "vanilla-mlp", "cpu")


@pytest.mark.parametrize("name", ["my model", "größe", 'a"b', "-x", ".x"])
def test_a_name_that_triton_does_not_take_is_refused(name: str, tmp_path: Path) -> None:
    shutil.copytree(MODELS / "vanilla-mlp", tmp_path / "source")
    with pytest.raises((UsageError, BadBundle), match=r"export (it again )?under another"):
        write_repository(renamed(tmp_path / "source", name), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda folder: (folder / "generator.onnx").write_bytes(b""), "is not the file that was exported"),
        (lambda folder: (folder / "latents.onnx").unlink(), "Cannot read"),
        (shutil.rmtree, "is no bundle"),
    ],
)
def test_a_damaged_bundle_leaves_nothing(spoil: Callable[[Path], object], error: str, tmp_path: Path) -> None:
    shutil.copytree(MODELS / "vanilla-mlp", tmp_path / "source")
    spoil(tmp_path / "source")
    with pytest.raises(BadBundle, match=error):
        write_repository(tmp_path / "source", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_repository_is_written_where_torch_and_onnx_cannot_be_imported(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules.update(torch=None, onnx=None); from pathlib import Path; "
        "from ganzoo.export.triton import write_repository; write_repository(Path(sys.argv[1]), Path('out'))"
    )
    bundle = str(MODELS / "vanilla-mlp")
    subprocess.run([sys.executable, "-c", code, bundle], cwd=tmp_path, check=True, timeout=100)
    assert Triton(tmp_path / "out" / "vanilla-mlp").sessions


# Triton's own schema


@pytest.fixture(scope="module")
def triton_s_schema() -> ModuleType:
    """NVIDIA's `model_config_pb2`, which its client brings."""
    with skipping():
        folder = from_pip("tritonclient", "tritonclient==2.*")
    path = folder / "tritonclient" / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.clients
def test_triton_s_schema_reads_what_these_tests_read(case: tuple[Path, Path], triton_s_schema: ModuleType) -> None:
    """So the checks above are of what Triton will see; it knows every word, and reads the same from it."""
    _, repository = case
    for path in repository.glob("*/config.pbtxt"):
        theirs = text_format.Parse(path.read_text(), triton_s_schema.ModelConfig())
        ours = text_format.Parse(path.read_text(), schema()())
        assert plain(theirs) == plain(ours)
        assert {triton_s_schema.DataType.Name(tensor.data_type) for tensor in (*theirs.input, *theirs.output)} <= set(
            DTYPES
        )


def plain(config: Any) -> str:
    """As JSON, with maps as maps and numbers of 64 bits as numbers."""

    def even(value: Any) -> Any:
        if isinstance(value, list) and value and isinstance(value[0], dict) and value[0].keys() == {"key", "value"}:
            return {entry["key"]: entry["value"] for entry in value}
        if isinstance(value, list):
            return [even(each) for each in value]
        if isinstance(value, dict):
            return {key: even(each) for key, each in value.items()}
        return str(value)

    return json.dumps(even(json_format.MessageToDict(config, preserving_proto_field_name=True)), sort_keys=True)

"""From a bundle to samples, and what happens where the bundle or the user is wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ganzoo.core.config import Choice
from ganzoo.core.errors import BadBundle, GanzooError, UsageError
from ganzoo.core.files import sha256
from ganzoo.core.manifest import read_manifest
from ganzoo.core.specs import SampleSpec
from ganzoo.latents import normals, seed_words
from ganzoo.sampling import sampler as module
from ganzoo.sampling.pixels import to_uint8
from ganzoo.sampling.sampler import Sampler

MakeBundle = Callable[..., Path]


def answer(bundle: Path, latents: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """samples = tanh(latents @ weights), with the weights read from the bundle's file."""
    tensors = {
        item.name: onnx.numpy_helper.to_array(item) for item in onnx.load(bundle / "generator.onnx").graph.initializer
    }
    return np.tanh(latents @ tensors["weights"]).reshape(len(latents), *shape)


def test_pictures_are_the_generator_s_of_the_seeds_latents_in_whole_grey_levels(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    latents = normals(seed_words(np.arange(7, 12), 6))

    images = Sampler(bundle).sample(5, seed=7)

    assert (images.dtype, images.shape) == (np.uint8, (5, 5, 4, 3))
    expected = to_uint8(answer(bundle, latents, (3, 5, 4)).astype(np.float32))
    assert np.abs(images.astype(int) - expected).max() <= 1  # tanh may differ in its last bit
    assert (images == expected).mean() > 0.99


def test_points_are_float32_as_the_generator_makes_them(make_bundle: MakeBundle) -> None:
    bundle = make_bundle((2,))
    sampler = Sampler(str(bundle))
    latents = sampler.latents([5, -5])

    points = sampler.generate(latents)

    assert (points.dtype, points.shape) == (np.float32, (2, 2))
    np.testing.assert_allclose(points, answer(bundle, latents, (2,)), atol=1e-6)


def test_a_sampler_says_what_it_runs_and_where(make_bundle: MakeBundle) -> None:
    sampler = Sampler(make_bundle(), device="cpu")

    assert sampler.manifest.name == "tiny"
    assert sampler.provider == "CPUExecutionProvider"


def test_sample_i_uses_seed_plus_i_whatever_the_count(make_bundle: MakeBundle) -> None:
    sampler = Sampler(make_bundle())
    whole = sampler.sample(6, seed=-3)

    for index in range(6):
        np.testing.assert_array_equal(whole[index : index + 1], sampler.sample(1, seed=-3 + index))


def test_large_requests_go_through_in_chunks_and_come_out_in_order(
    make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = Sampler(make_bundle())
    whole, sizes, once = sampler.sample(600), [], module.run_once

    def spy(session: Any, output: str, inputs: dict[str, np.ndarray], count: int) -> np.ndarray:
        sizes.append((output, count))
        return once(session, output, inputs, count)

    monkeypatch.setattr(module, "run_once", spy)

    np.testing.assert_array_equal(sampler.sample(600), whole)
    np.testing.assert_array_equal(sampler.sample(1, seed=599), whole[599:])
    both = [[(output, size) for size in (256, 256, 88)] for output in ("latents", "images")]
    assert sizes == [*both[0], *both[1], ("latents", 1), ("images", 1)]


def test_large_samples_make_smaller_chunks(make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = Sampler(make_bundle())
    whole = sampler.sample(5)
    monkeypatch.setattr(module, "NUMBERS_AT_ONCE", 2 * 60 + 1)  # two samples of 3 × 5 × 4
    calls: list[int] = []
    once = module.run_once
    monkeypatch.setattr(module, "run_once", lambda *parts: calls.append(parts[3]) or once(*parts))

    np.testing.assert_array_equal(sampler.sample(5), whole)
    assert calls == [5, 2, 2, 1]  # latents are small, and go through together


@pytest.mark.parametrize("seed", [-(2**63), 2**63 - 2])
def test_seeds_reach_to_both_ends_of_int64(make_bundle: MakeBundle, seed: int) -> None:
    sampler = Sampler(make_bundle())

    np.testing.assert_array_equal(sampler.sample(2, seed), sampler.generate(sampler.latents([seed, seed + 1])))


@pytest.mark.parametrize(
    ("count", "seed", "said"),
    [
        (0, 0, "at least 1"),
        (-1, 0, "at least 1"),
        (2, 2**63 - 1, "Seeds"),
        (1, 2**63, "Seeds"),
        (1, -(2**63) - 1, "Seeds"),
    ],
)
def test_counts_and_seeds_out_of_range_are_refused(make_bundle: MakeBundle, count: int, seed: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Sampler(make_bundle()).sample(count, seed)


@pytest.mark.parametrize("seeds", [[0.5], [[1]], ["1"], [2**63], [2**70], [True], []])
def test_seeds_that_are_no_list_of_int64_are_refused(make_bundle: MakeBundle, seeds: Any) -> None:
    with pytest.raises(UsageError, match="whole numbers"):
        Sampler(make_bundle()).latents(seeds)


@pytest.mark.parametrize(
    ("latents", "said"),
    [
        (np.zeros((2, 5)), r"\[N, 6\].*\[2, 5\]"),
        (np.zeros(6), r"\[6\]"),
        (np.zeros((0, 6)), "at least 1"),
        (np.full((1, 6), np.nan), "finite"),
        (np.full((1, 6), np.inf), "finite"),
        (np.full((1, 6), 1e300), "finite"),
    ],
)
def test_latents_of_another_shape_or_not_finite_are_refused(
    make_bundle: MakeBundle, latents: np.ndarray, said: str
) -> None:
    with pytest.raises(GanzooError, match=said):
        Sampler(make_bundle()).generate(latents)


def test_a_failure_of_onnxruntime_is_explained(make_bundle: MakeBundle) -> None:
    sampler = Sampler(make_bundle())

    with pytest.raises(GanzooError, match="failed on a batch of 1"):
        module.run_once(sampler.session, "images", {"latents": np.zeros((1, 5), np.float32)}, 1)


def test_a_folder_that_does_not_exist_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="ganzoo export"):
        Sampler(tmp_path / "missing")


def test_a_file_that_changed_is_named(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    with (bundle / "generator.onnx").open("ab") as file:
        file.write(b"\0")

    with pytest.raises(BadBundle, match=r"generator\.onnx.*SHA-256.*Export it again"):
        Sampler(bundle)


def test_a_file_that_is_missing_is_named(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    (bundle / "generator.onnx").unlink()

    with pytest.raises(BadBundle, match=r"Cannot read .*generator\.onnx"):
        Sampler(bundle)


def test_every_file_of_the_manifest_is_checked(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    path = bundle / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    content["files"]["preview.png"] = "0" * 64
    path.write_text(json.dumps(content), "utf-8")
    (bundle / "preview.png").write_bytes(b"other")

    with pytest.raises(BadBundle, match=r"preview\.png"):
        Sampler(bundle)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "a/b", "a\0b"])
def test_a_manifest_cannot_reach_outside_of_its_folder(make_bundle: MakeBundle, name: str) -> None:
    bundle = make_bundle()
    path = bundle / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    content["files"][name] = "0" * 64
    path.write_text(json.dumps(content), "utf-8")

    with pytest.raises(BadBundle, match="outside"):
        Sampler(bundle)


@pytest.mark.parametrize("name", ["latents.onnx", "generator.onnx"])
def test_a_manifest_that_does_not_name_a_graph_is_refused(make_bundle: MakeBundle, name: str) -> None:
    bundle = make_bundle()
    files = {file: sha256(bundle / file) for file in ("latents.onnx", "generator.onnx") if file != name}
    with pytest.raises(BadBundle, match=rf"does not name {name}"):
        Sampler(make_bundle(files=files))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08"])
def test_a_generator_that_is_no_model_is_a_bad_bundle(make_bundle: MakeBundle, content: bytes) -> None:
    with pytest.raises(BadBundle, match=r"generator\.onnx.*Export it again"):
        Sampler(make_bundle(generator=content))


def test_latents_that_are_not_the_exporter_s_are_refused(make_bundle: MakeBundle) -> None:
    test = read_manifest(make_bundle()).self_test
    with pytest.raises(BadBundle, match="draws other latents here"):
        Sampler(make_bundle(self_test=replace(test, latents_sha256="0" * 64)))
    with pytest.raises(BadBundle, match="no int64"):
        Sampler(make_bundle(self_test=replace(test, seeds=(2**63,))))


def test_a_bundle_needs_no_plugin_that_knows_its_prior(make_bundle: MakeBundle) -> None:
    """What draws the latents is in the bundle."""
    expected = Sampler(make_bundle()).sample(3)
    np.testing.assert_array_equal(Sampler(make_bundle(latents=Choice(name="nonesuch"))).sample(3), expected)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08"])
def test_a_latents_file_that_is_no_model_is_a_bad_bundle(make_bundle: MakeBundle, content: bytes) -> None:
    with pytest.raises(BadBundle, match=r"latents\.onnx.*Export it again"):
        Sampler(make_bundle(latents_file=content))


def test_a_latents_file_of_another_width_is_refused(make_bundle: MakeBundle) -> None:
    with pytest.raises(BadBundle, match=r"latents\.onnx of tiny should take seed \[N\] and give latents \[N, 7\]"):
        Sampler(make_bundle(latent_size=7))


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 5, 4), (60,)])
def test_a_graph_that_gives_other_samples_than_the_manifest_says_is_refused(
    make_bundle: MakeBundle, shape: tuple[int, ...]
) -> None:
    with pytest.raises(BadBundle, match=r"generator\.onnx of tiny should take latents"):
        Sampler(make_bundle(sample=SampleSpec(shape)))


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("another width", [("latents", ["N", 7])]),
        ("another name", [("z", ["N", 6])]),
        ("a frozen batch", [("latents", [1, 6])]),
        ("another input", [("latents", ["N", 6]), ("label", ["N", 6])]),
    ],
)
def test_a_graph_that_takes_other_latents_is_refused(
    make_bundle: MakeBundle, name: str, inputs: list[tuple[str, list[Any]]]
) -> None:
    ports = [helper.make_tensor_value_info(port, TensorProto.FLOAT, shape) for port, shape in inputs]
    output = helper.make_tensor_value_info("samples", TensorProto.FLOAT, None)
    node = helper.make_node("Sum", [port for port, _ in inputs], ["samples"])
    graph = helper.make_graph([node], "other", ports, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)

    with pytest.raises(BadBundle, match=r"generator\.onnx of tiny should take latents"):
        Sampler(make_bundle((6,), graph=model))


def test_a_graph_that_loses_samples_is_refused_rather_than_one_sample_repeated(make_bundle: MakeBundle) -> None:
    port = helper.make_tensor_value_info("latents", TensorProto.FLOAT, ["N", 6])
    output = helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["M", 6])
    node = helper.make_node("Slice", ["latents", "start", "end"], ["samples"])
    bounds = [helper.make_tensor(name, TensorProto.INT64, [1], [at]) for name, at in (("start", 0), ("end", 1))]
    graph = helper.make_graph([node], "first", [port], [output], bounds)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)

    with pytest.raises(BadBundle, match="1 samples of a batch of 3"):
        Sampler(make_bundle((6,), graph=model)).sample(3)


def test_truncation_scales_latents_where_the_graph_has_none(make_bundle: MakeBundle) -> None:
    sampler = Sampler(make_bundle((2,)))
    latents = sampler.latents(range(5))

    np.testing.assert_array_equal(sampler.sample(5, truncation=0.5), sampler.generate(latents * np.float32(0.5)))
    np.testing.assert_array_equal(sampler.sample(5, truncation=0), sampler.generate(np.zeros((5, 6))))


def test_truncation_is_the_graph_s_input_where_it_has_one(make_bundle: MakeBundle) -> None:
    """samples = latents × truncation, so that what was passed can be read off."""
    ports = [
        helper.make_tensor_value_info("latents", TensorProto.FLOAT, ["N", 6]),
        helper.make_tensor_value_info("truncation", TensorProto.FLOAT, []),
    ]
    output = helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["N", 6])
    graph = helper.make_graph([helper.make_node("Mul", ["latents", "truncation"], ["samples"])], "m", ports, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    sampler = Sampler(make_bundle((6,), graph=model, truncation="input"))

    np.testing.assert_array_equal(sampler.sample(3), sampler.latents(range(3)))
    np.testing.assert_array_equal(sampler.sample(3, truncation=0.5), sampler.latents(range(3)) * np.float32(0.5))
    with pytest.raises(BadBundle, match=r"generator\.onnx of tiny should take latents"):
        Sampler(make_bundle((6,), graph=model))


@pytest.mark.parametrize("truncation", [float("nan"), float("inf"), 1e39, 10**400])
def test_a_truncation_that_is_no_number_is_refused(make_bundle: MakeBundle, truncation: float) -> None:
    with pytest.raises(UsageError, match="mostly in 0…1"):
        Sampler(make_bundle()).sample(1, truncation=truncation)


def test_what_is_too_large_for_float32_is_no_sample(make_bundle: MakeBundle) -> None:
    """samples = latents × 10: finite latents, and infinite samples."""
    port = helper.make_tensor_value_info("latents", TensorProto.FLOAT, ["N", 6])
    output = helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["N", 6])
    ten = helper.make_tensor("ten", TensorProto.FLOAT, [], [10.0])
    graph = helper.make_graph([helper.make_node("Mul", ["latents", "ten"], ["samples"])], "m", [port], [output], [ten])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    sampler = Sampler(make_bundle((6,), graph=model))
    with pytest.raises(UsageError, match="Latents must be finite"):
        sampler.sample(9, truncation=3e38)
    with pytest.raises(UsageError, match="Some samples are NaN or infinite"):
        sampler.generate(np.full((1, 6), 3e38))


@pytest.mark.parametrize(("count", "seed"), [(1.5, 0), (2, 0.5), ("2", 0), (None, 0), (2, [1])])
def test_counts_and_seeds_that_are_no_whole_numbers_are_refused(make_bundle: MakeBundle, count: Any, seed: Any) -> None:
    with pytest.raises(UsageError, match="is a whole number, not"):
        Sampler(make_bundle()).sample(count, seed)


def test_whole_numbers_of_numpy_are_as_good_as_python_s(make_bundle: MakeBundle) -> None:
    sampler = Sampler(make_bundle())
    np.testing.assert_array_equal(sampler.sample(np.int32(2), np.int32(7)), sampler.sample(2, 7))


@pytest.mark.parametrize("values", [[[1.0], [2.0, 3.0]], [["a"] * 6], [None]])
def test_arrays_that_are_none_are_refused(make_bundle: MakeBundle, values: Any) -> None:
    with pytest.raises(UsageError, match=r"Latents are an array of numbers|\[N, 6\]"):
        Sampler(make_bundle()).generate(values)


@pytest.mark.parametrize(
    "changes", [{"stride": 0}, {"stride": -1}, {"seeds": []}, {"seeds": [2**64]}, {"seeds": ["0"]}, {"tolerance": -1}]
)
def test_a_self_test_that_makes_no_sense_is_a_bad_bundle(make_bundle: MakeBundle, changes: dict[str, Any]) -> None:
    bundle = make_bundle()
    path = bundle / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    content["self_test"] |= changes
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(BadBundle, match=r"damaged|no int64"):
        Sampler(bundle)


def test_a_newer_bundle_asks_for_a_newer_ganzoo(make_bundle: MakeBundle) -> None:
    with pytest.raises(BadBundle, match="has format 3, and this ganzoo reads format 2; install a newer ganzoo"):
        Sampler(make_bundle(format=3))


def test_truncation_is_refused_where_latents_cannot_be_scaled(make_bundle: MakeBundle) -> None:
    sampler = Sampler(make_bundle(truncation="none"))
    assert len(sampler.sample(1, truncation=1)) == 1
    with pytest.raises(UsageError, match="tiny has no truncation"):
        sampler.sample(1, truncation=0.7)

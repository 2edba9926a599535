"""Files that ganzoo did not make are drawn from where that is possible, and refused in words where it is not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ganzoo.core.errors import BadBundle, UsageError
from ganzoo.latents import normals, seed_words
from ganzoo.sampling.foreign import ForeignSampler
from ganzoo.sampling.pixels import to_uint8

FLOAT, UINT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64


def write(path: Path, inputs: dict[str, tuple[int, Sequence[Any]]], shape: Sequence[int], kind: int = FLOAT) -> Path:
    """A graph that gives its first input, brought to `shape`, as `kind`."""
    ports = [helper.make_tensor_value_info(name, *port) for name, port in inputs.items()]
    output = helper.make_tensor_value_info("y", kind, [None] * len(shape))
    sizes = helper.make_tensor("shape", INT64, [len(shape)], list(shape))
    nodes = [
        helper.make_node("Reshape", [next(iter(inputs)), "shape"], ["shaped"]),
        helper.make_node("Cast", ["shaped"], ["y"], to=kind),
    ]
    graph = helper.make_graph(nodes, "foreign", ports, [output], [sizes])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


def latents(count: int, seed: int = 0) -> np.ndarray:
    return normals(seed_words(np.arange(seed, seed + count), 12))


@pytest.mark.parametrize("sizes", [["N", 12], ["N", 12, 1, 1]])
def test_float_pictures_are_shown_in_bytes(tmp_path: Path, sizes: list[Any]) -> None:
    path = write(tmp_path / "a.onnx", {"z": (FLOAT, sizes)}, (-1, 3, 2, 2))
    expected = to_uint8(latents(4, 7).reshape(4, 3, 2, 2))
    np.testing.assert_array_equal(ForeignSampler(path, "cpu").sample(4, seed=7), expected)


def test_points_are_given_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", {"z": (FLOAT, ["N", 12])}, (-1, 12))
    np.testing.assert_array_equal(ForeignSampler(path, "cpu").sample(3), latents(3))
    np.testing.assert_array_equal(ForeignSampler(path, "cpu").sample(3, truncation=0.5), latents(3) / 2)


@pytest.mark.parametrize("shape", [(-1, 2, 2, 3), (-1, 3, 2, 2)])
def test_bytes_may_have_their_channels_last_or_first(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write(tmp_path / "a.onnx", {"z": (FLOAT, ["N", 12])}, shape, UINT8)
    pictures = ForeignSampler(path, "cpu").sample(2)
    assert (pictures.dtype, pictures.shape) == (np.uint8, (2, 2, 2, 3))


def test_a_frozen_batch_is_filled_up(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", {"z": (FLOAT, [4, 12])}, (4, 12))
    for count in (1, 4, 5, 11):
        np.testing.assert_array_equal(ForeignSampler(path, "cpu").sample(count), latents(count))


@pytest.mark.parametrize(
    "inputs",
    [
        {"z": (FLOAT, ["N", 12]), "label": (INT64, ["N"])},
        {"picture": (FLOAT, ["N", 3, 8, 8])},
        {"z": (FLOAT, ["N", "Z"])},
        {"seed": (INT64, ["N"])},
        {"z": (FLOAT, ["N"])},
        {"z": (FLOAT, ["N", 0])},
    ],
)
def test_other_inputs_than_latents_are_named(tmp_path: Path, inputs: dict[str, Any]) -> None:
    path = write(tmp_path / "a.onnx", inputs, (-1, 12))
    with pytest.raises(BadBundle, match=rf"a\.onnx takes {next(iter(inputs))} .*a single input, float \[N, Z\]"):
        ForeignSampler(path, "cpu")


def test_what_a_foreign_file_draws_too_large_for_float32_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", {"z": (FLOAT, ["N", 12])}, (-1, 12))
    for truncation in (float("nan"), 1e39):
        with pytest.raises(UsageError, match="finite"):
            ForeignSampler(path, "cpu").sample(1, truncation=truncation)


@pytest.mark.parametrize(("shape", "kind"), [((-1, 12, 1, 1), FLOAT), ((-1, 12), INT64), ((-1, 3, 4), FLOAT)])
def test_what_is_neither_pictures_nor_points_is_refused(tmp_path: Path, shape: tuple[int, ...], kind: int) -> None:
    path = write(tmp_path / "a.onnx", {"z": (FLOAT, ["N", 12])}, shape, kind)
    with pytest.raises(BadBundle, match=r"a\.onnx draws .*ganzoo shows pictures"):
        ForeignSampler(path, "cpu").sample(2)


def test_a_label_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.onnx", {"z": (FLOAT, ["N", 12])}, (-1, 12))
    with pytest.raises(UsageError, match="does not draw by label"):
        ForeignSampler(path, "cpu").sample(1, label=3)
    (tmp_path / "b.onnx").write_bytes(b"no model")
    with pytest.raises(BadBundle, match="cannot open"):
        ForeignSampler(tmp_path / "b.onnx", "cpu")

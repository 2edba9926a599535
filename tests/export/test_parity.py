"""A graph that is not its generator's equal is never written."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from toy_generators import PICTURE, POINT, PRIOR, SIZE, CentresItsBatch, good

from ganzoo.core.errors import ExportFailed
from ganzoo.core.specs import SampleSpec
from ganzoo.export.contract import check_generator
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import agreement, compare, open_model


@pytest.fixture(scope="module")
def original() -> tuple[onnx.ModelProto, nn.Module]:
    """A generator of pictures and its graph, which tests copy before they spoil it."""
    generator, sample = good("perceptron")
    return to_onnx(generator, sample, SIZE), generator


def spoiled(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def scale_largest(model: onnx.ModelProto, factor: float) -> onnx.ModelProto:
    """The model with its largest weights times `factor`."""
    copy = spoiled(model)
    largest = max(copy.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = (numpy_helper.to_array(largest) * np.float32(factor)).astype(np.float32)
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    return copy


def test_an_equal_graph_passes_and_says_how_equal(original: tuple[onnx.ModelProto, nn.Module]) -> None:
    parity = compare(*original, PICTURE, PRIOR)
    assert parity.batch_sizes == (1, 2, 3, 7)
    assert 0 <= parity.max_difference <= parity.tolerance == 1e-4
    assert parity.max_grey_levels == 0


def test_all_that_was_compared_is_said(original: tuple[onnx.ModelProto, nn.Module]) -> None:
    """Each with its own limit; the largest of all is the report's."""
    parity = compare(*original, PICTURE, PRIOR)
    wholes = [f"onnxruntime and torch, batch {size}" for size in (1, 2, 3, 7)] + ["onnxruntime alone and in batch 7"]
    limits = {"samples": (1e-4, "units of samples"), "images": (1, "grey levels")}
    expected = [(f"{name} of {whole}", *limits[name]) for whole in wholes for name in limits]
    assert [(each.what, each.allowed, each.unit) for each in parity.checks] == expected
    assert parity.max_difference == max(each.largest for each in parity.checks if each.unit == "units of samples")


def test_a_graph_that_mixes_its_batch_is_refused_though_torch_mixes_it_alike() -> None:
    generator = CentresItsBatch()
    model = to_onnx(generator, PICTURE, SIZE)
    with pytest.raises(ExportFailed, match="samples of onnxruntime alone and in batch 7: they differ by"):
        compare(model, generator, PICTURE, PRIOR)


def test_points_have_no_grey_levels() -> None:
    generator, sample = good("points")
    assert compare(to_onnx(generator, sample, SIZE), generator, sample, PRIOR).max_grey_levels is None


@pytest.mark.parametrize("factor", [1.01, float("nan")])
def test_other_weights_are_noticed(original: tuple[onnx.ModelProto, nn.Module], factor: float) -> None:
    model, generator = original
    with pytest.raises(ExportFailed, match=r"onnxruntime and torch, batch 1: they differ by .*0\.0001 is allowed"):
        compare(scale_largest(model, factor), generator, PICTURE, PRIOR)


def test_a_frozen_batch_is_noticed_where_it_first_shows(original: tuple[onnx.ModelProto, nn.Module]) -> None:
    """The first row alone, whatever the batch: right at batch 1."""
    model, generator = original
    copy = spoiled(model)
    copy.graph.node[-1].output[0] = "all"
    copy.graph.initializer.append(numpy_helper.from_array(np.array([0]), "first"))
    copy.graph.node.append(helper.make_node("Gather", ["all", "first"], ["images"], axis=0))
    with pytest.raises(
        ExportFailed, match=r"images of .* batch 2: for a batch of 2 the graph gives \[1, 4, 4, 1\], not \[2, 4, 4, 1\]"
    ):
        compare(copy, generator, PICTURE, PRIOR)


def test_a_graph_that_stops_or_does_not_open_is_an_export_that_failed(
    original: tuple[onnx.ModelProto, nn.Module], capfd: pytest.CaptureFixture[str]
) -> None:
    model, generator = original
    stops, invalid, recent = spoiled(model), spoiled(model), spoiled(model)
    stops.graph.input.append(helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, [1]))
    invalid.graph.node[0].op_type = "NoSuchThing"
    recent.ir_version = 99
    for copy, words in (
        (stops, "fails on a batch of 1: .*more"),
        (invalid, "exported graph is invalid: .*NoSuchThing"),
        (recent, "exported graph is invalid: .*ir_version 99"),
    ):
        with pytest.raises(ExportFailed, match=words):
            compare(copy, generator, PICTURE, PRIOR)
    with pytest.raises(ExportFailed, match="onnxruntime cannot open the graph"):
        open_model(invalid)
    assert capfd.readouterr().err == ""


def test_pictures_may_differ_by_one_grey_level_and_no_more() -> None:
    """Also where bytes would wrap around: 0 and 255 are 255 apart."""
    black = np.zeros((1, 1, 1, 1), np.uint8)
    (check,) = agreement("x", {"images": black + 1}, {"images": black}, tolerance=0)
    assert (check.what, check.largest, check.allowed, check.unit) == ("images of x", 1, 1, "grey levels")
    for other in (2, 255):
        with pytest.raises(
            ExportFailed, match=f"differ by {other:.2g} grey levels, and 1 is allowed".replace("+", r"\+")
        ):
            agreement("x", {"images": black + np.uint8(other)}, {"images": black}, tolerance=0)


class Far(nn.Module):
    """Points some thousand units from the origin, where float32 is no finer than 2^-12."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(SIZE, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return 3000 * self.layers(latents)


def test_large_points_are_compared_in_their_own_unit() -> None:
    generator = Far()
    check_generator(generator, POINT, PRIOR)
    parity = compare(to_onnx(generator, POINT, SIZE), generator, POINT, PRIOR)
    assert parity.tolerance > 1e-2
    assert parity.max_difference <= parity.tolerance


def test_a_small_difference_between_calls_is_chance() -> None:
    class Trembling(nn.Module):
        calls = 0

        def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
            self.calls += 1
            return latents[:, :2] + 1e-3 * self.calls

    with pytest.raises(ExportFailed, match="other samples for the same latents at each call"):
        check_generator(Trembling(), POINT, PRIOR)


@pytest.mark.parametrize("problem", [RuntimeError("out of\nmemory"), KeyError(), ZeroDivisionError("1 / 0")])
def test_whatever_a_forward_raises_becomes_one_sentence(problem: Exception) -> None:
    class Raises(nn.Module):
        def forward(self, latents: Tensor, labels: Any = None) -> Tensor:
            raise problem

    with pytest.raises(ExportFailed, match="fails on a batch of 1") as caught:
        check_generator(Raises(), SampleSpec((2,)), PRIOR)
    assert "\n" not in str(caught.value)

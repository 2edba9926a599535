"""Weights stored as float16: half the bytes, the same graph, pictures within one grey level."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from toy_generators import PICTURE, PRIOR, SIZE, good

from ganzoo.catalog import load_catalog
from ganzoo.core.errors import ExportFailed
from ganzoo.core.options import parse_options
from ganzoo.core.specs import SampleSpec
from ganzoo.export.contract import real_inputs
from ganzoo.export.halved import LARGE, stored_as_half
from ganzoo.export.onnx_file import check_graph, every_graph, to_onnx
from ganzoo.export.parity import compare_half
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal

SHAPE = (16, LARGE // 16)  # of every tensor of the toy graphs; written and read as one row of LARGE numbers
CATALOG = load_catalog()
ZOO = {  # generator → sample and options that make a small one
    "mlp": (SampleSpec((1, 28, 28)), {}),
    "dcgan": (SampleSpec((3, 32, 32)), {"width": 16}),
    "r3gan": (SampleSpec((1, 28, 28)), {"width": 64}),
    "stylegan2": (SampleSpec((3, 32, 32)), {"width": 8}),
}


def tensor_of(values: np.ndarray, name: str) -> onnx.TensorProto:
    if values.size == LARGE:
        values = values.reshape(SHAPE)
    return numpy_helper.from_array(values if values.dtype == np.int64 else values.astype(np.float32), name)


def model_of(
    nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], outputs: list[str], inputs: list[str] | None = None
) -> onnx.ModelProto:
    """A graph of matrices with an input x."""
    ports = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ["x", *(inputs or [])]}
    graph = helper.make_graph(
        nodes,
        "toy",
        list(ports.values()),
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in outputs],
        [tensor_of(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    check_graph(model)
    return model


def run(model: onnx.ModelProto, **more: np.ndarray) -> list[np.ndarray]:
    check_graph(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = {"x": np.ones(LARGE, np.float32), **more}
    return [y.ravel() for y in session.run(None, {name: value.reshape(SHAPE) for name, value in inputs.items()})]


def product(weights: np.ndarray) -> onnx.ModelProto:
    """y = w x."""
    return model_of([helper.make_node("Mul", ["x", "w"], ["y"])], {"w": weights}, ["y"])


def types(model: onnx.ModelProto) -> list[int]:
    return [each.data_type for graph in every_graph(model.graph) for each in graph.initializer]


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_a_weight_moves_by_what_float16_rounds_and_no_more(seed: int, size: float) -> None:
    """2^-11 of itself, or 2^-25 below 2^-14; as onnxruntime reads it back."""
    weights = np.random.default_rng(seed).standard_normal(LARGE).astype(np.float32) * np.float32(size)
    half = stored_as_half(product(weights))
    (found,) = run(half)
    assert types(half) == [TensorProto.FLOAT16]
    assert (np.abs(found - weights.astype(np.float64)) <= np.maximum(2.0**-11 * np.abs(weights), 2.0**-25)).all()
    assert np.abs(found - weights).max() > 0


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.linspace(-1, 70_000, LARGE), "ends at 65,504, and these weights reach 7e+04"),
        (np.full(LARGE, np.inf), "ends at 65,504, and these weights reach inf"),
        (np.full(LARGE, np.nan), "ends at 65,504"),
        (np.linspace(1e-7, 2e-6, LARGE), "2e-06 at most, are too small for float16's precision"),
        (np.full(LARGE, 1e-9), "too small for float16's precision"),
    ],
)
def test_what_float16_cannot_hold_stays_float32_and_says_so(weights: np.ndarray, words: str) -> None:
    model = product(weights)
    half = stored_as_half(model)
    assert types(half) == [TensorProto.FLOAT]
    assert words in half.graph.initializer[0].doc_string
    np.testing.assert_array_equal(run(half)[0], run(model)[0])


def test_zeros_and_a_few_small_numbers_among_large_ones_do_not_count() -> None:
    weights = np.linspace(0, 1, LARGE) ** 8
    assert types(stored_as_half(product(weights))) == [TensorProto.FLOAT16]
    assert types(stored_as_half(product(np.zeros(LARGE)))) == [TensorProto.FLOAT16]


def test_small_tensors_and_other_types_stay_as_they_are() -> None:
    nodes = [
        helper.make_node("Mul", ["x", "scale"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "shape"], ["y"]),
    ]
    model = model_of(nodes, {"scale": np.array([0.1]), "shape": np.array(SHAPE)}, ["y"])
    assert stored_as_half(model) == model


def test_weights_that_are_shared_or_an_output_are_stored_once_and_the_model_given_is_not_changed() -> None:
    nodes = [helper.make_node("Mul", ["x", "w"], ["a"]), helper.make_node("Add", ["a", "w"], ["y"])]
    weights = np.linspace(1, 2, LARGE)
    model = model_of(nodes, {"w": weights, "w/float16": weights + 1}, ["y", "w"])
    before = model.SerializeToString()
    half = stored_as_half(model)
    names = {each.name for each in half.graph.initializer}
    assert len(names) == 2 and not names & {"w", "x"}
    rounded = weights.astype(np.float16).astype(np.float32)
    y, w = run(half)
    np.testing.assert_array_equal(w, rounded)
    np.testing.assert_array_equal(y, 2 * rounded)
    assert model.SerializeToString() == before


def test_weights_in_and_around_a_branch_are_halved_too() -> None:
    """One that the branch takes from outside, and one of its own."""
    inside = helper.make_graph(
        [helper.make_node("Add", ["outer", "inner"], ["sum"])],
        "branch",
        [],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, SHAPE)],
        [tensor_of(np.full(LARGE, 0.25), "inner")],
    )
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Cast", ["total"], ["yes"], to=TensorProto.BOOL),
        helper.make_node("If", ["yes"], ["chosen"], then_branch=inside, else_branch=inside),
        helper.make_node("Add", ["chosen", "x"], ["y"]),
    ]
    half = stored_as_half(model_of(nodes, {"outer": np.full(LARGE, 0.1)}, ["y"]))
    assert types(half) == [TensorProto.FLOAT16] * 3
    np.testing.assert_array_equal(run(half)[0], np.full(LARGE, 1.25 + np.float32(np.float16(0.1)), np.float32))


def test_weights_that_a_caller_may_replace_are_left_alone() -> None:
    model = model_of([helper.make_node("Mul", ["x", "w"], ["y"])], {"w": np.ones(LARGE)}, ["y"], inputs=["w"])
    assert types(stored_as_half(model)) == [TensorProto.FLOAT]
    np.testing.assert_array_equal(run(stored_as_half(model), w=np.full(LARGE, 3, np.float32))[0], np.full(LARGE, 3))


@pytest.mark.parametrize("name", ZOO)
def test_generators_of_the_zoo_halve_and_draw_the_same_to_a_grey_level(name: str) -> None:
    sample, options = ZOO[name]
    spec = CATALOG.generators[name]
    torch.manual_seed(0)
    generator = spec.build(sample, 64, parse_options(spec.options, options, "generator"))
    model = to_onnx(generator.eval(), sample, 64)
    half = stored_as_half(model)

    checks = compare_half(model, half, real_inputs(sample, Normal(NormalOptions(64))))

    assert 0.45 < half.ByteSize() / model.ByteSize() < 0.55
    assert [check.unit for check in checks] == ["grey levels", "units of samples"]
    assert checks[0].largest <= 1 and 0 < checks[1].largest <= checks[1].allowed == 2 / 127.5


def test_weights_that_do_not_bear_it_are_refused_with_what_to_do() -> None:
    """Here one tensor is off by a half, as if float16 were that coarse."""
    generator, _ = good("perceptron")
    model = to_onnx(generator, PICTURE, SIZE)
    off = stored_as_half(model)
    halves = [each for each in off.graph.initializer if each.data_type == TensorProto.FLOAT16]
    values = numpy_helper.to_array(halves[0])
    halves[0].CopyFrom(numpy_helper.from_array(values + np.float16(0.5), halves[0].name))
    with pytest.raises(ExportFailed, match=r"float16.* differ by .*do not bear float16; export them as float32\."):
        compare_half(model, off, real_inputs(PICTURE, PRIOR))

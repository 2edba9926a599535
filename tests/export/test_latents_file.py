"""Priors as graphs: the bits of numpy and torch, out of operators that every onnxruntime has."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator
from scipy import stats

from ganzoo.catalog import load_catalog
from ganzoo.core.errors import ExportFailed
from ganzoo.core.options import parse_options
from ganzoo.core.specs import LatentsSpec
from ganzoo.export.latents_file import latents_to_onnx, prove
from ganzoo.latents import Latents, Values, Words, like, namespace, normals, scaled, seed_words, uniforms
from ganzoo.sampling.providers import open_session
from ganzoo.testing.priors import OF_PRIORS

EDGES = np.array([-(2**63), -(2**32), -1, 0, 1, 2**32 - 1, 2**32, 2**63 - 1])  # seeds
PRIORS: list[tuple[str, dict[str, Any]]] = [
    ("normal", {}),
    ("normal", {"size": 1}),
    ("normal", {"size": 513}),
    ("uniform", {}),
    ("uniform", {"size": 7, "bound": 0.3}),
    ("spherical", {}),
    ("spherical", {"size": 1}),
    ("spherical", {"size": 4096}),
    ("gaussian-mixture", {}),
    ("gaussian-mixture", {"size": 3, "components": 1000, "distance": 2.5, "std": 0.1}),
    ("structured", {}),
    ("structured", {"categories": [2, 4096], "continuous": 0, "noise": 0}),
    ("structured", {"categories": [], "continuous": 3, "noise": 2, "distribution": "normal"}),
]
OPERATORS = {
    *("Add", "Sub", "Mul", "Div", "Mod", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Less", "Equal", "ReduceSum"),
    *("Gather", "Slice", "Concat", "Reshape", "Unsqueeze", "Identity", "Cast"),
}
TYPES = {TensorProto.INT64, TensorProto.INT32, TensorProto.FLOAT, TensorProto.BOOL}


def build(name: str, **options: Any) -> Latents:
    spec = load_catalog().latents[name]
    return spec.build(parse_options(spec.options, options, "latents"))


def draw(model: onnx.ModelProto, seeds: np.ndarray) -> np.ndarray:
    return open_session(model.SerializeToString(), "cpu").run(["latents"], {"seed": seeds})[0]


# ---------------------------------------------------------------------------------------------------------------------
# The same bits


@pytest.mark.parametrize(("name", "options"), PRIORS, ids=str)
def test_a_graph_gives_the_bits_of_numpy_and_torch(name: str, options: dict[str, Any]) -> None:
    prior = build(name, **options)
    seeds = np.concatenate([EDGES, np.random.default_rng(1).integers(-(2**63), 2**63, 300)])

    found = draw(latents_to_onnx(prior), seeds)

    words = seed_words(seeds, prior.words)
    assert found.dtype == np.float32
    assert found.tobytes() == prior.from_words(words).tobytes()
    assert found.tobytes() == prior.from_words(torch.from_numpy(words)).numpy().tobytes()


def test_large_batches_have_them_too() -> None:
    prior = build("spherical", size=16)
    seeds = np.arange(-20_000, 20_000)

    assert draw(latents_to_onnx(prior), seeds).tobytes() == prior.from_words(seed_words(seeds, 16)).tobytes()


@pytest.mark.parametrize("name", ["normal", "spherical", "gaussian-mixture", "structured"])
def test_without_optimisation_and_in_onnx_s_own_evaluator_the_bits_are_the_same(name: str) -> None:
    prior = build(name)
    model = latents_to_onnx(prior)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    expected = prior.from_words(seed_words(EDGES, prior.words)).tobytes()

    assert plain.run(None, {"seed": EDGES})[0].tobytes() == expected
    assert ReferenceEvaluator(model).run(None, {"seed": EDGES})[0].tobytes() == expected


def test_the_latents_of_a_seed_never_change() -> None:
    """Frozen: the same digest as of numpy's."""
    z = draw(latents_to_onnx(build("normal")), np.arange(64))

    assert hashlib.sha256(z.astype("<f4").tobytes()).hexdigest()[:16] == "c31fd4bacaf89f62"


@pytest.mark.parametrize("name", ["normal", "uniform", "spherical", "gaussian-mixture", "structured"])
def test_a_latent_does_not_depend_on_its_batch(name: str) -> None:
    session = open_session(latents_to_onnx(build(name)).SerializeToString(), "cpu")
    together = session.run(None, {"seed": EDGES})[0]

    for row, seed in enumerate(EDGES):
        np.testing.assert_array_equal(session.run(None, {"seed": np.array([seed])})[0], together[row : row + 1])


# ---------------------------------------------------------------------------------------------------------------------
# Words and normals, against what others say


class Halves:
    """Each word as its two halves, which float32 holds exactly."""

    words, size = 5, 10

    def from_words(self, words: Words) -> Values:
        return namespace(words).concatenate([scaled(words >> 16, 1.0), scaled(words & 0xFFFF, 1.0)], 1)


def test_words_come_out_of_a_graph_as_they_are() -> None:
    """Seed 0 has Random123's first answer."""
    halves = draw(latents_to_onnx(Halves()), EDGES).astype(np.int64)

    words = (halves[:, :5] << 16) + halves[:, 5:]
    np.testing.assert_array_equal(words, seed_words(EDGES, 5))
    assert words[3, :4].tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_normals_of_a_graph_have_the_right_moments_shape_and_tails_and_neighbours_share_nothing() -> None:
    z = draw(latents_to_onnx(build("normal")), np.arange(2**40, 2**40 + 6000)).astype(np.float64)
    n = z.size

    assert abs(z.mean()) < 4 * n**-0.5
    assert abs(z.std() - 1) < 4 * (2 * n) ** -0.5
    assert abs(stats.kurtosis(z, axis=None)) < 4 * (24 / n) ** 0.5
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-3
    expected = 2 * n * stats.norm.sf(4)
    assert abs((np.abs(z) > 4).sum() - expected) < 4 * expected**0.5
    assert abs((z[1:] * z[:-1]).mean()) < 4 * n**-0.5


# ---------------------------------------------------------------------------------------------------------------------
# The file


@pytest.mark.parametrize(("name", "options"), PRIORS, ids=str)
def test_a_graph_has_plain_operators_and_small_types_alone(name: str, options: dict[str, Any]) -> None:
    """Float64 and uint64 are what some browsers lack, and so is chance; IR 8 and opset 18 are read since 2023."""
    model = latents_to_onnx(build(name, **options))
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph

    assert {node.op_type for node in model.graph.node} <= OPERATORS
    values = [*inferred.value_info, *inferred.input, *inferred.output]
    types = {value.type.tensor_type.elem_type for value in values} | {each.data_type for each in inferred.initializer}
    assert types <= TYPES
    assert {node.domain for node in model.graph.node} == {""}
    assert not model.functions
    assert model.ir_version == 8
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]


def test_a_graph_is_named_takes_any_number_of_seeds_and_is_small() -> None:
    model = latents_to_onnx(build("normal", size=64))
    (seed,), (latents,) = model.graph.input, model.graph.output

    assert (model.graph.name, seed.name, latents.name) == ("latents", "seed", "latents")
    assert [dim.dim_param or dim.dim_value for dim in seed.type.tensor_type.shape.dim] == ["N"]
    assert [dim.dim_param or dim.dim_value for dim in latents.type.tensor_type.shape.dim] == ["N", 64]
    assert model.ByteSize() < 70_000


# ---------------------------------------------------------------------------------------------------------------------
# Refusals


def aliased(words: Words) -> Values:
    other = words + 0
    same = other
    other += 1
    return scaled(same & 0xFFFF, 1.0)


@pytest.mark.parametrize(
    ("from_words", "said"),
    [
        (lambda words: normals(words) / np.linalg.norm(normals(words)), "numpy's norm takes numpy's arrays alone"),
        (lambda words: np.sqrt(uniforms(words)), "sqrt is not among"),
        (lambda words: np.where(words > 5, 1.0, 0.0), "numpy's where"),
        (lambda words: torch.exp(normals(words)), r"exp\(\).* must be Tensor"),
        (lambda words: normals(words).mean(0), "no attribute 'mean'"),
        (lambda words: namespace(words).exp(normals(words)), "no attribute 'exp'"),
        (lambda words: normals(words) if words[0, 0] > 5 else uniforms(words), "an `if`.*where"),
        (lambda words: normals(words) * float(words[0, 0]), r"float\(\).*scaled"),
        (lambda words: normals(words) * int(words[0, 0]), r"int\(\)"),
        (lambda words: np.ones(9)[words], r"like\(words, table\)"),
        (lambda words: normals(words)[:, [2, 0, 1]], "an index is a list.*like"),
        (lambda words: np.stack([normals(row) for row in words]), "a loop"),
        (lambda words: words / 2**32, "divide is not among"),
        (lambda words: normals(words) % 1.0, "remainder of float32 is not exact"),
        (lambda words: namespace(words).asarray(words, dtype=np.int32), "Cast gives int32"),
        (lambda words: words * 0.5, "multiply gives float64; priors compute in int64"),
        (lambda words: like(words, np.ones(3)) * words, "a table is float64"),
        (lambda words: namespace(words).asarray(like(words, np.ones(3)), dtype=np.float32), "a table is float64"),
        (lambda words: like(words, np.ones(3))[words & 1], "float64"),
        (lambda words: namespace(words).asarray(words, dtype=np.dtype("float64")), "Float64"),
        (lambda words: namespace(words).asarray(words, dtype=np.float64) * 2, "Float64"),
        (lambda words: normals(words).sum(-1)[:, None] * normals(words), "a sum of float32 depends on its order"),
        (lambda words: words, r"int64 \[\d+, 3\]"),
        (lambda words: normals(words)[:, :2], r"of size 3 it gives float32 \[\d+, 2\]"),
        (lambda words: np.zeros((4, 3), np.float32), "does not depend on the words"),
        (lambda words: normals(words) + (1 // len(words[:0])), "ZeroDivisionError"),
        (lambda words: scaled(words // (words & 1), 1.0), "divide by zero"),
        (lambda words: scaled(words // (words >> 24), 1.0), "divide by zero"),  # by a chance of 1 in 256
        (lambda words: normals(words) * (1.0 / len(words)), "batch of 1 .* its own words"),
        (lambda words: scaled((words & 0xFFFF) - (words & 0xFFFF).sum(0), 1.0), "batch of 1 .* its own words"),
        (aliased, "changed under a second name"),
        (lambda words: namespace(words).asarray(normals(words), dtype=np.int64), "float32 becomes int64"),
        (lambda words: scaled(words << (words & 63), 1.0), "shift by 0 to 62 places"),
        (lambda words: scaled(words >> ((words & 3) - 1), 1.0), "shift by 0 to 62 places"),
        (lambda words: like(words, np.array([np.inf], np.float32))[words * 0], "NaN or infinite"),
        (lambda words: uniforms(words[:, ::-1]), "a slice goes backwards"),
    ],
)
def test_a_prior_that_cannot_be_a_graph_is_refused_and_told_why(from_words: Callable[[Words], Any], said: str) -> None:
    class Strange:
        words = size = 3

        def from_words(self, words: Words) -> Any:
            return from_words(words)

    with np.errstate(divide="ignore"), pytest.raises(ExportFailed, match=said) as refused:
        latents_to_onnx(Strange())
    assert "\n" not in str(refused.value)


def test_a_graph_that_draws_something_else_is_refused() -> None:
    with pytest.raises(ExportFailed, match="other latents than numpy"):
        prove(latents_to_onnx(build("normal", size=4)), build("spherical", size=4))


def test_a_graph_that_does_not_run_is_refused() -> None:
    model = latents_to_onnx(build("normal", size=4))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3

    with pytest.raises(ExportFailed, match="does not run"):
        prove(model, build("normal", size=4))


def test_whoever_checks_a_plugin_hears_of_a_prior_that_cannot_be_exported() -> None:
    class Biased:
        words = size = 3

        def from_words(self, words: Words) -> Any:
            return normals(words) + (1.0 if words[0, 0] > 5 else 0.0)

    spec = LatentsSpec(name="biased", summary="Biased", source="https://example.org", build=lambda _: Biased())
    check = OF_PRIORS["draws the same bits in onnxruntime"]

    check(load_catalog().latents["normal"])
    with pytest.raises(ExportFailed, match="an `if`"):
        check(spec)

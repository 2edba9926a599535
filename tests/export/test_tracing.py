"""Functions run on traced arrays, and what onnxruntime then computes: the same as Python's integers and numpy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from scipy.special import ndtri

from ganzoo.export.tracing import Trace, Traced
from ganzoo.latents import float64_bits, like, log2, namespace, normals, philox4x32, scaled, uniforms
from ganzoo.sampling.providers import open_session

INTEGERS = st.integers(-(2**63), 2**63 - 1)
X = np.arange(-12, 12).reshape(3, 2, 4)
TABLE = np.array([[1, 2], [3, 4], [5, 6]])


def graph_of(function: Callable[..., Any], *examples: np.ndarray) -> Callable[..., list[np.ndarray]]:
    """The traced function, run by onnxruntime."""
    trace = Trace()
    found = function(*(Traced(trace, f"x{n}", example) for n, example in enumerate(examples)))
    outputs = found if isinstance(found, tuple) else (found,)

    def port(name: str, array: Any) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim)

    graph = helper.make_graph(
        trace.nodes,
        "test",
        [port(f"x{n}", example) for n, example in enumerate(examples)],
        [port(output.name, output) for output in outputs],
        list(trace.constants.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    session = open_session(model.SerializeToString(), "cpu")
    return lambda *arrays: session.run(None, {f"x{n}": array for n, array in enumerate(arrays)})


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_a_traced_philox_gives_the_known_answers_of_random123(counter: str, key: str, expected: str) -> None:
    given = [np.array([int(word, 16)]) for word in f"{counter} {key}".split()]

    found = graph_of(lambda *words: philox4x32(words[:4], words[4:]), *given)(*given)

    assert " ".join(f"{int(word[0]):08x}" for word in found) == expected


def test_traced_normals_are_the_inverse_distribution_function_within_the_promised_error() -> None:
    random = np.random.default_rng(0)
    words = np.concatenate([np.arange(2**12), 2 ** np.arange(32), 2**32 - 1 - np.arange(2**12)])
    words = np.concatenate([words, random.integers(0, 2**32, 500_000)])

    (z,) = graph_of(normals, words)(words)

    exact = ndtri((words | 1) / 2.0**33) * np.where(words & 1, 1, -1)
    assert np.abs(z - exact).max() < 3.5e-6


@pytest.fixture(scope="module")
def arithmetic() -> Callable[..., list[np.ndarray]]:
    """x >> k, x // y, x % y and (x & 2^20 - 1) << k of arrays x, k, y."""
    return graph_of(
        lambda x, k, y: (x >> k, x // y, x % y, (x & 0xFFFFF) << k), np.array([5]), np.array([1]), np.array([2])
    )


@given(INTEGERS, st.integers(0, 62), INTEGERS.filter(lambda y: y not in (0, -1)))
def test_shifts_and_divisions_round_down_as_python_s_do(
    arithmetic: Callable[..., list[np.ndarray]], x: int, k: int, y: int
) -> None:
    found = [int(each[0]) for each in arithmetic(np.array([x]), np.array([k]), np.array([y]))]

    assert found[:3] == [x >> k, x // y, x % y]
    assert (found[3] - ((x & 0xFFFFF) << k)) % 2**64 == 0  # int64 wraps around


@given(INTEGERS, st.integers(0, 62))
def test_shifts_by_constants_round_down_too(x: int, k: int) -> None:
    assert graph_of(lambda array: array >> k, np.array([x]))(np.array([x]))[0].tolist() == [x >> k]


def test_logarithms_of_a_graph_are_exact_up_to_the_largest_integer() -> None:
    powers = [2**n for n in range(63)]
    values = [*powers, *(n - 1 for n in powers[1:]), *(n + 1 for n in powers), 2**63 - 1]
    values += np.random.default_rng(0).integers(1, 2**63, 1000).tolist()

    (found,) = graph_of(log2, np.array(values))(np.array(values))

    assert found.tolist() == [value.bit_length() - 1 for value in values]


@given(st.lists(st.integers(1, 2**53 - 1), min_size=1))
def test_bits_of_a_graph_are_those_of_float64(values: list[int]) -> None:
    array = np.array(values)

    np.testing.assert_array_equal(graph_of(float64_bits, array)(array)[0], array.astype(np.float64).view(np.int64))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[:3],
        lambda x: x[:, 0],
        lambda x: x[:, -1, 1:3],
        lambda x: x[..., None, ::2],
        lambda x: x[None, ..., -2:],
        lambda x: x[:, :, 2:2],
        lambda x: x.reshape(len(x), -1),
        lambda x: x.reshape((-1, 4)),
        lambda x: x.sum(-1) - abs(x[..., 0]) + (-x[..., 1]),
        lambda x: x.sum(1) - x.sum(1, keepdims=True)[:, 0] * 2,
        lambda x: like(x, TABLE)[x[:, 0, 0] & 1],
        lambda x: namespace(x).take(like(x, TABLE[0]), x & 1),
        lambda x: namespace(x).where((x > 3) | ~(x >= -2) & (x != -5) ^ (x <= -8), x, 7),
        lambda x: namespace(x).where(x < 0, 0.5, scaled(x, 2.0)),
        lambda x: namespace(x).stack([x[:, 0], x[:, 1]], -1),
        lambda x: namespace(x).concatenate([x, x[:, :, :0], 1 - x], -1),
        lambda x: 100 - x * (x == 4) + TABLE[0, 0],
        lambda x: uniforms(x & 0xFFFFFFFF) * 0.3 + 1,
    ],
)
def test_what_priors_use_means_the_same_in_a_graph(function: Callable[..., Any]) -> None:
    run = graph_of(function, X)

    for rows in (X, np.concatenate([X, X])):  # no batch is frozen
        expected = function(rows)
        np.testing.assert_array_equal(run(rows)[0], expected, strict=True)
        np.testing.assert_array_equal(function(torch.from_numpy(rows)).numpy(), expected, strict=True)

"""What an ONNX file is said to hold and cost, against hand-made graphs and torch's own count."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch.utils.flop_counter import FlopCounterMode

from ganzoo.catalog import load_catalog
from ganzoo.core.errors import BadBundle
from ganzoo.core.specs import SampleSpec
from ganzoo.export.inspection import Inspection, inspect_file
from ganzoo.export.onnx_file import to_onnx

Sizes = list[int | str]
Make = Callable[..., Path]


def model_of(
    nodes: list[NodeProto], inputs: dict[str, Sizes], outputs: list[str], weights: dict[str, Sizes] | None = None
) -> onnx.ModelProto:
    """A graph of float32 with weights of these shapes, whose values are of no account."""
    tensors = [
        numpy_helper.from_array(np.ones(tuple(map(int, shape)), np.float32), name)
        for name, shape in (weights or {}).items()
    ]
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        tensors,
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.example", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tests")


@pytest.fixture
def inspected(tmp_path: Path) -> Callable[..., Inspection]:
    def inspect(*arguments: object) -> Inspection:
        onnx.save(model_of(*arguments), tmp_path / "made.onnx")  # type: ignore[arg-type]
        return inspect_file(tmp_path / "made.onnx")

    return inspect


# What it costs


@pytest.mark.parametrize(
    ("node", "first", "weights", "flops"),
    [
        # y [1, 7] = x [1, 5] @ w [5, 7]: 7 sums of 5 products
        (helper.make_node("Gemm", ["x", "w"], ["y"]), ["N", 5], [5, 7], 2 * 7 * 5),
        (helper.make_node("Gemm", ["x", "w"], ["y"], transB=1), ["N", 5], [7, 5], 2 * 7 * 5),
        (helper.make_node("Gemm", ["x", "w"], ["y"], transA=1), [5, "N"], [5, 7], 2 * 7 * 5),
        # 3 rows of 7 sums of 5 products
        (helper.make_node("MatMul", ["x", "w"], ["y"]), ["N", 3, 5], [5, 7], 2 * 3 * 7 * 5),
        # 6 channels of 4 x 3 pixels, each a sum of 2 channels of 3 x 3
        (helper.make_node("Conv", ["x", "w"], ["y"]), ["N", 2, 6, 5], [6, 2, 3, 3], 2 * 6 * 4 * 3 * 2 * 9),
        # in 2 groups: each a sum of 1 channel; 2 x 2 pixels, as it strides
        (
            helper.make_node("Conv", ["x", "w"], ["y"], group=2, strides=[2, 2], kernel_shape=[3, 3]),
            ["N", 2, 6, 5],
            [6, 1, 3, 3],
            2 * 6 * 2 * 2 * 1 * 9,
        ),
        # each of 2 x 3 x 3 inputs is spread over 6 channels of 4 x 4
        (
            helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1]),
            ["N", 2, 3, 3],
            [2, 6, 4, 4],
            2 * 2 * 3 * 3 * 6 * 16,
        ),
        # in 2 groups: over 3 channels
        (
            helper.make_node("ConvTranspose", ["x", "w"], ["y"], group=2),
            ["N", 2, 3, 3],
            [2, 3, 4, 4],
            2 * 2 * 3 * 3 * 3 * 16,
        ),
    ],
)
def test_flops_are_twice_the_multiply_adds_of_one_sample(
    inspected: Callable[..., Inspection], node: NodeProto, first: Sizes, weights: Sizes, flops: int
) -> None:
    found = inspected([node], {"x": first}, ["y"], {"w": weights})

    assert found.flops == flops
    assert [step.flops for step in found.steps] == [flops]
    assert found.parameters == np.prod(np.array(weights, int))
    assert found.steps[0].weights == (tuple(weights),)
    assert (found.unknown, dict(found.uncounted)) == ((), {})


@pytest.mark.parametrize("name", ["dcgan", "r3gan"])
def test_flops_of_the_zoo_s_generators_are_those_that_torch_counts(name: str, tmp_path: Path) -> None:
    """Dense, transposed and grouped convolutions; torch counts what it runs, and ganzoo what the file says."""
    sample, spec = SampleSpec((3, 16, 16)), load_catalog().generators[name]
    generator = spec.build(sample, 8, spec.options()).eval()
    counter = FlopCounterMode(display=False)
    with counter:
        generator(torch.zeros(1, 8), None)
    onnx.save(to_onnx(generator, sample, 8), tmp_path / "generator.onnx")

    found = inspect_file(tmp_path / "generator.onnx")

    assert found.flops == counter.get_total_flops() > 0
    assert found.unknown == ()
    assert found.steps[-1].shape == (1, 16, 16, 3)  # images, channels last


def test_what_is_not_counted_is_named_and_what_cannot_be_is_too(inspected: Callable[..., Inspection]) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Compress", ["b", "which"], ["c"], axis=0),  # of how many rows, no one knows
        helper.make_node("MatMul", ["c", "w"], ["y"], name="late"),
        helper.make_node("MatMul", ["b", "w"], ["z"]),
    ]

    found = inspected(nodes, {"x": ["N", 5], "which": ["N"]}, ["y", "z"], {"w": [5, 7]})

    assert dict(found.uncounted) == {"Relu": 2, "Compress": 1}
    assert found.unknown == ("late",)
    assert found.flops == 2 * 5 * 7


def test_operators_of_strangers_are_drawn_and_not_counted(inspected: Callable[..., Inspection]) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["a"], domain="com.example"),
        helper.make_node("MatMul", ["a", "w"], ["y"], name="after"),
    ]

    found = inspected(nodes, {"x": ["N", 5]}, ["y"], {"w": [5, 7]})

    assert [step.operator for step in found.steps] == ["Gemm", "MatMul"]
    assert (found.flops, found.unknown, dict(found.uncounted)) == (0, ("after",), {"Gemm": 1})


# What it holds


def test_the_file_s_own_facts_are_told(tmp_path: Path) -> None:
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": ["N", 5]}, ["y"], {"w": [5, 7], "b": [3]})
    model.graph.initializer.append(numpy_helper.from_array(np.arange(4), "a shape, no parameter"))
    model.metadata_props.add(key="made", value="by hand")
    onnx.save(model, tmp_path / "x.onnx")

    found = inspect_file(tmp_path / "x.onnx")

    assert [(port.name, port.type, port.shape) for port in found.inputs] == [("x", "float32", ("N", 5))]
    assert [port.name for port in found.outputs] == ["y"]
    assert found.metadata == {"made": "by hand"}
    assert (found.opsets, found.ir_version, found.producer) == ({"": 18, "com.example": 1}, 8, "tests")
    assert found.parameters == 5 * 7 + 3
    assert found.size == (tmp_path / "x.onnx").stat().st_size


def test_weights_in_other_files_are_counted_and_not_opened(tmp_path: Path) -> None:
    """A file from anyone must not make us read another one."""
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": ["N", 50]}, ["y"], {"w": [50, 7]})
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="/nowhere/weights")
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())

    found = inspect_file(tmp_path / "x.onnx")

    assert (found.parameters, found.flops) == (350, 2 * 350)


# The drawing


def drawn(found: Inspection) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(step.depth, step.output, step.sources) for step in found.steps]


def test_the_main_way_is_the_longest_from_the_latents_and_a_branch_stands_before_its_end(
    inspected: Callable[..., Inspection],
) -> None:
    """A residual block, whose skip has a layer too; and a label that comes a longer way than the latents."""
    nodes = [
        helper.make_node("Neg", ["label"], ["l1"]),
        helper.make_node("Neg", ["l1"], ["l2"]),
        helper.make_node("Add", ["latents", "l2"], ["joined"]),
        helper.make_node("Neg", ["joined"], ["skip"]),
        helper.make_node("Relu", ["joined"], ["one"]),
        helper.make_node("Relu", ["one"], ["two"]),
        helper.make_node("Relu", ["label"], ["of no use"]),
        helper.make_node("Add", ["skip", "two"], ["samples"]),
        helper.make_node("Floor", ["samples"], ["images"]),
    ]

    found = inspected(nodes, {"latents": ["N", 5], "label": ["N", 5]}, ["samples", "images"])

    assert drawn(found) == [
        (1, "l1", ("label",)),
        (1, "l2", ("l1",)),
        (0, "joined", ("latents", "l2")),
        (0, "one", ("joined",)),
        (0, "two", ("one",)),
        (1, "skip", ("joined",)),
        (0, "samples", ("skip", "two")),
        (0, "images", ("samples",)),
    ]


def test_what_only_computes_shapes_is_no_step(inspected: Callable[..., Inspection]) -> None:
    nodes = [
        helper.make_node("Shape", ["latents"], ["size"]),
        helper.make_node("Cast", ["size"], ["same size"], to=TensorProto.INT64),
        helper.make_node("Relu", ["latents"], ["flat"]),
        helper.make_node("Reshape", ["flat", "same size"], ["samples"]),
    ]

    found = inspected(nodes, {"latents": ["N", 6]}, ["samples"])

    assert drawn(found) == [(0, "flat", ("latents",)), (0, "samples", ("flat",))]
    assert found.steps[-1].shape == (1, 6)


# What is no model, or is damaged


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "Cannot read .*x.onnx: No such file"),
        (b"", "holds no graph"),
        (b"not a model", "is no ONNX file"),
        (b'{"format": 2}', "is no ONNX file"),
        (bytes(1000), "is no ONNX file"),
    ],
)
def test_another_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "x.onnx").write_bytes(content)

    with pytest.raises(BadBundle, match=said):
        inspect_file(tmp_path / "x.onnx")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="Cannot read"):
        inspect_file(tmp_path)


def test_a_graph_whose_shapes_cannot_be_is_refused(inspected: Callable[..., Inspection]) -> None:
    with pytest.raises(BadBundle, match="contradicts itself"):
        inspected([helper.make_node("Gemm", ["x", "w"], ["y"])], {"x": ["N", 5]}, ["y"], {"w": [6, 7]})


@pytest.mark.parametrize("outputs", [["y", "y"], ["x2", "x2"]])
def test_a_value_that_is_made_twice_is_refused_and_not_followed_forever(
    inspected: Callable[..., Inspection], outputs: list[str]
) -> None:
    nodes = [helper.make_node("Relu", ["x"], outputs[:1]), helper.make_node("Relu", outputs[:1], outputs[1:])]
    with pytest.raises(BadBundle, match="makes a value twice"):
        inspected(nodes, {"x": ["N", 5]}, ["y"])


def test_nodes_that_go_in_circles_are_not_followed_forever(inspected: Callable[..., Inspection]) -> None:
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]

    assert [step.output for step in inspected(nodes, {"x": ["N", 5]}, ["b"]).steps] == ["a", "b"]


def test_a_file_with_wrong_bytes_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    """300 times a byte is changed or the end cut off."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["a"], strides=[2, 2]), helper.make_node("Relu", ["a"], ["y"])]
    good, chance = (
        model_of(nodes, {"x": ["N", 2, 6, 5]}, ["y"], {"w": [1, 2, 3, 3]}).SerializeToString(),
        random.Random(0),
    )
    refused = 0
    for turn in range(300):
        bad = bytearray(good[: chance.randrange(len(good))] if turn % 10 == 0 else good)
        if bad:
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        (tmp_path / "x.onnx").write_bytes(bytes(bad))
        try:
            inspect_file(tmp_path / "x.onnx")
        except BadBundle:
            refused += 1

    assert 20 < refused < 300

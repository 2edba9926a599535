"""Other forms of the same generator: RGB pictures for scores, and one file from seeds to samples."""

from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from toy_generators import PICTURE, PRIOR, SIZE, Truncating, good

from ganzoo.core.errors import ExportFailed, UsageError
from ganzoo.core.specs import SampleSpec
from ganzoo.export.contract import real_inputs
from ganzoo.export.heads import rgb_head, single_file
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare_rgb, compare_single
from ganzoo.sampling.pixels import to_uint8

COLOUR = SampleSpec((3, 8, 8))
CASES = real_inputs(PICTURE, PRIOR)
LATENTS = np.random.default_rng(0).standard_normal((5, SIZE), dtype=np.float32)


def run(model: onnx.ModelProto, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, inputs), strict=True))


def ports(model: onnx.ModelProto) -> dict[str, list[int | str]]:
    return {
        port.name: [dim.dim_param or dim.dim_value for dim in port.type.tensor_type.shape.dim]
        for port in [*model.graph.input, *model.graph.output]
    }


@cache
def graph_of(name: str, opset: int = 18) -> onnx.ModelProto:
    """Of a good generator; not to be changed."""
    return to_onnx(*good(name), SIZE, opset=opset)


def halving(opset: int = 18, size: int = SIZE, inner: str = "half") -> onnx.ModelProto:
    """Stands for a prior: latent z of seed s is s / 2 in each number. `inner` is a name within the graph."""
    nodes = [
        helper.make_node("Cast", ["seed"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "factor"], [inner]),
        helper.make_node("Unsqueeze", [inner, "axis"], ["column"]),
        helper.make_node("Expand", ["column", "shape"], ["latents"]),
    ]
    constants = {"factor": np.float32(0.5), "axis": np.array([1]), "shape": np.array([1, size])}
    graph = helper.make_graph(
        nodes,
        "latents",
        [helper.make_tensor_value_info("seed", TensorProto.INT64, ["N"])],
        [helper.make_tensor_value_info("latents", TensorProto.FLOAT, ["N", size])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


# RGB


@pytest.mark.parametrize(("name", "sample"), [("perceptron", PICTURE), ("convolutional", COLOUR)])
def test_the_rgb_graph_gives_channels_first_and_grey_three_times(name: str, sample: SampleSpec) -> None:
    """Equal to torch's samples, rounded by numpy."""
    generator, _ = good(name)
    model = rgb_head(graph_of(name), sample)
    with torch.no_grad():
        levels = to_uint8(generator.eval()(torch.from_numpy(LATENTS)).numpy()).transpose(0, 3, 1, 2)

    found = run(model, latents=LATENTS)

    assert ports(model) == {"latents": ["N", SIZE], "images": ["N", 3, *sample.shape[1:]]}
    assert found["images"].dtype == np.uint8
    np.testing.assert_array_equal(found["images"], levels if sample.shape[0] == 3 else np.repeat(levels, 3, axis=1))


@pytest.mark.parametrize(("shape", "what"), [((2,), "points"), ((2, 4, 4), "pictures of 2 channels")])
def test_what_has_no_colours_is_refused(shape: tuple[int, ...], what: str) -> None:
    with pytest.raises(UsageError, match=f"1 or 3 channels.*draws {what}"):
        rgb_head(onnx.ModelProto(), SampleSpec(shape))


def test_the_rgb_graph_is_compared_with_the_main_one() -> None:
    model = graph_of("perceptron")
    rgb = rgb_head(model, PICTURE)
    (check,) = compare_rgb(model, rgb, CASES)
    assert (check.largest, check.allowed, check.unit) == (0, 1, "grey levels")

    (clip,) = (node for node in rgb.graph.node if node.op_type == "Clip")
    del rgb.graph.node[list(rgb.graph.node).index(clip) :]
    rgb.graph.node.extend(
        [
            helper.make_node("Add", [clip.input[0], "head/half_up"], ["lighter"]),
            helper.make_node("Clip", ["lighter", "head/black", "head/white"], ["clipped"]),
            helper.make_node("Cast", ["clipped"], ["bytes"], to=TensorProto.UINT8),
            helper.make_node("Concat", ["bytes"] * 3, ["images"], axis=1),
        ]
    )
    with pytest.raises(ExportFailed, match=r"images of the RGB graph.* differ by .* grey levels, and 1 is allowed"):
        compare_rgb(model, rgb, CASES)


# One file


@pytest.mark.parametrize("opset", [18, 21])
@pytest.mark.parametrize("name", ["perceptron", "points"])
def test_one_file_gives_of_seeds_what_two_files_give_one_after_the_other(name: str, opset: int) -> None:
    """Also where the generator's opset is later than that of the latents' graph."""
    model = graph_of(name, opset)
    before = model.SerializeToString()
    one = single_file(halving(), model)
    seeds = np.array([3, -2, 0, 2**40])

    found = run(one, seed=seeds)
    latents = run(halving(), seed=seeds)["latents"]
    expected = run(model, latents=latents)

    assert [port.name for port in one.graph.output] == [*expected, "latents"]
    assert ports(one) == {"seed": ["N"], "latents": ["N", SIZE]} | {
        key: value for key, value in ports(model).items() if key != "latents"
    }
    for key, values in {**expected, "latents": latents}.items():
        np.testing.assert_array_equal(found[key], values)
    assert [(entry.domain, entry.version) for entry in one.opset_import] == [("", opset)]
    assert one.ir_version == model.ir_version
    assert model.SerializeToString() == before


@pytest.mark.parametrize("taken", ["samples", "images", "layers.0.weight", "head/scaled"])
def test_names_within_the_two_graphs_may_be_the_same(taken: str) -> None:
    model = graph_of("perceptron")
    one = single_file(halving(inner=taken), model)
    seeds = np.arange(3)
    np.testing.assert_array_equal(
        run(one, seed=seeds)["samples"], run(model, latents=run(halving(), seed=seeds)["latents"])["samples"]
    )


def test_graphs_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ExportFailed, match=r"graph is invalid: .*between 8 and 9"):
        single_file(halving(size=SIZE + 1), graph_of("points"))


def test_labels_and_truncation_are_inputs_of_the_one_file_too() -> None:
    generator = Truncating()
    model = to_onnx(generator, generator.sample, SIZE, conditional=True, truncates=True)
    one = single_file(halving(), model)
    assert [port.name for port in one.graph.input] == ["seed", "label", "truncation"]
    given = {"label": np.array([1, 0]), "truncation": np.array(0.25, np.float32)}
    seeds = np.array([4, 5])
    latents = run(halving(), seed=seeds)["latents"]
    expected = run(model, latents=latents, **given)
    np.testing.assert_array_equal(run(one, seed=seeds, **given)["images"], expected["images"])


def test_the_one_file_is_compared_with_the_prior_and_the_main_graph(latents_graph: onnx.ModelProto) -> None:
    """The latents to the last bit."""
    model = graph_of("perceptron")
    checks = compare_single(model, single_file(latents_graph, model), CASES)
    assert [(check.what.split()[0], check.largest, check.allowed) for check in checks] == [
        ("images", 0, 1),
        ("samples", 0, 1e-4),
        ("latents", 0, 0),
    ]
    with pytest.raises(ExportFailed, match="they differ by"):
        compare_single(model, single_file(halving(), model), CASES)
    with pytest.raises(ExportFailed, match="no output 'latents'"):
        compare_single(model, model, CASES)

"""What is in the exported file, and which generators there is no file for."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils import parametrize
from toy_generators import PICTURE, POINT, PRIOR, SIZE, TRAPS, Flawed, Truncating, good, proven

import ganzoo
from ganzoo.core.errors import ExportFailed, UsageError
from ganzoo.core.specs import SampleSpec
from ganzoo.export.contract import check_generator
from ganzoo.export.onnx_file import add_picture_head, every_graph, refuse_chance, to_onnx
from ganzoo.export.parity import compare
from ganzoo.sampling.pixels import to_uint8

Exported = tuple[onnx.ModelProto, nn.Module, SampleSpec]


def run(model: onnx.ModelProto, latents: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, {"latents": latents}), strict=True))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_onnxruntime_draws_what_torch_draws_at_any_batch_size(exported: Exported, size: int) -> None:
    model, generator, sample = exported
    latents = np.random.default_rng(size).standard_normal((size, SIZE), dtype=np.float32)
    found = run(model, latents)
    with torch.no_grad():
        expected = generator.eval()(torch.from_numpy(latents)).numpy()

    np.testing.assert_allclose(found["samples"], expected, rtol=0, atol=1e-5)
    assert found["samples"].shape == (size, *sample.shape)
    if sample.is_picture:
        np.testing.assert_array_equal(found["images"], to_uint8(found["samples"]))


def test_old_readers_can_read_it_and_its_batch_is_called_n(exported: Exported) -> None:
    """IR 8 and opset 18 of the default domain: onnxruntime 1.15 and later."""
    model, _, sample = exported
    graph = model.graph
    assert model.ir_version == 8
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]
    assert {node.domain for node in graph.node} <= {"", "ai.onnx"}
    assert not model.functions

    ports = {each.name: dims(each) for each in [*graph.input, *graph.output]}
    expected: dict[str, list[int | str]] = {"latents": ["N", SIZE], "samples": ["N", *sample.shape]}
    if sample.is_picture:
        channels, height, width = sample.shape
        expected["images"] = ["N", height, width, channels]
    assert ports == expected


def dims(port: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in port.type.tensor_type.shape.dim]


def test_the_file_is_one_and_tells_nothing_of_the_machine_that_made_it(exported: Exported, tmp_path: Path) -> None:
    """torch writes the path and the text of each source line into every node."""
    onnx.save(exported[0], tmp_path / "generator.onnx")
    content = (tmp_path / "generator.onnx").read_bytes()

    assert [path.name for path in tmp_path.iterdir()] == ["generator.onnx"]
    repository = Path(ganzoo.__file__).parents[1]
    for secret in (str(repository), str(Path(__file__).parent), str(Path(torch.__file__).parents[1]), str(Path.home())):
        assert secret.encode() not in content
    for trace in (b"stack_trace", b".py", b"pkg.torch", b"forward("):
        assert trace not in content


def test_what_a_subgraph_carries_is_removed_and_checked_too() -> None:
    """Random numbers in a branch are random numbers."""
    noise = helper.make_node("RandomNormal", [], ["noise"], shape=[1])
    branch = helper.make_graph([noise], "branch", [], [helper.make_tensor_value_info("noise", TensorProto.FLOAT, [1])])
    choice = helper.make_node("If", ["which"], ["samples"], then_branch=branch, else_branch=branch)
    model = helper.make_model(helper.make_graph([choice], "all", [], []))

    assert [graph.name for graph in every_graph(model.graph)] == ["all", "branch", "branch"]
    with pytest.raises(ExportFailed, match="RandomNormal"):
        refuse_chance(model)


def test_operators_that_plain_onnxruntime_lacks_are_refused() -> None:
    node = helper.make_node("Strange", ["latents"], ["samples"], domain="com.example")
    with pytest.raises(ExportFailed, match=r"plain onnxruntime lacks: com\.example"):
        refuse_chance(helper.make_model(helper.make_graph([node], "all", [], [])))


def test_the_head_rounds_exactly_as_ganzoo_does_on_every_edge() -> None:
    """Black, white, all half levels with their neighbours among the floats, and what lies beyond the range."""
    halves = ((np.arange(-3, 260) - 128) / 127.5).astype(np.float32)
    neighbours = [np.nextafter(halves, np.float32(side)) for side in (-9, 9)]
    ends = np.array([-1, 1, 0, -0.0, -1.5, 7, -1e30, 1e30, -np.inf, np.inf], np.float32)
    edges = np.concatenate([halves, *neighbours, ends])
    samples = edges.reshape(1, 1, 1, -1)
    shape = ["N", 1, 1, len(edges)]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["latents"], ["samples"])],
        "head",
        [helper.make_tensor_value_info("latents", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, shape)],
    )
    add_picture_head(graph, SampleSpec((1, 1, len(edges))))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)

    np.testing.assert_array_equal(run(model, samples)["images"], to_uint8(samples))


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
def test_a_generator_with_a_mistake_is_refused_in_words_that_name_it(
    trap: type[Flawed], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExportFailed, match=TRAPS[trap]) as caught:
        proven(trap(), trap.sample)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_the_same_generator_without_the_mistake_passes() -> None:
    assert [each.name for each in proven(Flawed(), PICTURE).graph.output] == ["images", "samples"]


def test_the_same_weights_give_the_same_bytes() -> None:
    first, second = (to_onnx(*good("points"), SIZE).SerializeToString() for _ in range(2))
    assert first == second


def test_exporting_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    class Constant(nn.Module):
        def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
            return latents[:, :2] * 0

    proven(Constant(), POINT)
    assert capfd.readouterr() == ("", "")


class Doubled(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight


class Parametrized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)
        parametrize.register_parametrization(self.layer, "weight", Doubled())

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layer(latents)


def test_parametrized_weights_are_computed_once_and_the_generator_stays_as_it_was() -> None:
    """Twice the weight, by hand; one product is left in the graph."""
    network = Parametrized()

    model = to_onnx(network, SampleSpec((2,)), 4)

    (weight,) = (numpy_helper.to_array(each) for each in model.graph.initializer if len(each.dims) == 2)
    layer: Any = network.layer
    np.testing.assert_array_equal(weight, 2 * layer.parametrizations.weight.original.detach().numpy())
    assert [node.op_type for node in model.graph.node] == ["Gemm"]
    assert parametrize.is_parametrized(layer)
    torch.testing.assert_close(layer.weight, 2 * layer.parametrizations.weight.original)


# Truncation


def test_a_graph_takes_truncation_where_its_generator_does() -> None:
    """As one more required number; 0 makes all samples of a label the same, and 1 is the generator as it is."""
    generator = Truncating().eval()
    sample = generator.sample
    check_generator(generator, sample, PRIOR, conditional=True, truncates=True)
    model = to_onnx(generator, sample, SIZE, conditional=True, truncates=True)
    parity = compare(model, generator, sample, PRIOR, conditional=True, truncates=True)

    found = {port.name: dims(port) for port in model.graph.input}
    assert found == {"latents": ["N", SIZE], "label": ["N"], "truncation": []}
    assert not {each.name for each in model.graph.initializer} & found.keys()
    whats = [check.what for check in parity.checks]
    for case in (
        "batch 1, truncation 1",
        "batch 7, truncation 1",
        "batch 1, truncation 0.5",
        "batch 7, truncation 0.5",
    ):
        assert f"samples of onnxruntime and torch, {case}" in whats

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    latents, label = np.random.default_rng(0).standard_normal((4, SIZE), dtype=np.float32), np.zeros(4, np.int64)

    def draw(truncation: float) -> np.ndarray:
        inputs = {"latents": latents, "label": label, "truncation": np.array(truncation, np.float32)}
        return session.run(["samples"], inputs)[0]

    with torch.no_grad():
        expected = generator(torch.from_numpy(latents), torch.from_numpy(label)).numpy()
    np.testing.assert_allclose(draw(1.0), expected, rtol=0, atol=1e-6)
    assert np.ptp(draw(0.0), axis=0).max() == 0 < np.ptp(draw(0.5), axis=0).max()
    with pytest.raises(Exception, match="truncation"):
        session.run(None, {"latents": latents, "label": label})


class IgnoresAll(nn.Module):
    """Labels and truncation have no part in it."""

    def forward(self, latents: Tensor, labels: Tensor | None = None, truncation: Tensor | float = 1.0) -> Tensor:
        return latents[:, :2]


def test_inputs_that_a_generator_ignores_are_inputs_of_its_graph_all_the_same() -> None:
    model = to_onnx(IgnoresAll(), SampleSpec((2,), 3), SIZE, conditional=True, truncates=True)
    assert [port.name for port in model.graph.input] == ["latents", "label", "truncation"]


class AsksForItsTruncation(Flawed):
    def forward(self, latents: Tensor, labels: Tensor | None = None, truncation: Tensor | float = 1.0) -> Tensor:
        return super().forward(latents if truncation == 1 else truncation * latents)


def test_a_forward_that_branches_on_truncation_is_refused() -> None:
    with pytest.raises(ExportFailed, match=r"asks for the value of a tensor.*AsksForItsTruncation's own forward"):
        to_onnx(AsksForItsTruncation(), PICTURE, SIZE, truncates=True)


def test_a_forward_without_truncation_cannot_be_exported_with_it() -> None:
    with pytest.raises(ExportFailed, match=r"fails on a batch of 1 .*positional arguments"):
        check_generator(Flawed(), PICTURE, PRIOR, truncates=True)


# Opsets


@pytest.mark.parametrize(("opset", "ir_version"), [(19, 9), (20, 9), (21, 10), (23, 11)])
def test_later_opsets_come_with_the_least_ir_version_that_knows_them(opset: int, ir_version: int) -> None:
    """And with the same numbers."""
    generator, sample = good("convolutional")
    model = to_onnx(generator, sample, SIZE, opset=opset)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", opset)]
    assert model.ir_version == ir_version
    assert compare(model, generator, sample, PRIOR).max_grey_levels == 0


@pytest.mark.parametrize("opset", [0, 17, 24, 99])
def test_opsets_that_torch_does_not_write_by_itself_are_refused(opset: int) -> None:
    with pytest.raises(UsageError, match=f"opset {opset}; choose one in 18…23"):
        to_onnx(nn.Identity(), POINT, SIZE, opset=opset)


def test_noise_in_the_graph_is_named_with_its_module() -> None:
    node = helper.make_node("RandomNormalLike", ["latents"], ["samples"], name="blocks.2.noise/RandomNormalLike_3")
    with pytest.raises(ExportFailed, match=r"contains RandomNormalLike \(in blocks\.2\.noise\)"):
        refuse_chance(helper.make_model(helper.make_graph([node], "all", [], [])))

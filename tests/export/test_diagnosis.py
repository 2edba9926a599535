"""Which module is named when something is wrong; and that looking for it never makes things worse."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from toy_generators import PICTURE, PRIOR, SIZE

from ganzoo.core.errors import ExportFailed
from ganzoo.export.diagnosis import at_fault, first_wrong, of_batch, of_chance, of_frozen_batch, of_graph, where_raised
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare


class Noise(nn.Module):
    def __init__(self, strength: float = 1.0) -> None:
        super().__init__()
        self.strength = strength

    def forward(self, x: Tensor) -> Tensor:
        return x + self.strength * torch.randn_like(x)


class NoiseInPlace(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.add_(torch.randn_like(x))


class Centred(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


class Block(nn.Module):
    """Two layers, and noise or not in its own forward; its first layer changes its input in place."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        self.noise = noise
        self.before = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4))
        self.after = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        return self.after(x + self.noise * torch.randn_like(x)) if self.noise else self.after(x)


class Twice(nn.Module):
    """One layer that is called two times."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(2 * self.layer(x))


X = torch.arange(12.0).view(3, 4)


def calling(network: nn.Module, x: Tensor = X) -> Callable[[], object]:
    return lambda: network(x.clone())


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (nn.Sequential(nn.Linear(4, 4), Noise(), nn.Linear(4, 4)), "1"),
        (nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), Noise())), "1.1"),
        (nn.Sequential(Block(), Block(noise=1e-4), Block(noise=1)), "1"),
        (Twice(Noise()), "layer"),
        (Noise(), ""),
        (nn.Sequential(nn.Linear(4, 4), NoiseInPlace(), nn.Linear(4, 4)), "1"),
        (nn.Sequential(nn.Dropout(), nn.Linear(4, 4)).train(), "0"),
        (nn.Sequential(Block(), Block()), None),
    ],
)
def test_the_innermost_module_that_draws_is_named_not_those_that_get_its_noise(
    network: nn.Module, name: str | None
) -> None:
    """A module whose own forward draws is named itself, and not the layer that it hands the noise to."""
    assert of_chance(network, calling(network)) == name


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (nn.Sequential(nn.Linear(4, 4), Centred(), nn.Linear(4, 4)), "1"),
        (nn.Sequential(Block(), nn.Sequential(Block(), nn.BatchNorm1d(4, track_running_stats=False))), "1.1"),
        (nn.Sequential(Block(), nn.BatchNorm1d(4).eval(), Block()), None),
        (Twice(Centred()), "layer"),
        (Centred(), ""),
    ],
)
def test_the_innermost_module_that_mixes_a_batch_is_named(network: nn.Module, name: str | None) -> None:
    if name == "1.1":  # torch refuses the statistics of one row, but not of one picture
        network[1][1] = nn.Sequential(nn.Unflatten(1, (1, 4)), nn.BatchNorm1d(1, track_running_stats=False))
        name = "1.1.1"
    start_afresh(network)
    alone = [calling(network, row) for row in X.split(1)]
    assert of_batch(network, calling(network), alone) == name


def start_afresh(network: nn.Module) -> None:
    """Weights that do not depend on what was built before, among which a dead ReLU would hide what follows it."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.BatchNorm1d):
            module.reset_parameters()


def test_layers_that_only_large_batches_go_through_lead_to_the_module_that_branches() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.more = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.more(x) if len(x) > 1 else x

    network = nn.Sequential(Block(), Branching())
    assert of_batch(network, calling(network), [calling(network, row) for row in X.split(1)]) == "1"


def test_hooks_are_gone_afterwards_and_weights_are_as_they_were() -> None:
    network = nn.Sequential(Block(), Noise())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    of_chance(network, calling(network))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def fails() -> object:
    raise ZeroDivisionError


def test_a_search_that_fails_itself_finds_nothing_and_raises_nothing() -> None:
    network = nn.Sequential(Block())
    assert of_chance(network, fails) is None
    assert of_batch(network, fails, [fails]) is None
    assert of_batch(network, calling(network), []) is None
    assert of_frozen_batch(network, fails) is None
    assert of_graph(onnx.ModelProto(), network, fails, lambda _: {}) is None
    assert where_raised(network, ZeroDivisionError()) is None
    assert at_fault(network, None) == " Which of its modules is at fault could not be found out."


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", " First at fault is Sequential's own forward."),
        ("0.after", " First at fault is 0.after (Linear)."),
        ("1", " First at fault is 1 (BatchNorm1d), which has no running statistics."),
        ("2", " First at fault is 2 (Linear)."),
    ],
)
def test_a_module_is_named_with_its_class(name: str, sentence: str) -> None:
    parametrized = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
    network = nn.Sequential(Block(), nn.BatchNorm1d(4, track_running_stats=False), parametrized)
    assert at_fault(network, name) == sentence


def test_the_innermost_module_at_work_when_an_error_was_raised_is_named() -> None:
    """Also where another error was made of it."""
    network = nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Sequential(nn.ReLU(), nn.Linear(5, 4)))
    with pytest.raises(RuntimeError) as caught:
        try:
            network(X)
        except RuntimeError as error:
            raise RuntimeError("of it") from error
    assert where_raised(network, caught.value) == "1.1"


# The graph


class Network(nn.Module):
    """Two blocks of a convolution, a batch norm, which the exporter joins with it, and a residual branch."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.project = nn.Linear(SIZE, 16)
        blocks = [nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.BatchNorm2d(1), nn.ReLU()) for _ in range(2)]
        self.blocks = nn.ModuleList(blocks)
        self.skip = nn.Linear(SIZE, 16)
        self.last = nn.Conv2d(1, 1, 1)
        with torch.no_grad():
            for block in blocks:
                block[1].running_mean.fill_(-0.5)
                block[1].running_var.fill_(0.5)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.project(latents).unflatten(1, (1, 4, 4))
        for block in self.blocks:
            x = block(x)
        return self.last(x + self.skip(latents).unflatten(1, (1, 4, 4))).tanh()


@pytest.fixture(scope="module")
def right() -> onnx.ModelProto:
    return to_onnx(Network().eval(), PICTURE, SIZE)


def test_the_graph_is_right_and_its_nodes_are_called_after_their_modules(right: onnx.ModelProto) -> None:
    compare(right, Network().eval(), PICTURE, PRIOR)
    names = {node.name for node in right.graph.node}
    assert {"project/Gemm", "blocks.0.1/Conv", "blocks.1.1/Conv", "blocks.1.2/Relu", "skip/Gemm", "last/Conv"} <= names


@pytest.mark.parametrize("name", ["project/Gemm", "blocks.0.1/Conv", "blocks.1.1/Conv", "skip/Gemm", "last/Conv"])
def test_the_first_module_whose_weights_are_others_is_named(right: onnx.ModelProto, name: str) -> None:
    """Whether it is first or last, on the main way or on a branch, joined with its batch norm or not."""
    wrong = onnx.ModelProto()
    wrong.CopyFrom(right)
    (node,) = (node for node in wrong.graph.node if node.name == name)
    (weight,) = (each for each in wrong.graph.initializer if each.name == node.input[1])
    weight.CopyFrom(numpy_helper.from_array(1.5 * numpy_helper.to_array(weight), weight.name))

    with pytest.raises(ExportFailed, match="onnxruntime and torch, batch 1: they differ by") as caught:
        compare(wrong, Network().eval(), PICTURE, PRIOR)

    module = name.partition("/")[0]
    assert str(caught.value).endswith(f" First at fault is {module} ({kind(module)}).")


def kind(module: str) -> str:
    return type(Network().get_submodule(module)).__name__


def test_where_samples_are_right_and_pictures_wrong_no_module_is_blamed(right: onnx.ModelProto) -> None:
    wrong = onnx.ModelProto()
    wrong.CopyFrom(right)
    (levels,) = (each for each in wrong.graph.initializer if each.name == "head/grey_levels")
    levels.CopyFrom(numpy_helper.from_array(np.array(100, np.float32), levels.name))
    with pytest.raises(ExportFailed, match=r"images of .* grey levels.*could not be found out\.$"):
        compare(wrong, Network().eval(), PICTURE, PRIOR)


def test_a_right_value_clears_all_before_it_and_of_wrong_ones_the_earliest_is_taken() -> None:
    """a → b → c → samples and a → d → samples; names that nobody can compare lie in between."""
    nodes = [
        helper.make_node("Abs", ["latents"], ["a"]),
        helper.make_node("Abs", ["a"], ["unknown"]),
        helper.make_node("Abs", ["unknown"], ["b"]),
        helper.make_node("Abs", ["b"], ["c"]),
        helper.make_node("Abs", ["a"], ["d"]),
        helper.make_node("Add", ["c", "d"], ["samples"]),
    ]
    makers = {node.output[0]: node for node in nodes}

    def first(wrong: str) -> str:
        return first_wrong(makers, {value: value not in wrong.split() for value in ("a", "b", "c", "d", "samples")})

    assert first("samples") == "samples"
    assert first("samples c") == "c"
    assert first("samples c b") == "b"
    assert first("samples d") == "d"
    assert first("samples a") == "samples"
    assert first("samples a b c d") == "a"

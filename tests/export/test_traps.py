"""Mistakes that torch or its exporter let pass in silence: each is refused in words that name the module.

A trap is a layer, [N, 16] to [N, 16], in the middle of a generator; so the module to be named is "layers.1".
"""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn
from torch.nn import functional
from toy_generators import PICTURE, PRIOR, SIZE, proven

from ganzoo.core.errors import ExportFailed
from ganzoo.export.contract import check_generator
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare

WIDTH = 16


class Around(nn.Module):
    """A generator of pictures with one layer of the test's own."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(SIZE, WIDTH), layer, nn.Tanh(), nn.Linear(WIDTH, WIDTH))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        pictures: Tensor = self.layers(latents).tanh().unflatten(1, (1, 4, 4))
        return pictures


class FrozenByInt(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(int(x.shape[0]), 4, 4).flatten(1)


class FrozenByLength(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.zeros(len(x), WIDTH)


class FrozenByNumber(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(2, -1, 4).view(2, WIDTH)


class BranchesOnTheBatch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x if x.shape[0] > 1 else x


class BranchesBeyondWhatIsTried(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x if x.shape[0] > 500 else x


class BranchesOnValues(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x if x.sum() > 1e9 else x


class Squeezes(nn.Module):
    """Loses the batch's axis where there is one sample; what follows takes features for samples."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, None].squeeze()


class DropsAlways(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.5)


class DropsAlmostNothing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1e-9 * functional.dropout(x, 0.5)


class DrawsNoise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


class DrawsAlmostNoNoise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1e-9 * torch.randn(x.shape)


class Counts(nn.Module):
    """Changes with every call."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * self.calls


class Attends(nn.Module):
    """To the batch's other members, by an axis that was mixed up."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(x, x, x)


class GroupsByTheBatch(nn.Module):
    """Weights for each sample by one grouped convolution, as StyleGAN2's authors wrote it."""

    def forward(self, x: Tensor) -> Tensor:
        batch = x.shape[0]
        weights = x.view(batch, 4, 2, 1, 2).flatten(0, 1)  # [4 N, 2, 1, 2]
        maps = functional.pad(x.view(1, 2 * batch, 1, 8), (0, 1))
        return functional.conv2d(maps, weights, groups=batch).view(batch, -1)[:, :WIDTH]


class DividesIntegers(nn.Module):
    """The exporter divides int64 by way of float32, which is wrong above 2^24."""

    def forward(self, x: Tensor) -> Tensor:
        large = (x > 0).long() * (2**30 + 7)
        return (torch.div(large, 3, rounding_mode="trunc") % 1024).float() / 1024


class ComputesInDouble(nn.Module):
    """The exporter writes a Python number beside float64 as float32, which is felt where numbers cancel."""

    def forward(self, x: Tensor) -> Tensor:
        return ((x.double() * 0.1 - x.double() / 10) * 1e9).float()


class LeavesTorch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.detach().numpy().copy())


CHANCE = "gives other samples for the same latents at each call"
MATES = "a sample differs by .* from what its latents give alone"
FROZEN = "takes the size of the batch, here 3, for a number that never changes"
NAMED: dict[type[nn.Module], str] = {
    FrozenByInt: FROZEN,
    FrozenByLength: FROZEN,
    FrozenByNumber: "fails on a batch of 1 without labels: shape",
    BranchesOnTheBatch: f"At batch 2 {MATES}",
    BranchesBeyondWhatIsTried: FROZEN,
    BranchesOnValues: "torch cannot export this generator",
    DropsAlways: CHANCE,
    DropsAlmostNothing: "contains Dropout",
    DrawsNoise: CHANCE,
    DrawsAlmostNoNoise: "contains RandomNormal",
    Counts: CHANCE,
    Attends: f"At batch 2 {MATES}",
    GroupsByTheBatch: "torch cannot export this generator",
    DividesIntegers: "onnxruntime and torch, batch 1: they differ",
    ComputesInDouble: "onnxruntime and torch, batch 1: they differ",
    LeavesTorch: "torch cannot export this generator",
}


@pytest.mark.parametrize("trap", NAMED, ids=lambda trap: trap.__name__)
def test_the_refusal_says_what_is_wrong_and_in_which_module(
    trap: type[nn.Module], capfd: pytest.CaptureFixture[str]
) -> None:
    """In one paragraph, and without what torch would print beside it."""
    with pytest.raises(ExportFailed, match=NAMED[trap]) as caught:
        proven(Around(trap()), PICTURE)
    assert re.search(rf"layers\.1( \({trap.__name__}\)\.|\): )", str(caught.value))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


class Identity(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


def test_the_generator_around_the_traps_is_a_good_one() -> None:
    assert len(proven(Around(Identity()), PICTURE).graph.initializer) > 4


def test_a_batch_norm_without_statistics_is_named_with_the_reason() -> None:
    with pytest.raises(ExportFailed, match=r"layers\.1 \(BatchNorm1d\), which has no running statistics\."):
        proven(Around(nn.BatchNorm1d(WIDTH, track_running_stats=False).eval()), PICTURE)


def test_a_noise_input_deep_within_is_named_with_its_whole_name() -> None:
    inner = nn.Sequential(Identity(), nn.Sequential(Identity(), DrawsNoise()))
    with pytest.raises(ExportFailed, match=r"First at fault is layers\.1\.1\.1 \(DrawsNoise\)\."):
        check_generator(Around(inner), PICTURE, PRIOR)


def test_the_example_batch_itself_may_not_be_frozen_either() -> None:
    """3 is the batch that the graph is traced with, so that only other sizes show it."""

    class FrozenAtThree(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.view(3, WIDTH)

    with pytest.raises(ExportFailed, match=FROZEN):
        to_onnx(Around(FrozenAtThree()), PICTURE, SIZE)


def test_a_reshape_that_was_frozen_at_export_is_refused() -> None:
    """As torch.onnx.export by itself writes it, in silence, where sizes are `Dim.AUTO`."""
    generator = Around(Identity())
    model = to_onnx(generator, PICTURE, SIZE)
    constants = {each.name: each for each in model.graph.initializer}
    (reshape,) = (node for node in model.graph.node if node.op_type == "Reshape")
    shape = constants[reshape.input[1]]
    assert numpy_helper.to_array(shape)[0] == -1
    shape.CopyFrom(numpy_helper.from_array(np.array([2, 1, 4, 4]), shape.name))

    with pytest.raises(ExportFailed):
        compare(model, generator, PICTURE, PRIOR)


def test_an_axis_lost_at_batch_1_is_noticed_though_torch_and_onnxruntime_agree() -> None:
    with pytest.raises(ExportFailed, match=r"fails on a batch of 1 "):
        proven(Around(Squeezes()), PICTURE)


class Plain(nn.Module):
    """A forward made of one expression."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.norm = nn.GroupNorm(4, WIDTH)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.table = nn.Embedding(3, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return HARMLESS[self.name](self, x)


HARMLESS = {
    "view(-1)": lambda _, x: x.view(-1, 4, 4).flatten(1),
    "view(shape[0])": lambda _, x: x.view(x.shape[0], 4, 4).flatten(1),
    "expand(shape[0])": lambda _, x: x + torch.ones(1, WIDTH).expand(x.shape[0], -1),
    "zeros(shape[0])": lambda _, x: x + torch.zeros(x.shape[0], WIDTH),
    "repeat": lambda _, x: x[:, :4].repeat(1, 4),
    "group norm": lambda self, x: self.norm(x),
    "dropout in training alone": lambda self, x: functional.dropout(x, 0.5, self.training),
    "attention": lambda self, x: self.attention(*[x.view(-1, 4, 4)] * 3)[0].flatten(1),
    "embedding": lambda self, x: x + self.table((x[:, 0] > 0).long()),
    "where": lambda _, x: torch.where(x.sum(1, keepdim=True) > 0, 2 * x, x),
    "einsum": lambda _, x: torch.einsum("nij,njk->nik", x.view(-1, 4, 4), x.view(-1, 4, 4)).flatten(1),
    "bilinear": lambda _, x: functional.interpolate(x.view(-1, 1, 2, 8), scale_factor=2, mode="bilinear")[
        :, :, ::2, ::2
    ].flatten(1),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_looks_alike_and_is_right_passes(name: str) -> None:
    model = proven(Around(Plain(name)), PICTURE)
    assert {output.name for output in model.graph.output} == {"samples", "images"}


def test_every_input_is_required_and_every_weight_in_the_file() -> None:
    """Default values of inputs are ignored by some runtimes; a second file would get lost."""
    model = proven(Around(Identity()), PICTURE)
    weights = {each.name for each in model.graph.initializer}
    assert not weights & {port.name for port in model.graph.input}
    assert {each.data_location for each in model.graph.initializer} == {TensorProto.DEFAULT}


class TanhTwice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (1 + x.tanh()).tanh()


def test_no_name_in_the_graph_tells_of_the_machine() -> None:
    """Nodes are called after modules, not after files."""
    model = to_onnx(Around(TanhTwice()), PICTURE, SIZE)
    text = onnx.printer.to_text(model)
    assert str(Path(__file__).parent) not in text and str(Path(torch.__file__).parent) not in text
    names = [node.name for node in model.graph.node if node.name]
    assert {"layers.0/Gemm", "layers.1/Tanh", "layers.1/Tanh_2", "layers.2/Tanh", "layers.3/Gemm", "/Tanh"} <= set(
        names
    )
    assert len(names) == len(set(names))

"""Small generators: some that can be exported, and one for each mistake that must not be."""

import random

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.core.specs import SampleSpec
from ganzoo.export.contract import check_generator
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal
from ganzoo_vanilla.networks import MlpGenerator
from ganzoo_vanilla.options import MlpGeneratorOptions

SIZE = 8  # Z
PICTURE = SampleSpec((1, 4, 4))
POINT = SampleSpec((2,))
PRIOR = Normal(NormalOptions(SIZE))


class WithBatchNorm(nn.Module):
    """Its statistics are those of some training, not the 0 and 1 that a fresh one has."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(SIZE, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh())
        with torch.no_grad():
            self.layers(torch.randn(64, SIZE))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(latents).view(-1, 1, 4, 4)


class Convolutional(nn.Module):
    """Transposed convolutions and batch norm, as in DCGAN: 1, 4, 8 pixels, three channels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(SIZE, 8, 4),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1),
            nn.Tanh(),
        )
        with torch.no_grad():
            self.layers(torch.randn(64, SIZE, 1, 1))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(latents[:, :, None, None])


def good(name: str) -> tuple[nn.Module, SampleSpec]:
    """A generator that can be exported, and what it draws."""
    torch.manual_seed(0)
    if name in ("perceptron", "points"):
        sample = PICTURE if name == "perceptron" else POINT
        return MlpGenerator(sample, SIZE, MlpGeneratorOptions(width=16)), sample
    if name == "batch norm":
        return WithBatchNorm(), PICTURE
    return Convolutional(), SampleSpec((3, 8, 8))


GOOD = ["perceptron", "batch norm", "convolutional", "points"]


class Truncating(nn.Module):
    """Grey squares [N, 1, 4, 4] by label; truncation draws their latents towards 0."""

    sample = SampleSpec((1, 4, 4), 3)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mapping = nn.Linear(SIZE, 16)
        self.shade = nn.Embedding(3, 16)

    def forward(self, latents: Tensor, labels: Tensor | None = None, truncation: Tensor | float = 1.0) -> Tensor:
        assert labels is not None
        x = self.mapping(truncation * latents) + self.shade(labels)
        return x.tanh().unflatten(1, (1, 4, 4))


class Flawed(nn.Module):
    """A linear generator; what its heirs do to the pictures [N, 16] is the mistake."""

    sample = PICTURE

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(SIZE, 16)
        self.norm = nn.BatchNorm2d(1, track_running_stats=False)
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.finish(self.linear(latents))

    def finish(self, x: Tensor) -> Tensor:
        return x.view(-1, 1, 4, 4)


class FrozenByNumber(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return x.view(3, 1, 4, 4)


class FrozenByInt(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return x.view(int(x.shape[0]), 1, 4, 4)


class BranchesOnItsBatch(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(2 * x if len(x) > 1 else x)


class BranchesOnLargeBatches(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(2 * x if len(x) > 5 else x)


class BranchesWithoutEffect(Flawed):
    """Equal at the batch sizes that are tried, and another graph beyond."""

    def finish(self, x: Tensor) -> Tensor:
        return super().finish(2 * x if len(x) > 1000 else x)


class Squeezes(Flawed):
    sample = POINT

    def finish(self, x: Tensor) -> Tensor:
        return x[:, :2].squeeze()


class DropsAlways(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(functional.dropout(x))


class DrawsNoise(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x + torch.randn(len(x), 16))


class DrawsNoiseOfNoStrength(Flawed):
    """As StyleGAN's noise inputs begin: of strength 0, which training changes."""

    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x + self.strength * torch.randn_like(x))


class DropsWithoutEffect(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x + self.strength * functional.dropout(x))


class AsksPython(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x + random.random())


class WithoutRunningStatistics(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return self.norm(super().finish(x))


class WithoutRunningStatisticsOfOne(Flawed):
    """torch itself refuses the statistics of a single row."""

    def finish(self, x: Tensor) -> Tensor:
        return super().finish(functional.batch_norm(x, None, None, training=True))


class CentresItsBatch(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x - x.mean(0))


class TooFewAxes(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return x.view(-1, 4, 4)


class Sideways(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return x.view(-1, 1, 2, 8)


class Double(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x).double()


class GivesTwo(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x), x  # type: ignore[return-value]


class NotANumber(Flawed):
    def __init__(self) -> None:
        super().__init__()
        self.linear.weight.data[3, 3] = float("nan")


class WantsLabels(Flawed):
    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.finish(self.linear(latents) + labels[:, None])  # type: ignore[index]


class LeavesTorch(Flawed):
    def finish(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.detach().numpy()).view(-1, 1, 4, 4)


CHANCE = "other samples for the same latents at each call"
DEPENDS = "differs by .* from what its latents give alone"
FROZEN = "takes the size of the batch, here 3, for a number that never changes, or branches on it"
TRAPS: dict[type[Flawed], str] = {  # what the refusal says
    FrozenByNumber: "fails on a batch of 1",
    FrozenByInt: FROZEN,
    BranchesOnItsBatch: f"At batch 2 a sample {DEPENDS}",
    BranchesOnLargeBatches: f"At batch 7 a sample {DEPENDS}",
    BranchesWithoutEffect: FROZEN,
    Squeezes: r"For a batch of 1 the generator gives samples float32 \[2\], not float32 \[1, 2\]",
    DropsAlways: CHANCE,
    DrawsNoise: CHANCE,
    DrawsNoiseOfNoStrength: "The graph contains RandomNormalLike: the same latents would give other samples",
    DropsWithoutEffect: "The graph contains Dropout: the same latents would give other samples",
    AsksPython: CHANCE,
    WithoutRunningStatistics: f"{DEPENDS}.*First at fault is norm .BatchNorm2d., which has no running statistics",
    WithoutRunningStatisticsOfOne: "fails on a batch of 1 without labels: Expected more than 1 value per channel",
    CentresItsBatch: DEPENDS,
    TooFewAxes: r"gives samples float32 \[1, 4, 4\], not float32 \[1, 1, 4, 4\]",
    Sideways: r"gives samples float32 \[1, 1, 2, 8\], not float32 \[1, 1, 4, 4\]",
    Double: r"gives samples float64 \[1, 1, 4, 4\], not float32",
    GivesTwo: "gives a tuple, and must give a tensor",
    NotANumber: "NaN or infinite: it has diverged",
    WantsLabels: "fails on a batch of 1 without labels",
    LeavesTorch: "torch cannot export this generator: .*must consist of torch's own operations",
}


def proven(generator: nn.Module, sample: SampleSpec) -> onnx.ModelProto:
    """The graph after all that an export checks."""
    check_generator(generator, sample, PRIOR)
    model = to_onnx(generator, sample, SIZE)
    compare(model, generator, sample, PRIOR)
    return model

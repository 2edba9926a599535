"""The small partners that a component is checked with. N = 8 samples, Z = 64."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from ganzoo.contracts import Batch, Play, Player, Players, Verdict
from ganzoo.core.specs import Code, SampleSpec
from ganzoo.latents import Values, Words, normals

COUNT, SIZE = 8, 64  # N, Z; what compares samples in fours can
CODE = Code(categories=(3,), continuous=2)
SAMPLES = (
    SampleSpec((1, 8, 8), 10, CODE),
    SampleSpec((1, 28, 28), 10, CODE),
    SampleSpec((3, 32, 32), 10, CODE),
    SampleSpec((2,), 10, CODE),
)
LARGER = tuple(SampleSpec((3, side, side), 10, CODE) for side in (64, 128, 256))  # for what fits none of them


class Normals:
    """Standard normal latents."""

    def __init__(self, size: int) -> None:
        self.size = self.words = size

    def from_words(self, words: Words) -> Values:
        return normals(words)


class Perceptron(nn.Module):
    """A discriminator that says all that a verdict can hold, with a slope that is different everywhere."""

    def __init__(self, sample: SampleSpec) -> None:
        super().__init__()
        self.sample = sample
        self.code = sample.code
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(sample.size, 8), nn.Tanh())
        self.to_logit = nn.Linear(8, 1)
        self.to_classes = nn.Linear(8, max(sample.num_classes, 1))
        self.to_code = nn.Linear(8, max(sample.code.size, 1))
        self.to_sample = nn.Linear(8, sample.size)

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        hidden = self.hidden(samples)
        reconstruction = self.to_sample(hidden).unflatten(1, self.sample.shape)
        return Verdict(
            self.to_logit(hidden)[:, 0], hidden, self.to_classes(hidden), reconstruction, self.to_code(hidden)
        )


def generator_of(sample: SampleSpec) -> nn.Module:
    return Linear(sample)


class Linear(nn.Module):
    """A generator."""

    def __init__(self, sample: SampleSpec) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(SIZE, sample.size), nn.Unflatten(1, sample.shape))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        samples: Tensor = self.layers(latents)
        return samples


class OwnNoise:
    """Noise for N samples from a generator of its own, so that draws from torch's global one can be told."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)

    def uniform(self, *shape: int) -> Tensor:
        return torch.rand(COUNT, *shape, generator=self.generator)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(COUNT, *shape, generator=self.generator)


def real_samples(sample: SampleSpec, count: int = COUNT, scale: float = 1.0) -> Tensor:
    """From U(-scale, scale), [count, S...]."""
    return scale * (2 * torch.rand(count, *sample.shape) - 1)


def latents_of(code: Code) -> Tensor:
    """[N, Z], the code first."""
    columns = [torch.eye(size)[torch.arange(COUNT) % size] for size in code.categories]
    columns.append(2 * torch.rand(COUNT, code.continuous) - 1)
    return torch.cat([*columns, torch.randn(COUNT, SIZE - code.size)], 1)


def meeting(players: Players, sample: SampleSpec, player: Player, scale: float = 1.0, step: int = 0) -> Play:
    """A play as the trainer makes it, with samples that want gradients."""
    real = real_samples(sample, scale=scale).requires_grad_()
    labels, z = torch.arange(COUNT) % max(sample.num_classes, 1), latents_of(sample.code)
    fake, judge = players.generator(z, labels), players.discriminator
    batch = Batch(real, labels, z, OwnNoise())
    return replace(Play(batch, fake, judge(real, labels), judge(fake, labels)), player=player, step=step)

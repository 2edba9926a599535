"""Perceptrons that read labels. Mirza and Osindero (2014), arXiv:1411.1784.

N = batch, Z = latent size, L = numbers that stand for a label, F = width of a hidden layer, `S...` = shape of a sample.
"""

from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor, nn

from ganzoo.api import SampleSpec
from ganzoo.contracts import Verdict
from ganzoo.layers import LEAK
from ganzoo_conditional.labels import LabelInput, joined
from ganzoo_conditional.options import MlpDiscriminatorOptions, MlpGeneratorOptions


class ConditionalMlpGenerator(nn.Module):
    """Latent and label side by side, then linear and ReLU `depth` times, then one number for each of the sample's."""

    def __init__(self, sample: SampleSpec, latent_size: int, options: MlpGeneratorOptions) -> None:
        """Raises BadData for samples without classes."""
        super().__init__()
        self.shape = sample.shape
        self.label = LabelInput(sample, options.label_width)
        sizes = [latent_size + self.label.size, *[options.width] * options.depth]
        self.hidden = nn.Sequential(*(nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)))
        self.to_sample = nn.Linear(options.width, sample.size)
        self.activate = nn.Tanh() if sample.is_picture else nn.Identity()

    def forward(
        self,
        latents: Float[Tensor, "batch latent"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Float[Tensor, "batch *sample"]:
        """Latents [N, Z] and labels [N] to samples [N, S...], pictures in [-1, 1]. Raises BadData without labels."""
        x = self.hidden(joined(latents, labels, self.label))  # [N, F]
        return self.activate(self.to_sample(x)).unflatten(1, self.shape)  # [N, S...]


class ConditionalMlpDiscriminator(nn.Module):
    """Sample and label side by side, then linear and leaky ReLU `depth` times, then one logit."""

    def __init__(self, sample: SampleSpec, options: MlpDiscriminatorOptions) -> None:
        """Raises BadData for samples without classes."""
        super().__init__()
        self.label = LabelInput(sample, options.label_width)
        sizes = [sample.size + self.label.size, *[options.width] * options.depth]
        drop = nn.Dropout(options.dropout)
        layers = (nn.Sequential(nn.Linear(a, b), nn.LeakyReLU(LEAK), drop) for a, b in pairwise(sizes))
        self.hidden = nn.Sequential(*layers)
        self.to_logit = nn.Linear(options.width, 1)

    def forward(
        self,
        samples: Float[Tensor, "batch *sample"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Samples [N, S...] and labels [N] to logits [N] and features [N, F]. Raises BadData without labels."""
        features = self.hidden(joined(samples.flatten(1), labels, self.label))  # [N, F]
        return Verdict(self.to_logit(features)[:, 0], features)

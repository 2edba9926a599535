"""Perceptrons. Goodfellow et al. (2014), arXiv:1406.2661; maxout: Goodfellow et al. (2013), arXiv:1302.4389.

N = batch, Z = latent size, F = width of a hidden layer, `S...` = shape of one sample: (C, H, W) in [-1, 1], or (D,).
"""

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ganzoo.api import SampleSpec
from ganzoo.contracts import Verdict
from ganzoo_vanilla.options import MaxoutOptions, MlpDiscriminatorOptions, MlpGeneratorOptions

LEAK = 0.2  # slope of the leaky ReLU below 0
BLACKEST = 1e-7  # least brightness in [0, 1] that a bias is made for; the 2014 code's value


class MlpGenerator(nn.Module):
    """Linear and ReLU `depth` times, then one number for each of the sample's."""

    def __init__(self, sample: SampleSpec, latent_size: int, options: MlpGeneratorOptions) -> None:
        super().__init__()
        self.shape = sample.shape
        self.output = choose_output(options.output, sample)
        self.bias_from_data = options.bias_from_data

        sizes = [latent_size, *[options.width] * options.depth]
        dropouts = [0.0] * options.depth
        layer = normed if options.batch_norm else plain
        self.hidden = stack(layer, sizes, dropouts)
        self.to_sample = nn.Linear(options.width, sample.size)
        start_uniform(self, options.weight_range)

    def forward(
        self,
        latents: Float[Tensor, "batch latent"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Float[Tensor, "batch *sample"]:
        """Latents [N, Z] to samples [N, S...], in [-1, 1] unless the output is linear; labels are ignored."""
        x = self.hidden(latents)  # [N, F]
        x = activate(self.to_sample(x), self.output)  # [N, D]
        return x.unflatten(1, self.shape)  # [N, S...]

    @torch.no_grad()
    def start_from(self, real: Float[Tensor, "batch *sample"]) -> None:
        """With `bias_from_data`, set the output biases so that zero weights would draw the mean of `real` [N, S...].

        So the discriminator cannot tell the first samples by their brightness. Without the option, do nothing.
        """
        if self.bias_from_data:
            mean = real.flatten(1).mean(0)  # [D]
            self.to_sample.bias.copy_(deactivate(mean, self.output))


def plain(inputs: int, units: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, units), nn.ReLU())


def normed(inputs: int, units: int) -> nn.Module:
    """With batch norm, whose shift takes the place of the bias."""
    return nn.Sequential(nn.Linear(inputs, units, bias=False), nn.BatchNorm1d(units), nn.ReLU())


def choose_output(output: str, sample: SampleSpec) -> str:
    """What `auto` stands for: pictures end at black and white, points anywhere."""
    if output != "auto":
        return output
    return "tanh" if sample.is_picture else "linear"


def activate(x: Float[Tensor, "..."], output: str) -> Float[Tensor, "..."]:
    """The output's activation; the sigmoid's [0, 1] is stretched to the project's [-1, 1]."""
    if output == "tanh":
        return x.tanh()
    return 2 * x.sigmoid() - 1 if output == "sigmoid" else x


def deactivate(mean: Float[Tensor, "..."], output: str) -> Float[Tensor, "..."]:
    """The inverse of `activate`, in float64; finite at -1 and 1, where pixels that never change lie."""
    mean = mean.cpu().double()  # some accelerators have no float64
    if output == "linear":
        return mean
    bias = ((mean + 1) / 2).clamp(BLACKEST, 1 - BLACKEST).logit()
    return bias / 2 if output == "tanh" else bias  # tanh(x) = 2 sigmoid(2x) - 1


class MlpDiscriminator(nn.Module):
    """Linear and leaky ReLU `depth` times, then one logit."""

    def __init__(self, sample: SampleSpec, options: MlpDiscriminatorOptions) -> None:
        super().__init__()
        sizes = [sample.size, *[options.width] * options.depth]
        dropouts = [0.0, *[options.dropout] * (options.depth - 1)]
        self.hidden = stack(lambda a, b: nn.Sequential(nn.Linear(a, b), nn.LeakyReLU(LEAK)), sizes, dropouts)
        self.to_logit = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(options.width, 1))

    def forward(
        self,
        samples: Float[Tensor, "batch *sample"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Samples [N, S...] to logits [N] and features [N, F], before dropout; labels are ignored."""
        features = self.hidden(samples.flatten(1))  # [N, F]
        return Verdict(self.to_logit(features)[:, 0], features)


class Maxout(nn.Module):
    """Each unit is the largest of `pieces` linear maps. Goodfellow et al. (2013), arXiv:1302.4389, section 3."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.shape = (units, pieces)
        self.linear = nn.Linear(inputs, units * pieces)

    def forward(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch units"]:
        return self.linear(x).unflatten(1, self.shape).amax(2)  # [N, units, pieces] to [N, units]


class MaxoutDiscriminator(nn.Module):
    """Dropout and maxout `depth` times, then one logit: the discriminator of the 2014 code."""

    def __init__(self, sample: SampleSpec, options: MaxoutOptions) -> None:
        super().__init__()
        self.is_picture = sample.is_picture
        sizes = [sample.size, *[options.width] * options.depth]
        dropouts = [options.input_dropout, *[options.dropout] * (options.depth - 1)]
        self.hidden = stack(lambda a, b: Maxout(a, b, options.pieces), sizes, dropouts)
        self.to_logit = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(options.width, 1))
        start_uniform(self, options.weight_range)

    def forward(
        self,
        samples: Float[Tensor, "batch *sample"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Samples [N, S...] to logits [N] and features [N, F], before dropout; labels are ignored."""
        x = samples.flatten(1)  # [N, D]
        if self.is_picture:
            x = (x + 1) / 2  # dropout writes 0, which shall be black like most of a digit's pixels, not grey
        features = self.hidden(x)  # [N, F]
        return Verdict(self.to_logit(features)[:, 0], features)


def stack(layer: Callable[[int, int], nn.Module], sizes: list[int], dropouts: list[float]) -> nn.Sequential:
    """`layer(inputs, outputs)` from each size to the next, each behind its dropout."""
    layers = (layer(a, b) for a, b in pairwise(sizes))
    return nn.Sequential(*(nn.Sequential(nn.Dropout(p), x) if p else x for p, x in zip(dropouts, layers, strict=True)))


@torch.no_grad()
def start_uniform(network: nn.Module, bound: float) -> None:
    """Draw all weights from U(-bound, bound) and set all biases to 0; a bound of 0 keeps torch's initialisation."""
    if bound == 0:
        return
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.uniform_(-bound, bound)
            if layer.bias is not None:
                layer.bias.zero_()

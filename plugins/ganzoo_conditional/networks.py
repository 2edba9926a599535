"""Convolutional networks that read labels, or say them. N = batch, Z = latent size, C = channels, S = side in pixels,
B = side of the smallest map, W = its channels, K = classes, L = numbers that stand for a label, F = W·B·B.
"""

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ganzoo.api import SampleSpec
from ganzoo.contracts import Verdict
from ganzoo.layers import base_of, norm_of, start_normal, widths_of
from ganzoo_conditional.convolutions import Trunk, has_bias
from ganzoo_conditional.labels import ConditionalBatchNorm, LabelInput, classes_of, joined, needed
from ganzoo_conditional.options import (
    DcganDiscriminatorOptions,
    DcganGeneratorOptions,
    ProjectionOptions,
    TrunkOptions,
)


class ConditionalDcganGenerator(nn.Module):
    """The generator of DCGAN, which hears of the label with the latent, or in each of its batch norms."""

    def __init__(self, sample: SampleSpec, latent_size: int, options: DcganGeneratorOptions) -> None:
        """Raises BadData for samples without classes, for points, and for sides that cannot be halved to 4…7 pixels."""
        super().__init__()
        classes = classes_of(sample)
        base, doublings = base_of(sample, "This network", "conditional-mlp")
        widths = widths_of(options.width, options.widest, doublings)[::-1]  # 64 px, width 64: 512, 256, 128, 64
        bias, conditional = has_bias(options), options.norm == "conditional"

        def up(before: int, after: int) -> nn.ConvTranspose2d:
            padding, extra = (options.kernel - 1) // 2, options.kernel % 2
            return nn.ConvTranspose2d(before, after, options.kernel, 2, padding, extra, bias=bias)

        def norm(width: int) -> nn.Module:
            return ConditionalBatchNorm(width, classes) if conditional else norm_of(options.norm, width)

        self.label = None if conditional else LabelInput(sample, options.label_width)
        self.smallest = (widths[0], base, base)
        self.project = nn.Linear(latent_size + (self.label.size if self.label else 0), widths[0] * base**2, bias=bias)
        self.norms = nn.ModuleList(norm(width) for width in widths)
        self.ups = nn.ModuleList(up(a, b) for a, b in pairwise([*widths, sample.shape[0]]))
        start_normal(self, options.weight_std)

    def forward(
        self,
        latents: Float[Tensor, "batch latent"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Float[Tensor, "batch channels side side"]:
        """Latents [N, Z] and labels [N] to pictures [N, C, S, S] in [-1, 1]. Raises BadData without labels."""
        labels = needed(labels)
        x = latents if self.label is None else joined(latents, labels, self.label)
        x = self.project(x).unflatten(1, self.smallest)  # [N, W, B, B]
        for norm, up in zip(self.norms, self.ups, strict=True):
            x = norm(x, labels) if isinstance(norm, ConditionalBatchNorm) else norm(x)
            x = up(x.relu())  # [N, width, side, side], of twice the side
        return x.tanh()  # [N, C, S, S]


class ConditionalDcganDiscriminator(nn.Module):
    """The discriminator of DCGAN, which sees the label as maps beside the picture, each of one value throughout."""

    def __init__(self, sample: SampleSpec, options: DcganDiscriminatorOptions) -> None:
        """Raises BadData for samples without classes, for points, and for sides that cannot be halved to 4…7 pixels."""
        super().__init__()
        self.label = LabelInput(sample, options.label_width)
        self.trunk = Trunk(sample, sample.shape[0] + self.label.size, options)
        self.to_logit = nn.Linear(self.trunk.size, 1, bias=has_bias(options))
        start_normal(self, options.weight_std)

    def forward(
        self,
        samples: Float[Tensor, "batch channels side side"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Pictures [N, C, S, S] and labels [N] to logits [N] and features [N, F]. Raises BadData without labels."""
        maps = self.label(needed(labels))[:, :, None, None].expand(-1, -1, *samples.shape[2:])  # [N, L, S, S]
        features = self.trunk(torch.cat([samples, maps], 1))  # [N, F]
        return Verdict(self.to_logit(features)[:, 0], features)


class ProjectionDiscriminator(nn.Module):
    """ψ(φ(x)) + <v_y, φ(x)>: features are projected on a vector of the label's own.

    Miyato and Koyama (2018), arXiv:1802.05637, equation 3, with a linear ψ.
    """

    def __init__(self, sample: SampleSpec, options: ProjectionOptions) -> None:
        """Raises BadData for samples without classes, for points, and for sides that cannot be halved to 4…7 pixels."""
        super().__init__()
        classes = classes_of(sample)
        self.trunk = Trunk(sample, sample.shape[0], options)  # φ
        self.to_logit = nn.Linear(self.trunk.size, 1, bias=has_bias(options))  # ψ
        self.to_fits = nn.Linear(self.trunk.size, classes, bias=False)  # v, one row for each label
        start_normal(self, options.weight_std)

    def forward(
        self,
        samples: Float[Tensor, "batch channels side side"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Pictures [N, C, S, S] and labels [N] to logits [N] and features [N, F]. Raises BadData without labels."""
        features = self.trunk(samples)  # [N, F]
        fits = self.to_fits(features).gather(1, needed(labels)[:, None])  # [N, K] to [N, 1]
        return Verdict(self.to_logit(features)[:, 0] + fits[:, 0], features)


class ClassifyingDiscriminator(nn.Module):
    """The discriminator of DCGAN, which also says each sample's class. Odena et al. (2017), arXiv:1610.09585."""

    def __init__(self, sample: SampleSpec, options: TrunkOptions) -> None:
        """Raises BadData for samples without classes, for points, and for sides that cannot be halved to 4…7 pixels."""
        super().__init__()
        classes = classes_of(sample)
        self.trunk = Trunk(sample, sample.shape[0], options)
        self.to_logit = nn.Linear(self.trunk.size, 1, bias=has_bias(options))
        self.to_classes = nn.Linear(self.trunk.size, classes)
        start_normal(self, options.weight_std)

    def forward(
        self,
        samples: Float[Tensor, "batch channels side side"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Pictures [N, C, S, S] to logits [N], features [N, F] and class logits [N, K]; labels are not looked at."""
        features = self.trunk(samples)  # [N, F]
        return Verdict(self.to_logit(features)[:, 0], features, class_logits=self.to_classes(features))

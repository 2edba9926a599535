"""Labels as numbers. N = batch, K = classes, L = numbers that stand for a label."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganzoo.api import BadData, SampleSpec


class LabelInput(nn.Module):
    """A label as L numbers: one-hot, or learnt."""

    def __init__(self, sample: SampleSpec, width: int) -> None:
        """L is `width`, or K where that is 0. Raises BadData for samples without classes."""
        super().__init__()
        self.classes = classes_of(sample)
        self.size = width or self.classes  # L
        self.table = nn.Embedding(self.classes, width) if width else None

    def forward(self, labels: Int[Tensor, "batch"]) -> Float[Tensor, "batch numbers"]:
        """Labels int64 [N] in 0…K - 1 to float32 [N, L]."""
        return one_hot(labels, self.classes).float() if self.table is None else self.table(labels)


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose scale and shift are a label's own. De Vries et al. (2017), arXiv:1707.00683, section 3.2.

    They are looked up, as in Miyato and Koyama (2018), where de Vries et al. predict them from a question.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.scale = nn.Embedding(classes, width)
        self.shift = nn.Embedding(classes, width)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(
        self, maps: Float[Tensor, "batch width height across"], labels: Int[Tensor, "batch"]
    ) -> Float[Tensor, "batch width height across"]:
        scale, shift = (table(labels)[:, :, None, None] for table in (self.scale, self.shift))  # [N, W, 1, 1]
        return self.norm(maps) * scale + shift


def classes_of(sample: SampleSpec) -> int:
    """K. Raises BadData where it is 0."""
    if sample.num_classes == 0:
        raise BadData(
            "This network learns from labels, and the samples have no classes; use a data set that has, such as "
            "`mnist`, or networks without labels, such as `mlp` and `dcgan`."
        )
    return sample.num_classes


def needed(labels: Int[Tensor, "batch"] | None) -> Int[Tensor, "batch"]:
    """The labels. Raises BadData where there are none."""
    if labels is None:
        raise BadData("This network works with labels; give it int64 labels [N], one for each row.")
    return labels


def joined(
    rows: Float[Tensor, "batch _"], labels: Int[Tensor, "batch"] | None, reader: LabelInput
) -> Float[Tensor, "batch _"]:
    """Rows [N, D] with their labels' numbers behind, [N, D + L]. Raises BadData where there are no labels."""
    return torch.cat([rows, reader(needed(labels))], 1)

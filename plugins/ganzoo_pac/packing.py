"""Packing. Lin, Khetan, Fanti and Oh (2018), PacGAN, arXiv:1712.04086, section 2.

N = batch, m = samples in a pack, `S...` = shape of one sample: (C, H, W) for pictures, (D,) for points.
"""

from collections.abc import Callable
from dataclasses import replace

from jaxtyping import Float, Int
from torch import Tensor, nn

from ganzoo.api import BadSetting, Code, GanzooError, SampleSpec
from ganzoo.contracts import Verdict
from ganzoo_pac.options import PackingOptions


class Packing(nn.Module):
    """A discriminator of m samples joined: side by side as channels for pictures, as numbers for points.

    All samples of a pack are real, or all are generated. Where a generator lacks a mode, m of its samples lack it
    together, which shows more clearly than in one.
    """

    def __init__(self, inner: Callable[[SampleSpec], nn.Module], sample: SampleSpec, options: PackingOptions) -> None:
        """Raises BadSetting where the inner discriminator reads labels or codes, which a pack does not have."""
        super().__init__()
        self.size = options.size
        first, *rest = sample.shape
        self.shape = (options.size * first, *rest)
        self.inner = build_joined(inner, replace(sample, shape=self.shape))

    def forward(
        self,
        samples: Float[Tensor, "batch *sample"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Samples [N, S...] to logits [N/m]: sample i is in pack i // m, in the order of the batch.

        Features are the pack's [N/m, F]; a reconstruction is taken apart again into [N, S...]. Labels are ignored.
        Raises BadSetting where m does not divide N.
        """
        count = samples.shape[0]
        if count % self.size:
            fits = max(count - count % self.size, self.size)
            raise BadSetting(
                f"Packing joins {self.size} samples, and {count} go through the discriminator at a time, which "
                f"{self.size} does not divide; use --set batch_size={fits}, or another multiple of {self.size} for "
                "each pass and process."
            )
        verdict: Verdict = self.inner(samples.reshape(-1, *self.shape), None)
        if verdict.reconstruction is None:
            return verdict
        return replace(verdict, reconstruction=verdict.reconstruction.reshape(samples.shape))


def build_joined(inner: Callable[[SampleSpec], nn.Module], joined: SampleSpec) -> nn.Module:
    """The inner discriminator of packs, which have neither label nor code. Raises BadSetting where it needs those."""
    try:
        return inner(replace(joined, num_classes=0, code=Code()))
    except GanzooError as error:
        if not joined.num_classes and not joined.code.size:
            raise
        inner(joined)  # raises again what has another cause
        raise BadSetting(
            "Packing joins samples of several classes and codes, so the discriminator within it cannot read those; "
            "take one that reads neither, or leave out wrappers.packing."
        ) from error

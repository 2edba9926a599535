"""The penalty on path lengths. Karras et al. (2020), arXiv:1912.04958, section 3.2, equation 4.

N = samples that are looked at, L = styles of a sample, W = numbers in a style, `S...` = shape of one sample.
"""

from math import prod, sqrt
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganzoo.contracts import Batch, Play, Player, Players, Regularizer, Terms
from ganzoo_stylegan.options import PathLengthOptions


@runtime_checkable
class HasStyles(Protocol):
    """A generator of two halves; lengths of paths are measured from what is between them."""

    def map(self, latents: Tensor) -> Tensor:
        """Latents [N, Z] to styles [N, L, W]."""
        ...

    def synthesise(self, styles: Tensor, latents: Tensor) -> Tensor:
        """Styles [N, L, W] to samples [N, S...]."""
        ...


class PathLength(Regularizer):
    """γ E (‖Jᵀy‖ - a)²: J is the samples' Jacobian with respect to their styles, y is normal, a the mean of lengths.

    So a step of the same length in the space of styles changes a picture by the same amount, wherever it is made.
    ‖Jᵀy‖² is the mean over the L styles, and y is divided by the root of the number of pixels, as in the authors' code.
    Of a generator without styles, the Jacobian is with respect to the latents.

    The penalty acts in every `interval`-th update of the generator and is multiplied by it (section 3.1), and runs the
    generator once more, on a part of the batch, in float32.
    """

    player: Player = "generator"
    mixes_samples = True  # it looks at a part of each pass

    def __init__(self, options: PathLengthOptions) -> None:
        self.factor = options.weight * options.interval
        self.interval = options.interval
        self.decay, self.shrink = options.decay, options.shrink
        self.mean = self.before = torch.zeros(())  # a, and what it was before the newest update
        self.step, self.seen = -1, list[Tensor]()  # the newest update, and the mean length of each of its passes

    def terms(self, play: Play, players: Players) -> Terms:
        count = max(1, len(play.batch.latents) // self.shrink)
        direction = play.batch.noise.normal(*play.fake.shape[1:])[:count]  # y
        with torch.autocast(play.fake.device.type, enabled=False):
            lengths = path_lengths(players.generator, play.batch, direction)  # [N]
        if play.step != self.step:
            self.step, self.before, self.seen = play.step, self.mean.to(lengths.device), []
        self.seen.append(lengths.detach().mean())
        self.mean = self.before.lerp(torch.stack(self.seen).mean(), self.decay)
        return {"penalty": self.factor * (lengths - self.mean).square().mean()}

    def state_dict(self) -> dict[str, Tensor]:
        return {"mean": self.mean}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.mean = state["mean"]


def path_lengths(generator: nn.Module, batch: Batch, direction: Float[Tensor, "some *sample"]) -> Float[Tensor, "some"]:
    """‖Jᵀy‖ of the batch's first samples, one for each y in `direction`; differentiable by the generator's weights."""
    count, pixels = len(direction), prod(direction.shape[2:])
    latents = batch.latents[:count]
    halves = generator if isinstance(generator, HasStyles) else None
    start = latents if halves is None else halves.map(latents)  # [N, Z] or [N, L, W]
    start = start if start.requires_grad else start.detach().requires_grad_()
    if halves is not None:
        samples = halves.synthesise(start, latents)
    else:
        samples = generator(start) if batch.labels is None else generator(start, batch.labels[:count])
    change = (samples * direction).sum() / sqrt(pixels)
    (gradient,) = torch.autograd.grad(change, start, create_graph=True)
    styles = prod(start.shape[1:-1])  # 1 for latents
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1) / sqrt(styles)

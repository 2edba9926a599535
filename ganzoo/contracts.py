"""The training contracts: what networks, losses and regularizers receive and return. Public; imports torch.

N = batch, Z = latent size, `S...` = shape of one sample: (C, H, W) for pictures, in [-1, 1]; (D,) for points.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

Player = Literal["discriminator", "generator"]
Terms = dict[str, Tensor]  # named scalars; the trainer minimises their sum and logs each


@dataclass(frozen=True, slots=True)
class Players:
    """The two networks of the game, both of which `copy.deepcopy` can copy.

    A generator that only makes sense of latents that are independent and from N(0, 1) has `needs_normal = True`.
    """

    generator: nn.Module  # (latents [N, Z], labels [N] | None) → samples [N, S...]
    discriminator: nn.Module  # (samples [N, S...], labels [N] | None) → Verdict


@runtime_checkable
class Noise(Protocol):
    """Random numbers for the samples of one batch, float32, on the samples' device.

    Sample i of an update gets the same numbers however the batch is shared out among processes and passes, and every
    call gives new ones. So penalties and augmentations draw from here, rather than from torch's global generator.
    """

    def uniform(self, *shape: int) -> Float[Tensor, "batch ..."]:
        """From [0, 1), shape [N, *shape]."""
        ...

    def normal(self, *shape: int) -> Float[Tensor, "batch ..."]:
        """From the standard normal distribution, shape [N, *shape]."""
        ...


@dataclass(frozen=True, slots=True)
class TorchNoise:
    """Noise for `count` samples from torch's global generator: for tests and experiments of one's own."""

    count: int

    def uniform(self, *shape: int) -> Float[Tensor, "batch ..."]:
        return torch.rand(self.count, *shape)

    def normal(self, *shape: int) -> Float[Tensor, "batch ..."]:
        return torch.randn(self.count, *shape)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one update draws, or this process's share of it."""

    real: Float[Tensor, "batch *sample"]
    labels: Int[Tensor, "batch"] | None
    latents: Float[Tensor, "batch latent"]
    noise: Noise


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a discriminator says of samples: always logits, never probabilities."""

    logits: Float[Tensor, "batch"]  # log D / (1 - D); for a critic its score
    features: Tensor | None = None  # [N, F], of the last hidden layer
    class_logits: Tensor | None = None  # [N, K]
    reconstruction: Tensor | None = None  # [N, S...], of discriminators that are auto-encoders
    code: Tensor | None = None  # [N, Q], what the discriminator reads of structured latents

    def split(self, count: int) -> "tuple[Verdict, Verdict]":
        """The verdicts on the first `count` samples, and on the others."""
        values: list[Any] = [getattr(self, field.name) for field in fields(self)]
        first: list[Any] = [None if value is None else value[:count] for value in values]
        rest: list[Any] = [None if value is None else value[count:] for value in values]
        return Verdict(*first), Verdict(*rest)


@dataclass(frozen=True, slots=True)
class Play:
    """One encounter of the players, made by the trainer.

    In the discriminator's update `fake` carries no gradient to the generator, unless both update at once.
    In the generator's update `on_real` is there only for losses that need it.
    """

    batch: Batch
    fake: Float[Tensor, "batch *sample"]
    on_real: Verdict | None
    on_fake: Verdict
    player: Player = "discriminator"  # whose update this is
    step: int = 0  # generator updates done before, for what follows a schedule
    foreseen: bool = False  # whether it is of an update that the discriminator will not make: a look ahead


@runtime_checkable
class Loss(Protocol):
    """What each player minimises: mathematics on logits, and on features. It runs no network and never steps.

    What classes, codes and reconstructions cost is a regularizer's.

    Terms are means over samples: then the mean over several processes is the whole batch's. One that mixes the samples
    of a batch sees those of its own process and pass, and has `mixes_samples = True`, as layers have that do so. A loss
    whose logits are scores without a fixed zero or scale, as a critic's are, has `logits_are_scores = True`, so that
    nobody takes their size for a sign of trouble.
    """

    needs_real_for_generator: bool  # whether `generator` reads `play.on_real`

    def discriminator(self, play: Play) -> Terms:
        """Terms for the discriminator; `play.on_real` is there."""
        ...

    def generator(self, play: Play) -> Terms:
        """Terms for the generator."""
        ...


class Regularizer:
    """Terms that join any loss, or an act after a step. Override `terms`, or `after_step`, or both.

    One with state also has `state_dict() -> dict[str, Tensor]` and `load_state_dict(state)`.
    """

    player: Player | Literal["both"] = "discriminator"  # of "both", `play.player` says whose update it is
    interval: int = 1  # acts in every `interval`-th update of its player
    needs_sample_gradients: bool = False  # whether `play`'s samples shall require gradients
    mixes_samples: bool = False  # whether a term depends on how a batch is shared out, as a deviation over samples does
    needs_row_wise: bool = False  # whether each verdict must depend on its own sample alone: no batch norm

    def terms(self, play: Play, players: Players) -> Terms:
        """Terms to add to the player's objective, as means over samples; random draws come from `play.batch.noise`."""
        return {}

    def after_step(self, players: Players) -> None:
        """Act on the networks after the player's optimizer has stepped."""


@runtime_checkable
class Augmentation(Protocol):
    """A differentiable change of samples, applied to real and fake alike before the discriminator sees them."""

    def __call__(self, samples: Float[Tensor, "batch *sample"], noise: Noise) -> Float[Tensor, "batch *sample"]:
        """Real and fake samples come in calls of their own; random draws come from `noise`."""
        ...


@runtime_checkable
class Adapts(Protocol):
    """An augmentation that follows how the game goes, as its strength may."""

    def adapt(self, play: Play) -> None:
        """Learn from an update of the discriminator when it has stepped, without gradients.

        `play` has the generated samples and the logits of all passes of the update, and nothing else of the verdicts;
        its batch is that of the last pass.
        """
        ...


@runtime_checkable
class StartsFromData(Protocol):
    """A network whose first weights depend on the data, such as output biases from the pixels' means."""

    def start_from(self, real: Float[Tensor, "batch *sample"]) -> None:
        """Set the weights; called once, before the first step."""
        ...


@runtime_checkable
class Stateful(Protocol):
    """A component whose state belongs in a checkpoint; several processes go on with the mean of their states."""

    def state_dict(self) -> dict[str, Tensor]: ...

    def load_state_dict(self, state: dict[str, Tensor]) -> object: ...

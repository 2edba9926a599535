"""The zoo's losses where densities are known: what a verdict on each single sample costs, weighed by quadrature.

N = points of a line, or atoms. A logit is log D / (1 - D).
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Loss, Play, Player, TorchNoise, Verdict
from ganzoo.core.config import Choice
from ganzoo.studies.theory.divergences import Points, Rows
from ganzoo.training.build import options_of


def zoo_loss(name: str, **options: Any) -> Loss:
    """One of the catalog's losses. Raises UnknownName and BadSetting."""
    losses = load_catalog().losses
    loss: Loss = losses[name].build(options_of(Choice(name=name, options=options), losses))
    return loss


def best_logits(log_p: Rows, log_q: Rows) -> Float[Tensor, "..."]:
    """The logits of D* = p / (p + q), equation 2 of Goodfellow et al. (2014)."""
    return log_p - log_q


def play_of(
    player: Player,
    real: Float[Tensor, "batch _"],
    fake: Float[Tensor, "batch _"],
    on_real: Verdict,
    on_fake: Verdict,
) -> Play:
    """An encounter outside of any run."""
    return Play(Batch(real, None, torch.zeros(len(real), 1), TorchNoise(len(real))), fake, on_real, on_fake, player)


def each(loss: Loss, player: Player, logits: Points) -> dict[str, Points]:
    """A player's terms for each logit [N], as if its sample were the whole batch, both as the real and as the fake."""

    def alone(logit: Float[Tensor, ""]) -> dict[str, Tensor]:
        verdict, nothing = Verdict(logit[None]), torch.zeros(1, 1)
        terms: dict[str, Tensor] = getattr(loss, player)(play_of(player, nothing, nothing, verdict, verdict))
        return terms

    found: dict[str, Points] = torch.vmap(alone)(logits)
    return found


def value(loss: Loss, logits: Rows, log_p: Rows, log_q: Rows, weights: Points) -> Float[Tensor, "..."]:
    """V(D, G) = E_p log D + E_q log(1 - D), equation 1: what the discriminator minimises, with its sign changed."""
    terms = each(loss, "discriminator", logits.flatten())
    real, fake = (terms[name].view_as(logits) for name in ("real", "fake"))
    return -(weights * (log_p.exp() * real + log_q.exp() * fake)).sum(-1)

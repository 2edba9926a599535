"""What a sample tells of the codes that it was drawn from. Chen et al. (2016), arXiv:1606.03657.

N = batch, C = columns of all categorical codes, M = continuous codes. All information is in nats.
"""

from math import log
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gaussian_nll_loss

from ganzoo.api import BadSetting, Code
from ganzoo.contracts import Play, Player, Players, Regularizer, Terms
from ganzoo_infogan.options import MutualInformationOptions


class MutualInformation(Regularizer):
    """-λ L_I(G, Q), where L_I = H(c) + E log Q(c | G(z, c)) bounds the mutual information from below; equation 5.

    Both players raise L_I, as in the authors' code: Q, which is part of the discriminator, by reading better, and the
    generator by drawing so that codes can be read.
    """

    player: Player | Literal["both"] = "both"

    def __init__(self, options: MutualInformationOptions) -> None:
        self.categorical_weight = options.categorical_weight
        self.continuous_weight = options.continuous_weight

    def terms(self, play: Play, players: Players) -> Terms:
        """-λ L_I for each kind of code that there is. Raises BadSetting where the discriminator reads none."""
        code, said = code_of(players.discriminator), play.on_fake.code
        if not code.size or said is None or len(said) != len(play.batch.latents):
            raise BadSetting(
                "`mutual-information` needs a discriminator that reads the codes of each sample; set "
                "discriminator.name=infogan and latents.name=structured."
            )
        columns, true = sum(code.categories), play.batch.latents[:, : code.size]
        terms = {}
        if code.categories:
            known = categorical_information(said[:, :columns], true[:, :columns], code.categories)
            terms["categorical"] = -self.categorical_weight * known
        if code.continuous:
            known = continuous_information(said[:, columns:], true[:, columns:])
            terms["continuous"] = -self.continuous_weight * known
        return terms


def code_of(discriminator: nn.Module) -> Code:
    """The layout that a discriminator has as its `code`, or whatever it wraps; empty where there is none."""
    found = (getattr(module, "code", None) for module in discriminator.modules())
    return next((code for code in found if isinstance(code, Code)), Code())


def categorical_information(
    logits: Float[Tensor, "batch columns"], true: Float[Tensor, "batch columns"], categories: tuple[int, ...]
) -> Float[Tensor, ""]:
    """The sum of log K + E log Q(c | x) over the categoricals of K values each; at most the sum of log K."""
    pairs = zip(logits.split(categories, 1), true.split(categories, 1), strict=True)
    errors = [cross_entropy(said, one_hot) for said, one_hot in pairs]
    return sum(map(log, categories)) - torch.stack(errors).sum()


def continuous_information(
    said: Float[Tensor, "batch numbers"], true: Float[Tensor, "batch codes"]
) -> Float[Tensor, ""]:
    """The sum of log 2 + E log Q(c | x) over codes from U(-1, 1), whose entropy is log 2; Q is normal.

    `said` [N, M] are means, with a standard deviation of 1, or [N, 2M] means and logarithms of standard deviations.
    """
    count = true.shape[1]
    mean, log_std = said[:, :count], said[:, count:]
    variance = (2 * log_std).exp() if log_std.shape[1] else torch.ones_like(mean)
    errors = gaussian_nll_loss(mean, true, variance, full=True, reduction="none")  # [N, M]
    return count * log(2) - errors.mean(0).sum()

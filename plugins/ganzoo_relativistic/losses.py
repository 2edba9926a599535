"""Losses on differences of logits. Jolicoeur-Martineau (2018), arXiv:1807.00734.

Each player is told how much more real one kind looks than the other, so the generator's update needs verdicts on real
samples too. -log sigmoid(x) = softplus(-x), which stays finite.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from ganzoo.contracts import Play, Terms


class RelativisticPairing:
    """-E log sigmoid(D(x) - D(G(z))), real and fake samples in pairs: RpGAN, the loss of R3GAN (arXiv:2501.05441)."""

    needs_real_for_generator = True
    logits_are_scores = True

    def discriminator(self, play: Play) -> Terms:
        """-E log sigmoid(D(x) - D(G(z)))."""
        real, fake = logits_of(play)
        return {"pairs": softplus(fake - real).mean()}

    def generator(self, play: Play) -> Terms:
        """-E log sigmoid(D(G(z)) - D(x))."""
        real, fake = logits_of(play)
        return {"pairs": softplus(real - fake).mean()}


class RelativisticAverage:
    """Real logits against the mean fake one, and fake logits against the mean real one: RaGAN.

    The means are those of the batch, or of the part of it that one process computes in one pass.
    """

    needs_real_for_generator = True
    logits_are_scores = True
    mixes_samples = True

    def discriminator(self, play: Play) -> Terms:
        """-E log sigmoid(D(x) - E D(G(z))) and -E log(1 - sigmoid(D(G(z)) - E D(x)))."""
        real, fake = logits_of(play)
        return {"real": softplus(fake.mean() - real).mean(), "fake": softplus(fake - real.mean()).mean()}

    def generator(self, play: Play) -> Terms:
        """-E log(1 - sigmoid(D(x) - E D(G(z)))) and -E log sigmoid(D(G(z)) - E D(x))."""
        real, fake = logits_of(play)
        return {"real": softplus(real - fake.mean()).mean(), "fake": softplus(real.mean() - fake).mean()}


def logits_of(play: Play) -> tuple[Float[Tensor, "batch"], Float[Tensor, "batch"]]:
    """Of real and of fake samples, [N] each."""
    assert play.on_real is not None
    return play.on_real.logits, play.on_fake.logits

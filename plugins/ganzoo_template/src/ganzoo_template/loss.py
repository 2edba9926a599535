"""One-sided label smoothing. Salimans et al. (2016), arXiv:1606.03498, section 3.4."""

from torch.nn.functional import softplus

from ganzoo.contracts import Play, Terms


class OneSidedSmoothing:
    """Real samples have the target 0.9 instead of 1, so that the discriminator does not become too sure of them.

    The best discriminator is target · p_data / (p_data + p_g). Made samples keep the target 0: with any other, p_g
    would stand in the numerator too, and samples far from the data would have no reason to move.
    """

    needs_real_for_generator = False

    def __init__(self, target: float) -> None:
        self.target = target

    def discriminator(self, play: Play) -> Terms:
        """Cross-entropy with the targets: -log D = softplus(-logit), -log(1 - D) = softplus(logit)."""
        assert play.on_real is not None
        real, fake = play.on_real.logits, play.on_fake.logits
        return {
            "real": (self.target * softplus(-real) + (1 - self.target) * softplus(real)).mean(),
            "fake": softplus(fake).mean(),
        }

    def generator(self, play: Play) -> Terms:
        """-log D(G(z)), as without smoothing."""
        return {"fake": softplus(-play.on_fake.logits).mean()}

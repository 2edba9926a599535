"""The loss of Wasserstein GANs. Arjovsky, Chintala and Bottou (2017), arXiv:1701.07875, equation 2."""

from ganzoo.contracts import Play, Terms


class Wasserstein:
    """The critic's mean score on real samples less that on fake ones, which it maximises and the generator minimises.

    It estimates a multiple of the Wasserstein-1 distance as long as the critic's slope is bounded, so it goes with
    `gradient-penalty` or `weight-clipping`; alone it has no lower bound.
    """

    needs_real_for_generator = False
    logits_are_scores = True

    def discriminator(self, play: Play) -> Terms:
        """-E f(x) and E f(G(z))."""
        assert play.on_real is not None
        return {"real": -play.on_real.logits.mean(), "fake": play.on_fake.logits.mean()}

    def generator(self, play: Play) -> Terms:
        """-E f(G(z))."""
        return {"fake": -play.on_fake.logits.mean()}

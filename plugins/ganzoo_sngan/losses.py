"""The hinge loss. Lim and Ye (2017), arXiv:1705.02894; Miyato et al. (2018), arXiv:1802.05957."""

from ganzoo.contracts import Play, Terms


class Hinge:
    """The discriminator raises real logits up to 1 and lowers fake ones down to -1; the generator raises fake ones.

    A sample beyond its margin has no gradient, so a discriminator that has won stops there.
    """

    needs_real_for_generator = False
    logits_are_scores = True

    def discriminator(self, play: Play) -> Terms:
        """E max(0, 1 - D(x)) and E max(0, 1 + D(G(z)))."""
        assert play.on_real is not None
        return {"real": (1 - play.on_real.logits).relu().mean(), "fake": (1 + play.on_fake.logits).relu().mean()}

    def generator(self, play: Play) -> Terms:
        """-E D(G(z)), which has no margin."""
        return {"fake": -play.on_fake.logits.mean()}

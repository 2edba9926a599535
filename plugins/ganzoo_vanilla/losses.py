"""The two losses of Goodfellow et al. (2014), arXiv:1406.2661, on logits.

With D = sigmoid(logit), -log D = softplus(-logit) and -log(1 - D) = softplus(logit), which stay finite, and keep
their gradients, where D rounds to 0 or 1.
"""

from torch.nn.functional import softplus

from ganzoo.contracts import Play, Terms


class Minimax:
    """The game of equation 1, played by both: G minimises what D maximises.

    The generator's gradient with respect to a logit is D(G(z)): next to nothing while the discriminator wins.
    """

    needs_real_for_generator = False

    def discriminator(self, play: Play) -> Terms:
        """-log D(x) and -log(1 - D(G(z))), whose sum is -V(D, G)."""
        return cross_entropy(play)

    def generator(self, play: Play) -> Terms:
        """log(1 - D(G(z))), the part of V(D, G) that G can change."""
        return {"fake": -softplus(play.on_fake.logits).mean()}


class NonSaturating:
    """The paper's remedy, at the end of its section 3: G maximises log D(G(z)) instead.

    The fixed point is that of the minimax game. The generator's gradient with respect to a logit is 1 - D(G(z)):
    largest while the discriminator wins.
    """

    needs_real_for_generator = False

    def discriminator(self, play: Play) -> Terms:
        """-log D(x) and -log(1 - D(G(z))), whose sum is -V(D, G) of equation 1."""
        return cross_entropy(play)

    def generator(self, play: Play) -> Terms:
        """-log D(G(z))."""
        return {"fake": softplus(-play.on_fake.logits).mean()}


def cross_entropy(play: Play) -> Terms:
    """What the discriminator minimises in either game: the cross-entropy of telling real from fake."""
    assert play.on_real is not None
    return {
        "real": softplus(-play.on_real.logits).mean(),
        "fake": softplus(play.on_fake.logits).mean(),
    }

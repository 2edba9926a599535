"""The least-squares loss. Mao et al. (2017), arXiv:1611.04076, equation 2."""

from jaxtyping import Float
from torch import Tensor

from ganzoo.contracts import Play, Terms
from ganzoo_lsgan.options import LeastSquaresOptions


class LeastSquares:
    """Half the mean squared distance of scores from the targets a (fake), b (real) and c (what the generator wants).

    The best discriminator is D*(x) = (b p(x) + a q(x)) / (p(x) + q(x)), p the data's density and q the generator's.
    Where b - c = 1 and b - a = 2, twice what is then left for the generator, with the term of real samples that it
    cannot change, is Pearson's χ² of p + q and 2q (equation 7).
    """

    needs_real_for_generator = False
    logits_are_scores = True  # between a and b, not log-odds

    def __init__(self, options: LeastSquaresOptions) -> None:
        self.a = options.a
        self.b = options.b
        self.c = options.c

    def discriminator(self, play: Play) -> Terms:
        """½ E (D(x) - b)² and ½ E (D(G(z)) - a)²."""
        assert play.on_real is not None
        return {"real": half_square(play.on_real.logits, self.b), "fake": half_square(play.on_fake.logits, self.a)}

    def generator(self, play: Play) -> Terms:
        """½ E (D(G(z)) - c)²."""
        return {"fake": half_square(play.on_fake.logits, self.c)}


def half_square(scores: Float[Tensor, "batch"], target: float) -> Float[Tensor, ""]:
    """½ E (score - target)²."""
    return (scores - target).square().mean() / 2

"""The loss of f-GANs. Nowozin, Cseke and Tomioka (2016), arXiv:1606.00709, equation 6 and section 3.2."""

from ganzoo.contracts import Play, Terms
from ganzoo_fgan.divergences import ESTIMATES
from ganzoo_fgan.options import FDivergenceOptions


class FDivergence:
    """The discriminator's logits are the paper's V; it raises a lower bound of D_f(data‖generator), g as in table 2.

    The generator lowers the bound ("minimax"), or raises g(V) of its samples, as the paper advises ("non-saturating").
    """

    needs_real_for_generator = False

    def __init__(self, options: FDivergenceOptions) -> None:
        self.estimate = ESTIMATES[options.divergence]
        self.minimax = options.generator == "minimax"
        self.logits_are_scores = not self.estimate.is_log_odds

    def discriminator(self, play: Play) -> Terms:
        """-E g(V(x)) and E f*(g(V(G(z)))), whose sum is the bound with its sign changed."""
        assert play.on_real is not None
        return {
            "real": -self.estimate.activation(play.on_real.logits).mean(),
            "fake": self.estimate.conjugate(play.on_fake.logits).mean(),
        }

    def generator(self, play: Play) -> Terms:
        """-E f*(g(V(G(z)))), the part of the bound that the generator can change; or -E g(V(G(z)))."""
        raised = self.estimate.conjugate if self.minimax else self.estimate.activation
        return {"fake": -raised(play.on_fake.logits).mean()}

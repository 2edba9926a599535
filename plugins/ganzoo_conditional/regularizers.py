"""The classifier beside the discriminator. Odena, Olah and Shlens (2017), arXiv:1610.09585. N = batch, K = classes."""

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganzoo.api import BadData, BadSetting
from ganzoo.contracts import Play, Player, Players, Regularizer, Terms, Verdict
from ganzoo_conditional.options import AuxiliaryClassifierOptions


class AuxiliaryClassifier(Regularizer):
    """-E log P(class | sample), which both players make smaller: L_C of section 3, and of it the generator's half.

    The discriminator learns to say the classes of real and of fake samples, and the generator to draw samples whose
    class is said rightly.
    """

    player: Player | Literal["both"] = "both"

    def __init__(self, options: AuxiliaryClassifierOptions) -> None:
        self.discriminator_weight = options.discriminator_weight
        self.generator_weight = options.generator_weight

    def terms(self, play: Play, players: Players) -> Terms:
        """Raises BadData for samples without labels, BadSetting for a discriminator that says no classes."""
        labels = play.batch.labels
        if labels is None:
            raise BadData(
                "`auxiliary-classifier` learns from labels, and the samples have none; use a data set with classes, "
                "such as `mnist`."
            )
        if play.player == "generator":
            return {"fake": self.generator_weight * error(play.on_fake, labels)}
        assert play.on_real is not None
        return {
            "real": self.discriminator_weight * error(play.on_real, labels),
            "fake": self.discriminator_weight * error(play.on_fake, labels),
        }


def error(verdict: Verdict, labels: Int[Tensor, "batch"]) -> Float[Tensor, ""]:
    """The cross-entropy of the classes, in nats; log K for one who guesses."""
    if verdict.class_logits is None or len(verdict.class_logits) != len(labels):
        raise BadSetting(
            "`auxiliary-classifier` needs a discriminator that says the class of each sample; set "
            "discriminator.name=classifying."
        )
    return cross_entropy(verdict.class_logits, labels)

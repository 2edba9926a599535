"""The pulling-away term, which keeps generated samples apart. Zhao et al. (2017), arXiv:1609.03126, section 2.4.

N = batch, F = numbers of a sample's features.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from ganzoo.api import BadSetting
from ganzoo.contracts import Play, Player, Players, Regularizer, Terms
from ganzoo_energy.options import PullingAwayOptions


class PullingAway(Regularizer):
    """weight · the mean squared cosine between the features of two generated samples, which the generator lowers.

    With several processes or passes, the pairs are those of each one's part of the batch.
    """

    player: Player = "generator"
    mixes_samples = True

    def __init__(self, options: PullingAwayOptions) -> None:
        self.weight = options.weight

    def terms(self, play: Play, players: Players) -> Terms:
        """Raises BadSetting where the discriminator tells no features."""
        features = play.on_fake.features
        if features is None:
            raise BadSetting(
                "pulling-away compares the features of samples, and this discriminator tells none; use another, "
                "such as discriminator.name=auto-encoder."
            )
        return {"cosines": self.weight * mean_squared_cosine(features)}


def mean_squared_cosine(features: Float[Tensor, "batch features"]) -> Float[Tensor, ""]:
    """Equation 4: over all ordered pairs of different rows of [N, F], in [0, 1]; 0 for a single row."""
    count = len(features)
    directions = normalize(features)  # [N, F]
    squares = (directions @ directions.T).square()  # [N, N]
    return (squares.sum() - squares.diagonal().sum()) / max(1, count * (count - 1))

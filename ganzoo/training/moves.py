"""What one step of the game leaves behind for those who look on."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ganzoo.contracts import Terms


@dataclass(frozen=True, slots=True)
class Moves:
    """What one step did: both players' terms, and what they showed in their last updates; all of it detached."""

    terms: Terms
    on_real: Float[Tensor, "batch"]  # logits, in the discriminator's last update
    on_fake: Float[Tensor, "batch"]  # logits, the same
    fake: Float[Tensor, "fakes *sample"]  # samples, in the generator's last update

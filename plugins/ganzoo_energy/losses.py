"""The losses of EBGAN (arXiv:1609.03126) and BEGAN (arXiv:1703.10717), on energies.

The energy of a sample is its logit with the sign changed: of the discriminator `auto-encoder` the mean error of the
reconstruction, which is never negative. The discriminator wants low energies of real samples.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ganzoo.contracts import Play, Terms, Verdict
from ganzoo_energy.options import BeganOptions, EbganOptions


class Ebgan:
    """Low energies of real samples, and of generated ones up to a margin m. Zhao et al. (2017), equations 1 and 2."""

    needs_real_for_generator = False
    logits_are_scores = True

    def __init__(self, options: EbganOptions) -> None:
        self.margin = options.margin

    def discriminator(self, play: Play) -> Terms:
        """E(x) and max(0, m - E(G(z))), for each sample by itself."""
        assert play.on_real is not None
        lacking = (self.margin - energies(play.on_fake)).relu()  # [N]
        return {"real": energies(play.on_real).mean(), "fake": lacking.mean()}

    def generator(self, play: Play) -> Terms:
        """E(G(z))."""
        return {"fake": energies(play.on_fake).mean()}


class Began:
    """The discriminator lowers L(x) - k L(G(z)), where k keeps L(G(z)) near γ L(x).

    Berthelot et al. (2017), section 3.4. L is the mean energy. Each update of the generator moves k by
    λ_k (γ L(x) - L(G(z))), within [0, 1]; L(x) is that of the discriminator's updates in the same step, without which
    k stays. An update may have several passes: then k is where the means of those that are done put it. Several
    processes go on with the mean of their k, which is the k of the whole batch's means, as k is linear in them; only
    where k reaches 0 or 1 in some processes and not in others do the two differ, by less than those steps of k.

    Its state is `k`, and `measure`: the authors' measure of convergence L(x) + |γ L(x) - L(G(z))|, which nobody
    minimises, so that it is no term. Both are scalars, and a checkpoint has them as `loss/k` and `loss/measure`.
    """

    needs_real_for_generator = False
    logits_are_scores = True

    def __init__(self, options: BeganOptions) -> None:
        self.gamma = options.gamma
        self.rate = options.rate
        self.k = self.k_before = torch.tensor(options.k)  # now, and before the generator's last update
        self.measure = torch.tensor(0.0)
        self.real = MeanOfStep()  # L(x)
        self.fake = MeanOfStep()  # L(G(z)) in the generator's update

    def discriminator(self, play: Play) -> Terms:
        """L(x) and -k L(G(z))."""
        assert play.on_real is not None
        real, fake = energies(play.on_real).mean(), energies(play.on_fake).mean()
        if not play.foreseen:
            self.real.add(real, play.step)
        # where both players update at once, the generator's first pass comes before the discriminator's second
        k = self.k_before if play.step == self.fake.step else self.k
        return {"real": real, "fake": -k.to(fake.device) * fake}

    def generator(self, play: Play) -> Terms:
        """L(G(z))."""
        fake = energies(play.on_fake).mean()
        if play.step != self.fake.step:
            self.k_before = self.k
        self.fake.add(fake, play.step)
        if self.real.step == play.step:
            excess = self.gamma * self.real.mean() - self.fake.mean()
            self.k = (self.k_before.to(fake.device) + self.rate * excess).clamp(0, 1)
            self.measure = self.real.mean() + excess.abs()
        return {"fake": fake}

    def state_dict(self) -> dict[str, Tensor]:
        return {"k": self.k, "measure": self.measure}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.k, self.measure = state["k"], state["measure"]


class MeanOfStep:
    """The mean of a scalar over all passes and updates of the step that it was last told of."""

    def __init__(self) -> None:
        self.step = -1
        self.values: list[Tensor] = []

    def add(self, value: Float[Tensor, ""], step: int) -> None:
        """Forgets what it knew of another step."""
        if step != self.step:
            self.step, self.values = step, []
        self.values.append(value.detach())

    def mean(self) -> Float[Tensor, ""]:
        return torch.stack(self.values).mean()


def energies(verdict: Verdict) -> Float[Tensor, "batch"]:
    """Of each sample."""
    return -verdict.logits

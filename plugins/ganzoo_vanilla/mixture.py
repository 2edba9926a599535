"""A mixture of Gaussians as a generator: the model of old, whose density is known where a GAN's is not.

p(x) = Σ w_k N(x; μ_k, L_k L_kᵀ), fitted by expectation and maximization. N = batch, K = components, D = numbers in a
sample, Z = latent size, `S...` = shape of one sample.
"""

from math import sqrt

import torch
from jaxtyping import Float, Int
from sklearn.mixture import GaussianMixture as Fit
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from ganzoo.api import BadData, BadSetting, SampleSpec
from ganzoo_vanilla.options import MixtureOptions


class GaussianMixture(nn.Module):
    """Turns standard normal latents into samples of the mixture.

    The first number of a latent chooses the component, and the next D are the deviates within it; more are ignored.
    Means and factors are weights that an optimizer could train, since samples are differentiable in them; the
    components' weights are not.
    """

    needs_normal = True

    def __init__(self, sample: SampleSpec, latent_size: int, options: MixtureOptions) -> None:
        """Raises BadSetting where a latent has too few numbers."""
        super().__init__()
        if latent_size <= sample.size:
            raise BadSetting(
                f"A mixture of Gaussians needs one number of a latent for the component and {sample.size} for the "
                f"sample; use --set latents.size={sample.size + 1}."
            )
        self.sample, self.options = sample, options
        count, size = options.components, sample.size
        factor = torch.ones(size) if options.covariance == "diag" else torch.eye(size)
        self.weights: Tensor
        self.register_buffer("weights", torch.full((count,), 1 / count))  # [K], their sum is 1
        self.means = nn.Parameter(torch.randn(count, size))  # [K, D]
        self.factors = nn.Parameter(factor.repeat(count, *[1] * factor.ndim))  # [K, D, D], lower; [K, D] for diag

    def forward(
        self,
        latents: Float[Tensor, "batch latent"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Float[Tensor, "batch *sample"]:
        """Standard normal latents [N, Z] to samples [N, S...]; pictures are cut off at -1 and 1. Labels are ignored.

        With u = Φ(z₀), which is uniform, component k is taken where u lies between w_0 + … + w_{k-1} and that plus w_k.
        """
        uniform = (1 + torch.erf(latents[:, 0] / sqrt(2))) / 2  # [N]
        bounds = self.weights.cumsum(0)[:-1]  # [K - 1]
        component = (uniform[:, None] >= bounds).sum(1)  # [N]
        deviates = latents[:, 1 : 1 + self.sample.size]  # [N, D]
        if self.options.covariance == "diag":
            moved = self.factors[component] * deviates
        else:
            moved = (self.factors.tril()[component] @ deviates[:, :, None])[:, :, 0]
        samples = (self.means[component] + moved).unflatten(1, self.sample.shape)
        return samples.clamp(-1, 1) if self.sample.is_picture else samples

    @torch.no_grad()
    def start_from(self, real: Float[Tensor, "batch *sample"]) -> None:
        """Fit the mixture to real samples [N, S...] by EM, in float64, from first means that k-means finds.

        Raises BadData where there are fewer samples than components.
        """
        if len(real) < self.options.components:
            raise BadData(
                f"{self.options.components} components cannot be fitted to {len(real)} samples; "
                f"use --set generator.components={len(real)} or less."
            )
        fit = Fit(
            self.options.components,
            covariance_type=self.options.covariance,
            reg_covar=self.options.floor,
            n_init=self.options.starts,
            max_iter=self.options.updates,
            random_state=int(torch.randint(2**31, ())),  # follows the run's seed
        ).fit(real.flatten(1).cpu().double().numpy())
        covariances = torch.from_numpy(fit.covariances_)
        diagonal = self.options.covariance == "diag"
        self.weights.copy_(torch.from_numpy(fit.weights_))
        self.means.copy_(torch.from_numpy(fit.means_))
        self.factors.copy_(covariances.sqrt() if diagonal else torch.linalg.cholesky(covariances))

    @torch.no_grad()
    def log_likelihood(self, samples: Float[Tensor, "batch *sample"]) -> Float[Tensor, "batch"]:
        """log p(x) of samples [N, S...] in nats, float64 [N] in main memory; exact but for float32 weights.

        It is the density of the mixture itself. What `forward` draws of pictures is cut off at -1 and 1, where it has
        lumps, and so no density: the mixture's is that of samples before they are cut.
        """
        weights, means, factors = (each.detach().cpu().double() for each in (self.weights, self.means, self.factors))
        factors = factors.diag_embed() if self.options.covariance == "diag" else factors.tril()
        components = MultivariateNormal(means, scale_tril=factors)
        mixture = MixtureSameFamily(Categorical(weights / weights.sum()), components)
        return mixture.log_prob(samples.flatten(1).cpu().double())

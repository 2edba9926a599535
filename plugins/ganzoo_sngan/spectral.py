"""Spectral normalisation. Miyato et al. (2018), arXiv:1802.05957, section 2.1 and appendix A.

O, I = rows and columns of a weight as a matrix: outputs of the layer, and all that each of them is computed from.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.parametrize import is_parametrized, register_parametrization

from ganzoo.api import BadSetting

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)  # their outputs are the weight's dimension 1
LAYERS = (nn.Linear, nn.Embedding, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
SMALLEST = 1e-12  # spectral norm that a weight is divided by at least, for layers whose weights are all 0


class SpectralNorm(nn.Module):
    """A weight divided by its largest singular value σ, of which one step of power iteration keeps track.

    torch's own keeps both singular vectors, and takes them as they are where it does not train. The mean of vectors
    over training is shorter than 1, so a moving average of such a network would divide by less than σ. This one keeps
    the left vector u alone, and every pass starts from its direction: with averages, too, it finds σ. In training
    the step is kept. The first u is exact, and not drawn at random.
    """

    u: Tensor

    def __init__(self, weight: Tensor, dim: int = 0) -> None:
        """`dim` is the weight's dimension that has the layer's outputs."""
        super().__init__()
        self.dim = dim
        self.register_buffer("u", first_left_vector(self.matrix(weight.detach())))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight, of any shape, to one of the same shape and a spectral norm of about 1.

        σ = uᵀWv is differentiated with u and v held fast; as products of numbers it is in float32 under autocast.
        """
        matrix = self.matrix(weight)
        fixed = matrix.detach()
        v = normalize(fixed.T.mv(self.u).to(fixed.dtype), dim=0)  # [I]
        u = normalize(fixed.mv(v).to(fixed.dtype), dim=0)  # [O]
        if self.training:
            self.u.copy_(u)
        sigma = (u[:, None] * v * matrix).sum()
        return weight / sigma.clamp_min(SMALLEST)

    def matrix(self, weight: Tensor) -> Float[Tensor, "outputs inputs"]:
        """A kernel is one row for each of the channels that it gives, as in the paper."""
        return weight.movedim(self.dim, 0).flatten(1)


def first_left_vector(matrix: Float[Tensor, "outputs inputs"]) -> Float[Tensor, "outputs"]:
    """The left singular vector of the largest singular value, from the smaller of WWᵀ and WᵀW."""
    rows, columns = matrix.shape
    short = matrix if rows <= columns else matrix.T
    top = torch.linalg.eigh(short @ short.T).eigenvectors[:, -1]  # of the largest eigenvalue
    return top if rows <= columns else normalize(matrix.mv(top), dim=0)


def add_spectral_norm(network: nn.Module) -> nn.Module:
    """The network itself, with spectral norm on every linear layer, convolution and embedding that has none yet.

    Raises BadSetting for layers that scale their weights themselves, after which the norm would not be 1.
    """
    if any(hasattr(layer, "gain") for layer in network.modules() if isinstance(layer, LAYERS)):
        raise BadSetting("Spectral norm would undo the equalised learning rates of these layers; take dcgan or resnet.")
    for layer in [each for each in network.modules() if isinstance(each, LAYERS)]:
        if not is_parametrized(layer, "weight"):
            norm = SpectralNorm(layer.weight, dim=int(isinstance(layer, TRANSPOSED)))
            register_parametrization(layer, "weight", norm)
    return network

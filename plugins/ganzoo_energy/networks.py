"""Auto-encoders that judge a sample by how badly they repeat it.

Zhao, Mathieu and LeCun (2017), arXiv:1609.03126, section 2.3; Berthelot, Schumm and Metz (2017), arXiv:1703.10717.

N = batch, C = channels, H, W = height and width in pixels, Q = numbers of the code, `S...` = shape of one sample.
Neither form has batch norm, so each energy is that of one sample.
"""

from itertools import pairwise

from jaxtyping import Float, Int
from torch import Tensor, nn

from ganzoo.api import BadData, SampleSpec
from ganzoo.contracts import Verdict
from ganzoo_energy.options import AutoEncoderOptions

LARGEST_BASE = 7  # pixels; a map with a side above it is halved again


class AutoEncoder(nn.Module):
    """Squeeze a sample into a code and make it again; the logit is minus the energy, which is the mean error."""

    def __init__(self, sample: SampleSpec, options: AutoEncoderOptions) -> None:
        """Raises BadData where the convolutional form is asked for and the samples do not fit it."""
        super().__init__()
        convolutional = options.form == "convolutional" or (options.form == "auto" and sample.is_picture)
        self.encoder, decoder = (convolutions if convolutional else perceptrons)(sample, options)
        self.decoder = nn.Sequential(decoder, nn.Tanh()) if sample.is_picture else decoder
        self.squared = options.error == "squared"

    def forward(
        self,
        samples: Float[Tensor, "batch *sample"],
        labels: Int[Tensor, "batch"] | None = None,
    ) -> Verdict:
        """Samples [N, S...] to logits [N] ≤ 0, features [N, Q] and reconstruction [N, S...]; labels are ignored."""
        code = self.encoder(samples)  # [N, Q]
        reconstruction = self.decoder(code)  # [N, S...]
        error = (reconstruction - samples).flatten(1)  # [N, D]
        energy = (error.square() if self.squared else error.abs()).mean(1)  # [N]
        return Verdict(-energy, features=code, reconstruction=reconstruction)


def perceptrons(sample: SampleSpec, options: AutoEncoderOptions) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder with one hidden layer each, for samples of any shape."""
    encoder = nn.Sequential(
        nn.Flatten(),
        nn.Linear(sample.size, options.units),
        nn.ELU(),
        nn.Linear(options.units, options.code),
    )
    decoder = nn.Sequential(
        nn.Linear(options.code, options.units),
        nn.ELU(),
        nn.Linear(options.units, sample.size),
        nn.Unflatten(1, sample.shape),
    )
    return encoder, decoder


def convolutions(sample: SampleSpec, options: AutoEncoderOptions) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of convolutions that halve and double the sides of maps. Raises what `base_of` raises."""
    height, width, halvings = base_of(sample)
    widths = [options.width * (n + 1) for n in range(halvings)]  # 32 px, width 16: 16, 32, 48
    smallest = (widths[-1], height, width)
    size = widths[-1] * height * width
    down = [nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.ELU()) for a, b in pairwise([sample.shape[0], *widths])]
    up = [
        nn.Sequential(nn.ELU(), nn.ConvTranspose2d(a, b, 4, 2, 1))
        for a, b in pairwise([*widths[::-1], sample.shape[0]])
    ]
    encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(size, options.code))
    decoder = nn.Sequential(nn.Linear(options.code, size), nn.Unflatten(1, smallest), *up)
    return encoder, decoder


def base_of(sample: SampleSpec) -> tuple[int, int, int]:
    """Height and width of the smallest map in pixels, 7 at most, and how often they are halved to get there.

    Raises BadData for points, and for pictures whose sides cannot be halved so.
    """
    if not sample.is_picture:
        raise BadData('A convolutional auto-encoder is for pictures, and these samples are points; use form = "mlp".')
    _, height, width = sample.shape
    halvings = 0
    while max(height, width) > LARGEST_BASE and height % 2 == 0 and width % 2 == 0:
        height, width, halvings = height // 2, width // 2, halvings + 1
    if max(height, width) > LARGEST_BASE or halvings == 0:
        raise BadData(
            f"A convolutional auto-encoder halves the sides of a picture until they are {LARGEST_BASE} pixels or less, "
            f"which {sample.shape[1]}×{sample.shape[2]} does not allow; resize the pictures, to 28, 32, 48, 64 or 128 "
            'pixels for example, or use form = "mlp".'
        )
    return height, width, halvings

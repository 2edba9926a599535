"""The generator of StyleGAN2. Karras et al. (2020), arXiv:1912.04958, figures 2d and 7b (skip connections).

N = batch, Z = latent size, K = latents that make noise, W = numbers in a style, L = styles that the layers read,
C = channels of a picture, S = side of a picture or of a map in pixels, B = side of the smallest map.

The latents' columns are, in this order: z, for the mapping; one for the mixing of styles, if there is any; K for noise.
"""

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation

from ganzoo.api import BadSetting, SampleSpec
from ganzoo.layers import base_of, widths_of
from ganzoo_stylegan.layers import EqualLinear, ModulatedConv, active
from ganzoo_stylegan.options import StyleGeneratorOptions

FORGOTTEN = 0.005  # share of a batch in the mean of w; the authors' code


class StyleGenerator(nn.Module):
    """A mapping network makes styles of latents, and a synthesis network pictures of styles."""

    w_mean: Tensor  # [W], moving average of w over training

    def __init__(self, sample: SampleSpec, latent_size: int, options: StyleGeneratorOptions) -> None:
        """Raises BadData for points and for sides that cannot be halved down to 4…7 pixels; BadSetting for latents
        that leave fewer than 2 to the mapping."""
        super().__init__()
        base, doublings = base_of(sample, "StyleGAN2")
        self.z_size = z_size_of(latent_size, options)
        self.mixing, self.noise_size = options.mixing, options.noise_size
        self.mixes_samples = self.needs_normal = self.mixing > 0
        self.style_count = 2 * doublings + 2
        self.mapping = Mapping(self.z_size, options)
        self.register_buffer("w_mean", torch.zeros(options.style_size))
        widths = widths_of(options.width, options.widest, doublings + 1)[::-1]
        self.constant = nn.Parameter(torch.randn(1, widths[0], base, base))
        blocks = [
            Block(widths[max(n - 1, 0)], widths[n], base << n, n > 0, sample.shape[0], options)
            for n in range(doublings + 1)
        ]
        self.blocks = nn.ModuleList(blocks)

    def forward(
        self,
        latents: Float[Tensor, "batch latent"],
        labels: Int[Tensor, "batch"] | None = None,
        truncation: Float[Tensor, ""] | None = None,
    ) -> Float[Tensor, "batch channels side side"]:
        """Latents [N, Z] to pictures [N, C, S, S] in [-1, 1]; labels are ignored."""
        return self.synthesise(self.map(latents, truncation), latents)

    def map(
        self, latents: Float[Tensor, "batch latent"], truncation: Float[Tensor, ""] | None = None
    ) -> Float[Tensor, "batch styles style"]:
        """Styles [N, L, W]: w for each layer. In training they are mixed, and the mean of w is kept; else truncated.

        `truncation` is ψ: 1, or None, leaves w as it is, and 0 takes its mean. Karras et al. (2019), arXiv:1812.04948,
        appendix B.
        """
        w = self.mapping(latents[:, : self.z_size]).float()  # [N, W]
        if self.training:
            with torch.no_grad():
                self.w_mean.lerp_(w.mean(0), FORGOTTEN)
        elif truncation is not None:
            w = self.w_mean + truncation * (w - self.w_mean)
        styles = w[:, None].expand(-1, self.style_count, -1)
        return self.mixed(styles, latents[:, self.z_size]) if self.training and self.mixing > 0 else styles

    def mixed(
        self, styles: Float[Tensor, "batch styles style"], chance: Float[Tensor, "batch"]
    ) -> Float[Tensor, "batch styles style"]:
        """From a crossover on, the styles of the sample before in the batch; StyleGAN, arXiv:1812.04948, section 3.1.

        `chance` is standard normal, so that its distribution function u is uniform: the crossover is at any of the
        styles 1…L - 1 with the same probability where u < mixing, and nowhere else.
        """
        u = torch.special.ndtr(chance.float())  # [N]
        crossover = 1 + (u / self.mixing * (self.style_count - 1)).floor()  # [N]
        layers = torch.arange(self.style_count, device=styles.device)
        return torch.where((layers >= crossover[:, None])[..., None], styles.roll(1, 0), styles)

    def synthesise(
        self, styles: Float[Tensor, "batch styles style"], latents: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "batch channels side side"]:
        """Styles [N, L, W] to pictures [N, C, S, S] in [-1, 1]; of the latents, the last K make the noise."""
        noise = latents[:, latents.shape[1] - self.noise_size :]  # [N, K]
        x = self.constant.expand(styles.shape[0], -1, -1, -1)
        picture: Tensor | None = None
        for number, block in enumerate(self.blocks):
            first = max(2 * number - 1, 0)  # the last style of a block is the first of the next
            x, own = block(x, styles[:, first : 2 * number + 2], noise)
            picture = own if picture is None else own + doubled(picture)
        assert picture is not None, "there is a block for the smallest map"
        return picture.tanh()


class Mapping(nn.Module):
    """z, brought to the length √Z, through linear layers. StyleGAN, arXiv:1812.04948, section 2."""

    def __init__(self, z_size: int, options: StyleGeneratorOptions) -> None:
        super().__init__()
        sizes = [z_size] + [options.style_size] * options.mapping_layers
        layers = [EqualLinear(a, b, options.mapping_rate) for a, b in pairwise(sizes)]
        self.layers = nn.ModuleList(layers)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch style"]:
        """z [N, Z] to w [N, W]."""
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.layers:
            x = active(layer(x))
        return x


class Block(nn.Module):
    """The layers of one side: two convolutions, the first of which doubles the side, and a picture of what is there.

    The smallest map has one convolution only.
    """

    def __init__(
        self, before: int, after: int, side: int, doubles: bool, channels: int, options: StyleGeneratorOptions
    ) -> None:
        super().__init__()
        self.enlarge = StyledConv(before, after, side, options, up=True) if doubles else None
        self.conv = StyledConv(after, after, side, options)
        self.scale_picture = EqualLinear(options.style_size, after, first_bias=1.0)
        self.to_picture = ModulatedConv(after, channels, 1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(
        self, x: Tensor, styles: Float[Tensor, "batch styles style"], noise: Float[Tensor, "batch noise"]
    ) -> tuple[Tensor, Tensor]:
        """Maps [N, I, …], 2 or 3 styles and noise to maps [N, O, S, S] and their part of the picture [N, C, S, S]."""
        if self.enlarge is not None:
            x = self.enlarge(x, styles[:, 0], noise)
        x = self.conv(x, styles[:, -2], noise)
        return x, self.to_picture(x, self.scale_picture(styles[:, -1])) + self.bias


class StyledConv(nn.Module):
    """A modulated convolution, noise, bias and leaky ReLU; figure 2d."""

    directions: Tensor  # [S·S, K], of length 1: what latents say of each pixel's noise; never trained

    def __init__(self, before: int, after: int, side: int, options: StyleGeneratorOptions, *, up: bool = False) -> None:
        super().__init__()
        self.side = side
        self.scale = EqualLinear(options.style_size, before, first_bias=1.0)
        self.conv = ModulatedConv(before, after, 3, up=up)
        self.bias = nn.Parameter(torch.zeros(after, 1, 1))
        self.strength = nn.Parameter(torch.zeros(())) if options.noise_size else None
        self.register_buffer("directions", F.normalize(torch.randn(side * side, options.noise_size)))

    def forward(self, x: Tensor, style: Float[Tensor, "batch style"], noise: Float[Tensor, "batch noise"]) -> Tensor:
        """Maps [N, I, …], w [N, W] and the noise's latents [N, K] to maps [N, O, S, S]."""
        x = self.conv(x, self.scale(style))
        if self.strength is not None:
            x = x + self.strength * self.noise_map(noise)
        return active(x + self.bias)

    def noise_map(self, noise: Float[Tensor, "batch noise"]) -> Float[Tensor, "batch 1 side side"]:
        """Noise of mean 0 and variance 1 for each pixel, where the latents are uncorrelated and have both."""
        return F.linear(noise, self.directions).unflatten(1, (1, self.side, self.side))


def doubled(picture: Float[Tensor, "batch channels side side"]) -> Tensor:
    """The picture at twice its side: the filter 1, 3, 3, 1, continued by the outermost pixels."""
    return F.interpolate(picture, scale_factor=2.0, mode="bilinear", align_corners=False)


def z_size_of(latent_size: int, options: StyleGeneratorOptions) -> int:
    """Latents that the mapping gets. Raises BadSetting where there are fewer than 2, whose direction says nothing."""
    taken = options.noise_size + (options.mixing > 0)
    if latent_size - taken < 2:
        raise BadSetting(
            f"Of {latent_size} latents, StyleGAN2's noise and mixing take {taken}, and its mapping needs 2 or more; "
            f"set latents.size to {taken + 2} or more, or generator.noise_size to less."
        )
    return latent_size - taken

"""StyleGAN2: convolutions against weights made for each sample, filters and statistics against numpy, lengths of paths
against the linear generator's."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own abbreviation

import ganzoo
from ganzoo.api import SampleSpec
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Play, Players, Stateful, TorchNoise, Verdict
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.core.files import sha256
from ganzoo.core.options import parse_options
from ganzoo.export.contract import check_generator
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare
from ganzoo.recipes import find_recipe, resolve
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal
from ganzoo_stylegan.discriminator import StyleDiscriminator, deviation
from ganzoo_stylegan.generator import StyledConv, StyleGenerator
from ganzoo_stylegan.layers import Blur, EqualConv, EqualLinear, ModulatedConv
from ganzoo_stylegan.options import PathLengthOptions, StyleDiscriminatorOptions, StyleGeneratorOptions
from ganzoo_stylegan.regularizers import PathLength, path_lengths

CATALOG = load_catalog()
SIDES = [8, 16, 28, 32, 64, 128]
SMALL: dict[str, Any] = {"width": 3, "style_size": 8, "mapping_layers": 2, "noise_size": 4}

each_side = pytest.mark.parametrize("side", SIDES)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


def generator_of(sample: SampleSpec, latent_size: int = 16, **options: Any) -> StyleGenerator:
    return StyleGenerator(sample, latent_size, parse_options(StyleGeneratorOptions, SMALL | options, ""))


def discriminator_of(sample: SampleSpec, **options: Any) -> StyleDiscriminator:
    return StyleDiscriminator(sample, parse_options(StyleDiscriminatorOptions, {"width": 3} | options, ""))


# Modulated convolutions


def by_sample(conv: ModulatedConv, x: Tensor, scales: Tensor) -> Tensor:
    """Equations 1 and 3 as the paper writes them: weights of its own for each sample, one sample after the other."""
    results = []
    for picture, s in zip(x, scales, strict=True):
        weight = conv.weight / (conv.weight[0].numel()) ** 0.5 * s[None, :, None, None]
        if conv.demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if conv.blur is None:
            results.append(F.conv2d(picture[None], weight, padding=conv.weight.shape[-1] // 2))
        else:
            results.append(conv.blur(F.conv_transpose2d(picture[None], weight.transpose(0, 1), stride=2)))
    return torch.cat(results)


@torch.no_grad()
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("up", [True, False])
def test_a_modulated_convolution_is_one_with_weights_of_each_sample(kernel: int, demodulate: bool, up: bool) -> None:
    if up and kernel == 1:
        pytest.skip("only convolutions of 3 by 3 double the side")
    conv = ModulatedConv(5, 7, kernel, demodulate=demodulate, up=up)
    x, scales = torch.randn(4, 5, 8, 8), 1 + torch.randn(4, 5)

    found = conv(x, scales)

    assert found.shape == (4, 7, 16, 16) if up else (4, 7, 8, 8)
    torch.testing.assert_close(found, by_sample(conv, x, scales), rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
def test_demodulated_maps_have_variance_1_whatever_the_styles(size: float) -> None:
    """Of white noise, within the map; without demodulation it would be size²."""
    conv = ModulatedConv(16, 32, 3)
    x, scales = torch.randn(16, 16, 32, 32), size * torch.randn(16, 16)

    found = conv(x, scales)[:, :, 1:-1, 1:-1]

    assert float(found.var()) == pytest.approx(1, rel=0.05)
    np.testing.assert_allclose(found.var((0, 2, 3)).numpy(), np.ones(32), rtol=0.15)


@torch.no_grad()
def test_doubling_is_zeros_in_between_a_filter_and_a_convolution() -> None:
    """The paper's order, on a canvas so large that the rim does not matter: the filter's taps are 1, 3, 3, 1 over 4."""
    conv, x = ModulatedConv(2, 3, 3, demodulate=False, up=True), torch.zeros(1, 2, 12, 12)
    x[:, :, 4:8, 4:8] = torch.randn(1, 2, 4, 4)

    stuffed = torch.zeros(1, 2, 24, 24)
    stuffed[:, :, ::2, ::2] = x
    taps = torch.tensor([1.0, 3, 3, 1]) / 4
    smooth = F.conv2d(F.pad(stuffed, (2, 1, 2, 1)), torch.outer(taps, taps).expand(2, 1, 4, 4), groups=2)
    expected = F.conv2d(smooth, conv.weight.flip(2, 3) / 18**0.5, padding=1)

    torch.testing.assert_close(
        conv(x, torch.ones(1, 2))[:, :, 2:-2, 2:-2], expected[:, :, 2:-2, 2:-2], atol=1e-5, rtol=0
    )


@torch.no_grad()
def test_the_filter_keeps_what_is_even_and_removes_what_alternates() -> None:
    """Its sum is the gain, and it is 0 at half the sampling rate; depthwise, channel by channel."""
    x = torch.stack([torch.full((9, 9), 2.0), (-1.0) ** torch.arange(9) * torch.ones(9, 1)])[None]

    blurred = Blur(padding=1, gain=4.0)(x)

    assert blurred.shape == (1, 2, 8, 8)
    torch.testing.assert_close(blurred[0, 0, 1:-1, 1:-1], torch.full((6, 6), 8.0))
    torch.testing.assert_close(blurred[0, 1, :, 1:-1], torch.zeros(8, 6), atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("kernel", [1, 3])
def test_halving_is_a_filter_and_every_other_pixel_of_a_convolution(kernel: int) -> None:
    """Both branches of a residual block see the same places: an even slope keeps its place and doubles its step."""
    conv = EqualConv(1, 1, kernel, down=True, bias=False)
    conv.weight.zero_()
    conv.weight[0, 0, kernel // 2, kernel // 2] = kernel  # the identity, since weights are divided by the kernel
    slope = torch.arange(12.0).expand(1, 1, 12, 12)

    halved = conv(slope)

    assert halved.shape == (1, 1, 6, 6)
    torch.testing.assert_close(halved[0, 0, 2, 1:-1], 2 * torch.arange(1.0, 5) + 0.5)


@torch.no_grad()
@pytest.mark.parametrize("layer", [EqualLinear(200, 300), EqualLinear(200, 300, 0.01), EqualConv(20, 30, 3)])
def test_equalised_layers_keep_the_variance_and_store_weights_of_1_over_the_rate(layer: nn.Module) -> None:
    """So that Adam's steps, which are all of one size, change each layer at the same relative speed."""
    rate = getattr(layer, "rate", 1.0)
    x = torch.randn(64, 200) if isinstance(layer, EqualLinear) else torch.randn(16, 20, 16, 16)

    out = layer(x)

    out = out if out.ndim == 2 else out[:, :, 1:-1, 1:-1]
    assert float(layer.weight.std()) * rate == pytest.approx(1, rel=0.05)
    assert float(out.var()) == pytest.approx(1, rel=0.1)


def test_the_mapping_s_rate_is_that_of_its_learning() -> None:
    """A step of plain descent moves the weights in use rate² as far, and biases too, as in a layer of rate 1."""
    plain, slow = EqualLinear(3, 2), EqualLinear(3, 2, 0.01, first_bias=0.5)
    slow.weight.data.copy_(plain.weight * 100)
    x, target = torch.randn(4, 3), torch.randn(4, 2)

    plain_gradient, slow_gradient = (
        torch.autograd.grad((layer(x) * target).sum(), layer.weight)[0] for layer in (plain, slow)
    )

    torch.testing.assert_close(slow_gradient, 0.01 * plain_gradient)
    torch.testing.assert_close(slow(x) - plain(x), torch.full((4, 2), 0.5), atol=1e-5, rtol=0)


# The generator


@each_side
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_many_sides_fit(side: int, channels: int) -> None:
    """28 is 7 doubled twice; the discriminator's features have the width of its smallest map."""
    sample = SampleSpec((channels, side, side), num_classes=10)
    generator, discriminator = generator_of(sample), discriminator_of(sample)

    made = generator(torch.randn(3, 16))
    verdict = discriminator(made)

    doublings = {8: 1, 16: 2, 28: 2, 32: 3, 64: 4, 128: 5}[side]
    assert made.shape == (3, channels, side, side) and made.abs().max() <= 1
    assert generator.map(torch.randn(3, 16)).shape == (3, 2 * doublings + 2, 8)
    assert verdict.logits.shape == (3,)
    assert verdict.features is not None and verdict.features.shape == (3, min(3 << doublings, 512))


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 7, 7), (1, 6, 6), (3, 30, 30), (3, 32, 28), (1, 36, 36), (1, 2, 2)])
def test_sides_that_doubling_never_gives_are_refused_with_some_that_fit(shape: tuple[int, int, int]) -> None:
    message = f"which never gives {shape[1]}×{shape[2]}; resize the pictures, to 28, 32"
    for build in (generator_of, discriminator_of):
        with pytest.raises(BadData, match=message):
            build(SampleSpec(shape))


def test_points_are_refused() -> None:
    for build in (generator_of, discriminator_of):
        with pytest.raises(BadData, match="these samples are points; use the networks `mlp`"):
            build(SampleSpec((2,)))


def test_too_few_latents_are_refused_with_how_many_are_needed() -> None:
    sample = SampleSpec((1, 8, 8))
    with pytest.raises(BadSetting, match=r"Of 6 latents, .* take 5, and .* set latents.size to 7 or more"):
        generator_of(sample, 6)

    assert generator_of(sample, 7).z_size == 2
    assert generator_of(sample, 2, noise_size=0, mixing=0.0).z_size == 2


@torch.no_grad()
@given(factor=st.floats(0.1, 1000))
def test_the_mapping_sees_the_direction_of_z_alone(factor: float) -> None:
    """z is brought to the length √Z, and the last latents, for mixing and noise, are no part of it."""
    torch.manual_seed(0)
    generator, latents = generator_of(SampleSpec((1, 8, 8))).eval(), torch.randn(4, 16)
    longer = torch.cat([factor * latents[:, :11], torch.randn(4, 5)], 1)

    torch.testing.assert_close(generator.map(longer), generator.map(latents), rtol=1e-4, atol=1e-5)
    turned = generator.map(-latents)
    assert not torch.allclose(turned, generator.map(latents), atol=0.1)


@torch.no_grad()
def test_styles_start_with_the_size_of_z() -> None:
    """Eight layers of leaky ReLU times √2 keep the size about as it is, at a rate of 0.01 too."""
    generator = generator_of(SampleSpec((1, 8, 8)), 64, style_size=256, mapping_layers=8)

    w = generator.map(torch.randn(500, 64))

    assert 0.5 < float(w.square().mean()) < 2


@torch.no_grad()
def test_noise_is_a_function_of_the_last_latents_with_mean_0_and_variance_1() -> None:
    """For each pixel, over latents; and the same latents give the same noise."""
    layer = StyledConv(2, 2, 8, StyleGeneratorOptions(noise_size=32))
    latents = torch.randn(20_000, 32)

    maps = layer.noise_map(latents)

    assert maps.shape == (20_000, 1, 8, 8)
    assert float(maps.mean(0).abs().max()) < 5 / 20_000**0.5
    np.testing.assert_allclose(maps.var(0).numpy(), np.ones((1, 8, 8)), atol=0.06)
    assert torch.equal(layer.noise_map(latents[:3]), layer.noise_map(latents[:3]))
    pixels = np.corrcoef(maps.flatten(1).numpy().T)
    assert np.abs(pixels - np.eye(64)).mean() < 0.2  # two directions among 32 have about 1/√32


@torch.no_grad()
def test_noise_changes_nothing_until_its_strength_is_learnt() -> None:
    generator, latents = generator_of(SampleSpec((1, 16, 16))).eval(), torch.randn(3, 16)
    noisy = latents.clone()
    noisy[:, -4:] = torch.randn(3, 4)

    assert torch.equal(generator(noisy), generator(latents))
    for name, weight in generator.named_parameters():
        if name.endswith("strength"):
            weight.fill_(0.5)
    assert not torch.allclose(generator(noisy), generator(latents), atol=1e-3)
    torch.testing.assert_close(generator.map(noisy), generator.map(latents))


@torch.no_grad()
def test_a_picture_is_the_sum_of_what_each_side_adds() -> None:
    """Skip connections: without the smaller sides' biases, grey levels of all sides add up before tanh."""
    generator = generator_of(SampleSpec((1, 16, 16))).eval()
    for block, bias in zip(generator.blocks, (0.1, 0.2, 0.3), strict=True):
        block.to_picture.weight.zero_()
        block.bias.fill_(bias)

    made = generator(torch.randn(2, 16))

    torch.testing.assert_close(made, torch.full((2, 1, 16, 16), 0.6).tanh())


@torch.no_grad()
def test_pictures_end_at_black_and_white() -> None:
    generator = generator_of(SampleSpec((1, 16, 16)))
    for block in generator.blocks:
        block.to_picture.weight.mul_(1000)

    made = generator(torch.randn(20, 16))

    assert (float(made.min()), float(made.max())) == (-1, 1)


# Mixing and truncation


def chances(*uniform: float) -> Tensor:
    """Standard normal numbers whose distribution function is as given."""
    return torch.special.ndtri(torch.tensor(uniform))


@torch.no_grad()
def test_mixing_takes_the_sample_before_from_a_crossover_on() -> None:
    """Of 6 styles at a mixing of 0.9: the crossover is 1 + ⌊5 u / 0.9⌋, and there is none where u is 0.9 or more."""
    generator = generator_of(SampleSpec((1, 16, 16)))
    styles = torch.arange(6.0)[:, None, None].expand(6, 6, 8)

    mixed = generator.mixed(styles, chances(0.01, 0.19, 0.5, 0.71, 0.73, 0.95))

    crossovers = [1, 2, 3, 4, 5, 6]
    expected = [[i if layer < crossovers[i] else (i - 1) % 6 for layer in range(6)] for i in range(6)]
    assert mixed[:, :, 0].int().tolist() == expected


@torch.no_grad()
def test_every_crossover_is_as_likely_and_a_tenth_of_the_samples_is_not_mixed() -> None:
    generator = generator_of(SampleSpec((1, 16, 16)))
    styles = torch.arange(20_000.0)[:, None, None].expand(-1, 6, 8)

    own = (generator.mixed(styles, torch.randn(20_000)) == styles)[..., 0].sum(1)

    shares = np.bincount(own.numpy(), minlength=7) / 20_000
    np.testing.assert_allclose(shares, [0] + [0.18] * 5 + [0.1], atol=0.01)


@torch.no_grad()
def test_styles_are_mixed_in_training_alone_and_only_where_asked_for() -> None:
    """In eval mode and without mixing, all layers have one w; a batch of one can only be mixed with itself."""
    sample, latents = SampleSpec((1, 16, 16)), torch.randn(30, 16)

    def differ(generator: StyleGenerator, latents: Tensor) -> bool:
        styles = generator.map(latents)
        return not torch.equal(styles, styles[:, :1].expand_as(styles))

    assert differ(generator_of(sample), latents)
    assert not differ(generator_of(sample), latents[:1])
    assert not differ(generator_of(sample).eval(), latents)
    assert not differ(generator_of(sample, mixing=0.0), latents)


@torch.no_grad()
def test_the_mean_of_w_is_tracked_in_training_alone() -> None:
    """w_mean ← 0.995 w_mean + 0.005 the batch's mean."""
    generator, latents = generator_of(SampleSpec((1, 8, 8)), mixing=0.0), torch.randn(8, 16)
    w = generator.map(latents)[:, 0].mean(0)
    generator.w_mean.zero_()

    means = []
    for _ in range(3):
        generator(latents)
        means.append(generator.w_mean.clone())
    generator.eval()(latents)

    for n, mean in enumerate(means, 1):
        torch.testing.assert_close(mean, (1 - 0.995**n) * w)
    assert torch.equal(generator.w_mean, means[-1])


@torch.no_grad()
@pytest.mark.parametrize("psi", [0.0, 0.5, 1.0])
def test_truncation_moves_w_towards_its_mean_when_samples_are_drawn(psi: float) -> None:
    """StyleGAN, appendix B: w' = mean + ψ (w - mean); at 0 all samples are one. Training goes on with w itself."""
    generator, latents, mean = generator_of(SampleSpec((1, 8, 8)), mixing=0.0), torch.randn(5, 16), torch.randn(8)
    generator.w_mean.copy_(mean)
    full, found = generator.eval().map(latents), generator.map(latents, torch.tensor(psi))

    torch.testing.assert_close(found, mean + psi * (full - mean))
    torch.testing.assert_close(generator.train().map(latents, torch.tensor(psi)), full)


# Export


@pytest.mark.parametrize(("side", "channels"), [(28, 1), (32, 3)])
def test_an_exported_generator_draws_the_same_at_every_batch_size(side: int, channels: int) -> None:
    """At 1, 2, 3 and 7, noise, truncation and all; each sample depends on its own latents alone."""
    sample, prior = SampleSpec((channels, side, side)), Normal(NormalOptions(16))
    generator = generator_of(sample).eval()
    with torch.no_grad():
        generator.w_mean.normal_()
        for name, weight in generator.named_parameters():
            if name.endswith("strength"):
                weight.fill_(0.3)

    check_generator(generator, sample, prior, truncates=True)
    model = to_onnx(generator, sample, prior.size, truncates=True)
    parity = compare(model, generator, sample, prior, truncates=True)

    assert parity.batch_sizes == (1, 2, 3, 7)


# The discriminator


def deviation_by_numpy(x: np.ndarray[Any, Any], size: int) -> list[float]:
    """Sample i is with those whose number has the same remainder by the number of groups."""
    groups = len(x) // size
    spread = [float(np.sqrt(x[group::groups].var(0) + 1e-8).mean()) for group in range(groups)]
    return [spread[i % groups] for i in range(len(x))]


@torch.no_grad()
@pytest.mark.parametrize(
    ("batch", "group", "size"),
    [(8, 4, 4), (4, 4, 4), (2, 4, 2), (1, 4, 1), (6, 4, 3), (7, 4, 1), (7, 8, 7), (9, 4, 3), (12, 1, 1), (10, 4, 2)],
)
def test_the_deviation_of_a_group_is_numpy_s(batch: int, group: int, size: int) -> None:
    """Groups of the greatest divisor of the batch; of one sample it is 0, but for what keeps the slope finite."""
    x = torch.randn(batch, 5, 4, 4)

    found = deviation(x, group)

    assert found.shape == (batch, 1, 4, 4)
    expected = np.array(deviation_by_numpy(x.numpy(), size))[:, None, None, None]
    np.testing.assert_allclose(found.numpy(), np.broadcast_to(expected, found.shape), rtol=1e-5)


def test_samples_that_are_all_alike_have_a_finite_gradient() -> None:
    """The standard deviation's root has none at 0."""
    x = torch.ones(4, 2, 4, 4, requires_grad=True)

    deviation(x, 4).sum().backward()

    assert x.grad is not None and bool(x.grad.isfinite().all())


@torch.no_grad()
def test_a_logit_depends_on_how_much_its_batch_differs_and_so_it_is_not_row_wise() -> None:
    network, x = discriminator_of(SampleSpec((1, 16, 16))), torch.rand(4, 1, 16, 16)

    among_copies = network(x[:1].expand(4, -1, -1, -1)).logits[0]

    assert abs(float(network(x).logits[0] - among_copies)) > 1e-4
    assert not CATALOG.discriminators["stylegan2"].row_wise
    alone = discriminator_of(SampleSpec((1, 16, 16)), group=1)
    torch.testing.assert_close(alone(x).logits[0], alone(x[:1]).logits[0])


def test_labels_change_nothing() -> None:
    sample, labels = SampleSpec((1, 16, 16), num_classes=10), torch.arange(2)
    generator, discriminator, z = generator_of(sample).eval(), discriminator_of(sample), torch.randn(2, 16)

    assert torch.equal(generator(z), generator(z, labels))
    assert torch.equal(discriminator(generator(z)).logits, discriminator(generator(z), labels).logits)


# Lengths of paths


class Linear(nn.Module):
    """Pictures A w of the first latents, by way of styles; each of the `styles` layers adds its share."""

    def __init__(self, shape: tuple[int, ...], size: int = 3, styles: int = 2) -> None:
        super().__init__()
        self.shape, self.styles = shape, styles
        self.weight = nn.Parameter(torch.randn(int(np.prod(shape)), size))

    def map(self, latents: Tensor) -> Tensor:
        return (2 * latents)[:, None].expand(-1, self.styles, -1)

    def synthesise(self, styles: Tensor, latents: Tensor) -> Tensor:
        return F.linear(styles.sum(1), self.weight).unflatten(1, self.shape)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.synthesise(self.map(latents), latents)


class WithoutStyles(nn.Module):
    """The same of the latents themselves."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.weight = nn.Parameter(torch.randn(int(np.prod(shape)), 3))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return F.linear(latents, self.weight).unflatten(1, self.shape)


def play_of(generator: nn.Module, count: int, size: int = 3) -> Play:
    latents = torch.randn(count, size)
    fake = generator(latents)
    batch = Batch(fake.detach(), None, latents, TorchNoise(count))
    verdict = Verdict(torch.zeros(count))
    return Play(batch=batch, fake=fake, on_real=None, on_fake=verdict, player="generator")


def players_of(generator: nn.Module) -> Players:
    return Players(generator, nn.Identity())


def penalty_of(options: dict[str, Any] | None = None, mean: float = 0.0) -> PathLength:
    penalty = PathLength(parse_options(PathLengthOptions, options or {}, ""))
    penalty.mean = torch.tensor(mean)
    return penalty


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 2, 8), (5,)])
@pytest.mark.parametrize("kind", [Linear, WithoutStyles])
def test_the_length_of_a_linear_generator_s_path_is_that_of_its_transpose(
    shape: tuple[int, ...], kind: type[Linear] | type[WithoutStyles]
) -> None:
    """‖Aᵀy‖ over the root of the number of pixels; each style has the same share of the mean."""
    generator, direction = kind(shape), torch.randn(6, *shape)

    lengths = path_lengths(generator, play_of(generator, 8).batch, direction)

    pixels = int(np.prod(shape[1:]))
    expected = np.linalg.norm(direction.flatten(1).numpy() @ generator.weight.detach().numpy(), axis=1) / pixels**0.5
    np.testing.assert_allclose(lengths.detach().numpy(), expected, rtol=1e-5)


def test_the_penalty_and_its_gradient_in_closed_form() -> None:
    """One pixel and one style, A = a: the length is |a y|, and its gradient y² a - (mean) |y| sign a, times 2 γ 4."""
    generator = Linear((1, 1, 1), size=1, styles=1)
    generator.weight.data.fill_(1.5)
    penalty, play = penalty_of({"weight": 0.5, "shrink": 1, "decay": 0.1}, mean=2.0), play_of(generator, 400, size=1)
    torch.manual_seed(3)
    y = torch.randn(400, 1, 1, 1).flatten().double()
    torch.manual_seed(3)

    value = penalty.terms(play, players_of(generator))["penalty"]
    (gradient,) = torch.autograd.grad(value, generator.weight)

    lengths = 1.5 * y.abs()
    mean = 0.9 * 2 + 0.1 * lengths.mean()
    assert float(penalty.mean) == pytest.approx(float(mean), rel=1e-5)
    assert float(value.detach()) == pytest.approx(float(0.5 * 4 * (lengths - mean).square().mean()), rel=1e-4)
    expected = 0.5 * 4 * (2 * (lengths - mean) * y.abs()).mean()
    assert float(gradient) == pytest.approx(float(expected), rel=1e-4)


def test_the_penalty_looks_at_a_part_of_the_batch_and_acts_every_fourth_time() -> None:
    """Half of it, and one sample at least; multiplied by 4, so that its mean over updates does not depend on that."""
    seen: list[int] = []

    class Counting(Linear):
        def map(self, latents: Tensor) -> Tensor:
            seen.append(len(latents))
            return super().map(latents)

    generator = Counting((1, 2, 2))
    for count, options in ((8, {}), (9, {"shrink": 4}), (1, {})):
        play = play_of(generator, count)
        seen.clear()
        penalty_of(options).terms(play, players_of(generator))
        assert seen == [{8: 4, 9: 2, 1: 1}[count]]

    assert (penalty_of().player, penalty_of().interval, PathLength.needs_sample_gradients) == ("generator", 4, False)
    play = play_of(generator, 4)
    values = []
    for interval in (1, 4):
        torch.manual_seed(1)
        values.append(float(penalty_of({"interval": interval}).terms(play, players_of(generator))["penalty"].detach()))
    assert values[1] == pytest.approx(4 * values[0])


def test_a_constant_generator_has_a_finite_gradient() -> None:
    """The length has no derivative where it is 0."""
    generator = Linear((1, 2, 2))
    generator.weight.data.zero_()

    penalty_of(mean=1.0).terms(play_of(generator, 4), players_of(generator))["penalty"].backward()

    assert generator.weight.grad is not None and bool(generator.weight.grad.isfinite().all())


def test_an_update_moves_the_mean_of_lengths_once_however_many_passes_it_has() -> None:
    """By the decay towards the mean over the passes; the next step moves it again."""
    generator, whole, parted = Linear((1, 2, 2)), penalty_of(mean=1.0), penalty_of(mean=1.0)
    plays = [play_of(generator, 8) for _ in range(3)]
    lengths = []
    for each in plays:
        torch.manual_seed(0)
        one = penalty_of(mean=0.0)
        one.terms(each, players_of(generator))
        lengths.append(one.mean / one.decay)  # from 0
    for step, count in ((4, 2), (5, 1)):
        for each in plays[:count]:
            torch.manual_seed(0)
            parted.terms(replace(each, step=step), players_of(generator))
        whole.mean = whole.mean.lerp(torch.stack(lengths[:count]).mean(), parted.decay)

    torch.testing.assert_close(parted.mean, whole.mean)


def test_the_mean_of_lengths_is_kept_and_no_gradient_flows_into_it() -> None:
    """As a tensor in the checkpoint; another instance goes on with it."""
    generator, first, second = Linear((1, 2, 2)), penalty_of(), penalty_of()
    for _ in range(3):
        first.terms(play_of(generator, 8), players_of(generator))

    second.load_state_dict({key: value.clone() for key, value in first.state_dict().items()})

    assert isinstance(first, Stateful) and not first.mean.requires_grad
    assert float(first.mean) > 0
    assert torch.equal(first.mean, second.mean)


def test_the_penalty_draws_from_its_noise_and_is_computed_in_float32() -> None:
    generator = generator_of(SampleSpec((1, 8, 8)))
    latents = torch.randn(4, 16)
    dtypes: list[torch.dtype] = []
    generator.mapping.layers[0].register_forward_hook(lambda module, given, made: dtypes.append(made.dtype))

    class Given(TorchNoise):
        def normal(self, *shape: int) -> Tensor:
            return torch.ones(self.count, *shape)

    fake = torch.zeros(4, 1, 8, 8)
    play = Play(batch=Batch(fake, None, latents, Given(4)), fake=fake, on_real=None, on_fake=Verdict(torch.zeros(4)))
    state = torch.get_rng_state()
    with torch.autocast("cpu", torch.bfloat16):
        value = penalty_of().terms(play, players_of(generator))["penalty"]

    assert torch.equal(torch.get_rng_state(), state)
    assert (dtypes, value.dtype) == ([torch.float32], torch.float32)


def test_the_penalty_teaches_the_generator_s_mapping_and_its_convolutions() -> None:
    """Through the second derivative; constants and biases of the pictures' sum have no part in the slope."""
    generator, noise = generator_of(SampleSpec((1, 8, 8))), TorchNoise(4)
    latents = torch.randn(4, 16)
    fake = generator(latents)
    play = Play(batch=Batch(fake, None, latents, noise), fake=fake, on_real=None, on_fake=Verdict(torch.zeros(4)))

    penalty_of().terms(play, players_of(generator))["penalty"].backward()

    taught = {name for name, weight in generator.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert {"mapping.layers.0.weight", "constant", "blocks.1.conv.conv.weight", "blocks.1.to_picture.weight"} <= taught


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("generators", "stylegan2", {"mixing": 1.5}),
        ("generators", "stylegan2", {"noise_size": -1}),
        ("generators", "stylegan2", {"mapping_layers": 0}),
        ("discriminators", "stylegan2", {"group": 0}),
        ("regularizers", "path-length", {"decay": 0.0}),
        ("regularizers", "path-length", {"interval": 0}),
    ],
)
def test_options_that_make_no_sense_are_refused(kind: str, name: str, change: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        parse_options(getattr(CATALOG, kind)[name].options, change, name)


# Recipes


def test_the_recipe_has_the_authors_settings_for_small_pictures() -> None:
    """github.com/NVlabs/stylegan2-ada-pytorch, train.py, the configuration `cifar`."""
    config = resolve(find_recipe("stylegan", CATALOG), CATALOG)

    assert (config.batch_size, config.dataset.name, config.loss.name) == (64, "cifar10", "non-saturating")
    assert config.batch_size * config.steps == 100_000_000
    assert config.ema_decay == pytest.approx(0.5 ** (64 / 500_000), abs=1e-6)
    assert config.regularizers == {"r1": {"gamma": 0.01, "interval": 16}}
    assert config.augmentations["ada"]["target"] == 0.6
    assert config.augmentations["ada"]["ramp"] == pytest.approx(500_000 / 64, rel=0.01)
    generator, discriminator = config.generator.options, config.discriminator.options
    assert (generator["mapping_layers"], generator["style_size"], generator["mixing"]) == (2, 512, 0.0)
    assert config.latents.options["size"] - generator["noise_size"] == 512
    assert (generator["widest"], discriminator["widest"], discriminator["group"]) == (512, 512, 32)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.name, optimizer.learning_rate, optimizer.betas) == ("adam", 2.5e-3, (0.0, 0.99))


def test_a_run_that_was_stopped_goes_on_with_its_mean_length(tmp_path: Path) -> None:
    """Its last checkpoint is that of a run that was never stopped, bit for bit: w's mean and noise are in it, too."""
    settings = {"generator.width": 4, "discriminator.width": 4, "batch_size": 8, "dataset": "digits"}

    def train(name: str, steps: int) -> Any:
        out = tmp_path / name
        return ganzoo.train("stylegan-small", steps=steps, settings=settings, out=out, device="cpu", quiet=True)

    whole, part = train("whole", 6), train("part", 3)
    ganzoo.resume(part, steps=6, device="cpu", quiet=True)

    assert sha256(whole.newest_checkpoint()) == sha256(part.newest_checkpoint())

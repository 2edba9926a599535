"""R3GAN's networks: weights counted by hand, resampling against torch's interpolation, first weights by effect."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, leaky_relu, pad

from ganzoo.api import BadData, BadSetting, SampleSpec
from ganzoo.catalog import load_catalog
from ganzoo.core.options import parse_options
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal
from ganzoo_relativistic.networks import (
    Downsample,
    R3ganDiscriminator,
    R3ganGenerator,
    ResidualBlock,
    Upsample,
    groups_of,
)
from ganzoo_relativistic.options import R3ganOptions

CATALOG = load_catalog()
SIDES = [8, 16, 28, 32, 48, 64, 128]

each_side = pytest.mark.parametrize("side", SIDES)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


def options_of(**options: object) -> R3ganOptions:
    return parse_options(R3ganOptions, {"width": 4, "widest": 8, "blocks": 1, "group": 4} | options, "")


def generator_of(sample: SampleSpec, latent_size: int = 6, **options: object) -> R3ganGenerator:
    return R3ganGenerator(sample, latent_size, options_of(**options))


def discriminator_of(sample: SampleSpec, **options: object) -> R3ganDiscriminator:
    return R3ganDiscriminator(sample, options_of(**options))


@torch.no_grad()
def awake(network: nn.Module, std: float = 0.2) -> nn.Module:
    """The network as after some training: blocks and biases that do something."""
    for block in blocks_of(network):
        block.layers[4].weight.normal_(0, std)
        for layer in (block.layers[0], block.layers[2]):
            layer.bias.normal_(0, std)
    return network


def blocks_of(network: nn.Module) -> list[ResidualBlock]:
    return [module for module in network.modules() if isinstance(module, ResidualBlock)]


def pictures(count: int, sample: SampleSpec) -> Tensor:
    return 2 * torch.rand(count, *sample.shape) - 1


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


# Shapes


@each_side
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_of_many_sides_and_any_channels_fit(side: int, channels: int) -> None:
    """Samples have the data's shape; the discriminator's features are one number for each channel of the last map."""
    sample = SampleSpec((channels, side, side), num_classes=10)
    generator, discriminator = awake(generator_of(sample)), discriminator_of(sample)

    made = generator(torch.randn(2, 6))
    verdict = awake(discriminator)(made)

    assert made.shape == (2, channels, side, side)
    assert (verdict.logits.shape, verdict.features.shape) == ((2,), (2, 8))
    torch.testing.assert_close(discriminator.to_logit(verdict.features)[:, 0], verdict.logits)


@pytest.mark.parametrize(("side", "base"), [(8, 4), (28, 7), (32, 4), (48, 6), (80, 5)])
def test_the_smallest_map_has_4_to_7_pixels(side: int, base: int) -> None:
    sample = SampleSpec((1, side, side))

    assert generator_of(sample).basis.shape == (8, base, base)
    assert discriminator_of(sample).basis.weight.shape == (8, 1, base, base)


def test_labels_change_nothing() -> None:
    sample, labels = SampleSpec((1, 16, 16), num_classes=10), torch.arange(2)
    generator, discriminator, z = generator_of(sample), discriminator_of(sample), torch.randn(2, 6)

    assert torch.equal(generator(z), generator(z, labels))
    assert torch.equal(discriminator(generator(z)).logits, discriminator(generator(z), labels).logits)


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 7, 7), (3, 30, 30), (3, 32, 28), (1, 36, 36), (3, 9, 9)])
def test_sides_that_doubling_never_gives_are_refused_with_some_that_fit(shape: tuple[int, int, int]) -> None:
    for build in (generator_of, discriminator_of):
        with pytest.raises(BadData, match=f"which never gives {shape[1]}×{shape[2]}; resize the pictures, to 28, 32"):
            build(SampleSpec(shape))


def test_points_are_refused() -> None:
    for build in (generator_of, discriminator_of):
        with pytest.raises(BadData, match="these samples are points; use the networks `mlp`"):
            build(SampleSpec((2,)))


@pytest.mark.parametrize("change", [{"width": 0}, {"blocks": 0}, {"group": 0}, {"expansion": 0.5}, {"depth": 2}])
def test_options_that_make_no_network_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        options_of(**change)


def test_channels_that_cannot_be_shared_out_are_refused() -> None:
    """12 · 2 channels are one and a half groups of 16; 8 · 2 are one, and 4 · 2 are one that is smaller."""
    sample = SampleSpec((1, 16, 16))
    for build in (generator_of, discriminator_of):
        with pytest.raises(BadSetting, match="24 channels are no groups of 16; set `width`"):
            build(sample, width=12, widest=12, group=16)

    assert [groups_of(hidden, 16) for hidden in (8, 16, 32, 1536)] == [1, 1, 2, 96]


@torch.no_grad()
def test_pictures_end_at_black_and_white() -> None:
    generator = generator_of(SampleSpec((1, 16, 16)))
    generator.to_picture.weight.mul_(1000)

    made = generator(torch.randn(50, 6))

    assert (float(made.min()), float(made.max())) == (-1, 1)


# Against the paper


@pytest.mark.parametrize(
    ("side", "width", "widest", "expected"),
    [
        (32, 768, 768, [768] * 4),  # CIFAR-10
        (64, 384, 768, [384, *[768] * 4]),  # FFHQ
        (256, 96, 768, [96, 192, 384, *[768] * 4]),  # FFHQ
        (64, 1536, 1536, [1536] * 5),  # ImageNet
    ],
)
def test_width_and_widest_give_the_authors_maps(side: int, width: int, widest: int, expected: list[int]) -> None:
    """From the largest to the smallest of 4 pixels, as github.com/brownvc/R3GAN, train.py, lists them."""
    with torch.device("meta"):
        network = R3ganDiscriminator(SampleSpec((3, side, side)), R3ganOptions(width=width, widest=widest, blocks=1))

    assert [block.layers[0].in_channels for block in blocks_of(network)] == expected
    assert network.basis.weight.shape[-1] == 4


def test_the_networks_for_cifar_10_have_20_7_million_weights_each() -> None:
    """What the paper counts for 32 pixels, written out: 8 blocks of 768 channels, 96 groups of 16 within."""
    options, sample = R3ganOptions(width=768, widest=768), SampleSpec((3, 32, 32))
    with torch.device("meta"):
        generator, discriminator = R3ganGenerator(sample, 64, options), R3ganDiscriminator(sample, options)

    block = 768 * 1536 + 1536 + 96 * 16 * 16 * 9 + 1536 + 1536 * 768
    assert count(generator) == 64 * 768 + 768 * 4 * 4 + 8 * block + 768 * 3 == 20_732_160
    assert count(discriminator) == 3 * 768 + 8 * block + 768 * 4 * 4 + 768


@pytest.mark.parametrize(("width", "group", "expansion"), [(8, 4, 2), (8, 16, 2), (8, 2, 3), (6, 1, 1)])
def test_a_grouped_convolution_has_as_many_weights_as_channels_that_it_mixes(
    width: int, group: int, expansion: int
) -> None:
    """9 · channels · channels of a group, and a bias for each channel."""
    hidden = width * expansion
    block = ResidualBlock(width, R3ganOptions(width=width, group=group, expansion=expansion), 1)

    assert count(block.layers[2]) == 9 * hidden * min(group, hidden) + hidden


@torch.no_grad()
def test_channels_of_other_groups_have_no_part() -> None:
    """A change of one channel reaches those of its own group, in the 3×3 around it."""
    grouped = ResidualBlock(4, options_of(group=2), 1).layers[2]  # 8 channels within
    x = torch.randn(1, 8, 5, 5)
    changed = x.clone()
    changed[0, 3, 2, 2] += 1

    moved = (grouped(changed) != grouped(x))[0]

    assert moved.any(2).any(1).tolist() == [False, False, True, True, False, False, False, False]
    assert moved[2].tolist() == [[row in (1, 2, 3) and column in (1, 2, 3) for column in range(5)] for row in range(5)]


@torch.no_grad()
def test_a_block_is_three_convolutions_and_what_went_in() -> None:
    block = awake(ResidualBlock(4, options_of(group=2), 1))
    widen, mix, narrow = block.layers[0], block.layers[2], block.layers[4]
    x = torch.randn(2, 4, 5, 5)

    inner = leaky_relu(torch.einsum("oi,nihw->nohw", widen.weight[:, :, 0, 0], x) + widen.bias[:, None, None], 0.2)
    mixed = [conv2d(inner[:, n : n + 2], mix.weight[n : n + 2], padding=1) for n in range(0, 8, 2)]
    inner = leaky_relu(torch.cat(mixed, 1) + mix.bias[:, None, None], 0.2)
    expected = x + torch.einsum("oi,nihw->nohw", narrow.weight[:, :, 0, 0], inner)

    torch.testing.assert_close(block(x), expected)


# Resampling


@pytest.mark.parametrize("side", [4, 7, 14])
def test_doubling_is_torch_s_bilinear_interpolation_of_a_map_with_zeros_around(side: int) -> None:
    x = torch.randn(2, 3, side, side)

    expected = interpolate(pad(x, [1, 1, 1, 1]), scale_factor=2, mode="bilinear")[:, :, 2:-2, 2:-2]

    torch.testing.assert_close(Upsample()(x), expected)


@pytest.mark.parametrize("side", [8, 14, 28])
def test_halving_is_torch_s_bilinear_interpolation_of_a_map_with_zeros_around(side: int) -> None:
    """The one that reads every pixel (`antialias`); without it, a pixel would be the mean of four."""
    x = torch.randn(2, 3, side, side)

    padded = pad(x, [2, 2, 2, 2])
    expected = interpolate(padded, scale_factor=0.5, mode="bilinear", antialias=True)[:, :, 1:-1, 1:-1]

    torch.testing.assert_close(Downsample()(x), expected)


def test_resampling_is_not_learnt_and_not_saved() -> None:
    """It has no weights, so that a checkpoint does not depend on how it is computed."""
    network = generator_of(SampleSpec((1, 16, 16)))

    assert list(Upsample().parameters()) == list(Downsample().parameters()) == []
    assert set(network.state_dict()) == {name for name, _ in network.named_parameters()}


# First weights


@torch.no_grad()
def test_at_first_a_block_is_the_identity() -> None:
    x = torch.randn(2, 4, 5, 5)

    assert torch.equal(ResidualBlock(4, options_of(), 3)(x), x)


@torch.no_grad()
@pytest.mark.parametrize("blocks", [1, 16])
def test_first_weights_have_the_scale_that_their_inputs_and_the_depth_ask_for(blocks: int) -> None:
    """Std = gain / √inputs. Gain: √(2 / 1.04) · L^(-1/4) within blocks, 1 elsewhere; within 6 standard errors."""
    options = R3ganOptions(width=64, widest=64, blocks=blocks)
    network = R3ganDiscriminator(SampleSpec((3, 8, 8)), options)
    within = (2 / 1.04) ** 0.5 * (2 * blocks) ** -0.25
    block = blocks_of(network)[-1]

    expected = {
        block.layers[0]: within / 64**0.5,
        block.layers[2]: within / (9 * 16) ** 0.5,
        network.from_picture: 1 / 3**0.5,
        network.basis: 1 / 4,
        network.to_logit: 1 / 8,
    }
    for layer, std in expected.items():
        spread = 6 / layer.weight.numel() ** 0.5
        assert float(layer.weight.std()) == pytest.approx(std, rel=spread)
        assert float(layer.weight.mean()) == pytest.approx(0, abs=std * spread)
        assert layer.bias is None or not layer.bias.any()
    assert not block.layers[4].weight.any()


@torch.no_grad()
@pytest.mark.parametrize("blocks", [1, 8])
def test_at_first_no_map_grows_or_fades_with_depth(blocks: int) -> None:
    """Numbers start with a variance of 1 in the generator; bilinear interpolation takes a part each time, no more."""
    generator = R3ganGenerator(SampleSpec((3, 64, 64)), 64, R3ganOptions(width=64, widest=64, blocks=blocks))
    x = generator.scale(torch.randn(100, 64))[:, :, None, None] * generator.basis

    stds = [float((x := layer(x)).std()) for layer in generator.stages][::2]

    assert stds[0] == pytest.approx(1, rel=0.2)
    assert all(0.4 < after / before < 1 for before, after in pairwise(stds))
    assert len(stds) == 5


def moved_by_a_step(blocks: int) -> float:
    """How far a step of gradient descent moves the logits, relative to the step's length."""
    torch.manual_seed(1)
    options = R3ganOptions(width=32, widest=32, blocks=blocks)
    network = R3ganDiscriminator(SampleSpec((1, 8, 8)), options)
    samples = pictures(16, SampleSpec((1, 8, 8)))
    before = network(samples).logits
    own = [weight for block in blocks_of(network) for weight in block.parameters()]
    gradients = torch.autograd.grad(before.mean(), own)
    with torch.no_grad():
        for weight, gradient in zip(own, gradients, strict=True):
            weight.sub_(gradient, alpha=1e-3)
        return float((network(samples).logits - before).mean()) / 1e-3


def test_a_step_moves_a_deep_network_no_further_than_a_shallow_one() -> None:
    """Fixup's promise. Without the fourth root of L, 32 blocks on a side would move it 16 times as far as 2."""
    shallow, deep = moved_by_a_step(2), moved_by_a_step(32)

    assert shallow < 0
    assert 0.5 < deep / shallow < 2


# Gradients and export


def test_every_weight_learns() -> None:
    """After the first step, when blocks do something; a generator's through the discriminator as well."""
    sample = SampleSpec((1, 28, 28))
    generator, discriminator = awake(generator_of(sample)), awake(discriminator_of(sample))

    discriminator(generator(torch.randn(8, 6))).logits.square().sum().backward()

    for network in (generator, discriminator):
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


def test_a_discriminator_s_slope_can_be_penalised() -> None:
    """The second derivative of a grouped convolution agrees with finite differences."""
    sample = SampleSpec((1, 16, 16))
    critic = awake(discriminator_of(sample)).double()
    samples = pictures(2, sample).double().requires_grad_()

    def slope(network: nn.Module) -> Tensor:
        (gradient,) = torch.autograd.grad(network(samples).logits.sum(), samples, create_graph=True)
        return gradient.square().sum()

    (found,) = torch.autograd.grad(slope(critic), blocks_of(critic)[0].layers[2].weight)

    values = []
    for step in (1e-6, -1e-6):
        moved = copy.deepcopy(critic)
        with torch.no_grad():
            blocks_of(moved)[0].layers[2].weight[0, 0, 1, 2] += step
        values.append(float(slope(moved).detach()))
    assert float(found[0, 0, 1, 2]) == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-4)
    assert abs(float(found[0, 0, 1, 2])) > 1e-6


@pytest.mark.parametrize(("side", "options"), [(28, {}), (32, {"blocks": 2, "group": 2}), (48, {"expansion": 3})])
def test_the_generator_exports_with_a_batch_of_any_size(side: int, options: dict[str, int]) -> None:
    """onnxruntime draws what torch draws, at batch sizes 1, 2, 3 and 7."""
    sample = SampleSpec((3, side, side))
    generator = awake(generator_of(sample, **options)).eval()

    model = to_onnx(generator, sample, 6)
    parity = compare(model, generator, sample, Normal(NormalOptions(size=6)))

    assert parity.batch_sizes == (1, 2, 3, 7)
    assert parity.max_difference < 1e-5


@torch.no_grad()
def test_channels_last_gives_the_same() -> None:
    """The format in which the trainer runs convolutions."""
    sample = SampleSpec((3, 28, 28))
    generator, discriminator = awake(generator_of(sample)), awake(discriminator_of(sample))
    z = torch.randn(5, 6)
    made, logits = generator(z), discriminator(generator(z)).logits

    generator, discriminator = (net.to(memory_format=torch.channels_last) for net in (generator, discriminator))

    torch.testing.assert_close(generator(z), made)
    torch.testing.assert_close(discriminator(generator(z)).logits, logits, rtol=1e-4, atol=1e-5)


# The catalog


def test_the_catalog_has_both_networks_and_says_that_verdicts_are_one_sample_s() -> None:
    spec = CATALOG.discriminators["r3gan"]

    assert spec.row_wise
    assert isinstance(spec.build(SampleSpec((1, 28, 28)), spec.options()), R3ganDiscriminator)
    assert CATALOG.generators["r3gan"].options is spec.options is R3ganOptions

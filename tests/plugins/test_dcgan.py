"""DCGAN: shapes and weights against torch's own example and the authors' code, norms by what they do."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu

from ganzoo.api import SampleSpec
from ganzoo.catalog import load_catalog
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.core.options import parse_options
from ganzoo.core.schedule import value_at
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare
from ganzoo.recipes import find_recipe, resolve
from ganzoo_dcgan.networks import DcganDiscriminator, DcganGenerator
from ganzoo_dcgan.options import DcganDiscriminatorOptions, DcganGeneratorOptions
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal

CATALOG = load_catalog()
SIDES = [8, 16, 28, 32, 48, 64, 128]
Options = DcganGeneratorOptions | DcganDiscriminatorOptions

each_side = pytest.mark.parametrize("side", SIDES)
each_kernel = pytest.mark.parametrize("kernel", [4, 5])


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


def generator_of(sample: SampleSpec, latent_size: int = 6, **options: object) -> DcganGenerator:
    return DcganGenerator(sample, latent_size, parse_options(DcganGeneratorOptions, {"width": 3} | options, ""))


def discriminator_of(sample: SampleSpec, **options: object) -> DcganDiscriminator:
    return DcganDiscriminator(sample, parse_options(DcganDiscriminatorOptions, {"width": 3} | options, ""))


def pictures(count: int, sample: SampleSpec) -> Tensor:
    return 2 * torch.rand(count, *sample.shape) - 1


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


# Shapes


@each_side
@each_kernel
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_of_many_sides_and_any_channels_fit(side: int, kernel: int, channels: int) -> None:
    """Samples have the data's shape, and the discriminator's features are the map of 4 or more pixels, flattened."""
    sample = SampleSpec((channels, side, side), num_classes=10)
    generator, discriminator = generator_of(sample, kernel=kernel), discriminator_of(sample, kernel=kernel)

    made = generator(torch.randn(2, 6))
    verdict = discriminator(made)

    base = {28: 7, 48: 6}.get(side, 4)
    assert made.shape == (2, channels, side, side)
    assert verdict.logits.shape == (2,)
    assert verdict.features.shape == (2, 3 * (side // base) // 2 * base**2)
    torch.testing.assert_close(discriminator.to_logit(verdict.features)[:, 0], verdict.logits)


def test_labels_change_nothing() -> None:
    sample, labels = SampleSpec((1, 16, 16), num_classes=10), torch.arange(2)
    generator, discriminator, z = generator_of(sample), discriminator_of(sample), torch.randn(2, 6)

    assert torch.equal(generator(z), generator(z, labels))
    assert torch.equal(discriminator(generator(z)).logits, discriminator(generator(z), labels).logits)


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 7, 7), (3, 30, 30), (3, 32, 28), (1, 36, 36), (3, 9, 9)])
def test_sides_that_doubling_never_gives_are_refused_with_some_that_fit(shape: tuple[int, int, int]) -> None:
    sample = SampleSpec(shape)
    message = f"which never gives {shape[1]}×{shape[2]}; resize the pictures, to 28, 32"

    with pytest.raises(BadData, match=message):
        generator_of(sample)
    with pytest.raises(BadData, match=message):
        discriminator_of(sample)


def test_points_are_refused() -> None:
    for build in (generator_of, discriminator_of):
        with pytest.raises(BadData, match="these samples are points; use the networks `mlp`"):
            build(SampleSpec((2,)))


@pytest.mark.parametrize("change", [{"kernel": 3}, {"width": 0}, {"norm": "layer"}, {"weight_std": -1.0}, {"depth": 2}])
def test_options_that_make_no_network_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        parse_options(DcganGeneratorOptions, change, "generator")


@torch.no_grad()
def test_pictures_end_at_black_and_white() -> None:
    generator = generator_of(SampleSpec((1, 16, 16)))
    for weight in generator.parameters():
        weight.mul_(1000)

    made = generator(torch.randn(50, 6))

    assert (float(made.min()), float(made.max())) == (-1, 1)


# Against other implementations


def test_the_defaults_at_64_pixels_are_torch_s_own_example() -> None:
    """The weights of github.com/pytorch/examples, dcgan/main.py, written out: width 64, latents of 100, no biases."""
    sample = SampleSpec((3, 64, 64))
    convolutions = 16 * (64 * 128 + 128 * 256 + 256 * 512)  # 4×4 kernels between the maps
    norms = 2 * (128 + 256 + 512)

    generator = DcganGenerator(sample, 100, DcganGeneratorOptions())
    discriminator = DcganDiscriminator(sample, DcganDiscriminatorOptions())

    assert count(generator) == 16 * 100 * 512 + convolutions + 16 * 64 * 3 + norms + 2 * 64 == 3_576_704
    assert count(discriminator) == 16 * 3 * 64 + convolutions + 16 * 512 + norms == 2_765_568


def test_width_128_and_kernel_5_are_the_authors_discriminator() -> None:
    """Of github.com/Newmu/dcgan_code, faces/train_uncond_dcgan.py; the widest map has the 1024 of figure 1."""
    discriminator = DcganDiscriminator(SampleSpec((3, 64, 64)), DcganDiscriminatorOptions(width=128, kernel=5))

    convolutions = 25 * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024)
    assert count(discriminator) == convolutions + 1024 * 4 * 4 + 2 * (256 + 512 + 1024)


def test_no_map_is_wider_than_asked_for() -> None:
    """At 256 pixels, 64 channels doubled five times would be 2048."""
    options = DcganDiscriminatorOptions(widest=100)
    network = DcganDiscriminator(SampleSpec((3, 64, 64)), options)

    widths = [layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)]

    assert widths == [64, 100, 100, 100]


@torch.no_grad()
def test_the_generator_is_a_stack_of_transposed_convolutions() -> None:
    """The projection is a 4×4 kernel on a map of one pixel, as in torch's example; norms written out."""
    generator, z = generator_of(SampleSpec((2, 16, 16)), norm="batch"), torch.randn(5, 6)
    project, up = generator.project.weight, [m for m in generator.modules() if isinstance(m, nn.ConvTranspose2d)]
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]

    def active(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
        x = (x - mean) / (variance + norm.eps).sqrt()
        return (x * norm.weight[:, None, None] + norm.bias[:, None, None]).relu()

    x = conv_transpose2d(z[:, :, None, None], project.T.reshape(6, 6, 4, 4))
    x = conv_transpose2d(active(x, norms[0]), up[0].weight, stride=2, padding=1)
    x = conv_transpose2d(active(x, norms[1]), up[1].weight, stride=2, padding=1)

    torch.testing.assert_close(generator.train()(z), x.tanh())


@torch.no_grad()
def test_a_critic_is_a_stack_of_strided_convolutions() -> None:
    """Without norm, with biases; the logit is a 4×4 kernel on the last map."""
    sample = SampleSpec((2, 16, 16))
    critic, x = discriminator_of(sample, norm="none", weight_std=0.0), pictures(5, sample)

    expected = x
    for layer in (m for m in critic.modules() if isinstance(m, nn.Conv2d)):
        expected = leaky_relu(conv2d(expected, layer.weight, layer.bias, stride=2, padding=1), 0.2)
    expected = conv2d(expected, critic.to_logit.weight.reshape(1, 6, 4, 4), critic.to_logit.bias)

    torch.testing.assert_close(critic(x).logits, expected[:, 0, 0, 0])


# First weights


@torch.no_grad()
def test_first_weights_are_those_of_the_paper() -> None:
    """N(0, 0.02²), batch norm's N(1, 0.02²); within 6 standard errors, and no bias but 0."""
    sample = SampleSpec((3, 64, 64))
    networks = [
        DcganGenerator(sample, 100, DcganGeneratorOptions()),
        DcganDiscriminator(sample, DcganDiscriminatorOptions()),
    ]
    for network in networks:
        for name, layer in network.named_modules():
            weight = getattr(layer, "weight", None)
            if weight is None:
                continue
            mean = 1 if isinstance(layer, nn.BatchNorm2d) else 0
            spread = 6 / weight.numel() ** 0.5
            assert float(weight.mean()) == pytest.approx(mean, abs=0.02 * spread), name
            assert float(weight.std()) == pytest.approx(0.02, rel=spread), name
            assert layer.bias is None or float(layer.bias.abs().max()) == 0, name


def test_a_std_of_0_keeps_torch_s_initialisation() -> None:
    torch.manual_seed(3)
    plain = nn.Conv2d(1, 3, 4, 2, 1)
    torch.manual_seed(3)
    critic = discriminator_of(SampleSpec((1, 16, 16)), norm="none", weight_std=0.0)

    assert torch.equal(next(critic.parameters()), plain.weight)


@pytest.mark.parametrize(("norm", "biased"), [("batch", 0), ("none", 3)])
def test_layers_have_biases_only_where_no_norm_is_asked_for(norm: str, biased: int) -> None:
    sample = SampleSpec((1, 16, 16))  # projection or logit, and two convolutions
    for network in (generator_of(sample, norm=norm), discriminator_of(sample, norm=norm)):
        layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
        assert sum(layer.bias is not None for layer in layers) == biased


# Norms


def judged_alone(discriminator: nn.Module, samples: Tensor) -> Tensor:
    return torch.cat([discriminator(each[None]).logits for each in samples])


@torch.no_grad()
@pytest.mark.parametrize("norm", ["none", "layer"])
def test_a_critic_judges_each_sample_by_itself_even_while_it_trains(norm: str) -> None:
    sample = SampleSpec((3, 32, 32))
    critic, samples = discriminator_of(sample, norm=norm, weight_std=0.2).train(), pictures(4, sample)

    torch.testing.assert_close(critic(samples).logits, judged_alone(critic, samples))


@torch.no_grad()
def test_batch_norm_shows_the_discriminator_the_whole_batch() -> None:
    """In training; that is why it is no critic, and why real and fake samples are judged in passes of their own."""
    sample = SampleSpec((3, 32, 32))
    discriminator, samples = discriminator_of(sample, weight_std=0.2).train(), pictures(4, sample)

    assert not CATALOG.discriminators["dcgan"].row_wise
    assert (discriminator(samples).logits - judged_alone(discriminator, samples)).abs().max() > 0.01
    discriminator.eval()
    torch.testing.assert_close(discriminator(samples).logits, judged_alone(discriminator, samples))


@torch.no_grad()
def test_the_discriminator_s_first_layer_has_no_norm() -> None:
    """With 8 pixels it is the only one, so every sample is judged by itself, and brighter pictures stay brighter."""
    sample = SampleSpec((1, 8, 8))
    discriminator, samples = discriminator_of(sample).train(), pictures(4, sample)

    torch.testing.assert_close(discriminator(samples).logits, judged_alone(discriminator, samples))
    torch.testing.assert_close(discriminator(3 * samples).logits, 3 * discriminator(samples).logits)


@torch.no_grad()
def test_layer_norm_forgets_the_scale_of_a_sample() -> None:
    sample = SampleSpec((1, 16, 16))
    critic, samples = discriminator_of(sample, norm="layer", weight_std=0.5), pictures(4, sample)

    torch.testing.assert_close(critic(3 * samples).logits, critic(samples).logits, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_a_trained_generator_draws_a_sample_whatever_the_batch() -> None:
    """After training steps have moved batch norm's averages; in eval mode."""
    generator = generator_of(SampleSpec((1, 28, 28)), weight_std=0.3)
    for _ in range(5):
        generator.train()(torch.randn(20, 6))
    z = torch.randn(7, 6)

    together = generator.eval()(z)

    torch.testing.assert_close(torch.cat([generator(row[None]) for row in z]), together)


@pytest.mark.parametrize(("side", "kernel", "norm"), [(28, 4, "batch"), (32, 5, "batch"), (48, 5, "none")])
def test_the_generator_exports_with_a_batch_of_any_size(side: int, kernel: int, norm: str) -> None:
    """onnxruntime draws what torch draws, at batch sizes 1, 2, 3 and 7, after training has moved the averages."""
    sample = SampleSpec((3, side, side))
    generator = generator_of(sample, kernel=kernel, norm=norm, weight_std=0.3)
    generator.train()(torch.randn(20, 6))

    model = to_onnx(generator.eval(), sample, 6)
    parity = compare(model, generator, sample, Normal(NormalOptions(size=6)))

    assert parity.batch_sizes == (1, 2, 3, 7)
    assert parity.max_difference < 1e-5


# Gradients


@each_kernel
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_every_weight_learns(kernel: int, norm: str) -> None:
    """A generator's through the discriminator as well; nothing is cut off or left unused."""
    sample = SampleSpec((1, 28, 28))
    generator = generator_of(sample, kernel=kernel, weight_std=0.2)
    discriminator = discriminator_of(sample, kernel=kernel, norm=norm, weight_std=0.2)

    discriminator(generator(torch.randn(8, 6))).logits.square().sum().backward()

    for network in (generator, discriminator):
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_a_critic_s_slope_can_be_penalised(norm: str) -> None:
    """The second derivative reaches every weight of its layers, and agrees with finite differences."""
    sample = SampleSpec((1, 16, 16))
    critic = discriminator_of(sample, norm=norm, weight_std=0.3).double()
    samples = pictures(2, sample).double().requires_grad_()
    weight = next(critic.parameters())

    def slope() -> Tensor:
        (gradient,) = torch.autograd.grad(critic(samples).logits.sum(), samples, create_graph=True)
        return gradient.square().sum()

    (found,) = torch.autograd.grad(slope(), weight)
    step = torch.zeros_like(weight)
    step[0, 0, 1, 2] = 1e-6
    with torch.no_grad():
        weight += step
    above = float(slope().detach())
    with torch.no_grad():
        weight -= 2 * step
    below = float(slope().detach())

    assert float(found[0, 0, 1, 2]) == pytest.approx((above - below) / 2e-6, rel=1e-3)


# Recipes


def test_the_recipe_has_the_settings_of_the_authors_mnist_script() -> None:
    """github.com/Newmu/dcgan_code, mnist/train_cond_dcgan.py: 200 epochs; each player sees every other batch."""
    config = resolve(find_recipe("dcgan", CATALOG), CATALOG)

    assert (config.batch_size, config.d_steps, config.loss.name) == (128, 1, "non-saturating")
    assert (config.latents.name, config.latents.options) == ("uniform", {"size": 100, "bound": 1.0})
    for player in (config.generator, config.discriminator):
        assert (player.options["width"], player.options["kernel"], player.options["norm"]) == (64, 5, "batch")
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.name, optimizer.betas, optimizer.weight_decay) == ("adam", (0.5, 0.999), 2.5e-5)
        rates = [value_at(optimizer.learning_rate, step) for step in (0, 19_500, 29_250, 39_000)]
        np.testing.assert_allclose(rates, [2e-4, 2e-4, 1e-4, 0])
    assert config.total_steps(50_000) == 39_000  # 100 passes over 50 000 pictures in batches of 128


@torch.no_grad()
def test_the_small_recipe_is_small() -> None:
    """Fewer than 150,000 weights in both networks together."""
    config = resolve(find_recipe("dcgan-small", CATALOG), CATALOG)
    generator, discriminator = CATALOG.generators["dcgan"], CATALOG.discriminators["dcgan"]
    sample = SampleSpec((1, 28, 28))

    weights = count(
        generator.build(
            sample, config.latents.options["size"], parse_options(generator.options, config.generator.options, "")
        )
    ) + count(discriminator.build(sample, parse_options(discriminator.options, config.discriminator.options, "")))

    assert weights < 150_000

"""SNGAN and SAGAN: spectral norms against numpy's singular values, attention and blocks written out by hand."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, batch_norm, conv2d, interpolate
from torch.nn.utils import parametrizations

from ganzoo.api import NoOptions, SampleSpec
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Play, TorchNoise, Verdict
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.core.options import parse_options
from ganzoo.core.schedule import value_at
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare
from ganzoo.recipes import find_recipe, resolve
from ganzoo.training.state import MovingAverage
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal
from ganzoo_sngan.blocks import SelfAttention
from ganzoo_sngan.losses import Hinge
from ganzoo_sngan.networks import ResnetDiscriminator, ResnetGenerator
from ganzoo_sngan.options import ResnetDiscriminatorOptions, ResnetGeneratorOptions
from ganzoo_sngan.spectral import LAYERS, add_spectral_norm

CATALOG = load_catalog()
SIDES = [28, 32, 48, 64, 128]
SMALL = SampleSpec((1, 16, 16))

each_layer = pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(7, 5),
        lambda: nn.Conv2d(3, 4, 3),
        lambda: nn.Conv2d(40, 2, 3),
        lambda: nn.ConvTranspose2d(3, 5, 4),
        lambda: nn.Conv1d(2, 6, 5),
        lambda: nn.Embedding(6, 4),
        lambda: nn.Linear(9, 1),
    ],
    ids=["linear", "convolution", "wide", "transposed", "one-dimensional", "embedding", "row"],
)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


def generator_of(sample: SampleSpec, latent_size: int = 6, **options: object) -> ResnetGenerator:
    return ResnetGenerator(sample, latent_size, parse_options(ResnetGeneratorOptions, {"width": 3} | options, ""))


def discriminator_of(sample: SampleSpec, **options: object) -> ResnetDiscriminator:
    return ResnetDiscriminator(sample, parse_options(ResnetDiscriminatorOptions, {"width": 3} | options, ""))


def pictures(count: int, sample: SampleSpec) -> Tensor:
    return 2 * torch.rand(count, *sample.shape) - 1


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def layers_of(network: nn.Module) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, LAYERS)]


def as_matrix(layer: nn.Module, weight: Tensor) -> np.ndarray:
    """One row for each output of the layer."""
    array = weight.detach().numpy()
    if isinstance(layer, nn.ConvTranspose2d):
        array = np.swapaxes(array, 0, 1)
    return array.reshape(len(array), -1)


def spectral_norm_of(layer: nn.Module) -> float:
    """Of the weight that the layer uses, by numpy's singular values."""
    return float(np.linalg.svd(as_matrix(layer, layer.weight), compute_uv=False)[0])


def original(layer: nn.Module) -> nn.Parameter:
    return layer.parametrizations.weight.original


def vector(layer: nn.Module) -> Tensor:
    """The u that the layer keeps."""
    return layer.parametrizations.weight[0].u


def shaken(network: nn.Module, size: float = 0.3) -> None:
    """Move every weight by a random step of that size, relative to the weights' own."""
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:
                weight.add_(torch.randn_like(weight), alpha=size * float(weight.std()))


# Spectral norm


@each_layer
def test_a_layer_is_divided_by_its_largest_singular_value(make: Callable[[], nn.Module]) -> None:
    """At once, as the first vector is exact, and with the weights' own direction."""
    layer = make()
    before = as_matrix(layer, layer.weight)

    add_spectral_norm(layer)

    expected = before / np.linalg.svd(before, compute_uv=False)[0]
    np.testing.assert_allclose(as_matrix(layer, layer.weight), expected, rtol=1e-4, atol=1e-6)


@each_layer
def test_power_iteration_finds_the_norm_from_any_vector(make: Callable[[], nn.Module]) -> None:
    """One step for each pass in training, here 200; from there on it follows weights that change slowly."""
    layer = add_spectral_norm(make())
    vector(layer).copy_(nn.functional.normalize(torch.randn_like(vector(layer)), dim=0))

    for _ in range(200):
        layer.weight  # noqa: B018 - a pass
    assert spectral_norm_of(layer) == pytest.approx(1, abs=1e-3)
    for _ in range(50):
        shaken(layer, size=0.01)
        layer.weight  # noqa: B018

    assert spectral_norm_of(layer) == pytest.approx(1, abs=0.02)


def test_the_scale_of_a_weight_does_not_matter() -> None:
    layer = add_spectral_norm(nn.Conv2d(3, 4, 3))
    before = layer.weight.detach().clone()

    with torch.no_grad():
        original(layer).mul_(1e4)

    torch.testing.assert_close(layer.weight, before)


def test_the_gradient_has_a_closed_form() -> None:
    """Of <A, W / σ>: (A - <A, W / σ> uvᵀ) / σ, with numpy's u, v and σ."""
    layer, a = add_spectral_norm(nn.Linear(6, 4).double()), torch.randn(4, 6).double()

    (layer.weight * a).sum().backward()

    weight = original(layer).detach().numpy()
    left, sigma, right = np.linalg.svd(weight)
    along = (a.numpy() * weight / sigma[0]).sum()
    expected = (a.numpy() - along * np.outer(left[:, 0], right[0])) / sigma[0]
    np.testing.assert_allclose(original(layer).grad.numpy(), expected, rtol=1e-6, atol=1e-9)


def test_the_vector_moves_in_training_alone() -> None:
    layer = add_spectral_norm(nn.Linear(6, 4))
    shaken(layer, size=1.0)
    before = vector(layer).clone()

    layer.eval()(torch.randn(2, 6))
    assert torch.equal(vector(layer), before)
    layer.train()(torch.randn(2, 6))

    assert not torch.equal(vector(layer), before)


def test_the_vector_is_part_of_the_state() -> None:
    """A network that goes on from a checkpoint computes the very same."""
    one, other = (add_spectral_norm(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))) for _ in range(2))
    shaken(one, size=1.0)
    x = torch.randn(2, 6)

    other.load_state_dict(one.state_dict())

    assert torch.equal(one(x), other(x))
    assert torch.equal(one(x), other(x))  # of a second step of power iteration


@torch.no_grad()
def norm_of_the_average(add: Callable[[nn.Module], object]) -> float:
    """Of a matrix I + 2 rrᵀ whose direction r turns steadily, and with it its first singular vectors."""
    layer = nn.Linear(2, 2, bias=False)
    add(layer)
    average = MovingAverage(layer)
    for step in range(200):
        r = torch.tensor([np.cos(0.05 * step), np.sin(0.05 * step)]).float()
        original(layer).copy_(torch.eye(2) + 2 * torch.outer(r, r))
        layer.weight  # noqa: B018 - a pass
        average.update(step, 0.98)
    assert spectral_norm_of(layer) == pytest.approx(1, abs=0.01)
    return spectral_norm_of(average.network)


def test_an_averaged_network_still_has_spectral_norm() -> None:
    """Within 2 %; averaged vectors are shorter than 1, and torch's own norm takes them as they are."""
    assert norm_of_the_average(add_spectral_norm) == pytest.approx(1, abs=0.02)
    assert norm_of_the_average(parametrizations.spectral_norm) > 2


def test_a_layer_of_zeros_stays_finite() -> None:
    layer = nn.Linear(3, 2)
    nn.init.zeros_(layer.weight)

    add_spectral_norm(layer)(torch.randn(4, 3)).sum().backward()

    assert layer.weight.isfinite().all() and original(layer).grad.isfinite().all()


def test_the_norm_is_found_in_float32_where_networks_are_not() -> None:
    """Under autocast to 16 bits, which have three digits."""
    layer = add_spectral_norm(nn.Conv2d(16, 32, 3))

    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(20):
            layer(torch.randn(2, 16, 5, 5))
        weight = layer.weight

    assert weight.dtype == vector(layer).dtype == torch.float32
    assert np.linalg.svd(as_matrix(layer, weight), compute_uv=False)[0] == pytest.approx(1, abs=1e-4)


def test_two_passes_of_one_update_can_both_be_differentiated() -> None:
    """The second moves the vector that the first has used."""
    layer = add_spectral_norm(nn.Linear(6, 1))
    shaken(layer, size=1.0)

    (layer(torch.randn(4, 6)).mean() - layer(torch.randn(4, 6)).mean()).backward()

    assert original(layer).grad.isfinite().all()


# The wrapper


def wrapped(name: str, sample: SampleSpec, **options: object) -> nn.Module:
    spec = CATALOG.discriminators[name]
    made = parse_options(spec.options, options, name)
    return CATALOG.wrappers["spectral-norm"].build(lambda inside: spec.build(inside, made), sample, NoOptions())


@pytest.mark.parametrize(
    ("name", "sample", "options"),
    [
        ("dcgan", SampleSpec((3, 16, 16)), {"norm": "none", "width": 4}),
        ("mlp", SampleSpec((2,)), {}),
        ("maxout", SampleSpec((1, 8, 8)), {}),
        ("resnet", SMALL, {"norm": "none", "width": 4, "attention": 8}),
        ("resnet", SMALL, {"width": 4}),
    ],
)
def test_the_wrapper_norms_every_layer_of_any_discriminator_once(
    name: str, sample: SampleSpec, options: dict[str, object]
) -> None:
    network = wrapped(name, sample, **options)
    layers = layers_of(network)

    assert len(layers) >= 2
    assert all(len(layer.parametrizations.weight) == 1 for layer in layers)
    assert [spectral_norm_of(layer) for layer in layers] == pytest.approx([1] * len(layers), abs=1e-3)
    assert all(weight.grad is None for weight in network.parameters())


@torch.no_grad()
@pytest.mark.parametrize("name", ["dcgan", "resnet"])
def test_a_verdict_depends_on_no_other_sample(name: str) -> None:
    """Nor does the vector: what trains on other samples from the same weights is the same discriminator."""
    options = {"norm": "none", "width": 4}
    one = wrapped(name, SMALL, **options).train()
    shaken(one, size=1.0)
    other, samples = deepcopy(one), pictures(5, SMALL)

    alone, among_others = one(samples[:1]), other(torch.cat([samples, 100 * samples]))

    torch.testing.assert_close(alone.logits, among_others.logits[:1])
    assert all(torch.equal(a, b) for a, b in zip(one.buffers(), other.buffers(), strict=True))
    assert CATALOG.wrappers["spectral-norm"].row_wise and CATALOG.discriminators["resnet"].row_wise


@torch.no_grad()
def test_a_perceptron_with_spectral_norm_is_nowhere_steeper_than_1() -> None:
    """Its activations are not, and its layers are not; without the norm it is."""
    sample = SampleSpec((4,))
    x = torch.randn(500, 4)
    y = x + 0.1 * torch.randn(500, 4)
    plain = CATALOG.discriminators["mlp"].build(sample, CATALOG.discriminators["mlp"].options())
    for weight in plain.parameters():
        weight.mul_(20)

    def steepest(network: nn.Module) -> float:
        network.eval()
        return float(((network(x).logits - network(y).logits).abs() / (x - y).norm(dim=1)).max())

    assert steepest(plain) > 10
    assert 0 < steepest(add_spectral_norm(plain)) <= 1.001


# The hinge loss


def play_of(real: Tensor | None, fake: Tensor) -> Play:
    nothing = torch.zeros(len(fake), 1)
    batch = Batch(nothing, None, nothing, TorchNoise(len(fake)))
    return Play(batch, nothing, None if real is None else Verdict(real), Verdict(fake))


@pytest.mark.parametrize(
    ("real", "fake", "on_real", "on_fake", "for_generator"),
    [
        ([0.0], [0.0], 1.0, 1.0, 0.0),
        ([1.0], [-1.0], 0.0, 0.0, 1.0),
        ([5.0, -2.0], [-7.0, 3.0], 1.5, 2.0, 2.0),
        ([0.5, 0.0, 2.0], [-0.5, -0.25, -2.0], 0.5, 1.25 / 3, 2.75 / 3),
    ],
)
def test_the_hinge_loss_has_known_values(
    real: list[float], fake: list[float], on_real: float, on_fake: float, for_generator: float
) -> None:
    play = play_of(torch.tensor(real), torch.tensor(fake))

    terms = {name: float(value) for name, value in Hinge().discriminator(play).items()}

    assert terms == pytest.approx({"real": on_real, "fake": on_fake})
    assert float(Hinge().generator(play_of(None, torch.tensor(fake)))["fake"]) == pytest.approx(for_generator)


def test_what_is_beyond_its_margin_teaches_the_discriminator_nothing_and_the_generator_still() -> None:
    real = torch.tensor([-3.0, 0.9, 1.1, 50.0], requires_grad=True)
    fake = torch.tensor([3.0, -0.9, -1.1, -50.0], requires_grad=True)

    terms = Hinge().discriminator(play_of(real, fake))
    raised, lowered = torch.autograd.grad(terms["real"] + terms["fake"], (real, fake))
    (wanted,) = torch.autograd.grad(Hinge().generator(play_of(None, fake))["fake"], fake)

    assert raised.tolist() == [-0.25, -0.25, 0, 0]
    assert lowered.tolist() == [0.25, 0.25, 0, 0]
    assert wanted.tolist() == [-0.25] * 4
    assert Hinge.logits_are_scores and not Hinge.needs_real_for_generator


@given(st.lists(st.integers(1, 20), min_size=2, max_size=5), st.integers(0, 10_000))
def test_the_best_discriminator_s_loss_tells_the_total_variation(weights: list[int], seed: int) -> None:
    """On discrete distributions p and q it is 2 - 2 TV(p, q) = 2 Σ min(p, q): 2 where they are equal, 0 where apart."""
    p = np.array(weights) / sum(weights)
    q = np.random.default_rng(seed).permutation(p)
    logits = torch.linspace(-2, 2, 17)

    def best_at(place: int) -> float:
        """The least of both terms, weighted, over what the discriminator may say there."""
        values = [Hinge().discriminator(play_of(logit[None], logit[None])) for logit in logits]
        return min(float(p[place] * each["real"] + q[place] * each["fake"]) for each in values)

    assert sum(map(best_at, range(len(p)))) == pytest.approx(2 - abs(p - q).sum(), abs=1e-5)


# Self-attention


@torch.no_grad()
def test_attention_is_a_softmax_over_places() -> None:
    """Written out in numpy: keys and values are the largest of 2×2 places, queries are not scaled."""
    layer, maps = SelfAttention(16), torch.randn(3, 16, 6, 6)
    layer.gamma.fill_(0.7)
    query, key, value, out = (
        each.weight.numpy()[:, :, 0, 0] for each in (layer.query, layer.key, layer.value, layer.out)
    )
    expected = []
    for x in maps.numpy():
        k, v = (np.einsum("oc,cyx->oyx", w, x).reshape(-1, 3, 2, 3, 2).max((2, 4)).reshape(-1, 9) for w in (key, value))
        scores = (query @ x.reshape(16, 36)).T @ k  # [36 places, 9 places]
        shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        expected.append(x + 0.7 * (out @ (v @ shares.T)).reshape(16, 6, 6))

    np.testing.assert_allclose(layer(maps).numpy(), np.stack(expected), rtol=1e-4, atol=1e-5)
    assert (len(query), len(key), len(value)) == (2, 2, 8)


@torch.no_grad()
@pytest.mark.parametrize(("width", "side"), [(16, 8), (3, 7), (1, 2)])
def test_attention_starts_as_the_identity(width: int, side: int) -> None:
    maps = torch.randn(2, width, side, side)

    assert torch.equal(SelfAttention(width)(maps), maps)


@torch.no_grad()
def test_attention_sees_every_place_of_an_odd_side() -> None:
    """The last row and column too: what a single pixel there becomes is seen from the other corner."""
    layer, maps = SelfAttention(8), torch.zeros(1, 8, 7, 7)
    layer.gamma.fill_(1.0)
    layer.value.weight.abs_()
    before = layer(maps)[0, :, 0, 0]

    maps[0, :, 6, 6] = 5

    assert (layer(maps)[0, :, 0, 0] - before).abs().sum() > 0.1


def test_attention_learns_how_much_to_see_and_then_what() -> None:
    """γ from the first step on, and all else once it is not 0."""
    layer, maps = SelfAttention(8), torch.randn(2, 8, 4, 4)

    layer(maps).square().sum().backward()
    assert layer.gamma.grad.abs() > 0
    with torch.no_grad():
        layer.gamma.fill_(0.5)
    layer(maps).square().sum().backward()

    assert all(weight.grad.abs().sum() > 0 for weight in layer.parameters())


# Shapes


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_many_sides_and_any_channels_fit(side: int, channels: int) -> None:
    sample = SampleSpec((channels, side, side), num_classes=10)
    attention = {28: 14, 48: 12}.get(side, 16)
    generator = generator_of(sample, attention=attention, spectral_norm=True)
    discriminator = discriminator_of(sample, attention=attention)

    made = generator(torch.randn(2, 6))
    verdict = discriminator(made)

    assert made.shape == (2, channels, side, side)
    assert verdict.logits.shape == (2,)
    assert verdict.features.shape == (2, 3 * side // {28: 14, 48: 12}.get(side, 8))
    assert sum(isinstance(layer, SelfAttention) for layer in generator.modules()) == 1
    assert sum(isinstance(layer, SelfAttention) for layer in discriminator.modules()) == 1


@pytest.mark.parametrize("shape", [(3, 30, 40), (3, 40, 30), (1, 4, 4), (3, 30, 30), (1, 36, 36)])
def test_sides_that_doubling_never_gives_are_refused_with_some_that_fit(shape: tuple[int, int, int]) -> None:
    message = f"which never gives {shape[1]}×{shape[2]}; resize the pictures, to 28, 32"

    for build in (generator_of, discriminator_of):
        with pytest.raises(BadData, match=message):
            build(SampleSpec(shape))
    with pytest.raises(BadData, match=message):
        discriminator_of(SampleSpec(shape), halvings=1)


def test_points_are_refused() -> None:
    for build in (generator_of, discriminator_of):
        with pytest.raises(BadData, match="these samples are points; use the networks `mlp`"):
            build(SampleSpec((2,)))


def test_attention_at_a_side_that_no_map_has_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        BadSetting, match="No map has a side of 10 pixels for self-attention; set attention to 8 or 16, or to 0"
    ):
        generator_of(SMALL, attention=10)
    with pytest.raises(
        BadSetting, match="No map has a side of 16 pixels for self-attention; set attention to 8 or 4, or to 0"
    ):
        discriminator_of(SMALL, attention=16)


def test_more_halvings_than_the_side_allows_are_refused() -> None:
    with pytest.raises(BadSetting, match="A side of 28 pixels can be halved 2 times, not 3; set halvings to 2"):
        discriminator_of(SampleSpec((1, 28, 28)), halvings=3)

    assert discriminator_of(SMALL, halvings=4)(pictures(2, SMALL)).logits.shape == (2,)


@pytest.mark.parametrize("change", [{"width": 0}, {"attention": -1}, {"norm": "batch"}, {"flat": -1}, {"depth": 2}])
def test_options_that_make_no_network_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        parse_options(ResnetDiscriminatorOptions, change, "discriminator")


def test_labels_change_nothing() -> None:
    generator, discriminator, z = generator_of(SMALL).eval(), discriminator_of(SMALL).eval(), torch.randn(2, 6)
    labels = torch.arange(2)

    assert torch.equal(generator(z), generator(z, labels))
    assert torch.equal(discriminator(generator(z)).logits, discriminator(generator(z), labels).logits)


# Against the authors' networks


def recipe_networks(name: str) -> tuple[nn.Module, nn.Module]:
    """A recipe's networks for CIFAR-10."""
    config, sample = resolve(find_recipe(name, CATALOG), CATALOG), SampleSpec((3, 32, 32))
    generator, discriminator = CATALOG.generators["resnet"], CATALOG.discriminators["resnet"]
    return (
        generator.build(sample, 128, parse_options(generator.options, config.generator.options, "")),
        discriminator.build(sample, parse_options(discriminator.options, config.discriminator.options, "")),
    )


def test_the_recipe_s_networks_have_the_authors_weights() -> None:
    """github.com/pfnet-research/sngan_projection, gen_models/resnet_32.py, dis_models/snresnet_32.py, written out."""
    generator, discriminator = recipe_networks("sngan")

    def kernel(before: int, after: int, side: int = 3) -> int:
        return before * after * side**2 + after

    up = 2 * kernel(256, 256) + kernel(256, 256, 1) + 4 * 256
    assert count(generator) == 129 * 4 * 4 * 256 + 3 * up + 2 * 256 + kernel(256, 3)
    flat = 2 * kernel(128, 128)
    halving = flat + kernel(128, 128, 1)
    first = kernel(3, 128) + kernel(128, 128) + kernel(3, 128, 1)
    assert count(discriminator) == first + halving + 2 * flat + 128 + 1
    assert discriminator(pictures(2, SampleSpec((3, 32, 32)))).features.shape == (2, 128)


@torch.no_grad()
@pytest.mark.parametrize("name", ["sngan", "sagan"])
def test_every_layer_of_the_recipes_discriminators_has_spectral_norm_and_no_batch_norm(name: str) -> None:
    generator, discriminator = recipe_networks(name)

    assert all(len(layer.parametrizations.weight) == 1 for layer in layers_of(discriminator))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in discriminator.modules())
    normed = [hasattr(layer, "parametrizations") for layer in layers_of(generator)]
    assert all(normed) if name == "sagan" else not any(normed)


@torch.no_grad()
def test_the_generator_is_a_stack_of_residual_blocks() -> None:
    """As the authors write it, with the shortcut's convolution after the doubling; norms in training."""
    network, z = generator_of(SMALL).train(), torch.randn(5, 6)

    def active(maps: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        return batch_norm(maps, None, None, norm.weight, norm.bias, training=True).relu()

    def convolved(maps: Tensor, layer: nn.Conv2d) -> Tensor:
        return conv2d(maps, layer.weight, layer.bias, padding=layer.kernel_size[0] // 2)

    maps = (z @ network.project.weight.T + network.project.bias).reshape(5, 12, 4, 4)
    for block in network.upsample:
        first, second = (each for each in block.residual if isinstance(each, nn.Conv2d))
        before, after = (each for each in block.residual if isinstance(each, nn.BatchNorm2d))
        (across,) = (each for each in block.shortcut if isinstance(each, nn.Conv2d))
        across.bias.normal_()
        doubled = convolved(interpolate(active(maps, before), scale_factor=2), first)
        maps = convolved(active(doubled, after), second) + convolved(interpolate(maps, scale_factor=2), across)
    expected = convolved(active(maps, network.activate[0]), network.to_picture).tanh()

    torch.testing.assert_close(network(z), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_discriminator_is_a_stack_of_residual_blocks() -> None:
    """As the authors write it: shortcuts are pooled after their convolution, but in the first block."""
    network, x = discriminator_of(SMALL, norm="none"), pictures(5, SMALL)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    for layer in convolutions:
        layer.bias.normal_()
    a, b, c, d, e, f, g, h = convolutions  # two of the residual, one of the shortcut where there is one

    def convolved(maps: Tensor, layer: nn.Conv2d) -> Tensor:
        return conv2d(maps, layer.weight, layer.bias, padding=layer.kernel_size[0] // 2)

    maps = avg_pool2d(convolved(convolved(x, a).relu(), b), 2) + convolved(avg_pool2d(x, 2), c)
    maps = avg_pool2d(convolved(convolved(maps.relu(), d).relu(), e) + convolved(maps, f), 2)
    maps = convolved(convolved(maps.relu(), g).relu(), h) + maps
    features = maps.relu().sum((2, 3))

    verdict = network(x)
    torch.testing.assert_close(verdict.features, features, rtol=1e-4, atol=1e-4)
    expected = features @ network.to_logit.weight[0] + network.to_logit.bias
    torch.testing.assert_close(verdict.logits, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_first_weights_are_glorot_s() -> None:
    """U(-a, a) with a² = 6 g² / (inputs + outputs), g² = 2 for 3×3 convolutions of blocks; biases of 0."""
    network = generator_of(SMALL, width=32)
    for layer, gain in ((network.upsample[0].residual[3], 2), (network.upsample[0].shortcut[0], 1)):
        outputs, inputs, *kernel = layer.weight.shape
        bound = (6 * gain / ((inputs + outputs) * np.prod(kernel))) ** 0.5
        assert float(layer.weight.abs().max()) == pytest.approx(bound, rel=0.01)
        assert float(layer.weight.std()) == pytest.approx(bound / 3**0.5, rel=0.05)
        assert layer.bias.abs().max() == 0


# What the host does with networks


FULL = {"attention": 8, "spectral_norm": True}


def trained(network: nn.Module, *inputs: Tensor) -> nn.Module:
    """After some passes in training with other weights each time, attention switched on; in eval mode."""
    network.train()
    for _ in range(3):
        shaken(network)
        network(*inputs)
    for layer in network.modules():
        if isinstance(layer, SelfAttention):
            layer.gamma.data.fill_(0.5)
    return network.eval()


@pytest.mark.parametrize(
    ("side", "options"),
    [(28, {"attention": 14, "spectral_norm": True}), (32, {})],
)
def test_the_generator_exports_with_a_batch_of_any_size(side: int, options: dict[str, object]) -> None:
    """onnxruntime draws what torch draws, at batch sizes 1, 2, 3 and 7, after training has moved all that it moves."""
    sample = SampleSpec((3, side, side))
    generator = trained(generator_of(sample, **options), torch.randn(20, 6))

    parity = compare(to_onnx(generator, sample, 6), generator, sample, Normal(NormalOptions(size=6)))

    assert parity.batch_sizes == (1, 2, 3, 7)
    assert parity.max_difference < 1e-5


@torch.no_grad()
def test_drawing_changes_nothing_and_a_sample_depends_on_its_latents_alone() -> None:
    generator, z = trained(generator_of(SMALL, **FULL), torch.randn(20, 6)), torch.randn(7, 6)
    state = {name: value.clone() for name, value in generator.state_dict().items()}

    together = generator(z)

    torch.testing.assert_close(torch.cat([generator(row[None]) for row in z]), together, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, state[name]) for name, value in generator.state_dict().items())


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_channels_last_changes_the_memory_and_no_number(player: str) -> None:
    """Nor a gradient."""
    plain = generator_of(SMALL, **FULL) if player == "generator" else discriminator_of(SMALL, attention=8)
    plain = trained(plain, torch.randn(4, 6) if player == "generator" else pictures(4, SMALL)).double()
    last, samples = deepcopy(plain).to(memory_format=torch.channels_last), pictures(3, SMALL).double()
    z, taken = torch.randn(3, 6).double(), samples.contiguous(memory_format=torch.channels_last)

    one, other = (plain(z), last(z)) if player == "generator" else (plain(samples).logits, last(taken).logits)
    one.square().sum().backward()
    other.square().sum().backward()

    torch.testing.assert_close(one, other)
    for a, b in zip(plain.parameters(), last.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_every_weight_learns() -> None:
    """A generator's through the discriminator as well; nothing is cut off or left unused."""
    generator = trained(generator_of(SMALL, **FULL), torch.randn(4, 6)).train()
    discriminator = trained(discriminator_of(SMALL, attention=8), pictures(4, SMALL)).train()

    discriminator(generator(torch.randn(8, 6))).logits.square().sum().backward()

    followed_by_batch_norm = ("project.bias", "residual.3.bias")  # which takes their mean away
    for network in (generator, discriminator):
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().sum() > 0 or name.endswith(followed_by_batch_norm), name


def test_a_critic_s_slope_can_be_penalised() -> None:
    """The second derivative goes through spectral norm and attention, and agrees with finite differences."""
    critic = trained(discriminator_of(SMALL, attention=8), pictures(4, SMALL)).double()
    samples, weight = pictures(2, SMALL).double().requires_grad_(), original(critic.downsample[0].residual[0])
    for layer in layers_of(critic):  # exact, so that one step of power iteration moves none of them
        vector(layer).copy_(torch.linalg.svd(layer.weight.detach().flatten(1))[0][:, 0])

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


def test_the_recipe_has_the_authors_settings() -> None:
    """github.com/pfnet-research/sngan_projection, configs/sn_cifar10_unconditional.yml."""
    config = resolve(find_recipe("sngan", CATALOG), CATALOG)

    assert (config.dataset.name, config.steps, config.batch_size, config.d_steps) == ("cifar10", 50_000, 64, 5)
    assert (config.loss.name, config.latents.name, config.latents.options["size"]) == ("hinge", "normal", 128)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert (optimizer.name, optimizer.betas) == ("adam", (0.0, 0.9))
        rates = [value_at(optimizer.learning_rate, step) for step in (0, 25_000, 50_000)]
        np.testing.assert_allclose(rates, [2e-4, 1e-4, 0], atol=1e-12)


def test_the_self_attention_recipe_has_two_learning_rates() -> None:
    """Zhang et al. (2018), section 5: 0.0001 and 0.0004, Adam (0, 0.9), one step for each player."""
    config = resolve(find_recipe("sagan", CATALOG), CATALOG)

    assert (config.d_steps, config.loss.name) == (1, "hinge")
    assert (config.generator_optimizer.learning_rate, config.discriminator_optimizer.learning_rate) == (1e-4, 4e-4)
    assert config.generator_optimizer.betas == config.discriminator_optimizer.betas == (0.0, 0.9)
    assert config.generator.options["spectral_norm"] and config.discriminator.options["norm"] == "spectral"
    assert config.generator.options["attention"] == config.discriminator.options["attention"] == 16


def test_the_small_recipe_puts_spectral_norm_on_a_network_without_batch_norm() -> None:
    config = resolve(find_recipe("sngan-small", CATALOG), CATALOG)

    assert (config.discriminator.name, config.discriminator.options["norm"]) == ("dcgan", "none")
    assert list(config.wrappers) == ["spectral-norm"] and config.loss.name == "hinge"


def test_layers_that_scale_their_own_weights_are_refused() -> None:
    spec = CATALOG.discriminators["stylegan2"]
    with pytest.raises(BadSetting, match="would undo the equalised learning rates"):
        add_spectral_norm(spec.build(SampleSpec((1, 8, 8)), spec.options()))

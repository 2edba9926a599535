"""The first GAN: its losses against probabilities, its networks against numpy, its recipes against the paper."""

import tomllib
from math import atanh, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ganzoo.api import SampleSpec, Schedule
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Loss, Play, StartsFromData, TorchNoise, Verdict
from ganzoo.core.config import OptimizerConfig, Settings, check_length
from ganzoo.core.errors import BadSetting
from ganzoo.core.options import parse_options
from ganzoo_vanilla import ganzoo_recipes
from ganzoo_vanilla.losses import Minimax, NonSaturating
from ganzoo_vanilla.networks import Maxout, MaxoutDiscriminator, MlpDiscriminator, MlpGenerator
from ganzoo_vanilla.options import MaxoutOptions, MlpDiscriminatorOptions, MlpGeneratorOptions

LOSSES = [Minimax(), NonSaturating()]
SAMPLES = [SampleSpec((1, 4, 6)), SampleSpec((3, 5, 5), num_classes=10), SampleSpec((2,))]
RECIPES = {path.stem: path for path in ganzoo_recipes()}
OUTPUTS = ["tanh", "sigmoid", "linear"]

each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample.shape))
each_output = pytest.mark.parametrize("output", OUTPUTS)
each_recipe = pytest.mark.parametrize("name", sorted(RECIPES))
logits = st.lists(st.floats(-12, 12), min_size=1, max_size=5)


def play_of(real: Tensor | None, fake: Tensor) -> Play:
    """A play of which a loss can read the logits alone."""
    nothing = torch.empty(len(fake), 1)
    batch = Batch(nothing, None, nothing, TorchNoise(len(nothing)))
    return Play(batch, nothing, None if real is None else Verdict(real), Verdict(fake))


def d_terms(loss: Loss, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    return loss.discriminator(play_of(real, fake))


def g_value(loss: Loss, fake: Tensor) -> Tensor:
    return sum(loss.generator(play_of(None, fake)).values(), torch.zeros(()))


def as_probability(values: list[float]) -> np.ndarray[Any, Any]:
    return 1 / (1 + np.exp(-np.array(values)))


# Losses


@each_loss
@given(real=logits, fake=logits)
def test_the_discriminator_minimises_cross_entropy(loss: Loss, real: list[float], fake: list[float]) -> None:
    """Its terms are -log D(x) and -log(1 - D(G(z))), with D the sigmoid of the logit."""
    real = (real * len(fake))[: len(fake)]  # one batch size for both

    terms = d_terms(loss, torch.tensor(real).double(), torch.tensor(fake).double())

    assert set(terms) == {"real", "fake"}
    assert float(terms["real"]) == pytest.approx(-np.log(as_probability(real)).mean(), rel=1e-5)
    assert float(terms["fake"]) == pytest.approx(-np.log(1 - as_probability(fake)).mean(), rel=1e-5)


@given(fake=logits)
def test_each_generator_minimises_what_the_paper_says(fake: list[float]) -> None:
    """Minimax: log(1 - D(G(z))); non-saturating: -log D(G(z))."""
    d = as_probability(fake)
    values = torch.tensor(fake, dtype=torch.float64)

    assert float(g_value(Minimax(), values)) == pytest.approx(np.log(1 - d).mean(), rel=1e-9)
    assert float(g_value(NonSaturating(), values)) == pytest.approx(-np.log(d).mean(), rel=1e-9)


@each_loss
def test_an_undecided_discriminator_has_the_value_of_theorem_1(loss: Loss) -> None:
    """D = 1/2 everywhere gives V(D, G) = -log 4."""
    undecided = torch.zeros(7, dtype=torch.float64)

    value = -sum(d_terms(loss, undecided, undecided).values())

    assert float(value) == pytest.approx(-log(4), abs=1e-12)


@each_loss
@given(p_data=st.floats(0.01, 1), p_g=st.floats(0.01, 1))
def test_the_best_discriminator_is_that_of_proposition_1(loss: Loss, p_data: float, p_g: float) -> None:
    """D* = p_data / (p_data + p_g): at its logit, the terms weighted by the densities are stationary."""
    logit = torch.tensor([log(p_data / p_g)], dtype=torch.float64, requires_grad=True)

    terms = d_terms(loss, logit, logit)
    (slope,) = torch.autograd.grad(p_data * terms["real"] + p_g * terms["fake"], logit)

    assert float(slope) == pytest.approx(0, abs=1e-12)


@given(fake=logits)
def test_the_generators_gradients_are_d_and_one_minus_d(fake: list[float]) -> None:
    """Per logit and in size: D(G(z)) where the loss saturates, 1 - D(G(z)) where it does not; both raise the logit."""
    d = as_probability(fake)
    values = torch.tensor(fake, dtype=torch.float64, requires_grad=True)

    (saturating,) = torch.autograd.grad(g_value(Minimax(), values), values)
    (other,) = torch.autograd.grad(g_value(NonSaturating(), values), values)

    np.testing.assert_allclose(-saturating.numpy() * len(fake), d, rtol=1e-9)
    np.testing.assert_allclose(-other.numpy() * len(fake), 1 - d, rtol=1e-9)


def test_a_sure_discriminator_leaves_99_times_the_gradient_without_saturation() -> None:
    logit = torch.tensor([log(0.01 / 0.99)], dtype=torch.float64, requires_grad=True)

    (saturating,) = torch.autograd.grad(g_value(Minimax(), logit), logit)
    (other,) = torch.autograd.grad(g_value(NonSaturating(), logit), logit)

    assert float(other / saturating) == pytest.approx(99, rel=1e-9)


@each_loss
@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_no_logit_is_too_large(loss: Loss, logit: float) -> None:
    """At ±200, where sigmoid rounds to 0 or 1 in float32, terms are 0 or ±200 and gradients stay finite."""
    real, fake = (torch.full((3,), logit, requires_grad=True) for _ in range(2))

    terms = [*d_terms(loss, real, fake).values(), g_value(loss, fake)]
    gradients = torch.autograd.grad(sum(terms), [real, fake])

    values = [abs(float(term.detach())) for term in terms]
    assert all(value == pytest.approx(0, abs=1e-6) or value == pytest.approx(200) for value in values)
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@each_loss
def test_a_loss_moves_the_player_that_it_is_for(loss: Loss) -> None:
    """Plays are made as the trainer makes them; every weight of one player gets a gradient, the other's none."""
    torch.manual_seed(0)
    sample = SampleSpec((1, 4, 4))
    generator = MlpGenerator(sample, 3, MlpGeneratorOptions(width=8))
    discriminator = MlpDiscriminator(sample, MlpDiscriminatorOptions(width=8))
    batch = Batch(torch.rand(32, 1, 4, 4) * 2 - 1, None, torch.randn(32, 3), TorchNoise(32))

    fake = generator(batch.latents).detach()
    play = Play(batch, fake, discriminator(batch.real), discriminator(fake))
    for term in loss.discriminator(play).values():
        gradients = torch.autograd.grad(term, list(discriminator.parameters()), retain_graph=True)
        assert all(gradient.abs().sum() > 0 for gradient in gradients)
    assert all(weight.grad is None for weight in generator.parameters())

    discriminator.requires_grad_(False)
    fake = generator(batch.latents)
    assert not loss.needs_real_for_generator
    sum(loss.generator(Play(batch, fake, None, discriminator(fake))).values()).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in generator.parameters())
    assert all(weight.grad is None for weight in discriminator.parameters())


# Networks


def players_for(sample: SampleSpec) -> list[nn.Module]:
    """Both discriminators, small."""
    return [
        MlpDiscriminator(sample, MlpDiscriminatorOptions(width=7, depth=3, dropout=0.3)),
        MaxoutDiscriminator(sample, MaxoutOptions(width=7, pieces=3)),
    ]


@each_sample
@given(batch=st.integers(1, 5), depth=st.integers(1, 3))
def test_the_generator_makes_samples_of_the_data_s_shape(sample: SampleSpec, batch: int, depth: int) -> None:
    """For pictures of any channels and for points, at any depth; labels change nothing."""
    generator = MlpGenerator(sample, 3, MlpGeneratorOptions(width=7, depth=depth))
    latents = torch.randn(batch, 3)

    made = generator(latents)

    assert made.shape == (batch, *sample.shape)
    assert torch.equal(made, generator(latents, torch.arange(batch)))
    assert sum(isinstance(layer, nn.Linear) for layer in generator.modules()) == depth + 1


@torch.no_grad()
@each_sample
def test_auto_output_keeps_pictures_in_range_and_lets_points_leave_it(sample: SampleSpec) -> None:
    generator = MlpGenerator(sample, 3, MlpGeneratorOptions(width=7))

    largest = float(generator(1000 * torch.randn(50, 3)).abs().max())

    assert largest <= 1 if sample.is_picture else largest > 1


@torch.no_grad()
def test_every_bounded_output_reaches_black_and_white() -> None:
    """tanh and sigmoid both span [-1, 1]; a sigmoid that was left in [0, 1] would end at grey."""
    for output in ("tanh", "sigmoid"):
        torch.manual_seed(0)
        generator = MlpGenerator(SAMPLES[0], 3, MlpGeneratorOptions(width=7, output=output))
        made = generator(1e6 * torch.randn(50, 3))
        assert (float(made.min()), float(made.max())) == (-1, 1)


@given(batch=st.integers(1, 6), sample=st.sampled_from(SAMPLES))
def test_a_row_does_not_depend_on_its_batch_mates(batch: int, sample: SampleSpec) -> None:
    """In eval mode, each row of a batch comes out as it would alone."""
    torch.manual_seed(batch)
    generator = MlpGenerator(sample, 3, MlpGeneratorOptions(width=7)).eval()
    latents = torch.randn(batch, 3)
    made = generator(latents)
    torch.testing.assert_close(made, torch.cat([generator(row[None]) for row in latents]))
    for discriminator in players_for(sample):
        discriminator.eval()
        alone = torch.cat([discriminator(row[None]).logits for row in made])
        torch.testing.assert_close(discriminator(made).logits, alone)


@each_sample
@given(batch=st.integers(1, 5))
def test_discriminators_give_a_logit_and_features_for_each_sample(sample: SampleSpec, batch: int) -> None:
    """Logits [N], features [N, width]; labels change nothing."""
    samples = torch.rand(batch, *sample.shape) * 2 - 1
    for discriminator in players_for(sample):
        verdict = discriminator.eval()(samples)
        assert verdict.logits.shape == (batch,)
        assert verdict.features.shape == (batch, 7)
        assert torch.equal(verdict.logits, discriminator(samples, torch.arange(batch)).logits)


@each_sample
def test_the_logit_is_linear_in_the_features(sample: SampleSpec) -> None:
    """Features are what the last layer reads, not an earlier one."""
    samples = torch.rand(9, *sample.shape) * 2 - 1
    for discriminator in players_for(sample):
        verdict = discriminator.eval()(samples)
        *_, last = (layer for layer in discriminator.modules() if isinstance(layer, nn.Linear))
        torch.testing.assert_close(last(verdict.features)[:, 0], verdict.logits)


def test_dropout_acts_in_training_only_and_where_it_was_asked_for() -> None:
    sample = SAMPLES[0]
    samples = torch.rand(9, *sample.shape) * 2 - 1
    for discriminator in players_for(sample):
        assert not torch.equal(discriminator(samples).logits, discriminator(samples).logits)
        discriminator.eval()
        assert torch.equal(discriminator(samples).logits, discriminator(samples).logits)

    plain = MlpDiscriminator(sample, MlpDiscriminatorOptions())
    assert torch.equal(plain(samples).logits, plain(samples).logits)


def test_dropout_stands_before_each_layer_as_in_the_2014_code() -> None:
    """Maxout drops 0.2 of the input and 0.5 of both hidden layers; `mlp` drops hidden units only."""

    def dropped(network: nn.Module) -> list[float]:
        return [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)]

    assert dropped(MaxoutDiscriminator(SAMPLES[0], MaxoutOptions())) == [0.2, 0.5, 0.5]
    assert dropped(MlpDiscriminator(SAMPLES[0], MlpDiscriminatorOptions(depth=3, dropout=0.3))) == [0.3, 0.3, 0.3]


@given(units=st.integers(1, 4), pieces=st.integers(1, 4), inputs=st.integers(1, 4))
def test_a_maxout_unit_is_the_largest_of_its_linear_maps(units: int, pieces: int, inputs: int) -> None:
    """Against a maximum written out by hand; the maps of unit u are the linear layer's rows u·pieces onwards."""
    layer = Maxout(inputs, units, pieces)
    x = torch.randn(3, inputs)
    weight, bias = (parameter.detach().numpy() for parameter in (layer.linear.weight, layer.linear.bias))

    expected = np.full((3, units), -np.inf)
    for unit in range(units):
        for piece in range(unit * pieces, (unit + 1) * pieces):
            expected[:, unit] = np.maximum(expected[:, unit], x.numpy() @ weight[piece] + bias[piece])

    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def first_input(discriminator: MaxoutDiscriminator, samples: Tensor) -> Tensor:
    """What the first maxout layer reads."""
    seen: list[Tensor] = []
    layer = next(layer for layer in discriminator.modules() if isinstance(layer, Maxout))
    layer.register_forward_hook(lambda _layer, inputs, _output: seen.append(inputs[0]))
    discriminator(samples)
    return seen[0]


def test_maxout_reads_pictures_in_0_to_1_and_drops_to_black() -> None:
    """In eval mode -1 is read as 0 and 1 as 1; in training a share of 0.2 is 0, and the rest is scaled by 1.25."""
    discriminator = MaxoutDiscriminator(SampleSpec((1, 50, 50)), MaxoutOptions())
    black_and_white = torch.cat([-torch.ones(1, 1, 50, 50), torch.ones(1, 1, 50, 50)])

    assert first_input(discriminator.eval(), black_and_white).unique(dim=1).tolist() == [[0], [1]]
    black, white = first_input(discriminator.train(), black_and_white)
    assert black.unique().tolist() == [0]
    assert white.unique().tolist() == [0, 1.25]
    assert float((white == 0).float().mean()) == pytest.approx(0.2, abs=0.04)  # 5 standard errors of 2500 draws


def test_maxout_reads_points_as_they_are() -> None:
    discriminator = MaxoutDiscriminator(SampleSpec((2,)), MaxoutOptions()).eval()
    points = torch.tensor([[-3.0, 5.0]])

    assert torch.equal(first_input(discriminator, points), points)


@torch.no_grad()
def test_a_weight_range_bounds_every_weight_and_clears_every_bias() -> None:
    """U(-r, r) has standard deviation r/√3."""
    networks = [
        MlpGenerator(SAMPLES[0], 100, MlpGeneratorOptions(weight_range=0.05)),
        MaxoutDiscriminator(SAMPLES[0], MaxoutOptions(weight_range=0.05)),
    ]
    for network in networks:
        for layer in (layer for layer in network.modules() if isinstance(layer, nn.Linear)):
            assert float(layer.weight.abs().max()) <= 0.05
            assert float(layer.weight.std()) == pytest.approx(0.05 / 3**0.5, rel=0.2)
            assert float(layer.bias.abs().max()) == 0


def test_batch_norm_stands_behind_each_hidden_layer_and_takes_the_bias_s_place() -> None:
    """In training each hidden unit has mean 0 and variance 1 over the batch before its ReLU."""
    generator = MlpGenerator(SAMPLES[2], 3, MlpGeneratorOptions(width=7, depth=2, batch_norm=True, weight_range=0.1))
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm1d)]
    seen: list[Tensor] = []
    for norm in norms:
        norm.register_forward_hook(lambda _layer, _inputs, output: seen.append(output))

    generator.train()(torch.randn(500, 3))

    assert [norm.num_features for norm in norms] == [7, 7]
    for output in seen:
        torch.testing.assert_close(output.mean(0), torch.zeros(7), rtol=0, atol=1e-4)
        assert (output.var(0, correction=0) - 1).abs().max() < 0.05
    biases = [layer.bias is not None for layer in generator.modules() if isinstance(layer, nn.Linear)]
    assert biases == [False, False, True]


def test_without_a_weight_range_torch_initialises() -> None:
    """The same seed gives the weights of a plain torch layer."""
    torch.manual_seed(0)
    plain = nn.Linear(3, 7)
    torch.manual_seed(0)
    generator = MlpGenerator(SAMPLES[0], 3, MlpGeneratorOptions(width=7))

    assert torch.equal(next(generator.parameters()), plain.weight)


# The output bias


def silent(sample: SampleSpec, **options: Any) -> MlpGenerator:
    """A generator whose weights are 0, so that its output bias is all that is seen."""
    generator = MlpGenerator(sample, 3, MlpGeneratorOptions(width=7, **options))
    for weight in generator.parameters():
        nn.init.zeros_(weight)
    return generator


@each_sample
@each_output
def test_the_output_bias_gives_the_mean_of_the_data(sample: SampleSpec, output: str) -> None:
    real = torch.rand(20, *sample.shape) * 2 - 1
    generator = silent(sample, output=output, bias_from_data=True)
    assert isinstance(generator, StartsFromData)

    generator.start_from(real)

    torch.testing.assert_close(generator(torch.randn(1, 3))[0], real.mean(0), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("output", "bias"), [("tanh", atanh(0.5)), ("sigmoid", log(3)), ("linear", 0.5)])
def test_the_output_bias_is_the_inverse_activation(output: str, bias: float) -> None:
    """A mean of 0.5 in [-1, 1] is 3/4 in [0, 1], whose logit is log 3."""
    generator = silent(SAMPLES[0], output=output, bias_from_data=True)

    generator.start_from(torch.full((5, *SAMPLES[0].shape), 0.5))

    torch.testing.assert_close(generator.to_sample.bias.detach(), torch.full((24,), bias))


@each_output
@pytest.mark.parametrize("colour", [-1.0, 1.0])
def test_a_pixel_that_never_changes_has_a_finite_bias(output: str, colour: float) -> None:
    """Its colour is met to within a grey level of 256."""
    generator = silent(SAMPLES[0], output=output, bias_from_data=True)

    generator.start_from(torch.full((5, *SAMPLES[0].shape), colour))

    assert bool(generator.to_sample.bias.isfinite().all())
    torch.testing.assert_close(generator(torch.randn(2, 3)), torch.full((2, 1, 4, 6), colour), rtol=0, atol=1 / 128)


@torch.no_grad()
def test_data_changes_no_bias_unless_asked() -> None:
    generator = silent(SAMPLES[0])

    generator.start_from(torch.rand(5, 1, 4, 6))

    assert float(generator.to_sample.bias.abs().max()) == 0


# Specs and recipes


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("generators", {"mlp", "gaussian-mixture"}),
        ("discriminators", {"mlp", "maxout"}),
        ("losses", {"minimax", "non-saturating"}),
        ("recipes", {"vanilla-mlp", "goodfellow-2014", "mlp-1d", "mlp-ring", "mlp-grid", "gmm"}),
    ],
)
def test_the_catalog_has_the_whole_family(kind: str, names: set[str]) -> None:
    provider = load_catalog().shelves()[kind].provider

    assert {name for name, plugin in provider.items() if plugin == "vanilla"} == names


def test_every_component_builds_from_its_defaults() -> None:
    """Through the catalog, as the host does it."""
    catalog, sample = load_catalog(), SAMPLES[0]

    generator = catalog.generators["mlp"].build(sample, 3, catalog.generators["mlp"].options())
    for name in ("mlp", "maxout"):
        spec = catalog.discriminators[name]
        assert spec.build(sample, spec.options())(generator(torch.randn(2, 3))).logits.shape == (2,)
    for name in ("minimax", "non-saturating"):
        spec = catalog.losses[name]
        assert isinstance(spec.build(spec.options()), Loss)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (MlpGeneratorOptions, {"width": 0}),
        (MlpGeneratorOptions, {"depth": 0}),
        (MlpGeneratorOptions, {"output": "softmax"}),
        (MlpGeneratorOptions, {"weight_range": -0.1}),
        (MlpDiscriminatorOptions, {"dropout": 1}),
        (MaxoutOptions, {"pieces": 0}),
        (MaxoutOptions, {"input_dropout": -0.1}),
    ],
)
def test_an_option_out_of_range_is_refused(kind: type, values: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=next(iter(values))):
        parse_options(kind, values, "options")


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


@each_recipe
def test_a_recipe_says_what_it_is(name: str) -> None:
    recipe = read(RECIPES[name])

    assert all(recipe[word].strip() for word in ("summary", "paper", "good_for", "expect", "differences"))


@each_recipe
def test_a_recipe_names_components_and_options_that_exist(name: str) -> None:
    """Every generator, discriminator and loss is on the shelf, and takes the options beside its name."""
    recipe, catalog = read(RECIPES[name]), load_catalog()
    shelves = {"generator": catalog.generators, "discriminator": catalog.discriminators, "loss": catalog.losses}

    for kind, shelf in shelves.items():
        component = recipe[kind].pop("name")
        parse_options(shelf[component].options, recipe[kind], kind)
    assert recipe["dataset"]["name"]
    assert recipe["latents"]["name"]


@each_recipe
def test_a_recipe_s_settings_are_settings_and_end_the_run(name: str) -> None:
    """What is neither words nor a component belongs to `Settings`, and has exactly one length."""
    words = {"summary", "paper", "good_for", "expect", "differences"}
    components = {"dataset", "latents", "generator", "discriminator", "loss", "regularizers"}
    values = {key: value for key, value in read(RECIPES[name]).items() if key not in words | components}

    check_length(parse_options(Settings, values, ""))


def paper_schedules(player: str) -> tuple[Schedule, Schedule]:
    """One player's learning rate and momentum in `goodfellow-2014`."""
    table = read(RECIPES["goodfellow-2014"])[f"{player}_optimizer"]
    optimizer = parse_options(OptimizerConfig, table, player)
    assert isinstance(optimizer.learning_rate, Schedule)
    assert isinstance(optimizer.momentum, Schedule)
    return optimizer.learning_rate, optimizer.momentum


@pytest.mark.parametrize(("player", "first", "last"), [("generator", 0.1, 1e-6), ("discriminator", 0.05, 5e-7)])
def test_the_learning_rate_is_divided_by_the_paper_s_factor_at_each_step(
    player: str, first: float, last: float
) -> None:
    """By 1.000004 from one step to the next; the discriminator's is half, for a sum where the 2014 code has a mean."""
    rate, _ = paper_schedules(player)

    assert rate.at(0) == first
    assert rate.at(3_000_000) == pytest.approx(last, rel=1e-9)
    for step in (0, 1000, 124_999):
        assert rate.at(step + 1) / rate.at(step) == pytest.approx(1 / 1.000004, rel=0, abs=1e-12)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_the_momentum_rises_from_the_first_epoch_to_the_250th(player: str) -> None:
    """From .5 at step 500, the end of epoch 1, to .7 at step 125 000, the end of epoch 250."""
    _, momentum = paper_schedules(player)

    assert [momentum.at(step) for step in (0, 500)] == [0.5, 0.5]
    assert momentum.at(500 + 124_500 // 2) == pytest.approx(0.6)
    assert [momentum.at(step) for step in (125_000, 200_000)] == pytest.approx([0.7, 0.7])
    assert momentum.at(124_500) < 0.6995

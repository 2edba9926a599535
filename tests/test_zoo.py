"""Everything in the catalog keeps the contract of its kind, and every recipe trains, exports and can be sampled."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Loss, Play, Players, Regularizer, Terms, TorchNoise, Verdict
from ganzoo.core.errors import GanzooError
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.specs import DatasetSpec, SampleSpec, Spec
from ganzoo.export.bundle import export
from ganzoo.latents import Latents, seed_words
from ganzoo.recipes import find_recipe, resolve
from ganzoo.sampling.sampler import Sampler

CATALOG = load_catalog()
SAMPLES = [SampleSpec((1, 8, 8), 10), SampleSpec((3, 32, 32), 10), SampleSpec((2,), 10)]
COUNT, SIZE = 5, 16  # N, Z
PICTURES = 150  # in a stand-in data set; more than any recipe's batch

SPECS = [item for kind, shelf in CATALOG.shelves().items() if kind != "recipes" for _, item in shelf]

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample.shape))
each_generator = pytest.mark.parametrize("name", list(CATALOG.generators.items))
each_discriminator = pytest.mark.parametrize("name", list(CATALOG.discriminators.items))
each_loss = pytest.mark.parametrize("name", list(CATALOG.losses.items))
each_regularizer = pytest.mark.parametrize("name", list(CATALOG.regularizers.items))
each_prior = pytest.mark.parametrize("name", list(CATALOG.latents.items))
each_recipe = pytest.mark.parametrize("name", list(CATALOG.recipes.items))


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


def test_no_plugin_is_broken() -> None:
    assert CATALOG.broken() == []


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{type(spec).__name__}-{spec.name}")
def test_every_spec_says_what_it_is_and_has_options_that_cannot_change(spec: Spec) -> None:
    """Names are what one types, so they have no blanks; options have defaults, and survive the way through JSON."""
    assert spec.name == spec.name.strip().lower().replace(" ", "-")
    assert spec.summary and "\n" not in spec.summary and not spec.summary.endswith(".")
    assert spec.source.startswith(("arXiv:", "https://", "http://"))
    assert is_dataclass(spec.options) and spec.options.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert parse_options(spec.options, to_plain(spec.options()), "") == spec.options()
    assert [option.name for option in fields(spec.options)] == list(to_plain(spec.options()))


# Networks


def generator_of(name: str, sample: SampleSpec) -> nn.Module:
    """Of the default options; skips where it draws no such samples, and says so."""
    spec = CATALOG.generators[name]
    try:
        return spec.build(sample, SIZE, spec.options())
    except GanzooError as error:
        pytest.skip(str(error))


def discriminator_of(name: str, sample: SampleSpec) -> nn.Module:
    """The same of a discriminator."""
    spec = CATALOG.discriminators[name]
    try:
        return spec.build(sample, spec.options())
    except GanzooError as error:
        pytest.skip(str(error))


def labels(count: int = COUNT) -> Tensor:
    return torch.arange(count) % 10


@each_generator
def test_every_generator_draws_some_kind_of_samples(name: str) -> None:
    spec = CATALOG.generators[name]
    built = []
    for sample in SAMPLES:
        try:
            built.append(spec.build(sample, SIZE, spec.options()))
        except GanzooError:
            continue
    assert built


@each_generator
@each_sample
def test_a_generator_s_samples_have_the_data_s_shape(name: str, sample: SampleSpec) -> None:
    """Float32, finite, in [-1, 1] for pictures; every weight has a part in them."""
    network = generator_of(name, sample)

    samples = network(torch.randn(COUNT, SIZE), labels())
    samples.square().sum().backward()

    assert (samples.shape, samples.dtype) == ((COUNT, *sample.shape), torch.float32)
    assert samples.isfinite().all()
    assert not sample.is_picture or samples.abs().max() <= 1
    assert all(weight.grad is not None for weight in network.parameters())


@each_generator
@each_sample
def test_a_generator_s_sample_does_not_depend_on_its_batch(name: str, sample: SampleSpec) -> None:
    """In eval mode: neither alone nor among extreme others."""
    network, z = generator_of(name, sample).eval(), torch.randn(COUNT, SIZE)
    mates = torch.cat([z[:1], 100 * torch.randn(2 * COUNT, SIZE)])

    with torch.no_grad():
        together, alone = network(z, labels()), network(z[:1], labels(1))
        among_others = network(mates, labels(len(mates)))

    torch.testing.assert_close(alone, together[:1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(among_others[:1], together[:1], rtol=1e-4, atol=1e-5)


@each_generator
@each_sample
def test_a_generator_draws_nothing_at_random_and_keeps_its_state(name: str, sample: SampleSpec) -> None:
    """In eval mode: torch's random state, the weights and the buffers are as before."""
    network, z = generator_of(name, sample).eval(), torch.randn(COUNT, SIZE)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    random = torch.get_rng_state()

    with torch.no_grad():
        first, second = network(z, labels()), network(z, labels())

    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


@each_discriminator
@each_sample
def test_a_discriminator_says_one_logit_for_each_sample(name: str, sample: SampleSpec) -> None:
    """Finite, and neither bounded nor cut, as gradients reach every weight and the samples."""
    network = discriminator_of(name, sample)
    samples = (2 * torch.rand(COUNT, *sample.shape) - 1).requires_grad_()

    verdict = network(samples, labels())
    (verdict.logits * torch.randn(COUNT)).sum().backward()

    assert isinstance(verdict, Verdict)
    assert (verdict.logits.shape, verdict.logits.dtype) == ((COUNT,), torch.float32)
    assert verdict.logits.isfinite().all()
    assert all(weight.grad is not None for weight in network.parameters())
    assert samples.grad is not None and samples.grad.abs().sum() > 0


@each_discriminator
@each_sample
def test_a_discriminator_that_says_so_judges_each_sample_by_itself(name: str, sample: SampleSpec) -> None:
    """While it trains, dropout aside: the trainer shows such a one real and fake samples together."""
    if not CATALOG.discriminators[name].row_wise:
        pytest.skip(f"{name} may look at the whole batch")
    network = discriminator_of(name, sample).train()
    for module in network.modules():
        module.training = not isinstance(module, nn.Dropout)
    samples = 2 * torch.rand(COUNT, *sample.shape) - 1

    with torch.no_grad():
        together, alone = network(samples, labels()), network(samples[:1], labels(1))

    torch.testing.assert_close(alone.logits, together.logits[:1], rtol=1e-4, atol=1e-5)


# Losses


def play_of(real: Tensor | None, fake: Tensor) -> Play:
    nothing = torch.zeros(len(fake), 2)
    batch = Batch(nothing, None, nothing, TorchNoise(len(fake)))
    return Play(batch, nothing, None if real is None else Verdict(real), Verdict(fake))


def loss_of(name: str) -> Loss:
    spec = CATALOG.losses[name]
    return spec.build(spec.options())


def total(terms: Terms) -> Tensor:
    """The sum of the terms, each of which is a finite scalar."""
    assert terms
    assert all(term.shape == () and term.isfinite() for term in terms.values())
    return sum(terms.values(), torch.zeros(()))


@each_loss
@pytest.mark.parametrize("scale", [0.1, 1.0, 50.0])
def test_a_loss_gives_each_player_a_direction(name: str, scale: float) -> None:
    """Finite at any logits. The discriminator wants real logits up and fake ones down, the generator fake ones up."""
    loss = loss_of(name)
    real, fake = (scale * torch.randn(2, COUNT)).requires_grad_()

    raised, lowered = torch.autograd.grad(total(loss.discriminator(play_of(real, fake))), (real, fake))
    on_real = real if loss.needs_real_for_generator else None
    (wanted,) = torch.autograd.grad(total(loss.generator(play_of(on_real, fake))), fake)

    assert isinstance(loss, Loss)
    assert raised.sum() < 0 < lowered.sum()
    assert wanted.sum() < 0
    assert all(gradient.isfinite().all() for gradient in (raised, lowered, wanted))


# Regularizers


class Perceptron(nn.Module):
    """A discriminator of points or pictures, with a slope that is different everywhere."""

    def __init__(self, sample: SampleSpec) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(sample.size, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict(self.layers(samples)[:, 0])


def meeting(players: Players, sample: SampleSpec, scale: float) -> Play:
    """A play as the trainer makes it, with samples that want gradients."""
    real = (scale * (2 * torch.rand(COUNT, *sample.shape) - 1)).requires_grad_()
    z = torch.randn(COUNT, SIZE)
    fake = players.generator(z)
    judge = players.discriminator
    return Play(Batch(real, None, z, TorchNoise(COUNT)), fake, judge(real, None), judge(fake, None))


@each_regularizer
@each_sample
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_a_regularizer_says_whom_it_teaches_and_what(name: str, sample: SampleSpec, scale: float) -> None:
    """Finite scalars with finite gradients for its player, or a change of its weights after a step, or both."""
    spec = CATALOG.regularizers[name]
    regularizer: Regularizer = spec.build(spec.options())
    generator = nn.Sequential(nn.Linear(SIZE, sample.size), nn.Unflatten(1, sample.shape))
    players = Players(generator, Perceptron(sample))
    own = list(getattr(players, regularizer.player).parameters())
    before = [weight.detach().clone() for weight in own]

    terms = regularizer.terms(meeting(players, sample, scale), players)
    regularizer.after_step(players)

    assert isinstance(regularizer, Regularizer) and regularizer.interval >= 1
    acted = any(not torch.equal(weight, old) for weight, old in zip(own, before, strict=True))
    assert terms or acted, f"{name} does nothing"
    assert all(weight.isfinite().all() for weight in own)
    if terms:
        gradients = torch.autograd.grad(total(terms), own, allow_unused=True)
        found = [gradient for gradient in gradients if gradient is not None]
        assert any(gradient.abs().sum() > 0 for gradient in found)
        assert all(gradient.isfinite().all() for gradient in found)


# Priors


@each_prior
def test_a_prior_s_rows_are_float32_and_independent_of_each_other(name: str) -> None:
    spec = CATALOG.latents[name]
    prior = spec.build(spec.options())
    seeds = np.array([0, 1, 7, -1, 2**63 - 1])
    words = seed_words(seeds, prior.words)

    latents = prior.from_words(words)

    assert isinstance(prior, Latents)
    assert (latents.shape, latents.dtype) == ((len(seeds), prior.size), np.float32)
    assert np.isfinite(latents).all()
    assert len(np.unique(latents, axis=0)) == len(seeds)
    np.testing.assert_array_equal(prior.from_words(words[::-1])[::-1], latents)
    np.testing.assert_array_equal(prior.from_words(words[2:3]), latents[2:3])


# Recipes


def idx_bytes(array: np.ndarray) -> bytes:
    """A file of bytes as MNIST's are: magic number, dimensions, values."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_idx_files(folder: Path, spec: DatasetSpec) -> Path:
    """All files of MNIST or of its kin, with little in them."""
    random = np.random.default_rng(0)
    for file in spec.files:
        pictures = "images" in file.name
        shape, end = ((PICTURES, 28, 28), 256) if pictures else ((PICTURES,), 10)
        (folder / file.name.removesuffix(".gz")).write_bytes(idx_bytes(random.integers(0, end, shape, np.uint8)))
    return folder


def write_pictures(folder: Path) -> Path:
    """A folder of pictures, of any size and colour."""
    random = np.random.default_rng(0)
    for number in range(PICTURES):
        Image.fromarray(random.integers(0, 256, (40, 36, 3), np.uint8)).save(folder / f"{number:03d}.png")
    return folder


def stand_in(recipe: str, folder: Path) -> dict[str, Any]:
    """What `ganzoo.train` is given so that it needs no network: small files in the place of large ones."""
    spec = CATALOG.datasets[resolve(find_recipe(recipe, CATALOG), CATALOG).dataset.name]
    folder.mkdir()
    if spec.files and all("-idx" in file.name for file in spec.files):
        return {"data": write_idx_files(folder, spec)}
    if spec.takes_path:
        return {"data": write_pictures(folder)}
    if spec.files:
        return {"data": write_pictures(folder), "dataset": "picture-folder", "settings": {"dataset.size": 32}}
    return {}


@each_recipe
def test_a_recipe_resolves_and_says_what_it_is_for(name: str) -> None:
    recipe = find_recipe(name, CATALOG)

    assert resolve(recipe, CATALOG).recipe == name
    for key in ("summary", "paper", "good_for", "expect", "differences"):
        assert getattr(recipe, key), f"{name} has no {key}"


@each_recipe
def test_a_recipe_trains_exports_and_can_be_sampled(name: str, tmp_path: Path) -> None:
    data = stand_in(name, tmp_path / "data")

    run = ganzoo.train(name, steps=2, out=tmp_path / "runs", device="cpu", quiet=True, **data)
    sampler = Sampler(export(run, tmp_path / "models", None), device="cpu")
    samples = sampler.sample(3, seed=5)

    shape = sampler.manifest.sample.shape
    expected = (3, *shape[1:], shape[0]) if len(shape) == 3 else (3, *shape)
    assert samples.shape == expected
    assert samples.dtype == (np.uint8 if len(shape) == 3 else np.float32)
    np.testing.assert_array_equal(samples[2:], sampler.sample(1, seed=7))

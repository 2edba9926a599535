"""InfoGAN: latents with named parts, what can be read of them, and bounds that are reached."""

from collections.abc import Callable
from math import log, pi, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from ganzoo.api import BadData, BadSetting, Code, SampleSpec
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Play, Player, Players, TorchNoise, Verdict
from ganzoo.core.options import parse_options
from ganzoo.export.onnx_file import to_onnx
from ganzoo.export.parity import compare
from ganzoo.latents import normals, seed_words, uniforms
from ganzoo.recipes import find_recipe, resolve
from ganzoo.training.build import build_discriminator, build_generator
from ganzoo_infogan.networks import InfoganDiscriminator
from ganzoo_infogan.options import InfoganOptions, MutualInformationOptions, StructuredOptions
from ganzoo_infogan.priors import Structured
from ganzoo_infogan.regularizers import MutualInformation, categorical_information, code_of, continuous_information

CATALOG = load_catalog()
CODE = Code((3, 4), 2)
PICTURE, POINT = SampleSpec((2, 16, 16), code=CODE), SampleSpec((3,), code=CODE)

each_sample = pytest.mark.parametrize("sample", [PICTURE, POINT], ids=["picture", "point"])
each_spread = pytest.mark.parametrize("spread", ["unit", "learnt"])


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


# The prior


def prior_of(**options: Any) -> Structured:
    return Structured(parse_options(StructuredOptions, options, "latents"))


def draw(prior: Structured, count: int) -> np.ndarray:
    return prior.from_words(seed_words(np.arange(count), prior.words))


def test_codes_come_first_and_noise_last() -> None:
    prior = prior_of(categories=[3, 2], continuous=2, noise=4)
    words = seed_words(np.arange(50), prior.words)
    z = prior.from_words(words)

    assert (prior.code, prior.size, prior.words) == (Code((3, 2), 2), 11, 8)
    assert (z.shape, z.dtype) == ((50, 11), np.float32)
    np.testing.assert_array_equal(z[:, 5:], uniforms(words[:, 2:]))  # continuous codes and noise are alike
    for start, stop in ((0, 3), (3, 5)):
        assert set(np.unique(z[:, start:stop])) == {0.0, 1.0}
        assert bool((z[:, start:stop].sum(1) == 1).all())


def test_the_first_words_pick_the_categories() -> None:
    """The k-th of K equal parts of the words' range; the largest word is in the last."""
    prior = prior_of(categories=[4], continuous=0, noise=0)
    words = np.array([[0], [2**30 - 1], [2**30], [2**31], [3 * 2**30], [2**32 - 1]])

    assert prior.from_words(words).argmax(1).tolist() == [0, 0, 1, 2, 3, 3]


def test_noise_can_be_normal() -> None:
    prior = prior_of(categories=[], continuous=1, noise=3, distribution="normal")
    words = seed_words(np.arange(9), 4)

    np.testing.assert_array_equal(prior.from_words(words)[:, 1:], normals(words[:, 1:]))
    np.testing.assert_array_equal(prior.from_words(words)[:, :1], uniforms(words[:, :1]))


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize(
    ("categories", "continuous", "noise"), [([10], 2, 62), ([2, 4096], 0, 0), ([], 3, 1), ([5], 0, 7)]
)
def test_numpy_and_torch_agree_bit_for_bit(
    distribution: str, categories: list[int], continuous: int, noise: int
) -> None:
    prior = prior_of(categories=categories, continuous=continuous, noise=noise, distribution=distribution)
    words = seed_words(np.array([-(2**63), -1, *range(50), 2**63 - 1]), prior.words)

    found = prior.from_words(torch.from_numpy(words))

    assert isinstance(found, torch.Tensor)
    np.testing.assert_array_equal(prior.from_words(words), found.numpy(), strict=True)


def test_a_latent_does_not_depend_on_its_batch() -> None:
    prior = prior_of()
    words = seed_words(np.arange(8), prior.words)

    rows = [prior.from_words(words[row : row + 1]) for row in range(8)]

    np.testing.assert_array_equal(np.concatenate(rows), prior.from_words(words))


def test_parts_have_the_moments_of_their_distributions_and_know_nothing_of_each_other() -> None:
    """Categories are even by a χ² test, codes uniform by Kolmogorov's, all uncorrelated, categories independent."""
    count = 6000
    z = draw(prior_of(categories=[5, 4], continuous=2, noise=3), count).astype(np.float64)
    first, second = z[:, :5].argmax(1), z[:, 5:9].argmax(1)

    assert stats.chisquare(np.bincount(first, minlength=5)).pvalue > 1e-3
    assert stats.chisquare(np.bincount(second, minlength=4)).pvalue > 1e-3
    assert stats.chi2_contingency(np.histogram2d(first, second, bins=(5, 4))[0]).pvalue > 1e-3
    for column in range(9, 14):
        assert stats.kstest(z[:, column], "uniform", args=(-1, 2)).pvalue > 1e-3
        assert z[:, column].var() == pytest.approx(1 / 3, rel=0.05)
    pairs = np.corrcoef(np.column_stack([first, second, z[:, 9:]]), rowvar=False) - np.eye(7)
    assert np.abs(pairs).max() < 4.5 / sqrt(count)


@pytest.mark.parametrize(
    "change",
    [{"categories": [1]}, {"categories": [10, 4097]}, {"continuous": -1}, {"noise": -1}, {"distribution": "cauchy"}],
)
def test_options_that_make_no_prior_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        parse_options(StructuredOptions, change, "latents")


def test_latents_without_codes_are_refused() -> None:
    with pytest.raises(BadSetting, match=r"^Structured latents have codes; .* or else latents\.name=normal\.$"):
        prior_of(categories=[], continuous=0)


# The discriminator


def discriminator_of(sample: SampleSpec, **options: Any) -> InfoganDiscriminator:
    return InfoganDiscriminator(sample, parse_options(InfoganOptions, {"width": 3, "head_width": 5} | options, ""))


@each_sample
@each_spread
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_a_discriminator_says_a_number_for_each_column_of_the_code(sample: SampleSpec, spread: str, norm: str) -> None:
    """And one more for each continuous code, where it says how sure it is; all weights learn."""
    discriminator = discriminator_of(sample, spread=spread, norm=norm, weight_std=0.1)

    verdict = discriminator(2 * torch.rand(6, *sample.shape) - 1)
    (verdict.logits + verdict.code.square().sum(1)).square().sum().backward()

    assert verdict.logits.shape == (6,)
    assert verdict.code.shape == (6, 9 if spread == "unit" else 11)
    assert discriminator.code == CODE
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in discriminator.parameters())


def test_latents_without_codes_cannot_be_read() -> None:
    with pytest.raises(BadSetting, match=r"reads codes, and the latents have none; set latents\.name=structured\.$"):
        discriminator_of(SampleSpec((1, 16, 16)))


@pytest.mark.parametrize("shape", [(1, 7, 7), (3, 30, 30), (1, 32, 28)])
def test_sides_that_halving_never_gives_are_refused_with_some_that_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadData, match=f"which never gives {shape[1]}×{shape[2]}; resize the pictures, to 28, 32"):
        discriminator_of(SampleSpec(shape, code=CODE))


# What is known of a code


def one_hot(values: list[int], count: int) -> Tensor:
    return torch.eye(count)[values]


def test_who_reads_a_category_without_fail_knows_log_k() -> None:
    """The bound is reached: there is no more to know than the entropy."""
    true = one_hot([0, 3, 1, 2, 2], 4)

    assert float(categorical_information(100 * true, true, (4,))) == pytest.approx(log(4))


def test_who_guesses_a_category_knows_nothing_and_who_errs_less() -> None:
    true = one_hot([0, 1, 2], 3)

    assert float(categorical_information(torch.zeros(3, 3), true, (3,))) == pytest.approx(0, abs=1e-6)
    assert float(categorical_information(-5 * true, true, (3,))) < -1


def test_information_on_several_categories_adds_up() -> None:
    """By hand: of (3/4, 1/4) where the first is true, log 2 + log 3/4; the second category is read without fail."""
    true = torch.cat([one_hot([0, 0], 2), one_hot([2, 1], 3)], 1)
    logits = torch.cat([torch.tensor([[log(3.0), 0.0]] * 2), 100 * one_hot([2, 1], 3)], 1)

    assert float(categorical_information(logits, true, (2, 3))) == pytest.approx(log(2) + log(3 / 4) + log(3), rel=1e-5)


def test_who_reads_continuous_codes_knows_the_entropy_less_the_error() -> None:
    """By hand, with a standard deviation of 1: log 2 - (log 2π + d²) / 2 for an error of d."""
    true = torch.tensor([[0.5, -1.0], [-0.5, 1.0]])
    mean = true + torch.tensor([[0.0, 1.0], [0.0, 1.0]])

    expected = 2 * log(2) - log(2 * pi) - 1 / 2

    assert float(continuous_information(mean, true)) == pytest.approx(expected, rel=1e-5)


def test_who_says_how_sure_he_is_can_know_more() -> None:
    """By hand: without error and with a standard deviation of s, log 2 - log(2π) / 2 - log s."""
    true = torch.tensor([[0.5], [-0.2]])
    said = torch.cat([true, torch.full_like(true, log(0.1))], 1)

    assert float(continuous_information(said, true)) == pytest.approx(log(2) - log(2 * pi) / 2 + log(10), rel=1e-4)


def test_the_bound_of_a_noisy_channel_is_the_information_that_it_carries() -> None:
    """x is the category, swapped with probability 1/5. The reader who knows it reaches log 2 - H(1/5) nats."""
    category = torch.arange(10) % 2
    seen = torch.where(torch.arange(10) < 2, 1 - category, category)  # 2 of 10 are swapped, one of each
    logits = torch.log(torch.where(one_hot(seen.tolist(), 2) > 0, 0.8, 0.2))
    entropy = -(0.2 * log(0.2) + 0.8 * log(0.8))

    assert float(categorical_information(logits, one_hot(category.tolist(), 2), (2,))) == pytest.approx(
        log(2) - entropy, rel=1e-5
    )


# The regularizer


class Reader(nn.Module):
    """Reads the codes from the samples themselves, which hold them."""

    def __init__(self, code: Code = CODE) -> None:
        super().__init__()
        self.code = code
        self.read = nn.Linear(code.size, code.size, bias=False)

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict(samples[:, 0], code=self.read(samples))


def play_of(latents: Tensor, fake: Tensor, verdict: Verdict, player: Player = "discriminator") -> Play:
    batch = Batch(torch.zeros_like(fake), None, latents, TorchNoise(len(fake)))
    return Play(batch, fake, verdict if player == "discriminator" else None, verdict, player=player)


def latents_of(count: int, noise: int = 3) -> Tensor:
    prior = prior_of(categories=list(CODE.categories), continuous=CODE.continuous, noise=noise)
    return torch.from_numpy(draw(prior, count))


def test_the_terms_are_the_weighted_information_of_each_kind() -> None:
    """Of a reader who is told the codes: logits of 30 for the right value, the right means."""
    reader, z = Reader(), latents_of(7)
    with torch.no_grad():
        reader.read.weight.copy_(torch.diag(torch.tensor([30.0] * 7 + [1.0] * 2)))
    fake = z[:, : CODE.size]
    options = MutualInformationOptions(categorical_weight=2.0, continuous_weight=0.5)

    terms = MutualInformation(options).terms(play_of(z, fake, reader(fake)), Players(nn.Identity(), reader))

    assert set(terms) == {"categorical", "continuous"}
    assert float(terms["categorical"].detach()) == pytest.approx(-2 * (log(3) + log(4)), rel=1e-5)
    assert float(terms["continuous"].detach()) == pytest.approx(-0.5 * 2 * (log(2) - log(2 * pi) / 2), rel=1e-5)


@pytest.mark.parametrize(("code", "names"), [(Code((3, 4)), {"categorical"}), (Code((), 2), {"continuous"})])
def test_a_kind_of_code_that_is_not_there_has_no_term(code: Code, names: set[str]) -> None:
    reader, fake = Reader(code), torch.rand(4, code.size)

    terms = MutualInformation(MutualInformationOptions()).terms(
        play_of(fake, fake, reader(fake)), Players(nn.Identity(), reader)
    )

    assert set(terms) == names


@each_sample
@each_spread
@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_information_teaches_the_generator_and_the_reader(player: Player, sample: SampleSpec, spread: str) -> None:
    """Its gradient reaches every weight of Q, its trunk, and the generator; a value that was rebuilt has none."""
    discriminator = discriminator_of(sample, spread=spread, weight_std=0.1)
    generator = nn.Sequential(nn.Linear(12, sample.size), nn.Tanh(), nn.Unflatten(1, sample.shape))
    z = latents_of(9)
    fake = generator(z)
    regularizer = MutualInformation(MutualInformationOptions())

    terms = regularizer.terms(play_of(z, fake, discriminator(fake), player), Players(generator, discriminator))
    sum(terms.values()).backward()

    learns = [generator, discriminator.to_code, discriminator.trunk]
    assert regularizer.player == "both"
    for weight in (weight for network in learns for weight in network.parameters()):
        assert weight.grad is not None and weight.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in discriminator.to_logit.parameters())


def test_a_generator_and_a_reader_that_learn_nothing_else_agree_on_a_language() -> None:
    """Points of two numbers in [-1, 1] come to tell 4 values: at least 95 % of log 4."""
    code = Code((4,))
    sample = SampleSpec((2,), code=code)
    generator = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2), nn.Tanh())
    discriminator = discriminator_of(sample, width=16, head_width=16, norm="none", weight_std=0.0)
    regularizer, players = MutualInformation(MutualInformationOptions()), Players(generator, discriminator)
    optimizer = torch.optim.Adam([*generator.parameters(), *discriminator.parameters()], 0.01)
    prior = prior_of(categories=[4], continuous=0, noise=1)
    z = torch.from_numpy(draw(prior, 64))

    for _ in range(150):
        optimizer.zero_grad()
        fake = generator(z)
        loss = regularizer.terms(play_of(z, fake, discriminator(fake)), players)["categorical"]
        loss.backward()
        optimizer.step()

    assert 0.95 * log(4) < -float(loss.detach()) <= log(4) + 1e-6


class Wrapped(nn.Module):
    """As a wrapper of discriminators is."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.ModuleList([inner])


def test_the_layout_is_found_through_wrappers() -> None:
    assert code_of(Wrapped(Wrapped(Reader(Code((7,)))))) == Code((7,))
    assert code_of(nn.Linear(1, 1)) == Code()


@pytest.mark.parametrize(
    "say",
    [
        lambda fake: (nn.Linear(1, 1), Verdict(fake[:, 0])),
        lambda fake: (nn.Linear(1, 1), Verdict(fake[:, 0], code=fake)),
        lambda fake: (Reader(), Verdict(fake[:, 0])),
        lambda fake: (Reader(), Verdict(fake[::2, 0], code=fake[::2])),
    ],
    ids=["no reader", "no layout", "nothing read", "packs"],
)
def test_a_discriminator_that_reads_no_codes_is_refused_with_one_that_does(
    say: Callable[[Tensor], tuple[nn.Module, Verdict]],
) -> None:
    fake = torch.rand(4, CODE.size)
    discriminator, verdict = say(fake)

    with pytest.raises(BadSetting, match=r"^`mutual-information` needs .*infogan and latents\.name=structured\.$"):
        MutualInformation(MutualInformationOptions()).terms(
            play_of(fake, fake, verdict), Players(nn.Identity(), discriminator)
        )


# The recipe


def test_the_recipe_has_the_authors_codes_and_rates() -> None:
    """github.com/openai/InfoGAN, launchers/run_mnist_exp.py."""
    config = resolve(find_recipe("infogan", CATALOG), CATALOG)

    assert config.latents.options == {"categories": (10,), "continuous": 2, "noise": 62, "distribution": "uniform"}
    assert config.regularizers["mutual-information"]["categorical_weight"] == 1.0
    assert (config.generator_optimizer.learning_rate, config.discriminator_optimizer.learning_rate) == (1e-3, 2e-4)
    assert config.generator_optimizer.betas[0] == config.discriminator_optimizer.betas[0] == 0.5


def test_the_build_tells_the_discriminator_the_prior_s_code() -> None:
    config = resolve(find_recipe("infogan", CATALOG), CATALOG, [(["latents", "categories"], [10, 3])])

    discriminator, row_wise = build_discriminator(config, SampleSpec((1, 28, 28), 10), CATALOG)

    assert code_of(discriminator) == Code((10, 3), 2)
    assert not row_wise


def test_the_recipe_s_generator_exports_with_its_codes() -> None:
    """onnxruntime draws what torch draws from structured latents, at batch sizes 1, 2, 3 and 7."""
    config, sample = resolve(find_recipe("infogan", CATALOG), CATALOG), SampleSpec((1, 28, 28), 10)
    generator, prior = build_generator(config, sample, CATALOG), Structured(StructuredOptions())
    generator.train()(torch.from_numpy(draw(prior, 20)))

    parity = compare(to_onnx(generator.eval(), sample, prior.size), generator, sample, prior)

    assert parity.batch_sizes == (1, 2, 3, 7)
    assert parity.max_difference < 1e-5

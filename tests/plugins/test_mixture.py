"""The mixture of Gaussians: its fit and its density against scikit-learn's, its samples against their moments."""

from math import e, log, pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture as Reference
from torch import Tensor

import ganzoo
from ganzoo.api import BadData, BadSetting, SampleSpec
from ganzoo.catalog import load_catalog
from ganzoo.contracts import StartsFromData
from ganzoo.core.options import parse_options
from ganzoo.export.bundle import load_trained
from ganzoo.latents import normals, seed_words
from ganzoo.sampling.sampler import Sampler
from ganzoo_vanilla.mixture import GaussianMixture
from ganzoo_vanilla.options import MixtureOptions

LINE, PLANE, PICTURE = SampleSpec((1,)), SampleSpec((2,)), SampleSpec((1, 3, 4))

each_covariance = pytest.mark.parametrize("covariance", ["full", "diag"])


def mixture(sample: SampleSpec = PLANE, latent_size: int | None = None, **options: Any) -> GaussianMixture:
    torch.manual_seed(0)
    size = sample.size + 1 if latent_size is None else latent_size
    return GaussianMixture(sample, size, MixtureOptions(**options))


def latents_of(count: int, size: int) -> Tensor:
    """Standard normals, as a run's prior makes them."""
    return torch.from_numpy(normals(seed_words(np.arange(count), size)))


def clusters(count: int = 3000, size: int = 2) -> Tensor:
    """Three slanted clouds, of 1/2, 1/3 and 1/6 of the samples."""
    random = np.random.default_rng(0)
    slant = np.eye(size) + 0.7 * np.tri(size, k=-1)
    which = np.repeat([0, 1, 2], [count // 2, count // 3, count // 6])
    points = random.standard_normal((len(which), size)) @ slant.T * np.array([0.3, 0.5, 0.2])[which, None]
    points[:, 0] += np.array([-4.0, 0.0, 4.0])[which]
    return torch.from_numpy(points.astype(np.float32))


def reference(data: Tensor, components: int, covariance: str, floor: float = 1e-6) -> Reference:
    fit = Reference(components, covariance_type=covariance, reg_covar=floor, random_state=0, max_iter=200)
    return fit.fit(data.flatten(1).double().numpy())


@each_covariance
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_likelihood_after_em_is_scikit_learn_s(covariance: str, size: int) -> None:
    """Fitted apart, and scored on points that neither has seen; components may come in another order."""
    data, points = clusters(size=size), 4 * torch.randn(200, size)
    made = mixture(SampleSpec((size,)), components=3, covariance=covariance)

    made.start_from(data)

    expected = reference(data, 3, covariance).score_samples(points.double().numpy())
    np.testing.assert_allclose(made.log_likelihood(points).numpy(), expected, rtol=1e-3, atol=1e-3)
    assert isinstance(made, StartsFromData)


def test_the_likelihood_of_the_ring_is_that_of_the_data() -> None:
    """Eight Gaussians that lie apart: -log 8 - log(2πe σ²) nats on average, 4.29."""
    angles = 2 * pi * torch.arange(8) / 8
    means = torch.stack([angles.cos(), angles.sin()], 1)
    data = means.repeat(500, 1) + 0.01 * torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    made = mixture(components=8, starts=5)

    made.start_from(data)

    assert float(made.log_likelihood(data).mean()) == pytest.approx(-log(8) - log(2 * pi * e * 0.01**2), abs=0.05)


def test_the_density_on_a_line_integrates_to_1() -> None:
    made = mixture(LINE, components=3)
    made.start_from(clusters(size=1))
    x = torch.linspace(-12, 12, 20001)[:, None]

    density = made.log_likelihood(x).exp()

    assert float(torch.trapezoid(density, x[:, 0].double())) == pytest.approx(1, abs=1e-6)


def test_a_single_gaussian_is_that_of_the_moments() -> None:
    """One component has the data's mean and covariance, and the density of the textbook."""
    data = clusters(size=2)
    made = mixture(components=1)

    made.start_from(data)

    mean, covariance = data.double().mean(0), torch.cov(data.T.double(), correction=0) + 1e-6 * torch.eye(2)
    torch.testing.assert_close(made.means.detach()[0].double(), mean, rtol=1e-5, atol=1e-5)
    factor = made.factors.detach()[0].double()
    torch.testing.assert_close(factor @ factor.T, covariance, rtol=1e-5, atol=1e-5)
    x = torch.tensor([1.0, 2.0]) - mean
    expected = -log(2 * pi) - covariance.logdet() / 2 - x @ torch.linalg.solve(covariance, x) / 2
    assert float(made.log_likelihood(torch.tensor([[1.0, 2.0]]))) == pytest.approx(float(expected), rel=1e-5)


@torch.no_grad()
@each_covariance
def test_samples_have_the_moments_of_the_mixture(covariance: str) -> None:
    """Within 5 standard errors, or nearly; the shares of the components too."""
    data, count = clusters(), 60_000
    made = mixture(components=3, covariance=covariance)
    made.start_from(data)

    samples = made(latents_of(count, 3))

    expected = data.mean(0)
    spread = data.std(0)
    assert ((samples.mean(0) - expected).abs() < 5 * spread / count**0.5).all()
    torch.testing.assert_close(torch.cov(samples.T)[0, 0], torch.cov(data.T)[0, 0], rtol=0.03, atol=0)
    shares = torch.tensor([float((abs(samples[:, 0] - x) < 2).float().mean()) for x in (-4, 0, 4)])
    torch.testing.assert_close(shares, torch.tensor([1 / 2, 1 / 3, 1 / 6]), rtol=0, atol=0.012)
    correlations = [torch.corrcoef(each[abs(each[:, 0] - 4) < 2].T)[0, 1] for each in (samples, data)]
    wanted = correlations[1] if covariance == "full" else torch.tensor(0.0)
    assert correlations[0] == pytest.approx(float(wanted), abs=0.05)


@torch.no_grad()
def test_the_first_number_chooses_the_component_and_the_others_move_within_it() -> None:
    """By hand: Φ(-0.1) = 0.46 lies in the first component, of weight 1/2; Φ(0.1) = 0.54 in the second, Φ(2) = 0.98 in
    the third; numbers beyond D + 1 do nothing."""
    made = mixture(latent_size=5, components=3)
    made.weights.copy_(torch.tensor([0.5, 0.25, 0.25]))
    made.means.copy_(torch.tensor([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]]))
    made.factors.copy_(torch.tensor([[2.0, 9.0], [3.0, 4.0]]))  # 9 lies above the diagonal, and counts for nothing

    samples = made(torch.tensor([[-0.1, 1, 1, 7, 7], [0.1, 1, 0, 8, 8], [2.0, 0, 1, 9, 9]]))

    torch.testing.assert_close(samples, torch.tensor([[2.0, 7.0], [12.0, 3.0], [20.0, 4.0]]))


@torch.no_grad()
@pytest.mark.parametrize("extreme", [-40.0, 40.0])
def test_an_extreme_latent_falls_into_the_first_or_the_last_component(extreme: float) -> None:
    made = mixture(components=4)
    expected = made.means[0 if extreme < 0 else -1]

    torch.testing.assert_close(made(torch.tensor([[extreme, 0, 0]]))[0], expected)


@torch.no_grad()
def test_pictures_are_cut_off_and_their_likelihood_is_that_before() -> None:
    """A mean outside [-1, 1] is drawn as the nearest colour; the density knows nothing of that."""
    made = mixture(PICTURE, components=1)
    made.means.fill_(3.0)

    samples = made(torch.zeros(2, 13))

    assert samples.shape == (2, 1, 3, 4)
    assert samples.unique().tolist() == [1.0]
    inside, outside = (made.log_likelihood(torch.full((1, 1, 3, 4), value)) for value in (1.0, 3.0))
    assert float(outside - inside) == pytest.approx(12 * 2**2 / 2)


def test_every_weight_can_be_trained_but_those_of_the_components() -> None:
    made = mixture(components=3)

    made(latents_of(200, 3)).square().sum().backward()

    assert {name for name, _ in made.named_parameters()} == {"means", "factors"}
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in made.parameters())


@pytest.mark.parametrize("sample", [PLANE, PICTURE], ids=["points", "pictures"])
def test_too_few_latents_are_answered_by_how_many_it_takes(sample: SampleSpec) -> None:
    with pytest.raises(BadSetting, match=f"latents.size={sample.size + 1}"):
        mixture(sample, latent_size=sample.size)


def test_more_components_than_samples_are_refused() -> None:
    with pytest.raises(BadData, match=r"generator\.components=5 or less"):
        mixture(components=6).start_from(torch.randn(5, 2))


@pytest.mark.parametrize("values", [{"components": 0}, {"covariance": "tied"}, {"floor": 0}, {"starts": 0}])
def test_an_option_out_of_range_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=next(iter(values))):
        parse_options(MixtureOptions, values, "generator")


def settings_for(dataset: str) -> dict[str, Any]:
    if dataset == "ring":
        return {"dataset.samples": 2000}
    return {"dataset.name": dataset, "latents.size": 65, "generator.components": 5, "generator.floor": 1e-3}


@pytest.mark.parametrize("covariance", ["full", "diag"])
@pytest.mark.parametrize("dataset", ["ring", "digits"])
def test_the_recipe_keeps_the_fit_and_exports_it(dataset: str, covariance: str, tmp_path: Path) -> None:
    """What the run's one step leaves, and what onnxruntime draws, are the mixture that EM found."""
    settings = {**settings_for(dataset), "generator.covariance": covariance, "batch_size": 50}
    run = ganzoo.train("gmm", out=tmp_path / "runs", quiet=True, settings=settings)
    trained = load_trained(run)
    generator = trained.generator
    assert isinstance(generator, GaussianMixture)

    data = real_samples(dataset)
    again = GaussianMixture(trained.sample, trained.prior.size, generator.options)
    again.load_state_dict(generator.state_dict())
    fit = reference(data, generator.options.components, covariance, generator.options.floor)
    likelihood = float(generator.log_likelihood(data).mean())
    assert likelihood == pytest.approx(fit.score(data.flatten(1).double().numpy()), rel=0.1)

    drawn = Sampler(ganzoo.export(run, out=tmp_path / "models"), device="cpu").sample(200, seed=0)
    with torch.no_grad():
        samples = generator(latents_of(200, trained.prior.size), None)
    if trained.sample.is_picture:
        found = np.moveaxis(drawn, 3, 1).astype(np.float32) / 127.5 - 1
        np.testing.assert_allclose(found, samples.numpy(), atol=1.01 / 127.5)
    else:
        np.testing.assert_allclose(drawn, samples.numpy(), atol=1e-5)


def real_samples(dataset: str) -> Tensor:
    """What the recipe is fitted to, [N, S...]."""
    spec = load_catalog().datasets[dataset]
    from ganzoo.core.specs import Source

    options = spec.options(samples=2000) if dataset == "ring" else spec.options()
    samples = np.asarray(spec.open(Source(), options).samples)
    return torch.from_numpy(samples.astype(np.float32) / 127.5 - 1 if samples.dtype == np.uint8 else samples)

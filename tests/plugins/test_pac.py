"""Packing: joined samples against numpy's joining, and what cannot be joined is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

import ganzoo
from ganzoo.api import BadData, BadSetting, Code, SampleSpec
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Verdict
from ganzoo.core.options import parse_options
from ganzoo.recipes import find_recipe, resolve
from ganzoo.training.build import build_discriminator
from ganzoo_pac.options import PackingOptions
from ganzoo_pac.packing import Packing

POINTS, PICTURES = SampleSpec((2,), 8), SampleSpec((3, 4, 5), 10)

each_size = pytest.mark.parametrize("size", [1, 2, 3])
each_sample = pytest.mark.parametrize("sample", [POINTS, PICTURES], ids=["points", "pictures"])


class Listener(nn.Module):
    """Remembers what it was built for and is shown; its logit is a weighted sum."""

    def __init__(self, sample: SampleSpec) -> None:
        super().__init__()
        self.sample = sample
        self.linear = nn.Linear(sample.size, 1)
        self.seen: list[tuple[Tensor, Tensor | None]] = []

    def forward(self, samples: Float[Tensor, "batch *sample"], labels: Tensor | None = None) -> Verdict:
        self.seen.append((samples, labels))
        assert samples.shape[1:] == self.sample.shape
        features = samples.flatten(1)
        return Verdict(self.linear(features)[:, 0], features, reconstruction=2 * samples)


def packing(sample: SampleSpec, size: int) -> Packing:
    torch.manual_seed(0)
    return Packing(Listener, sample, PackingOptions(size))


@each_sample
@each_size
def test_a_pack_is_consecutive_samples_joined_along_their_first_axis(sample: SampleSpec, size: int) -> None:
    """Channels for pictures, numbers for points; pack i holds the samples from m·i on."""
    network = packing(sample, size)
    samples = torch.randn(6, *sample.shape)

    verdict = network(samples, torch.arange(6))

    ((shown, labels),) = network.inner.seen
    rows = samples.numpy()
    expected = np.stack([np.concatenate(list(rows[i * size : (i + 1) * size])) for i in range(6 // size)])
    np.testing.assert_array_equal(shown.numpy(), expected)
    assert labels is None
    assert verdict.logits.shape == (6 // size,)
    assert verdict.features is not None and verdict.features.shape == (6 // size, size * sample.size)


@each_sample
@each_size
def test_a_reconstruction_is_taken_apart_into_the_samples(sample: SampleSpec, size: int) -> None:
    samples = torch.randn(6, *sample.shape)

    assert torch.equal(packing(sample, size)(samples).reconstruction, 2 * samples)


def test_each_sample_of_a_pack_counts_and_no_other() -> None:
    """The gradient of a pack's logit reaches all its samples, and none of another pack."""
    samples = torch.randn(6, 2, requires_grad=True)

    logits = packing(POINTS, 3)(samples).logits
    (gradient,) = torch.autograd.grad(logits[1], samples)

    assert [bool(row.any()) for row in gradient] == [False] * 3 + [True] * 3


def test_the_inner_discriminator_is_built_for_packs_without_labels_and_codes() -> None:
    sample = SampleSpec((3, 4, 5), 10, Code((10,), 2))

    assert packing(sample, 2).inner.sample == SampleSpec((6, 4, 5))


def test_packs_of_one_are_the_discriminator_itself() -> None:
    samples = torch.randn(5, 2)
    network = packing(POINTS, 1)

    assert torch.equal(network(samples).logits, network.inner(samples).logits)


def test_twins_look_different_from_strangers_to_a_pack_alone() -> None:
    """What packing is for: a generator without variety has packs of twins. A sum of functions of each sample by itself
    cannot tell {a, a} and {b, b} from {a, b} and {b, a}; a product of two can."""
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[-1.0, 0.0]])
    twins, strangers = torch.cat([a, a, b, b]), torch.cat([a, b, b, a])

    class Product(Listener):
        def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
            return Verdict(samples[:, 0] * samples[:, 2])

    pair = Packing(Product, POINTS, PackingOptions(2))

    assert pair(twins).logits.tolist() == [1, 1]
    assert pair(strangers).logits.tolist() == [-1, -1]


@pytest.mark.parametrize(("count", "size", "fits"), [(5, 2, 4), (64, 3, 63), (2, 3, 3)])
def test_a_batch_that_packs_do_not_divide_is_refused_with_one_that_they_do(count: int, size: int, fits: int) -> None:
    with pytest.raises(BadSetting, match=f"batch_size={fits},"):
        packing(POINTS, size)(torch.randn(count, 2))


def test_such_a_batch_ends_a_run_in_the_same_sentence(tmp_path: Any) -> None:
    with pytest.raises(BadSetting, match="batch_size=9,"):
        ganzoo.train(
            "packing-points", out=tmp_path, quiet=True, steps=1, settings={"batch_size": 10, "wrappers.packing.size": 3}
        )


def test_a_discriminator_that_reads_labels_is_refused_in_one_sentence() -> None:
    def conditional(sample: SampleSpec) -> nn.Module:
        if not sample.num_classes:
            raise BadData("This network works with labels.")
        return Listener(sample)

    with pytest.raises(BadSetting, match="cannot read those") as caught:
        Packing(conditional, POINTS, PackingOptions(2))
    assert "\n" not in str(caught.value)


@each_sample
def test_what_else_the_inner_discriminator_refuses_is_told_as_it_is(sample: SampleSpec) -> None:
    def picky(_sample: SampleSpec) -> nn.Module:
        raise BadData("This network is for squares.")

    with pytest.raises(BadData, match="squares"):
        Packing(picky, sample, PackingOptions(2))


@pytest.mark.parametrize("size", [0, -1, 1.5])
def test_a_pack_has_one_sample_at_least(size: float) -> None:
    with pytest.raises(BadSetting, match="size"):
        parse_options(PackingOptions, {"size": size}, "wrappers.packing")


@pytest.mark.parametrize(("name", "width"), [("mlp", 2), ("maxout", 2)])
def test_the_host_packs_any_discriminator_and_never_mixes_kinds(name: str, width: int) -> None:
    """Built as in a run: the first layer reads m samples, and real and fake do not share a pass."""
    catalog = load_catalog()
    changes = [(["discriminator", "name"], name), (["wrappers", "packing", "size"], 3)]
    config = resolve(find_recipe("vanilla-mlp", catalog), catalog, changes)

    network, row_wise = build_discriminator(config, POINTS, catalog)

    first = next(layer for layer in network.modules() if isinstance(layer, nn.Linear))
    assert first.in_features == 3 * width
    assert not row_wise


def test_pacgan_has_the_networks_of_the_authors() -> None:
    """Four layers of 400 with batch norm and no bias; three of 200 maxout units of 5 pieces on pairs; weights of
    standard deviation 0.02. From the authors' code for the synthetic data."""
    from ganzoo.training.build import build_generator

    catalog = load_catalog()
    config = resolve(find_recipe("pacgan", catalog), catalog)
    torch.manual_seed(0)
    generator = build_generator(config, SampleSpec((2,), 25), catalog)
    discriminator, _ = build_discriminator(config, SampleSpec((2,), 25), catalog)

    def sizes(network: nn.Module) -> list[tuple[int, int, bool]]:
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        return [(layer.in_features, layer.out_features, layer.bias is not None) for layer in layers]

    assert sizes(generator) == [(2, 400, False), *[(400, 400, False)] * 3, (400, 2, True)]
    assert sum(isinstance(layer, nn.BatchNorm1d) for layer in generator.modules()) == 4
    assert sizes(discriminator) == [(4, 1000, True), *[(200, 1000, True)] * 2, (200, 1, True)]
    for network in (generator, discriminator):
        wide = [layer.weight for layer in network.modules() if isinstance(layer, nn.Linear)][1]
        assert float(wide.detach().std()) == pytest.approx(0.02, rel=0.02)
    assert not any(isinstance(layer, nn.Dropout) and layer.p for layer in discriminator.modules())


def test_unrolled_looks_ahead() -> None:
    catalog = load_catalog()

    config = resolve(find_recipe("unrolled", catalog), catalog)

    assert config.unroll is not None and config.unroll.steps == 5
    assert config.dataset.name == "ring"

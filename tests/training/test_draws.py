"""What an update is given depends on its number, and on nothing else."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import CPU, toy_data

from ganzoo.core.specs import Data
from ganzoo.training.draws import Draws, to_unit_range
from ganzoo.training.randomness import draw_words, seed_torch, stream
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal


def draws(count: int = 40, batch: int = 16, seed: int = 0) -> Draws:
    return Draws(toy_data(count), Normal(NormalOptions(size=2)), batch, seed, CPU)


@given(st.integers(5, 60), st.integers(1, 5), st.integers(1, 3))
def test_each_sample_is_seen_exactly_once_an_epoch(count: int, batch: int, epochs: int) -> None:
    """Also where the batch does not divide the data set: a batch then straddles two epochs."""
    source = draws(count, batch)
    seen = torch.cat([source.index(update) for update in range(-(-count * epochs // batch))])[: count * epochs]
    assert Counter(seen.tolist()) == dict.fromkeys(range(count), epochs)


def test_each_epoch_has_an_order_of_its_own() -> None:
    source = draws(1000, 1000)
    assert not torch.equal(source.index(0), source.index(1))


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_an_update_s_draw_does_not_depend_on_what_was_drawn_before(updates: list[int]) -> None:
    used, fresh = draws(), draws()
    for update in updates:
        last = used.batch(update)
    again = fresh.batch(updates[-1])
    assert torch.equal(last.real, again.real)
    assert torch.equal(last.latents, again.latents)


def test_labels_stay_with_their_samples() -> None:
    data = toy_data()
    batch = draws().batch(3)
    assert batch.labels is not None
    for real, label in zip(batch.real, batch.labels, strict=True):
        place = np.flatnonzero((data.samples == real.numpy()).all(1))[0]
        assert data.labels is not None
        assert data.labels[place] == label


def test_streams_seeds_and_counters_all_matter() -> None:
    rows = [draw_words(stream(*key), 1, 8).tobytes() for key in [(0, "a", 0), (0, "a", 1), (0, "b", 0), (1, "a", 0)]]
    assert len(set(rows)) == 4
    assert draw_words(stream(0, "a", 0), 1, 8).tobytes() == rows[0]


def test_words_are_uniform_in_32_bits() -> None:
    """10^6 words: mean and variance of the uniform distribution within five standard errors; both ends are reached."""
    words = draw_words(stream(0, "test", 0), 1000, 1000) / 2**32
    assert words.mean() == pytest.approx(1 / 2, abs=5 * (1 / 12 / 1e6) ** 0.5)
    assert words.var() == pytest.approx(1 / 12, abs=5 * (1 / 180 / 1e6) ** 0.5)
    assert words.min() < 1e-5
    assert words.max() > 1 - 1e-5


def test_torch_draws_what_its_seed_says() -> None:
    seed_torch(0, "a", 5)
    first = torch.rand(3)
    seed_torch(0, "a", 6)
    other = torch.rand(3)
    seed_torch(0, "a", 5)
    assert torch.equal(torch.rand(3), first)
    assert not torch.equal(other, first)


def test_black_is_minus_one_and_white_is_one() -> None:
    grey = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert to_unit_range(grey).tolist() == pytest.approx([-1, -0.6, 1])


def test_points_are_left_as_they_are() -> None:
    data = Data(np.array([[3.0, -7.0]], np.float32))
    source = Draws(data, Normal(NormalOptions(size=2)), 1, 0, CPU)
    assert source.batch(0).real.tolist() == [[3.0, -7.0]]

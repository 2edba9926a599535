"""What an update is given depends on its number, and on nothing else."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toys import CPU, toy_config, toy_data

from ganzoo.contracts import Batch
from ganzoo.core.errors import BadSetting
from ganzoo.core.specs import Data
from ganzoo.training.draws import Draws, to_unit_range
from ganzoo.training.moving import moved
from ganzoo.training.noise import RowNoise
from ganzoo.training.randomness import draw_words, seed_torch, stream
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal


def draws(
    count: int = 40, batch: int = 16, shares: Sequence[range] = (), data: Data | None = None, **more: Any
) -> Draws:
    config = toy_config(batch_size=batch, **more)
    return Draws(data or toy_data(count), Normal(NormalOptions(size=2)), config, CPU, shares)


def pictures(count: int = 12, height: int = 5, width: int = 4) -> Data:
    shape = (count, 3, height, width)
    return Data(np.random.default_rng(1).integers(0, 256, shape, np.uint8))


def same(one: Batch, other: Batch) -> bool:
    """To the last bit, the noise included."""
    labels = one.labels is other.labels is None or torch.equal(one.labels, other.labels)
    return (
        labels
        and torch.equal(one.real, other.real)
        and torch.equal(one.latents, other.latents)
        and torch.equal(one.noise.uniform(3), other.noise.uniform(3))
    )


# Which samples


@given(st.integers(5, 60), st.integers(1, 5), st.integers(1, 3))
def test_each_sample_is_seen_exactly_once_an_epoch(count: int, batch: int, epochs: int) -> None:
    """Also where the batch does not divide the data set: a batch then straddles two epochs."""
    source = draws(data=Data(np.arange(count, dtype=np.float32)[:, None]), batch=batch)
    batches = [source.discriminator(update)[0] for update in range(-(-count * epochs // batch))]
    seen = torch.cat([each.real[:, 0] for each in batches])[: count * epochs]
    assert Counter(seen.tolist()) == dict.fromkeys(range(count), epochs)


def test_each_epoch_has_an_order_of_its_own() -> None:
    source = draws(1000, 1000)
    first, second = (source.discriminator(update)[0].real for update in (0, 1))
    assert not torch.equal(first, second)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_an_update_s_draw_does_not_depend_on_what_was_drawn_before(updates: list[int]) -> None:
    used, fresh = draws(), draws()
    for update in updates:
        (last,) = used.discriminator(update)
    assert same(last, fresh.discriminator(updates[-1])[0])


def test_labels_stay_with_their_samples() -> None:
    data = toy_data()
    (batch,) = draws().discriminator(3)
    assert batch.labels is not None
    for real, label in zip(batch.real, batch.labels, strict=True):
        place = np.flatnonzero((data.samples == real.numpy()).all(1))[0]
        assert data.labels is not None
        assert data.labels[place] == label


@pytest.mark.parametrize("settings", [{}, {"mirror": True, "shift": 2}])
def test_shares_together_are_the_whole_batch(settings: dict[str, Any]) -> None:
    """Row i is the same sample, moved in the same way, with the same latents and noise, whoever computes it."""
    parts = [
        draws(data=pictures(), batch=6, shares=own, **settings) for own in ([range(3)], [range(3, 5), range(5, 6)])
    ]
    (whole,) = draws(data=pictures(), batch=6, **settings).discriminator(7)
    pieces = [batch for part in parts for batch in part.discriminator(7)]
    assert torch.equal(torch.cat([piece.real for piece in pieces]), whole.real)
    assert torch.equal(torch.cat([piece.latents for piece in pieces]), whole.latents)
    assert torch.equal(torch.cat([piece.noise.normal(2) for piece in pieces]), whole.noise.normal(2))


def test_the_generator_gets_the_same_samples_with_latents_and_noise_of_its_own() -> None:
    source = draws(shares=[range(8), range(8, 16)])
    before = source.discriminator(5)
    for old, new in zip(before, source.generator(5, before), strict=True):
        assert new.real is old.real
        assert new.labels is old.labels
        assert not torch.equal(new.latents, old.latents)
        assert not torch.equal(new.noise.uniform(2), old.noise.uniform(2))


def test_the_first_samples_are_those_of_the_data_set() -> None:
    """Unmoved, and no more than there are."""
    data = pictures()
    source = draws(data=data, batch=6, mirror=True, shift=2)
    assert torch.equal(source.first(5), to_unit_range(torch.from_numpy(data.samples[:5])))
    assert len(source.first(100)) == 12


# Random numbers


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


# Values


def test_black_is_minus_one_and_white_is_one() -> None:
    grey = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert to_unit_range(grey).tolist() == pytest.approx([-1, -0.6, 1])


def test_points_are_left_as_they_are() -> None:
    (batch,) = draws(data=Data(np.array([[3.0, -7.0]], np.float32)), batch=1).discriminator(0)
    assert batch.real.tolist() == [[3.0, -7.0]]


# Mirrored and shifted


class Told:
    """Noise that is given: what to mirror by, or what to shift by."""

    def __init__(self, *values: Any) -> None:
        self.values = list(values)

    def uniform(self, *shape: int) -> torch.Tensor:
        return torch.tensor(self.values.pop(0)).reshape(-1, *shape)

    normal = uniform


ROW = torch.arange(5, dtype=torch.uint8)[None, None, None].expand(1, 1, 5, 5)  # 0 1 2 3 4, in every row


@pytest.mark.parametrize(
    ("mirror", "across", "row"),
    [
        (0.5, 0.5, [0, 1, 2, 3, 4]),
        (0.49, 0.5, [4, 3, 2, 1, 0]),
        (0.5, 0.0, [2, 1, 0, 1, 2]),  # two to the right: reflected at 0, which is not repeated
        (0.5, 0.99, [2, 3, 4, 3, 2]),
        (0.0, 0.99, [2, 1, 0, 1, 2]),
    ],
)
def test_a_row_of_pixels_is_moved_as_by_hand(mirror: float, across: float, row: list[int]) -> None:
    result = moved(ROW, Told([0.5, across], [mirror]), mirror=True, shift=2)
    assert result[0, 0].tolist() == [row] * 5

    turned = moved(ROW.transpose(2, 3), Told([across, 0.5], [0.5]), mirror=True, shift=2)
    if mirror == 0.5:
        assert turned[0, 0].T.tolist() == [row] * 5


@given(st.integers(1, 5), st.integers(1, 3), st.integers(2, 9), st.integers(2, 9), st.integers(1, 6), st.booleans())
def test_moving_equals_padding_and_cropping_each_picture(
    count: int, channels: int, height: int, width: int, shift: int, mirror: bool
) -> None:
    """numpy pads by reflection, picture by picture."""
    shift = min(shift, height - 1, width - 1)
    samples = np.random.default_rng(0).integers(0, 256, (count, channels, height, width), np.uint8)
    steps, coins = RowNoise(0, "a", 0, count, range(count), CPU), RowNoise(0, "a", 0, count, range(count), CPU)
    result = moved(torch.from_numpy(samples), steps, mirror=mirror, shift=shift)

    offsets = (coins.uniform(2).double() * (2 * shift + 1)).floor().long()
    flips = coins.uniform(1)[:, 0] < 0.5
    for sample, (down, across), flip, found in zip(samples, offsets.tolist(), flips.tolist(), result, strict=True):
        turned = sample[:, :, ::-1] if mirror and flip else sample
        padded = np.pad(turned, ((0, 0), (shift, shift), (shift, shift)), mode="reflect")
        np.testing.assert_array_equal(found, padded[:, down : down + height, across : across + width])


def test_all_shifts_are_equally_likely_and_half_of_all_pictures_are_mirrored() -> None:
    """20,000 pictures whose pixels tell where they came from: each count within five standard errors."""
    count, shift = 20_000, 1
    picture = torch.arange(49, dtype=torch.uint8).reshape(1, 1, 7, 7).expand(count, 1, 7, 7)
    noise = RowNoise(0, "a", 0, count, range(count), CPU)
    result = moved(picture, noise, mirror=True, shift=shift)[:, 0]

    centres = Counter(result[:, 3, 3].tolist())
    assert set(centres) == {7 * y + x for y in (2, 3, 4) for x in (2, 3, 4)}
    assert all(abs(seen - count / 9) < 5 * (count * 8 / 81) ** 0.5 for seen in centres.values())
    mirrored = int((result[:, 3, 2] > result[:, 3, 4]).sum())
    assert abs(mirrored - count / 2) < 5 * (count / 4) ** 0.5


def test_real_pictures_are_moved_anew_at_each_update() -> None:
    data = Data(np.repeat(pictures(1).samples, 6, 0))
    source = draws(data=data, batch=6, shift=2)
    first, second = (source.discriminator(update)[0].real for update in (0, 1))
    assert not torch.equal(first, second)
    assert len({row.numpy().tobytes() for row in first}) > 1


def test_what_is_off_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.training.draws.moved", None)  # whoever calls it fails
    data = pictures()
    (batch,) = draws(data=data, batch=6).discriminator(0)
    known = {to_unit_range(torch.from_numpy(row)).numpy().tobytes() for row in data.samples}
    assert {row.numpy().tobytes() for row in batch.real} <= known, "as they are in the data set"
    with pytest.raises(TypeError):
        draws(data=data, batch=6, mirror=True).discriminator(0)


@pytest.mark.parametrize("settings", [{"mirror": True}, {"shift": 1}])
def test_points_are_not_moved(settings: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match="holds points"):
        draws(**settings)


def test_a_shift_as_large_as_the_pictures_is_refused() -> None:
    draws(data=pictures(height=5, width=4), batch=6, shift=3)
    with pytest.raises(BadSetting, match="set shift to 3 or less"):
        draws(data=pictures(height=5, width=4), batch=6, shift=4)


def test_a_picture_of_one_pixel_is_mirrored_into_itself() -> None:
    data = pictures(height=1, width=1)
    plain, mirrored = draws(data=data, batch=6), draws(data=data, batch=6, mirror=True)
    assert torch.equal(plain.discriminator(0)[0].real, mirrored.discriminator(0)[0].real)


def test_seeds_differ() -> None:
    one, other = draws(), draws(seed=1)
    assert not same(one.discriminator(0)[0], other.discriminator(0)[0])

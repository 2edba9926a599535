"""The arithmetic of priors: known answers, the right distribution, and the same bits in numpy and torch."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri

from ganzoo import latents
from ganzoo.core.errors import GanzooError
from ganzoo.latents import integer_normals, log2, namespace, normals, philox4x32, product, seed_words, uniforms

SEEDS = st.integers(-(2**63), 2**63 - 1)
WORDS = st.integers(0, 2**32 - 1)
EDGES = [-(2**63), -(2**32), -1, 0, 1, 2**32 - 1, 2**32, 2**63 - 1]  # seeds
EXTREMES = np.array([0, 1, 2, 3, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1])  # words


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_philox_gives_the_known_answers_of_random123(counter: str, key: str, expected: str, kind: type) -> None:
    def parse(text: str) -> tuple:
        return tuple(kind([int(word, 16)]) for word in text.split())

    found = philox4x32(parse(counter), parse(key))

    assert " ".join(f"{int(word[0]):08x}" for word in found) == expected


@given(WORDS, st.sampled_from(latents.MULTIPLIERS))
def test_a_product_is_cut_into_its_two_halves(word: int, multiplier: int) -> None:
    """Python's integers know no overflow; those of int64 must agree."""
    high, low = product(np.array([word]), multiplier)

    assert (int(high[0]) << 32) + int(low[0]) == word * multiplier


def test_words_are_philox_of_block_and_stream_under_the_seed() -> None:
    """The low half of the seed is the first word of the key, and the words of a block keep their order."""
    seed, stream = -(2**63) + (5 << 32) + 7, 3
    key = (np.array([7]), np.array([2**31 + 5]))
    blocks = [philox4x32(tuple(np.array([n]) for n in (block, stream, 0, 0)), key) for block in range(2)]

    words = seed_words(np.array([seed]), 7, stream)

    np.testing.assert_array_equal(words[0], np.concatenate([word for block in blocks for word in block])[:7])


def test_words_and_normals_of_some_seeds_never_change() -> None:
    """Frozen: exported bundles and published pictures rest on these bits."""
    words = seed_words(np.array(EDGES), 10)

    assert words[3, :4].tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert hashlib.sha256(words.astype("<i8").tobytes()).hexdigest()[:16] == "89a96d0ec619db4c"
    assert hashlib.sha256(normals(words).astype("<f4").tobytes()).hexdigest()[:16] == "0a6f36ad80fea029"


@given(st.integers(-(2**40), 2**40), st.integers(1, 6), st.integers(1, 6), st.integers(1, 9))
def test_a_later_batch_continues_an_earlier_one(seed: int, first: int, second: int, count: int) -> None:
    whole = seed_words(seed + np.arange(first + second), count)
    parts = [seed_words(seed + np.arange(first), count), seed_words(seed + first + np.arange(second), count)]

    np.testing.assert_array_equal(whole, np.concatenate(parts))


@given(st.lists(SEEDS, min_size=1, max_size=6), st.integers(1, 9), st.integers(0, 9))
def test_a_row_depends_on_its_seed_alone_and_more_words_keep_the_first(seeds: list[int], count: int, more: int) -> None:
    together = seed_words(np.array(seeds, np.int64), count + more)

    for row, seed in zip(together, seeds, strict=True):
        np.testing.assert_array_equal(row[:count], seed_words(np.array([seed], np.int64), count)[0])


def test_seeds_and_streams_all_give_other_words() -> None:
    seeds = np.array(EDGES)
    rows = np.concatenate([seed_words(seeds, 4, stream) for stream in (0, 1, 2**32 - 1)])

    assert len(np.unique(rows, axis=0)) == len(rows)


def test_no_seeds_give_no_words() -> None:
    assert normals(seed_words(np.array([], np.int64), 5)).shape == (0, 5)


@pytest.mark.parametrize(
    ("seeds", "count", "stream", "said"),
    [
        (np.array([1], np.int32), 4, 0, "int64"),
        (torch.tensor([1.0]), 4, 0, "int64"),
        (np.array([[1]]), 4, 0, r"\[1, 1\]"),
        (np.array([1]), 0, 0, "at least 1 word"),
        (np.array([1]), 4, -1, "stream -1"),
        (np.array([1]), 4, 2**32, "0…2\\^32 - 1"),
    ],
)
def test_wrong_seeds_counts_and_streams_are_refused(seeds: object, count: int, stream: int, said: str) -> None:
    with pytest.raises(GanzooError, match=said):
        seed_words(seeds, count, stream)


@given(st.lists(SEEDS, min_size=1, max_size=4), st.integers(1, 70))
def test_numpy_and_torch_agree_bit_for_bit(seeds: list[int], count: int) -> None:
    array = np.array(seeds, np.int64)
    words = seed_words(array, count)
    tensor = seed_words(torch.from_numpy(array), count)

    np.testing.assert_array_equal(words, tensor.numpy())
    for function in (integer_normals, normals, uniforms):
        found = function(tensor)
        assert isinstance(found, torch.Tensor)
        np.testing.assert_array_equal(function(words), found.numpy(), strict=True)


def test_words_are_uniform() -> None:
    words = seed_words(np.arange(2000), 100)

    assert words.min() >= 0
    assert words.max() < 2**32
    assert stats.kstest(words.ravel() / 2**32, "uniform").pvalue > 1e-3
    ones = [((words >> bit) & 1).mean() for bit in range(32)]
    np.testing.assert_allclose(ones, 0.5, atol=5 * 0.5 / words.size**0.5)


def test_normals_have_the_moments_and_the_shape_of_the_normal_distribution() -> None:
    z = normals(seed_words(np.arange(4000), 100)).astype(np.float64).ravel()
    n = z.size

    assert abs(z.mean()) < 4 * n**-0.5
    assert abs(z.std() - 1) < 4 * (2 * n) ** -0.5
    assert abs(stats.skew(z)) < 4 * (6 / n) ** 0.5
    assert abs(stats.kurtosis(z)) < 4 * (24 / n) ** 0.5
    assert stats.kstest(z, "norm").pvalue > 1e-3


@pytest.mark.parametrize("threshold", [3.0, 4.0])
def test_normals_have_as_many_in_the_tails_as_they_should(threshold: float) -> None:
    z = normals(seed_words(np.arange(8000), 200))
    expected = z.size * stats.norm.sf(threshold)

    for count in ((z > threshold).sum(), (z < -threshold).sum()):
        assert abs(count - expected) < 4 * expected**0.5


def test_neighbouring_seeds_and_neighbouring_coordinates_are_uncorrelated() -> None:
    z = normals(seed_words(np.arange(4001), 64)).astype(np.float64)

    assert abs((z[1:] * z[:-1]).mean()) < 4 / z[1:].size ** 0.5
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < 4 / z[:, 1:].size ** 0.5
    assert np.abs(np.corrcoef(z, rowvar=False) - np.eye(64)).max() < 5 * 4001**-0.5


def test_normals_are_the_inverse_distribution_function_within_the_promised_error() -> None:
    random = np.random.default_rng(0)
    words = np.concatenate([np.arange(2**12), 2 ** np.arange(32), random.integers(0, 2**32, 300_000), EXTREMES])

    z = normals(words[None])[0]

    exact = ndtri((words | 1) / 2.0**33) * np.where(words & 1, 1, -1)
    assert np.abs(z - exact).max() < 3.5e-6
    assert np.abs(z).max() < 6.4


def test_normals_shrink_as_words_grow_and_flip_with_the_lowest_bit() -> None:
    words = np.sort(np.random.default_rng(1).integers(0, 2**31, 10_000)) * 2
    z = normals(words)

    assert (np.diff(z) <= 0).all()
    np.testing.assert_array_equal(z, -normals(words + 1))


def test_integer_normals_are_the_same_numbers_and_fit_float32() -> None:
    words = np.concatenate([seed_words(np.arange(100), 100).ravel(), EXTREMES])
    k = integer_normals(words)

    assert k.dtype == np.int64
    assert np.abs(k).max() < 2**24
    np.testing.assert_array_equal(normals(words), k * 2.0**-21)


def test_the_frozen_table_is_the_quantile_of_scipy() -> None:
    """Regenerated: octave by octave of p, 128 cells each, and p = 1/2; another scipy may round one unit otherwise."""
    octave, cell = np.divmod(np.arange(32 * 128), 128)
    p = np.append((1 + cell / 128) * 2.0 ** (octave - 33), 0.5)

    frozen = np.load(latents.QUANTILES)

    assert frozen.dtype == np.dtype("<i4")
    np.testing.assert_allclose(frozen, np.rint(-ndtri(p) * 2**28), rtol=0, atol=1)


def test_a_changed_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(latents.QUANTILES.read_bytes())
    data[-4] ^= 1
    (tmp_path / "table.npy").write_bytes(data)
    monkeypatch.setattr(latents, "QUANTILES", tmp_path / "table.npy")

    with pytest.raises(GanzooError, match="reinstall"):
        latents.quantile_lines.__wrapped__()


def test_uniforms_lie_symmetrically_in_the_open_interval() -> None:
    values = uniforms(EXTREMES)

    assert values.dtype == np.float32
    assert values.min() == -values.max() == -(1 - 2.0**-23)
    np.testing.assert_array_equal(uniforms(EXTREMES[::-1]), -uniforms(2**32 - 1 - EXTREMES[::-1]))


def test_uniforms_are_uniform() -> None:
    values = uniforms(seed_words(np.arange(2000), 100)).astype(np.float64).ravel()

    assert stats.kstest(values, "uniform", args=(-1, 2)).pvalue > 1e-3
    assert abs(values.mean()) < 4 * (3 * values.size) ** -0.5


@given(st.integers(1, 2**63 - 1) | st.integers(0, 62).map(lambda n: 2 ** (n + 1) - 1))
@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_log2_is_rounded_down(kind: type, value: int) -> None:
    """Also where float64 would round up, just below the high powers of two."""
    assert log2(kind([value]))[0] == value.bit_length() - 1


def test_what_is_neither_numpy_s_nor_torch_s_names_its_own_functions() -> None:
    """The array API standard's way, by which graphs are traced."""

    class Strange:
        def __array_namespace__(self) -> str:
            return "its own"

    assert namespace(Strange()) == "its own"
    assert namespace(np.zeros(1)) is np
    assert namespace(torch.zeros(1)) is torch

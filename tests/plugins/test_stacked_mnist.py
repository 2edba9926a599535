"""Three digits in one picture: their colours, their numbers, and that nothing but the seed decides which."""

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import idx_bytes, read, spec_of

from ganzoo.core.errors import BadData, BadSetting
from ganzoo.data.check import digest

DIGITS = {"train": 20, "t10k": 7}


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Picture i of the training split is grey level i, and shows the digit i mod 10; of the test split 100 + i."""
    folder = tmp_path_factory.mktemp("stacked") / "mnist"
    folder.mkdir()
    for stem, count in DIGITS.items():
        grey = np.arange(count, dtype=np.uint8) + (100 if stem == "t10k" else 0)
        pictures = np.repeat(grey, 28 * 28).reshape(count, 28, 28)
        (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(pictures)))
        (folder / f"{stem}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(grey % 10)))
    return folder


def stacked(mnist: Path, **options: Any) -> Any:
    return read("stacked-mnist", mnist, **{"samples": 500, **options})


def greys(data: Any) -> Any:
    """[N, 3], of the pixel in the middle."""
    return data.samples[np.arange(len(data.samples))][:, :, 14, 14].astype(np.int64)


@pytest.mark.parametrize(("split", "possible"), [("train", range(20)), ("test", range(100, 107)), ("all", None)])
def test_each_colour_shows_a_digit_and_the_label_is_their_number(
    mnist: Path, split: str, possible: range | None
) -> None:
    data = stacked(mnist, split=split)

    assert data.samples.shape == (500, 3, 28, 28)
    assert (data.labels.dtype, len(data.classes)) == (np.int64, 1000)
    assert [data.classes[number] for number in (0, 7, 42, 999)] == ["000", "007", "042", "999"]
    np.testing.assert_array_equal(data.labels, (greys(data) % 10) @ [100, 10, 1])
    assert set(greys(data).ravel()) == set(possible or [*range(20), *range(100, 107)])


def test_two_digits_are_two_channels_and_a_hundred_classes(mnist: Path) -> None:
    data = stacked(mnist, digits=2)

    assert data.samples.shape == (500, 2, 28, 28)
    assert [data.classes[number] for number in (0, 7, 42, 99)] == ["00", "07", "42", "99"]
    assert len(data.classes) == 100
    np.testing.assert_array_equal(data.labels, (greys(data) % 10) @ [10, 1])


@pytest.mark.parametrize("digits", [2, 3])
def test_what_a_channel_shows_is_one_of_the_parts_and_the_label_is_theirs(mnist: Path, digits: int) -> None:
    """Every digit of the split once, as a picture of one channel; labels to base 10, the first channel's foremost."""
    data = stacked(mnist, digits=digits, split="all", size=32)
    singles = data.parts.samples[np.arange(27)]
    label_of = dict(zip((single.tobytes() for single in singles), data.parts.labels.tolist(), strict=True))

    assert (singles.shape, singles.dtype) == ((27, 1, 32, 32), np.uint8)
    assert data.parts.classes == tuple("0123456789")
    shown = [[label_of[channel.tobytes()] for channel in picture] for picture in data.samples]
    np.testing.assert_array_equal(np.ravel_multi_index(tuple(zip(*shown, strict=True)), (10,) * digits), data.labels)


def test_all_numbers_are_there_and_colours_are_independent(mnist: Path) -> None:
    """Of 40,000 draws from 1,000 numbers of equal chance, a count is 40 ± 6.3; a correlation of two colours 0 ± 0.005.

    The least and the largest of 1,000 such counts lie within 5 standard deviations.
    """
    data = stacked(mnist, samples=40_000)
    counts = np.bincount(data.labels, minlength=1000)

    assert abs(counts - 40).max() < 5 * 6.3
    assert counts.std() == pytest.approx(6.3, rel=0.15)
    assert np.abs(np.corrcoef(greys(data).T) - np.eye(3)).max() < 5 * 0.005


@given(st.integers(0, 2**40), st.integers(1, 60))
def test_the_seed_alone_decides(mnist: Path, seed: int, samples: int) -> None:
    one, again = (stacked(mnist, seed=seed, samples=samples) for _ in range(2))

    np.testing.assert_array_equal(one.samples, again.samples)
    np.testing.assert_array_equal(one.labels, again.labels)
    assert digest(one) == digest(again)


def test_another_seed_split_or_size_is_another_data_set(mnist: Path) -> None:
    every = [{}, {"seed": 1}, {"split": "all"}, {"size": 32}, {"samples": 499}, {"digits": 2}]

    assert len({digest(stacked(mnist, **options)) for options in every}) == len(every)
    assert stacked(mnist, stream="always").samples.digest() != stacked(mnist, stream="always", seed=1).samples.digest()


def test_size_32_adds_a_black_border_of_two_pixels(mnist: Path) -> None:
    plain, framed = stacked(mnist, samples=9), stacked(mnist, samples=9, size=32)

    np.testing.assert_array_equal(framed.samples, np.pad(plain.samples, [(0, 0), (0, 0), (2, 2), (2, 2)]))


def test_where_they_do_not_fit_into_memory_they_are_stacked_when_asked_for(mnist: Path) -> None:
    held, lazy = stacked(mnist), stacked(mnist, stream="always")
    index = np.array([499, 0, 3, 3])

    assert isinstance(held.samples, np.ndarray)
    assert not isinstance(lazy.samples, np.ndarray)
    assert (lazy.samples.shape, lazy.samples.dtype) == (held.samples.shape, held.samples.dtype)
    np.testing.assert_array_equal(lazy.samples[index], held.samples[index])
    assert len(pickle.dumps(lazy.samples)) < held.samples.nbytes / 10
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(lazy.samples))[index], held.samples[index])
    assert digest(lazy) == digest(held)


def test_it_is_128000_pictures_unless_asked_otherwise(mnist: Path) -> None:
    data = read("stacked-mnist", mnist, stream="always")

    assert len(data.samples) == 128_000


def test_it_reads_the_files_that_mnist_has(mnist: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> None:
    """Whoever has those downloads nothing, wherever they lie."""
    assert spec_of("stacked-mnist").files == spec_of("mnist").files
    assert len(stacked(mnist.parent).samples) == 500

    monkeypatch.setenv("GANZOO_DATA", str(mnist.parent))
    assert len(read("stacked-mnist", samples=500).samples) == 500
    monkeypatch.delenv("GANZOO_DATA")
    own_cache.mkdir()
    (own_cache / "mnist").symlink_to(mnist)
    assert len(read("stacked-mnist", samples=500).samples) == 500


@pytest.mark.parametrize(
    "options", [{"size": 64}, {"samples": 0}, {"seed": -1}, {"split": "validation"}, {"digits": 1}]
)
def test_settings_out_of_range_are_refused(mnist: Path, options: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        stacked(mnist, **options)


def test_damaged_and_empty_files_are_named(mnist: Path, tmp_path: Path) -> None:
    for file in mnist.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(
        gzip.compress(idx_bytes(np.zeros((20, 28, 28), np.uint8))[:-1])
    )
    with pytest.raises(BadData, match=r"train-images-idx3-ubyte\.gz is damaged"):
        stacked(tmp_path)

    for name, shape in ("images-idx3", (0, 28, 28)), ("labels-idx1", (0,)):
        (tmp_path / f"t10k-{name}-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(shape, np.uint8))))
    with pytest.raises(BadData, match="hold no pictures"):
        stacked(tmp_path, split="test")


def test_real_digits_are_stacked(real_data: Path) -> None:
    single = read("mnist", real_data / "mnist", split="test")
    data = read("stacked-mnist", real_data / "mnist", split="test", samples=20)
    assert data.labels is not None and single.labels is not None
    shown = {picture.tobytes(): label for picture, label in zip(single.samples, single.labels.tolist(), strict=True)}

    for picture, label in zip(data.samples, data.labels, strict=True):
        hundreds, tens, ones = (shown[colour.tobytes()] for colour in picture)
        assert 100 * hundreds + 10 * tens + ones == label

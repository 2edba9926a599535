"""What the zoo's own data sets hold, and what they say of files that are not as they should be."""

import gzip
import subprocess
import sys
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import read, spec_of

import ganzoo_datasets
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.core.specs import DatasetSpec

# All of them


def test_the_plugin_is_listed_without_numpy_pillow_or_scikit_learn() -> None:
    code = (
        "import sys, ganzoo_datasets; ganzoo_datasets.ganzoo_datasets();"
        "sys.exit(' '.join({'torch', 'numpy', 'PIL', 'sklearn'} & set(sys.modules)) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert run.returncode == 0, run.stderr


def test_the_specs_survive_opening_a_data_set() -> None:
    """A module that is imported later must not take the name of a spec."""
    read("digits")

    assert all(isinstance(spec, DatasetSpec) for spec in ganzoo_datasets.ganzoo_datasets())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mnist", {"size": 64}),
        ("mnist", {"split": "validation"}),
        ("mnist", {"limit": -1}),
        ("picture-folder", {"size": -1}),
        ("picture-folder", {"channels": 4}),
        ("picture-folder", {"crop": "left"}),
        ("ring", {"samples": 0}),
        ("grid", {"std": -0.1}),
        ("digits", {"size": 8}),
    ],
)
def test_settings_out_of_range_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        read(name, **options)


# Digits


def test_digits_are_1797_pictures_of_all_ten_digits() -> None:
    data = read("digits")

    assert data.samples.shape == (1797, 1, 8, 8)
    assert data.classes == tuple("0123456789")
    assert data.labels is not None
    assert np.bincount(data.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # UCI's own count


def test_digits_fill_the_range() -> None:
    """The file's 0, 1, 8, 15, 16 are 0, 15.9, 127.5, 239.1, 255; its first picture, a zero, has this second row."""
    data = read("digits")

    assert data.samples.min() == 0
    assert data.samples.max() == 255
    assert data.samples[0, 0, 1].tolist() == [0, 0, 207, 239, 159, 239, 80, 0]  # 0 0 13 15 10 15 5 0


# MNIST and Fashion-MNIST


def images(count: int) -> bytes:
    """An IDX file in which picture i is grey level i."""
    head = bytes.fromhex("00000803") + b"".join(n.to_bytes(4, "big") for n in (count, 28, 28))
    return head + b"".join(bytes([i]) * 28 * 28 for i in range(count))


def labels(values: list[int]) -> bytes:
    return bytes.fromhex("00000801") + len(values).to_bytes(4, "big") + bytes(values)


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """A folder of the four files, with three pictures for training and two for tests."""
    for prefix, count in ("train", 3), ("t10k", 2):
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images(count)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels([9, 0, 4][:count])))
    return tmp_path


TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_files_become_grey_pictures_with_labels(mnist: Path, name: str) -> None:
    data = read(name, mnist)

    assert data.samples.shape == (3, 1, 28, 28)
    assert [picture.min() for picture in data.samples] == [picture.max() for picture in data.samples] == [0, 1, 2]
    assert data.labels is not None
    assert data.labels.tolist() == [9, 0, 4]


def test_fashion_mnist_names_its_garments(mnist: Path) -> None:
    data = read("fashion-mnist", mnist)

    assert len(data.classes) == 10
    assert data.classes[9] == "Ankle boot"


def test_the_split_chooses_the_files(mnist: Path) -> None:
    assert len(read("mnist", mnist, split="test").samples) == 2


def test_size_32_adds_a_black_border_of_two_pixels(mnist: Path) -> None:
    plain, framed = read("mnist", mnist).samples, read("mnist", mnist, size=32).samples

    np.testing.assert_array_equal(framed, np.pad(plain, [(0, 0), (0, 0), (2, 2), (2, 2)]))


@pytest.mark.parametrize(("limit", "count"), [(0, 3), (2, 2), (9, 3)])
def test_the_limit_keeps_the_first_pictures(mnist: Path, limit: int, count: int) -> None:
    data = read("mnist", mnist, limit=limit)

    assert data.samples[:, 0, 0, 0].tolist() == [0, 1, 2][:count]
    assert data.labels is not None
    assert data.labels.tolist() == [9, 0, 4][:count]


def test_idx_files_may_lie_unpacked(mnist: Path) -> None:
    for packed in list(mnist.iterdir()):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()

    assert len(read("mnist", mnist).samples) == 3


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (TRAIN_IMAGES, gzip.compress(labels([1, 2, 3])), "begins with 00000801, not with 00000803"),
        (TRAIN_IMAGES, gzip.compress(b""), "begins with nothing"),
        (TRAIN_IMAGES, gzip.compress(images(3)[:10]), "has 10 bytes"),
        (TRAIN_IMAGES, gzip.compress(images(3)[:-1]), "has 2,367 bytes, but its head says 2,368"),
        (TRAIN_IMAGES, gzip.compress(images(3) + b"\0"), "has 2,369 bytes"),
        (TRAIN_IMAGES, gzip.compress(images(3))[:-20], "cannot be unpacked"),
        (TRAIN_IMAGES, b"<html>not found</html>", "cannot be unpacked"),
        (TRAIN_IMAGES, gzip.compress(images(3))[:10] + b"\xff" * 20, "cannot be unpacked"),
        (TRAIN_IMAGES, gzip.compress(images(3).replace(b"\0\0\0\x1c", b"\0\0\0\x0e", 1)), "bytes, but its head says"),
        (TRAIN_LABELS, gzip.compress(labels([1, 2, 10])), "holds the label 10, but there are 10 classes"),
    ],
    ids=lambda part: f"{len(part)} bytes" if isinstance(part, bytes) else part,  # gzip's bytes hold the time
)
def test_a_damaged_idx_file_is_named_with_what_is_wrong_and_a_remedy(
    mnist: Path, name: str, content: bytes, told: str
) -> None:
    (mnist / name).write_bytes(content)
    with pytest.raises(BadData, match=told) as raised:
        read("mnist", mnist)

    assert str(mnist / name) in str(raised.value)
    assert "Delete it" in str(raised.value)


def test_pictures_of_another_size_are_no_mnist(mnist: Path) -> None:
    small = bytes.fromhex("00000803") + b"".join(n.to_bytes(4, "big") for n in (3, 2, 5)) + bytes(30)
    (mnist / TRAIN_IMAGES).write_bytes(gzip.compress(small))

    with pytest.raises(BadData, match="5×2 pixels, not 28×28"):
        read("mnist", mnist)


def test_pictures_and_labels_of_different_number_are_refused(mnist: Path) -> None:
    (mnist / TRAIN_LABELS).write_bytes(gzip.compress(labels([1, 2])))
    with pytest.raises(BadData, match=r"3 pictures, but .* 2 labels") as raised:
        read("mnist", mnist)

    assert TRAIN_IMAGES in str(raised.value)
    assert TRAIN_LABELS in str(raised.value)


@given(st.binary(max_size=60), st.booleans())
def test_no_bytes_at_all_cause_anything_but_bad_data(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, packed: bool
) -> None:
    folder = tmp_path_factory.mktemp("mnist")
    for file in spec_of("mnist").files:
        (folder / file.name).write_bytes(gzip.compress(content) if packed else content)

    with pytest.raises(BadData):
        read("mnist", folder)


def test_every_file_is_downloaded_from_where_its_name_says() -> None:
    for name, mirrors in ("mnist", 2), ("fashion-mnist", 1):
        for file in spec_of(name).files:
            assert len(file.urls) == mirrors
            assert all(url.endswith(f"/{file.name}") for url in file.urls)
            assert len(file.digest) == len("md5:") + 32


def test_real_mnist_has_the_known_counts(real_data: Path) -> None:
    """As its site states them: 60,000 pictures, of which 5,923 zeros, and 10,000 for tests."""
    train, test = read("mnist", real_data), read("mnist", real_data / "mnist", split="test", size=32)

    assert train.samples.shape == (60_000, 1, 28, 28)
    assert train.labels is not None
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(train.labels)[0] == 5923
    assert train.samples.mean() / 255 == pytest.approx(0.1307, abs=5e-5)  # the mean that PyTorch's example uses
    assert test.samples.shape == (10_000, 1, 32, 32)


# Points


@pytest.mark.parametrize(
    ("name", "means", "std"),
    [
        ("ring", [(cos(2 * pi * i / 8), sin(2 * pi * i / 8)) for i in range(8)], 0.01),
        ("grid", [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)], 0.05),
    ],
)
def test_mixtures_have_the_means_and_spreads_of_the_paper(
    name: str, means: list[tuple[float, float]], std: float
) -> None:
    """arXiv:1712.04086, section 4.1; a mean of n points lies within 5·std/√n, a spread within 5·std/√2n."""
    data = read(name)
    assert data.labels is not None
    assert data.samples.dtype == np.float32
    assert data.samples.shape == (100_000, 2)
    assert len(data.classes) == len(means)

    count = 100_000 // len(means)
    for mode, mean in enumerate(means):
        points = data.samples[data.labels == mode]
        assert len(points) == count
        np.testing.assert_allclose(points.mean(axis=0), mean, atol=5 * std / count**0.5)
        np.testing.assert_allclose(points.std(axis=0), std, atol=5 * std / (2 * count) ** 0.5)


@given(st.integers(1, 200), st.integers(0, 2**40))
def test_modes_are_balanced_and_a_seed_gives_the_same_points(samples: int, seed: int) -> None:
    one, again = (read("grid", samples=samples, seed=seed) for _ in range(2))
    assert one.labels is not None

    counts = np.bincount(one.labels, minlength=25)
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(one.samples, again.samples)


def test_another_seed_gives_other_points() -> None:
    assert not np.array_equal(read("ring", seed=1).samples, read("ring", seed=2).samples)


def test_without_spread_all_points_are_means() -> None:
    assert len(np.unique(read("grid", std=0, samples=1000).samples, axis=0)) == 25

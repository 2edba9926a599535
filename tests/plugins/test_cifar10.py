"""CIFAR-10 is read from all that people have of it, and what is something else is refused with a remedy."""

import gzip
import hashlib
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from reading import draw, pack, read, spec_of

from data.toy import Site, opened
from ganzoo.core.errors import BadData
from ganzoo.core.specs import Data
from ganzoo.data.fetch import load

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN = [f"data_batch_{number}.bin" for number in range(1, 6)]
ARCHIVE = "cifar-10-binary.tar.gz"
RECORD = 3073


def record(label: int, seed: int) -> bytes:
    """As the site describes it: the label, then 1,024 red, 1,024 green and 1,024 blue pixels."""
    return bytes([label]) + np.random.default_rng(seed).bytes(3072)


BATCHES = {
    name: b"".join(record((3 * number + row) % 10, 10 * number + row) for row in range(2))
    for number, name in enumerate([*TRAIN, "test_batch.bin"])
}


def write_archive(path: Path, files: dict[str, bytes], folder: str = "cifar-10-batches-bin") -> Path:
    """The files in a .tar.gz, or in a .tar, after another one, as the real one has them."""
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, content in {"readme.html": b"<html>", **files}.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_batches(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in BATCHES.items():
        (folder / name).write_bytes(content)
    return folder


def labels_of(data: Data) -> list[int]:
    assert data.labels is not None
    return data.labels.tolist()


# The archive of its authors


def test_the_address_and_the_digest_are_those_of_its_site() -> None:
    (file,) = spec_of("cifar10").files

    assert file.name == ARCHIVE
    assert file.urls == ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",)
    assert file.digest == "md5:c32a1d4ab5d03f1284b67883e8d87530"


PLACES: dict[str, Callable[[Path], Path]] = {
    "archive": lambda here: write_archive(here / ARCHIVE, BATCHES),
    "archive without a folder": lambda here: write_archive(here / "mine.tgz", BATCHES, "."),
    "unpacked .gz": lambda here: write_archive(here / "cifar-10-binary.tar", BATCHES),
    "folder of the archive": lambda here: write_archive(here / ARCHIVE, BATCHES).parent,
    "folder of many data sets": lambda here: write_archive(write_batches(here / "cifar10") / ARCHIVE, {}).parents[1],
    "unpacked": lambda here: write_batches(here / "cifar-10-batches-bin"),
    "folder of the unpacked": lambda here: write_batches(here / "cifar-10-batches-bin").parent,
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_the_archive_is_read_wherever_it_lies_and_unpacked_or_not(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    path = place(tmp_path)
    train, test = read("cifar10", path), read("cifar10", path, split="test")

    assert train.samples.shape == (10, 3, 32, 32)
    assert train.classes == CLASSES
    assert labels_of(train) == [0, 1, 3, 4, 6, 7, 9, 0, 2, 3]
    assert labels_of(test) == [5, 6]
    every = train.samples[np.arange(10)].reshape(10, -1)  # red, green, blue; each row by row
    assert every.tobytes() == b"".join(np.random.default_rng(seed).bytes(3072) for seed in SEEDS)


SEEDS = [10 * number + row for number in range(5) for row in range(2)]


@pytest.mark.parametrize(("limit", "count"), [(0, 10), (3, 3), (99, 10)])
def test_the_limit_keeps_the_first_pictures(tmp_path: Path, limit: int, count: int) -> None:
    data = read("cifar10", write_batches(tmp_path), limit=limit)

    assert len(data.samples) == count
    assert labels_of(data) == [0, 1, 3, 4, 6, 7, 9, 0, 2, 3][:count]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with opened() as site:
        yield site


def test_without_data_the_archive_is_downloaded_once_and_checked(site: Site, tmp_path: Path, own_cache: Path) -> None:
    content = write_archive(tmp_path / ARCHIVE, BATCHES).read_bytes()
    site.files = {"bad": content[:-1], "good": content}
    (file,) = spec_of("cifar10").files
    urls = (site.url + "bad", site.url + "good")
    file = replace(file, urls=urls, digest=f"md5:{hashlib.md5(content).hexdigest()}")
    spec = replace(spec_of("cifar10"), files=(file,))

    for _ in range(2):
        assert len(load(spec, spec.options(), None, lambda items, _title: items).samples) == 10
    assert (own_cache / "cifar10" / ARCHIVE).read_bytes() == content
    assert len(site.sent) == 2


# What is damaged

WHOLE = BATCHES["data_batch_3.bin"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (WHOLE[:-1], "a batch has 6,145 bytes, which are no records of 3,073"),
        (b"", "a batch has 0 bytes"),
        (record(10, 0), "holds the label 10, but there are 10 classes"),
        (None, "lacks data_batch_3.bin; take cifar-10-binary.tar.gz from https"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_batch_is_told_with_a_remedy(tmp_path: Path, content: bytes | None, told: str, packed: bool) -> None:
    files = {name: content if name == TRAIN[2] else whole for name, whole in BATCHES.items()}
    present = {name: content for name, content in files.items() if content is not None}
    for name, whole in present.items():
        (tmp_path / name).write_bytes(whole)
    path = write_archive(tmp_path / "mine.tar.gz", present) if packed else tmp_path

    with pytest.raises(BadData, match=told) as raised:
        read("cifar10", path)
    assert str(path) in str(raised.value)
    assert len(read("cifar10", path, split="test").samples) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[: len(content) // 2],
        lambda _content: b"",
        lambda _content: b"<html>not found</html>",
        lambda content: content[:50] + b"\xff" * 40 + content[90:],
        lambda content: gzip.compress(gzip.decompress(content)[:5000]),
    ],
    ids=["cut off", "empty", "another file", "wrong bytes", "a packed .tar that was cut off"],
)
def test_a_damaged_archive_is_told_with_a_remedy(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    path = write_archive(tmp_path / ARCHIVE, BATCHES)
    path.write_bytes(spoil(path.read_bytes()))

    with pytest.raises(BadData, match=r"is damaged|lacks") as raised:
        read("cifar10", path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.binary(max_size=60), st.sampled_from([ARCHIVE, "a.tar", "a.zip", "data_batch_1.bin"]))
def test_no_bytes_at_all_cause_anything_but_bad_data(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("cifar") / name
    path.write_bytes(content)

    with pytest.raises(BadData):
        read("cifar10", path.parent if name.endswith(".bin") else path)


class Bomb:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("packed", [False, True])
def test_pickles_are_refused_and_not_opened(tmp_path: Path, packed: bool) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(pickle.dumps(Bomb(tmp_path / "trace")))
    content = {"data_batch_1": (folder / "data_batch_1").read_bytes()}
    path = write_archive(tmp_path / "cifar-10-python.tar.gz", content, folder.name) if packed else folder

    with pytest.raises(BadData, match=r"for Python.*take cifar-10-binary\.tar\.gz"):
        read("cifar10", path)
    assert not (tmp_path / "trace").exists()


# Pictures by class


def write_classes(folder: Path, per_class: int = 2) -> Path:
    """Picture k of class c has the colour (c, k, 0)."""
    for number, name in enumerate(CLASSES):
        for row in range(per_class):
            draw(folder / name / f"{row}.png", (number, row, 0), size=(32, 32))
    return folder


@pytest.mark.parametrize(
    "place",
    [
        write_classes,
        lambda here: pack(write_classes(here / "all"), here / "mine.zip"),
        lambda here: pack(write_classes(here / "all"), here / "mine.zip", prefix="all/"),
        lambda here: pack(write_classes(here / "all"), here / "train.zip").parent,
        lambda here: write_classes(here / "train").parent,
        lambda here: write_classes(here / "cifar10" / "train").parents[1],
    ],
    ids=["folder", "zip", "zip of a folder", "folder of zips", "folder of splits", "folder of many data sets"],
)
def test_pictures_by_class_are_cifar10_too(tmp_path: Path, place: Callable[[Path], Path]) -> None:
    data = read("cifar10", place(tmp_path))

    assert data.classes == CLASSES
    assert labels_of(data) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]
    samples = data.samples[np.arange(20)]
    assert (samples == samples[:, :, :1, :1]).all()
    assert samples[:, 0, 0, 0].tolist() == labels_of(data)
    assert samples[:, 1, 0, 0].tolist() == [0, 1] * 10


def test_a_limit_keeps_an_even_share_of_the_classes(tmp_path: Path) -> None:
    """Pictures lie in the order of their classes, and the first ones would all be airplanes."""
    write_classes(tmp_path, per_class=6)

    assert np.bincount(labels_of(read("cifar10", tmp_path, limit=20))).tolist() == [2] * 10
    assert np.bincount(labels_of(read("cifar10", tmp_path, limit=5)), minlength=10).tolist() == [1, 0] * 5
    assert len(labels_of(read("cifar10", tmp_path, limit=1000))) == 60


def test_other_pictures_are_no_cifar10(tmp_path: Path) -> None:
    write_classes(tmp_path / "few", 1)
    (tmp_path / "few" / "ship" / "0.png").unlink()
    draw(tmp_path / "loose" / "a.png", size=(32, 32))
    (tmp_path / "empty").mkdir()
    wide = write_classes(tmp_path / "wide", 1)
    draw(wide / "truck" / "1.png", size=(40, 32))

    with pytest.raises(BadData, match=r"has the classes airplane, automobile, bird, …, and not the ten"):
        read("cifar10", tmp_path / "few")
    with pytest.raises(BadData, match=r"has no folders for classes.*--dataset picture-folder"):
        read("cifar10", tmp_path / "loose")
    with pytest.raises(BadData, match="no pictures in"):
        read("cifar10", tmp_path / "empty")
    with pytest.raises(BadData, match=r"truck/1\.png has 40×32 pixels.*--dataset picture-folder"):
        read("cifar10", wide)


def test_a_broken_picture_is_named_and_no_setting_that_is_not_there_advised(tmp_path: Path) -> None:
    (write_classes(tmp_path) / "dog" / "1.png").write_bytes(b"this is no picture")

    with pytest.raises(BadData, match=r"dog/1\.png cannot be read") as raised:
        read("cifar10", tmp_path)
    assert "--set" not in str(raised.value)


def test_the_zips_of_real_pictures_are_read(real_data: Path) -> None:
    by_split = read("cifar10", real_data / "cifar10", split="test")
    by_name = read("cifar10", real_data / "cifar10" / "test.zip", limit=10)

    assert by_split.samples.shape == (5000, 3, 32, 32)
    assert np.bincount(labels_of(by_split)).tolist() == [500] * 10
    assert labels_of(by_name) == list(range(10))
    np.testing.assert_array_equal(by_name.samples, by_split.samples[::500])
    with zipfile.ZipFile(real_data / "cifar10" / "test.zip") as archive:
        first = np.asarray(Image.open(io.BytesIO(archive.read("airplane/0000.jpg"))))
    np.testing.assert_array_equal(by_name.samples[0].transpose(1, 2, 0), first)

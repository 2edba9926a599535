"""What the package `datasets` reads becomes pictures with labels, and without the package the command is told."""

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from reading import draw, read

import ganzoo
import ganzoo_datasets
from ganzoo.core.errors import BadData, BadSetting, GanzooError
from ganzoo.data.check import digest

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The package, with a cache of its own and without the network."""
    datasets = pytest.importorskip("datasets", reason="needs the extra ganzoo[hf]")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf-cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    yield datasets
    datasets.enable_progress_bars()


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """A folder of pictures by class, as the package takes it."""
    draw(tmp_path / "animals" / "train" / "cat" / "0.png", RED)
    draw(tmp_path / "animals" / "train" / "dog" / "0.png", GREEN)
    draw(tmp_path / "animals" / "train" / "dog" / "1.png", BLUE)
    draw(tmp_path / "animals" / "test" / "dog" / "0.png", BLUE)
    return tmp_path / "animals"


def hf(name: Path | str, stream: str = "auto", **options: Any) -> Any:
    return read("hf", stream=stream, repository=str(name), **options)


def colours(data: Any) -> list[list[int]]:
    """The one colour of each picture."""
    samples = data.samples[np.arange(len(data.samples))]
    assert (samples == samples[:, :, :1, :1]).all()
    return samples[:, :, 0, 0].tolist()


def as_parquet(package: Any, folder: Path, columns: dict[str, Any], **features: Any) -> Path:
    """The columns as a file that the package reads, of the kinds that `features` says."""
    table = package.Dataset.from_dict(columns)
    for name, kind in features.items():
        table = table.cast_column(name, kind)
    folder.mkdir()
    table.to_parquet(folder / "train-00000-of-00001.parquet")
    return folder


def pictures(*colours: Any, size: tuple[int, int] = (4, 4)) -> list[Image.Image]:
    return [Image.new("RGB", size, colour) for colour in colours]


def test_a_run_names_its_data_behind_a_colon(package: Any, animals: Path, tmp_path: Path) -> None:
    """From the command's words to a run that has trained on them."""
    settings = {"dataset.size": 8, "batch_size": 2, "generator.width": 4, "discriminator.width": 4}
    run = ganzoo.train(
        "dcgan-small", dataset=f"hf:{animals}", settings=settings, steps=1, out=tmp_path / "runs", quiet=True
    )
    assert run.config().dataset.options["repository"] == str(animals)
    assert run.facts()["data"]["classes"] == ["cat", "dog"]


def test_a_folder_of_pictures_is_read_with_its_classes(package: Any, animals: Path) -> None:
    train, test = hf(animals), hf(animals, split="test")

    assert train.samples.shape == (3, 3, 4, 4)
    assert train.classes == ("cat", "dog")
    assert sorted(zip(train.labels.tolist(), colours(train), strict=True)) == [
        (0, list(RED)),
        (1, list(BLUE)),
        (1, list(GREEN)),
    ]
    assert colours(test) == [list(BLUE)]
    assert len(hf(animals, limit=2).samples) == 2
    assert len(hf(animals, limit=9).samples) == 3


def test_a_table_with_pictures_in_it_is_read(package: Any, tmp_path: Path) -> None:
    """Under any names; classes keep the names that the data set has for them, also those that do not occur."""
    path = as_parquet(
        package,
        tmp_path / "mine",
        {"scan": pictures(RED, BLUE), "kind": [2, 0], "writer": ["bo", "al"], "age": [7, 9]},
        scan=package.Image(),
        kind=package.ClassLabel(names=["x", "y", "z"]),
    )
    data, by_writer, by_age = hf(path), hf(path, label_column="writer"), hf(path, label_column="age")

    assert colours(data) == [list(RED), list(BLUE)]
    assert (data.labels.tolist(), data.classes) == ([2, 0], ("x", "y", "z"))
    assert (by_writer.labels.tolist(), by_writer.classes) == ([1, 0], ("al", "bo"))
    assert (by_age.labels.tolist(), by_age.classes) == ([0, 1], ("7", "9"))
    unlabelled = hf(path, label_column="none")
    assert (unlabelled.labels, unlabelled.classes) == (None, ())


def test_pictures_are_brought_to_one_size_and_kind(package: Any, tmp_path: Path) -> None:
    """Of red, green, blue side by side, green is left in the middle."""
    wide = Image.new("RGB", (12, 4), GREEN)
    wide.paste(RED, (0, 0, 4, 4))
    wide.paste(BLUE, (8, 0, 12, 4))
    path = as_parquet(package, tmp_path / "mine", {"image": [*pictures(RED), wide]}, image=package.Image())

    assert colours(hf(path, size=4)) == [list(RED), list(GREEN)]
    assert hf(path, size=4).samples.shape == (2, 3, 4, 4)
    assert colours(hf(path, size=4, channels=1)) == [[76], [150]]  # the eye's mean
    assert hf(path, size=6, crop="none").samples[1, 0, 0].tolist() != hf(path, size=6).samples[1, 0, 0].tolist()
    with pytest.raises(BadData, match=r"picture 0 has 4×4 pixels, picture 1 has 12×4\..*dataset\.size=64"):
        hf(path)


@pytest.mark.parametrize("form", ["folder", "parquet"])
def test_streamed_pictures_are_those_in_memory(package: Any, animals: Path, tmp_path: Path, form: str) -> None:
    path = animals
    if form == "parquet":
        path = as_parquet(package, tmp_path / "mine", {"image": pictures(RED, GREEN, BLUE)}, image=package.Image())
    held, streamed = hf(path), hf(path, stream="always")
    index = np.array([2, 0, 1, 1])

    assert isinstance(held.samples, np.ndarray)
    assert not isinstance(streamed.samples, np.ndarray)
    assert (streamed.samples.shape, streamed.samples.dtype) == (held.samples.shape, held.samples.dtype)
    np.testing.assert_array_equal(streamed.samples[index], held.samples[index])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(streamed.samples))[index], held.samples[index])
    assert digest(streamed) == digest(held)


def test_other_pictures_have_another_digest(package: Any, tmp_path: Path) -> None:
    def found(name: str, *colours: Any) -> str:
        return digest(hf(as_parquet(package, tmp_path / name, {"image": pictures(*colours)}, image=package.Image())))

    every = [found("a", RED, GREEN), found("b", GREEN, RED), found("c", RED), found("d", RED, BLUE)]

    assert len(set(every)) == 4
    assert found("e", RED, GREEN) == every[0]


# What cannot be read


def test_columns_that_are_not_there_are_answered_by_those_that_are(package: Any, animals: Path, tmp_path: Path) -> None:
    both = as_parquet(
        package,
        tmp_path / "both",
        {"one": pictures(RED), "two": pictures(BLUE), "age": [7]},
        one=package.Image(),
        two=package.Image(),
    )

    with pytest.raises(BadSetting, match=r"image_column=NAME which column .* those that do are: one, two\."):
        hf(both)
    assert colours(hf(both, image_column="two")) == [list(BLUE)]
    for wrong in ("label", "absent"):
        with pytest.raises(BadSetting, match=r"those that do are: image\."):
            hf(animals, image_column=wrong)
    with pytest.raises(BadSetting, match=r"has no column 'absent'; its columns are: image, label\."):
        hf(animals, label_column="absent")
    numbers = as_parquet(package, tmp_path / "numbers", {"x": [1, 2]})
    with pytest.raises(BadSetting, match=r"those that do are: none\."):
        hf(numbers)


@pytest.mark.parametrize(("values", "told"), [([0.5, 1.5], "are float64"), ([None, "a"], "must be 2 whole numbers")])
def test_a_column_that_holds_no_labels_is_refused(package: Any, tmp_path: Path, values: list[Any], told: str) -> None:
    path = as_parquet(package, tmp_path / "mine", {"image": pictures(RED, BLUE), "age": values}, image=package.Image())

    with pytest.raises(BadData, match=rf"column 'age' .*label_column=none.* {told}"):
        hf(path, label_column="age")


def test_a_split_without_labels_says_how_to_leave_them_out(package: Any, tmp_path: Path) -> None:
    """Where labels are secret, they are -1 for all."""
    path = as_parquet(
        package,
        tmp_path / "mine",
        {"image": pictures(RED, BLUE), "label": [-1, -1]},
        image=package.Image(),
        label=package.ClassLabel(names=["x", "y"]),
    )

    with pytest.raises(BadData, match=r"dataset\.label_column=none.* must not be negative"):
        hf(path)
    assert hf(path, label_column="none").labels is None


def test_a_name_that_nothing_has_is_told_in_one_sentence(package: Any, animals: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "train.parquet").write_bytes(b"PAR1 this is no table")
    (tmp_path / "ragged").mkdir()
    (tmp_path / "ragged" / "train.csv").write_text("a,b\n1,2\n3,4,5\n")
    cases: list[tuple[Any, dict[str, str]]] = [
        ("somebody/nothing", {}),
        (tmp_path / "absent", {}),
        (tmp_path / "empty", {}),
        (tmp_path / "broken", {}),
        (tmp_path / "ragged", {}),
        (animals, {"split": "validation"}),
        (animals, {"split": "train["}),
        (animals, {"config": "absent"}),
    ]
    for name, options in cases:
        with pytest.raises(BadData, match=r"datasets cannot read .*dataset\.repository, dataset\.config") as raised:
            hf(name, **options)
        assert "\n" not in str(raised.value)
    with pytest.raises(BadSetting, match="--dataset hf:NAME"):
        read("hf")


def test_a_broken_picture_is_told_by_its_number(package: Any, animals: Path, tmp_path: Path) -> None:
    (animals / "train" / "dog" / "1.png").write_bytes(b"this is no picture")
    with pytest.raises(BadData, match=r"Picture 2 of .*animals', counted from 0, cannot be read: "):
        hf(animals)
    streamed = hf(animals, stream="always")
    (animals / "train" / "dog" / "1.png").unlink()
    for ask in (lambda: streamed.samples[np.array([0, 2])], lambda: digest(streamed)):
        with pytest.raises(BadData, match="Picture 2 of"):
            ask()

    missing = as_parquet(package, tmp_path / "missing", {"image": [*pictures(RED), None]}, image=package.Image())
    with pytest.raises(BadData, match=r"Picture 1 of .* cannot be read: there is none\."):
        hf(missing)


def test_without_the_package_the_command_is_told_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ganzoo_datasets.hf", raising=False)
    monkeypatch.delattr(ganzoo_datasets, "hf", raising=False)
    monkeypatch.setitem(sys.modules, "datasets", None)

    with pytest.raises(GanzooError, match=r"needs the package datasets .*; run: pip install 'ganzoo\[hf\]'$"):
        hf("anything")

"""Pictures are found in folders and in .zip files alike, and their folders are classes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from reading import draw, pack, read_pictures

from ganzoo.core.errors import BadData

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Two classes, one of them with a folder in it."""
    draw(tmp_path / "animals" / "dog" / "1.png", GREEN)
    draw(tmp_path / "animals" / "cat" / "2.png", RED)
    draw(tmp_path / "animals" / "cat" / "more" / "1.png", BLUE)
    return tmp_path / "animals"


@pytest.mark.parametrize(
    "prepare",
    [
        lambda folder: folder,
        lambda folder: pack(folder, folder.parent / "animals.zip"),
        lambda folder: pack(folder, folder.parent / "animals.zip", prefix="animals/"),
        lambda folder: pack(folder, folder.parent / "animals.zip", prefix="animals\\"),
    ],
    ids=["folder", "zip", "zip of the folder", "zip from Windows"],
)
def test_folders_are_classes_in_a_folder_as_in_a_zip(animals: Path, prepare: Callable[[Path], Path]) -> None:
    data = read_pictures(prepare(animals))

    assert data.classes == ("cat", "dog")
    assert data.labels.tolist() == [0, 0, 1]
    assert [tuple(picture[:, 0, 0].tolist()) for picture in data.samples] == [RED, BLUE, GREEN]


@pytest.mark.parametrize("as_zip", [False, True])
def test_pictures_outside_of_folders_are_unlabelled(tmp_path: Path, as_zip: bool) -> None:
    draw(tmp_path / "photos" / "b.png", GREEN)
    draw(tmp_path / "photos" / "a.png", RED)
    path = pack(tmp_path / "photos", tmp_path / "p.zip", prefix="photos/") if as_zip else tmp_path / "photos"
    data = read_pictures(path)

    assert data.labels is None
    assert data.classes == ()
    assert data.samples[:, 0, 0, 0].tolist() == [255, 0]


def test_hidden_files_leftovers_and_other_files_are_passed_over(animals: Path) -> None:
    for name in (".hidden/x.png", "cat/.x.png", "__MACOSX/cat/2.png", "empty/readme.txt"):
        path = animals / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("no picture")

    assert read_pictures(animals).labels.tolist() == [0, 0, 1]
    assert read_pictures(pack(animals, animals.parent / "a.zip")).classes == ("cat", "dog")


def test_links_are_followed_but_not_in_circles(tmp_path: Path, animals: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "cat").symlink_to(animals / "cat")
    (animals / "cat" / "around").symlink_to(linked)

    assert len(read_pictures(linked).samples) == 2


def test_pictures_beside_classes_are_refused(animals: Path) -> None:
    """Whether they are a class of their own is not for us to guess."""
    draw(animals / "stray.png")

    with pytest.raises(BadData, match=r"stray\.png does not"):
        read_pictures(animals)


def test_a_folder_or_zip_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "readme.txt").touch()
    for path in (tmp_path / "folder", pack(tmp_path / "folder", tmp_path / "a.zip")):
        with pytest.raises(BadData, match=r"no pictures in .*\.png"):
            read_pictures(path)


def test_a_file_that_is_no_zip_is_refused(animals: Path) -> None:
    archive = pack(animals, animals.parent / "a.zip")
    archive.write_bytes(archive.read_bytes()[:100])

    with pytest.raises(BadData, match="no folder and no whole"):
        read_pictures(archive)

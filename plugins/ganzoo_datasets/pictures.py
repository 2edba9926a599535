"""Find the pictures in a folder or a .zip."""

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from ganzoo.api import BadData

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that says it is a picture."""

    name: str  # its path below the folder or in the archive, for people
    group: str  # its class: the first folder on that path; "" where there is none
    read: Callable[[], bytes]


@contextmanager
def pictures_in(path: Path) -> Iterator[list[Picture]]:
    """The pictures in a folder or a .zip, sorted by name; they can be read until the block ends.

    Folders directly below are classes, and what lies deeper belongs to them. A folder around everything in a .zip
    is looked through: packing a folder puts it there. Hidden files and `__MACOSX` are passed over.
    Raises BadData where there are no pictures, or where only some lie in classes.
    """
    if path.is_dir():
        yield usable([picture(name, (path / name).read_bytes) for name in names_below(path)], path)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield usable(pictures_of(archive), path)
    else:
        raise BadData(f"{path} is no folder and no whole .zip; give --data a folder or a .zip of pictures.")


def names_below(folder: Path) -> Iterator[PurePosixPath]:
    """The pictures below `folder`, relative to it; links are followed, but no folder is entered twice."""
    entered = set()
    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        here = Path(place)
        entered.add(here.resolve())
        folders[:] = sorted(name for name in folders if (here / name).resolve() not in entered)
        names = (PurePosixPath((here / name).relative_to(folder).as_posix()) for name in files)
        yield from filter(is_picture, names)


def refuse(error: OSError) -> None:
    """A folder that cannot be opened is no empty folder."""
    raise error


def pictures_of(archive: zipfile.ZipFile) -> list[Picture]:
    """The pictures in a .zip, named without the folder that holds all of them."""
    found = {PurePosixPath(info.filename.replace("\\", "/")): info for info in archive.infolist()}
    names = [name for name in found if is_picture(name)]
    tops = {name.parts[0] for name in names}
    depth = 1 if len(tops) == 1 and all(len(name.parts) > 1 for name in names) else 0
    return [picture(PurePosixPath(*name.parts[depth:]), partial(archive.read, found[name])) for name in names]


def is_picture(name: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.parts)
    return name.suffix.lower() in SUFFIXES and not hidden


def picture(name: PurePosixPath, read: Callable[[], bytes]) -> Picture:
    return Picture(str(name), name.parts[0] if len(name.parts) > 1 else "", read)


def usable(pictures: list[Picture], path: Path) -> list[Picture]:
    """The pictures in order, or BadData."""
    if not pictures:
        raise BadData(f"There are no pictures in {path}; known are files that end in {' '.join(sorted(SUFFIXES))}.")
    pictures.sort(key=lambda picture: picture.name)
    loose = next((picture for picture in pictures if not picture.group), None)
    if loose and any(picture.group for picture in pictures):
        raise BadData(
            f"In {path} some pictures lie in folders, which are classes, but {loose.name} does not; "
            "move all pictures into folders, or all into one."
        )
    return pictures

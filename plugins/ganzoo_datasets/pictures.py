"""Find the pictures in a folder or a .zip."""

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ganzoo.api import BadData

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm"}


@dataclass(frozen=True, slots=True)
class Folder:
    """Files by their paths below a folder."""

    path: Path

    def read(self, key: str) -> bytes:
        return (self.path / key).read_bytes()

    def length(self, key: str) -> int:
        return (self.path / key).stat().st_size


class Archive:
    """Files by their names in a .zip, which each process opens for itself.

    A file that was opened before a fork has one position for both processes, and each would read what the other seeks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: dict[int, zipfile.ZipFile] = {}  # by process

    def __reduce__(self) -> tuple[type["Archive"], tuple[Path]]:
        return Archive, (self.path,)

    def file(self) -> zipfile.ZipFile:
        process = os.getpid()
        if process not in self.opened:
            self.opened = {process: zipfile.ZipFile(self.path)}
        return self.opened[process]

    def read(self, key: str) -> bytes:
        return self.file().read(key)

    def length(self, key: str) -> int:
        return self.file().getinfo(key).file_size


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that says it is a picture."""

    name: str  # its path below the folder or in the archive, for people
    group: str  # its class: the first folder on that path; "" where there is none
    files: Folder | Archive
    key: str  # what `files` calls it

    def read(self) -> bytes:
        return self.files.read(self.key)

    def length(self) -> int:
        """Bytes in the file."""
        return self.files.length(self.key)


def pictures_in(path: Path) -> list[Picture]:
    """The pictures in a folder or a .zip, sorted by name.

    Folders directly below are classes, and what lies deeper belongs to them. A folder around everything in a .zip
    is looked through: packing a folder puts it there. Hidden files and `__MACOSX` are passed over.
    Raises BadData where there are no pictures, or where only some lie in classes.
    """
    if path.is_dir():
        folder = Folder(path)
        return usable([picture(name, folder, str(name)) for name in names_below(path)], path)
    if zipfile.is_zipfile(path):
        return usable(pictures_of(Archive(path)), path)
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


def pictures_of(archive: Archive) -> list[Picture]:
    """The pictures in a .zip, named without the folder that holds all of them."""
    found = {PurePosixPath(key.replace("\\", "/")): key for key in archive.file().namelist()}
    names = [name for name in found if is_picture(name)]
    tops = {name.parts[0] for name in names}
    depth = 1 if len(tops) == 1 and all(len(name.parts) > 1 for name in names) else 0
    return [picture(PurePosixPath(*name.parts[depth:]), archive, found[name]) for name in names]


def is_picture(name: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.parts)
    return name.suffix.lower() in SUFFIXES and not hidden


def picture(name: PurePosixPath, files: Folder | Archive, key: str) -> Picture:
    return Picture(str(name), name.parts[0] if len(name.parts) > 1 else "", files, key)


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

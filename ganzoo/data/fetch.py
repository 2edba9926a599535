"""From a data set's name to its arrays: find or download its files, open them, check what came out.

Files are looked for in the user's `--data`, in `GANZOO_DATA`, in the cache, and then on the network.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pooch

from ganzoo.core.errors import BadData, UsageError
from ganzoo.core.specs import Data, DatasetSpec, Source
from ganzoo.data.check import checked
from ganzoo.data.download import Track, download
from ganzoo.data.memory import byte_count, in_memory, is_lazy, what_fits


def load(
    spec: DatasetSpec,
    options: Any,
    path: Path | None,
    track: Track,
    stream: Literal["auto", "always", "never"] = "auto",
) -> Data:
    """The whole data set, checked; `path` is the user's `--data`, and `stream` says what may stay on the disk.

    Raises UsageError for a `path` that is needed or useless, BadData for files that are missing, damaged or too
    many for the memory, BadPlugin for a plugin that returns something else than its contract says.
    """
    source = replace(locate(spec, path, track), fits=what_fits(stream))
    try:
        data = checked(spec.open(source, options), spec.name)
        if is_lazy(data.samples) and source.fits(byte_count(data.samples)):
            data = checked(in_memory(data, track), spec.name)
    except OSError as error:
        raise BadData(f"Data set {spec.name!r} cannot be read: {error}.") from error
    except MemoryError as error:
        raise BadData(
            f"Data set {spec.name!r} does not fit into memory; read fewer or smaller samples, or have them read while "
            "training: --set stream=always."
        ) from error
    return data


def locate(spec: DatasetSpec, path: Path | None, track: Track) -> Source:
    """Where `spec.open` finds its files; those that the user does not have are downloaded into the cache.

    A file whose name ends in `.gz` may lie unpacked, so `open` has to read it with and without that ending.
    A data set that has files and takes a path reads the user's own where there is a `path`, and else those files.
    Raises UsageError for a `path` that is needed or useless, BadData for files that are nowhere.
    """
    if spec.takes_path and (path is not None or not spec.files):
        return Source(users_own(spec, path), track)
    if spec.files:
        return Source(folder_of_files(spec, path, track), track)
    if path is not None:
        raise UsageError(f"Data set {spec.name!r} needs no --data; leave it out.")
    return Source(None, track)


def users_own(spec: DatasetSpec, path: Path | None) -> Path:
    """`path`, where there is something at it."""
    if path is None:
        raise UsageError(f"Data set {spec.name!r} reads your own files; say which with --data PATH.")
    if not path.exists():
        raise BadData(f"There is nothing at {path}; give --data the path of your files for {spec.name!r}.")
    return path


def folder_of_files(spec: DatasetSpec, path: Path | None, track: Track) -> Path:
    """The first folder that has all files of `spec`, or the cache, filled from the network."""
    if path is not None:
        return given_folder(spec, path)
    shared = os.environ.get("GANZOO_DATA")
    if shared:
        for folder in candidates(spec, Path(shared).expanduser()):
            if not missing(spec, folder):
                return folder
    cache = cache_folder() / (spec.folder or spec.name)
    absent = missing(spec, cache)
    if absent:
        download([file for file in spec.files if file.name in absent], cache, track)
    return cache


def given_folder(spec: DatasetSpec, path: Path) -> Path:
    """The folder of `--data` that has all files; nothing is downloaded into a user's folder.

    Raises BadData that names what is missing where the files come nearest to being complete.
    """
    absent, folder = min(((missing(spec, folder), folder) for folder in candidates(spec, path)), key=by_count)
    if not absent:
        return folder
    if not path.is_dir():
        raise BadData(f"There is no folder {path}; give --data the folder that holds {', '.join(absent)}.")
    raise BadData(
        f"Data set {spec.name!r} lacks {', '.join(absent)} in {folder}. "
        "Put the files there, or leave out --data to have them downloaded."
    )


def by_count(found: tuple[list[str], Path]) -> int:
    return len(found[0])


def candidates(spec: DatasetSpec, path: Path) -> tuple[Path, Path]:
    """A folder of this data set, or a folder of many, one sub-folder for each."""
    return path, path / (spec.folder or spec.name)


def missing(spec: DatasetSpec, folder: Path) -> list[str]:
    """The names of files that `folder` holds neither as they are downloaded nor without `.gz`."""
    return [
        file.name
        for file in spec.files
        if not (folder / file.name).is_file() and not (folder / file.name.removesuffix(".gz")).is_file()
    ]


def cache_folder() -> Path:
    """`GANZOO_CACHE`, or where the operating system keeps such things."""
    named = os.environ.get("GANZOO_CACHE")
    return Path(named).expanduser() if named else Path(pooch.os_cache("ganzoo"))

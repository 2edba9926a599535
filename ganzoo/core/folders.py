"""Folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganzoo.core.errors import UsageError
from ganzoo.core.files import explained


def check_place(target: Path, force: bool, mark: str, what: str, option: str) -> None:
    """Raise UsageError where `target` is taken, unless `force` is set and the file `mark` shows that it is a `what`.

    `option` is what names the folder on the command line.
    """
    with explained(target):
        taken = target.exists()
    if taken and not force:
        raise exists_already(target, option)
    if taken and not (target / mark).is_file():
        raise UsageError(f"{target} is no {what}, so --force does not replace it; choose another {option}.")


def exists_already(target: Path, option: str) -> UsageError:
    return UsageError(f"{target} exists; choose another {option}, or replace it with --force.")


@contextmanager
def folder_written_whole(target: Path, force: bool, option: str) -> Iterator[Path]:
    """A folder beside `target` that takes its place when the block ends well, and vanishes otherwise.

    Raises UsageError where somebody else has made `target` in the meantime, unless `force` replaces that.
    """
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    replaced = target.with_name(f".{target.name}.{os.getpid()}.old")
    with explained(target):
        replaced.exists()  # raises where the name is too long
    try:
        with explained(target):
            unfinished.mkdir(parents=True)
            yield unfinished
            flush(unfinished)
            if target.exists() and not force:
                raise exists_already(target, option)
            if target.exists():
                target.rename(replaced)
            unfinished.rename(target)
    finally:
        if replaced.exists() and not target.exists():
            replaced.rename(target)
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def flush(folder: Path) -> None:
    """Wait until the files below the folder are on the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())

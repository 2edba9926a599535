"""Files that appear whole or not at all."""

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ganzoo.core.errors import GanzooError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNFINISHED = re.compile(
    r"\..+\.\d+\.tmp"  # the file's own name, and the number of the process that writes it
    r"|\.tmp[A-Za-z0-9]{6}"  # what safetensors writes first
)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes `path`'s place when the block ends well, and vanishes otherwise.

    A crash at any moment leaves either the old file or the new one, and at worst the unfinished one beside it, of which
    `leftovers` knows. Raises GanzooError where the disk refuses.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield unfinished
            with unfinished.open("rb+") as file:
                os.fsync(file.fileno())
            unfinished.replace(path)
            flush_folder(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Wait until the folder's list of names is on the disk, where the system lets us."""
    # A power cut could otherwise undo the renaming, after the files that the new one makes superfluous were deleted.
    # The file itself is whole and in its place by now, so a file system that refuses is no reason to fail.
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def leftovers(folder: Path) -> list[Path]:
    """The unfinished files in `folder`, of processes that were killed or still write."""
    return sorted(path for path in folder.glob(".*") if UNFINISHED.fullmatch(path.name))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with written_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into a sentence with a remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "Free some space." if error.errno in FULL else "Choose another place."
        raise GanzooError(f"Cannot write {path}: {reason}. {remedy}") from error


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Download files once: mirrors in turn, resumed where the connection broke, and checked before they appear."""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import pooch
import requests

from ganzoo.core.errors import BadData, GanzooError
from ganzoo.core.specs import RemoteFile

if sys.platform != "win32":
    import fcntl

T = TypeVar("T")
CHUNK = 1 << 16  # bytes
REMEDY = "name a folder that has it by --data FOLDER or GANZOO_DATA"
TIMEOUTS = (10.0, 30.0)  # seconds: until connected, and without a byte


@runtime_checkable
class Track(Protocol):
    """Shows how far `items` are; the same callable that a `Source` carries."""

    def __call__(self, items: Iterable[T], title: str, /) -> Iterable[T]: ...


def download(files: Iterable[RemoteFile], folder: Path, track: Track, remedy: str = REMEDY) -> None:
    """Put `files` into `folder`. Each appears whole and with the right digest, or not at all.

    What an attempt that was cut short leaves behind is `NAME.part`, and the next attempt goes on there.
    Raises BadData, with what else the user may do, where no mirror gives the file; GanzooError where the disk refuses.
    """
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder):
            for file in files:
                if not (folder / file.name).exists():  # another process may have been faster
                    from_mirrors(file, folder, track, remedy)


def from_mirrors(file: RemoteFile, folder: Path, track: Track, remedy: str) -> None:
    """The file from the first mirror that has the right one."""
    failures = []
    for url in file.urls:
        downloader = Resuming(folder / f"{file.name}.part", file.digest, track)
        try:
            with quiet_pooch():
                pooch.retrieve(url, file.digest, file.name, folder, downloader=downloader)
            return
        except requests.RequestException as error:
            failures.append(f"{url}: {reason(error)}")
        except ValueError:  # how pooch says that the digest is wrong; it has removed the file
            failures.append(f"{url}: what came has the digest {downloader.found}, not {file.digest}")
    raise BadData(
        f"Cannot download {file.name} ({'; '.join(failures) or 'it has no address'}). "
        f"Try again later, or put the file into {folder}, or {remedy}."
    )


@dataclass(slots=True)
class Resuming:
    """A downloader for pooch that goes on where an earlier one stopped."""

    part: Path  # what has come so far
    digest: str  # expected, "md5:…" or "sha256:…"
    track: Track
    found: str = ""  # the digest of what came

    def __call__(self, url: str, output: str, _pooch: object) -> None:
        persist(url, self.part, self.track)
        algorithm = pooch.hashes.hash_algorithm(self.digest)
        self.found = f"{algorithm}:{pooch.file_hash(str(self.part), alg=algorithm)}"
        self.part.replace(output)


def persist(url: str, part: Path, track: Track) -> None:
    """Fetch `url` into `part`; a connection that breaks is taken up again for as long as every attempt adds bytes."""
    while True:
        before = size_of(part)
        try:
            fetch_rest(url, part, track)
            break
        except requests.RequestException:
            if size_of(part) <= before:
                raise


def fetch_rest(url: str, part: Path, track: Track) -> None:
    """One request for what `part` lacks; raises requests.RequestException.

    A server that knows no ranges sends everything (200), and one that cannot serve this range says so (416) or
    sends another: then what we have is given up, except where nothing was missing.
    """
    start = size_of(part)
    with ask(url, start) as answer:
        covers = answer.headers.get("Content-Range", "")
        if start and answer.status_code == 416 and covers == f"bytes */{start}":
            return
        goes_on = answer.status_code == 206 and covers.startswith(f"bytes {start}-")
        useless = start and answer.status_code in (206, 416) and not goes_on
        if not useless:
            answer.raise_for_status()
            save(answer, part, "ab" if goes_on else "wb", track)
    if useless:
        part.unlink()
        fetch_rest(url, part, track)


def ask(url: str, start: int) -> requests.Response:
    """The answer to a request for all bytes from `start` on, before its body has been read."""
    headers = {"Accept-Encoding": "identity"}  # a server that packs for the journey counts other bytes than we do
    if start:
        headers["Range"] = f"bytes={start}-"
    return requests.get(url, headers=headers, stream=True, timeout=TIMEOUTS)


def save(answer: requests.Response, part: Path, mode: str, track: Track) -> None:
    """Write the body piece by piece, so that all but the last piece outlive a broken connection."""
    body = Body(answer)
    title = f"Downloading {part.stem}" + (f", {body.size / 1e6:.1f} MB" if body.size else "")
    with part.open(mode) as file:
        for chunk in track(body, title):
            file.write(chunk)


class Body:
    """The pieces of an answer; a progress bar learns their number from `__length_hint__`."""

    def __init__(self, answer: requests.Response) -> None:
        length = answer.headers.get("Content-Length", "")
        self.answer = answer
        self.size = int(length) if length.isdecimal() else 0  # bytes; 0 = the server does not say

    def __iter__(self) -> Iterator[bytes]:
        return self.answer.iter_content(CHUNK)

    def __length_hint__(self) -> int:
        return -(-self.size // CHUNK)


def size_of(part: Path) -> int:
    """Bytes; 0 where there is none."""
    return part.stat().st_size if part.exists() else 0


def reason(error: requests.RequestException) -> str:
    """Why there was no file, in the words of a user."""
    match error:
        case requests.HTTPError(response=requests.Response() as answer):
            return f"the server says {answer.status_code} {answer.reason}"
        case requests.Timeout():
            return "no answer in time"
        case requests.exceptions.SSLError():
            return "its certificate is not trusted"
        case requests.exceptions.ChunkedEncodingError():
            return "the connection broke"
        case requests.ConnectionError():
            return "no connection"
    return str(error)


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what the operating system says about the cache into a sentence with a remedy."""
    try:
        yield
    except OSError as error:
        raise GanzooError(
            f"Cannot write into {folder}: {error.strerror or error}. "
            "Free some space, or name another cache folder in GANZOO_CACHE."
        ) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one process at a time download into `folder`: two that write to one `.part` would spoil it.

    The operating system ends the lock with its process. Where there are no such locks, nobody waits.
    """
    with (folder / ".lock").open("w") as file:
        if sys.platform != "win32":
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def quiet_pooch() -> Iterator[None]:
    """Hold back pooch's messages below warnings: progress is shown by `track`."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)

"""A toy data set of one file, and a web server that has it and misbehaves on demand."""

import hashlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ganzoo.core.specs import Data, DatasetSpec, RemoteFile
from ganzoo.data.fetch import locate

T = TypeVar("T")
CONTENT = bytes(np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8))
NAME = "pictures.gz"


@dataclass
class Site:
    """A web server on this machine that misbehaves on demand."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=lambda: {NAME: CONTENT})
    knows_ranges: bool = True
    cuts: list[int | None] = field(default_factory=list)  # for the coming requests: break off after so many bytes
    asked: list[str | None] = field(default_factory=list)  # the Range of each request
    sent: list[int] = field(default_factory=list)  # bytes of each answer's body

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers["Range"]
        self.asked.append(wanted)
        cut = self.cuts.pop(0) if self.cuts else None
        content = self.files.get(request.path[1:])
        if content is None or cut == 0:
            request.send_error(404 if content is None else 503)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.knows_ranges else 0
        if start >= len(content):
            self.refuse(request, len(content))
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.end_headers()
        body = content[start : start + cut if cut else None]
        self.sent.append(len(body))  # before the last byte, after which the other side may look
        request.wfile.write(body)

    @staticmethod
    def refuse(request: BaseHTTPRequestHandler, length: int) -> None:
        request.send_response(416)
        request.send_header("Content-Range", f"bytes */{length}")
        request.end_headers()


@contextmanager
def opened() -> Iterator[Site]:
    """The server, running in threads of this process."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def silent(items: Iterable[T], _title: str) -> Iterable[T]:
    return items


def spec_of(*urls: str, files: tuple[RemoteFile, ...] | None = None, **changes: Any) -> DatasetSpec:
    """A data set of one file with CONTENT in it."""
    one = RemoteFile(NAME, urls, f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    return DatasetSpec(
        name="toy",
        summary="",
        source="",
        licence="",
        files=(one,) if files is None else files,
        **{"open": lambda source, options: Data(np.zeros((1, 2), np.float32)), **changes},
    )


def fetched(spec: DatasetSpec, path: Path | None = None) -> Path:
    """The folder that `locate` names."""
    folder = locate(spec, path, silent).path
    assert folder is not None
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))

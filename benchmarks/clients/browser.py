"""A bundle in a browser: pages of our own, a server for them, and what they post back."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Condition, Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from benchmarks.clients.judge import Report, report_of
from benchmarks.clients.tools import node_modules, tool

SOURCES = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions")
# WebGPU without a GPU: a software adapter.
WEBGPU = (
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
    "--ignore-gpu-blocklist",
)
PATIENCE = 120  # seconds for a page to answer


def in_browser(bundles: Sequence[Path], build: str) -> list[Report]:
    """Draw self-tests with onnxruntime-web's `build`, "wasm" or "webgpu"; raises RuntimeError where a page fails."""
    folders = {"": SOURCES, "node_modules": node_modules()}
    named = {f"b{number}": bundle for number, bundle in enumerate(bundles)}
    page = f"draw_in_browser.html?build={build}&bundles={','.join(named)}"
    answers = answers_of(page, folders | {f"bundles/{name}": bundle for name, bundle in named.items()}, set(named))
    return [report_of(answers[name]) for name in named]


def answers_of(page: str, folders: Mapping[str, Path], expected: set[str]) -> dict[str, dict[str, Any]]:
    """Open a page in a browser, and wait until it has posted JSON to `/report/NAME` for each name expected.

    `folders` are served by the beginning of their paths, "" being all others. Raises MissingTool without a browser,
    RuntimeError where the page does not answer in time.
    """
    browser = tool(*BROWSERS)
    with served(folders) as server, TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        address = f"http://localhost:{server.server_address[1]}/{page}"
        command = (browser, *FLAGS, *WEBGPU, f"--user-data-dir={profile}", address)
        opened = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            with server.news:
                server.news.wait_for(lambda: expected <= server.answers.keys(), PATIENCE)
        finally:
            os.killpg(opened.pid, signal.SIGKILL)
            opened.wait()
    if missing := expected - server.answers.keys():
        raise RuntimeError(f"{Path(browser).name} did not answer for {sorted(missing)} within {PATIENCE} s")
    return server.answers


class Server(ThreadingHTTPServer):
    """Files by the beginning of their paths, and all that pages have posted."""

    daemon_threads = True

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.folders = folders
        self.answers: dict[str, dict[str, Any]] = {}
        self.news = Condition()
        super().__init__(("localhost", 0), Handler)


class Handler(SimpleHTTPRequestHandler):
    """Pages that may use threads, which asks for isolation of their origin."""

    server: Server

    def translate_path(self, path: str) -> str:
        """Where the file lies; the longest beginning of its path that is served decides."""
        asked = unquote(urlsplit(path).path).lstrip("/")
        begins = max((name for name in self.server.folders if asked.startswith(name)), key=len)
        return str(self.server.folders[begins] / asked[len(begins) :].lstrip("/"))

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def do_POST(self) -> None:
        answer = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.news:
            self.server.answers[Path(self.path).name] = answer
            self.server.news.notify_all()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing: tests' output is for failures."""


@contextmanager
def served(folders: Mapping[str, Path]) -> Iterator[Server]:
    server = Server(folders)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

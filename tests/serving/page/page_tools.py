"""What the tests of the page share: a server in a process of its own, and what a browser shows of it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganzoo.sampling.sampler import Sampler

EXPORTED = Path(__file__).parents[3] / "exported_models"

PIXELS = """selector => [...document.querySelectorAll(selector)].map(canvas => {
  const { width, height } = canvas;
  return [height, width, ...canvas.getContext("2d").getImageData(0, 0, width, height).data];
})"""


VIEWS = {
    "cards": "",
    "pictures": "model=vanilla-mlp",
    "walk": "model=acgan&kept=1.1,2.2,3.3&frame=7",
    "points": "model=ring",
    "codes": "model=codes&codes=0:1_1:0.5",
}

AUDITS = Path(__file__).with_name("audits.js").read_text(encoding="utf-8")

NO_STORAGE = """for (const storage of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, storage, { get() { throw new DOMException("refused", "SecurityError"); } });"""


@contextmanager
def serving(bundles: Path, *options: str) -> Iterator[str]:
    """The address of `ganzoo serve`, which ends with the block."""
    command = [sys.executable, "-m", "ganzoo", "serve", str(bundles), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            greeting = process.stdout.readline()
            found = re.search(r"http://[\d.:]+/", greeting)
            assert found, greeting
            yield found.group()
        finally:
            process.terminate()


@dataclass
class Visit:
    """A page in a browser's context of its own, and all that goes wrong in it."""

    page: Any
    home: str  # where it is served, with / at the end
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self.hear)
        self.page.on("request", self.watch)

    def hear(self, message: Any) -> None:
        """Violations of the content security policy are errors on the console, too."""
        of_ours = "Canvas2D: Multiple readback" in message.text  # we read canvases, and the page does not
        if message.type in ("error", "warning") and not of_ours:
            self.problems.append(message.text)

    def watch(self, request: Any) -> None:
        if not request.url.startswith((self.home, "blob:", "data:")):
            self.problems.append(f"asked for {request.url}")

    def open(self, state: str = "") -> "Visit":
        """Go to the view of an address's fragment, e.g. "model=acgan&seed=3", as from a link that was sent."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.home}#{state}" if state else self.home)
        self.page.get_by_role("heading", level=1).wait_for()
        return self

    def says(self, caption: str) -> None:
        """Wait until the pictures that this caption describes are there."""
        self.page.locator(".caption", has_text=re.compile(f"^{re.escape(caption)}$")).wait_for()

    def pictures(self, selector: str = ".tile canvas", channels: int = 1) -> np.ndarray:
        """uint8 [N, H, W, C] of all canvases."""
        found = [
            np.array(pixels[2:], np.uint8).reshape(*pixels[:2], 4) for pixels in self.page.evaluate(PIXELS, selector)
        ]
        pictures = np.stack(found)
        assert (pictures[..., 3] == 255).all()
        if channels == 1:
            assert (pictures[..., :1] == pictures[..., :3]).all()
        return pictures[..., :channels]

    def download(self, name: str) -> Path:
        """What a button saves, under the name that it suggests."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=name, exact=True).click()
        path = Path(waiting.value.path())
        return path.rename(path.with_name(waiting.value.suggested_filename))

    def state(self) -> dict[str, str]:
        """The address's fragment, as a link that is copied now would hold it."""
        self.page.wait_for_timeout(400)  # sliders write their address when they have come to rest
        return dict(part.split("=", 1) for part in self.page.url.partition("#")[2].split("&"))


def audit(visit: Visit, name: str, given: Any = None) -> Any:
    """What one of the audits has found in the view that is open, or in what it is given."""
    return visit.page.evaluate(f"given => {{ {AUDITS}\nreturn {name}(given); }}", given)


def ready(visit: Visit, view: str) -> None:
    visit.open(VIEWS[view])
    visit.page.locator(".card img, .caption:not(:empty)").first.wait_for()
    visit.page.wait_for_timeout(500)


def drawn(bundle: Path, seeds: Sequence[int], label: int | None = None, truncation: float = 1.0) -> np.ndarray:
    """What the sampler draws for these seeds, with labels in turns where none is given."""
    sampler = Sampler(bundle, "cpu")
    numbers = np.array(seeds, np.int64)
    return sampler.generate(sampler.latents(numbers), sampler.labels(numbers, label), truncation)


def chromium() -> str:
    """Where the system's Chromium is; a test that needs it is skipped where there is none."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium: on Debian, `apt install chromium`")
    return path

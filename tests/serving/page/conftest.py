"""A browser, and a server with models of every kind that the page knows."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_tools import EXPORTED, Visit, chromium, serving

import ganzoo
from benchmarks.clients.bundles import coloured_discs
from clients.client_tools import truncating

SMALL: dict[str, tuple[str, dict[str, Any]]] = {  # name → recipe, what is changed of it
    "ring": ("mlp-ring", {}),
    "few": ("vanilla-mlp", {"latents.size": 3}),
    "codes": ("infogan", {"dataset": "npz", "batch_size": 16}),
}


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bundles: labelled, small and grey, points, a latent of few numbers, colours with codes."""
    place = tmp_path_factory.mktemp("page")
    folder = place / "bundles"
    for name in ("acgan", "vanilla-mlp"):
        shutil.copytree(EXPORTED / name, folder / name)
    discs = coloured_discs(place / "discs.npz")
    for name, (recipe, settings) in SMALL.items():
        data = discs if "dataset" in settings else None
        run = ganzoo.train(recipe, steps=50, settings=settings, data=data, out=place / "runs", quiet=True)
        ganzoo.export(run, out=folder, name=name)
    bent = truncating(folder / "vanilla-mlp", folder / "bent")
    manifest = bent / "manifest.json"
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace('"name": "vanilla-mlp"', '"name": "bent"', 1), "utf-8"
    )
    (bent / "preview.png").unlink()
    return folder


@pytest.fixture(scope="session")
def server(bundles: Path) -> Iterator[str]:
    with serving(bundles) as home:
        yield home


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Of each module its own: playwright's loop would be in the way of tests with loops of theirs."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: `pip install playwright`")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Any, server: str) -> Iterator[Visit]:
    """A desktop's window. That nothing goes wrong in it is part of every test that uses it."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(20_000)
        visit = Visit(context.new_page(), server)
        yield visit
        assert visit.problems == []

"""A static site in a browser: it draws what ganzoo draws, and runs nothing whose hash is another than was published.

N = number of seeds.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from page_tools import EXPORTED, Visit, chromium, drawn
from site_tools import (
    ABORTED,
    AT_ONCE,
    BLANK,
    LATENTS,
    OF_LATENTS,
    OUTDATED,
    PATIENCE,
    SAMPLES,
    Visitor,
    assert_same,
    flip,
    hosted,
    site_with_cdn,
    spoilt,
    words,
)

import ganzoo
from benchmarks.clients.tools import node_modules
from clients.client_tools import skipping, truncating
from ganzoo.core.manifest import read_manifest
from ganzoo.sampling.sampler import Sampler
from ganzoo.serving.site import SCRIPT, VERSION, WASM, write_site

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.clients

SEEDS = [0, 1, 2, 13, -1, -7, 2**63 - 1, -(2**63), 2**53 + 1]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each kind; one has a name that addresses must encode."""
    folder = tmp_path_factory.mktemp("bundles")
    truncates = truncating(EXPORTED / "projection-gan", folder / "truncating")
    manifest = replace(read_manifest(truncates), name="mein Modell Nº 1 & mehr")
    (truncates / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    points = ganzoo.train("mlp-ring", steps=1, out=folder / "runs", quiet=True)
    return {
        "pictures": EXPORTED / "vanilla-mlp",
        "convolutions": EXPORTED / "dcgan-small",
        "labels": EXPORTED / "acgan",
        "truncation": truncates,
        "points": ganzoo.export(points, out=folder, name="points"),
    }


@pytest.fixture(scope="module")
def package() -> Path:
    with skipping():
        return node_modules() / "onnxruntime-web"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP elsewhere.test 127.0.0.1"]
        browser = driver.chromium.launch(executable_path=chromium(), args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(sources: dict[str, Path], package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a page of nothing, from where tests call the engine; below a path of its own; not to be written to."""
    site = tmp_path_factory.mktemp("host") / "some where" / "site"
    write_site(site, list(sources.values()), package)
    (site / "blank.html").write_text(BLANK, encoding="utf-8")
    return site


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with hosted(site.parent.parent) as base:
        yield f"{base}some%20where/site/"


@pytest.fixture(scope="module")
def visitor(browser: Any, address: str) -> Iterator[Visitor]:
    visitor = Visitor(browser, address + "blank.html")
    yield visitor
    visitor.page.close()


@pytest.fixture(params=["pictures", "convolutions", "labels", "truncation", "points"])
def sampler(request: pytest.FixtureRequest, sources: dict[str, Path]) -> Sampler:
    return Sampler(sources[request.param], "cpu")


# The same samples


def test_latents_are_those_of_python_to_the_last_bit(sampler: Sampler, visitor: Visitor) -> None:
    found = visitor.ask(sampler.manifest.name, LATENTS, seeds=words(SEEDS))
    expected = sampler.latents(SEEDS)
    np.testing.assert_array_equal(found.astype(np.float32).reshape(expected.shape), expected)


@pytest.mark.parametrize("truncation", [1, 0.7, 0.0])
def test_seeds_are_drawn_as_in_python(truncation: float, sampler: Sampler, visitor: Visitor) -> None:
    """Labels take turns by seed, also by negative ones."""
    found = visitor.ask(sampler.manifest.name, SAMPLES, seeds=words(SEEDS), more={"truncation": truncation})
    seeds = np.array(SEEDS)
    assert_same(found, sampler.generate(sampler.latents(seeds), sampler.labels(seeds, None), truncation))


def test_latents_and_labels_of_the_visitor_are_drawn_as_in_python(sampler: Sampler, visitor: Visitor) -> None:
    latents = sampler.latents([3, 4, 5, 6]).astype(np.float64).mean(0, keepdims=True).repeat(4, 0)
    latents[1:] *= [[0.5], [-1], [1.5]]
    labels = [1, 0, 1, 1] if sampler.manifest.conditional else None
    more = {} if labels is None else {"labels": labels}
    name = sampler.manifest.name
    found = visitor.ask(name, OF_LATENTS, latents=[repr(value) for value in latents.ravel().tolist()], more=more)
    assert_same(found, sampler.generate(latents.astype(np.float32), None if labels is None else np.array(labels)))


def test_what_is_asked_for_at_once_is_answered_each_for_itself(sampler: Sampler, visitor: Visitor) -> None:
    """Latents that were given stay the visitor's own."""
    seeds = np.arange(9)
    found = visitor.ask(sampler.manifest.name, AT_ONCE, seeds=words(list(range(9))))
    expected = sampler.generate(sampler.latents(seeds), sampler.labels(seeds, None))
    assert_same(found, np.concatenate([expected, expected[:2], expected[:2]]))


def test_what_is_no_longer_wanted_when_its_turn_comes_is_not_drawn(visitor: Visitor) -> None:
    """Of nine pictures, asked for while a slider moves and then called off, one at most had begun."""
    runs, aborted = visitor.ask("vanilla-mlp", OUTDATED, seeds=words(SEEDS))
    assert (runs, aborted) == (1, len(SEEDS))


def test_previews_are_found(sampler: Sampler, sources: dict[str, Path], visitor: Visitor) -> None:
    body = "return { data: new Uint8Array(await (await fetch(await engine.preview(model))).arrayBuffer()) };"
    found = visitor.ask(sampler.manifest.name, body).astype(np.uint8).tobytes()
    (bundle,) = (path for path in sources.values() if read_manifest(path).name == sampler.manifest.name)
    assert found == (bundle / "preview.png").read_bytes()


def test_a_worker_draws_and_the_console_stays_silent(browser: Any, address: str) -> None:
    visitor = Visitor(browser, address + "blank.html")
    visitor.ask("dcgan-small", SAMPLES, seeds=words(SEEDS))
    assert len(visitor.page.workers) == 1
    assert visitor.said == []
    visitor.page.close()


def test_a_plain_address_will_do(browser: Any, address: str, sources: dict[str, Path]) -> None:
    """Without TLS browsers withhold much, but not what is needed here, the check of hashes included."""
    visitor = Visitor(browser, address.replace("127.0.0.1", "elsewhere.test") + "blank.html")
    assert visitor.page.evaluate("isSecureContext") is False
    assert_same(visitor.ask("acgan", SAMPLES, seeds=words([0, 1])), Sampler(sources["labels"], "cpu").sample(2))
    visitor.page.close()


# The page


@pytest.mark.parametrize("name", ["acgan", "mein Modell Nº 1 & mehr"])
def test_the_page_draws_what_a_link_asks_for(name: str, browser: Any, address: str, sources: dict[str, Path]) -> None:
    """It asks for no file of any other place, and its console stays silent."""
    (bundle,) = (path for path in sources.values() if read_manifest(path).name == name)
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE)
        visit = Visit(context.new_page(), address).open(f"model={quote(name, safe='')}&seed=-5&label=3&truncation=0.8")
        visit.page.locator(".tile canvas").nth(15).wait_for()
        assert_same(visit.pictures(), drawn(bundle, range(-5, 11), 3, 0.8))
        assert visit.problems == []


def test_the_page_says_what_is_wrong_with_a_model(browser: Any, site: Path, tmp_path: Path) -> None:
    with spoilt(site, tmp_path, "models/acgan/generator.onnx", flip) as address, browser.new_context() as context:
        visit = Visit(context.new_page(), address.removesuffix("blank.html")).open("model=acgan")
        said = visit.page.get_by_role("alert").filter(has_text="generator.onnx")
        said.wait_for()
        assert "is not the file that was published: its hash differs" in said.inner_text()


# What cannot be drawn


REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "labels": ("acgan", SAMPLES, {"more": {"labels": [0, 10]}}, "acgan draws by label; give 2 whole numbers in 0…9."),
    "a label": ("acgan", SAMPLES, {"more": {"labels": [0]}}, "give 2 whole numbers in 0…9"),
    "half": ("acgan", SAMPLES, {"more": {"labels": [0.5, 1]}}, "give 2 whole numbers in 0…9"),
    "no label": ("acgan", OF_LATENTS, {"latents": ["0"] * 64}, "give 1 whole numbers in 0…9"),
    "NaN": ("vanilla-mlp", OF_LATENTS, {"latents": ["NaN"] * 64}, "Latents are 64 finite numbers for each sample."),
    "short": ("vanilla-mlp", OF_LATENTS, {"latents": ["0"] * 63}, "Latents are 64 finite numbers for each sample."),
    "none": ("vanilla-mlp", OF_LATENTS, {"latents": []}, "Latents are 64 finite numbers for each sample."),
    "truncation": ("vanilla-mlp", SAMPLES, {"more": {"truncation": "x"}}, "Truncation is a number"),
    "aborted": ("vanilla-mlp", ABORTED, {}, "AbortError"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(case: str, visitor: Visitor) -> None:
    name, body, given, reason = REFUSED[case]
    assert reason in visitor.ask(name, body, seeds=["0", "1"], **given)


FILES = ("models/vanilla-mlp/generator.onnx", "models/vanilla-mlp/latents.onnx", f"ort/{SCRIPT}", f"ort/{WASM}")
OTHERS = ("the host says 404", Path.unlink), ("is not the file that was published: its hash differs", flip)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(("reason", "spoil"), OTHERS, ids=["missing", "flipped"])
def test_a_file_that_is_not_the_one_published_is_named(
    file: str, reason: str, spoil: Any, browser: Any, site: Path, tmp_path: Path
) -> None:
    """And drawn from as soon as it is right again, without loading the page anew."""
    with spoilt(site, tmp_path, file, spoil) as address:
        visitor = Visitor(browser, address)
        said = visitor.ask("vanilla-mlp", SAMPLES, seeds=["0"])
        assert file in said
        assert reason in said
        shutil.copyfile(site / file, tmp_path / "spoilt" / file)
        assert len(visitor.ask("vanilla-mlp", SAMPLES, seeds=["0"])) == 64
        visitor.page.close()


@pytest.mark.parametrize(
    ("reason", "spoil"),
    [
        ("cannot be had: the host says 404", Path.unlink),
        ("is damaged", lambda path: path.write_text("<!doctype html>")),
    ],
)
def test_a_site_without_its_list_of_models_says_so(
    reason: str, spoil: Any, browser: Any, site: Path, tmp_path: Path
) -> None:
    with spoilt(site, tmp_path, "models.json", spoil) as address:
        visitor = Visitor(browser, address)
        assert f"models.json {reason}" in visitor.ask("acgan", SAMPLES, seeds=["0"])
        visitor.page.close()


# From a CDN


@pytest.fixture
def cdn(package: Path, tmp_path: Path) -> Path:
    """What a CDN serves of npm, to be spoilt."""
    folder = tmp_path / "cdn" / "npm" / f"onnxruntime-web@{VERSION}" / "dist"
    folder.mkdir(parents=True)
    for name in (SCRIPT, WASM):
        shutil.copyfile(package / "dist" / name, folder / name)
    return folder


def test_what_a_cdn_serves_draws_where_its_hashes_are_the_pinned_ones(browser: Any, cdn: Path, tmp_path: Path) -> None:
    with site_with_cdn(cdn, tmp_path) as address:
        visitor = Visitor(browser, address)
        found = visitor.ask("vanilla-mlp", SAMPLES, seeds=["0", "1", "2"])
        assert_same(found, Sampler(EXPORTED / "vanilla-mlp", "cpu").sample(3))
        assert visitor.said == []
        visitor.page.close()


@pytest.mark.parametrize("file", [SCRIPT, WASM])
@pytest.mark.parametrize(("reason", "spoil"), OTHERS, ids=["missing", "flipped"])
def test_what_a_cdn_serves_otherwise_is_not_run(
    file: str, reason: str, spoil: Any, browser: Any, cdn: Path, tmp_path: Path
) -> None:
    spoil(cdn / file)
    with site_with_cdn(cdn, tmp_path) as address:
        visitor = Visitor(browser, address)
        said = visitor.ask("vanilla-mlp", SAMPLES, seeds=["0"])
        assert f"{VERSION}/dist/{file}" in said
        assert reason in said
        visitor.page.close()


def test_a_cdn_that_cannot_be_reached_is_named(browser: Any, cdn: Path, tmp_path: Path) -> None:
    with site_with_cdn(cdn, tmp_path) as address:
        visitor = Visitor(browser, address)
        visitor.page.route(f"**/{WASM}", lambda route: route.abort())
        assert "cannot be reached; check the network" in visitor.ask("vanilla-mlp", SAMPLES, seeds=["0"])
        visitor.page.close()

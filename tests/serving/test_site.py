"""A static site is whole or absent, and names the hash of all that browsers run or draw from."""

import hashlib
import json
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.clients.tools import node_modules
from clients.client_tools import skipping
from ganzoo.core.errors import BadBundle, GanzooError, UsageError
from ganzoo.core.manifest import read_manifest
from ganzoo.sampling.sampler import Sampler
from ganzoo.serving import site as module
from ganzoo.serving.models import described
from ganzoo.serving.site import PINNED, SCRIPT, VERSION, WASM, write_site

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "exported_models"
PAGE = ROOT / "ganzoo" / "serving" / "page"
TWO = [MODELS / "vanilla-mlp", MODELS / "acgan"]


@pytest.fixture
def ort_web(tmp_path: Path) -> Path:
    """A package like onnxruntime-web, of the two files that a site needs and of others."""
    package = tmp_path / "onnxruntime-web"
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text('{"name": "onnxruntime-web", "version": "9.8.7"}')
    (package / "dist" / SCRIPT).write_bytes(b"alert('Hello, world.');")
    (package / "dist" / WASM).write_bytes(b"\0asm")
    (package / "dist" / "ort.webgpu.min.mjs").write_bytes(b"not needed")
    return package


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def description(site: Path) -> dict[str, Any]:
    return json.loads((site / "models.json").read_text(encoding="utf-8"))


def copy_of(bundle: str, folder: Path, **changes: Any) -> Path:
    """A bundle to spoil, or of another name."""
    shutil.copytree(MODELS / bundle, folder)
    manifest = replace(read_manifest(folder), **changes)
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return folder


def test_a_site_holds_the_page_and_the_models(tmp_path: Path) -> None:
    """The page's files are those that `ganzoo serve` sends, but for the engine and the API's reference."""
    write_site(tmp_path / "site", TWO)
    files = contents(tmp_path / "site")
    own = {path.name: path.read_bytes() for path in PAGE.iterdir() if path.is_file()}
    engine = own.pop("browser.js")
    del own["server.js"], own["reference.css"]
    assert files.pop("index.html") == own.pop("index.html")
    assert files.pop("page/engine.js") == engine
    assert {name: files.pop(name) for name in list(files) if name.startswith("page/")} == {
        f"page/{name}": content for name, content in own.items()
    }
    del files["models.json"]
    for bundle in TWO:
        for name in ("README.md", "generator.onnx", "latents.onnx", "preview.png"):
            assert files.pop(f"models/{bundle.name}/{name}") == (bundle / name).read_bytes()
        del files[f"models/{bundle.name}/manifest.json"]
        assert read_manifest(tmp_path / "site" / "models" / bundle.name) == read_manifest(bundle)
    assert files == {}


def test_models_are_described_as_the_server_does_with_the_hashes_of_their_files(tmp_path: Path) -> None:
    write_site(tmp_path / "site", TWO)
    models = description(tmp_path / "site")["models"]
    assert models == [described(read_manifest(bundle), preview=True) for bundle in TWO]
    for model in models:
        for name, digest in model["files"].items():
            content = (tmp_path / "site" / "models" / model["name"] / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == digest


def test_each_model_of_a_site_is_a_bundle_again(tmp_path: Path) -> None:
    """Also of one with more files, which the page has no use for; and of one without a picture."""
    source = copy_of("vanilla-mlp", tmp_path / "source")
    (source / "single.onnx").write_bytes(b"more")
    manifest = read_manifest(source)
    files = {**manifest.files, "single.onnx": hashlib.sha256(b"more").hexdigest()}
    (source / "manifest.json").write_text(replace(manifest, files=files).to_json())
    (source / "preview.png").unlink()
    write_site(tmp_path / "site", [source])
    found = tmp_path / "site" / "models" / "vanilla-mlp"
    assert sorted(path.name for path in found.iterdir()) == [
        "README.md",
        "generator.onnx",
        "latents.onnx",
        "manifest.json",
    ]
    np.testing.assert_array_equal(Sampler(found, "cpu").sample(3), Sampler(MODELS / "vanilla-mlp", "cpu").sample(3))
    assert not description(tmp_path / "site")["models"][0]["preview"]


def test_a_model_lies_under_its_own_name_whatever_its_folder_is_called(tmp_path: Path) -> None:
    write_site(tmp_path / "site", [copy_of("vanilla-mlp", tmp_path / "folder", name="mein Modell Nº 1")])
    assert (tmp_path / "site" / "models" / "mein Modell Nº 1" / "generator.onnx").is_file()


# onnxruntime-web


def test_a_copy_of_onnxruntime_web_comes_with_its_hashes(ort_web: Path, tmp_path: Path) -> None:
    """The first hash is the example of W3C's Subresource Integrity, section 3.1."""
    write_site(tmp_path / "site", [MODELS / "vanilla-mlp"], ort_web)
    runtime = description(tmp_path / "site")["runtime"]
    assert runtime["version"] == "9.8.7"
    assert runtime["script"] == {
        "url": f"ort/{SCRIPT}",
        "integrity": "sha384-H8BRh8j48O9oYatfu5AZzq6A9RINhZO5H16dQZngK7T62em8MUt1FLm52t+eX6xO",
    }
    assert runtime["wasm"]["url"] == f"ort/{WASM}"
    assert b64decode(runtime["wasm"]["integrity"].removeprefix("sha384-")) == hashlib.sha384(b"\0asm").digest()
    assert {path.name for path in (tmp_path / "site" / "ort").iterdir()} == {SCRIPT, WASM}


def test_the_folder_of_the_files_will_do_too(ort_web: Path, tmp_path: Path) -> None:
    write_site(tmp_path / "package", [MODELS / "vanilla-mlp"], ort_web)
    write_site(tmp_path / "dist", [MODELS / "vanilla-mlp"], ort_web / "dist")
    assert contents(tmp_path / "package") == contents(tmp_path / "dist")


def test_a_copy_without_its_package_is_of_no_known_version(ort_web: Path, tmp_path: Path) -> None:
    (ort_web / "package.json").unlink()
    write_site(tmp_path / "site", [MODELS / "vanilla-mlp"], ort_web / "dist")
    assert description(tmp_path / "site")["runtime"]["version"] is None


def test_without_a_copy_a_pinned_version_is_loaded_from_a_cdn(tmp_path: Path) -> None:
    write_site(tmp_path / "site", [MODELS / "vanilla-mlp"])
    assert not (tmp_path / "site" / "ort").exists()
    place = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"
    assert description(tmp_path / "site")["runtime"] == {
        "version": VERSION,
        "script": {"url": place + SCRIPT, "integrity": PINNED[SCRIPT]},
        "wasm": {"url": place + WASM, "integrity": PINNED[WASM]},
    }


@pytest.mark.clients
def test_the_pinned_hashes_are_those_of_what_npm_installs() -> None:
    with skipping():
        package = node_modules() / "onnxruntime-web"
    assert json.loads((package / "package.json").read_text())["version"] == VERSION
    for name, pinned in PINNED.items():
        command = ["openssl", "dgst", "-sha384", "-binary", str(package / "dist" / name)]
        found = subprocess.run(command, capture_output=True, check=True).stdout
        assert b64decode(pinned.removeprefix("sha384-")) == found


@pytest.mark.parametrize("missing", [SCRIPT, WASM])
def test_a_folder_that_lacks_a_file_is_refused(missing: str, ort_web: Path, tmp_path: Path) -> None:
    (ort_web / "dist" / missing).unlink()
    with pytest.raises(UsageError, match="name what `npm install onnxruntime-web` makes"):
        write_site(tmp_path / "site", [MODELS / "vanilla-mlp"], ort_web)
    assert not (tmp_path / "site").exists()


# Whole or not at all


def test_a_site_is_kept_unless_forced_and_then_replaced_whole(tmp_path: Path) -> None:
    write_site(tmp_path / "site", TWO)
    before = contents(tmp_path / "site")
    with pytest.raises(UsageError, match=r"site exists; choose another folder, or replace it with --force"):
        write_site(tmp_path / "site", TWO[:1])
    assert contents(tmp_path / "site") == before
    write_site(tmp_path / "site", TWO[:1], force=True)
    assert [path.name for path in (tmp_path / "site" / "models").iterdir()] == ["vanilla-mlp"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("force", [True, False])
def test_what_is_no_site_is_never_overwritten(force: bool, tmp_path: Path) -> None:
    shutil.copytree(MODELS / "vanilla-mlp", tmp_path / "mine")
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="choose another folder"):
        write_site(tmp_path / "mine", TWO, force=force)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("place", [".", "..", "x/.."])
def test_a_place_without_a_name_is_refused(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="name one that does not exist yet"):
        write_site(Path(place), TWO, force=True)


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Two models are called 'acgan'; export one of them under another --name"):
        write_site(tmp_path / "site", [*TWO, copy_of("acgan", tmp_path / "copy")])
    assert not (tmp_path / "site").exists()


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit": (lambda folder: (folder / "generator.onnx").write_bytes(b"\0"), "its SHA-256 differs"),
    "a file": (lambda folder: (folder / "latents.onnx").unlink(), "Cannot read"),
    "the manifest": (lambda folder: (folder / "manifest.json").write_text("{"), "Cannot read"),
    "all": (shutil.rmtree, "is no bundle"),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_damaged_bundle_leaves_no_site(spoil: str, tmp_path: Path) -> None:
    act, words = SPOILT[spoil]
    source = copy_of("vanilla-mlp", tmp_path / "source")
    act(source)
    with pytest.raises(BadBundle, match=words):
        write_site(tmp_path / "site", [MODELS / "acgan", source])
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("name", ["..", "a/b", "", "a?b", "a%2fb"])
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    source = copy_of("vanilla-mlp", tmp_path / "source", name=name)
    with pytest.raises(BadBundle, match="fits no address"):
        write_site(tmp_path / "out" / "site", [source])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("force", [True, False])
def test_a_failure_midway_leaves_what_was_there(force: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if force:
        write_site(tmp_path / "site", TWO[:1])
    before = contents(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "on_cdn", full)
    with pytest.raises(GanzooError, match=r"Cannot write .*site: No space left on device\. Free some space"):
        write_site(tmp_path / "site", TWO, force=force)
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["site"] if force else [])


def test_a_site_is_written_where_torch_and_onnx_cannot_be_imported(tmp_path: Path) -> None:
    """Whoever publishes models need not be able to train them."""
    words = ["export", "--web", "site", *map(str, TWO)]
    code = f"import sys; sys.modules.update(torch=None, onnx=None); from ganzoo.cli import main; main({words})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "a site of 2 models" in done.stdout
    assert [model["name"] for model in description(tmp_path / "site")["models"]] == ["vanilla-mlp", "acgan"]

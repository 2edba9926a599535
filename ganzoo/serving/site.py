"""A static site: the page, and models that run in the visitor's browser with onnxruntime-web, on any host of files."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Any

from ganzoo.core.errors import UsageError
from ganzoo.core.folders import check_place, folder_written_whole
from ganzoo.core.manifest import GENERATOR, LATENTS
from ganzoo.serving.models import PREVIEW, Model, described, open_model

PAGE = Path(__file__).parent / "page"
INDEX = "index.html"
OTHER = {"server.js": None, "reference.css": None, "browser.js": "engine.js"}  # what a site lacks, or names otherwise

# onnxruntime-web, where no copy of it is at hand: from a CDN, whose files must have the hashes of what npm installs.
VERSION = "1.30.0"
CDN = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"  # for the CPU alone; nothing else is loaded
PINNED = {
    SCRIPT: "sha384-PLWz+nHEVHpjwBsO0YVdvQj6n5814Iv8E3b8FG0Rp/uIAtjFMCKOpP66iPzedrIG",
    WASM: "sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM",
}


def write_site(target: Path, bundles: Sequence[Path], ort_web: Path | None = None, *, force: bool = False) -> None:
    """Write the site of these bundles, whole or not at all; `ort_web` is onnxruntime-web as npm installs it.

    Raises UsageError where `target` exists, unless `force` is set and it is a site, for two bundles of one name, and
    where `ort_web` lacks what is needed; BadBundle for a bundle that is damaged.
    """
    runtime = check_target(target, ort_web, force)
    models = open_all(bundles)
    with folder_written_whole(target, force, "folder") as folder:
        copy_page(folder)
        for bundle, model in zip(bundles, models, strict=True):
            copy_model(bundle, model, folder / "models" / model.name)
        content = {
            "models": [described(model.manifest, model.preview is not None) for model in models],
            "runtime": on_cdn() if runtime is None else copy_runtime(runtime, folder / "ort"),
        }
        (folder / "models.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def check_target(target: Path, ort_web: Path | None, force: bool) -> Path | None:
    """Raise UsageError where a site cannot be written there; returns where onnxruntime-web lies, unless on a CDN."""
    if not target.name or target.name == "..":
        raise UsageError(f"{target} is no name for a new folder; name one that does not exist yet.")
    check_place(target, force, "models.json", "site", "folder")
    return None if ort_web is None else find_runtime(ort_web)


def open_all(bundles: Sequence[Path]) -> list[Model]:
    """The bundles, each of which has drawn here. Raises UsageError for two of one name, BadBundle like `open_model`."""
    models: dict[str, Model] = {}
    for bundle in bundles:
        model = open_model(bundle, "cpu")
        if model.name in models:
            raise UsageError(f"Two models are called {model.name!r}; export one of them under another --name.")
        models[model.name] = model
    return list(models.values())


def copy_page(folder: Path) -> None:
    """The page with its engine for browsers, whose other one asks a server."""
    (folder / "page").mkdir()
    for path in PAGE.iterdir():
        if path.is_file() and (name := OTHER.get(path.name, path.name)):
            copyfile(path, folder / name if name == INDEX else folder / "page" / name)


def copy_model(bundle: Path, model: Model, folder: Path) -> None:
    """A bundle that `Sampler` opens, too, of the files that the page needs and those for people."""
    folder.mkdir(parents=True)
    manifest = replace(model.manifest, files={name: model.manifest.files[name] for name in (LATENTS, GENERATOR)})
    for name in (*manifest.files, "README.md"):
        if (bundle / name).is_file():
            copyfile(bundle / name, folder / name)
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    if model.preview is not None:
        (folder / PREVIEW).write_bytes(model.preview)


# onnxruntime-web


def find_runtime(ort_web: Path) -> Path:
    """The folder with its files: `ort_web` or its `dist`. Raises UsageError where they are in neither."""
    for folder in (ort_web, ort_web / "dist"):
        if all((folder / name).is_file() for name in PINNED):
            return folder
    raise UsageError(
        f"{ort_web} does not hold {SCRIPT} and {WASM}; name what `npm install onnxruntime-web` makes, "
        "node_modules/onnxruntime-web."
    )


def copy_runtime(source: Path, folder: Path) -> dict[str, Any]:
    """The files that are needed, whose first lines hold the licence; returns what `on_cdn` does, of the copy."""
    folder.mkdir()
    for name in PINNED:
        copyfile(source / name, folder / name)
    return described_runtime(version_of(source), "ort/", {name: integrity(folder / name) for name in PINNED})


def on_cdn() -> dict[str, Any]:
    """Where the page loads onnxruntime-web from, for JSON."""
    return described_runtime(VERSION, CDN, PINNED)


def described_runtime(version: str | None, base: str, hashes: Mapping[str, str]) -> dict[str, Any]:
    files = {"script": SCRIPT, "wasm": WASM}
    return {"version": version} | {
        role: {"url": base + name, "integrity": hashes[name]} for role, name in files.items()
    }


def version_of(source: Path) -> str | None:
    """What the package says of itself, if it is there whole."""
    for folder in (source, source.parent):
        with suppress(OSError, ValueError, KeyError, TypeError):
            package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
            if package["name"] == "onnxruntime-web":
                return str(package["version"])
    return None


def integrity(path: Path) -> str:
    """The file's SHA-384 as browsers check it (W3C, Subresource Integrity, section 3.1)."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha384").digest()
    return f"sha384-{base64.b64encode(digest).decode()}"

"""Programs that draw a bundle's self-test, each with an onnxruntime of its own."""

import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime

from benchmarks.clients.browser import in_browser
from benchmarks.clients.judge import Report, report_of
from benchmarks.clients.tools import MissingTool, headers, node_modules, old_onnxruntime, run, tool
from ganzoo.core.manifest import read_manifest
from ganzoo.sampling.integrity import output_name

SOURCES = Path(__file__).parent
OLD = {"2023": "1.15", "2024": "1.18"}  # releases of onnxruntime, each of May

# Draws the self-test of each bundle; raises MissingTool where it cannot run here, RuntimeError where it fails.
Client = Callable[[Sequence[Path]], list[Report]]


def in_python(bundles: Sequence[Path], version: str | None = None) -> list[Report]:
    """With the onnxruntime that is installed, or an old one; `-S` leaves out all else that is installed."""
    alone, where = ((), {}) if version is None else (("-S",), {"PYTHONPATH": str(old_onnxruntime(version))})
    command = (sys.executable, *alone, SOURCES / "draw.py")
    return [report_of(run((*command, bundle), bundle, where)) for bundle in bundles]


def in_node(bundles: Sequence[Path]) -> list[Report]:
    node, modules = tool("node"), node_modules()
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "node_modules").symlink_to(modules)
        for source in SOURCES.glob("*.mjs"):
            shutil.copy(source, folder)
        return [report_of(run((node, "draw_in_node.mjs", bundle.absolute()), folder)) for bundle in bundles]


def in_cpp(bundles: Sequence[Path]) -> list[Report]:
    """A program that is compiled against onnxruntime's headers, with the library of the Python package."""
    with TemporaryDirectory() as name:
        program = compiled(SOURCES / "draw.cpp", Path(name))
        return [report_of(run((program, *arguments(bundle)), bundle)) for bundle in bundles]


def compiled(source: Path, folder: Path) -> Path:
    """The program that a file of C++ makes. Raises MissingTool where compiler, headers or library are not there."""
    compiler, include = tool("c++", "g++", "clang++"), headers()
    libraries = sorted(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*"))
    if not libraries:
        raise MissingTool("needs the library libonnxruntime.so.*, which the Python package has on Linux")
    for link in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / link).symlink_to(libraries[-1])
    strict = ("-std=c++17", "-Wall", "-Wextra", "-Werror", "-isystem", include)
    linked = (f"-L{folder}", "-lonnxruntime", f"-Wl,-rpath,{folder}")
    run((compiler, *strict, source, *linked, "-o", folder / "draw"), folder)
    return folder / "draw"


def arguments(bundle: Path) -> list[str]:
    """What `draw.cpp`, which reads no JSON, is told of a bundle."""
    manifest = read_manifest(bundle)
    classes = (manifest.sample.num_classes or 0) if manifest.conditional else 0
    truncates = int(manifest.truncation == "input")
    return [output_name(manifest.sample), str(classes), str(truncates), *map(str, manifest.self_test.seeds)]


CLIENTS: dict[str, Client] = {
    "Python": in_python,
    **{f"Python, {year}": partial(in_python, version=version) for year, version in OLD.items()},
    "Node": in_node,
    "C++": in_cpp,
    "Chromium, WebAssembly": partial(in_browser, build="wasm"),
    "Chromium, WebGPU": partial(in_browser, build="webgpu"),
}

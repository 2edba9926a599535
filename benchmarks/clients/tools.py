"""What the clients need beside this project, fetched once: packages of pip and npm, and onnxruntime's headers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp

import torch

ROOT = Path(__file__).parents[2]
CACHE = "GANZOO_CLIENTS"  # environment variable: the folder that keeps what was fetched
HEADER = "onnxruntime_cxx_api.h"
PATIENCE = 600  # seconds for one command, a download included


class MissingTool(Exception):
    """A client cannot run here; the message says for want of what."""


def cache() -> Path:
    return Path(os.environ.get(CACHE) or ROOT / ".pytest_cache" / "d" / "clients").absolute()


def tool(*names: str) -> str:
    """The first of these programs that is installed. Raises MissingTool where none is."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise MissingTool(f"needs {' or '.join(names)}")


def run(command: Sequence[str | Path], folder: Path, more: Mapping[str, str] | None = None) -> str:
    """What a command prints. Raises RuntimeError with its last line of complaint where it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=os.environ | (more or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    if done.returncode != 0:
        complaint = (done.stderr.strip() or done.stdout.strip() or str(done.returncode)).splitlines()[-1]
        raise RuntimeError(f"{Path(command[0]).name} failed: {complaint}")
    return done.stdout


def fetched(name: str, fetch: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, filled by `fetch` once, whole or not at all.

    Raises MissingTool where that fails, e.g. without a network.
    """
    folder = cache() / name
    if folder.exists():
        return folder
    cache().mkdir(parents=True, exist_ok=True)
    unfinished = Path(mkdtemp(prefix=f".{name}-", dir=cache()))
    try:
        fetch(unfinished)
        if not folder.exists():  # another process may have been quicker
            unfinished.rename(folder)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        raise MissingTool(f"cannot fetch {name}: {error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def from_pip(name: str, *requirements: str) -> Path:
    """A folder for PYTHONPATH that holds these packages, without what they depend on."""
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:")
    command = [sys.executable, "-m", "pip", "install", *quiet, *requirements, "--target"]
    return fetched(name, lambda folder: ignored(run([*command, folder], folder)))


def old_onnxruntime(version: str) -> Path:
    """A folder with onnxruntime `version`, e.g. "1.15", and a numpy of its time."""
    return from_pip(f"onnxruntime-{version}", f"onnxruntime=={version}.*", "numpy<2")


def fidelity() -> Path:
    """A folder with torch-fidelity and the torchvision that belongs to the torch in use."""
    _, minor, _ = torch.__version__.split(".", 2)
    return from_pip("torch-fidelity", "torch-fidelity==0.4.*", f"torchvision==0.{int(minor) + 15}.*")


def node_modules() -> Path:
    """A `node_modules` with onnxruntime-node and onnxruntime-web; no script of a package is run."""
    npm = tool("npm")
    install = (npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "onnxruntime-node", "onnxruntime-web")
    return fetched("npm", lambda folder: ignored(run([*install, "--prefix", folder], folder))) / "node_modules"


def headers() -> Path:
    """The folder of onnxruntime's C++ headers: the system's, or those of Debian's stable release."""
    for folder in (Path("/usr/include/onnxruntime"), Path("/usr/local/include/onnxruntime")):
        if (folder / HEADER).exists():
            return folder
    tool("apt-get")
    tool("dpkg-deb")
    return fetched("headers", unpack_headers) / "usr" / "include" / "onnxruntime"


def unpack_headers(folder: Path) -> None:
    """The package `libonnxruntime-dev` from the same archive as this system's; the system itself stays as it is."""
    archives = run(("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"), folder)
    found = [line.removeprefix("Debian ") for line in archives.splitlines() if line.startswith("Debian ")]
    if not found:
        raise RuntimeError("this system has no archive of Debian's")
    source, lists = folder / "stable.list", folder / "lists"
    (lists / "partial").mkdir(parents=True)
    source.write_text(f"deb {found[0]} stable main\n", encoding="utf-8")
    own = (
        "-o",
        f"Dir::Etc::sourcelist={source}",
        "-o",
        "Dir::Etc::sourceparts=/dev/null",
        "-o",
        f"Dir::State::lists={lists}",
    )
    root = ("-o", "APT::Sandbox::User=root", "-o", f"Dir::Cache={folder}")
    run(("apt-get", *own, *root, "update"), folder)
    run(("apt-get", *own, *root, "download", "libonnxruntime-dev"), folder)
    (package,) = folder.glob("*.deb")
    run(("dpkg-deb", "-x", package, folder), folder)
    shutil.rmtree(lists)


def ignored(output: str) -> None:
    """What a command printed is of no interest."""

"""The wheel that users install: what is in it, and what it asks for."""

import importlib.util
import shutil
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from email import message_from_string
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

MACHINES = {
    "linux x86_64": ("linux", "x86_64", "onnxruntime-gpu"),
    "linux aarch64": ("linux", "aarch64", "onnxruntime"),
    "darwin arm64": ("darwin", "arm64", "onnxruntime"),
    "darwin x86_64": ("darwin", "x86_64", "onnxruntime"),
    "win32 AMD64": ("win32", "AMD64", "onnxruntime-gpu"),
    "win32 ARM64": ("win32", "ARM64", "onnxruntime"),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git knows of, and of what is new: no leftovers of earlier builds."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and a checkout, to know which files belong to the project")
    for tool in ("pip", "setuptools"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"needs {tool}, to build a wheel")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    tree = tmp_path_factory.mktemp("packaging") / "tree"
    for name in filter(None, done.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
    return tree


@pytest.fixture(scope="module")
def wheel(tree: Path) -> dict[str, str]:
    """Every file in the wheel, by its name; those that are text, with their content."""
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet")
    command = [sys.executable, "-m", "pip", "wheel", *offline, ".", "-w", str(tree.parent)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    (path,) = tree.parent.glob("*.whl")
    assert path.name == f"ganzoo-{PROJECT['version']}-py3-none-any.whl"
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode(errors="replace") for name in archive.namelist()}


def packaged(root: Path, package: Path) -> set[str]:
    """The files of a package that users need: its modules, and the data that they read."""
    code = ("**/*.py", "py.typed", "recipes/*.toml")
    patterns = (*code, "*.npy", "README.md", "cli/**/*.txt", "export/*.md", "report/page.*", "serving/page/*")
    return {path.relative_to(root).as_posix() for pattern in patterns for path in package.glob(pattern)}


def metadata(wheel: dict[str, str], name: str) -> str:
    (text,) = (content for path, content in wheel.items() if path.endswith(f".dist-info/{name}"))
    return text


def requirements(wheel: dict[str, str]) -> list[Requirement]:
    return [Requirement(text) for text in message_from_string(metadata(wheel, "METADATA")).get_all("Requires-Dist", [])]


def required(wheel: dict[str, str], platform: str, machine: str) -> dict[str, Requirement]:
    """What pip installs with ganzoo on such a machine."""
    place = {"sys_platform": platform, "platform_machine": machine, "extra": ""}
    found = [each for each in requirements(wheel) if each.marker is None or each.marker.evaluate(place)]
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


def test_the_wheel_holds_ganzoo_and_its_plugins_and_nothing_else(tree: Path, wheel: dict[str, str]) -> None:
    """No tests, no benchmarks, of the template only what `ganzoo new-plugin` reads, and no file forgotten."""
    plugins = tree / "plugins"
    expected = packaged(tree, tree / "ganzoo")
    for path in plugins.glob("ganzoo_*/__init__.py"):
        expected |= packaged(plugins, path.parent)

    found = {name for name in wheel if ".dist-info/" not in name}

    assert found == expected
    assert {"ganzoo/py.typed", "ganzoo/normal_quantile.npy", "ganzoo_vanilla/recipes/vanilla-mlp.toml"} <= found
    assert "ganzoo/cli/template/loss/loss.py.txt" in found
    assert {name.partition("/")[0] for name in found} == {"ganzoo", *PROJECT["entry-points"]["ganzoo"].values()}


def test_every_folder_of_modules_is_a_package(tree: Path) -> None:
    """Setuptools leaves out a folder without `__init__.py`, in silence."""
    plugins = [path.parent for path in tree.glob("plugins/ganzoo_*/__init__.py")]
    folders = {path.parent for root in (tree / "ganzoo", *plugins) for path in root.rglob("*.py")}

    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_wheel_names_its_licence_and_its_entry_points(wheel: dict[str, str]) -> None:
    parser = ConfigParser(delimiters="=")
    parser.read_string(metadata(wheel, "entry_points.txt"))

    assert metadata(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert message_from_string(metadata(wheel, "METADATA"))["License-Expression"] == "Apache-2.0"
    assert {section: dict(parser[section]) for section in parser.sections()} == {
        "console_scripts": PROJECT["scripts"],
        **PROJECT["entry-points"],
    }


@pytest.mark.parametrize(("platform", "machine", "expected"), MACHINES.values(), ids=list(MACHINES))
def test_every_machine_gets_one_onnxruntime(wheel: dict[str, str], platform: str, machine: str, expected: str) -> None:
    """Two would overwrite each other's files; the one for GPUs has no wheel on some machines."""
    found = [name for name in required(wheel, platform, machine) if name.startswith("onnxruntime")]

    assert found == [expected]


def test_torch_is_required_in_the_range_that_is_tested(wheel: dict[str, str]) -> None:
    assert required(wheel, "linux", "x86_64")["torch"].specifier == SpecifierSet(">=2.9,<2.14")

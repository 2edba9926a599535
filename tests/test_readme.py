"""Every command and every piece of code in the README does what it says.

The two lines that set everything up are run as they are by `.ci/run`. All others are run here, in a folder of their
own, with long training cut short.
"""

import gzip
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHORTER = [
    ("--minutes 5", "--minutes 0.02"),
    ("--steps 20000", "--steps 30"),
    ("--steps 2000", "--steps 20"),
    ("steps=2000", "steps=20"),
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Each `ganzoo` line of the README's shell blocks, without the two lines that set everything up."""
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("ganzoo ")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader has it: the exported models, some photos, one run."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "exported_models", folder / "exported_models")
    (folder / "photos").mkdir()
    random = np.random.default_rng(0)
    for number in range(130):
        pixels = random.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{number}.jpg")
    recipe = ROOT / "plugins" / "ganzoo_vanilla" / "recipes" / "vanilla-mlp.toml"
    shutil.copy(recipe, folder / "mine.toml")
    ganzoo("train vanilla-mlp --steps 20 -q", folder)
    return folder


@pytest.fixture
def mnist_files(tmp_path: Path) -> Path:
    """The four files, with 130 pictures of noise each."""
    random = np.random.default_rng(0)
    for prefix in ("train", "t10k"):
        for kind, magic, shape in (("images-idx3", 0x803, (130, 28, 28)), ("labels-idx1", 0x801, (130,))):
            header = np.array([magic, *shape], ">i4").tobytes()
            pixels = random.integers(0, 10, shape, dtype=np.uint8).tobytes()
            (tmp_path / f"{prefix}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + pixels))
    return tmp_path


def ganzoo(arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ganzoo", *shlex.split(arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def cut_short(text: str) -> str:
    for long, short in SHORTER:
        text = text.replace(long, short)
    if "train" in text and "--minutes" not in text and "--steps" not in text and "steps=" not in text:
        text += " --steps 20"
    return text


@pytest.mark.parametrize("command", [*commands(), "ganzoo train ./mine.toml"])
def test_the_command_works(command: str, place: Path, monkeypatch: pytest.MonkeyPatch, mnist_files: Path) -> None:
    monkeypatch.setenv("GANZOO_DATA", str(mnist_files))
    arguments = cut_short(command.removeprefix("ganzoo "))
    done = ganzoo(arguments, place)
    assert done.returncode == 0, done.stderr


def test_the_python_code_works(place: Path) -> None:
    """Each block in a process of its own; the plugin's block is built and used below."""
    for code in blocks("python"):
        if "hookimpl" not in code:
            command = [sys.executable, "-c", cut_short_code(code)]
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr


def cut_short_code(code: str) -> str:
    for long, short in SHORTER:
        code = code.replace(long, short)
    return code


def test_the_plugin_of_the_readme_installs_and_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the two blocks that a reader would copy, installed by pip from a folder outside of the project."""
    (tmp_path / "plugin").mkdir()
    code = next(block for block in blocks("python") if "hookimpl" in block)
    (tmp_path / "plugin" / "ganzoo_my_hinge.py").write_text(code)
    (tmp_path / "plugin" / "pyproject.toml").write_text(blocks("toml")[0])
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(tmp_path / "plugin")], check=True)
    monkeypatch.setenv("PYTHONPATH", str(site))

    told = re.search(r"`ganzoo (train vanilla-mlp --set loss=my-hinge)`", README)
    assert told is not None
    done = ganzoo(told[1] + " --steps 20", tmp_path)

    assert done.returncode == 0, done.stderr
    light = "import sys; from ganzoo.catalog import load_catalog; load_catalog(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", light], check=False).returncode == 0


def test_nothing_is_left_to_be_filled_in() -> None:
    assert not re.search(r"^[A-Z]{4,}$", README, re.MULTILINE)


def test_every_hook_is_in_the_readme_and_every_plugin_in_its_tables() -> None:
    from ganzoo.catalog import load_catalog
    from ganzoo.core import hookspecs

    hooks = [name for name in vars(hookspecs) if name.startswith("ganzoo_")]
    assert len(hooks) == 12
    for hook in hooks:
        assert f"`{hook}`" in README
    for kind, shelf in load_catalog().shelves().items():
        for name, _ in shelf:
            if (ROOT / "plugins" / f"ganzoo_{shelf.provider[name]}").exists():  # the zoo's own
                assert f"`{name}`" in README, f"{kind} {name}"


def test_every_dependency_is_justified() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=;\[ ]", requirement)[0]
        assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b[^|]*\|", README, re.MULTILINE), name


def test_the_scripts_of_the_readme_are_what_ci_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for name in ("try", "test"):
        assert f"<!-- {name} -->\n```sh\n" in README
        assert f"readme_command {name}" in script


def test_every_link_to_a_file_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target

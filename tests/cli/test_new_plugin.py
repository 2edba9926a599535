"""`ganzoo new-plugin`: what it makes works as it is, and what cannot be made is refused before anything is written."""

import errno
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from command import Refused, contents, ganzoo, ganzoo_process
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.catalog import load_catalog
from ganzoo.cli.new_plugin import SUFFIX, TEMPLATE, files, misspelt, suggestion, taken

ROOT = Path(__file__).parents[2]
LIVING = ROOT / "plugins" / "ganzoo_template"
LEFTOVERS = re.compile(r"__pycache__|\.egg-info|^build/|^\.|\.pyc$")
OFFLINE = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
MADE = {
    "README.md",
    "pyproject.toml",
    "src/my_loss/__init__.py",
    "src/my_loss/loss.py",
    "src/my_loss/recipes/my-loss-mlp.toml",
    "tests/test_loss.py",
}


# What it makes


def test_the_template_is_the_plugin_that_the_tests_of_strangers_install() -> None:
    """File by file. Who changes plugins/ganzoo_template copies it to ganzoo/cli/template, with .txt after each name."""
    living = {path: text for path, text in contents(LIVING).items() if not LEFTOVERS.search(path)}
    data = {path.removesuffix(SUFFIX): text for path, text in contents(TEMPLATE).items()}

    assert data == living
    assert all(path.endswith(SUFFIX) for path in contents(TEMPLATE))


def test_it_makes_a_plugin_under_the_given_name_and_says_what_comes_next(here: Path) -> None:
    done = ganzoo("new-plugin", "my_loss")

    assert (done.exit_code, done.stderr) == (0, "")
    assert [path.name for path in here.iterdir()] == ["my_loss"]
    assert set(contents(here / "my_loss")) == MADE
    assert done.stdout.splitlines()[1:] == [
        "  pip install -e './my_loss[test]'",
        "  pytest my_loss --ganzoo-plugin my_loss",
        "  ganzoo train my-loss-mlp",
    ]
    for text in contents(here / "my_loss").values():
        assert not re.search(r"template|one-sided-smoothing|smoothed-mlp", text.decode())
        assert b"\r" not in text


def test_help_teaches_what_comes_next() -> None:
    said = ganzoo("new-plugin", "--help").stdout

    for command in (
        "pip install -e './my_loss[test]'",
        "pytest my_loss --ganzoo-plugin my_loss",
        "ganzoo train my-loss",
    ):
        assert f"\n    {command}" in said


def test_an_empty_folder_is_filled_even_where_python_takes_it_for_a_module(here: Path) -> None:
    (here / "elsewhere" / "my_loss").mkdir(parents=True)
    (here / "my_loss").mkdir()

    assert ganzoo("new-plugin", "my_loss", "--out", "elsewhere").exit_code == 0
    done = ganzoo_process("new-plugin", "my_loss", cwd=here)  # python -m: the current folder is on the path

    assert done.returncode == 0, done.stderr
    assert contents(here / "my_loss") == contents(here / "elsewhere" / "my_loss")
    assert sorted(path.name for path in here.iterdir()) == ["elsewhere", "my_loss"]


@pytest.mark.parametrize("name", ["ab", "my_loss", "x9", "a_" * 20 + "loss", "z" * 60])
def test_ruff_would_not_format_it_otherwise(name: str, here: Path) -> None:
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("needs ruff, of the extra `dev`")
    assert ganzoo("new-plugin", name).exit_code == 0
    command = [
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--check",
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]

    done = subprocess.run([*command, name], cwd=here, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert re.fullmatch(r"[34] files already formatted\n", done.stdout)  # newer ones read README.md too


# Whether that works


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two plugins were made, one after the other, and installed in `site`, as one is told to."""
    for tool in ("pip", "setuptools"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"needs {tool}, to install a plugin")
    work = tmp_path_factory.mktemp("author")
    for name, out in (("my_loss", "my plugins"), ("another", ".")):
        made = run(work, "-m", "ganzoo", "new-plugin", name, "--out", out)
        assert made.returncode == 0, made.stderr
        (work / f"{name}.txt").write_text(made.stdout)
        pip, *words = told(work, name)[0]
        assert (pip, words[:2]) == ("pip", ["install", "-e"])
        done = run(work, "-m", "pip", "install", *OFFLINE, "--target", "site", "--upgrade", words[2])
        assert done.returncode == 0, done.stderr
    return work


def told(work: Path, name: str) -> list[list[str]]:
    """The commands that were printed for the plugin of that name, in words."""
    return [shlex.split(line) for line in (work / f"{name}.txt").read_text().splitlines() if line.startswith("  ")]


def run(work: Path, *words: str, site: bool = True) -> "subprocess.CompletedProcess[str]":
    """Python in the folder `work`, with or without what is installed in `site`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    paths = [str(work / "site")] * site + [os.environ.get("PYTHONPATH", "")]
    environment |= {"COLUMNS": "500", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_its_tests_and_ganzoo_s_promises_hold_at_once(work: Path) -> None:
    _, (pytest_, *words), _ = told(work, "my_loss")

    done = run(work, "-P", "-m", pytest_, "-p", "no:cacheprovider", "-v", *words)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_too_sure_is_worse_than_right PASSED" in done.stdout
    assert "loss my-loss: pulls each player its way PASSED" in done.stdout
    assert "recipe my-loss-mlp: trains, exports and can be sampled PASSED" in done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]


def test_its_recipe_trains_as_printed(work: Path) -> None:
    *_, words = told(work, "my_loss")

    done = run(work, "-m", *words, "--steps", "2", "--device", "cpu")

    assert done.returncode == 0, done.stderr
    assert (work / "runs" / "my-loss-mlp-001").is_dir()


def test_two_of_them_can_be_installed_beside_each_other(work: Path) -> None:
    """From the folder in which they were made, where Python could take the folder for the package."""
    done = run(work, "-m", "ganzoo", "plugins")
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}

    assert (done.returncode, done.stderr) == (0, "")
    assert lines["my_loss"] == ["my_loss", "my-loss", "0.1", "losses,", "recipes"]
    assert lines["another"] == ["another", "another", "0.1", "losses,", "recipes"]


def test_a_second_one_of_that_name_is_refused_elsewhere_too(work: Path) -> None:
    done = run(work, "-m", "ganzoo", "new-plugin", "my_loss", "--out", "elsewhere")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: 'my_loss' is the name of an installed plugin; try my_my_loss.\n"
    assert not (work / "elsewhere").exists()


def test_edits_of_it_are_seen_from_the_folder_that_it_was_made_in(work: Path) -> None:
    """`python -m ganzoo` and torchrun have `another/` on the path, which Python would take for the package."""
    offline = (*OFFLINE, "--prefix", "prefix")
    installed = run(work, "-m", "pip", "install", *offline, "-e", "./another", site=False)
    assert installed.returncode == 0, installed.stderr
    (link,) = (work / "prefix").rglob("*.pth")
    code = f"import site; site.addsitedir({str(link.parent)!r}); import another; print(another.__file__)"

    done = run(work, "-c", code, site=False)

    assert (done.stdout.strip(), done.stderr) == (str(work / "another" / "src" / "another" / "__init__.py"), "")


# What it refuses


@pytest.mark.parametrize(
    ("name", "why", "better"),
    [
        ("my-loss", "no name for a plugin", "my_loss"),
        ("MyLoss", "no name for a plugin", "my_loss"),
        ("WGANLoss", "no name for a plugin", "wgan_loss"),
        ("my loss", "no name for a plugin", "my_loss"),
        ("my.loss", "no name for a plugin", "my_loss"),
        ("../loss_of_mine", "no name for a plugin", "loss_of_mine"),
        ("_mine", "no name for a plugin", "mine"),
        ("mine_", "no name for a plugin", "mine"),
        ("my__loss", "no name for a plugin", "my_loss"),
        ("2nd", "no name for a plugin", "my_2nd"),
        ("été", "no name for a plugin", "ete"),
        ("my_loss\n", "no name for a plugin", "my_loss"),
        ("", "no name for a plugin", "plugin"),
        ("生成", "no name for a plugin", "plugin"),
        ("Class", "no name for a plugin", "my_class"),
        ("lambda", "a keyword of Python", "my_lambda"),
        ("vanilla", "the name of an installed plugin", "my_vanilla"),
        ("json", "the name of a module that can be imported already", "my_json"),
        ("torch", "the name of a module that can be imported already", "my_torch"),
        ("ganzoo", "the name of a module that can be imported already", "my_ganzoo"),
        ("ganzoo_dcgan", "the name of a module that can be imported already", "my_ganzoo_dcgan"),
        ("scikit_learn", "the name of an installed package", "my_scikit_learn"),
        ("minimax", "taken: plugin vanilla has a loss called 'minimax'", "my_minimax"),
    ],
)
def test_a_bad_name_is_refused_with_a_better_one(
    name: str, why: str, better: str, here: Path, refused: Refused
) -> None:
    said = refused(2, "new-plugin", name).stderr

    assert said.startswith(f"Error: {name!r} is {why}")
    assert said.endswith(f"; try {better}.\n")
    assert not list(here.parent.glob("loss*"))
    assert not list(here.iterdir())


def test_a_recipe_s_name_counts_too(here: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("new-one-mlp", "my-new-one-mlp"):
        monkeypatch.setitem(load_catalog().recipes.provider, name, "stranger")

    said = refused(2, "new-plugin", "new_one").stderr

    assert "'new_one' is taken: plugin stranger has a recipe called 'new-one-mlp'; try my_my_new_one." in said
    assert not list(here.iterdir())


def test_a_module_without_a_spec_and_a_folder_elsewhere_count_as_modules(
    here: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "site" / "spread_out").mkdir(parents=True)
    monkeypatch.syspath_prepend(here / "site")
    monkeypatch.setitem(sys.modules, "made_up", type(sys)("made_up"))

    for name in ("spread_out", "made_up"):
        assert "a module that can be imported" in refused(2, "new-plugin", name).stderr
    assert [path.name for path in here.iterdir()] == ["site"]


@given(st.text(max_size=12))
def test_every_suggestion_would_be_accepted(name: str) -> None:
    better = suggestion(name, Path())

    assert not misspelt(better)
    assert not taken(better, Path())


def test_the_names_of_dependencies_are_those_of_packages() -> None:
    """What the case `scikit_learn` rests on: it is installed, and is no module."""
    assert distribution("scikit-learn").name == "scikit-learn"
    assert importlib.util.find_spec("scikit_learn") is None


def test_what_is_there_stays_as_it_is(here: Path, refused: Refused) -> None:
    (here / "my_loss").mkdir()
    (here / "my_loss" / "thesis.md").write_text("years of work")
    (here / "my_file").write_text("more of it")
    (here / "my_link").symlink_to("nowhere")
    before = contents(here)

    for name in ("my_loss", "my_file", "my_link"):
        said = refused(2, "new-plugin", name).stderr
        assert said == f"Error: {name} is there already; choose another name, or another place with --out.\n"

    assert contents(here) == before
    assert len(list(here.iterdir())) == 3


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_place_that_is_no_folder_is_refused(out: str, here: Path, refused: Refused) -> None:
    (here / "file").write_text("text")

    assert f"Cannot write {out}/my_loss: " in refused(1, "new-plugin", "my_loss", "--out", out).stderr
    assert contents(here) == {"file": b"text"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_refused(here: Path, refused: Refused) -> None:
    here.chmod(0o500)
    try:
        assert "Cannot write my_loss: Permission denied." in refused(1, "new-plugin", "my_loss").stderr
    finally:
        here.chmod(0o700)
    assert not list(here.iterdir())


@pytest.mark.parametrize("exists", [False, True])
def test_a_disk_that_is_full_half_way_leaves_nothing(
    exists: bool, here: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    if exists:
        (here / "my_loss").mkdir()
    write, written = Path.write_text, []

    def full(path: Path, *rest: str, **more: str) -> int:
        written.append(path)
        if len(written) == len(files("my_loss")):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, *rest, **more)

    monkeypatch.setattr(Path, "write_text", full)

    assert "Cannot write my_loss: No space left on device" in refused(1, "new-plugin", "my_loss").stderr
    assert [path.name for path in here.iterdir()] == ["my_loss"] * exists
    assert not contents(here)

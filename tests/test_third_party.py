"""A stranger's plugin, installed by pip from outside of the project, is as good as the zoo's own."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from strangers import MISSPELT, RAISES, TAKES_A_NAME, install

TEMPLATE = Path(__file__).parents[1] / "plugins" / "ganzoo_template"

Ganzoo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stranger's folder, with the template copied to `mine`, installed in `site`, and broken plugins beside it."""
    for tool in ("pip", "setuptools"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"needs {tool}, to install a plugin")
    work = tmp_path_factory.mktemp("stranger")
    shutil.copytree(TEMPLATE, work / "mine", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    done = python(work, "-m", "pip", "install", *offline, "--target", str(work / "site"), str(work / "mine"))
    assert done.returncode == 0, done.stderr
    install(work / "site", "broken", RAISES)
    install(work / "site", "misspelt", MISSPELT)
    install(work / "site", "taken", TAKES_A_NAME)
    return work


def python(work: Path, *arguments: str, site: bool = True) -> "subprocess.CompletedProcess[str]":
    """Python in the folder `work`; without `site` the plugin is not installed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    paths = [str(work / "site")] * site + [os.environ.get("PYTHONPATH", "")]
    environment |= {"COLUMNS": "500", "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def ganzoo(work: Path) -> Ganzoo:
    """The command line in a process of its own."""

    def run(*arguments: str, site: bool = True) -> "subprocess.CompletedProcess[str]":
        return python(work, "-m", "ganzoo", *arguments, site=site)

    return run


@pytest.fixture(scope="module")
def trained(work: Path) -> Path:
    """The run that the template's recipe makes."""
    recipe = ("smoothed-mlp", "--steps", "20", "--device", "cpu", "--out", "runs")
    done = python(work, "-m", "ganzoo", "train", *recipe)
    assert done.returncode == 0, done.stderr
    return work / "runs" / "smoothed-mlp-001"


def test_plugins_names_it_and_says_what_is_wrong_with_the_others(ganzoo: Ganzoo) -> None:
    done = ganzoo("plugins")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in done.stdout.splitlines()}

    assert (done.returncode, done.stderr) == (0, "")
    assert lines["template"] == "ganzoo_template ganzoo-template 0.1 losses, recipes"
    assert lines["vanilla"].endswith("discriminators, generators, losses, recipes")
    assert "not used: RuntimeError: no [luck] today" in lines["broken"]
    assert "not used: It has a hook 'ganzoo_losess', which ganzoo does not; did you mean" in lines["misspelt"]
    assert "taken provides a loss called 'minimax', a name that vanilla has taken" in lines["taken"]


def test_list_and_show_print_its_loss(ganzoo: Ganzoo) -> None:
    listed, shown = ganzoo("list", "losses"), ganzoo("show", "one-sided-smoothing")
    table = [line.split()[0] for line in listed.stdout.splitlines()]

    assert {"losses", "minimax", "non-saturating", "one-sided-smoothing"} <= set(table)
    assert [line.split()[2] for line in listed.stderr.splitlines()] == ["broken", "misspelt", "taken"]
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("one-sided-smoothing (loss of plugin template): The logistic loss with")
    assert "target = 0.9" in shown.stdout


def test_its_recipe_trains_exports_and_can_be_sampled(ganzoo: Ganzoo, work: Path, trained: Path) -> None:
    exported = ganzoo("export", "--onnx", str(trained), "--name", "smoothed")
    sampled = ganzoo("sample", "exported_models/smoothed", "-n", "5", "--device", "cpu", "-o", "points.npy")

    assert (exported.returncode, sampled.returncode) == (0, 0), exported.stderr + sampled.stderr
    assert (work / "exported_models" / "smoothed" / "generator.onnx").exists()
    assert (work / "points.npy").exists()


def test_the_zoo_s_own_recipes_train_beside_it(ganzoo: Ganzoo) -> None:
    done = ganzoo("train", "vanilla-mlp", "--steps", "2", "--device", "cpu", "--out", "zoo")

    assert done.returncode == 0, done.stderr


def test_a_run_can_be_exported_and_sampled_where_its_loss_is_no_longer_installed(ganzoo: Ganzoo, trained: Path) -> None:
    """The generator is the zoo's, and only training needs the loss."""
    exported = ganzoo("export", "--onnx", str(trained), "--name", "later", site=False)
    sampled = ganzoo("sample", "exported_models/later", "--device", "cpu", "-o", "later.png", site=False)

    assert (exported.returncode, sampled.returncode) == (0, 0), exported.stderr + sampled.stderr


def test_a_run_cannot_go_on_without_its_loss_and_says_so_in_a_sentence(ganzoo: Ganzoo, trained: Path) -> None:
    checkpoints = sorted((trained / "checkpoints").iterdir())

    done = ganzoo("train", "--resume", str(trained), "--steps", "30", site=False)

    assert done.returncode == 1
    assert "plugin that is missing, or of another version: No loss is called 'one-sided-smoothing'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted((trained / "checkpoints").iterdir()) == checkpoints


def test_the_template_s_own_tests_pass_against_what_pip_installed(work: Path) -> None:
    """`-P`: its source folder is not importable, so that a file which pip forgot would be missed."""
    shutil.copytree(work / "mine" / "tests", work / "tests", dirs_exist_ok=True)

    done = python(work, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")

    assert done.returncode == 0, done.stdout

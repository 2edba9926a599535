"""A stranger's plugin, installed by pip from outside of the project, is as good as the zoo's own.

Three are: the loss of README.md, and a loss and a generator as `ganzoo new-plugin` makes them.
"""

import importlib.util
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest

from ganzoo.sampling.sampler import Sampler
from strangers import MISSPELT, RAISES, TAKES_A_NAME, install

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
OFFLINE = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")

Ganzoo = Callable[..., "subprocess.CompletedProcess[str]"]


def chapter(language: str) -> list[str]:
    """The blocks of that language in the README's chapter for authors."""
    _, _, rest = README.partition("\n## Write a plugin\n")
    return re.findall(rf"^```{language}\n(.*?)^```", rest.partition("\n## ")[0], re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stranger's folder, with what he wrote and what he was given, installed in `site`, and broken plugins beside."""
    for tool in ("pip", "setuptools"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"needs {tool}, to install a plugin")
    work = tmp_path_factory.mktemp("stranger")
    (work / "hinge").mkdir()
    (work / "hinge" / "ganzoo_my_hinge.py").write_text(chapter("python")[0])
    (work / "hinge" / "pyproject.toml").write_text(chapter("toml")[0])
    made, *_ = commands()
    assert made[:2] == ["ganzoo", "new-plugin"]
    for words in (made[1:], ["new-plugin", "mine"]):
        done = python(work, "-m", "ganzoo", *words, site=False)
        assert done.returncode == 0, done.stderr
    sources = ("hinge", "my_net", "mine")
    done = python(work, "-m", "pip", "install", *OFFLINE, "--target", "site", *(f"./{source}" for source in sources))
    assert done.returncode == 0, done.stderr
    install(work / "site", "broken", RAISES)
    install(work / "site", "misspelt", MISSPELT)
    install(work / "site", "taken", TAKES_A_NAME)
    return work


def commands() -> list[list[str]]:
    """The README's commands for a folder to start from, in words."""
    return [shlex.split(line) for line in chapter("console")[0].splitlines()]


def environment_of(work: Path, *, site: bool) -> dict[str, str]:
    """Without `site`, no plugin is installed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    paths = [str(work / "site")] * site + [os.environ.get("PYTHONPATH", "")]
    return environment | {"COLUMNS": "500", "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def python(work: Path, *arguments: str, site: bool = True) -> "subprocess.CompletedProcess[str]":
    """Python in the folder `work`."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=work,
        env=environment_of(work, site=site),
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
    """The run that the made loss's recipe makes."""
    recipe = ("mine-gan", "--steps", "20", "--device", "cpu", "--out", "runs")
    done = python(work, "-m", "ganzoo", "train", *recipe)
    assert done.returncode == 0, done.stderr
    return work / "runs" / "mine-gan-001"


@pytest.fixture(scope="module")
def net(work: Path) -> Path:
    """The run that the README's last command makes, cut short."""
    *_, train = commands()
    done = python(work, "-m", *train, "--steps", "20", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return work / "runs" / "my-net-gan-001"


def test_plugins_names_it_and_says_what_is_wrong_with_the_others(ganzoo: Ganzoo) -> None:
    done = ganzoo("plugins")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in done.stdout.splitlines()}

    assert (done.returncode, done.stderr) == (0, "")
    assert lines["mine"] == "mine mine 0.1 losses, recipes"
    assert lines["my-hinge"] == "ganzoo_my_hinge ganzoo-my-hinge 0.1 losses"
    assert lines["vanilla"].endswith("discriminators, generators, losses, recipes")
    assert "not used: RuntimeError: no [luck] today" in lines["broken"]
    assert "not used: It has a hook 'ganzoo_losess', which ganzoo does not; did you mean" in lines["misspelt"]
    assert "taken provides a loss called 'minimax', a name that vanilla has taken" in lines["taken"]


def test_list_and_show_print_its_loss(ganzoo: Ganzoo) -> None:
    listed, shown = ganzoo("list", "losses"), ganzoo("show", "mine")
    table = [line.split()[0] for line in listed.stdout.splitlines()]

    assert {"losses", "minimax", "non-saturating", "mine", "my-hinge"} <= set(table)
    assert [line.split()[2] for line in listed.stderr.splitlines()] == ["broken", "misspelt", "taken"]
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("mine (loss of plugin mine): The logistic loss with")
    assert "target = 0.9" in shown.stdout


def test_the_readme_s_plugin_keeps_its_promises(ganzoo: Ganzoo) -> None:
    done = ganzoo("plugins", "check", "my-hinge")

    assert (done.returncode, done.stderr) == (0, "")
    assert "✓  loss my-hinge: pulls each player its way" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Plugin my-hinge keeps all of its promises; ")


def test_what_the_readme_says_of_a_folder_to_start_from_works(work: Path, net: Path) -> None:
    """Its commands one after the other, but for those that fixtures have run."""
    _, pip, check, pytest_, _ = commands()

    checked = python(work, "-m", *check)
    tested = python(work, "-P", "-m", *pytest_, "-q", "-p", "no:cacheprovider")

    assert pip == ["pip", "install", "-e", "./my_net[test]"]
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert tested.returncode == 0, tested.stdout
    assert (net / "config.json").exists()


def test_a_made_generator_is_trained_exported_verified_and_served(ganzoo: Ganzoo, work: Path, net: Path) -> None:
    """All of it by the command line. Where it is served, the plugin is not installed; Sampler draws beside it."""
    pytest.importorskip("uvicorn", reason="needs the extra `serve`")
    exported = ganzoo("export", "--onnx", str(net), "--name", "net", "--out", "bundles")
    verified = ganzoo("verify", "bundles/net", site=False)
    assert (exported.returncode, verified.returncode) == (0, 0), exported.stderr + verified.stderr

    seeds = [0, 7, -(2**63)]
    with served(work, "bundles/net") as place:
        pictures = asked(f"{place}v1/models/net/samples", {"seeds": seeds, "format": "npy"})

    sampler = Sampler(work / "bundles" / "net", "cpu")
    assert (pictures.shape, pictures.dtype) == ((3, 8, 8, 1), np.uint8)
    np.testing.assert_array_equal(pictures, sampler.generate(sampler.latents(seeds)))
    assert len(np.unique(pictures, axis=0)) == 3


@contextmanager
def served(work: Path, bundle: str) -> Iterator[str]:
    """`ganzoo serve` at a free port, without plugins: where it says that it is."""
    command = [sys.executable, "-m", "ganzoo", "serve", bundle, "--port", "0", "--device", "cpu"]
    environment = environment_of(work, site=False) | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=work, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            place = re.search(r"http://\S+/", server.stdout.readline())
            assert place is not None, "it ended before it said where it is"
            yield place[0]
        finally:
            server.terminate()


def asked(url: str, body: dict[str, object]) -> np.ndarray:
    """What is answered to a request, in numpy's format."""
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        return np.load(io.BytesIO(answer.read()))


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
    assert "plugin that is missing, or of another version: No loss is called 'mine'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted((trained / "checkpoints").iterdir()) == checkpoints

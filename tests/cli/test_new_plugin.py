"""`ganzoo new-plugin`: what it makes works as it is, and what cannot be made is refused before anything is written."""

import errno
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from contextlib import chdir
from importlib.metadata import distribution
from pathlib import Path

import pytest
from command import Refused, contents, ganzoo, ganzoo_process
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.catalog import load_catalog
from ganzoo.cli.new_plugin import KINDS, SUFFIX, TEMPLATE, files, misspelt, suggestion, taken, words

ROOT = Path(__file__).parents[2]
OFFLINE = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
PLURALS = {"loss": "losses", "latents": "latents"}  # of hooks; others end in s


# What it makes


@pytest.mark.parametrize("kind", KINDS)
def test_it_makes_a_plugin_under_the_given_name_and_says_what_comes_next(kind: str, here: Path) -> None:
    done = ganzoo("new-plugin", "my_own", "--kind", kind)

    trains = kind != "metric"
    recipe = {"src/my_own/recipes/my-own-gan.toml"} if trains else set()
    assert (done.exit_code, done.stderr) == (0, "")
    assert [path.name for path in here.iterdir()] == ["my_own"]
    assert set(contents(here / "my_own")) == recipe | {
        "README.md",
        "pyproject.toml",
        "src/my_own/__init__.py",
        f"src/my_own/{kind}.py",
        "tests/test_my_own.py",
    }
    assert done.stdout.splitlines()[1:] == [
        '  pip install -e "./my_own[test]"',
        "  pytest my_own --ganzoo-plugin my_own",
        "  ganzoo train my-own-gan" if trains else "  ganzoo evaluate digits --metrics my-own",
    ]


@pytest.mark.parametrize(
    ("out", "pip", "pytest_"),
    [
        ("of mine", '"./of mine/my_own[test]"', '"of mine/my_own"'),
        ("it's", '"./it\'s/my_own[test]"', '"it\'s/my_own"'),
        ("100$", "'./100$/my_own[test]'", "'100$/my_own'"),
    ],
)
def test_its_commands_are_in_quotes_that_shells_take_off(out: str, pip: str, pytest_: str, here: Path) -> None:
    """Double ones, which alone cmd.exe knows, but where sh would find a variable in these."""
    said = ganzoo("new-plugin", "my_own", "--out", out).stdout.splitlines()

    assert said[1:3] == [f"  pip install -e {pip}", f"  pytest {pytest_} --ganzoo-plugin my_own"]


def test_every_kind_has_a_folder_and_a_loss_is_what_one_gets_unasked(here: Path) -> None:
    assert {*KINDS, "common"} == {path.name for path in TEMPLATE.iterdir()}
    assert all(path.suffix == SUFFIX for path in TEMPLATE.rglob("*.*"))
    assert ganzoo("new-plugin", "my_own").exit_code == 0
    made = contents(here / "my_own")
    assert {path: text.decode() for path, text in made.items()} == files("my_own", "loss")
    assert not any(b"\r" in text for text in made.values())


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_makes_is_said_in_its_readme(kind: str) -> None:
    """Every link leads to a file of the plugin, and the commands are those that are printed."""
    made = files("my_own", kind)
    links = re.findall(r"\]\((?!https)([^)]+)\)", made["README.md"])

    assert {link.removesuffix("/recipes") for link in links} >= {"src/my_own/__init__.py", f"src/my_own/{kind}.py"}
    assert all(any(path.startswith(link) for path in made) for link in links)
    assert f"\n{words('my_own', kind)['run']}\n" in made["README.md"]
    assert f"--kind {kind}`" in made["README.md"]
    assert "## What goes wrong most often\n\n" in made["README.md"]
    assert not re.search(r"\n\n\n", made["README.md"])


def test_help_teaches_what_comes_next() -> None:
    said = ganzoo("new-plugin", "--help").stdout

    for command in (
        "ganzoo new-plugin my_net --kind generator",
        'pip install -e "./my_loss[test]"',
        "pytest my_loss --ganzoo-plugin my_loss",
        "ganzoo train my-loss-gan",
    ):
        assert f"\n    {command}\n" in said


def test_an_empty_folder_is_filled_even_where_python_takes_it_for_a_module(here: Path) -> None:
    (here / "elsewhere" / "my_loss").mkdir(parents=True)
    (here / "my_loss").mkdir()

    assert ganzoo("new-plugin", "my_loss", "--out", "elsewhere").exit_code == 0
    done = ganzoo_process("new-plugin", "my_loss", cwd=here)  # python -m: the current folder is on the path

    assert done.returncode == 0, done.stderr
    assert contents(here / "my_loss") == contents(here / "elsewhere" / "my_loss")
    assert sorted(path.name for path in here.iterdir()) == ["elsewhere", "my_loss"]


@pytest.mark.parametrize("name", ["ab", "my_loss", "a_" * 20 + "loss"])
def test_ruff_has_nothing_to_say_of_any_kind(name: str, here: Path) -> None:
    """With an author's own settings, but for the length of lines; in one line too long a name is no fault of ours."""
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("needs ruff, of the extra `dev`")
    for kind in KINDS:
        assert ganzoo("new-plugin", name, "--kind", kind, "--out", kind).exit_code == 0
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--no-cache", "--isolated", "--line-length", "120"]
    rules = ["--select", "E,F,W,I,N,UP,B,C4,SIM,RET,PTH,ANN,D100", "--config", 'src = ["*/*/src"]']

    checked = subprocess.run([*ruff, "check", *options, *rules, "."], capture_output=True, text=True, check=False)
    formatted = subprocess.run([*ruff, "format", "--check", *options, "."], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout
    assert formatted.returncode == 0, formatted.stdout


# Whether that works


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a plugin of each kind was made, and one more, all installed in `site` as one is told to."""
    for tool in ("pip", "setuptools"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"needs {tool}, to install a plugin")
    work, sources = tmp_path_factory.mktemp("author"), []
    for name, kind, out in (*((f"my_{kind}", kind, "my plugins") for kind in KINDS), ("another", "loss", ".")):
        with chdir(work):
            made = ganzoo("new-plugin", name, "--kind", kind, "--out", out)
        assert made.exit_code == 0, made.stderr
        (work / f"{name}.txt").write_text(made.stdout)
        pip, *rest = told(work, name)[0]
        assert (pip, rest[:2]) == ("pip", ["install", "-e"])
        sources.append(rest[2])
    done = run(work, "-m", "pip", "install", *OFFLINE, "--target", "site", *sources)
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
    _, (pytest_, *rest), _ = told(work, "my_metric")

    done = run(work, "-P", "-m", pytest_, "-p", "no:cacheprovider", "-v", *rest)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_on_a_line_it_is_the_cost_of_the_best_pairs PASSED" in done.stdout
    assert "metric my-metric: says the same twice PASSED" in done.stdout
    assert "plugin my_metric: imports no torch until it builds PASSED" in done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]


def test_the_tests_of_every_kind_pass_against_what_pip_installed(work: Path) -> None:
    folders = [f"my plugins/my_{kind}/tests" for kind in KINDS]

    done = run(work, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *folders)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout


def test_every_kind_keeps_its_promises(work: Path) -> None:
    """Nothing is passed over, and nothing else is said, such as a warning."""
    done = run(work, "-m", "ganzoo", "plugins", "check", *(f"my_{kind}" for kind in KINDS))

    assert (done.returncode, done.stderr) == (0, "")
    for kind in KINDS:
        assert f"✓  {kind} my-{kind}: says what it is\n" in done.stdout
        assert re.search(
            rf"^Plugin my_{kind} keeps all of its promises; \d+ were checked\.$", done.stdout, re.MULTILINE
        )
    assert {line[0] for line in done.stdout.splitlines()} == {"✓", "P"}


def test_what_is_printed_last_trains_or_evaluates(work: Path) -> None:
    """One process for all, as each would import torch anew."""
    last = [told(work, f"my_{kind}")[2][1:] for kind in KINDS]
    assert [each[0] for each in last] == ["train"] * (len(KINDS) - 1) + ["evaluate"]
    shorter = {"train": ["--steps", "2", "--device", "cpu", "-q"], "evaluate": ["--samples", "50"]}
    commands = [[*each, *shorter[each[0]]] for each in last]
    code = f"from ganzoo.cli import main\nfor words in {commands}: main(words, standalone_mode=False)"

    done = run(work, "-c", code)

    assert done.returncode == 0, done.stderr
    assert {path.name for path in (work / "runs").iterdir()} == {f"my-{kind}-gan-001" for kind in KINDS[:-1]}
    assert "sliced Wasserstein" in done.stdout


def test_they_can_be_installed_beside_each_other(work: Path) -> None:
    """From the folder in which they were made, where Python could take the folder for the package."""
    done = run(work, "-m", "ganzoo", "plugins")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in done.stdout.splitlines()}

    assert (done.returncode, done.stderr) == (0, "")
    assert lines["another"] == "another another 0.1 losses, recipes"
    for kind in KINDS:
        hooks = sorted([PLURALS.get(kind, f"{kind}s"), *(["recipes"] if kind != "metric" else [])])
        assert lines[f"my_{kind}"] == f"my_{kind} my-{kind} 0.1 {', '.join(hooks)}"


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
        ("aux", "no name for a folder on Windows", "my_aux"),
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
    for name in ("new-one-gan", "my-new-one-gan"):
        monkeypatch.setitem(load_catalog().recipes.provider, name, "stranger")

    said = refused(2, "new-plugin", "new_one").stderr

    assert "'new_one' is taken: plugin stranger has a recipe called 'new-one-gan'; try my_my_new_one." in said
    assert not list(here.iterdir())


def test_a_name_is_taken_by_a_component_of_the_same_kind_alone(here: Path, refused: Refused) -> None:
    said = refused(2, "new-plugin", "dcgan", "--kind", "generator").stderr

    assert "'dcgan' is the name of an installed plugin" in said
    assert (
        "plugin latents has a latents called 'uniform'"
        in refused(2, "new-plugin", "uniform", "--kind", "latents").stderr
    )
    assert ganzoo("new-plugin", "uniform", "--kind", "generator").exit_code == 0


def test_an_unknown_kind_is_answered_with_the_known_ones(here: Path) -> None:
    done = ganzoo("new-plugin", "my_own", "--kind", "optimizer")

    assert done.exit_code == 2
    assert all(f"'{kind}'" in done.stderr for kind in KINDS)
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
    better = suggestion(name, "generator", Path())

    assert not misspelt(better)
    assert not taken(better, "generator", Path())


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
        if len(written) == len(files("my_loss", "loss")):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, *rest, **more)

    monkeypatch.setattr(Path, "write_text", full)

    assert "Cannot write my_loss: No space left on device" in refused(1, "new-plugin", "my_loss").stderr
    assert [path.name for path in here.iterdir()] == ["my_loss"] * exists
    assert not contents(here)

"""The catalog finds all plugins, says what is wrong with one, and keeps the others working."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ganzoo.catalog import Catalog, load_catalog
from ganzoo.cli import main
from ganzoo.core.errors import UnknownName
from ganzoo.core.events import StepDone
from strangers import GOOD, MISSPELT, RAISES, TAKES_A_NAME, install

OBSERVER = """
from ganzoo.api import hookimpl
seen = []

@hookimpl
def ganzoo_step_done(event):
    seen.append(event)
"""

EVENT = StepDone(
    run=Path("run"),
    step=50,
    total=100,
    terms={},
    probability_real=0.5,
    probability_fake=0.5,
    value=-1.4,
    gradient_norms={},
    learning_rates={},
    largest_logit=1.0,
    spread=1.0,
    memory=1,
    samples_per_second=1.0,
    seconds=1.0,
)


def returning(result: str) -> str:
    return GOOD.replace("[LossSpec(options=OPTIONS, **SPEC)]", result)


def with_options(declaration: str) -> str:
    return GOOD.replace("OPTIONS = Options\n", declaration + "\nOPTIONS = Mine\n")


def providing(recipe: str) -> str:
    return GOOD + f"\n@hookimpl\ndef ganzoo_recipes():\n    return [{recipe}]\n"


BROKEN = {
    "raises": (RAISES, "RuntimeError: no [luck] today"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "syntax": ("def", "SyntaxError: invalid syntax"),
    "gone": (None, "Its module 'stranger' is missing; install stranger again"),
    "needs": ("import no_such_package", "It needs 'no_such_package', which is not installed"),
    "misspelt": (MISSPELT, "It has a hook 'ganzoo_losess', which ganzoo does not; did you mean 'ganzoo_losses'?"),
    "argument": (OBSERVER.replace("(event)", "(evnt)"), "PluginValidationError: Plugin 'stranger' for hook"),
    "taken": (TAKES_A_NAME, "stranger provides a loss called 'minimax', a name that vanilla has taken; vanilla's is"),
    "twice": (
        returning("[LossSpec(options=OPTIONS, **SPEC)] * 2"),
        "stranger provides a loss called 'kind', a name that stranger has taken",
    ),
    "hook raises": (returning("[1 / 0]"), "ZeroDivisionError: division by zero"),
    "nothing": (returning("None"), "Its hook ganzoo_losses returns None; make that a list of LossSpec."),
    "no list": (returning("LossSpec(**SPEC)"), "Its hook ganzoo_losses returns LossSpec("),
    "text": (returning("'kind'"), "Its hook ganzoo_losses returns 'kind'; make that a list of LossSpec."),
    "no spec": (returning("['kind']"), "Its hook ganzoo_losses has 'kind' in a list of LossSpec."),
    "other spec": (
        GOOD.replace("ganzoo_losses", "ganzoo_regularizers"),
        "Its hook ganzoo_regularizers has LossSpec(",
    ),
    "no summary": (GOOD.replace('"A kind loss [in brackets]"', '""'), "Its LossSpec 'kind' has no summary"),
    "no options": (with_options("Mine = dict"), "The options of 'kind' are <class 'dict'>; make that a frozen"),
    "an instance": (with_options("Mine = Options()"), "The options of 'kind' are Options("),
    "not frozen": (
        with_options("@dataclass\nclass Mine:\n    target: float = 0.9"),
        "The options of 'kind' are not frozen",
    ),
    "no default": (
        with_options("@dataclass(frozen=True)\nclass Mine:\n    target: float"),
        "The option 'target' of 'kind' has no default; give it one.",
    ),
    "no recipe": (providing("Path('gone.toml')"), "Its recipe gone.toml is no file that ends in .toml."),
    "recipe as text": (providing("'gone.toml'"), "Its hook ganzoo_recipes has 'gone.toml' in a list of Path."),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder from which plugins are found, and which leaves no trace."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    load_catalog.cache_clear()
    yield folder
    load_catalog.cache_clear()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def run(*arguments: str) -> Result:
    """The command line, on a terminal so wide that no line is broken."""
    return CliRunner(env={"COLUMNS": "500"}).invoke(main, arguments)


def names(catalog: Catalog) -> set[tuple[str, str, str]]:
    """Kind, name and provider of all that there is."""
    return {(kind, name, shelf.provider[name]) for kind, shelf in catalog.shelves().items() for name, _ in shelf}


def problems(catalog: Catalog) -> dict[str, str]:
    return {plugin.name: plugin.problem for plugin in catalog.broken()}


def test_a_stranger_s_plugin_is_found_by_its_entry_point(site: Path) -> None:
    zoo = names(load_catalog.__wrapped__())
    install(site, "stranger", GOOD)

    catalog = load_catalog()
    (plugin,) = (plugin for plugin in catalog.plugins if plugin.name == "stranger")

    assert names(catalog) == zoo | {("losses", "kind", "stranger")}
    assert (plugin.module, plugin.distribution, plugin.version) == ("stranger", "stranger", "1.0")
    assert (plugin.hooks, plugin.problem) == (("ganzoo_losses",), "")


@pytest.mark.parametrize(("code", "problem"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_plugin_is_named_with_its_problem_and_the_rest_works(
    site: Path, code: str | None, problem: str
) -> None:
    """Nothing of it is used, the zoo and the good plugin are whole, and both commands say why in one line."""
    install(site, "good", GOOD)
    expected = names(load_catalog.__wrapped__())
    install(site, "stranger", code and code.replace('"kind"', '"unkind"').replace("'kind'", "'unkind'"))
    problem = problem.replace("'kind'", "'unkind'")

    catalog = load_catalog()
    plugins, listed = run("plugins"), run("list")

    assert names(catalog) == expected
    assert list(problems(catalog)) == ["stranger"]
    assert problem in problems(catalog)["stranger"]
    assert "\n" not in problems(catalog)["stranger"]
    assert (plugins.exit_code, listed.exit_code) == (0, 0)
    assert f"not used: {problem}" in plugins.stdout
    assert f"Note: plugin stranger is not used: {problem}" in listed.stderr
    assert "A kind loss [in brackets]" in listed.stdout


def test_the_zoo_keeps_its_names_whatever_the_order(site: Path) -> None:
    """Entry points are sorted, and `aaa` comes before all of the zoo's."""
    zoo = load_catalog.__wrapped__().losses["minimax"]
    install(site, "aaa", TAKES_A_NAME)

    catalog = load_catalog()

    assert (catalog.losses["minimax"], catalog.losses.provider["minimax"]) == (zoo, "vanilla")
    assert list(problems(catalog)) == ["aaa"]


def test_of_two_strangers_with_one_name_the_first_is_used(site: Path) -> None:
    install(site, "one", GOOD)
    install(site, "two", GOOD)

    catalog = load_catalog()

    assert catalog.losses.provider["kind"] == "one"
    assert "two provides a loss called 'kind', a name that one has taken" in problems(catalog)["two"]


@pytest.mark.parametrize(("name", "module"), [("vanilla", "stranger"), ("stranger", "ganzoo_vanilla")])
def test_a_plugin_that_poses_as_the_zoo_s_changes_nothing(site: Path, name: str, module: str) -> None:
    """Its name, or its module, is the zoo's."""
    zoo = names(load_catalog.__wrapped__())
    install(site, "stranger", GOOD)
    (site / "stranger-1.0.dist-info" / "entry_points.txt").write_text(f"[ganzoo]\n{name} = {module}\n")

    catalog = load_catalog()

    assert names(catalog) == zoo
    assert list(problems(catalog)) == [name]
    assert "uninstall one" in problems(catalog)[name]
    assert catalog.manager.has_plugin("vanilla")
    assert catalog.manager.is_registered(sys.modules["ganzoo_vanilla"])


def test_every_observer_is_told_but_those_of_plugins_that_are_not_used(site: Path) -> None:
    install(site, "first", OBSERVER)
    install(site, "second", OBSERVER + GOOD)
    install(site, "intruder", OBSERVER + TAKES_A_NAME)

    load_catalog().manager.hook.ganzoo_step_done(event=EVENT)

    assert sys.modules["first"].seen == sys.modules["second"].seen == [EVENT]
    assert sys.modules["intruder"].seen == []


def test_a_recipe_that_cannot_be_read_leaves_the_list_whole(site: Path) -> None:
    (site / "odd.toml").write_text("summary = ")
    install(site, "stranger", providing(f"Path({str(site / 'odd.toml')!r})"))

    listed = run("list", "recipes")

    assert listed.exit_code == 0
    assert "Cannot read the recipe" in listed.stdout
    assert "vanilla-mlp" in listed.stdout
    assert run("show", "odd").exit_code == 2


def test_show_prints_every_option_with_its_default(site: Path) -> None:
    install(site, "stranger", GOOD)

    shown = run("show", "kind")

    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[1:] == ["  source: example.org", "  target = 0.9", "  weights = [1.0, 2.0]"]


def test_show_names_components_that_have_no_options() -> None:
    shown = run("show", "sngan-small").stdout
    assert "  wrappers.spectral-norm = {}\n" in shown
    assert "regularizers" not in shown


def test_a_kind_that_nobody_provides_is_said_to_be_empty(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.catalog.entry_points", lambda group: [])

    listed = run("list", "losses")

    assert (listed.exit_code, listed.stdout) == (0, "No installed plugin provides losses.\n")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("minmax", "did you mean 'minimax'?"),
        ("Minimax", "did you mean 'minimax'?"),
        ("non_saturating", "did you mean 'non-saturating'?"),
        ("xyz", "known are: began, ebgan, f-divergence, "),
        ("", "known are: began, ebgan, f-divergence, "),
    ],
)
def test_a_name_is_looked_up_as_it_is_written_and_else_gets_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(UnknownName) as caught:
        load_catalog().losses[name]

    assert str(caught.value).startswith(f"No loss is called {name!r}; {hint}")


def test_loading_the_catalog_imports_no_torch() -> None:
    code = "import sys; from ganzoo.catalog import load_catalog; load_catalog(); print('torch' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "False\n"

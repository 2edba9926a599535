"""The structure that DESIGN promises: light imports, layers, and code that can be read."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

LONGEST_FUNCTION = 50  # lines, without decorators
USUAL_FUNCTION = 25  # lines; 90 % of functions have no more
LONGEST_FILE = 300  # lines
SPEAKS_FOR_ITSELF = 12  # lines; a longer function has a docstring, unless it is one statement

HEAVY = {"torch", "numpy", "onnxruntime", "onnx", "onnxscript", "sklearn", "scipy", "PIL", "plotly", "pooch", "rich"}
COMMAND = "from ganzoo.cli import main; main({}, standalone_mode=False)"

Function = ast.FunctionDef | ast.AsyncFunctionDef


# What is imported


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import ganzoo", set()),
        ("import ganzoo.api", set()),
        ("import ganzoo.recipes", set()),
        (COMMAND.format(["--help"]), set()),
        (COMMAND.format(["train", "--help"]), set()),
        (COMMAND.format(["plugins"]), {"rich"}),
        (COMMAND.format(["list"]), {"rich"}),
        (COMMAND.format(["show", "vanilla-mlp"]), set()),
        (COMMAND.format(["show", "mlp"]), set()),
        ("import ganzoo.latents", {"numpy"}),
        ("import ganzoo.sampling.sampler", {"numpy", "onnxruntime"}),
        ("import ganzoo.sampling.grid", {"numpy", "PIL"}),
    ],
)
def test_heavy_modules_stay_out(code: str, allowed: set[str]) -> None:
    """In a process of its own, what is imported is counted when the work is done."""
    report = "import sys; print('\\n', *{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True, timeout=60, cwd=ROOT
    )

    assert set(done.stdout.splitlines()[-1].split()) & HEAVY <= allowed


def test_the_import_contracts_hold() -> None:
    if importlib.util.find_spec("importlinter") is None:
        pytest.skip("needs import-linter, of the extra `dev`")
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(contracts())} kept, 0 broken" in done.stdout


# What pyproject names


def plugin_packages() -> list[str]:
    """The folders of `plugins/`, each a package."""
    return sorted(path.parent.name for path in ROOT.glob("plugins/ganzoo_*/__init__.py"))


def contracts() -> dict[str, dict[str, Any]]:
    """Import-linter's contracts by their names."""
    return {contract["name"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}


def test_every_plugin_is_named_wherever_plugins_are_named() -> None:
    """A plugin that was forgotten in a contract would not be held to it."""
    found = plugin_packages()
    linted = PROJECT["tool"]["importlinter"]["root_packages"]
    first_party = PROJECT["tool"]["ruff"]["lint"]["isort"]["known-first-party"]

    assert found
    assert sorted(PROJECT["project"]["entry-points"]["ganzoo"].values()) == found
    assert sorted(linted) == ["ganzoo", *found]
    assert sorted(contracts()["The host knows no plugin"]["forbidden_modules"]) == found
    assert sorted(contracts()["Plugins do not know each other"]["modules"]) == found
    assert {"ganzoo", *found} <= set(first_party)


def test_plugins_may_import_the_public_surface_alone() -> None:
    """Every module of ganzoo is protected from plugins but these."""
    public = {"api", "contracts", "latents", "layers", "pytest_plugin", "testing"}
    modules = {path.stem for path in (ROOT / "ganzoo").iterdir() if is_module(path)}
    protected = {
        name.removeprefix("ganzoo.") for name in contracts()["Plugins use the public surface only"]["protected_modules"]
    }

    assert modules - protected - {"__init__", "__main__"} <= public
    assert not protected & public


def is_module(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").exists()


# How the code reads


@cache
def sources() -> dict[Path, ast.Module]:
    """The code of ganzoo and of its plugins, parsed."""
    paths = [*ROOT.glob("ganzoo/**/*.py"), *ROOT.glob("plugins/**/*.py")]
    return {path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(paths)}


def functions() -> Iterator[tuple[str, Function]]:
    """Every function and method, with the place where it is."""
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield f"{path}:{node.lineno} {node.name}", node


def lines(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_function_and_no_file_is_too_long() -> None:
    files = {str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in sources()}

    assert {place: lines(node) for place, node in functions() if lines(node) > LONGEST_FUNCTION} == {}
    assert {path: count for path, count in files.items() if count > LONGEST_FILE} == {}


def test_nine_of_ten_functions_fit_on_half_a_screen() -> None:
    lengths = [lines(node) for _, node in functions()]

    assert sum(length <= USUAL_FUNCTION for length in lengths) >= 0.9 * len(lengths)


def test_every_function_says_what_it_returns() -> None:
    assert [place for place, node in functions() if node.returns is None] == []


def test_what_does_not_speak_for_itself_has_a_docstring() -> None:
    """Modules; public classes that have methods; public functions that are long and more than one statement."""
    silent = [str(path) for path, tree in sources().items() if not ast.get_docstring(tree)]
    silent += [place for place, node in functions() if needs_docstring(node) and not ast.get_docstring(node)]
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and needs_docstring(node) and not ast.get_docstring(node):
                silent.append(f"{path}:{node.lineno} {node.name}")

    assert silent == []


def needs_docstring(node: Function | ast.ClassDef) -> bool:
    if node.name.startswith("_"):
        return False
    if isinstance(node, ast.ClassDef):
        return any(isinstance(item, Function) for item in node.body)
    return len(node.body) > 1 and lines(node) > SPEAKS_FOR_ITSELF


def test_no_file_postpones_its_annotations_or_its_work() -> None:
    """jaxtyping checks no shapes where annotations are strings, and a note to oneself belongs elsewhere."""
    forbidden = re.compile(r"^from __future__ import annotations|\b(TODO|FIXME|XXX)\b", re.MULTILINE)
    found = [str(path) for path in sources() if forbidden.search((ROOT / path).read_text(encoding="utf-8"))]

    assert found == []


# The public surface


def test_the_public_functions_stay_functions_when_they_have_been_used() -> None:
    code = """
import ganzoo, ganzoo.export.bundle, ganzoo.session
from types import ModuleType
print([name for name in ganzoo.__all__ if isinstance(getattr(ganzoo, name), ModuleType)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)

    assert done.stdout == "[]\n"

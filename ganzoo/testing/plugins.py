"""Promises of a plugin as a whole."""

import os
import subprocess
import sys
from collections.abc import Callable
from inspect import isfunction

from ganzoo.catalog import load_catalog
from ganzoo.core import hookspecs
from ganzoo.testing.report import ensure

LOAD = """
import sys
from importlib.metadata import entry_points
for entry in entry_points(group="ganzoo", name=sys.argv[1]):
    entry.load()
print("torch" in sys.modules)
"""


def marks_its_hooks(name: str) -> None:
    """Functions that are called like hooks are such, and there is at least one."""
    module = load_catalog().manager.get_plugin(name)
    for function in vars(module).values():
        if isfunction(function) and hasattr(hookspecs, function.__name__):
            marked = hasattr(function, "ganzoo_impl")
            ensure(marked, f"its function {function.__name__} is not marked, and so not used; write @hookimpl above it")
    (plugin,) = (each for each in load_catalog().plugins if each.name == name)
    ensure(
        plugin.hooks, "it has no hook, and so brings nothing; write one, such as ganzoo_losses, with @hookimpl above it"
    )


def imports_no_torch(name: str) -> None:
    """Until something is built, so that `ganzoo list` is quick. In a process of its own."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, name], env=environment, capture_output=True, text=True, check=False
    )
    why = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
    ensure(done.returncode == 0, f"it cannot be loaded alone: {why[0]}")
    light = done.stdout.split()[-1] == "False"
    ensure(light, "it imports torch at once, which takes seconds; import it within the functions that build")


OF_PLUGINS: dict[str, Callable[[str], None]] = {
    "marks its hooks": marks_its_hooks,
    "imports no torch until it builds": imports_no_torch,
}

"""`ganzoo new-plugin`: a working start for a plugin's author."""

import keyword
import os
import re
import shlex
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import click

TEMPLATE = Path(__file__).parent / "template"  # each file of plugins/ganzoo_template, with SUFFIX after its name
SUFFIX = ".txt"  # for they are data here, which nothing shall import, check or collect
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@click.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where the plugin's folder is made.  [default: the current folder]",
)
def new_plugin(name: str, out: Path) -> None:
    """Make the folder NAME with a plugin to start from: a loss, a recipe that uses it, and a test, which all work.

    \b
      ganzoo new-plugin my_loss

    What comes next, with `_` in names of components written as `-`:

    \b
      pip install -e './my_loss[test]'
      pytest my_loss --ganzoo-plugin my_loss
      ganzoo train my-loss-mlp
    """
    from ganzoo.core.errors import UsageError

    folder = out / name
    why = misspelt(name)
    if not why:
        check_folder(folder)
        why = taken(name, out)
    if why:
        raise UsageError(f"{name!r} is {why}; try {suggestion(name, out)}.")
    write(folder, files(name))
    source = os.path.join(os.curdir, folder)  # noqa: PTH118 - a plain name would send pip to its index; paths lose `./`
    click.echo(
        f"Wrote {folder}. Its README.md says what to change. Next:\n"
        f"  pip install -e {shlex.quote(f'{source}[test]')}\n"
        f"  pytest {shlex.quote(str(folder))} --ganzoo-plugin {name}\n"
        f"  ganzoo train {names(name)['smoothed-mlp']}"
    )


def names(name: str) -> dict[str, str]:
    """Every name in the template that is the plugin's own → what it is in a plugin called `name`."""
    dashed = name.replace("_", "-")
    return {
        "ganzoo_template": name,  # the package
        "ganzoo-template": dashed,  # the distribution
        "template": name,  # the plugin
        "one-sided-smoothing": dashed,  # the loss
        "smoothed-mlp": f"{dashed}-mlp",  # the recipe
    }


def files(name: str) -> dict[str, str]:
    """The files of a plugin called `name`: path → text."""
    own = names(name)
    pattern = re.compile("|".join(own))

    def rename(text: str) -> str:
        return pattern.sub(lambda found: own[found[0]], text)

    sources = sorted(TEMPLATE.rglob(f"*{SUFFIX}"))
    return {
        rename(path.relative_to(TEMPLATE).as_posix().removesuffix(SUFFIX)): rename(path.read_text(encoding="utf-8"))
        for path in sources
    }


def write(folder: Path, texts: dict[str, str]) -> None:
    """Put the files into `folder`, which is empty or made, all or none. Raises GanzooError where the disk refuses."""
    from tempfile import TemporaryDirectory

    from ganzoo.core.files import explained

    with explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as unfinished:
            for name, text in texts.items():
                path = Path(unfinished, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
            folder.mkdir(exist_ok=True)
            for path in Path(unfinished).iterdir():
                path.rename(folder / path.name)


def check_folder(folder: Path) -> None:
    """Raise UsageError where there is something already, GanzooError where one cannot look."""
    from ganzoo.core.errors import UsageError
    from ganzoo.core.files import explained

    with explained(folder):
        there = folder.is_symlink() or folder.exists()
        if there and not (folder.is_dir() and not any(folder.iterdir())):
            raise UsageError(f"{folder} is there already; choose another name, or another place with --out.")


# Names


def misspelt(name: str) -> str:
    """Why `name` cannot name a package, as the end of a sentence; empty = it can."""
    if not NAME.fullmatch(name):
        return "no name for a plugin, which is small letters, digits and single underscores, a letter first"
    return "a keyword of Python" if keyword.iskeyword(name) else ""


def taken(name: str, out: Path) -> str:
    """What has the name, or one of those made from it, already, as the end of a sentence; empty = nothing has."""
    from importlib.metadata import PackageNotFoundError, distribution

    from ganzoo.catalog import load_catalog

    catalog, own = load_catalog(), names(name)
    if name in {plugin.name.replace("-", "_") for plugin in catalog.plugins}:
        return "the name of an installed plugin"
    if importable(name, out / name):
        return "the name of a module that can be imported already"
    with suppress(PackageNotFoundError):
        distribution(own["ganzoo-template"])
        return "the name of an installed package"
    for shelf, component in ((catalog.losses, "one-sided-smoothing"), (catalog.recipes, "smoothed-mlp")):
        if provider := shelf.provider.get(own[component]):
            return f"taken: plugin {provider} has a {shelf.kind} called {own[component]!r}"
    return ""


def importable(name: str, folder: Path) -> bool:
    """Whether there is a module of that name; `folder`, which is empty, is none, though Python would import it."""
    if name in sys.modules:
        return True
    spec = find_spec(name)
    if spec is None or spec.origin is not None:
        return spec is not None
    return any(Path(place).resolve() != folder.resolve() for place in spec.submodule_search_locations or [])


def suggestion(name: str, out: Path) -> str:
    """The nearest name that is free: `My-Loss` → my_loss, `3d` → my_3d."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain).lower()
    found = re.sub(r"[^a-z0-9]+", "_", words).strip("_") or "plugin"
    while misspelt(found) or taken(found, out):
        found = f"my_{found}"
    return found

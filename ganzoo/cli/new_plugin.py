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

TEMPLATE = Path(__file__).parent / "template"  # what every plugin has, in `common`, and a folder for each kind
SUFFIX = ".txt"  # of files that are data here, which nothing shall import, check or collect
KINDS = ("loss", "generator", "discriminator", "regularizer", "augmentation", "latents", "dataset", "metric")
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
DEVICE = re.compile(r"aux|con|nul|prn|(com|lpt)[0-9]")  # of Windows


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), default="loss", show_default=True, help="What the plugin brings.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where the plugin's folder is made.  [default: the current folder]",
)
def new_plugin(name: str, kind: str, out: Path) -> None:
    """Make the folder NAME with a plugin to start from: a component, a recipe that uses it, and a test, which all work.

    \b
      ganzoo new-plugin my_loss
      ganzoo new-plugin my_net --kind generator

    What comes next, with `_` in names of components written as `-`:

    \b
      pip install -e "./my_loss[test]"
      pytest my_loss --ganzoo-plugin my_loss
      ganzoo train my-loss-gan
    """
    from ganzoo.core.errors import UsageError

    folder = out / name
    why = misspelt(name)
    if not why:
        check_folder(folder)
        why = taken(name, kind, out)
    if why:
        raise UsageError(f"{name!r} is {why}; try {suggestion(name, kind, out)}.")
    write(folder, files(name, kind))
    source = os.path.join(os.curdir, folder)  # noqa: PTH118 - a plain name would send pip to its index; paths lose `./`
    click.echo(
        f"Wrote {folder}. Its README.md says what to change. Next:\n"
        f"  pip install -e {quoted(f'{source}[test]')}\n"
        f"  pytest {quoted(str(folder))} --ganzoo-plugin {name}\n"
        f"  {words(name, kind)['run']}"
    )


def quoted(text: str) -> str:
    """One word for a shell: in double quotes, which cmd.exe takes off too, unless shells read on within these."""
    plain = shlex.quote(text)
    return plain if plain == text or set(text) & set('"$`!') else f'"{text}"'


def words(name: str, kind: str) -> dict[str, str]:
    """What stands for each `$word` of the template in a plugin called `name`; an empty `recipe` means that it has none.

    The words of `common` hold for every kind that does not say otherwise.
    """
    import tomllib
    from string import Template

    own = {"name": name, "dashed": name.replace("_", "-"), "kind": kind}
    for folder in ("common", kind):
        said = tomllib.loads((TEMPLATE / folder / f"kind.toml{SUFFIX}").read_text(encoding="utf-8"))
        own |= {key: Template(text).substitute(own) for key, text in said.items()}
    return own


def files(name: str, kind: str) -> dict[str, str]:
    """The files of a plugin called `name`: path → text."""
    from string import Template

    own, found = words(name, kind), {}
    for source in sorted([*(TEMPLATE / "common").iterdir(), *(TEMPLATE / kind).iterdir()]):
        path = place(source.name.removesuffix(SUFFIX), own)
        if path:
            found[path] = Template(source.read_text(encoding="utf-8")).substitute(own)
    return found


def place(file: str, own: dict[str, str]) -> str:
    """Where a file of the template goes in a plugin; "" = nowhere."""
    if file == "kind.toml" or (file == "recipe.toml" and not own["recipe"]):
        return ""
    if file == "recipe.toml":
        return f"src/{own['name']}/recipes/{own['recipe']}.toml"
    if file.startswith("test_"):
        return f"tests/test_{own['name']}.py"  # tests of several plugins can be run at once: names differ
    return f"src/{own['name']}/{file}" if file.endswith(".py") else file


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
    if DEVICE.fullmatch(name):
        return "no name for a folder on Windows"
    return "a keyword of Python" if keyword.iskeyword(name) else ""


def taken(name: str, kind: str, out: Path) -> str:
    """What has the name, or one of those made from it, already, as the end of a sentence; empty = nothing has."""
    from importlib.metadata import PackageNotFoundError, distribution

    from ganzoo.catalog import load_catalog

    catalog, own = load_catalog(), words(name, kind)
    if name in {plugin.name.replace("-", "_") for plugin in catalog.plugins}:
        return "the name of an installed plugin"
    if importable(name, out / name):
        return "the name of a module that can be imported already"
    with suppress(PackageNotFoundError):
        distribution(own["dashed"])
        return "the name of an installed package"
    for shelf in catalog.shelves().values():
        component = {kind: own["dashed"], "recipe": own["recipe"]}.get(shelf.kind, "")
        if provider := shelf.provider.get(component):
            return f"taken: plugin {provider} has a {shelf.kind} called {component!r}"
    return ""


def importable(name: str, folder: Path) -> bool:
    """Whether there is a module of that name; `folder`, which is empty, is none, though Python would import it."""
    if name in sys.modules:
        return True
    spec = find_spec(name)
    if spec is None or spec.origin is not None:
        return spec is not None
    return any(Path(place).resolve() != folder.resolve() for place in spec.submodule_search_locations or [])


def suggestion(name: str, kind: str, out: Path) -> str:
    """The nearest name that is free: `My-Loss` → my_loss, `3d` → my_3d."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain).lower()
    found = re.sub(r"[^a-z0-9]+", "_", words).strip("_") or "plugin"
    while misspelt(found) or taken(found, kind, out):
        found = f"my_{found}"
    return found

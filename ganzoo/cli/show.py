"""`ganzoo show`: all about one recipe or component. Imports no torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import click

if TYPE_CHECKING:
    from ganzoo.catalog import Catalog
    from ganzoo.core.specs import Spec


@click.command()
@click.argument("name")
def show(name: str) -> None:
    """Show all about NAME: a recipe with every setting resolved, or a component with its options.

    A recipe may also be the path of your own TOML file.

    \b
      ganzoo show vanilla-mlp
      ganzoo show picture-folder
    """
    from ganzoo.catalog import load_catalog
    from ganzoo.core.errors import UnknownName

    catalog = load_catalog()
    if name.endswith(".toml") or name in catalog.recipes.items:
        show_recipe(name, catalog)
        return
    found = [(shelf, shelf[name]) for shelf in catalog.shelves().values() if name in shelf.items]
    if not found:
        everything = {known for shelf in catalog.shelves().values() for known in shelf.items}
        raise UnknownName("recipe or component", name, everything)
    for shelf, item in found:
        show_component(shelf.kind, item, shelf.provider[name])


def show_recipe(name: str, catalog: "Catalog") -> None:
    """What the recipe says of itself, and all its settings as `--set` takes them."""
    from ganzoo.core.options import to_plain
    from ganzoo.recipes import find_recipe, resolve

    recipe = find_recipe(name, catalog)
    click.echo(f"{click.style(recipe.name, bold=True)}: {recipe.summary}")
    words = {
        "paper": recipe.paper,
        "good for": recipe.good_for,
        "expect": recipe.expect,
        "differences": recipe.differences,
        "file": str(recipe.origin),
    }
    for title, text in words.items():
        if text:
            click.echo(click.wrap_text(f"{title}: {' '.join(text.split())}", 100, "  ", "      "))
    click.echo("\nSettings, each of which --set KEY=VALUE changes:")
    config = to_plain(resolve(recipe, catalog))
    for key, value in flatten({key: value for key, value in config.items() if key not in ("recipe", "data")}):
        click.echo(f"  {key} = {value}")


TABLES = ("options", "regularizers", "augmentations", "wrappers")  # which may be empty; another one is a component


def flatten(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as the keys that `--set` takes, and TOML's values."""
    import json

    rows: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, Mapping) and (value or key in TABLES):
            rows += flatten(value, prefix if key == "options" else f"{prefix}{key}.")
        elif value is not None:
            rows.append((f"{prefix}{key}", json.dumps(value)))
    return rows


def show_component(kind: str, spec: "Spec", plugin: str) -> None:
    """What a component says of itself, and its options with their defaults."""
    import json

    from ganzoo.core.options import to_plain
    from ganzoo.core.specs import DatasetSpec

    click.echo(f"{click.style(spec.name, bold=True)} ({kind} of plugin {plugin}): {spec.summary}")
    click.echo(f"  source: {spec.source}")
    if isinstance(spec, DatasetSpec):
        click.echo(f"  licence: {spec.licence}")
    hints = get_type_hints(spec.options)
    for name, value in to_plain(spec.options()).items():
        words = get_args(hints[name]) if get_origin(hints[name]) is Literal else ()
        click.echo(f"  {name} = {json.dumps(value)}" + (f"  (one of {', '.join(map(str, words))})" if words else ""))

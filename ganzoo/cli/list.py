"""`ganzoo list`: what the installed plugins provide. Imports no torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganzoo.core.specs import Spec


@click.command("list")
@click.argument("kind", required=False)
def list_(kind: str | None) -> None:
    """List all components and recipes, or those of one KIND, such as recipes, losses or datasets.

    \b
      ganzoo list
      ganzoo list recipes
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ganzoo.catalog import load_catalog
    from ganzoo.core.errors import UnknownName

    catalog = load_catalog()
    shelves = catalog.shelves()
    if kind is not None and kind not in shelves:
        raise UnknownName("kind", kind, shelves)

    table = Table(box=None, pad_edge=False, show_header=False)
    for plural, shelf in shelves.items():
        if kind in (None, plural) and shelf.items:
            table.add_row(f"[bold]{plural}[/bold]")
            for name, item in shelf:
                table.add_row(f"  {escape(name)}", escape(summary(item)), f"[dim]{escape(shelf.provider[name])}[/dim]")
    if table.rows:
        Console(highlight=False).print(table)
    else:
        click.echo(f"No installed plugin provides {kind or 'anything'}.")
    for plugin in catalog.broken():
        click.echo(f"Note: plugin {plugin.name} is not used: {plugin.problem}", err=True)


def summary(item: "Spec | Path") -> str:
    """One line on a component or a recipe; of a recipe that cannot be read, why."""
    from ganzoo.core.errors import BadSetting
    from ganzoo.recipes import read_recipe

    if not isinstance(item, Path):
        return item.summary
    try:
        return read_recipe(item).summary
    except BadSetting as error:
        return str(error)

"""`ganzoo list`: what the installed plugins provide. Imports no torch."""

import click


@click.command("list")
@click.argument("kind", required=False)
def list_(kind: str | None) -> None:
    """List all components and recipes, or those of one KIND, such as recipes, losses or datasets."""
    from rich.console import Console
    from rich.table import Table

    from ganzoo.catalog import load_catalog
    from ganzoo.core.errors import UnknownName
    from ganzoo.recipes import read_recipe

    catalog = load_catalog()
    shelves = catalog.shelves()
    if kind is not None and kind not in shelves:
        raise UnknownName("kind", kind, shelves)

    table = Table(box=None, pad_edge=False, show_header=False)
    for plural, shelf in shelves.items():
        if not shelf.items or kind not in (None, plural):
            continue
        table.add_row(f"[bold]{plural}[/bold]")
        for name, item in shelf:
            summary = read_recipe(item).summary if plural == "recipes" else item.summary
            table.add_row(f"  {name}", summary, f"[dim]{shelf.provider[name]}[/dim]")
    Console(highlight=False).print(table)
    for plugin in catalog.broken():
        click.echo(f"Note: plugin {plugin.name} is not used: {plugin.problem}", err=True)

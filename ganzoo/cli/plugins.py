"""`ganzoo plugins`: what is installed, and what is wrong with it."""

import click


@click.command()
def plugins() -> None:
    """Show every installed plugin: where it comes from, what it provides, and why one is not used."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ganzoo.catalog import load_catalog

    table = Table("plugin", "module", "distribution", "hooks", box=None, pad_edge=False)
    for plugin in load_catalog().plugins:
        hooks = ", ".join(hook.removeprefix("ganzoo_") for hook in plugin.hooks)
        problem = f"[red]not used: {escape(plugin.problem)}[/red]"
        facts = (plugin.name, plugin.module, f"{plugin.distribution} {plugin.version}")
        table.add_row(*map(escape, facts), problem if plugin.problem else hooks)
    Console(highlight=False).print(table)

"""`ganzoo plugins`: what is installed, what is wrong with it, and whether it keeps its promises."""

import click


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """Show every installed plugin: where it comes from, what it provides, and why one is not used.

    \b
      ganzoo plugins
      ganzoo plugins check vanilla
    """
    if ctx.invoked_subcommand is None:
        show()


def show() -> None:
    """The table of installed plugins."""
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


@plugins.command()
@click.argument("name")
def check(name: str) -> None:
    """Check that the components of plugin NAME keep the contracts of their kinds.

    Networks draw and judge small batches, generators are exported, recipes train for two steps. `pytest --ganzoo-plugin
    NAME` does the same, a test for each promise.
    """
    from rich.console import Console
    from rich.markup import escape

    from ganzoo.catalog import load_catalog
    from ganzoo.core.errors import BadPlugin
    from ganzoo.testing import Inapplicable, Violation, checks

    console, broken, total = Console(highlight=False), 0, 0
    catalog = load_catalog()
    for plugin in catalog.broken():
        if plugin.name == name:
            raise BadPlugin(f"Plugin {name} is not used: {plugin.problem}")
    for each in checks(catalog, name):
        title = escape(f"{each.kind} {each.component}: {each.promise}")
        total += 1
        try:
            each.run()
        except Inapplicable as reason:
            console.print(f"[dim]-  {title} ({escape(str(reason))})[/dim]")
        except Violation as violation:
            broken += 1
            console.print(f"[red]✗  {title}. {escape(str(violation))}[/red]")
        else:
            console.print(f"[green]✓[/green]  {title}")
    if broken:
        raise BadPlugin(f"Plugin {name} breaks {broken} of {total} promises.")
    console.print(f"Plugin {escape(name)} keeps all of its promises; {total} were checked.")

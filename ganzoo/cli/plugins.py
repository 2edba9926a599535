"""`ganzoo plugins`: what is installed, what is wrong with it, and whether it keeps its promises."""

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganzoo.testing import Check


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
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Check that plugin NAME, or several, and their components keep the contracts of their kinds.

    Networks draw and judge small batches, generators are exported, recipes train for two steps. `pytest --ganzoo-plugin
    NAME` does the same, a test for each promise. `ganzoo --debug plugins check NAME` shows where an error came from.
    """
    from ganzoo.catalog import load_catalog
    from ganzoo.core.errors import BadPlugin
    from ganzoo.testing import checks

    found = {name: list(checks(load_catalog(), name)) for name in names}  # first, so that a misspelt name costs no time
    debug = ctx.find_root().params.get("debug", False)
    broken = {name: sum(not keeps(each, debug) for each in found[name]) for name in found}
    for name, count in broken.items():
        if not count:
            click.echo(f"Plugin {name} keeps all of its promises; {len(found[name])} were checked.")
    said = [f"Plugin {name} breaks {count} of {len(found[name])} promises." for name, count in broken.items() if count]
    if said:
        raise BadPlugin(" ".join(said))


def keeps(promise: "Check", debug: bool) -> bool:
    """Check one promise, and say on one line how that went; with `debug`, also where an error came from."""
    import traceback

    from rich.console import Console
    from rich.markup import escape

    from ganzoo.testing import Inapplicable, Violation

    console = Console(highlight=False)
    title = escape(f"{promise.kind} {promise.component}: {promise.promise}")
    try:
        promise.run()
    except Inapplicable as reason:
        console.print(f"[dim]-  {title} ({escape(str(reason))})[/dim]")
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the other promises are checked too
        if debug:
            traceback.print_exc()
        what = str(error) if isinstance(error, Violation) else foreign(error) + contract(promise.kind, error)
        console.print(f"[red]✗  {title}. {escape(what)}[/red]")
        return False
    else:
        console.print(f"[green]✓[/green]  {title}")
    return True


def contract(kind: str, error: Exception) -> str:
    """What the record of that kind says of `build`, where something was called with wrong arguments; else nothing."""
    from ganzoo.core import specs

    spec = getattr(specs, f"{kind.capitalize()}Spec", None)
    return f" Expected is {spec.__doc__.splitlines()[0]}" if spec and isinstance(error, TypeError) else ""


def foreign(error: Exception) -> str:
    """An error that is no sentence of ganzoo's, and the line of the plugin that it came from."""
    import traceback
    from pathlib import Path

    import ganzoo
    from ganzoo.core.errors import first_line

    frames = traceback.extract_tb(error.__traceback__)
    ours, libraries = str(Path(ganzoo.__file__).parent), f"{os.sep}torch{os.sep}"
    theirs = [each for each in frames if not each.filename.startswith(ours) and libraries not in each.filename]
    place = f", in {Path(theirs[-1].filename).name}, line {theirs[-1].lineno}" if theirs else ""
    return f"It fails: {type(error).__name__}: {first_line(error)}{place}."

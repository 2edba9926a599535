"""`ganzoo plugins`: what is installed, what is wrong with it, and whether it keeps its promises."""

from collections import Counter
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
    came = {name: Counter(outcome(each, debug) for each in found[name]) for name in found}
    for name, count in came.items():
        if not count["✗"]:
            more = f", {count['-']} could not be" if count["-"] else ""
            click.echo(f"Plugin {name} keeps all of its promises; {count['✓']} were checked{more}.")
    said = [f"Plugin {name} breaks {n['✗']} of {n.total()} promises." for name, n in came.items() if n["✗"]]
    if said:
        raise BadPlugin(" ".join(said))


def outcome(promise: "Check", debug: bool) -> str:
    """Check one promise, and say on one line how that went, which begins with what is returned: ✓, ✗ or -.

    With `debug`, also where an error came from.
    """
    import traceback

    from rich.console import Console
    from rich.markup import escape

    from ganzoo.core.errors import first_line
    from ganzoo.testing import Inapplicable, Violation

    console = Console(highlight=False)
    title = escape(f"{promise.kind} {promise.component}: {promise.promise}")
    try:
        promise.run()
    except Inapplicable as reason:
        console.print(f"[dim]-  {title} ({escape(str(reason))})[/dim]")
        return "-"
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the other promises are checked too
        if debug:
            traceback.print_exc()
        failed = f"It fails: {type(error).__name__}: {first_line(error)}."
        what = str(error) if isinstance(error, Violation) else failed + contract(promise.kind, error)
        console.print(f"[red]✗  {title}. {escape(what + place(error, promise.plugin))}[/red]")
        return "✗"
    console.print(f"[green]✓[/green]  {title}")
    return "✓"


def contract(kind: str, error: Exception) -> str:
    """What the record of that kind says of `build`, where something was called with wrong arguments; else nothing."""
    from ganzoo.core import specs

    spec = getattr(specs, f"{kind.capitalize()}Spec", None)
    return f" Expected is {spec.__doc__.splitlines()[0]}" if spec and isinstance(error, TypeError) else ""


def place(error: BaseException, plugin: str) -> str:
    """The last line of the plugin's own on the way to an error that is no sentence of ganzoo's; else nothing."""
    import traceback
    from pathlib import Path

    from ganzoo.catalog import load_catalog
    from ganzoo.core.errors import GanzooError

    cause = error.__cause__ if isinstance(error, GanzooError) else error  # a promise may have put it in a sentence
    if cause is None or isinstance(cause, GanzooError):
        return ""
    package = {each.name: each.module.partition(".")[0] for each in load_catalog().plugins}[plugin]
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(cause.__traceback__)
        if frame.f_globals.get("__name__", "").partition(".")[0] == package
    ]
    return f" This is in {Path(frames[-1][0]).name}, line {frames[-1][1]}." if frames else ""

"""The `ganzoo` command. Command modules import only click at the top, so that `--help` answers at once."""

import os
import traceback
from typing import NoReturn

import click

from ganzoo.cli.compare import compare
from ganzoo.cli.doctor import doctor
from ganzoo.cli.evaluate import evaluate
from ganzoo.cli.export import export
from ganzoo.cli.inspect import inspect
from ganzoo.cli.list import list_
from ganzoo.cli.new_plugin import new_plugin
from ganzoo.cli.plugins import plugins
from ganzoo.cli.report import report
from ganzoo.cli.sample import sample
from ganzoo.cli.serve import serve
from ganzoo.cli.show import show
from ganzoo.cli.theory import theory
from ganzoo.cli.train import train
from ganzoo.cli.verify import verify
from ganzoo.core.errors import GanzooError

INTERRUPTED = 130  # what shells expect after Ctrl-C


class GanzooGroup(click.Group):
    """Turns our own errors into one sentence on standard error, and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except GanzooError as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            fail(str(error), error.exit_code)
        except click.ClickException as error:  # which click shows
            if is_said(str(error)):
                raise click.exceptions.Exit(error.exit_code) from error
            raise
        except KeyboardInterrupt:
            fail("Stopped.", INTERRUPTED)


def fail(message: str, exit_code: int) -> NoReturn:
    """Say in one sentence what went wrong, and leave."""
    if not is_said(message):
        click.echo(message if exit_code == INTERRUPTED else f"Error: {message}", err=True)
    raise click.exceptions.Exit(exit_code)


def is_said(message: str) -> bool:
    """Whether another process of a run on several has said so; errors are often those of all."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return False
    from ganzoo.training.processes import first_to_say

    return not first_to_say(message)


@click.group("ganzoo", cls=GanzooGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ganzoo")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def main(debug: bool) -> None:
    """Train generative adversarial networks, export them to ONNX, and draw samples anywhere.

    \b
      ganzoo train vanilla-mlp      half a minute on a laptop, no download
      ganzoo export --onnx          the newest run, as a bundle that proves itself
      ganzoo sample                 64 pictures from the newest bundle, without torch
      ganzoo serve                  a page to play with all bundles, and an API for apps

    `ganzoo list` says what else there is, and `ganzoo show NAME` all about it.
    """


for command in (
    train,
    export,
    sample,
    serve,
    evaluate,
    report,
    compare,
    theory,
    list_,
    show,
    verify,
    inspect,
    doctor,
    plugins,
    new_plugin,
):
    main.add_command(command)

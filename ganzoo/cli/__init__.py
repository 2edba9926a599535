"""The `ganzoo` command. Command modules import only click at the top, so that `--help` answers at once."""

import traceback
from typing import NoReturn

import click

from ganzoo.cli.export import export
from ganzoo.cli.list import list_
from ganzoo.cli.plugins import plugins
from ganzoo.cli.sample import sample
from ganzoo.cli.show import show
from ganzoo.cli.train import train
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
        except KeyboardInterrupt:
            fail("Stopped.", INTERRUPTED)


def fail(message: str, exit_code: int) -> NoReturn:
    """Say in one sentence what went wrong, and leave."""
    click.echo(message if exit_code == INTERRUPTED else f"Error: {message}", err=True)
    raise click.exceptions.Exit(exit_code)


@click.group("ganzoo", cls=GanzooGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ganzoo")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def main(debug: bool) -> None:
    """Train generative adversarial networks, export them to ONNX, and draw samples anywhere.

    \b
      ganzoo train vanilla-mlp      half a minute on a laptop, no download
      ganzoo export --onnx          the newest run, as a bundle that proves itself
      ganzoo sample                 64 pictures from the newest bundle, without torch

    `ganzoo list` says what else there is, and `ganzoo show NAME` all about it.
    """


for command in (train, export, sample, list_, show, plugins):
    main.add_command(command)

"""Options that several commands have."""

import click

drawing_device = click.option(
    "--device",
    metavar="auto|cpu|cuda[:N]|tensorrt[:N]",
    default="auto",
    show_default=True,
    help="What to draw on; auto is a GPU where there is one.",
)

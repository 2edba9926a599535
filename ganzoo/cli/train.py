"""`ganzoo train`: a recipe, or a run that goes on."""

from pathlib import Path
from typing import Any

import click

from ganzoo.cli.evaluate import names_in


@click.command()
@click.argument("recipe", required=False)
@click.option(
    "--dataset", metavar="NAME", help="Train on this data set instead of the recipe's; see `ganzoo list datasets`."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Your own folder or file for the data set; for a resumed run, where it lies now.",
)
@click.option("--steps", type=click.IntRange(min=1), help="End after so many generator updates.")
@click.option("--epochs", type=float, help="End after so many passes over the data.")
@click.option("--minutes", type=float, help="End after so much time.")
@click.option("--seed", type=click.IntRange(min=0), help="Another seed gives another run.  [default: 0]")
@click.option(
    "--device",
    metavar="auto|cpu|cuda[:N]",
    default="auto",
    show_default=True,
    help="What to train on; auto is a GPU where there is one.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "tf32", "bf16", "fp16"]),
    help="In which numbers the networks compute; losses and penalties always in float32.  [default: auto]",
)
@click.option("--compile", flag_value="always", help="Compile the networks: a slow start, then faster steps.")
@click.option(
    "--deterministic", flag_value=True, type=bool, help="The same bits in every run on a GPU too, more slowly."
)
@click.option(
    "--accumulate",
    type=click.IntRange(min=1),
    metavar="PASSES",
    help="Compute each batch in so many passes, for batches that do not fit into memory.",
)
@click.option(
    "--keep",
    "keep_checkpoints",
    type=click.IntRange(min=1),
    help="How many of the newest checkpoints to keep.  [default: 3]",
)
@click.option(
    "--evaluate-every",
    type=click.IntRange(min=0),
    metavar="STEPS",
    help="Save and judge a checkpoint so often and at the end, and keep the best.  [default: 0, never]",
)
@click.option(
    "--metrics",
    metavar="NAME,…",
    callback=lambda _context, _option, text: names_in(text) or None,
    help="What judges; see `ganzoo list metrics`.  [default: one that fits the data]",
)
@click.option(
    "--best-by",
    metavar="NUMBER",
    help="The metrics' number that says which is best, such as FD.  [default: the first that can]",
)
@click.option(
    "--log",
    "loggers",
    multiple=True,
    metavar="NAME",
    help="Log elsewhere too, such as tensorboard; see `ganzoo list loggers`. Repeatable.",
)
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Begin with the weights of this run, checkpoint or exported model.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change any setting of the recipe; see `ganzoo show RECIPE`. Repeatable.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Go on with this run; its weights end as if it had never stopped.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Where the run's folder is made.  [default: runs]",
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
def train(
    recipe: str | None,
    data: Path | None,
    device: str,
    loggers: tuple[str, ...],
    origin: Path | None,
    assignments: tuple[str, ...],
    resume: Path | None,
    out: Path | None,
    quiet: bool,
    **settings: Any,
) -> None:
    """Train RECIPE, the name of one or the path of your own TOML file.

    \b
      ganzoo train vanilla-mlp
      ganzoo train vanilla-mlp --dataset mnist --minutes 5
      ganzoo train vanilla-mlp --dataset picture-folder --data ./photos --set dataset.size=32
      ganzoo train vanilla-mlp --set generator.width=512 --set batch_size=128
      ganzoo train --resume runs/vanilla-mlp-001 --steps 20000
      ganzoo train vanilla-mlp --from runs/vanilla-mlp-001 --dataset mnist
      ganzoo train dcgan-small --evaluate-every 1000 --metrics frechet-distance,density-coverage --best-by coverage
      torchrun --nproc-per-node 4 -m ganzoo train vanilla-mlp

    Ctrl-C saves and stops; --resume goes on.
    """
    from ganzoo.core.errors import UsageError
    from ganzoo.core.options import parse_assignment

    changes = [([key], value) for key, value in settings.items() if value is not None]
    changes += [parse_assignment(text) for text in assignments]
    if (recipe is None) == (resume is None):
        raise UsageError("Name a recipe, e.g. `ganzoo train vanilla-mlp`, or a run to --resume; not both.")

    from ganzoo import session
    from ganzoo.core.run_folder import RunFolder
    from ganzoo.training.display import Display

    display = Display(quiet=quiet)
    if resume is not None:
        if out is not None or origin is not None:
            raise UsageError("A resumed run keeps its weights and place; --from and --out are for new ones.")
        session.resume(RunFolder(resume), changes, device, display, loggers, data)
    elif recipe is not None:
        session.start(recipe, changes, data, out or Path("runs"), device, display, loggers, origin)

"""`ganzoo compare`: several recipes on points whose modes are known, each with several seeds."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ganzoo.studies.compare import Comparison, Entry

SILENT = ("checkpoint_every", "samples_every")  # of a run, which is looked at when it is over


@click.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@click.option(
    "--dataset", default="grid", show_default=True, metavar="NAME", help="Points whose modes are known: ring or grid."
)
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Runs of each recipe.")
@click.option(
    "--steps", type=click.IntRange(min=1), default=10_000, show_default=True, help="Generator updates of each run."
)
@click.option(
    "--batch-size", type=click.IntRange(min=1), default=100, show_default=True, help="Samples in each of its batches."
)
@click.option("--device", metavar="auto|cpu|cuda[:N]", default="auto", show_default=True, help="What to train on.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting of all recipes alike. Repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("comparisons"),
    show_default=True,
    help="Where the comparison's folder is made.",
)
def compare(
    recipes: tuple[str, ...],
    dataset: str,
    seeds: int,
    steps: int,
    batch_size: int,
    device: str,
    assignments: tuple[str, ...],
    out: Path,
) -> None:
    """Train each RECIPE with several seeds on points whose modes are known, and count the modes that it has found.

    All have an equal budget: as many generator updates on batches of as many samples, whatever time they take.

    \b
      ganzoo compare mlp-grid pacgan
      ganzoo compare mlp-grid ./mine.toml --dataset ring --seeds 10 --steps 20000

    Ctrl-C stops; what is done is kept, and shown.
    """
    from ganzoo.core.errors import Interrupted, UsageError
    from ganzoo.core.options import parse_assignment
    from ganzoo.studies.compare import Plan, carry_out, prepare
    from ganzoo.studies.progress import Bar

    fixed: dict[str, Any] = {"dataset": dataset, "steps": steps, "batch_size": batch_size}
    changes = [([key], value) for key, value in {**fixed, **dict.fromkeys(SILENT, steps)}.items()]
    changes += [parse_assignment(text) for text in assignments]
    for path, _ in changes[len(fixed) + len(SILENT) :]:
        if path[0] in ("seed", *fixed) and len(path) == 1:
            raise UsageError(f"A comparison sets {path[0]} itself; use --seeds, --steps, --batch-size and --dataset.")
    command = shlex.join(["ganzoo", *sys.argv[1:]])
    found = prepare(Plan(recipes, seeds, tuple(changes), command, device), out)
    try:
        with Bar(len(found.turns)).shown() as bar:
            carry_out(found, bar)
    except (Interrupted, KeyboardInterrupt) as error:
        show(found)
        raise Interrupted(f"Stopped; {found.done} of {len(found.turns)} runs are done, in {found.folder}.") from error
    show(found)
    click.echo(f"Numbers, pictures and runs: {found.folder}")


def show(found: "Comparison") -> None:
    """Print what was found, and what a perfect sampler would show."""
    from rich.console import Console

    config = found.entries[0].config
    console = Console(highlight=False)
    table = table_of(found)
    console.width = max(console.width, console.measure(table, options=console.options.update(max_width=1000)).maximum)
    console.print(table)
    click.echo(
        f"{len(found.modes.means)} modes of {config.dataset.name}, 2,500 samples of each run's averaged generator; "
        f"mean ± standard error over seeds.\n"
        f"Equal for all: {config.steps:,} generator updates on batches of {config.batch_size}; not the time.\n"
        "Good: within 3 standard deviations of a mode. Covered: by 1 good sample; well: by 20 % of a fair share.\n"
        "Reverse KL: of the modes' shares of all samples from even shares."
    )


def table_of(found: "Comparison") -> "Table":
    """One line for each recipe, and one for a sampler that draws as the data does."""
    from rich.table import Table

    table = Table("recipe", box=None, pad_edge=False)
    for title in ("runs", "modes covered", "well covered", "good samples, %", "reverse KL, nats", "seconds"):
        table.add_column(title, justify="right")
    for entry in found.entries:
        table.add_row(entry.config.recipe, *cells(entry))
    best = found.perfect
    shares = f"{100 * best.high_quality:.2f}", f"{best.reverse_kl:.4f}"
    table.add_row("perfect sampler", "", f"{best.covered:g}", f"{best.well_covered:g}", *shares, "")
    return table


def cells(entry: "Entry") -> list[str]:
    """How many runs came to their end, and the means over those."""
    good = [100 * share for share in entry.of("high_quality")]
    return [
        f"{len(entry.of('covered'))} of {len(entry.runs)}",
        spread(entry.of("covered"), 1),
        spread(entry.of("well_covered"), 1),
        spread(good, 1),
        spread(entry.of("reverse_kl"), 3),
        spread(entry.of("seconds"), 1),
    ]


def spread(values: "Sequence[float]", digits: int) -> str:
    """`24.2 ± 0.4`; without the error for a single value, and a dash for none."""
    from ganzoo.studies.compare import mean_and_error

    if not values:
        return "-"
    mean, error = mean_and_error(values)
    return f"{mean:.{digits}f}" if error is None else f"{mean:.{digits}f} ± {error:.{digits}f}"

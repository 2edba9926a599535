"""`ganzoo theory`: what the first paper on GANs proves, checked on the zoo's own losses and networks."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganzoo.studies.theory.statement import Statement

FORMAT = 1


@click.command()
@click.option("--quick", is_flag=True, help="Only what needs no training: some seconds instead of a minute.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to keep the trained game and its figure, which otherwise go when all is checked.",
)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also write the numbers."
)
def theory(quick: bool, out: Path | None, file: Path | None) -> None:
    """Check the statements of the first paper on GANs (Goodfellow et al., 2014): expected, found, allowed.

    By quadrature on densities, and by training a few small networks, with the losses that recipes train with. Exits
    with 1 where a statement does not hold.

    \b
      ganzoo theory --quick
      ganzoo theory --out theory      keeps figure-1.png: densities and D(x) as a game on the line goes on
    """
    from tempfile import TemporaryDirectory

    from ganzoo.core.errors import GanzooError, Interrupted, UsageError
    from ganzoo.studies.theory.course import FIGURE

    if quick and out is not None:
        raise UsageError("With --quick nothing is trained, so that --out has nothing to keep; leave one of them out.")
    found: list[Statement] = []
    try:
        with TemporaryDirectory() as passing:
            check(quick, out or Path(passing), found)
    except (Interrupted, KeyboardInterrupt) as error:
        show(found)
        raise Interrupted(f"Stopped; {len(found)} statements were checked.") from error
    show(found)
    if out is not None:
        click.echo(f"Figure: {out / FIGURE}")
    if file is not None:
        write(found, quick, file)
    failed = [each.text for each in found if not each.holds]
    if failed:
        raise GanzooError(
            f"{len(failed)} of {len(found)} statements do not hold here: {'; '.join(failed)}. Look at what was changed "
            "last in the losses, the networks or the trainer."
        )
    click.echo(f"All {len(found)} statements hold.")


def check(quick: bool, out: Path, found: "list[Statement]") -> None:
    """Add each statement to `found` as soon as it is checked."""
    from ganzoo.studies.progress import Bar
    from ganzoo.studies.theory.course import TRAININGS, by_quadrature, by_training

    found.extend(by_quadrature())
    if not quick:
        with Bar(TRAININGS).shown() as bar:
            for each in by_training(out, bar):
                found.append(each)


def show(found: "Sequence[Statement]") -> None:
    """One line for each statement."""
    from rich.console import Console
    from rich.table import Table

    table = Table("statement", "source, arXiv", box=None, pad_edge=False)
    for title in ("expected", "found", "allowed"):
        table.add_column(title, justify="right")
    table.add_column("holds")
    for each in found:
        sign = "" if each.relation == "=" else f"{each.relation} "
        numbers = f"{sign}{each.expected:.6g}", f"{each.found:.6g}", f"{each.tolerance:.2g}"
        table.add_row(each.text, each.source, *numbers, "yes" if each.holds else "NO")
    console = Console(highlight=False, markup=False)
    console.width = max(console.width, console.measure(table, options=console.options.update(max_width=1000)).maximum)
    console.print(table)


def write(found: "Sequence[Statement]", quick: bool, file: Path) -> None:
    """The statements as JSON; a number that is infinite or NaN is null."""
    from dataclasses import asdict

    import msgspec

    from ganzoo.core.files import write_text
    from ganzoo.training.device import versions

    statements = [asdict(each) | {"holds": each.holds} for each in found]
    content = {"format": FORMAT, "quick": quick, "versions": versions(), "statements": statements}
    write_text(file, msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n")

"""`ganzoo evaluate`: scores of a run, a bundle or a data set, with what they depend on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ganzoo.evaluation.scores import Score


@click.command()
@click.argument("target", metavar="RUN|BUNDLE|DATASET")
@click.option("--metrics", metavar="NAME,…", help="Which; see `ganzoo list metrics`.  [default: all that fit]")
@click.option(
    "--samples", type=click.IntRange(min=2), default=5000, show_default=True, help="Of each kind, where there are."
)
@click.option("--checkpoint", default="last", show_default=True, metavar="last|best|STEP", help="Of a run.")
@click.option("--against", metavar="DATASET", help="What to compare with.  [default: what it was trained on]")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Your own folder or file for the data set that is scored, or compared with.",
)
@click.option("--split", help="Of the data set that is scored, or that a model is compared with.")
@click.option("--classes", metavar="NAME,…", help="Score only these classes of a data set.")
@click.option(
    "--features",
    metavar="classifier|pixels|inception[:PATH]|onnx:PATH",
    help="What metrics of features compare.  [default: classifier; pixels where none can learn]",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another draws others.")
@click.option(
    "--device", metavar="auto|cpu|cuda[:N]", default="auto", show_default=True, help="What draws, and finds features."
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of a metric, or of the data: precision-recall.neighbours=5, dataset.size=32. Repeatable.",
)
@click.option("--json", "output", type=click.Path(path_type=Path), help="Write every score with its provenance here.")
def evaluate(
    target: str,
    metrics: str | None,
    classes: str | None,
    assignments: tuple[str, ...],
    output: Path | None,
    **asked: Any,
) -> None:
    """Score what a run or a bundle draws, or real samples as if they had been drawn.

    Beside each score stands its floor: the same of real samples, other ones than those that are compared with.

    \b
      ganzoo evaluate runs/vanilla-mlp-001
      ganzoo evaluate exported_models/vanilla-mlp --metrics frechet-distance,precision-recall --json scores.json
      ganzoo evaluate digits --classes 0,1,2
      ganzoo evaluate mnist --split test
    """
    import shlex
    import sys

    from ganzoo.core.options import parse_assignment
    from ganzoo.evaluation.evaluate import Wish
    from ganzoo.evaluation.evaluate import evaluate as score
    from ganzoo.evaluation.scores import write_scores
    from ganzoo.training.display import Display

    changes = tuple(parse_assignment(text) for text in assignments)
    wish = Wish(target=target, metrics=names_in(metrics), classes=names_in(classes), changes=changes, **asked)
    found = score(wish, Display())
    for note in found.notes:
        click.echo(note, err=True)
    show(found.scores)
    if output is not None:
        write_scores(output, found.scores, shlex.join(["ganzoo", *sys.argv[1:]]))
        click.echo(f"Scores and all that they depend on: {output}")


def names_in(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def show(scores: "list[Score]") -> None:
    """A line for each number, and below them what they depend on."""
    from rich.console import Console
    from rich.table import Table

    table = Table("score", box=None, pad_edge=False)
    for heading in ("value", "floor", "samples"):
        table.add_column(heading, justify="right")
    for score in scores:
        if not isinstance(score.value, list):
            table.add_row(score.name, number(score.value), number(score.floor), f"{score.provenance.generated:,}")
    console = Console(highlight=False, markup=False)
    console.width = max(console.width, console.measure(table, options=console.options.update(max_width=1000)).maximum)
    console.print(table)
    for line in dict.fromkeys([*map(origin, scores), *map(judge, scores)]):
        if line:
            click.echo(line)


def number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else ""


def origin(score: "Score") -> str:
    """What was compared with what."""
    of = score.provenance
    split = f", {of.dataset_options['split']} split" if "split" in of.dataset_options else ""
    return (
        f"{of.target} ({of.target_hash[:8]}): {of.generated:,} samples, seed {of.seed}, against {of.real:,} of "
        f"{of.dataset}{split} ({of.dataset_digest[:8]}); floor: {of.floor:,} others of it."
    )


def judge(score: "Score") -> str:
    """How much the classifier that a score depends on knows; empty where there is none."""
    of = score.provenance
    if of.extractor_accuracy is None:
        return ""
    knows = f"{100 * of.extractor_accuracy:.1f} % of the pictures that it did not learn from"
    return f"{of.extractor}@{of.extractor_hash[:8]} is a classifier, which is right about {knows}."

"""The curves of a run's log: what both players lose, what the discriminator believes, gradients, rates and speed."""

from collections.abc import Callable, Mapping
from html import escape
from itertools import pairwise
from math import log

from ganzoo.core.errors import GanzooError
from ganzoo.report.charts import MOST_POINTS, Chart, Curve, draw
from ganzoo.report.material import Line, Material

PLAYERS = ("discriminator", "generator")


def curves(material: Material) -> str:
    """All charts that have something to show, and what there is to know of the log."""
    lines = material.log.lines
    found = "".join(map(draw, charts(lines)))
    said = escape(" ".join(notes(material)))
    return (f'<p class="note">{said}</p>' if said else "") + (f'<div class="charts">{found}</div>' if found else "")


def notes(material: Material) -> list[str]:
    """What a reader has to know of these curves."""
    log, found = material.log, []
    if log.damaged:
        found.append(f"{log.damaged:,} lines of log.jsonl are damaged, and left out.")
    if breaks := resumed_before(log.lines):
        found.append(f"The run was resumed before step {' and '.join(f'{step:,}' for step in breaks)}.")
    if len(log.lines) > MOST_POINTS:
        found.append(f"Of {len(log.lines):,} lines the least and the greatest value of every few are drawn.")
    try:
        if log.lines and material.logits_are_scores:
            found.append(
                f"With the loss {material.config.loss.name}, verdicts are scores and no log-odds: V, D(x) and D(G(z)) "
                "are drawn as if they were, and mean little."
            )
    except GanzooError as error:
        found.append(f"Whether verdicts are log-odds is not known: {error}")
    return found


def resumed_before(lines: list[Line]) -> list[int]:
    """The first steps that were logged after each break."""
    return [after.step for before, after in pairwise(lines) if is_break(before, after)]


def is_break(before: Line, after: Line) -> bool:
    """Whether the run was resumed between two lines; of older logs only the clock says so, which starts anew."""
    return before.since != after.since or after.seconds < before.seconds


def charts(lines: list[Line]) -> list[Chart]:
    """All that a log can show, in their order; some may be without a number."""
    return [*losses(lines), *game(lines), *training(lines)]


def losses(lines: list[Line]) -> list[Chart]:
    """What each player minimises, by term."""
    terms = by_name(lines, lambda line: line.terms)
    of = {each: {name: curve for name, curve in terms.items() if name.startswith(f"{each}/")} for each in PLAYERS}
    others = {name: curve for name, curve in terms.items() if not any(name in own for own in of.values())}
    own = [
        Chart(
            title=f"Loss of the {player}, by term",
            curves={name.removeprefix(f"{player}/"): curve for name, curve in found.items()},
        )
        for player, found in of.items()
    ]
    return [*own, Chart(title="Other terms", curves=others)]


def game(lines: list[Line]) -> list[Chart]:
    """How the two stand to each other: V with its optimum, and what the discriminator believes."""
    beliefs = {
        **one("D(x)", lines, lambda line: line.probability_real),
        **one("D(G(z))", lines, lambda line: line.probability_fake),
    }
    return [
        Chart(
            title="Value of the game, V(D, G)",
            note="-log 4 is reached where D can no longer tell the two apart",
            curves=one("V(D, G)", lines, lambda line: line.value),
            levels={f"-log 4 = {-log(4):.3f}": -log(4)},
        ),
        Chart(
            title="What the discriminator believes",
            note="probability of being real, of real and of generated samples",
            curves=beliefs,
            levels={"1/2": 0.5},
            within=(0.0, 1.0),
        ),
    ]


def training(lines: list[Line]) -> list[Chart]:
    """Gradients, learning rates that change, what else the health watch looks at, and speed."""
    norms = by_name(lines, lambda line: {name: norm or None for name, norm in sorted(line.gradient_norms.items())})
    rates = by_name(lines, lambda line: line.learning_rates)
    change = any(len({*values} - {None}) > 1 for _, values in rates.values())
    spread = one("spread", lines, lambda line: line.spread)
    speed = one("samples per second", lines, lambda line: line.samples_per_second)
    return [
        Chart(title="Norm of each player's gradient", note="logarithmic", curves=norms, logarithmic=True),
        Chart(title="Learning rates", curves=rates if change else {}),
        Chart(title="Spread of generated samples", note="near 0 where all are the same", curves=spread),
        Chart(title="Largest logit, in size", curves=one("logit", lines, lambda line: line.largest_logit)),
        Chart(title="Speed", note="samples per second", curves=speed),
    ]


def one(name: str, lines: list[Line], value: Callable[[Line], float | None]) -> dict[str, Curve]:
    """A number of each line as one curve; none where no line has it."""
    found = by_name(lines, lambda line: {name: value(line)})
    return {name: curve for name, curve in found.items() if any(value is not None for value in curve[1])}


def by_name(lines: list[Line], part: Callable[[Line], Mapping[str, float | None]]) -> dict[str, Curve]:
    """The curve of each number of a mapping that lines have, over those lines that have it."""
    found: dict[str, Curve] = {}
    for line in lines:
        for name, value in part(line).items():
            steps, values = found.setdefault(name, ([], []))
            steps.append(line.step)
            values.append(value)
    return found

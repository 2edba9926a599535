"""All statements in their order: those by quadrature at once, then those that need training."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ganzoo.sampling.grid import save_picture
from ganzoo.studies.progress import Bar
from ganzoo.studies.theory.balance import of_synchrony
from ganzoo.studies.theory.divergences import Normal
from ganzoo.studies.theory.figure import draw_looks
from ganzoo.studies.theory.gradients import of_likelihood, of_saturation
from ganzoo.studies.theory.one_dimension import DATA, RECIPE, of_the_game, play_out
from ganzoo.studies.theory.optimum import of_convergence, of_divergences, of_the_criterion, of_the_discriminator
from ganzoo.studies.theory.statement import Statement
from ganzoo.studies.theory.trained import of_trained

OTHERS = (Normal(1.0), Normal(3.0), Normal(0.0, 2.0))  # that a discriminator learns to tell from N(0, 1)
TRAININGS = len(OTHERS) + 1
FIGURE = "figure-1.png"


def by_quadrature() -> Iterator[Statement]:
    """What needs no training."""
    yield from of_divergences()
    yield from of_the_discriminator()
    yield from of_the_criterion()
    yield from of_convergence()
    yield from of_saturation()
    yield from of_likelihood()
    yield from of_synchrony()


def by_training(out: Path, bar: Bar) -> Iterator[Statement]:
    """What trained networks show; the game's run and its figure are left in `out`. Raises what a run raises."""
    for number, other in enumerate(OTHERS):
        bar(number, f"a discriminator between N(0, 1²) and {other}")
        yield from of_trained(other, partial(advance, bar, number))
    looks = play_out(out, bar(len(OTHERS), RECIPE))
    save_picture(draw_looks(looks, DATA.mean, DATA.std), out / FIGURE, "PNG")
    yield from of_the_game(looks[-1])


def advance(bar: Bar, done: int, share: float) -> None:
    """Show trainings that are done, and the share of the one that goes on."""
    bar.bar.update(bar.task, completed=done + share)

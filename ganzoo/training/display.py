"""How a run looks while it runs: a live bar on a terminal, a line now and then anywhere else."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import log
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn, track
from rich.text import Text

from ganzoo.core.config import RunConfig
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder

T = TypeVar("T")

LINES = 10  # in a whole run, where the output is no terminal


class Bar(Progress):
    """A bar, and below it the state of the game: on one line a usual terminal would cut it off."""

    game = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        if self.game:
            yield Text(self.game)


class Display:
    """Shows progress on standard error, and what happened on standard output."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.out = Console(quiet=quiet, highlight=False, soft_wrap=True)
        self.live = Console(quiet=quiet, stderr=True, highlight=False, soft_wrap=True)
        self.progress: Bar | None = None
        self.task = TaskID(0)
        self.lines = 0  # tenths of the run that were printed
        self.config: RunConfig | None = None

    def quiet_unless(self, leads: bool) -> None:
        """Of several processes one speaks."""
        if not leads:
            self.quiet = self.out.quiet = self.live.quiet = True

    def say(self, text: str) -> None:
        """One sentence for people, at once."""
        self.out.print(text, markup=False)

    def warn(self, text: str) -> None:
        """The same, in a colour where there are any: something is wrong with the run."""
        self.out.print(text, style="yellow", markup=False)

    def track(self, items: Iterable[T], title: str) -> Iterable[T]:
        """Show that reading `items` goes on."""
        if self.quiet or not self.live.is_terminal:
            return items
        return track(items, title, console=self.live, transient=True)

    @contextmanager
    def running(self, run: RunFolder, config: RunConfig, total: int) -> Iterator[None]:
        """While this lasts, events are shown."""
        self.config, self.lines = config, 0
        length = f"{total:,} steps" if total else f"{config.minutes:g} minutes"
        self.say(f"Training {config.recipe} on {config.dataset.name}, {length}, in {run.path}.")
        self.say("Ctrl-C saves and stops.")
        if not self.live.is_terminal:
            yield
            return
        columns = (
            BarColumn(20),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        try:
            with Bar(*columns, console=self.live) as self.progress:
                self.task = self.progress.add_task("", total=1.0)
                yield
        finally:
            self.progress = None

    def __call__(self, event: StepDone) -> None:
        """Show one event."""
        share = self.share(event)
        if self.progress:
            self.progress.game = describe_game(event)
            self.progress.update(self.task, completed=share, description=describe_speed(event))
        elif int(share * LINES) > self.lines:
            self.lines = int(share * LINES)
            self.live.print(f"{share:4.0%}  {describe_speed(event)}  {describe_game(event)}", markup=False)

    def share(self, event: StepDone) -> float:
        """How much of the run is done, in 0…1."""
        if event.total:
            return event.step / event.total
        minutes = self.config.minutes if self.config else None
        return min(event.seconds / (60 * minutes), 1.0) if minutes else 0.0


def describe_speed(event: StepDone) -> str:
    return f"step {event.step:,}  {event.samples_per_second:,.0f} samples/s"


def describe_game(event: StepDone) -> str:
    """Both losses, what the discriminator believes, and the value of the game as its distance from the optimum."""
    players = ("discriminator", "generator")
    losses = [sum(v for k, v in event.terms.items() if k.startswith(player)) for player in players]
    return (
        f"loss D {losses[0]:.3f} G {losses[1]:.3f}  D(x) {event.probability_real:.2f}  "
        f"D(G(z)) {event.probability_fake:.2f}  V {event.value:.2f} = -log 4 {signed(event.value + log(4))}"
    )


def signed(value: float) -> str:
    """`+ 0.15` or `- 0.15`."""
    return f"{'-' if value < 0 else '+'} {abs(value):.2f}"

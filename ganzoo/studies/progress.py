"""How a comparison looks while it runs: one bar for all runs on a terminal, a line for each anywhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ganzoo.core.config import RunConfig
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.display import Display


class Share(Display):
    """Shows one run as its share of a bar, and is silent otherwise."""

    def __init__(self, bar: Progress, task: TaskID, number: int) -> None:
        super().__init__(quiet=True)
        self.bar, self.bar_task, self.number = bar, task, number

    @contextmanager
    def running(self, run: RunFolder, config: RunConfig, total: int) -> Iterator[None]:
        self.config = config
        yield

    def __call__(self, event: StepDone) -> None:
        self.bar.update(self.bar_task, completed=self.number + self.share(event))


class Bar:
    """One bar for `total` runs, on standard error."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (BarColumn(20), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn())
        text = TextColumn("{task.description}", markup=False)
        self.bar = Progress(*columns, text, console=self.console, disable=not self.console.is_terminal, transient=True)
        self.task = self.bar.add_task("", total=total)

    @contextmanager
    def shown(self) -> Iterator["Bar"]:
        with self.bar:
            yield self

    def __call__(self, number: int, title: str) -> Display:
        """The display of the run of that number."""
        self.bar.update(self.task, completed=number, description=title)
        if not self.console.is_terminal:
            self.console.print(f"{number + 1} of {self.total}: {title}", markup=False)
        return Share(self.bar, self.task, number)

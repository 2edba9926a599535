"""What a run writes down about itself: losses are kept on the device, and read once in a while."""

import json
from dataclasses import asdict
from time import perf_counter

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from ganzoo.contracts import Terms
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import Diverged
from ganzoo.core.events import StepDone
from ganzoo.core.files import explained, write_text
from ganzoo.core.run_folder import RunFolder


class Recorder:
    """The log of one run, its clock, and the watch for losses that are no longer finite."""

    def __init__(self, run: RunFolder, config: RunConfig, samples: int, step: int) -> None:
        self.run = run
        self.config = config
        self.total = config.total_steps(samples)
        self.pending: list[tuple[int, Terms]] = []  # steps that were not read yet
        self.checked = 0  # how many of them were found finite
        self.started = self.last_time = perf_counter()
        self.last_step = step
        forget_after(run, step)

    def is_over(self, step: int) -> bool:
        """Whether the run has had its steps, or its minutes."""
        if self.config.minutes is not None:
            return perf_counter() - self.started >= 60 * self.config.minutes
        return step >= self.total

    def add(self, step: int, terms: Terms) -> None:
        """Keep one step's terms; reads nothing, so that the device need not wait."""
        self.pending.append((step, terms))

    def check(self) -> None:
        """Raise Diverged if any term since the last check is NaN or infinite."""
        new = self.pending[self.checked :]
        self.checked = len(self.pending)
        if new and not torch.stack([value for _, terms in new for value in terms.values()]).isfinite().all():
            step, name = next((step, name) for step, terms in new for name, v in terms.items() if not v.isfinite())
            raise Diverged(f"{name} is no longer finite at step {step}. {advice(self.run)}")

    def log(self, step: int, on_real: Float[Tensor, "batch"], on_fake: Float[Tensor, "batch"]) -> StepDone:
        """One line of the log: means of all terms since the last line, and the last verdicts in words of the theory."""
        self.check()
        now = perf_counter()
        seen = (step - self.last_step) * self.config.d_steps * self.config.batch_size
        event = StepDone(
            run=self.run.path,
            step=step,
            total=self.total,
            terms=means([terms for _, terms in self.pending]),
            probability_real=on_real.sigmoid().mean().item(),
            probability_fake=on_fake.sigmoid().mean().item(),
            value=-(softplus(-on_real).mean() + softplus(on_fake).mean()).item(),
            samples_per_second=seen / (now - self.last_time),
            seconds=now - self.started,
        )
        self.pending.clear()
        self.checked, self.last_time, self.last_step = 0, now, step
        line = {key: value for key, value in asdict(event).items() if key not in ("run", "total")}
        with explained(self.run.log_file), self.run.log_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return event


def means(history: list[Terms]) -> dict[str, float]:
    """The mean of each term over the steps that had it."""
    values: dict[str, list[Tensor]] = {}
    for terms in history:
        for name, value in terms.items():
            values.setdefault(name, []).append(value)
    return {name: torch.stack(seen).mean().item() for name, seen in values.items()}


def forget_after(run: RunFolder, step: int) -> None:
    """Drop what was logged after `step`, which a run that goes on from there will log again."""
    lines = [line for line in run.log() if line["step"] <= step]
    write_text(run.log_file, "".join(json.dumps(line) + "\n" for line in lines))


def advice(run: RunFolder) -> str:
    """What to do about a run that diverged."""
    checkpoints = run.checkpoints()
    kept = f"The last good checkpoint is {checkpoints[-1]}" if checkpoints else "There is no checkpoint yet"
    return f"{kept}. Start anew with a lower rate, e.g. --set discriminator_optimizer.learning_rate=1e-4."

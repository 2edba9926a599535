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
        self.pending: list[tuple[int, Terms]] = []  # steps that were not looked at yet
        self.sums: dict[str, tuple[Tensor, int]] = {}  # of each term since the last line, and of how many steps
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
        """Add up what was kept. Raises Diverged if any of it is NaN or infinite."""
        if self.pending and not torch.stack([v for _, terms in self.pending for v in terms.values()]).isfinite().all():
            bad = ((step, name) for step, terms in self.pending for name, v in terms.items() if not v.isfinite())
            step, name = next(bad)
            raise Diverged(f"{name} is no longer finite at step {step}. {advice(self.run)}")
        for _, terms in self.pending:
            for name, value in terms.items():
                total, count = self.sums.get(name, (torch.zeros_like(value), 0))
                self.sums[name] = (total + value, count + 1)
        self.pending.clear()

    def log(self, step: int, on_real: Float[Tensor, "batch"], on_fake: Float[Tensor, "batch"]) -> StepDone:
        """One line of the log: means of all terms since the last line, and the last verdicts in words of the theory."""
        self.check()
        now = perf_counter()
        seen = (step - self.last_step) * self.config.d_steps * self.config.batch_size
        event = StepDone(
            run=self.run.path,
            step=step,
            total=self.total,
            terms={name: (total / count).item() for name, (total, count) in self.sums.items()},
            probability_real=on_real.sigmoid().mean().item(),
            probability_fake=on_fake.sigmoid().mean().item(),
            value=-(softplus(-on_real).mean() + softplus(on_fake).mean()).item(),
            samples_per_second=seen / (now - self.last_time),
            seconds=now - self.started,
        )
        self.sums.clear()
        self.last_time, self.last_step = now, step
        line = {key: value for key, value in asdict(event).items() if key not in ("run", "total")}
        with explained(self.run.log_file), self.run.log_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return event


def forget_after(run: RunFolder, step: int) -> None:
    """Drop what was logged after `step`, which a run that goes on from there will log again."""
    lines = [line for line in run.log() if line["step"] <= step]
    write_text(run.log_file, "".join(json.dumps(line) + "\n" for line in lines))


def advice(run: RunFolder) -> str:
    """What to do about a run that diverged."""
    checkpoints = run.checkpoints()
    kept = f"The last good checkpoint is {checkpoints[-1]}" if checkpoints else "There is no checkpoint yet"
    return f"{kept}. Start anew with a lower rate, e.g. --set discriminator_optimizer.learning_rate=1e-4."

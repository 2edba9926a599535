"""What a run writes down about itself: losses are kept on the device, and read once in a while."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from time import perf_counter
from typing import Any

import msgspec
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils import get_total_norm

from ganzoo.contracts import Terms
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import Diverged
from ganzoo.core.events import StepDone
from ganzoo.core.files import explained, write_text
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.moves import Moves
from ganzoo.training.processes import ALONE, Processes
from ganzoo.training.state import TrainState

if sys.platform != "win32":
    import resource


class Recorder:
    """The log of one run, its clock, and the watch for losses that are no longer finite.

    Several processes write down what they have seen together, and one does the writing.
    """

    def __init__(
        self, run: RunFolder, config: RunConfig, samples: int, step: int, processes: Processes = ALONE
    ) -> None:
        self.run = run
        self.config = config
        self.total = config.total_steps(samples)
        self.pending: list[tuple[int, Terms]] = []  # steps that were not looked at yet
        self.sums: dict[str, tuple[Tensor, int]] = {}  # of each term since the last line, and of how many steps
        self.started = self.last_time = perf_counter()
        self.since = self.last_step = step
        self.processes = processes
        if processes.leads:
            forget_after(run, step)

    def is_over(self, step: int) -> bool:
        """Whether the run has had its steps, or its minutes."""
        if self.config.minutes is not None:
            return perf_counter() - self.started >= 60 * self.config.minutes
        return step >= self.total

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out of the log's speed what is no training; the run's minutes go on."""
        begun = perf_counter()
        yield
        self.last_time += perf_counter() - begun

    def add(self, step: int, terms: Terms) -> None:
        """Keep one step's terms; reads nothing, so that the device need not wait."""
        self.pending.append((step, terms))

    def check(self) -> None:
        """Add up what was kept. Raises Diverged if any of it is NaN or infinite."""
        if self.pending and not torch.stack([v for _, terms in self.pending for v in terms.values()]).isfinite().all():
            bad = ((step, name) for step, terms in self.pending for name, v in terms.items() if not v.isfinite())
            step, name = next(bad)
            raise Diverged(f"{name} is no longer finite at step {step}. {advice(self.run)}")
        for name in dict.fromkeys(name for _, terms in self.pending for name in terms):
            values = torch.stack([terms[name] for _, terms in self.pending if name in terms])
            total, count = self.sums.get(name, (torch.zeros_like(values[0]), 0))
            self.sums[name] = (total + values.sum(), count + len(values))
        self.pending.clear()

    def log(self, state: TrainState, moves: Moves) -> StepDone:
        """One line of the log: means of all terms since the last line, and how both players stand after this step.

        All that is read from the device is read here. The largest logit is that of this process's samples.
        """
        self.check()
        (real, fake, value, apart), terms = self.seen(moves)
        now = perf_counter()
        updates = self.config.d_updates(state.step).start - self.config.d_updates(self.last_step).start
        networks = {"generator": state.players.generator, "discriminator": state.players.discriminator}
        optimizers = {"generator": state.generator_optimizer, "discriminator": state.discriminator_optimizer}
        event = StepDone(
            run=self.run.path,
            step=state.step,
            total=self.total,
            terms=terms,
            probability_real=real,
            probability_fake=fake,
            value=value,
            gradient_norms={player: gradient_norm(network) for player, network in networks.items()},
            learning_rates={player: float(rule.param_groups[0]["lr"]) for player, rule in optimizers.items()},
            largest_logit=torch.cat([moves.on_real, moves.on_fake]).abs().max().item(),
            spread=apart,
            memory=most_memory(moves.fake.device),
            samples_per_second=updates * self.config.batch_size / (now - self.last_time),
            seconds=now - self.started,
        )
        self.sums.clear()
        self.last_time, self.last_step = now, state.step
        if self.processes.leads:
            self.write(event)
        return event

    def seen(self, moves: Moves) -> tuple[list[float], dict[str, float]]:
        """D(x), D(G(z)), V and spread of the last step, and the terms since the last line; means over all processes."""
        value = -(softplus(-moves.on_real).mean() + softplus(moves.on_fake).mean())
        last = [moves.on_real.sigmoid().mean(), moves.on_fake.sigmoid().mean(), value, spread(moves.fake)]
        means = torch.stack(
            [each.double() for each in (*last, *(total / count for total, count in self.sums.values()))]
        )
        self.processes.average([means])
        found = means.tolist()
        return found[: len(last)], dict(zip(self.sums, found[len(last) :], strict=True))

    def write(self, event: StepDone) -> None:
        """Append one line to the log, with the step at which this part of the run began."""
        line = {key: value for key, value in asdict(event).items() if key not in ("run", "total")}
        line["since"] = self.since
        with explained(self.run.log_file), self.run.log_file.open("a", encoding="utf-8") as file:
            file.write(json_line(line))


def gradient_norm(network: nn.Module) -> float:
    """The L2 norm over all weights that have a gradient; it may be infinite or NaN."""
    return get_total_norm([weight.grad for weight in network.parameters() if weight.grad is not None]).item()


def spread(samples: Float[Tensor, "batch *sample"]) -> Float[Tensor, ""]:
    """How much samples differ: the standard deviation over the batch, as a mean over the numbers of a sample.

    Divided by N rather than by N - 1, so that one sample alone has the spread 0.
    """
    return samples.std(0, correction=0).mean()


def most_memory(device: torch.device) -> int:
    """Bytes: the most that torch has had on a GPU, or that this process has had; 0 on Windows, which does not say."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # macOS counts bytes, others kilobytes


def json_line(line: Mapping[str, Any]) -> str:
    """One line of the log, with `null` for a number that is infinite or NaN, which JSON does not have."""
    return msgspec.json.encode(line).decode() + "\n"


def forget_after(run: RunFolder, step: int) -> None:
    """Drop what was logged after `step`, which a run that goes on from there will log again."""
    write_text(run.log_file, "".join(json_line(line) for line in run.log() if line["step"] <= step))


def advice(run: RunFolder) -> str:
    """What to do about a run that diverged."""
    checkpoints = run.checkpoints()
    kept = f"The last good checkpoint is {checkpoints[-1]}" if checkpoints else "There is no checkpoint yet"
    return f"{kept}. Start anew with a lower rate, e.g. --set discriminator_optimizer.learning_rate=1e-4."

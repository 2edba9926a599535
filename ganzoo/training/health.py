"""The health watch: says in words when training has failed in one of the ways in which GANs are known to.

It looks at lines of the log and at nothing else, so a run that goes on finds what one without a break would have found.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from shlex import quote
from typing import Any

from ganzoo.catalog import Catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import Sick
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder

ENOUGH_TO_KNOW_SPREAD = 1000  # real samples
PATIENCE = 500  # steps on end, so that one odd batch, or a turn of the game that the other player answers, is no sign
SURE = 0.99  # D(x), and 1 - D(G(z)); then a minimax generator has less than 1/50 of its gradient at D = 1/2
LARGE_LOGIT = 30.0  # in size: a probability of 1 - 1e-13, which float32 takes for 1 from 17 on
NARROW = 1 / 20  # of the real data's spread; a generator that has lost half of the modes still keeps most of it
FIRST_SHAPE = 5000  # steps; many generators start out nearly constant, and slow ones stay so for a few thousand
NO_GRADIENT = 1e-6  # L2 norm; over 10,000 weights or more that is below Adam's epsilon, 1e-8, for each of them
MOST_REMEDIES = 3
NEEDED = {"largest_logit", "spread", "gradient_norms", "learning_rates"}  # in a line, which logs of old do not have

Line = Mapping[str, Any]  # of the log: a StepDone's fields, with None for what is not finite


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which a run is sick."""

    since: int  # generator updates done when it was first seen
    what: str  # one sentence, without its full stop
    remedies: tuple[str, ...]  # what to change, as `--set` takes it; the most promising first

    def __str__(self) -> str:
        return f"Since step {self.since:,} {self.what}. {self.advice()}"

    def advice(self) -> str:
        """What to do about it, in one sentence."""
        changes = [f"--set {quote(remedy)}" for remedy in self.remedies]
        return f"Start anew with {', or '.join(changes)}." if changes else "Start anew with other settings."


@dataclass(slots=True)
class Sign:
    """One thing to watch for, and what became of it: it is told once, and again after it was gone for as long."""

    seen: Callable[[Line], bool]
    tell: Callable[[Line, int], Finding]
    since: int | None = None  # the step from which it has been seen in every line
    last: int = 0  # the step where it was last seen
    told: bool = False

    def look(self, line: Line) -> Finding | None:
        """What there is to tell after this line, which comes after all that were looked at before."""
        step = line["step"]
        if not self.seen(line):
            self.since = None
            self.told = self.told and step - self.last < PATIENCE
            return None
        self.since, self.last = step if self.since is None else self.since, step
        if self.told or step - self.since < PATIENCE:
            return None
        self.told = True
        return self.tell(line, self.since)


class Health:
    """Watches one run."""

    def __init__(self, config: RunConfig, catalog: Catalog, real_spread: float, *, logits_are_scores: bool) -> None:
        """`real_spread` is `spread` of a batch of real samples; where logits are scores, their size means nothing."""
        self.config = config
        self.catalog = catalog
        self.real_spread = real_spread
        self.has_shape = False  # whether generated samples have been seen to vary
        self.caught_up = False  # with what was logged before the first event
        self.findings: list[Finding] = []
        self.signs = [Sign(self.is_narrow, self.tell_narrow), Sign(has_no_gradient, self.tell_no_gradient)]
        if not logits_are_scores:
            self.signs += [Sign(discriminator_has_won, self.tell_won), Sign(has_large_logits, self.tell_large_logits)]

    def look(self, event: StepDone) -> list[Finding]:
        """What is new to be told after this event, which comes after all that were looked at before."""
        self.catch_up(RunFolder(event.run), event.step)
        return self.read(asdict(event))

    def told(self, run: RunFolder) -> list[Finding]:
        """All that there was to tell of a run that has ended, from its first step on."""
        self.catch_up(run, None)
        return self.findings

    def catch_up(self, run: RunFolder, step: int | None) -> None:
        """At first, look at what was logged before `step`: a run that goes on is watched as if it had not stopped."""
        for line in [] if self.caught_up else run.log():
            if (step is None or line["step"] < step) and line.keys() >= NEEDED:
                self.read(line)
        self.caught_up = True

    def read(self, line: Line) -> list[Finding]:
        """What is new to be told after one line of the log."""
        new = [finding for sign in self.signs if (finding := sign.look(line))]
        self.findings += new
        return new

    def is_narrow(self, line: Line) -> bool:
        """Whether samples are nearly the same, though they have varied before, or have had the time to learn it."""
        narrow = is_below(line["spread"], NARROW * self.real_spread)
        self.has_shape = self.has_shape or not narrow
        return narrow and (self.has_shape or line["step"] >= FIRST_SHAPE)

    def tell_narrow(self, line: Line, since: int) -> Finding:
        share = line["spread"] / self.real_spread
        what = f"generated samples are nearly all the same: they vary {share:.2g} times as much as real ones"
        larger = [f"batch_size={2 * self.config.batch_size}"]
        return finding(since, what, self.slower("generator", line), self.penalised(), larger)

    def tell_no_gradient(self, line: Line, since: int) -> Finding:
        norm = line["gradient_norms"]["generator"]
        what = f"the generator learns nothing: the norm of its gradient is {norm:.1g}"
        dead = is_below(
            line["spread"], NARROW * self.real_spread
        )  # all units are off or full, so no verdict moves them
        own = self.slower("generator", line) if dead else []
        return finding(since, what, own, self.not_saturating(), *self.weaker_discriminator(line))

    def tell_won(self, line: Line, since: int) -> Finding:
        beliefs = f"D(x) {line['probability_real']:.3f}, D(G(z)) {line['probability_fake']:.3f}"
        what = f"the discriminator has won: it tells all generated samples from real ones ({beliefs})"
        return finding(since, what, self.not_saturating(), *self.weaker_discriminator(line))

    def tell_large_logits(self, line: Line, since: int) -> Finding:
        size = line["largest_logit"]
        reach = f"{size:.0f}" if size is not None and isfinite(size) else "infinity"
        what = f"the discriminator is surer than numbers can say: its logits reach {reach} in size"
        return finding(since, what, self.penalised(), self.slower("discriminator", line), self.narrower())

    def weaker_discriminator(self, line: Line) -> tuple[list[str], ...]:
        """All ways to hold the discriminator back."""
        return self.fewer_steps(), self.penalised(), self.slower("discriminator", line), self.narrower()

    def not_saturating(self) -> list[str]:
        """Goodfellow et al. (2014), arXiv:1406.2661, end of section 3."""
        helps = self.config.loss.name == "minimax" and "non-saturating" in self.catalog.losses.items
        return ["loss.name=non-saturating"] if helps else []

    def fewer_steps(self) -> list[str]:
        return ["d_steps=1"] if self.config.d_steps > 1 else []

    def penalised(self) -> list[str]:
        """R1, or ten times as much of it, unless the run has another. Mescheder et al. (2018), arXiv:1801.04406."""
        spec = self.catalog.regularizers.items.get("r1")
        usual = getattr(spec.options(), "gamma", None) if spec else None
        mixes = self.config.discriminator.options.get("norm") == "batch"  # beside which the penalty is refused
        if mixes or not isinstance(usual, int | float) or self.config.regularizers.keys() - {"r1"}:
            return []
        used = self.config.regularizers.get("r1", {}).get("gamma", 0)
        return [f"regularizers.r1.gamma={10 * used or usual:g}"]

    def slower(self, player: str, line: Line) -> list[str]:
        """A quarter of the rate that the player has now."""
        rate = line["learning_rates"][player]
        return [f"{player}_optimizer.learning_rate={rate / 4:.2g}"] if rate else []

    def narrower(self) -> list[str]:
        """Half of the width, of a discriminator that has one."""
        width = self.config.discriminator.options.get("width")
        return [f"discriminator.width={width // 2}"] if isinstance(width, int) and width > 1 else []


def is_below(value: float | None, limit: float) -> bool:
    """False for what is not finite, whether it comes from an event or from the log."""
    return value is not None and value < limit


def discriminator_has_won(line: Line) -> bool:
    real, fake = line["probability_real"], line["probability_fake"]
    return real is not None and real > SURE and is_below(fake, 1 - SURE)


def has_large_logits(line: Line) -> bool:
    return not is_below(line["largest_logit"], LARGE_LOGIT)


def has_no_gradient(line: Line) -> bool:
    return is_below(line["gradient_norms"]["generator"], NO_GRADIENT)


def finding(since: int, what: str, *remedies: Iterable[str]) -> Finding:
    """With the first few of all remedies."""
    found = [remedy for each in remedies for remedy in each]
    return Finding(since, what, tuple(found[:MOST_REMEDIES]))


def stopped(findings: Iterable[Finding], run: RunFolder, step: int) -> Sick:
    """What to raise where findings end a run that has saved all."""
    words = "".join(f"{each} " for each in findings)
    again = f"ganzoo train --resume {quote(str(run.path))}"
    return Sick(f"Stopped at step {step:,}; all is saved. {words}Or go on as it is: {again}")

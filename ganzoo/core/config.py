"""One run, completely described: what a recipe and the command line resolve to, and what `config.json` holds."""

from bisect import bisect_left
from dataclasses import dataclass, field
from math import ceil
from typing import Annotated, Any, Literal

from msgspec import Meta

from ganzoo.core.errors import BadSetting
from ganzoo.core.schedule import Schedule, Scheduled

Count = Annotated[int, Meta(ge=1)]
Fraction = Annotated[float, Meta(ge=0, lt=1)]
PrecisionName = Literal["auto", "fp32", "tf32", "bf16", "fp16"]

LENGTHS = ("steps", "epochs", "minutes")  # one of these settings ends a run
BOOKKEEPING = (  # settings that change no weight, or none by more than the rounding of sums
    *LENGTHS,
    "checkpoint_every",
    "keep_checkpoints",
    "samples_every",
    "log_every",
    "evaluate_every",
    "metrics",
    "best_by",
    "when_sick",
    "accumulate",
    "compile",
    "deterministic",
    "stream",
    "workers",
    "timeout",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A component by name, with every option resolved."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerConfig:
    """One player's optimizer; what its rule does not use is ignored."""

    name: Literal["adam", "sgd", "rmsprop"] = "adam"
    learning_rate: Scheduled = 2e-4
    betas: tuple[Fraction | Schedule, Fraction | Schedule] = (0.5, 0.999)  # adam
    momentum: Scheduled = 0.0  # sgd, rmsprop
    smoothing: Fraction = 0.99  # rmsprop: decay of the mean square
    weight_decay: Annotated[float, Meta(ge=0)] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Steps with more updates of the discriminator than the others have, as in Arjovsky et al. (2017)."""

    d_steps: Count = 100  # discriminator updates in each of them
    first: Annotated[int, Meta(ge=0)] = 25  # how many steps at the beginning of a run are such…
    every: Count = 500  # …and after them each whose number is a multiple of this

    def count(self, steps: int) -> int:
        """How many of the first `steps` steps are such."""
        beginning = min(steps, self.first)
        return beginning + ceil(steps / self.every) - ceil(beginning / self.every)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unroll:
    """How far the generator looks ahead. Metz et al. (2017), arXiv:1611.02163."""

    steps: Annotated[int, Meta(ge=1)] = 5  # updates of the discriminator, K
    learning_rate: Annotated[float, Meta(gt=0)] = 0.1  # of those, which are plain gradient steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of a run but its components. A step is one generator update."""

    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    batch_size: Count = 64
    d_steps: Count = 1  # discriminator updates for each generator update
    d_burst: Burst | None = None  # steps with more of them
    unroll: Unroll | None = None  # discriminator updates that the generator foresees
    updates: Literal["alternating", "simultaneous"] = "alternating"
    steps: Count | None = None
    epochs: Annotated[float, Meta(gt=0)] | None = None  # passes of the discriminator over the data
    minutes: Annotated[float, Meta(gt=0)] | None = None  # of training, counted anew when resumed
    ema_decay: Fraction | Schedule = 0.999  # of the generator's moving average; 0 = the generator itself
    mirror: bool = False  # whether each real picture is mirrored, left to right, with probability 1/2
    shift: Annotated[int, Meta(ge=0)] = 0  # pixels by which each real picture is moved at most, either way
    precision: PrecisionName = "auto"  # of the networks' passes
    compile: Literal["never", "if-possible", "always"] = "never"  # networks, with torch.compile
    deterministic: bool = False  # whether a GPU, too, computes the same bits in every run, more slowly
    accumulate: Count = 1  # passes in which each process computes its share of a batch, to save memory
    sync_batch_norm: bool = False  # whether batch norm's statistics are those of all processes
    stream: Literal["auto", "always", "never"] = "auto"  # data from disk or main memory, rather than all on the device
    workers: Annotated[int, Meta(ge=0)] = 2  # processes that read streamed data; 0 = none of their own
    timeout: Annotated[float, Meta(gt=0)] = 300.0  # seconds to wait for another process of the same run
    when_sick: Literal["warn", "stop"] = "warn"  # what to do when the health watch says that training has failed
    checkpoint_every: Count = 1000  # steps
    keep_checkpoints: Count = 3  # the newest ones, beside the best; older files are deleted
    samples_every: Count = 1000  # steps
    log_every: Count = 50  # steps
    evaluate_every: Annotated[int, Meta(ge=0)] = 0  # steps, after which a checkpoint is saved and judged; 0 = never
    metrics: tuple[str, ...] = ()  # that judge; () = a cheap one that fits the data
    best_by: str = ""  # the number that decides which checkpoint is the best; "" = the metrics' first that can
    generator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    discriminator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(Settings):
    """Everything that decides what a run computes."""

    recipe: str
    dataset: Choice
    latents: Choice
    generator: Choice
    discriminator: Choice
    loss: Choice
    regularizers: dict[str, dict[str, Any]] = field(default_factory=dict)  # name → options
    augmentations: dict[str, dict[str, Any]] = field(default_factory=dict)
    wrappers: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the discriminator, the inmost first
    data: str | None = None  # the user's own folder or file, absolute

    def total_steps(self, samples: int) -> int:
        """Generator updates in the whole run on a data set of that many samples; 0 = as many as `minutes` allow."""
        if self.steps is not None:
            return self.steps
        if self.epochs is not None:
            updates = round(self.epochs * samples / self.batch_size)
            return max(1, bisect_left(range(updates + 1), updates, key=lambda step: self.d_updates(step).start))
        return 0

    def d_updates(self, step: int) -> range:
        """The numbers of the discriminator's updates in a step, counted through the run."""

        def before(step: int) -> int:
            more = self.d_burst.count(step) * (self.d_burst.d_steps - self.d_steps) if self.d_burst else 0
            return step * self.d_steps + more

        return range(before(step), before(step + 1))


def check_length(settings: Settings) -> None:
    """Raise BadSetting unless exactly one of steps, epochs and minutes is set."""
    given = [name for name in LENGTHS if getattr(settings, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none of them"
        raise BadSetting(f"A run ends after steps, epochs or minutes; set one of the three, not {found}.")
